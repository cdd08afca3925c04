"""How long rproxy waits for clients and for servers."""

import contextlib
import socket
import threading
import time

from client import Connection, fetch, raw
from scripted import HEAD, leave, read_head


# clients ---------------------------------------------------------------------


def test_slow_head_gets_408(proxy):
    begun = time.monotonic()
    answer = raw(proxy.port, b"GET / HTTP/1.1\r\nHo")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert 0.9 < time.monotonic() - begun < 3


def test_slow_body_gets_408(proxy):
    answer = raw(proxy.port, b"POST /echo HTTP/1.1\r\nHost: a\r\n"
                 b"Content-Length: 10\r\n\r\n123")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_connection_that_says_nothing_is_closed_without_a_word(proxy):
    assert raw(proxy.port, b"") == b""


def test_idle_connection_is_closed_after_keepalive_timeout(proxy):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/echo").status == 200
        begun = time.monotonic()
        assert c.read_to_end() == b""
        assert 2.5 < time.monotonic() - begun < 5


# servers, and bodies on their way to them ------------------------------------


def took(rproxy, path, limits=(0.8, 2.2)):
    begun = time.monotonic()
    try:
        answer = fetch(rproxy.port, path)
        status = answer.status
    except (ConnectionError, OSError):
        status = None
    except Exception as cut:  # http.client.IncompleteRead
        assert "IncompleteRead" in repr(cut)
        status = None
    assert limits[0] < time.monotonic() - begun < limits[1]
    return status


def test_slow_sender_is_no_timeout_while_bytes_come(proxy):
    """6 bytes in 2.4 s, timeout is 1 s: silence is what counts."""
    assert fetch(proxy.port, "/slow_pieces").body == b"abcdef"


def test_first_byte_and_between_reads_have_times_of_their_own(rproxy, bad):
    rproxy.start(bad.port, http="timeout = 20s\n",
                 route="first_byte_timeout = 1s\nread_timeout = 1s\n")
    assert took(rproxy, "/silent") == 504
    assert took(rproxy, "/stall_body") is None
    assert [e["reason"] for e in rproxy.entries(2)] == \
        ["response_timeout", "read_timeout"]


def test_timeout_stands_for_both(rproxy, bad):
    rproxy.start(bad.port, http="timeout = 20s\n", route="timeout = 1s\n")
    assert took(rproxy, "/silent") == 504
    assert took(rproxy, "/stall_body") is None


def test_head_that_drips_does_not_gain_time(rproxy, backend):
    def serve(link, _):
        read_head(link)
        for i in range(40):
            link.sendall((b"HTTP/1.1 200 " + b"x" * 40)[i:i + 1])
            time.sleep(0.2)
    rproxy.start(backend(serve), http="first_byte_timeout = 1s\n")
    assert took(rproxy, "/") == 504


def test_interim_response_begins_the_time_anew(rproxy, backend):
    def serve(link, _):
        read_head(link)
        for _ in range(3):
            time.sleep(0.6)
            link.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.6)
        link.sendall(HEAD + b"2\r\n\r\nok")
    rproxy.start(backend(serve), http="first_byte_timeout = 1s\n")
    answer = raw(rproxy.port, b"GET / HTTP/1.1\r\nHost: a\r\n"
                 b"Connection: close\r\n\r\n")
    assert answer.count(b"102 Processing") == 3
    assert answer.endswith(b"\r\n\r\nok")


def test_server_may_say_for_long_that_it_works(rproxy, backend):
    """Sixteen at once, then one a second."""
    def serve(link, _):
        read_head(link)
        link.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 16)
        for _ in range(3):
            time.sleep(1.1)
            link.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        link.sendall(HEAD + b"2\r\n\r\nok")
    rproxy.start(backend(serve))
    answer = raw(rproxy.port, b"GET / HTTP/1.1\r\nHost: a\r\n"
                 b"Connection: close\r\n\r\n")
    assert answer.count(b"102 Processing") == 19
    assert answer.endswith(b"\r\n\r\nok")


