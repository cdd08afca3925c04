"""tlsd's way to https servers: a scripted rproxy asks, real TLS servers
answer."""

import hashlib
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ca import Authority
from conftest import site_text
from egress_client import (CERTIFICATE, CONNECTED, CONNECT_FAILED, HANDSHAKE,
                           OUTCOME, REFUSED, SHORT, TARGET, TIMEOUT, UNKNOWN,
                           ask, connect, ends, local_header, read_outcome,
                           target)
from gateway import BUILD, IS_ROOT, RPROXY_USER
from processes import free_port, silent_address, wait_for
from test_keys import KINDS, found_in, memory_test, secrets
from tls_server import TlsServer, openssl_server

SITE = "localhost"
MIB = 1 << 20
# of a stalled connection; a sanitized build keeps what was freed for a while
STALLED_KIB = 4096 * (10 if "san" in BUILD.name else 1)
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH = pytest.mark.parametrize("version", [V12, V13], ids=["1.2", "1.3"])


def pool(name, *lines):
    return f"[pool {name}]\n" + "".join(f"{line}\n" for line in lines)


class Egress:
    """A tlsd alone with an egress socket, and what rproxy would ask."""

    def __init__(self, tlsd, pair, text, lines="", **more):
        def prepare(gw):
            (gw.dir / "out").mkdir()
            self.path = gw.dir / "out" / "egress.sock"

        self.t = tlsd(site=site_text(pair, 1, more=text),
                      prepare=prepare,
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


@pytest.fixture
def egress(tlsd, pair):
    def make(text, lines="", **more):
        return Egress(tlsd, pair, text, lines, **more)
    return make


@pytest.fixture(scope="module")
def inner(ca):
    """What the servers behind have."""
    return ca.issue("inner", ["inner.example.com", "localhost", "127.0.0.1",
                              "::1"])


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


# a connection ---------------------------------------------------------------


@BOTH
def test_a_server_is_connected_to_and_named(egress, ca, inner, version):
    with TlsServer(inner, version=version) as server:
        e = egress(pool("p", f"server = https://localhost:{server.port}",
                        f"tls_ca = {ca.cert}",
                        "tls_name = inner.example.com"))
        stream, outcome = e.ask("p", f"localhost:{server.port}")
        with stream:
            assert outcome.code == CONNECTED
            assert outcome.version == version.name.replace("_", ".")
            assert outcome.cipher.startswith(("TLS_", "ECDHE-"))
            assert echoes(stream)
            assert server.names == ["inner.example.com"]
            assert e.t.metric("egress_connections") == 1
        assert e.t.reaches(0, "egress_connections")
        assert e.t.metric("egress_connects_total", outcome="connected") == 1
        assert e.t.metric("egress_bytes_total", direction="up") == 5


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_an_address_is_looked_for_in_the_certificate(egress, ca, inner,
                                                     address):
    with TlsServer(inner, address=address) as server:
        host = f"[{address}]" if ":" in address else address
        e = egress(pool("p", f"server = https://{host}:{server.port}",
                        f"tls_ca = {ca.cert}"))
        stream, outcome = e.ask("p", f"{host}:{server.port}")
        with stream:
            assert outcome.code == CONNECTED
            assert echoes(stream)
        assert server.names == [None]  # RFC 6066: no address as a name


def test_the_servers_own_certificate_can_be_named_as_trusted(egress, ca,
                                                             inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {inner.cert}"))
        assert e.outcome("p", where).code == CONNECTED


@BOTH
def test_the_newest_session_is_resumed(egress, ca, inner, version):
    with TlsServer(inner, version=version) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        for _ in range(4):
            stream, outcome = e.ask("p", where)
            with stream:
                assert outcome.code == CONNECTED and echoes(stream)
        assert server.resumed == [False, True, True, True]
        assert e.t.metric("egress_resumed_total") == 3


def page(stream):
    stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = b""
    while part := stream.recv(65536):
        answer += part
    assert answer.startswith(b"HTTP/1.0 200 ok")
    return answer


def test_openssl_s_server_is_spoken_to(egress, ca, inner):
    with openssl_server(inner) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED
            assert b"TLSv1.3" in page(stream)


# a certificate of ours ------------------------------------------------------


def client_lines(pair):
    return f"tls_certificate = {pair.cert}", f"tls_key = {pair.key}"


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_the_signer_signs_for_the_client_certificate(egress, ca, inner,
                                                     version, kind):
    ours = ca.issue(f"egress-{kind}", cn=f"gateway {kind}", key=kind,
                    usage="clientAuth")
    with TlsServer(inner, ca=ca.cert, version=version) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED, outcome
            assert echoes(stream)
        assert server.peers == [f"gateway {kind}"]
        assert e.t.metric("signer_requests_total", result="signed") == 1


# tlsd gives memory back so long after so many handshakes
STORM, QUIET_S = 256, 0.5


def test_a_handshake_that_waits_for_the_signer_outlives_a_storm(egress, ca,
                                                                inner, tls):
    ours = ca.issue("egress-storm", cn="gateway", usage="clientAuth")
    with TlsServer(inner, ca=ca.cert) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        worker, signer = e.t.worker, e.t.signer
        for _ in range(STORM):
            e.t.connect(tls).socket.close()
        os.kill(signer, signal.SIGSTOP)
        try:
            stream = connect(e.path)
            stream.sendall(target(SITE, "p", where))
            time.sleep(3 * QUIET_S)
        finally:
            os.kill(signer, signal.SIGCONT)
        with stream:
            assert read_outcome(stream).code == CONNECTED
            assert echoes(stream)
        assert e.t.worker == worker


OPTION = {V12: "-tls1_2", V13: "-tls1_3"}


@BOTH
def test_a_server_that_wants_a_certificate_and_gets_none_is_told_of(
        egress, ca, inner, version):
    with openssl_server(inner, OPTION[version], "-CAfile", ca.cert,
                        "-Verify", 1) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        alert = {V12: "handshake_failure", V13: "certificate_required"}
        assert outcome.text == (
            f"alert {alert[version]} from the server; it asked for a client "
            "certificate and there is none (tls_certificate); from: "
            "CN=Throw-away test CA,O=tlsd and rproxy")
        assert e.t.logs(re.escape(f"egress: site {SITE}, pool p, server "
                                  f"{where}: handshake: alert "))


@BOTH
def test_a_server_that_refuses_our_certificate_is_told_of(
        egress, ca, inner, version, folder):
    other = Authority(folder / "other", "Another CA")
    ours = other.issue("foreign", cn="foreign", usage="clientAuth")
    with TlsServer(inner, ca=ca.cert, version=version) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        assert re.match(r"alert \w+ from the server; it asked for a client "
                        r"certificate and got that of tls_certificate",
                        outcome.text)


@BOTH
def test_a_server_that_cannot_use_our_kind_of_key_is_told_of(egress, ca, inner,
                                                             version):
    ours = ca.issue("egress-unfit", cn="gateway", key="ec",
                    usage="clientAuth")
    with openssl_server(inner, "-Verify", 3, "-verify_return_error", "-CAfile",
                        ca.cert, "-client_sigalgs", "rsa_pss_rsae_sha256",
                        OPTION[version]) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        assert ("; it asked for a client certificate and takes no signature "
                "that the keys of tls_certificate can make, so it got none; "
                "from: CN=Throw-away test CA") in outcome.text


def test_a_certificate_that_may_be_missing_is_no_fault(egress, ca, inner):
    with TlsServer(inner, ca=ca.cert, required=False) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED and echoes(stream)
        assert server.peers == [None]


def test_a_server_that_has_nothing_to_say_to_a_certificate_is_believed(
        egress, ca, inner):
    """No ticket, no alert: the request goes out a moment later."""
    ours = ca.issue("egress-silent", cn="gateway", usage="clientAuth")
    with openssl_server(inner, "-num_tickets", 0, "-CAfile", ca.cert,
                        "-Verify", 1) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        begin = time.monotonic()
        stream, outcome = e.ask("p", where)
        assert time.monotonic() - begin < 2
        with stream:
            assert outcome.code == CONNECTED
            assert b"gateway" in page(stream)


@pytest.fixture(scope="module")
def many_cas(ca):
    """A file of 60 more, with long names: 8 KiB of names."""
    parts = [ca.cert.read_text()]
    for i in range(60):
        other = Authority(ca.folder / f"many{i}", f"{i} " + "x" * 60)
        parts.append(other.cert.read_text())
    path = ca.folder / "many.pem"
    path.write_text("".join(parts))
    return path


@BOTH
def test_a_list_of_many_cas_is_signed_over_and_told_in_short(
        egress, ca, inner, version, many_cas):
    """In TLS 1.2 all of it is what the signer is asked to sign."""
    ours = ca.issue("egress-many", cn="gateway", usage="clientAuth")
    with openssl_server(inner, OPTION[version], "-CAfile", many_cas,
                        "-Verify", 1) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", *client_lines(ours)) +
                   pool("q", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED, outcome
            assert b"gateway" in page(stream)
        outcome = e.outcome("q", where)
        assert outcome.code == HANDSHAKE
        assert outcome.text.endswith(" or 58 more")


@memory_test
@pytest.mark.parametrize("kind", KINDS)
def test_the_clients_key_is_in_the_signer_only(egress, ca, inner, kind):
    ours = ca.issue(f"egress-{kind}", cn=f"gateway {kind}", key=kind,
                    usage="clientAuth")
    with TlsServer(inner, ca=ca.cert, version=V12) as old, \
            TlsServer(inner, ca=ca.cert, version=V13) as new:
        where = [f"127.0.0.1:{s.port}" for s in (old, new)]
        e = egress(pool("p", *(f"server = https://{w}" for w in where),
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        for each in where:
            stream, outcome = e.ask("p", each)
            with stream:
                assert outcome.code == CONNECTED and echoes(stream)
        forms = secrets(ours, kind)
        found = {role: found_in(pid, forms)
                 for pid, role in e.t.gw.roles().items()}
    assert {n for n in found.pop("tlsd: signer") if n != "base64"}
    assert set(found) == {"tlsd: master", "tlsd: worker"}
    assert not any(found.values())


# what is not accepted -------------------------------------------------------


def test_a_server_of_another_ca_is_refused(egress, ca, inner, folder):
    other = Authority(folder / "other", "Another CA")
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {other.cert}"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert outcome.text.startswith(
            "unable to get local issuer certificate: certificate of "
            "O=tlsd and rproxy,CN=inner.example.com, issued by "
            "CN=Throw-away test CA,O=tlsd and rproxy")
        # and the server hears why
        assert wait_for(lambda: server.faults)
        assert "unknown ca" in str(server.faults[0])
        assert e.t.metric("egress_connects_total", outcome="certificate") == 1


def test_without_tls_ca_the_systems_are_trusted_and_ours_is_not(egress, ca,
                                                                inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert "unable to get local issuer certificate" in outcome.text


@pytest.mark.parametrize("name, words", [
    ("other.example.com", "hostname mismatch"),
    ("127.0.0.9", "IP address mismatch")])
def test_a_certificate_for_another_name_is_refused(egress, ca, inner, name,
                                                   words):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", f"tls_name = {name}"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert outcome.text.lower().startswith(words.lower())
        assert outcome.text.endswith(f"; {name} was expected (tls_name)")


def test_a_common_name_counts_where_there_is_no_other(egress, ca):
    """As Java and Apache have it; the manual says so."""
    old = ca.issue("common-name", cn="old.example.com")
    with TlsServer(old) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", "tls_name = old.example.com"))
        assert e.outcome("p", where).code == CONNECTED


def test_an_expired_certificate_is_refused(egress, ca):
    old = ca.expired("inner-old", ["127.0.0.1"])
    with TlsServer(old) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert outcome.text.startswith("certificate has expired: ")


def test_a_name_with_control_characters_does_no_harm(egress, ca, folder):
    evil = ca.issue("inner-evil", ["127.0.0.1"],
                    cn="x\\n2026 error\\x1b[2J")
    with TlsServer(evil) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {evil.cert}", "tls_name = no.example.com"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert all(ord(c) >= 32 for c in outcome.text)


def test_what_is_not_configured_is_not_connected_to(egress, ca, inner):
    with TlsServer(inner) as server, TlsServer(inner) as other:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        for ask_for in (("p", f"127.0.0.1:{other.port}", SITE),
                        ("q", where, SITE), ("p", where, "127.0.0.1"),
                        ("origin", "127.0.0.1:1", SITE),
                        ("p", where + " ", SITE)):
            outcome = e.outcome(*ask_for)
            assert outcome.code == UNKNOWN
            assert "not in tlsd's configuration" in outcome.text
        assert e.outcome("p", where).code == CONNECTED
        assert not other.peers


@pytest.mark.parametrize("bytes_", [
    b"GET / HTTP/1.1\r\n\r\n", local_header(TARGET, b"a\0b"),
    local_header(OUTCOME, b"\0"), local_header(TARGET, b"\0" * 3000),
    target(SITE, "p", "x")[:12] + b"\x21\x00\x00\x00"])
def test_a_malformed_request_is_answered_and_ended(egress, ca, inner, bytes_):
    with TlsServer(inner) as server:
        e = egress(pool("p", f"server = https://127.0.0.1:{server.port}",
                        f"tls_ca = {ca.cert}"))
        with connect(e.path) as stream:
            stream.sendall(bytes_)
            outcome = read_outcome(stream)
            assert outcome.code == UNKNOWN
            assert outcome.text.startswith("malformed request: ")


def test_a_request_may_come_byte_by_byte_and_nothing_behind_it(egress, ca,
                                                               inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        with connect(e.path) as stream:
            for byte in target(SITE, "p", where):
                stream.send(bytes([byte]))
            assert read_outcome(stream).code == CONNECTED
        with connect(e.path) as stream:
            stream.sendall(target(SITE, "p", where) + b"GET")
            assert read_outcome(stream).code == UNKNOWN


@pytest.mark.skipif(not IS_ROOT, reason="only root may be somebody else")
def test_another_user_is_not_heard(egress, ca, inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        mode = os.stat(e.path)
        assert mode.st_mode & 0o777 == 0o600
        e.path.chmod(0o666)
        text = ("import socket, sys\n"
                "s = socket.socket(socket.AF_UNIX)\n"
                "s.connect(sys.argv[1])\n"
                "try:\n    sys.stdout.write(repr(s.recv(99)))\n"
                "except ConnectionResetError:\n    sys.stdout.write('reset')")
        for user, heard in (("daemon", False), (RPROXY_USER, True)):
            run = subprocess.Popen(
                ["setpriv", "--reuid", user, "--clear-groups", sys.executable,
                 "-c", text, e.path], stdout=subprocess.PIPE, text=True)
            if heard:
                time.sleep(0.5)
                assert run.poll() is None
                run.kill()
                run.wait()
            else:
                assert run.communicate(timeout=10)[0] in ("b''", "reset")
        assert e.t.logs(r"egress: user 1 \(process \d+\) may not connect, "
                        rf'only "{RPROXY_USER}" may \(egress_from\)')
        assert e.t.metric("egress_refused_peers_total") == 1


# servers that are not there -------------------------------------------------


def test_nobody_listens(egress, ca):
    where = f"127.0.0.1:{free_port()}"
    e = egress(pool("p", f"server = https://{where}", f"tls_ca = {ca.cert}"))
    outcome = e.outcome("p", where)
    assert outcome.code == REFUSED
    assert outcome.text == f"connect to {where}: Connection refused"


def two(ca, port, *lines):
    where = f"two.test:{port}"
    return where, pool("p", f"server = https://{where}",
                       f"tls_ca = {ca.cert}", "tls_name = inner.example.com",
                       *lines)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_each_address_of_a_name_is_tried(egress, ca, inner, two_addresses,
                                         address):
    with TlsServer(inner, address=address) as server:
        where, text = two(ca, server.port)
        e = egress(text, command=two_addresses)
        for _ in range(4):
            stream, outcome = e.ask("p", where)
            with stream:
                assert outcome.code == CONNECTED, outcome
                assert echoes(stream)


def test_a_name_is_given_up_when_none_of_its_addresses_answers(
        egress, ca, two_addresses):
    where, text = two(ca, free_port())
    e = egress(text, command=two_addresses)
    outcome = e.outcome("p", where)
    assert outcome.code == REFUSED
    assert re.fullmatch(r"connect to 127.0.0.\d:\d+: Connection refused; no "
                        "other address of two.test can be connected to",
                        outcome.text)


def test_a_silent_address_leaves_time_for_the_next(egress, ca, inner,
                                                   two_addresses):
    with (TlsServer(inner, address="127.0.0.2") as server,
          silent_address("127.0.0.1", server.port)):
        where, text = two(ca, server.port, "connect_timeout = 2s")
        e = egress(text, command=two_addresses)
        # at the same time: none takes another's turn
        streams = [connect(e.path) for _ in range(4)]
        for stream in streams:
            stream.sendall(target(SITE, "p", where))
        for stream in streams:
            with stream:
                assert read_outcome(stream).code == CONNECTED
                assert echoes(stream)


def test_all_addresses_share_connect_timeout(egress, ca, two_addresses):
    with (silent_address("127.0.0.1") as port,
          silent_address("127.0.0.2", port)):
        where, text = two(ca, port, "connect_timeout = 1s")
        e = egress(text, command=two_addresses)
        begin = time.monotonic()
        outcome = e.outcome("p", where)
        assert 0.9 < time.monotonic() - begin < 1.4
        assert outcome.code == TIMEOUT
        assert "no answer within connect_timeout; no other" in outcome.text


def test_rproxy_that_gives_up_ends_the_attempts_at_all_addresses(
        egress, ca, two_addresses):
    with (silent_address("127.0.0.1") as port,
          silent_address("127.0.0.2", port)):
        where, text = two(ca, port, "connect_timeout = 3s")
        e = egress(text, command=two_addresses)
        with connect(e.path) as stream:
            stream.sendall(target(SITE, "p", where))
            assert e.t.reaches(1, "egress_connections")
            time.sleep(2)  # it is at the second one
        assert e.t.reaches(0, "egress_connections")
        assert e.t.metric("egress_connects_total", outcome="abandoned") == 1


def test_a_name_that_nobody_knows(egress, ca):
    where = "no-such-host.invalid:8443"
    e = egress(pool("p", f"server = https://{where}", f"tls_ca = {ca.cert}"))
    outcome = e.outcome("p", where)
    assert outcome.code == CONNECT_FAILED
    assert "no-such-host.invalid cannot be resolved" in outcome.text


def test_a_name_is_looked_up_again_within_the_sandbox(egress, ca, inner):
    """After a refused connect, on a thread; the service goes on."""
    with TlsServer(inner) as server:
        where = [f"localhost:{port}" for port in (free_port(), server.port)]
        e = egress(pool("p", *(f"server = https://{w}" for w in where),
                        f"tls_ca = {ca.cert}"))
        assert e.outcome("p", where[0]).code == REFUSED
        threads = f"/proc/{e.t.worker}/task"
        assert wait_for(lambda: len(os.listdir(threads)) > 1, 3)
        time.sleep(0.5)
        assert e.outcome("p", where[1]).code == CONNECTED
        assert "server name" not in e.t.gw.tlsd.log_text()


def test_connect_timeout_covers_a_handshake_that_does_not_come(egress, ca):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}", "connect_timeout = 500ms"))
        begin = time.monotonic()
        outcome = e.outcome("p", where)
        assert 0.4 < time.monotonic() - begin < 3
        assert outcome.code == TIMEOUT
        assert outcome.text == (f"TLS handshake with {where}: not done "
                                "within connect_timeout")


def test_a_server_that_speaks_no_tls(egress, ca, backend):
    def plain(connection, _):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    where = f"127.0.0.1:{backend(plain)}"
    e = egress(pool("p", f"server = https://{where}", f"tls_ca = {ca.cert}"))
    outcome = e.outcome("p", where)
    assert outcome.code == HANDSHAKE
    assert outcome.text.startswith("wrong version number")


def test_a_server_that_closes_in_the_handshake(egress, ca, backend):
    where = f"127.0.0.1:{backend(lambda c, _: c.recv(4096))}"
    e = egress(pool("p", f"server = https://{where}", f"tls_ca = {ca.cert}"))
    outcome = e.outcome("p", where)
    assert outcome.code == HANDSHAKE
    assert outcome.text == "the server ended the connection"


def test_old_versions_are_not_spoken(egress, ca, inner):
    with openssl_server(inner, "-tls1_1", "-cipher",
                        "DEFAULT@SECLEVEL=0") as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        assert "protocol" in outcome.text


def test_above_the_limit_rproxy_is_told(egress, ca, inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"), "max_connections = 2\n")
        held = [e.ask("p", where) for _ in range(2)]
        assert [o.code for _, o in held] == [CONNECTED] * 2
        with connect(e.path) as stream:
            outcome = read_outcome(stream)
        assert outcome.code == SHORT and "max_connections" in outcome.text
        held.pop()[0].close()
        assert e.t.reaches(1, "egress_connections")
        assert e.outcome("p", where).code == CONNECTED
        held.pop()[0].close()


# bytes ----------------------------------------------------------------------


def one_way(server_handler, egress, ca, inner, version=None):
    server = TlsServer(inner, server_handler, version=version)
    where = f"127.0.0.1:{server.port}"
    e = egress(pool("p", f"server = https://{where}", f"tls_ca = {ca.cert}"))
    return server, e, where


@BOTH
def test_ten_mib_both_ways_at_once(egress, ca, inner, version):
    data = os.urandom(10 * MIB)
    server, e, where = one_way(None, egress, ca, inner, version)
    got = []

    def exchange(tls):
        writer = threading.Thread(target=tls.sendall, args=(data,))
        writer.start()
        got.append(read_exactly(tls, len(data)))
        writer.join()
        tls.recv(1)

    server.handler = exchange
    with server:
        stream, outcome = e.ask("p", where)
        assert outcome.code == CONNECTED
        with stream:
            writer = threading.Thread(target=stream.sendall, args=(data,))
            writer.start()
            back = read_exactly(stream, len(data))
            writer.join()
            assert wait_for(lambda: got)
    digest = hashlib.sha256(data).digest()
    assert hashlib.sha256(back).digest() == digest
    assert hashlib.sha256(got[0]).digest() == digest


def test_a_slow_reader_slows_its_writer_down_either_way(egress, ca, inner):
    taken = threading.Event()
    sent = []

    def flood(tls):
        tls.recv(1)
        tls.settimeout(1)
        try:
            while True:
                sent.append(tls.send(bytes(65536)))
        except TimeoutError:
            taken.set()

    server, e, where = one_way(flood, egress, ca, inner)
    with server:
        before = e.t.rss_kib()
        stream, outcome = e.ask("p", where)
        with stream:
            stream.sendall(b"x")
            assert taken.wait(30)
            assert sum(sent) < 16 * MIB
            assert e.t.rss_kib() - before < STALLED_KIB

    def sleep(tls):
        time.sleep(3)

    server, e, where = one_way(sleep, egress, ca, inner)
    with server:
        before = e.t.rss_kib()
        stream, outcome = e.ask("p", where)
        with stream:
            stream.settimeout(1)
            n = 0
            try:
                while True:
                    n += stream.send(bytes(65536))
            except TimeoutError:
                pass
            assert n < 16 * MIB
            assert e.t.rss_kib() - before < STALLED_KIB


# ends -----------------------------------------------------------------------


@BOTH
def test_close_notify_is_a_shutdown(egress, ca, inner, version):
    def answer(tls):
        tls.recv(5)
        tls.sendall(b"bye")
        tls.unwrap()

    server, e, where = one_way(answer, egress, ca, inner, version)
    with server:
        stream, _ = e.ask("p", where)
        with stream:
            stream.sendall(b"hello")
            assert read_exactly(stream, 3) == b"bye"
            assert ends(stream) == "shutdown"
        assert e.t.reaches(0, "egress_connections")
        assert e.t.metric("egress_truncated_total") == 0


@BOTH
def test_an_end_without_close_notify_is_no_orderly_one(egress, ca, inner,
                                                       version):
    def cut(tls):
        tls.recv(5)
        tls.sendall(b"by")
        socket.socket.shutdown(tls, socket.SHUT_RDWR)

    server, e, where = one_way(cut, egress, ca, inner, version)
    with server:
        stream, _ = e.ask("p", where)
        with stream:
            stream.sendall(b"hello")
            assert read_exactly(stream, 2) == b"by"
            assert ends(stream) in ("closed", "reset")
        assert e.t.metric("egress_truncated_total") == 1


def test_a_reset_is_no_orderly_end(egress, ca, inner):
    def reset(tls):
        tls.recv(5)
        tls.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                       struct.pack("ii", 1, 0))
        os.close(tls.detach())

    server, e, where = one_way(reset, egress, ca, inner)
    with server:
        stream, _ = e.ask("p", where)
        with stream:
            stream.sendall(b"hello")
            assert ends(stream) in ("closed", "reset")


def test_a_shutdown_of_rproxy_is_close_notify_and_a_close_is_not(egress, ca,
                                                                 inner):
    seen = []

    def watch(tls):
        try:
            while tls.recv(4096):
                pass
            seen.append("close_notify")
        except ssl.SSLEOFError:
            seen.append("cut")
        except OSError as error:
            seen.append(type(error).__name__)

    server, e, where = one_way(watch, egress, ca, inner)
    server.context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
    with server:
        stream, _ = e.ask("p", where)
        with stream:
            stream.sendall(b"hello")
            stream.shutdown(socket.SHUT_WR)
            assert wait_for(lambda: seen)
        assert e.t.reaches(0, "egress_connections")
        stream, _ = e.ask("p", where)
        stream.sendall(b"hello")
        stream.close()
        assert wait_for(lambda: len(seen) == 2)
        assert e.t.reaches(0, "egress_connections")
    assert seen[0] == "close_notify"
    assert seen[1] != "close_notify"


def test_a_server_that_takes_nothing_does_not_hold_what_rproxy_has_left(
        egress, ca, inner):
    release = threading.Event()

    server, e, where = one_way(lambda tls: release.wait(60), egress, ca,
                               inner)
    with server:
        stream, _ = e.ask("p", where)
        stream.settimeout(1)
        try:
            while True:
                stream.send(bytes(65536))
        except TimeoutError:
            pass
        stream.close()
        assert wait_for(lambda: e.t.metric("egress_connections") == 0, 10)
        release.set()


def test_rproxy_that_gives_up_ends_the_attempt(egress, ca):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        with connect(e.path) as stream:
            stream.sendall(target(SITE, "p", where))
            taken, _ = silent.accept()
            assert len(taken.recv(4096)) > 100  # the ClientHello
            assert e.t.metric("egress_connections") == 1
        assert e.t.reaches(0, "egress_connections")
        with taken:
            assert taken.recv(1) == b""
        assert e.t.metric("egress_connects_total", outcome="abandoned") == 1


# life -----------------------------------------------------------------------


def test_a_reload_keeps_what_is_open_and_new_ones_are_the_new_generations(
        egress, ca, inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"), "drain_timeout = 30s\n")
        stream, _ = e.ask("p", where)
        with stream:
            assert echoes(stream)
            e.t.reload()
            for _ in range(3):
                assert echoes(stream, os.urandom(100000))
                other, outcome = e.ask("p", where)
                with other:
                    assert outcome.code == CONNECTED and echoes(other)
            assert len(e.t.gw.pids("tlsd: worker")) == 2
        assert wait_for(lambda: len(e.t.gw.pids("tlsd: worker")) == 1)


def test_a_stop_waits_for_what_is_open_and_no_longer(egress, ca, inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"), "drain_timeout = 2s\n")
        stream, _ = e.ask("p", where)
        with stream:
            begin = time.monotonic()
            e.t.gw.tlsd.send(signal.SIGTERM)
            assert wait_for(
                lambda: e.t.gw.tlsd.process.poll() is not None, 8)
            assert 1.5 < time.monotonic() - begin < 6
            assert ends(stream) in ("closed", "reset")
        assert not e.path.exists()
        assert "drain_timeout: 1 connections are cut" in \
            e.t.gw.tlsd.log_text()


@pytest.mark.skipif(not IS_ROOT, reason="only root may change its root")
@pytest.mark.parametrize("host, is_small", [("127.0.0.1", True),
                                            ("localhost", False)])
def test_a_worker_keeps_its_root_directory_only_to_look_up_names(
        egress, ca, inner, host, is_small):
    with TlsServer(inner) as server:
        where = f"{host}:{server.port}"
        e = egress(pool("p", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        root = Path(f"/proc/{e.t.worker}/root")
        assert (os.listdir(root) == [e.t.gw.socket.name]) == is_small
        assert e.outcome("p", where).code == CONNECTED
