"""What a gateway owes clients and servers, beyond single messages (those are
in test_corpus.py): answers of its own, times, sizes, connections.

tests/system/DUTIES.md says which test shows which duty.
"""

import contextlib
import json
import os
import re
import signal
import socket
import threading
import time

import pytest

from bad_backend import BadBackend
from client import Connection, fetch, raw
from gateway import BUILD
from processes import free_port, wait_for

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "


def entries(rproxy, count):
    def lines():
        return rproxy.access_log.read_text().splitlines()
    assert wait_for(lambda: len(lines()) >= count, 4), lines()
    return [json.loads(line) for line in lines()]


def reason(rproxy):
    """Of the first exchange in the log."""
    return entries(rproxy, 1)[0]["reason"]


def start(rproxy, port, rproxy_lines="", **lines):
    return rproxy.start(port, rproxy="access_log_format = json\n" +
                        rproxy_lines, **lines)


def read_head(link):
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536) or exit_thread()
    return data


def exit_thread():
    raise OSError


# answers of our own ---------------------------------------------------------


@pytest.mark.parametrize("mode, expected", [
    ("off", None),
    ("short", r"gw; error=connection_refused"),
    ("full", r'gw; error=connection_refused; details="connect_refused"; '
             r'next-hop="127\.0\.0\.1:\d+"'),
])
def test_proxy_status_says_what_went_wrong(rproxy, mode, expected):
    start(rproxy, free_port(),
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
    start(rproxy, backend(serve), http="proxy_status = full\n")
    assert fetch(rproxy.port, "/").all("Proxy-Status") == \
        ["inner; error=dns_error"]


def test_error_page_comes_from_a_file(rproxy, folder):
    page = "<h1>Zu Besuch bei der Wartung \u00e4</h1>"
    (folder / "down.html").write_text(page)
    start(rproxy, free_port(), http="error_page = 502 down.html\n")
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
    start(rproxy, free_port())
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
    start(rproxy, free_port(), http="error_page = 502 down.html\n")
    answer = fetch(rproxy.port, "/", headers=[
        ("Accept", "application/json, text/plain, */*")])
    assert answer.status == 502
    assert answer.get("Content-Type") == "application/problem+json"
    told = json.loads(answer.body)
    assert told["status"] == 502 and told["title"] == "Bad Gateway"
    assert told["id"] == entries(rproxy, 1)[0]["id"]
    answer = fetch(rproxy.port, "/", headers=[
        ("Accept", "text/html,application/xml;q=0.9,*/*;q=0.8")])
    assert answer.text == "for people"


def test_error_pages_name_nothing_inside(rproxy):
    port = free_port()
    start(rproxy, port)
    for accept in ("*/*", "application/json"):
        answer = fetch(rproxy.port, "/", headers=[("Accept", accept)])
        assert answer.status == 502
        for inner in (str(port), "127.0.0.1", "origin"):
            assert inner not in answer.text


def test_options_for_the_gateway_is_answered_by_it(rproxy, bad):
    bad.requests.clear()
    start(rproxy, bad.port)
    with Connection(rproxy.port) as c:
        for target, headers in [("*", []), ("/echo", [("Max-Forwards", "0")])]:
            answer = c.request("OPTIONS", target, headers)
            assert answer.status == 200
            assert "OPTIONS" in answer.get("Allow")
            assert answer.get("Content-Length") == "0"
        assert bad.requests == []
        c.request("OPTIONS", "/echo", [("Max-Forwards", "2")])
        assert bad.requests[-1].get("Max-Forwards") == "1"


@pytest.mark.parametrize("path, status, closes", [
    ("/", 200, False), ("/a\x01", 400, True), ("/..;/", 400, True)])
def test_request_that_is_refused_ends_its_connection(rproxy, bad, path,
                                                     status, closes):
    start(rproxy, bad.port)
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
    start(rproxy, free_port(), "header_timeout = 1s\n")
    raw(rproxy.port, line + b"\r\n\r\n")
    assert entries(rproxy, 1)[0]["refused_line"] == shown
    assert shown[0] < " " or f": {shown[:10]}" in rproxy.log()


def metrics(folder):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(folder / "admin.sock"))
        s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return s.makefile().read()


