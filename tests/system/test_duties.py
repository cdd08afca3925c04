"""What a gateway owes clients and servers, beyond single messages (those are
in test_corpus.py): answers of its own, fields, its end.

tests/system/DUTIES.md says which test shows which duty.
"""

import json
import os
import re
import signal
import time

import pytest

from client import Connection, fetch, raw
from gateway import BUILD
from processes import free_port, wait_for
from scripted import HEAD, read_head


# answers of our own ---------------------------------------------------------


@pytest.mark.parametrize("mode, expected", [
    ("off", None),
    ("short", r"gw; error=connection_refused"),
    ("full", r'gw; error=connection_refused; details="connect_refused"; '
             r'next-hop="127\.0\.0\.1:\d+"'),
])
def test_proxy_status_says_what_went_wrong(rproxy, mode, expected):
    rproxy.start(free_port(),
                 http=f"proxy_status = {mode}\nvia_name = gw\n")
    answer = fetch(rproxy.port, "/")
    assert answer.status == 502
    status = answer.get("Proxy-Status")
    assert status is None if expected is None \
        else re.fullmatch(expected, status)


def test_proxy_status_of_a_server_is_passed_on(rproxy, backend):
    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"0\r\nProxy-Status: inner; error=dns_error\r\n"
                     b"\r\n")
    rproxy.start(backend(serve), http="proxy_status = full\n")
    assert fetch(rproxy.port, "/").all("Proxy-Status") == \
        ["inner; error=dns_error"]


def test_error_page_comes_from_a_file(rproxy, folder):
    page = "<h1>Zu Besuch bei der Wartung \u00e4</h1>"
    (folder / "down.html").write_text(page)
    rproxy.start(free_port(), http="error_page = 502 down.html\n")
    answer = fetch(rproxy.port, "/")
    assert answer.status == 502
    assert answer.body == page.encode()
    assert answer.get("Content-Type") == "text/html; charset=utf-8"
    with Connection(rproxy.port) as c:
        answer = c.request("HEAD", "/")
        assert answer.get("Content-Length") == str(len(page.encode()))
        assert c.request("GET", "/").body == page.encode()


def test_error_page_that_is_not_there_stops_the_start(rproxy, folder):
    (folder / "large.html").write_text("x" * 300_000)
    rproxy.start(free_port())
    site = folder / "site.ini"
    for line, fault in [("502 none.html", "No such file"),
                        ("502 large.html", "262144 are allowed")]:
        site.write_text(site.read_text().replace(
            "[http]\n", f"[http]\nerror_page = {line}\n", 1))
        run = os.popen(f"{BUILD}/rproxy -t -c {folder}/rproxy.ini 2>&1")
        assert fault in run.read()
        site.write_text(site.read_text().replace(
            f"error_page = {line}\n", ""))


def test_programs_get_errors_as_json(rproxy, folder):
    (folder / "down.html").write_text("for people")
    rproxy.start(free_port(), http="error_page = 502 down.html\n")
    answer = fetch(rproxy.port, "/", headers=[
        ("Accept", "application/json, text/plain, */*")])
    assert answer.status == 502
    assert answer.get("Content-Type") == "application/problem+json"
    told = json.loads(answer.body)
    assert told["status"] == 502 and told["title"] == "Bad Gateway"
    assert told["id"] == rproxy.entries(1)[0]["id"]
    answer = fetch(rproxy.port, "/", headers=[
        ("Accept", "text/html,application/xml;q=0.9,*/*;q=0.8")])
    assert answer.text == "for people"


def test_error_pages_name_nothing_inside(rproxy):
    port = free_port()
    rproxy.start(port)
    for accept in ("*/*", "application/json"):
        answer = fetch(rproxy.port, "/", headers=[("Accept", accept)])
        assert answer.status == 502
        for inner in (str(port), "127.0.0.1", "origin"):
            assert inner not in answer.text


def test_options_for_the_gateway_is_answered_by_it(rproxy, bad):
    bad.requests.clear()
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        for target, headers in [("*", []), ("/echo", [("Max-Forwards", "0")])]:
            answer = c.request("OPTIONS", target, headers)
            assert answer.status == 200
            assert "OPTIONS" in answer.get("Allow")
            assert answer.get("Content-Length") == "0"
        assert bad.requests == []
        c.request("OPTIONS", "/echo", [("Max-Forwards", "2")])
        assert bad.last.get("Max-Forwards") == "1"


