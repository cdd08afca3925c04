"""tlsd's way to https servers: a scripted rproxy asks, real TLS servers
answer."""

import hashlib
import os
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

from egress_client import (CONNECTED, OUTCOME, TARGET, UNKNOWN, connect, ends,
                           local_header, read_outcome, target)
from gateway import BUILD, IS_ROOT, RPROXY_USER
from processes import wait_for
from tls_server import TlsServer, openssl_console, openssl_server
from tlsd_egress import (BOTH, MIB, SITE, echoes, page, pool_p,
                         read_exactly)

# of a stalled connection; a sanitized build keeps what was freed for a while
STALLED_KIB = 4096 * (10 if "san" in BUILD.name else 1)


# a connection ---------------------------------------------------------------


@BOTH
def test_a_server_is_connected_to_and_named(egress, ca, inner, version):
    with TlsServer(inner, version=version) as server:
        where = f"localhost:{server.port}"
        e = egress(pool_p(ca, where, "tls_name = inner.example.com"))
        stream, outcome = e.ask("p", where)
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
        where = f"{host}:{server.port}"
        e = egress(pool_p(ca, where))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED
            assert echoes(stream)
        assert server.names == [None]  # RFC 6066: no address as a name


def test_the_servers_own_certificate_can_be_named_as_trusted(egress, ca,
                                                             inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(inner, where))
        assert e.outcome("p", where).code == CONNECTED


@BOTH
def test_the_newest_session_is_resumed(egress, ca, inner, version):
    with TlsServer(inner, version=version) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where))
        for _ in range(4):
            stream, outcome = e.ask("p", where)
            with stream:
                assert outcome.code == CONNECTED and echoes(stream)
        assert server.resumed == [False, True, True, True]
        assert e.t.metric("egress_resumed_total") == 3


def test_openssl_s_server_is_spoken_to(egress, ca, inner):
    with openssl_server(inner) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED
            assert b"TLSv1.3" in page(stream)


# what is not accepted -------------------------------------------------------


def test_what_is_not_configured_is_not_connected_to(egress, ca, inner):
    with TlsServer(inner) as server, TlsServer(inner) as other:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where))
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
        e = egress(pool_p(ca, f"127.0.0.1:{server.port}"))
        with connect(e.path) as stream:
            stream.sendall(bytes_)
            outcome = read_outcome(stream)
            assert outcome.code == UNKNOWN
            assert outcome.text.startswith("malformed request: ")


def test_a_request_may_come_byte_by_byte_and_nothing_behind_it(egress, ca,
                                                               inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where))
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
        e = egress(pool_p(ca, where))
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


# bytes ----------------------------------------------------------------------


def one_way(server_handler, egress, ca, inner, version=None):
    server = TlsServer(inner, server_handler, version=version)
    where = f"127.0.0.1:{server.port}"
    e = egress(pool_p(ca, where))
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


def test_a_server_that_asks_to_renegotiate_is_told_of(egress, ca, inner):
    """As IIS or Apache do for a part of the site that wants a certificate."""
    with openssl_console(inner, "-tls1_2") as (port, command):
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED
            stream.sendall(b"GET / HTTP/1.0\r\n\r\n")
            command(b"R")
            assert ends(stream) in ("closed", "reset")
        line = f"egress: site {SITE}, pool p, server {where}: "
        assert e.t.logs(line + "asked to renegotiate, which is refused: "
                        "if it wants a client certificate")
        assert e.t.logs(line + "failed after the handshake: "
                        "alert handshake_failure from the server")


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
        e = egress(pool_p(ca, where))
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
        e = egress(pool_p(ca, where), "drain_timeout = 30s\n")
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
        e = egress(pool_p(ca, where), "drain_timeout = 2s\n")
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
        e = egress(pool_p(ca, where))
        root = Path(f"/proc/{e.t.worker}/root")
        assert (os.listdir(root) == [e.t.gw.socket.name]) == is_small
        assert e.outcome("p", where).code == CONNECTED
