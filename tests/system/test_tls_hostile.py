"""Clients that send nonsense, stop, flood or knock too often: each ends, and
nothing of it stays."""

import contextlib
import os
import random
import re
import select
import signal
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from client import tls_context
from gateway import BUILD
from processes import wait_for

# memory of a sanitized build: it keeps what has been freed for a while
SANITIZER = 400 if "san" in BUILD.name else 1


class Script:
    """A handshake of which the test holds every byte."""

    def __init__(self, port, context):
        self.socket = socket.create_connection(("127.0.0.1", port), 20)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing,
                                    server_hostname="localhost")

    def flight(self):
        """What the client has to say next."""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    def listen(self):
        """Everything that the server says now."""
        data = b""
        while select.select([self.socket], [], [], 0.1)[0]:
            part = self.socket.recv(65536)
            if not part:
                break
            data += part
        self.incoming.write(data)
        return data


def client_hello():
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), outgoing,
                              server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def records(handshake, size):
    """The same handshake message in records of so many bytes."""
    body = handshake[5:]
    return b"".join(
        b"\x16\x03\x01" + struct.pack("!H", len(part)) + part
        for part in (body[i:i + size] for i in range(0, len(body), size)))


def what_comes(port, data, wait_s=0.3):
    """What the server says to data, until it closes or is silent."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), 10) as s:
        try:
            s.sendall(data)
            while select.select([s], [], [], wait_s)[0]:
                part = s.recv(65536)
                if not part:
                    break
                said += part
        except OSError:
            pass
    return said


def assert_unharmed(t, worker, tls):
    assert t.worker == worker, "the worker has died"
    with t.connect(tls) as c:
        assert c.ask() == b"hello"
    assert wait_for(lambda: t.metric("connections") == 0, 5)


# nonsense -------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_a_client_hello_may_come_in_records_of_any_size(tlsd, size):
    t = tlsd()
    said = what_comes(t.port, records(client_hello(), size))
    assert said[:1] == b"\x16" and said[5] == 2  # a ServerHello


def test_data_may_come_in_records_of_any_size(tlsd, tls):
    t = tlsd()
    sizes = [*range(1, 130), 255, 256, 257, 1400, 4096, 16383, 16384]
    data = os.urandom(16384)
    with t.connect(tls) as c:
        for size in sizes:
            assert c.ask(data[:size]) == data[:size]
        for size in sizes:
            c.send(data[:size])
        assert c.read_exactly(sum(sizes)) == b"".join(
            data[:size] for size in sizes)


ALERT = b"\x15\x03\x01\x00\x02"
FIRST = {
    "an alert": ALERT + b"\x02\x28",
    "a warning": ALERT + b"\x01\x5a",
    "close_notify": ALERT + b"\x01\x00",
    "many warnings": (ALERT + b"\x01\x5a") * 50,
    "an alert of one byte": b"\x15\x03\x01\x00\x01\x02",
    "data": b"\x17\x03\x03\x00\x05hello",
    "a change of ciphers": b"\x14\x03\x03\x00\x01\x01",
    "a heartbeat": b"\x18\x03\x01\x00\x03\x01\x40\x00",
    "an unknown record": b"\x63\x03\x01\x00\x01x",
    "a record too long": b"\x16\x03\x01\xff\xff" + bytes(20000),
    "empty records": b"\x16\x03\x01\x00\x00" * 100,
    "SSL 2": b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + bytes(37),
    "SSL 3": b"\x16\x03\x00\x00\x2f\x01\x00\x00\x2b\x03\x00" + bytes(41),
    "TLS 9": b"\x16\x09\x09\x00\x05\x01\x00\x00\x01\x00",
    "a hello of 16 MiB": b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + bytes(16380),
    "SSH": b"SSH-2.0-OpenSSH_9.2\r\n",
    "zeros": bytes(5000),
}


def test_nonsense_at_the_beginning_ends_the_connection(tlsd, tls):
    t = tlsd(tlsd="handshake_timeout = 2s\n")
    worker = t.worker
    for what, data in FIRST.items():
        said = what_comes(t.port, data)
        assert said == b"" or said[:1] == b"\x15", what
    assert_unharmed(t, worker, tls)
    # how else: the reasons are the alerts that were sent
    assert t.metric("handshakes_failed_total") >= len(FIRST) - 3


def test_a_client_hello_with_any_byte_changed_does_no_harm(tlsd, tls):
    t = tlsd()
    worker, hello = t.worker, client_hello()
    for i in range(len(hello)):
        bad = bytearray(hello)
        bad[i] ^= 1 << (i % 8)
        what_comes(t.port, bytes(bad), 0)
    assert_unharmed(t, worker, tls)


def test_a_client_hello_of_random_bytes_does_no_harm(tlsd, tls):
    t = tlsd()
    worker, hello, dice = t.worker, client_hello(), random.Random(3)
    for _ in range(300):
        bad = bytearray(hello)
        for _ in range(dice.randint(1, 30)):
            bad[dice.randrange(5, len(bad))] = dice.randrange(256)
        what_comes(t.port, bytes(bad), 0)
    assert_unharmed(t, worker, tls)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_an_alert_instead_of_any_flight_ends_the_handshake(tlsd, ca, tls,
                                                           version):
    t = tlsd()
    worker, only = t.worker, ssl.TLSVersion[version]
    context = tls_context(ca.cert, minimum=only, maximum=only)
    for instead_of in (1, 2):
        for alert in (b"\x02\x28", b"\x02\x2a", b"\x01\x00"):
            script = Script(t.port, context)
            for _ in range(instead_of - 1):
                script.socket.sendall(script.flight())
                script.listen()
            script.socket.sendall(ALERT + alert)
            script.listen()
            script.socket.close()
    assert_unharmed(t, worker, tls)
    assert t.metric("handshakes_failed_total") >= 4


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_a_changed_last_flight_is_refused(tlsd, ca, tls, version):
    t = tlsd()
    worker, only = t.worker, ssl.TLSVersion[version]
    context = tls_context(ca.cert, minimum=only, maximum=only)
    for place in (-1, -20, 8):
        script = Script(t.port, context)
        script.socket.sendall(script.flight())
        script.listen()
        flight = bytearray(script.flight())
        flight[place] ^= 1
        script.socket.sendall(flight)
        script.listen()
        script.socket.close()
    assert t.metric("handshakes_total") == 0
    assert_unharmed(t, worker, tls)


# clients that stop ------------------------------------------------------------


def stop_everywhere(port, context):
    """Connections that each stop at another place of a handshake."""
    stopped = []
    for flights in (0, 1):
        for part in (0, 1, 5, 6, 50, 0.5, -1, None):
            script = Script(port, context)
            for _ in range(flights):
                script.socket.sendall(script.flight())
                script.listen()
            data = script.flight()
            cut = int(len(data) * part) if isinstance(part, float) else part
            script.socket.sendall(data[:cut])
            stopped.append(script.socket)
    return stopped


def wait_for_end(s, until):
    s.settimeout(max(0.01, until - time.monotonic()))
    while s.recv(65536):
        pass


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_who_stops_at_any_step_is_cut_and_leaves_nothing(tlsd, ca, user, tls,
                                                         version):
    t = tlsd(tlsd="handshake_timeout = 2s\n",
             tls=f"client_verify = optional\nclient_ca = {ca.cert}")
    only = ssl.TLSVersion[version]
    context = tls_context(ca.cert, cert=user, minimum=only, maximum=only)
    with t.connect(tls) as c:
        c.ask()
    assert wait_for(lambda: t.metric("connections") == 0)
    fds, rss = t.n_fds(), None
    for _ in range(2):
        stopped = stop_everywhere(t.port, context)
        until = time.monotonic() + 5
        for s in stopped:
            with contextlib.suppress(ConnectionResetError):
                wait_for_end(s, until)
            s.close()
        assert wait_for(lambda: t.metric("connections") == 0)
        assert t.n_fds() == fds
        if rss:
            assert t.rss_kib() - rss < 512 * SANITIZER
        rss = t.rss_kib()
    assert t.metric("handshakes_failed_total", reason="timeout") >= 20


@contextlib.contextmanager
def held(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_who_sends_much_during_the_handshake_gets_little_memory(tlsd, tls):
    t, n = tlsd(), 100
    with t.connect(tls) as c:
        c.ask()
    rss = t.rss_kib()
    with held(t.signer):
        clients = [socket.create_connection(("127.0.0.1", t.port))
                   for _ in range(n)]
        for s in clients:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                s.send(client_hello() + b"\x17\x03\x03\x40\0" +
                       bytes(1 << 18))
        assert t.reaches(n, "connections", state="handshake")
        time.sleep(0.5)
        assert (t.rss_kib() - rss) / n < 100 * SANITIZER
    for s in clients:
        s.close()


# limits -------------------------------------------------------------------------


def test_an_address_has_no_more_than_its_share(tlsd, tls):
    t = tlsd(tlsd="max_connections_per_address = 3\n")
    clients = [t.connect(tls) for _ in range(3)]
    with pytest.raises((OSError, EOFError)):
        t.connect(tls)
    assert t.reaches(1, "connections_refused_total",
                     reason="max_connections_per_address")
    assert t.logs(r"connection refused: client 127\.0\.0\.1:\d+: "
                  r"max_connections_per_address")
    clients.pop().vanish()
    assert wait_for(lambda: t.metric("connections") == 2)
    with t.connect(tls) as c:
        assert c.ask() == b"hello"
    for c in clients:
        assert c.ask() == b"hello"
        c.vanish()


def test_silent_clients_crowd_out_each_other_and_nobody_else(tlsd, tls):
    t = tlsd(tlsd="max_handshakes = 5\nhandshake_timeout = 20s\n")
    with t.connect(tls) as established:
        established.ask()
        silent = [socket.create_connection(("127.0.0.1", t.port))
                  for _ in range(30)]
        start = time.monotonic()
        with t.connect(tls) as c:
            assert c.ask() == b"hello"
        assert time.monotonic() - start < 2
        assert established.ask() == b"hello"
        assert t.reaches(26, "handshakes_failed_total", reason="crowded_out")
        assert t.metric("connections", state="handshake") == 4
        for s in silent:
            s.close()


def test_who_is_silent_after_the_first_word_is_crowded_out_too(tlsd, tls):
    t = tlsd(tlsd="max_handshakes = 5\nhandshake_timeout = 20s\n")
    silent = [socket.create_connection(("127.0.0.1", t.port))
              for _ in range(10)]
    for s in silent:
        s.sendall(client_hello())
    start = time.monotonic()
    with t.connect(tls) as c:
        assert c.ask() == b"hello"
    assert time.monotonic() - start < 10
    assert t.metric("handshakes_failed_total", reason="crowded_out") >= 6
    for s in silent:
        s.close()


def shake_hands_from_afar(port, context):
    """A handshake whose answers are a tenth of a second on their way."""
    script = Script(port, context)
    with script.socket:
        script.socket.sendall(script.flight())
        script.incoming.write(script.socket.recv(65536))
        time.sleep(0.1)
        script.socket.sendall(script.flight())
        script.tls.write(b"hello")
        script.socket.sendall(script.outgoing.read())
        return script.socket.recv(65536) != b""


def test_a_rush_of_honest_clients_waits_and_nobody_is_ended(tlsd, tls):
    """After an outage all come back at once: more than may shake hands."""
    t = tlsd(tlsd="max_handshakes = 5\n")
    with ThreadPoolExecutor(50) as pool:
        served = list(pool.map(
            lambda _: shake_hands_from_afar(t.port, tls), range(50)))
    assert all(served)
    assert t.metric("handshakes_failed_total") == 0
    assert t.metric("accept_pauses_total", reason="max_handshakes") > 0


def test_a_burst_of_failures_does_not_fill_the_log(tlsd):
    t = tlsd()
    for _ in range(100):
        what_comes(t.port, b"GET / HTTP/1.1\r\n\r\n", 0.5)
    assert t.logs(r"\d+ more handshakes that failed are not shown")
    shown = len(t.log(r"handshake failed:"))
    hidden = sum(map(int, t.log(r"(\d+) more handshakes that failed")))
    assert shown + hidden == 100
    assert shown <= 60
    assert t.metric("handshakes_failed_total", reason="http_request") == 100


def test_truncation_is_counted_and_a_quiet_end_is_not(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        c.say_goodbye()
        assert c.read() == b""
    t.connect(tls).vanish()  # asked nothing: nothing is cut short
    assert wait_for(lambda: t.metric("connections") == 0)
    assert t.metric("connections_truncated_total") == 0
    with t.connect(tls) as c:
        c.ask()
    assert t.reaches(1, "connections_truncated_total")
    assert t.metric("handshakes_total") == 3
    assert t.metric("handshakes_failed_total") == 0


def test_states_and_bytes_are_visible(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as talking, t.connect(tls):
        talking.ask(b"x" * 1000)
        with socket.create_connection(("127.0.0.1", t.port)):
            assert t.reaches(1, "connections", state="handshake")
            assert t.metric("connections", state="relay") == 1
            assert t.metric("connections", state="silent") == 1
    assert wait_for(lambda: t.metric("connections") == 0)
    assert t.metric("bytes_total", direction="up") == 1000
    assert t.metric("bytes_total", direction="down") == 1000
    assert t.metric("signatures_total") == 2
    assert t.metric("signer_requests_total", result="signed") == 2
    assert t.metric("signer_busy_microseconds_total") > 0
    text = t.ask_admin("/metrics")
    assert len(re.findall(r"^# TYPE tlsd_connections gauge", text, re.M)) == 1