def test_reasons_are_counted(rproxy, bad, folder):
    start(rproxy, bad.port, f"admin = {folder}/admin.sock\n")
    raw(rproxy.port, b"GET / HTTP/1.1\r\n\r\n")
    fetch(rproxy.port, "/raw/both")
    fetch(rproxy.port, "/raw/both")
    assert wait_for(lambda: 'failures_total{reason="response_length"} 2'
                    in metrics(folder), 3)
    assert 'failures_total{reason="bad_host"} 1' in metrics(folder)
    assert 'failures_total{reason="bad_length"} 0' in metrics(folder)


def test_every_status_is_counted(rproxy, bad, folder):
    """Those that nobody has defined as what clients take them for."""
    start(rproxy, bad.port, f"admin = {folder}/admin.sock\n")
    for status in (200, 302, 404, 599, 600, 999):
        assert fetch(rproxy.port, f"/status/{status}").status == status
    for line in ('{code="2xx"} 1', '{code="3xx"} 1', '{code="4xx"} 1',
                 '{code="5xx"} 3'):
        assert wait_for(lambda: f"requests_total{line}\n" in metrics(folder),
                        3), metrics(folder)


# paths ----------------------------------------------------------------------


def test_encoded_slash_passes_where_the_route_says_so(rproxy, bad):
    start(rproxy, bad.port, route="encoded_slashes = pass\n")
    fetch(rproxy.port, "/echo/content%2Fpath%5Cx?y=%2F")
    assert bad.requests[-1].line == \
        "GET /echo/content%2Fpath%5Cx?y=%2F HTTP/1.1"
    assert fetch(rproxy.port, "/echo/a%2F..%2Fb").status == 400


# fields ---------------------------------------------------------------------


def test_fields_of_one_connection_stay_there(rproxy, backend):
    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"0\r\nConnection: X-Hop, keep-alive\r\n"
                     b"X-Hop: 1\r\nKeep-Alive: timeout=5\r\nUpgrade: x\r\n"
                     b"Proxy-Connection: x\r\nTrailer: x\r\nX-End: 1\r\n\r\n")
    start(rproxy, backend(serve))
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
    start(rproxy, backend(serve))
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
    start(rproxy, backend(serve), http=f"via = {mode}\nvia_name = gw\n")
    answer = fetch(rproxy.port, "/", headers=[("Via", "1.0 a (c)")])
    got = [re.findall(r"^Via: ([^\r]*)", seen[0], re.M), answer.all("Via")]
    for values, wanted in zip(got, [request_via, response_via]):
        assert len(values) == len(wanted)
        assert all(v.startswith(w) for v, w in zip(values, wanted)), values


def test_request_that_comes_back_is_a_loop(rproxy, bad):
    port = free_port()
    rproxy.port = port
    start(rproxy, port)  # it is its own server
    assert fetch(rproxy.port, "/").status == 502
    assert "loop" in [e["reason"] for e in entries(rproxy, 2)]


def test_interim_responses_are_not_for_http_1_0(rproxy, bad):
    start(rproxy, bad.port)
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
    start(rproxy, backend(serve))
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/old").status == 200
        count = len(seen)
        answer = c.request("POST", "/", body=iter([b"abc"]))
        assert answer.status == 411
        assert answer.get("Connection") == "close"
    assert entries(rproxy, 2)[1]["reason"] == "length_required"
    assert len(seen) == count
    assert fetch(rproxy.port, "/new").status == 200
    assert fetch(rproxy.port, "/old").status == 200  # now and then is no harm
    assert fetch(rproxy.port, "/", method="POST",
                 body=iter([b"abc"])).status == 200


