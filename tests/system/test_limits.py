"""What a client may not send, and how much of anything it may have."""

import http.client
import os
import socket
import threading
import time

import pytest

from client import Connection, fetch, raw
from processes import free_port, wait_for
from scripted import HEAD, read_head


# what is refused -------------------------------------------------------------


@pytest.mark.parametrize("data, status, reason", [
    (b"GET / HTTP/1.1\r\n\r\n", 400, "bad_host"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, "bad_host"),
    (b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400, "bad_host"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400, "bad_field_name"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "both_lengths"),
    (b"GET /a/..;/b HTTP/1.1\r\nHost: a\r\n\r\n", 400, "ambiguous_path"),
    (b"GET /" + b"u" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414,
     "uri_too_long"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"h" * 70000 + b"\r\n\r\n", 431,
     "headers_too_large"),
    (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501, "method_refused"),
    (b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501,
     "method_refused"),
    (b"POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n"
     b"Content-Length: 1\r\n\r\n1", 417, "expectation"),
])
def test_bad_request_is_refused(proxy, bad, data, status, reason):
    with Connection(proxy.port) as c:
        c.send(data)
        answer = c.read_response()
    assert answer.status == status
    assert answer.get("Content-Type").startswith("text/html")
    proxy.expect_reason(reason)
    assert bad.requests == []


def test_connection_with_doubtful_framing_is_closed(proxy, bad):
    answer = raw(proxy.port, b"POST / HTTP/1.1\r\nHost: a\r\n"
                 b"Content-Length: 3\r\nContent-Length: 4\r\n\r\n"
                 b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"Connection: close" in answer
    assert bad.requests == []


def test_bad_chunk_ends_the_request_at_the_server_too(proxy, bad):
    answer = raw(proxy.port, b"POST /echo HTTP/1.1\r\nHost: a\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcX")
    assert answer.startswith(b"HTTP/1.1 400 ")
    proxy.expect_reason("bad_chunk")


def test_body_over_the_limit_is_refused_by_its_length(rproxy, bad):
    bad.requests.clear()
    rproxy.start(bad.port, route="max_body = 10k")
    answer = raw(rproxy.port, b"POST /sink HTTP/1.1\r\nHost: a\r\n"
                 b"Content-Length: 10241\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert bad.requests == []


def test_body_over_the_limit_is_refused_while_it_flows(rproxy, bad):
    rproxy.start(bad.port, route="max_body = 10k")
    answer = raw(rproxy.port, b"POST /echo HTTP/1.1\r\nHost: a\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n" +
                 b"400\r\n" + b"x" * 1024 + b"\r\n" +
                 (b"400\r\n" + b"x" * 1024 + b"\r\n") * 11)
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_client_that_goes_away_is_noted_and_forgotten(proxy, bad):
    with Connection(proxy.port) as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: a\r\n"
               b"Content-Length: 10\r\n\r\n123")
        wait_for(lambda: bad.requests, 2)
    proxy.expect_reason("client_gone")


# sizes ----------------------------------------------------------------------


@pytest.mark.parametrize("data, status", [
    (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"u" * 1010), 200),
    (b"GET /%s HTTP/1.1\r\nHost: a\r\n\r\n" % (b"u" * 1011), 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"v" * 295), 200),
    (b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"v" * 296), 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % (b"X: 1\r\n" * 9), 200),
    (b"GET / HTTP/1.1\r\nHost: a\r\n%s\r\n" % (b"X: 1\r\n" * 10), 431),
])
def test_sizes_of_a_request_to_the_byte(rproxy, bad, data, status):
    rproxy.start(bad.port, rproxy=(
        "max_request_line = 1k\nmax_field_size = 300\n"
        "max_headers = 10\nmax_headers_size = 1k\n"))
    with Connection(rproxy.port) as c:
        c.send(data)
        assert c.read_response().status == status


def test_all_fields_together_to_the_byte(rproxy, bad):
    rproxy.start(bad.port, rproxy="max_headers_size = 1k\n")
    for more, status in [(0, 200), (1, 431)]:
        value = b"v" * (1024 - len("Host: a\r\nX: \r\n") + more)
        with Connection(rproxy.port) as c:
            c.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + value + b"\r\n\r\n")
            assert c.read_response().status == status


def test_fields_that_we_add_do_not_count(rproxy, bad):
    ours = "".join(f"request_header = X-Ours-{i}: {'o' * 150}\n"
                   for i in range(40))
    rproxy.start(bad.port, rproxy="max_headers_size = 1k\nmax_headers = 10\n",
                 http=ours)
    value = "v" * 900
    assert fetch(rproxy.port, "/echo", headers=[("X", value)]).status == 200
    seen = bad.last
    assert seen.get("X") == value
    assert len(seen.head) > 7000
    assert seen.get("X-Ours-39") == "o" * 150


def test_large_cookies_of_single_sign_on_fit(rproxy, bad):
    """60 KiB by default: SAML, Kerberos, many cookies."""
    rproxy.start(bad.port)
    answer = fetch(rproxy.port, "/echo", headers=[
        ("Authorization", "Negotiate " + "A" * 40000),
        ("Cookie", "x=" + "c" * 20000)])
    assert answer.status == 200
    assert len(bad.last.get("Authorization")) == 40010