@pytest.mark.parametrize("path, status, closes", [
    ("/", 200, False), ("/a\x01", 400, True), ("/..;/", 400, True)])
def test_request_that_is_refused_ends_its_connection(rproxy, bad, path,
                                                     status, closes):
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        answer = c.request("GET", path)
        assert answer.status == status
        assert (answer.get("Connection") == "close") == closes


@pytest.mark.parametrize("line, shown", [
    (b"BREW /pot HTTP/1.1", "BREW /pot HTTP/1.1"),
    (b"GET /" + b"u" * 20000, "GET /" + "u" * 251),
    (b"GET / HTTP/1.1\r\nHost : a", "GET / HTTP/1.1"),
    (b"\x16\x03\x01", "\x16\x03\x01"),  # TLS on the plain port
])
def test_request_that_was_refused_is_in_the_logs(rproxy, line, shown):
    rproxy.start(free_port(), rproxy="header_timeout = 1s\n")
    raw(rproxy.port, line + b"\r\n\r\n")
    assert rproxy.entries(1)[0]["refused_line"] == shown
    assert shown[0] < " " or f": {shown[:10]}" in rproxy.log()


def test_reasons_are_counted(rproxy, bad):
    rproxy.start(bad.port, rproxy="admin = ./admin.sock\n")
    raw(rproxy.port, b"GET / HTTP/1.1\r\n\r\n")
    fetch(rproxy.port, "/raw/both")
    fetch(rproxy.port, "/raw/both")

    def count(reason):
        return rproxy.metric(f'rproxy_failures_total{{reason="{reason}"}}')
    assert wait_for(lambda: count("response_length") == 2, 3)
    assert count("bad_host") == 1
    assert count("bad_length") == 0


def test_every_status_is_counted(rproxy, bad):
    """Those that nobody has defined as what clients take them for."""
    rproxy.start(bad.port, rproxy="admin = ./admin.sock\n")
    for status in (200, 302, 404, 599, 600, 999):
        assert fetch(rproxy.port, f"/status/{status}").status == status
    for code, n in (("2xx", 1), ("3xx", 1), ("4xx", 1), ("5xx", 3)):
        series = f'rproxy_requests_total{{code="{code}"}}'
        assert wait_for(lambda: rproxy.metric(series) == n, 3), code


# paths ----------------------------------------------------------------------


def test_encoded_slash_passes_where_the_route_says_so(rproxy, bad):
    rproxy.start(bad.port, route="encoded_slashes = pass\n")
    fetch(rproxy.port, "/echo/content%2Fpath%5Cx?y=%2F")
    assert bad.last.line == "GET /echo/content%2Fpath%5Cx?y=%2F HTTP/1.1"
    assert fetch(rproxy.port, "/echo/a%2F..%2Fb").status == 400


# fields ---------------------------------------------------------------------


def test_fields_of_one_connection_stay_there(rproxy, backend):
    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"0\r\nConnection: X-Hop, keep-alive\r\n"
                     b"X-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: x\r\n"
                     b"Proxy-Connection: x\r\nTrailer: x\r\nX-End: 1\r\n\r\n")
    rproxy.start(backend(serve))
    answer = fetch(rproxy.port, "/")
    assert [n for n, _ in answer.headers if n not in ("Date", "Via")] == \
        ["X-End", "Content-Length", "Connection"]


def test_fields_that_are_not_ours_are_left_alone(rproxy, backend):
    fields = ["WWW-Authenticate: Negotiate", "WWW-Authenticate: NTLM",
              "Allow: GET, PUT", "Set-Cookie: a=1, b; x-unknown=2",
              "Set-Cookie: c=3", "ETag: \"x\"", "Vary: Accept",
              "Warning: 299 - \"x\"", "Date: Sun, 06 Nov 1994 08:49:37 GMT",
              "x_under-Score: \xe4"]

    def serve(link, _):
        read_head(link)
        link.sendall(b"HTTP/1.1 401 No\r\n" +
                     "\r\n".join(fields).encode("latin-1") +
                     b"\r\nContent-Length: 0\r\n\r\n")
    rproxy.start(backend(serve))
    answer = fetch(rproxy.port, "/")
    assert [f"{n}: {v}" for n, v in answer.headers
            if n not in ("Via", "Content-Length", "Connection")] == fields