def test_trailers_are_dropped(rproxy, bad):
    """On purpose: see rproxy(8)."""
    start(rproxy, bad.port)
    with Connection(rproxy.port) as c:
        c.send(b"GET /chunked HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n"
               b"Connection: TE, close\r\n\r\n")
        data = c.read_to_end()
    assert data.endswith(b"\r\n0\r\n\r\n")
    assert b"X-Trailer" not in data
    assert bad.requests[-1].get("TE") is None


# expectations and early answers ---------------------------------------------


def test_expectation_never_stalls(rproxy, backend):
    """A server that waits for the body, as HTTP/1.0 ones do."""
    def serve(link, _):
        data = read_head(link)
        while not data.endswith(b"12345"):
            data += link.recv(100) or exit_thread()
        link.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"0\r\n\r\n")
    start(rproxy, backend(serve))
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
    start(rproxy, bad.port, http="request_header_remove = Expect\n")
    with Connection(rproxy.port) as c:
        begun = time.monotonic()
        c.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               b"Content-Length: 5\r\nConnection: close\r\n\r\n")
        assert c.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert time.monotonic() - begun < 0.5
        assert c.reader.readline() == b"\r\n"
        c.send(b"12345")
        assert c.read_to_end().endswith(b"\r\n\r\n12345")
    assert bad.requests[-1].get("Expect") is None


def test_client_that_does_not_wait_for_100_is_not_kept_waiting(rproxy, bad):
    start(rproxy, bad.port)
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
    start(rproxy, backend(serve), "body_timeout = 1s\n")
    with Connection(rproxy.port) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
               b"Content-Length: 5\r\n\r\n")
        data = c.read_to_end()
    assert data.startswith(b"HTTP/1.1 200 ")
    assert data.endswith(b"\r\n\r\nxxxx")


def test_server_that_has_begun_its_answer_may_take_the_upload_slowly(
        rproxy, backend):
    """Silence is when nothing moves in either direction, and what comes at
    less than body_min_rate does not move."""
    def serve(link, _):
        data = read_head(link)
        link.sendall(HEAD + b"2\r\nConnection: close\r\n\r\na")
        while data.count(b"x") < 5000:
            data += link.recv(4096) or exit_thread()
        link.sendall(b"b")
        link.recv(1)
    start(rproxy, backend(serve), "body_min_rate = 1000\n",
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
    assert [e["reason"] for e in entries(rproxy, 2)] == ["ok", "read_timeout"]


def test_server_that_does_not_take_the_upload_may_answer_slowly(
        rproxy, backend):
    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"6\r\n\r\n")
        for _ in range(6):
            time.sleep(0.4)
            link.sendall(b"x")
        link.recv(1)
    start(rproxy, backend(serve), http="timeout = 1s\n")

    def upload(c):
        with contextlib.suppress(OSError):
            c.send(b"POST / HTTP/1.1\r\nHost: a\r\n"
                   b"Content-Length: 50000000\r\n\r\n" + bytes(50000000))
    with Connection(rproxy.port) as c:
        threading.Thread(target=upload, args=[c], daemon=True).start()
        assert c.read_response().text == "xxxxxx"


def test_early_answer_is_logged_as_such(rproxy, bad):
    start(rproxy, bad.port)
    with Connection(rproxy.port) as c:
        c.send(b"POST /early/401 HTTP/1.1\r\nHost: a\r\n"
               b"Content-Length: 1000000\r\n\r\n" + b"x" * 1000)
        answer = c.read_response()
    assert answer.status == 401
    entry = entries(rproxy, 1)[0]
    assert entry["reason"] == "early_answer" and entry["status"] == 401
    assert "early_answer" in rproxy.log()


# times ----------------------------------------------------------------------


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


def test_first_byte_and_between_reads_have_times_of_their_own(rproxy, bad):
    start(rproxy, bad.port, http="timeout = 20s\n",
          route="first_byte_timeout = 1s\nread_timeout = 1s\n")
    assert took(rproxy, "/silent") == 504
    assert took(rproxy, "/stall_body") is None
    assert [e["reason"] for e in entries(rproxy, 2)] == \
        ["response_timeout", "read_timeout"]


