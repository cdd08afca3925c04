"""Memory per connection, with hundreds and thousands of them; rproxy(8) and
tlsd(8) state the figures that are checked here."""

import os
import re
import resource
import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from processes import wait_for
from tls_client import TlsClient

ROOT = Path(__file__).resolve().parents[2]
GET = b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n"
pytestmark = pytest.mark.skipif("asan" in os.environ.get("BUILD", ""),
                                reason="a sanitizer holds on to memory")


def stated(what, manual="rproxy/rproxy.8"):
    """KiB in the manual: ".It what" ... "N KiB"."""
    text = (ROOT / manual).read_text()
    text = text[text.index(".Ss Memory"):]
    match = re.search(rf"^\.It {re.escape(what)}\n(?:.*\n)*?.*?(\d+) KiB",
                      text, re.M)
    return int(match[1])


@pytest.fixture
def descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    if before[1] < 10000:
        pytest.skip("needs 10000 descriptors")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(4096)
        yield s.getsockname()[1]


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def growth_kib(daemon, make, first, count):
    """KiB for each of count connections that make() makes, after the first
    ones, which also make what all need.  daemon: RproxyAlone, TlsdAlone."""
    held = [make() for _ in range(first)]
    before = settled(daemon)
    held += [make() for _ in range(count)]
    after = settled(daemon)
    for s in held:
        s.close()
    return (after - before) / count


def settled(daemon):
    sizes = [0, daemon.rss_kib()]

    def is_still():
        sizes.append(daemon.rss_kib())
        return sizes[-1] == sizes[-2] == sizes[-3]
    wait_for(is_still, 10, 0.1)
    return sizes[-1]


def test_idle_connection(rproxy, bad, descriptors):
    rproxy.start(bad.port)

    def idle():
        s = connect(rproxy.port)
        s.sendall(GET)
        assert s.recv(4096).startswith(b"HTTP/1.1 204 ")
        return s
    assert growth_kib(rproxy, idle, 300, 3000) < stated("idle")


def test_connection_that_waits_for_a_server(rproxy, silent, descriptors):
    rproxy.start(silent)

    def busy():
        s = connect(rproxy.port)
        s.sendall(GET)
        return s
    assert growth_kib(rproxy, busy, 200, 1500) < stated("busy")


def test_connection_with_a_large_header(rproxy, silent, descriptors):
    rproxy.start(silent)
    fields = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 590) for i in range(100))

    def busy():
        s = connect(rproxy.port)
        s.sendall(GET[:-2] + fields + b"\r\n")
        return s
    assert growth_kib(rproxy, busy, 50, 400) < stated("busy, with the "
                                                      "largest header")


def test_connection_that_does_not_read(rproxy, bad, descriptors):
    """Its server has megabytes for it."""
    rproxy.start(bad.port)

    def stalled():
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", rproxy.port))
        s.sendall(GET.replace(b"/status/204", b"/big/64"))
        return s
    assert growth_kib(rproxy, stalled, 50, 300) < stated("stalled")


def test_client_that_does_not_read_interim_responses(rproxy, backend):
    """Of many large ones, no more is held than of one."""
    def serve(link, _):
        link.recv(4096)
        for _ in range(15):
            link.sendall(b"HTTP/1.1 103 Early Hints\r\nLink: " +
                         b"x" * 1_000_000 + b"\r\n\r\n")
        link.recv(1)
    rproxy.start(backend(serve), rproxy="max_response_headers_size = 1m\n")

    def stalled():
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", rproxy.port))
        s.sendall(GET)
        return s
    assert growth_kib(rproxy, stalled, 1, 5) < 3 * 1024


def test_every_client_keeps_a_server_connection_of_its_own(rproxy, bad,
                                                           descriptors):
    """upstream_share = client: however many there are."""
    rproxy.start(bad.port, pool="upstream_share = client\n")
    before = bad.connections
    held = [connect(rproxy.port) for _ in range(700)]
    for _ in range(2):
        for s in held:
            s.sendall(GET)
            assert s.recv(4096).startswith(b"HTTP/1.1 204 ")
    assert bad.connections == before + 700
    for s in held:
        s.close()


def test_tunnel(rproxy, bad, descriptors):
    rproxy.start(bad.port, route="upgrade = websocket\n")

    def tunnel():
        s = connect(rproxy.port)
        s.sendall(b"GET /tunnel HTTP/1.1\r\nHost: a\r\n"
                  b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert b" 101 " in s.recv(4096)
        return s
    assert growth_kib(rproxy, tunnel, 50, 400) < stated("tunnel")


def stays_kib(daemon, make, count):
    """What is left of count connections some seconds after they have gone,
    and what they had taken."""
    make().close()
    before = settled(daemon)
    held = [make() for _ in range(count)]
    full = settled(daemon)
    for s in held:
        s.close()
    wait_for(lambda: daemon.rss_kib() - before < (full - before) / 4, 10)
    return daemon.rss_kib() - before, full - before


def test_a_crowd_gives_its_memory_back(rproxy, silent, descriptors):
    rproxy.start(silent)

    def busy():
        s = connect(rproxy.port)
        s.sendall(GET)
        # its end is a reset: an orderly one could mean "I still listen"
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                     struct.pack("ii", 1, 0))
        return s
    stays, taken = stays_kib(rproxy, busy, 2500)
    assert stays < taken / 4, f"{stays} of {taken} KiB"


# tlsd -----------------------------------------------------------------------

def answer(sock, _header):
    while sock.recv(4096):
        sock.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")


class Asked(TlsClient):
    def __init__(self, t, tls, **more):
        super().__init__(t.port, tls, **more)
        self.send(GET)
        self.read(4096)

    def close(self):
        self.socket.close()


def test_idle_tls_connection(tlsd, tls, descriptors):
    t = tlsd(answer)
    assert growth_kib(t, lambda: Asked(t, tls), 100, 600) < stated(
        "idle", "tlsd/tlsd.8")


def test_idle_tls_connections_that_came_at_once(tlsd, tls, descriptors):
    """What their handshakes took beside is given back while they stay."""
    t = tlsd(answer)
    held = [Asked(t, tls) for _ in range(100)]
    before = settled(t)
    with ThreadPoolExecutor(64) as pool:
        held += pool.map(lambda _: Asked(t, tls), range(600))
    most = 600 * stated("idle", "tlsd/tlsd.8")
    assert wait_for(lambda: t.rss_kib() - before < most, 5), \
        f"{t.rss_kib() - before} of {most} KiB"
    for c in held:
        c.close()


def test_tls_connection_that_does_not_read(tlsd, tls, descriptors):
    def flood(sock, _header):
        sock.recv(4096)
        while True:
            sock.sendall(bytes(65536))

    t = tlsd(flood)
    assert growth_kib(t, lambda: Asked(t, tls, receive_buffer=4096), 10,
                      60) < stated("stalled", "tlsd/tlsd.8")


def test_a_crowd_of_tls_clients_gives_its_memory_back(tlsd, tls, descriptors):
    t = tlsd(answer)
    stays, taken = stays_kib(t, lambda: Asked(t, tls), 1000)
    assert stays < taken / 4, f"{stays} of {taken} KiB"
