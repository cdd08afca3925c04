"""tlsd alone: real TLS clients before it, a scripted backend behind it."""

import contextlib
import hashlib
import os
import socket
import ssl
import subprocess
import threading
import time

import pytest

from client import tls_context
from gateway import BUILD
from processes import wait_for
from unix_backend import (ALPN, AUTHORITY, CERT_CONN, CIPHER, GENERATION, LEAF,
                          LISTENER, UNIQUE_ID, VERSION)

MIB = 1 << 20
# memory of a sanitized build: it keeps what has been freed for a while
SANITIZER = 400 if "san" in BUILD.name else 1


# what a handshake gives, and what rproxy is told --------------------------


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_both_versions_are_spoken_and_announced(tlsd, ca, version):
    t = tlsd()
    only = ssl.TLSVersion[version.replace(".", "_")]
    context = tls_context(ca.cert, minimum=only, maximum=only)
    with t.connect(context) as c:
        assert c.ask() == b"hello"
        assert c.tls.version() == version
        header = t.backend.headers[0]
        assert header.one(VERSION) == version.encode()
        assert header.one(CIPHER).decode() == c.tls.cipher()[0]


@pytest.mark.parametrize("option", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client_is_served(tlsd, ca, option):
    t = tlsd()
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{t.port}", option,
         "-servername", "localhost", "-CAfile", ca.cert,
         "-verify_return_error", "-quiet", "-no_ign_eof"],
        input=b"hello from s_client\n" * 3, capture_output=True, timeout=20)
    assert b"Verification error" not in run.stderr
    assert t.backend.headers[0].one(AUTHORITY) == b"localhost"


def test_the_header_says_who_where_and_what(tlsd, ca):
    t = tlsd()
    context = tls_context(ca.cert)
    context.set_alpn_protocols(["http/1.1"])
    ids = set()
    for _ in range(3):
        with t.connect(context, name="portal.example.com") as c:
            assert c.ask() == b"hello"
            header = t.backend.headers[-1]
            assert header.command == "PROXY"
            assert header.source == c.address
            assert header.destination == ("127.0.0.1", t.port)
            assert header.one(AUTHORITY) == b"portal.example.com"
            assert header.one(ALPN) == b"http/1.1"
            assert header.one(LISTENER) == b"public"
            assert header.one(GENERATION) == (1).to_bytes(4, "big")
            assert header.client == 1 and header.verify != 0
            assert LEAF not in header.records
            ids.add(header.one(UNIQUE_ID))
    assert len(ids) == 3
    assert all(0 < len(i) <= 32 for i in ids)


def test_a_client_certificate_reaches_the_backend(tlsd, ca, user):
    t = tlsd(tls=f"client_verify = optional\nclient_ca = {ca.cert}")
    with t.connect(tls_context(ca.cert, cert=user)) as c:
        assert c.ask() == b"hello"
        header = t.backend.headers[0]
        leaf = ssl.PEM_cert_to_DER_cert(user.cert.read_text())
        assert header.client & CERT_CONN and header.verify == 0
        assert header.one(LEAF) == leaf


def test_nothing_is_opened_to_rproxy_before_the_first_bytes(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        time.sleep(0.3)
        assert t.backend.headers == []
        assert c.ask() == b"hello"
        assert len(t.backend.headers) == 1


def test_a_client_hello_may_come_byte_by_byte(tlsd, ca):
    t = tlsd()
    context = tls_context(ca.cert)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", t.port), 20) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        done = False
        while not done:
            try:
                client.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            for byte in outgoing.read():
                s.send(bytes([byte]))
            if not done:
                incoming.write(s.recv(1 << 16))
        assert client.version() == "TLSv1.3"


# bytes --------------------------------------------------------------------


def test_50_mib_come_back_whole(tlsd, tls):
    t = tlsd()
    block = os.urandom(MIB)
    sent, got = hashlib.sha256(), hashlib.sha256()
    left = 50 * MIB

    def blocks():
        for i in range(50):
            part = block[i:] + block[:i]
            sent.update(part)
            yield part

    def take(data):
        nonlocal left
        got.update(data)
        left -= len(data)
        return left == 0

    with t.connect(tls) as c:
        c.exchange(blocks(), take)
    assert got.digest() == sent.digest()


@pytest.mark.parametrize("size", [1, 100, 16383, 16384, 16385, 131072, 131073])
def test_every_size_of_write_comes_back(tlsd, tls, size):
    t = tlsd()
    data = os.urandom(size)
    with t.connect(tls) as c:
        assert c.ask(data) == data
        assert c.ask(data[::-1]) == data[::-1]


def flood(sock, _header):
    sock.recv(100)
    block = bytes(MIB)
    while True:
        sock.sendall(block)


def test_a_slow_reader_slows_the_writer_and_memory_stays(tlsd, tls):
    t = tlsd(flood)
    with t.connect(tls) as c:
        ask_first(c)
    before = t.rss_kib()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(t.connect(tls, receive_buffer=65536))
                   for _ in range(20)]
        for c in clients:
            c.send(b"go")
        time.sleep(2)
        grown = t.rss_kib() - before
        # at most the ciphertext of one scratch buffer each, and the object
        assert grown < 20 * 400 * SANITIZER, f"{grown} KiB for 20 clients"
        assert all(len(c.read_exactly(3 * MIB)) == 3 * MIB
                   for c in clients[:2])