def test_timeout_stands_for_both(rproxy, bad):
    start(rproxy, bad.port, http="timeout = 20s\n", route="timeout = 1s\n")
    assert took(rproxy, "/silent") == 504
    assert took(rproxy, "/stall_body") is None


def test_head_that_drips_does_not_gain_time(rproxy, backend):
    def serve(link, _):
        read_head(link)
        for i in range(40):
            link.sendall((b"HTTP/1.1 200 " + b"x" * 40)[i:i + 1])
            time.sleep(0.2)
    start(rproxy, backend(serve), http="first_byte_timeout = 1s\n")
    assert took(rproxy, "/") == 504


def test_interim_response_begins_the_time_anew(rproxy, backend):
    def serve(link, _):
        read_head(link)
        for _ in range(3):
            time.sleep(0.6)
            link.sendall(b"HTTP/1.1 102 Processing\r\n\r\n")
        time.sleep(0.6)
        link.sendall(HEAD + b"2\r\n\r\nok")
    start(rproxy, backend(serve), http="first_byte_timeout = 1s\n")
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
    start(rproxy, backend(serve))
    answer = raw(rproxy.port, b"GET / HTTP/1.1\r\nHost: a\r\n"
                 b"Connection: close\r\n\r\n")
    assert answer.count(b"102 Processing") == 19
    assert answer.endswith(b"\r\n\r\nok")


def test_body_must_keep_up_its_rate(rproxy, bad):
    """A byte now and then is no body."""
    start(rproxy, bad.port, "body_timeout = 1s\nbody_min_rate = 1000\n")
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
    assert reason(rproxy) == "body_too_slow"


def test_body_may_pause_after_it_was_quick(rproxy, bad):
    start(rproxy, bad.port, route="body_timeout = 1s\nbody_min_rate = 1000\n")
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
            left -= len(link.recv(1 << 16) or exit_thread())
        link.sendall(HEAD + b"2\r\n\r\nok")
    start(rproxy, backend(serve), "body_timeout = 1s\n")
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
        start(rproxy, port, pool="connect_timeout = 1s\n")
        assert took(rproxy, "/", (0.8, 3)) == 504
        for s in held:
            s.close()
    assert reason(rproxy) == "connect_timeout"


def test_server_that_takes_nothing_gets_504(rproxy, backend):
    def serve(link, _):
        time.sleep(20)
    start(rproxy, backend(serve), http="timeout = 1s\n")
    with Connection(rproxy.port) as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n"
               b"\r\n")
        sender = threading.Thread(
            target=lambda: ignore_errors(c.send, bytes(99999999)), daemon=True)
        sender.start()
        assert c.read_response().status == 504
    assert reason(rproxy) == "write_timeout"


def ignore_errors(do, *arguments):
    try:
        do(*arguments)
    except OSError:
        pass


def test_own_lack_of_descriptors_is_not_the_servers_fault(rproxy, backend):
    """503 in place of 502, and the server is not left alone for it."""
    let_go = threading.Event()

    def serve(link, _):
        read_head(link)
        let_go.wait(10)
        link.sendall(HEAD + b"2\r\n\r\nok")
    start(rproxy, backend(serve), command=["prlimit", "--nofile=64:64"])
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
    reasons = {e["reason"] for e in entries(rproxy, 30)}
    assert reasons == {"ok", "too_many"}
    assert fetch(rproxy.port, "/").status == 200


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
    start(rproxy, bad.port, "max_request_line = 1k\nmax_field_size = 300\n"
          "max_headers = 10\nmax_headers_size = 1k\n")
    with Connection(rproxy.port) as c:
        c.send(data)
        assert c.read_response().status == status


def test_all_fields_together_to_the_byte(rproxy, bad):
    start(rproxy, bad.port, "max_headers_size = 1k\n")
    for more, status in [(0, 200), (1, 431)]:
        value = b"v" * (1024 - len("Host: a\r\nX: \r\n") + more)
        with Connection(rproxy.port) as c:
            c.send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + value + b"\r\n\r\n")
            assert c.read_response().status == status


