"""rproxy alone: messages through it, and what it makes of their fields."""

import os
import socket

import pytest

from client import Connection, fetch, raw
from processes import listens, wait_for


# connections ----------------------------------------------------------------


def test_keeps_both_connections_alive(proxy, bad):
    before = bad.connections
    with Connection(proxy.port) as c:
        for i in range(20):
            answer = c.request("GET", f"/echo/{i}")
            assert answer.status == 200
            assert answer.text == f"GET /echo/{i} HTTP/1.1"
    assert bad.connections == before + 1


def test_answers_pipelined_requests_in_order(proxy):
    with Connection(proxy.port) as c:
        c.send(b"".join(b"GET /echo/%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        % i for i in range(50)))
        for i in range(50):
            assert c.read_response().text == f"GET /echo/{i} HTTP/1.1"


def test_request_byte_by_byte_is_the_same_request(proxy, bad):
    data = (b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
            b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
            b"GET /echo/next HTTP/1.1\r\nHost: localhost\r\n\r\n")
    with Connection(proxy.port) as c:
        for i in range(len(data)):
            c.send(data[i:i + 1])
        assert c.read_response().body == b"abcde"
        assert c.read_response().text == "GET /echo/next HTTP/1.1"


def test_half_closed_client_gets_its_answer(proxy):
    with Connection(proxy.port) as c:
        c.send(b"GET /interim HTTP/1.0\r\n\r\n")
        c.socket.shutdown(socket.SHUT_WR)
        assert c.read_to_end().endswith(b"after hints")


def test_drain_ends_idle_connections_and_the_process(proxy):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/echo").get("Connection") is None
        proxy.program.send(15)
        assert wait_for(lambda: not listens(proxy.port), 5)
        answer = c.request("GET", "/echo")
        assert answer.status == 200
        assert answer.get("Connection") == "close"
        assert c.read_to_end() == b""
    assert proxy.program.process.wait(5) == 0


def test_http_1_0_client_is_served_and_closed(proxy):
    answer = raw(proxy.port, b"GET /chunked HTTP/1.0\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200")
    assert b"chunked" not in head
    assert b"Connection: close" in head
    assert body == b"ab000ab001ab002"


def test_http_1_0_client_may_keep_the_connection(proxy):
    request = b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    with Connection(proxy.port) as c:
        for _ in range(3):
            c.send(request)
            answer = c.read_response()
            assert answer.get("Connection") == "keep-alive"
            assert answer.text == "GET /echo HTTP/1.1"


def test_connection_close_is_honoured(proxy):
    answer = raw(proxy.port, b"GET /echo HTTP/1.1\r\nHost: localhost\r\n"
                 b"Connection: close\r\n\r\nGET /echo/2 HTTP/1.1\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200") == 1


# bodies ---------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 1023, 16384, 65536, 3_000_001])
def test_body_with_length_goes_both_ways(proxy, bad, size):
    body = os.urandom(size)
    answer = fetch(proxy.port, "/echo", method="POST", body=body)
    assert bad.last.body == body
    assert bad.last.get("Content-Length") == str(size)
    assert size == 0 or answer.body == body


def test_chunked_body_goes_both_ways(proxy, bad):
    pieces = [os.urandom(n) for n in (1, 7, 1000, 70000, 1, 1)]
    answer = fetch(proxy.port, "/echo", method="PUT", body=iter(pieces))
    assert bad.last.get("Transfer-Encoding") == "chunked"
    assert bad.last.get("Content-Length") is None
    assert answer.body == b"".join(pieces)
    with Connection(proxy.port) as c:
        answer = c.request("GET", "/chunked/1000")
        assert answer.get("Transfer-Encoding") == "chunked"
        assert answer.body == b"".join(b"ab%03d" % i for i in range(1000))
        assert c.request("GET", "/echo").status == 200


def test_many_tiny_chunks_arrive_whole(proxy, bad):
    with Connection(proxy.port) as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: localhost\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n" +
               b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n")
        assert c.read_response().body == b"x" * 100_000


@pytest.mark.parametrize("path, status", [
    ("/echo", 200), ("/status/204", 204), ("/status/304", 304)])
def test_head_204_and_304_have_no_body(proxy, path, status):
    method = "HEAD" if status == 200 else "GET"
    with Connection(proxy.port) as c:
        answer = c.request(method, path)
        assert answer.status == status
        assert answer.body == b""
        assert answer.get("Transfer-Encoding") is None
        expected = "1234" if method == "HEAD" else None
        assert answer.get("Content-Length") == expected
        assert c.request("GET", "/echo/after").status == 200


@pytest.mark.parametrize("path, body", [
    ("/until_close", b"until the end"), ("/http10", b"ten")])
def test_body_until_close_becomes_chunked(proxy, path, body):
    with Connection(proxy.port) as c:
        answer = c.request("GET", path)
        assert answer.get("Transfer-Encoding") == "chunked"
        assert answer.body == body
        assert c.request("GET", "/echo").status == 200


def test_interim_responses_are_passed_on(proxy):
    with Connection(proxy.port) as c:
        c.send_request("GET", "/interim")
        line = c.reader.readline()
        assert line == b"HTTP/1.1 103 Early Hints\r\n"
        while c.reader.readline() != b"\r\n":
            pass
        assert c.read_response().text == "after hints"


def test_date_is_added_once(proxy):
    assert fetch(proxy.port, "/echo").get("Date").endswith(" GMT")


# headers --------------------------------------------------------------------


def test_server_sees_our_headers_and_not_the_clients_claims(proxy, bad):
    fetch(proxy.port, "/echo", headers=[
        ("X-Forwarded-For", "6.6.6.6"), ("x_forwarded_for", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"), ("Forwarded", "for=6.6.6.6"),
        ("SSL_CLIENT_CERT", "x"), ("Front-End-Https", "On"),
        ("X-Mine", "stays"), ("Connection", "X-Hop"), ("X-Hop", "gone")])
    seen = bad.last
    assert seen.get("X-Forwarded-For") == "127.0.0.1"
    assert seen.get("X-Forwarded-Proto") == "http"
    assert seen.get("X-Mine") == "stays"
    assert seen.get("Host") == f"localhost:{proxy.port}"
    assert seen.get("Via").startswith("1.1 ")
    assert "6.6.6.6" not in seen.head
    for name in ("SSL_CLIENT_CERT", "Front-End-Https", "X-Hop", "Connection",
                 "x_forwarded_for"):
        assert seen.all(name) == []


def test_upgrade_is_not_passed_on(proxy, bad):
    answer = fetch(proxy.port, "/echo", headers=[
        ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")])
    assert answer.status == 200
    assert bad.last.get("Upgrade") is None


def test_configured_headers_are_set_and_removed(rproxy, bad):
    rproxy.start(bad.port, http=(
        "request_header = X-Gateway: On\n"
        "request_header_remove = X-Debug\n"
        "response_header = X-Frame-Options: DENY\n"
        "preserve_host = no\n"))
    answer = fetch(rproxy.port, "/echo", headers=[("X-Debug", "1")])
    assert answer.get("X-Frame-Options") == "DENY"
    assert bad.last.get("X-Gateway") == "On"
    assert bad.last.get("X-Debug") is None
    assert bad.last.get("Host") == f"127.0.0.1:{bad.port}"


def test_redirect_and_cookies_of_the_server_are_mapped_back(proxy):
    answer = fetch(proxy.port, "/redirect")
    assert answer.get("Location") == \
        f"http://localhost:{proxy.port}/irj/portal?a=b"
    assert [v.split("=")[0] for v in answer.all("Set-Cookie")] == ["a", "b"]


def test_path_and_query_are_forwarded_byte_for_byte(proxy, bad):
    path = "/echo/a%20b;jsessionid=1.j2ee?x=%2F..&y=a+b"
    fetch(proxy.port, path)
    assert bad.last.line == f"GET {path} HTTP/1.1"


def test_path_mapping(rproxy, bad):
    rproxy.start(0, site=f"""\
[site]
names = localhost
[route r]
prefix = /reports
to = /echo/crystal
pool = p
[pool p]
server = http://127.0.0.1:{bad.port}
""")
    assert fetch(rproxy.port, "/reports/x?y").text == \
        "GET /echo/crystal/x?y HTTP/1.1"
    assert fetch(rproxy.port, "/reports//css/x").text == \
        "GET /echo/crystal//css/x HTTP/1.1"
    assert fetch(rproxy.port, "/reports/./x").status == 400
    assert fetch(rproxy.port, "/other").status == 404
    assert fetch(rproxy.port, "/reportsx").status == 404
    assert fetch(rproxy.port, "/", host="elsewhere").status == 421


# redirects ------------------------------------------------------------------


def test_root_redirect(rproxy, bad):
    rproxy.start(bad.port, http="root_redirect = /irj/portal")
    answer = fetch(rproxy.port, "/?a=b")
    assert answer.status == 302
    assert answer.get("Location") == \
        f"http://localhost:{rproxy.port}/irj/portal?a=b"
    assert fetch(rproxy.port, "/x").status == 200


def test_https_redirect_keeps_target_and_method(rproxy, bad):
    rproxy.start(bad.port, http="https_redirect = yes\nhttps_port = 8443")
    answer = fetch(rproxy.port, "/a%20b?c")
    assert answer.status == 301
    assert answer.get("Location") == "https://localhost:8443/a%20b?c"
    answer = fetch(rproxy.port, "/p", method="POST", body=b"x")
    assert answer.status == 308


@pytest.mark.parametrize("key", ["require_tls", "require_client_cert"])
def test_route_that_needs_tls_is_refused_on_http(rproxy, bad, key):
    rproxy.start(bad.port, route=f"{key} = yes")
    assert fetch(rproxy.port, "/echo").status == 403