@pytest.mark.parametrize("more, status", [(0, 200), (1, 502)])
def test_size_of_a_response_header_to_the_byte(rproxy, backend, more,
                                               status):
    rest = len("Content-Length: 0\r\nX: \r\n")

    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"0\r\nX: " + b"v" * (2048 - rest + more) +
                     b"\r\n\r\n")
    rproxy.start(backend(serve), rproxy="max_response_headers_size = 2k\n")
    assert fetch(rproxy.port, "/").status == status
    assert rproxy.reason() == ("ok" if status == 200
                               else "response_too_large")


# memory ---------------------------------------------------------------------


@pytest.mark.deadline(180)
def test_slow_reader_of_200_mib_costs_no_memory(rproxy, bad):
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        c.send_request("GET", "/big/200")
        time.sleep(1)
        highest = rproxy.rss_kib()
        answer = http.client.HTTPResponse(c.reader)
        answer.begin()
        left = 200 << 20
        while left:
            data = answer.read(1 << 20)
            assert data
            left -= len(data)
            if left % (10 << 20) == 0:
                time.sleep(0.02)
                highest = max(highest, rproxy.rss_kib())
    assert highest < 24 * 1024


@pytest.mark.skipif("asan" in os.environ.get("BUILD", ""),
                    reason="a sanitizer holds on to memory")
def test_client_that_never_reads_is_cut(proxy):
    """send_timeout; nothing grows meanwhile."""
    with Connection(proxy.port) as c:
        before = proxy.rss_kib()
        for _ in range(100):
            c.send_request("GET", "/big/64")
        proxy.expect_reason("send_timeout")
        assert proxy.rss_kib() < before + 2048


@pytest.mark.skipif("asan" in os.environ.get("BUILD", ""),
                    reason="a sanitizer holds on to memory")
def test_idle_connections_hold_little(rproxy, bad):
    """What the first ones need for all is not counted."""
    rproxy.start(bad.port)
    held, sizes = [], []
    for count in (200, 800):
        for _ in range(count):
            c = Connection(rproxy.port)
            assert c.request("GET", "/echo").status == 200
            held.append(c)
        sizes.append(rproxy.rss_kib())
    for c in held:
        c.close()
    assert (sizes[1] - sizes[0]) * 1024 / 800 < 3072


def test_own_lack_of_descriptors_is_not_the_servers_fault(rproxy, backend):
    """503 in place of 502, and the server is not left alone for it."""
    let_go = threading.Event()

    def serve(link, _):
        read_head(link)
        let_go.wait(10)
        link.sendall(HEAD + b"2\r\n\r\nok")
    rproxy.start(backend(serve), command=["prlimit", "--nofile=64:64"])
    held = [Connection(rproxy.port) for _ in range(30)]
    for c in held:
        c.send_request("GET", "/")
    assert wait_for(lambda: "too_many" in rproxy.log(), 5)
    waiting = [Connection(rproxy.port) for _ in range(64)]
    assert wait_for(lambda: "clients wait" in rproxy.log(), 5)
    time.sleep(1)
    assert rproxy.log().count("Too many open files; clients wait") == 1
    for c in waiting:
        c.close()
    let_go.set()
    answers = {c.read_response().status for c in held}
    for c in held:
        c.close()
    assert answers == {200, 503}
    reasons = {e["reason"] for e in rproxy.entries(30)}
    assert reasons == {"ok", "too_many"}
    assert fetch(rproxy.port, "/").status == 200


# clients that only send -----------------------------------------------------


def test_pipeline_that_is_never_read_stops_being_read(rproxy, bad):
    rproxy.start(bad.port)
    one = b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 1000 + b"\r\n\r\n"
    with Connection(rproxy.port) as c:
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        c.socket.settimeout(1)
        before = rproxy.rss_kib()
        sent = 0
        try:
            while sent < 200 << 20:
                c.send(one * 64)
                sent += 64 * len(one)
        except (TimeoutError, socket.timeout):
            pass
        assert sent < 64 << 20
        assert rproxy.rss_kib() < before + 2048 or \
            "asan" in os.environ.get("BUILD", "")


def test_client_that_sends_and_does_not_read_costs_no_time(rproxy, folder):
    """Its answer waits, and what it sends then has nowhere to go."""
    (folder / "down.html").write_text("x" * 250_000)
    rproxy.start(free_port(), http="error_page = 502 down.html\n")
    requests = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 60
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", rproxy.port))
        s.sendall(requests)
        time.sleep(1)
        s.sendall(requests)
        before = rproxy.cpu_s()
        time.sleep(1.5)
        assert rproxy.cpu_s() - before < 0.5


def test_readers_of_other_connections_are_not_held_up(rproxy, bad):
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        c.send_request("GET", "/big/64")
        for _ in range(20):
            assert fetch(rproxy.port, "/echo").status == 200
