"""How connections through tlsd end: by clients, by rproxy, by time and by a
drain."""

import hashlib
import os
import select
import signal
import socket
import ssl
import time

import pytest

from processes import listens, wait_for
from tls_client import Truncated
from unix_backend import DRAINING, GENERATION

MIB = 1 << 20


# ends ---------------------------------------------------------------------


def test_close_notify_is_half_a_close_and_the_answer_arrives(tlsd, tls):
    def handler(sock, _header):
        data = b""
        while part := sock.recv(65536):
            data += part
        sock.sendall(hashlib.sha256(data).digest() + bytes(MIB))

    t = tlsd(handler)
    data = os.urandom(300000)
    with t.connect(tls) as c:
        c.send(data)
        c.say_goodbye()
        answer = c.read_all()
    assert answer == hashlib.sha256(data).digest() + bytes(MIB)


def test_a_backend_may_half_close_and_go_on_reading(tlsd, tls):
    got = []

    def handler(sock, _header):
        sock.recv(2)
        sock.sendall(b"last words")
        sock.shutdown(socket.SHUT_WR)
        data = b""
        while part := sock.recv(65536):
            data += part
        got.append(data)

    t = tlsd(handler)
    data = os.urandom(MIB)
    with t.connect(tls) as c:
        c.send(b"go")
        assert c.read_all() == b"last words"
        time.sleep(1.5)  # longer than the linger of a connection at its end
        c.send(data)
        c.say_goodbye()
        assert wait_for(lambda: got) == [data]


def observe_end(sock, _header, seen):
    sock.recv(100)
    assert sock.recv(100) == b""
    poll = select.poll()
    poll.register(sock, select.POLLIN | select.POLLRDHUP)
    seen.append(bool(poll.poll(500)[0][1] & select.POLLHUP))


@pytest.mark.parametrize("orderly", [True, False])
def test_the_backend_can_tell_an_orderly_end_from_a_cut(tlsd, tls, orderly):
    seen = []
    t = tlsd(lambda sock, header: observe_end(sock, header, seen))
    with t.connect(tls) as c:
        c.send(b"GET")
        time.sleep(0.2)
        if orderly:
            c.say_goodbye()
        else:
            c.vanish()
        # hung up: both directions are gone
        assert wait_for(lambda: seen) == [not orderly]


def test_the_end_of_the_backend_is_close_notify(tlsd, tls):
    def handler(sock, _header):
        sock.recv(100)
        sock.sendall(b"x" * 300000)
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(100):
            pass

    t = tlsd(handler)
    with t.connect(tls) as c:
        c.send(b"go")
        assert len(c.read_all()) == 300000


@pytest.mark.parametrize("end", ["shutdown", "close"])
def test_a_bare_close_of_the_backend_means_what_backend_end_says(
        tlsd, tls, end):
    def handler(sock, _header):
        sock.recv(100)
        sock.sendall(b"x" * 300000)

    t = tlsd(handler, tlsd=f"backend_end = {end}\n")
    with t.connect(tls) as c:
        c.send(b"go")
        if end == "close":
            assert len(c.read_all()) == 300000
        else:
            with pytest.raises(Truncated):
                c.read_all()


def test_an_answer_to_a_client_that_still_sends_is_not_lost(tlsd, tls):
    def handler(sock, _header):
        sock.recv(100)
        sock.sendall(b"413 too large")

    t = tlsd(handler)
    for _ in range(20):
        with t.connect(tls) as c:
            c.send(bytes(4000))
            stop = time.monotonic() + 0.2
            while time.monotonic() < stop:
                try:
                    c.send(bytes(16000))
                except OSError:
                    break
            got = b""
            try:
                while part := c.read():
                    got += part
            except Truncated:
                pass
            assert got == b"413 too large"


def test_a_backend_that_dies_gives_no_close_notify(tlsd, tls):
    def handler(sock, _header):
        sock.recv(1)
        sock.sendall(b"half an ans")  # with request bytes left unread

    t = tlsd(handler)
    with t.connect(tls) as c:
        c.send(b"a request that is never read")
        assert c.read_exactly(11) == b"half an ans"
        with pytest.raises(Truncated):
            c.read()