@pytest.mark.parametrize("mode, request_via, response_via", [
    ("on", ["1.0 a (c)", "1.1 gw"], ["1.0 b (d)", "1.1 gw"]),
    ("full", ["1.0 a (c)", "1.1 gw (rproxy/"], ["1.0 b (d)",
                                                "1.1 gw (rproxy/"]),
    ("block", ["1.0 a", "1.1 gw"], ["1.0 b", "1.1 gw"]),
    ("off", ["1.0 a (c)"], ["1.0 b (d)"]),
])
def test_via_in_its_four_modes(rproxy, backend, mode, request_via,
                               response_via):
    seen = []

    def serve(link, _):
        seen.append(read_head(link).decode())
        link.sendall(HEAD + b"0\r\nVia: 1.0 b (d)\r\n\r\n")
    rproxy.start(backend(serve), http=f"via = {mode}\nvia_name = gw\n")
    answer = fetch(rproxy.port, "/", headers=[("Via", "1.0 a (c)")])
    got = [re.findall(r"^Via: ([^\r]*)", seen[0], re.M), answer.all("Via")]
    for values, wanted in zip(got, [request_via, response_via]):
        assert len(values) == len(wanted)
        assert all(v.startswith(w) for v, w in zip(values, wanted)), values


def test_request_that_comes_back_is_a_loop(rproxy, bad):
    port = free_port()
    rproxy.port = port
    rproxy.start(port)  # it is its own server
    assert fetch(rproxy.port, "/").status == 502
    assert "loop" in [e["reason"] for e in rproxy.entries(2)]


def test_interim_responses_are_not_for_http_1_0(rproxy, bad):
    rproxy.start(bad.port)
    answer = raw(rproxy.port, b"GET /interim HTTP/1.0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_http_1_0_server_gets_no_chunks(rproxy, backend):
    """RFC 9112 section 6.1; its version is known from its responses."""
    seen = []

    def serve(link, _):
        while True:
            seen.append(read_head(link))
            version = b"1.0" if b" /old " in seen[-1] else b"1.1"
            link.sendall(b"HTTP/" + version + b" 200 OK\r\n"
                         b"Connection: keep-alive\r\n"
                         b"Content-Length: 0\r\n\r\n")
    rproxy.start(backend(serve))
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/old").status == 200
        count = len(seen)
        answer = c.request("POST", "/", body=iter([b"abc"]))
        assert answer.status == 411
        assert answer.get("Connection") == "close"
    assert rproxy.entries(2)[1]["reason"] == "length_required"
    assert len(seen) == count
    assert fetch(rproxy.port, "/new").status == 200
    assert fetch(rproxy.port, "/old").status == 200  # now and then is no harm
    assert fetch(rproxy.port, "/", method="POST",
                 body=iter([b"abc"])).status == 200


def test_trailers_are_dropped(rproxy, bad):
    """On purpose: see rproxy(8)."""
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        c.send(b"GET /chunked HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n"
               b"Connection: TE, close\r\n\r\n")
        data = c.read_to_end()
    assert data.endswith(b"\r\n0\r\n\r\n")
    assert b"X-Trailer" not in data
    assert bad.last.get("TE") is None


# the end of the process ------------------------------------------------------


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGQUIT])
@pytest.mark.parametrize("request_line, outcome", [
    (b"GET /begun HTTP/1.0", "reset"),  # a body until the end
    (b"GET /begun HTTP/1.1", "reset"),
    (b"GET /silent HTTP/1.1", "503"),
])
def test_response_that_is_cut_by_the_end_of_the_process_is_seen_to_be(
        rproxy, backend, sig, request_line, outcome):
    def serve(link, _):
        if b"/begun" in read_head(link):
            link.sendall(b"HTTP/1.1 200 OK\r\n\r\npart")
        time.sleep(10)
    rproxy.start(backend(serve), rproxy="drain_timeout = 1s\n")
    with Connection(rproxy.port) as c:
        c.send(request_line + b"\r\nHost: a\r\n\r\n")
        time.sleep(0.3)
        rproxy.program.send(sig)
        if outcome == "reset":
            with pytest.raises(ConnectionResetError):
                while c.socket.recv(65536):
                    pass
        else:
            answer = c.read_response()
            assert answer.status == 503
            assert answer.get("Connection") == "close"
    assert rproxy.program.process.wait(5) == 0
    assert rproxy.reason() == "draining"
    assert "draining: GET" in rproxy.log()