def ask_first(client):
    client.send(b"go")
    client.read_exactly(1000)


def test_a_busy_connection_does_not_starve_others(tlsd, tls):
    def handler(sock, _header):
        if sock.recv(5) == b"flood":
            flood(sock, None)
        sock.sendall(b"ok")

    t = tlsd(handler)
    stop = threading.Event()

    def bulk():
        with t.connect(tls) as c:
            c.send(b"flood go")
            while not stop.is_set():
                c.read()

    threads = [threading.Thread(target=bulk) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(10):
            with t.connect(tls) as c:
                start = time.monotonic()
                c.send(b"quick")
                assert c.read_exactly(2) == b"ok"
                assert time.monotonic() - start < 2
    finally:
        stop.set()
        for thread in threads:
            thread.join()


# numbers ------------------------------------------------------------------


def test_connections_come_and_go_and_nothing_stays(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
    fds = wait_for(lambda: t.n_fds())
    assert wait_for(lambda: t.n_fds() <= fds)
    rss = None
    for wave in range(4):
        clients = [t.connect(tls) for _ in range(60)]
        for i, c in enumerate(clients):
            c.ask()
            if i % 3 == 0:
                c.say_goodbye()
            c.vanish()
        for _ in range(20):
            socket.create_connection(("127.0.0.1", t.port)).close()
        assert wait_for(lambda: t.n_fds() <= fds), (t.n_fds(), fds)
        if wave == 0:
            rss = t.rss_kib()
    assert t.rss_kib() - rss < 1024 * SANITIZER


def test_no_more_than_max_connections_are_let_in(tlsd, tls):
    t = tlsd(tlsd="max_connections = 3\nhandshake_timeout = 5s\n")
    clients = [t.connect(tls) for _ in range(3)]
    for c in clients:
        c.ask()
    with socket.create_connection(("127.0.0.1", t.port)) as waiting:
        waiting.settimeout(0.5)
        before = t.cpu_ticks()
        s = tls.wrap_socket(waiting, server_hostname="localhost",
                            do_handshake_on_connect=False)
        with pytest.raises(TimeoutError):
            s.do_handshake()
        assert t.cpu_ticks() - before <= 5, "it spins"
        s.close()
    clients.pop().vanish()
    with t.connect(tls) as c:
        assert c.ask() == b"hello"
    for c in clients:
        assert c.ask() == b"hello"
        c.vanish()


@pytest.mark.parametrize("limit, is_enough", [(2149, False), (2150, True)])
def test_a_limit_of_descriptors_below_max_connections_is_a_warning(
        tlsd, limit, is_enough):
    t = tlsd(command=["prlimit", f"--nofile={limit}"],
             tlsd="max_connections = 1000\n", workers=2)
    said = t.log(r"max_connections = 1000 takes 2150 descriptors and the "
                 r"limit is 2149: raise it")
    assert len(said) == (not is_enough)


def test_without_descriptors_it_rests_and_does_not_spin(tlsd, tls):
    t = tlsd(command=["prlimit", "--nofile=100:100"],
             tlsd="handshake_timeout = 20s\n")
    first = t.connect(tls)
    first.ask()
    raw = [socket.create_connection(("127.0.0.1", t.port)) for _ in range(120)]
    assert t.logs(r"cannot accept clients: Too many open files")
    before = t.cpu_ticks()
    time.sleep(1)
    assert t.cpu_ticks() - before <= 5, "it spins"
    assert first.ask() == b"hello"
    for s in raw[:60]:
        s.close()
    with t.connect(tls) as c:
        assert c.ask() == b"hello"
    for s in raw[60:]:
        s.close()
    first.vanish()
    # one line for an episode; closing clients one by one may bring another
    episodes = len(t.log(r"cannot accept clients"))
    assert 1 <= episodes <= 3
    assert len(t.log(r"clients are accepted again")) == episodes


def test_plain_http_is_told_apart_in_the_log(tlsd):
    t = tlsd()
    with socket.create_connection(("127.0.0.1", t.port), 5) as s:
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        while s.recv(1000):
            pass
    assert t.logs(r"handshake failed: .*: http_request")


def test_a_look_whether_we_are_there_is_counted_and_not_logged(tlsd):
    t = tlsd()
    for n, sent in enumerate([b"", b"", b"\x16"], 1):
        with socket.create_connection(("127.0.0.1", t.port), 5) as s:
            s.sendall(sent)
        assert t.reaches(n, "handshakes_failed_total", reason="disconnect")
    assert t.logs(r"handshake failed")
    assert len(t.log(r"handshake failed")) == 1


def test_a_client_that_does_not_trust_us_is_logged_as_such(tlsd):
    t = tlsd()
    with pytest.raises(ssl.SSLCertVerificationError):
        t.connect(ssl.create_default_context())
    assert t.logs(r"handshake failed: site localhost, client .*: unknown_ca "
                  r"\(alert from client\)")


# scheduling -----------------------------------------------------------------


def test_children_do_not_interrupt_each_other(tlsd):
    t = tlsd()
    assert {os.sched_getscheduler(pid) for pid in (t.worker, t.signer)} == {
        os.SCHED_BATCH}


def test_a_scheduling_policy_that_was_chosen_stays(tlsd):
    t = tlsd(command=["chrt", "--idle", "0"])
    assert {os.sched_getscheduler(pid) for pid in (t.worker, t.signer)} == {
        os.SCHED_IDLE}