# time ---------------------------------------------------------------------


@pytest.mark.parametrize("sent", [0, 1, 5, 100])
def test_who_stops_in_the_handshake_is_cut_by_the_deadline(tlsd, sent):
    t = tlsd(tlsd="handshake_timeout = 1s\n")
    outgoing = ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(
        ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket.create_connection(("127.0.0.1", t.port), 10) as s:
        start = time.monotonic()
        s.sendall(outgoing.read()[:sent])
        assert s.recv(100) == b""
        assert 0.9 < time.monotonic() - start < 2
    assert t.logs(r"handshake failed: site -, client 127\.0\.0\.1:\d+: timeout")


def test_who_says_nothing_after_the_handshake_gets_an_orderly_end(tlsd, tls):
    t = tlsd(tlsd="handshake_timeout = 1s\n")
    with t.connect(tls) as c:
        assert c.read() == b""
    assert t.backend.headers == []


def test_an_idle_connection_ends_and_a_busy_one_does_not(tlsd, tls):
    t = tlsd(tlsd="idle_timeout = 1s\n")
    with t.connect(tls) as idle, t.connect(tls) as busy:
        idle.ask()
        start = time.monotonic()
        while time.monotonic() - start < 2.5:
            busy.ask()
            time.sleep(0.3)
        with pytest.raises(Truncated):
            idle.read()


def test_clients_wait_while_rproxy_is_away(tlsd, tls):
    t = tlsd(away=True)
    clients = [t.connect(tls) for _ in range(5)]
    for c in clients:
        c.send(b"hello")
    time.sleep(2)
    t.backend.start()
    for c in clients:
        assert c.read_exactly(5) == b"hello"
        c.vanish()
    assert len(t.log(r"rproxy cannot be reached")) == 1
    assert len(t.log(r"rproxy is back")) == 1


def test_clients_wait_no_longer_than_backend_wait(tlsd, tls):
    t = tlsd(away=True, tlsd="backend_wait = 1s\n")
    clients = [t.connect(tls) for _ in range(5)]
    for c in clients:
        c.send(b"hello")
    start = time.monotonic()
    for c in clients:
        with pytest.raises(Truncated):
            c.read()
    assert 0.8 < time.monotonic() - start < 2
    assert len(t.log(r"rproxy cannot be reached")) == 1
    assert len(t.log(r"clients are being closed")) == 1
    t.backend.start()
    with t.connect(tls) as c:
        assert c.ask() == b"hello"
    assert t.logs(r"rproxy is back after \d+ ms; 5 clients were closed")


# leaving ------------------------------------------------------------------


def test_a_drain_is_told_to_rproxy_and_waits_for_the_last_client(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        t.gw.tlsd.send(signal.SIGTERM)
        assert wait_for(lambda: len(t.backend.headers) == 2)
        local = t.backend.headers[1]
        assert local.command == "LOCAL"
        assert local.one(GENERATION) == (1).to_bytes(4, "big")
        assert local.one(DRAINING) == b""
        assert wait_for(lambda: not listens(t.port))
        time.sleep(0.5)
        assert c.ask() == b"hello"
        c.say_goodbye()
        assert t.gw.tlsd.process.wait(5) == 0


def test_drain_timeout_ends_who_does_not_leave(tlsd, tls):
    t = tlsd(tlsd="drain_timeout = 1s\n")
    with t.connect(tls) as c:
        c.ask()
        start = time.monotonic()
        t.gw.tlsd.send(signal.SIGTERM)
        assert t.gw.tlsd.process.wait(5) == 0
        assert 0.8 < time.monotonic() - start < 3
        with pytest.raises(Truncated):
            c.read()


def test_a_stop_does_not_wait(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        t.gw.tlsd.send(signal.SIGQUIT)
        assert t.gw.tlsd.process.wait(3) == 0