def test_server_that_has_begun_its_answer_may_take_the_upload_slowly(
        rproxy, backend):
    """Silence is when nothing moves in either direction, and what comes at
    less than body_min_rate does not move."""
    def serve(link, _):
        data = read_head(link)
        link.sendall(HEAD + b"2\r\nConnection: close\r\n\r\na")
        while data.count(b"x") < 5000:
            data += link.recv(4096) or leave()
        link.sendall(b"b")
        link.recv(1)
    rproxy.start(backend(serve), rproxy="body_min_rate = 1000\n",
                 http="read_timeout = 1s\n")
    for bytes_each, answer in ((1000, b"ab"), (100, b"a")):
        with Connection(rproxy.port) as c:
            c.send(b"POST / HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 5000\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(5):
                    time.sleep(0.6)
                    c.send(b"x" * bytes_each)
            assert c.read_to_end().split(b"\r\n\r\n")[1:] == [answer]
    quick, slow = rproxy.entries(2)
    assert (quick["reason"], slow["reason"]) == ("ok", "read_timeout")
    assert slow["ms"] < 2500  # and not only when the client stopped


def test_server_that_does_not_take_the_upload_may_answer_slowly(rproxy,
                                                                backend):
    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"6\r\n\r\n")
        for _ in range(6):
            time.sleep(0.4)
            link.sendall(b"x")
        link.recv(1)
    rproxy.start(backend(serve), http="timeout = 1s\n")

    def upload(c):
        with contextlib.suppress(OSError):
            c.send(b"POST / HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 50000000\r\n\r\n" + bytes(50000000))
    with Connection(rproxy.port) as c:
        threading.Thread(target=upload, args=[c], daemon=True).start()
        assert c.read_response().text == "xxxxxx"


def test_body_must_keep_up_its_rate(rproxy, bad):
    """A byte now and then is no body."""
    rproxy.start(bad.port, rproxy="body_timeout = 1s\nbody_min_rate = 1000\n")
    with Connection(rproxy.port) as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n"
               b"\r\n")
        begun = time.monotonic()
        for _ in range(20):
            time.sleep(0.2)
            try:
                c.send(b"x")
            except OSError:
                break
        assert c.read_response().status == 408
        assert time.monotonic() - begun < 4.5
    assert rproxy.reason() == "body_too_slow"


def test_body_may_pause_after_it_was_quick(rproxy, bad):
    rproxy.start(bad.port, route="body_timeout = 1s\nbody_min_rate = 1000\n")
    with Connection(rproxy.port) as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n"
               b"\r\n")
        for _ in range(4):
            c.send(b"x" * 15000)
            time.sleep(0.7)
        assert c.read_response().body == b"x" * 60000


def test_slow_server_is_not_charged_to_the_clients_body(rproxy, backend):
    """It takes the body much later than body_timeout."""
    size = 8 << 20

    def serve(link, _):
        data = read_head(link)
        time.sleep(2.2)
        left = size - len(data.partition(b"\r\n\r\n")[2])
        while left > 0:
            left -= len(link.recv(1 << 16) or leave())
        link.sendall(HEAD + b"2\r\n\r\nok")
    rproxy.start(backend(serve), rproxy="body_timeout = 1s\n")
    answer = fetch(rproxy.port, "/", method="POST", body=b"x" * size)
    assert answer.text == "ok"


def test_connect_timeout(rproxy):
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        held = [socket.socket() for _ in range(4)]
        for s in held:
            s.setblocking(False)
            s.connect_ex(("127.0.0.1", port))
        rproxy.start(port, pool="connect_timeout = 1s\n")
        assert took(rproxy, "/", (0.8, 3)) == 504
        for s in held:
            s.close()
    assert rproxy.reason() == "connect_timeout"


def test_server_that_takes_nothing_gets_504(rproxy, backend):
    def serve(link, _):
        time.sleep(20)
    rproxy.start(backend(serve), http="timeout = 1s\n")
    with Connection(rproxy.port) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n"
               b"\r\n")
        sender = threading.Thread(
            target=lambda: ignore_errors(c.send, bytes(99999999)), daemon=True)
        sender.start()
        assert c.read_response().status == 504
    assert rproxy.reason() == "write_timeout"


def ignore_errors(do, *arguments):
    try:
        do(*arguments)
    except OSError:
        pass
