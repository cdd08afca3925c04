"""Expectations, and answers that come before the request is complete."""

import socket
import struct
import threading
import time

import pytest

from client import Connection, fetch
from processes import stands_still
from scripted import HEAD, leave, read_head


def test_expect_100_continue_comes_from_the_server(proxy, bad):
    with Connection(proxy.port) as c:
        c.send(b"POST /expect HTTP/1.1\r\nHost: localhost\r\n"
               b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert c.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert c.reader.readline() == b"\r\n"
        c.send(b"12345")
        assert c.read_response().text == "5"
    assert bad.last.get("Expect") == "100-continue"


def test_expectation_refused_by_the_server_needs_no_body(proxy):
    with Connection(proxy.port) as c:
        c.send(b"POST /early/417 HTTP/1.1\r\nHost: localhost\r\n"
               b"Expect: 100-continue\r\nContent-Length: 500000\r\n\r\n")
        answer = c.read_response()
        assert answer.status == 417
        assert answer.get("Connection") == "close"


def test_expectation_never_stalls(rproxy, backend):
    """A server that waits for the body, as HTTP/1.0 ones do."""
    def serve(link, _):
        data = read_head(link)
        while not data.endswith(b"12345"):
            data += link.recv(100) or leave()
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"0\r\n\r\n")
    rproxy.start(backend(serve))
    with Connection(rproxy.port) as c:
        begun = time.monotonic()
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               b"Content-Length: 5\r\nConnection: close\r\n\r\n")
        assert c.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert 0.8 < time.monotonic() - begun < 3
        assert c.reader.readline() == b"\r\n"
        c.send(b"12345")
        data = c.read_to_end()
    assert data.startswith(b"HTTP/1.1 200 ")  # the second 100 is not passed


def test_expectation_that_the_server_is_not_told_of_is_met_here(rproxy, bad):
    rproxy.start(bad.port, http="request_header_remove = Expect\n")
    with Connection(rproxy.port) as c:
        begun = time.monotonic()
        c.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               b"Content-Length: 5\r\nConnection: close\r\n\r\n")
        assert c.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert time.monotonic() - begun < 0.5
        assert c.reader.readline() == b"\r\n"
        c.send(b"12345")
        assert c.read_to_end().endswith(b"\r\n\r\n12345")
    assert bad.last.get("Expect") is None


def test_client_that_does_not_wait_for_100_is_not_kept_waiting(rproxy, bad):
    rproxy.start(bad.port)
    begun = time.monotonic()
    answer = fetch(rproxy.port, "/echo", method="POST", body=b"12345",
                   headers=[("Expect", "100-continue")])
    assert answer.text == "12345"
    assert time.monotonic() - begun < 0.9


def test_early_answer_may_take_its_time(rproxy, backend):
    """No 100 gets into it, and nobody waits for the body any more."""
    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"4\r\n\r\n")
        for _ in range(4):
            time.sleep(0.6)
            link.sendall(b"x")
        link.recv(1)
    rproxy.start(backend(serve), rproxy="body_timeout = 1s\n")
    with Connection(rproxy.port) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               b"Content-Length: 5\r\n\r\n")
        data = c.read_to_end()
    assert data.startswith(b"HTTP/1.1 200 ")
    assert data.endswith(b"\r\n\r\nxxxx")


def test_early_answer_is_logged_as_such(rproxy, bad):
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        c.send(b"POST /early/401 HTTP/1.1\r\nHost: a\r\n"
               b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
        answer = c.read_response()
    assert answer.status == 401
    entry = rproxy.entries(1)[0]
    assert entry["reason"] == "early_answer" and entry["status"] == 401
    assert "early_answer" in rproxy.log()


@pytest.mark.parametrize("how", ["early", "early_reset"])
@pytest.mark.parametrize("code", [401, 413])
@pytest.mark.parametrize("chunked", [False, True])
def test_early_answer_reaches_a_client_that_uploads(proxy, how, code,
                                                    chunked):
    block = b"u" * 65536
    framing = (b"Transfer-Encoding: chunked" if chunked
               else b"Content-Length: %d" % (len(block) * 1600))
    with Connection(proxy.port) as c:
        c.send(b"POST /%s/%d HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n"
               % (how.encode(), code, framing))

        def upload():
            try:
                for _ in range(1600):
                    c.send(b"10000\r\n%s\r\n" % block if chunked else block)
            except OSError:
                pass

        sender = threading.Thread(target=upload, daemon=True)
        sender.start()
        answer = c.read_response()
        assert answer.status == code
        assert answer.get("Connection") == "close"
        sender.join(10)
    assert "server_reset" not in proxy.reasons()


def test_early_answer_waits_for_a_slow_client_that_reads_it_last(rproxy,
                                                                 bad):
    """Such as a browser: it sends for longer than we wait in silence."""
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        c.send(b"POST /early_reset/413 HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Length: 70000\r\n\r\n")
        for _ in range(70):
            c.send(b"u" * 1000)
            time.sleep(0.1)
        assert c.read_response().status == 413


def test_next_request_survives_a_server_that_resets_during_the_last_bytes(
        rproxy, backend):
    """They come together, and the server takes neither: the request behind
    the body is the client's next one all the same, from its first byte."""
    has_head, may_answer, has_answered = (threading.Event() for _ in range(3))

    def serve(server, _):
        data = b""
        while not data.endswith(b"12345"):
            data += server.recv(4096)
        has_head.set()
        may_answer.wait(10)
        server.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n")
        server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
        server.close()
        has_answered.set()

    rproxy.start(backend(serve), http="root_redirect = /start")
    with Connection(rproxy.port) as c:
        c.send(b"POST /a HTTP/1.1\r\nHost: localhost\r\n"
               b"Content-Length: 10\r\n\r\n12345")
        assert has_head.wait(10)
        with stands_still(rproxy.worker()):
            c.send(b"67890GET / HTTP/1.1\r\nHo")
            may_answer.set()
            assert has_answered.wait(10)
        assert c.read_response().status == 401
        c.send(b"st: localhost\r\n\r\n")
        assert c.read_response().status == 302