def test_fields_that_we_add_do_not_count(rproxy, bad):
    ours = "".join(f"request_header = X-Ours-{i}: {'o' * 150}\n"
                   for i in range(40))
    start(rproxy, bad.port, "max_headers_size = 1k\nmax_headers = 10\n",
          http=ours)
    value = "v" * 900
    assert fetch(rproxy.port, "/echo", headers=[("X", value)]).status == 200
    seen = bad.requests[-1]
    assert seen.get("X") == value
    assert len(seen.head) > 7000
    assert seen.get("X-Ours-39") == "o" * 150


def test_large_cookies_of_single_sign_on_fit(rproxy, bad):
    """60 KiB by default: SAML, Kerberos, many cookies."""
    start(rproxy, bad.port)
    answer = fetch(rproxy.port, "/echo", headers=[
        ("Authorization", "Negotiate " + "A" * 40000),
        ("Cookie", "x=" + "c" * 20000)])
    assert answer.status == 200
    assert len(bad.requests[-1].get("Authorization")) == 40010


@pytest.mark.parametrize("more, status", [(0, 200), (1, 502)])
def test_size_of_a_response_header_to_the_byte(rproxy, backend, more,
                                               status):
    rest = len("Content-Length: 0\r\nX: \r\n")

    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"0\r\nX: " + b"v" * (2048 - rest + more) +
                     b"\r\n\r\n")
    start(rproxy, backend(serve), "max_response_headers_size = 2k\n")
    assert fetch(rproxy.port, "/").status == status
    assert reason(rproxy) == ("ok" if status == 200
                              else "response_too_large")


# connections to servers -----------------------------------------------------


def test_upstream_share_client_keeps_clients_apart(rproxy):
    with BadBackend() as a, BadBackend() as b:
        start(rproxy, a.port, pool=f"server = http://127.0.0.1:{b.port}\n"
              "upstream_share = client\n")
        with Connection(rproxy.port) as one, Connection(rproxy.port) as two:
            for _ in range(6):
                for c in (one, two):
                    assert c.request("GET", "/echo").status == 200
            time.sleep(1.2)  # older than what POST may use elsewhere
            for c in (one, two):
                c.request("POST", "/echo", body=b"x")
            assert a.connections + b.connections == 2
        # they end with their clients
        with Connection(rproxy.port) as three:
            three.request("GET", "/echo")
            assert a.connections + b.connections == 3


def test_upstream_share_any_does_not(rproxy, bad):
    start(rproxy, bad.port)
    before = bad.connections
    for _ in range(5):
        assert fetch(rproxy.port, "/echo").status == 200
    assert bad.connections == before + 1


def test_own_server_connections_end_with_the_client(rproxy, backend):
    ended = threading.Event()

    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"0\r\n\r\n")
        assert link.recv(1) == b""
        ended.set()
    start(rproxy, backend(serve), pool="upstream_share = client\n"
          "keepalive_timeout = 1h\n")
    with Connection(rproxy.port) as c:
        c.request("GET", "/")
        assert not ended.wait(0.3)
    assert ended.wait(2)


def test_upstream_keepalive_off_closes_after_each_request(rproxy, bad):
    start(rproxy, bad.port, pool="upstream_keepalive = off\n")
    before = bad.connections
    with Connection(rproxy.port) as c:
        for i in range(3):
            assert c.request("GET", "/echo").status == 200
            assert bad.requests[-1].get("Connection") == "close"
    assert bad.connections == before + 3


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
    start(rproxy, backend(serve), "drain_timeout = 1s\n")
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
    assert reason(rproxy) == "draining"
    assert "draining: GET" in rproxy.log()


# clients that only send -----------------------------------------------------


def test_pipeline_that_is_never_read_stops_being_read(rproxy, bad):
    start(rproxy, bad.port)
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
    start(rproxy, free_port(), http="error_page = 502 down.html\n")
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
    start(rproxy, bad.port)
    with Connection(rproxy.port) as c:
        c.send_request("GET", "/big/64")
        for _ in range(20):
            assert fetch(rproxy.port, "/echo").status == 200
