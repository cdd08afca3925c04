"""tlsd alone with an egress socket, and what rproxy asks there.

    e = egress(pool_p(ca, where))    see Egress; a fixture of conftest.py
    stream, outcome = e.ask("p", where)
"""

import ssl

import pytest

from egress_client import CONNECTED, ask, ends
from gateway import RPROXY_USER

SITE = "localhost"
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH = pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])
MIB = 1 << 20


def pool(name, *lines):
    return f"[pool {name}]\n" + "".join(f"{line}\n" for line in lines)


def pool_p(trusted, where, *lines):
    """The pool "p" of one server; trusted: an authority, or a certificate."""
    return pool("p", f"server = https://{where}",
                f"tls_ca = {trusted.cert}", *lines)


def client_lines(pair):
    return f"tls_certificate = {pair.cert}", f"tls_key = {pair.key}"


class Egress:
    """A tlsd alone with an egress socket, and what rproxy would ask."""

    def __init__(self, tlsd, site, lines, **more):
        def prepare(gw):
            (gw.dir / "out").mkdir()
            self.path = gw.dir / "out" / "egress.sock"

        self.t = tlsd(site=site, prepare=prepare,
                      tlsd="egress = out/egress.sock\n"
                           f"egress_from = {RPROXY_USER}\n" + lines, **more)

    def ask(self, name, server, site=SITE):
        return ask(self.path, site, name, server)

    def outcome(self, name, server, site=SITE):
        """Of a connection that is then over."""
        stream, outcome = self.ask(name, server, site)
        with stream:
            if outcome.code != CONNECTED:
                assert ends(stream) in ("closed", "reset")
        return outcome


def echoes(stream, data=b"hello"):
    stream.sendall(data)
    return read_exactly(stream, len(data)) == data


def read_exactly(stream, n):
    data = b""
    while len(data) < n:
        part = stream.recv(min(n - len(data), MIB))
        assert part, f"{len(data)} of {n} bytes"
        data += part
    return data


def page(stream):
    stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = b""
    while part := stream.recv(65536):
        answer += part
    assert answer.startswith(b"HTTP/1.0 200 ok")
    return answer
