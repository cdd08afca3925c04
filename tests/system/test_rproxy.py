"""rproxy alone, against a server that misbehaves on demand."""

import fcntl
import http.client
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time

import pytest

from bad_backend import BadBackend
from client import Connection, fetch, raw
from gateway import IS_ROOT
from processes import (Program, free_port, listens, silent_address,
                       wait_for)


@pytest.fixture
def proxy(rproxy, bad):
    """With short times, so that what waits for them is quick."""
    bad.requests.clear()
    return rproxy.start(bad.port, http="timeout = 1s\n", rproxy=(
        "header_timeout = 1s\nbody_timeout = 1s\nsend_timeout = 2s\n"
        "keepalive_timeout = 3s\n"))


def last(bad):
    return bad.requests[-1]


def reasons(proxy):
    """Reasons in the error log, in order."""
    return [line.split(": ")[3] for line in proxy.log().splitlines()
            if ": id " in line]


def logs(proxy, reason):
    """This one and no other; the line may come after the answer."""
    wait_for(lambda: reasons(proxy), 3)
    assert reasons(proxy) == [reason]


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


def test_idle_connection_is_closed_after_keepalive_timeout(proxy):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/echo").status == 200
        begun = time.monotonic()
        assert c.read_to_end() == b""
        assert 2.5 < time.monotonic() - begun < 5


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
    assert last(bad).body == body
    assert last(bad).get("Content-Length") == str(size)
    assert size == 0 or answer.body == body


def test_chunked_body_goes_both_ways(proxy, bad):
    pieces = [os.urandom(n) for n in (1, 7, 1000, 70000, 1, 1)]
    answer = fetch(proxy.port, "/echo", method="PUT", body=iter(pieces))
    assert last(bad).get("Transfer-Encoding") == "chunked"
    assert last(bad).get("Content-Length") is None
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


def test_expect_100_continue_comes_from_the_server(proxy, bad):
    with Connection(proxy.port) as c:
        c.send(b"POST /expect HTTP/1.1\r\nHost: localhost\r\n"
               b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert c.reader.readline() == b"HTTP/1.1 100 Continue\r\n"
        assert c.reader.readline() == b"\r\n"
        c.send(b"12345")
        assert c.read_response().text == "5"
    assert last(bad).get("Expect") == "100-continue"


def test_expectation_refused_by_the_server_needs_no_body(proxy):
    with Connection(proxy.port) as c:
        c.send(b"POST /early/417 HTTP/1.1\r\nHost: localhost\r\n"
               b"Expect: 100-continue\r\nContent-Length: 500000\r\n\r\n")
        answer = c.read_response()
        assert answer.status == 417
        assert answer.get("Connection") == "close"


def test_date_is_added_once(proxy):
    assert fetch(proxy.port, "/echo").get("Date").endswith(" GMT")


# early answers --------------------------------------------------------------


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
    assert "server_reset" not in reasons(proxy)


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
        worker = rproxy.worker()
        # it sees all of this at once, the client's part first
        os.kill(worker, signal.SIGSTOP)
        try:
            c.send(b"67890GET / HTTP/1.1\r\nHo")
            may_answer.set()
            assert has_answered.wait(10)
        finally:
            os.kill(worker, signal.SIGCONT)
        assert c.read_response().status == 401
        c.send(b"st: localhost\r\n\r\n")
        assert c.read_response().status == 302


# a server that closes -------------------------------------------------------


def test_server_that_closes_idle_connections_costs_no_request(proxy):
    with Connection(proxy.port) as c:
        for _ in range(50):
            assert c.request("GET", "/then_close").status == 200


def test_get_is_sent_again_when_a_reused_connection_breaks(proxy, bad):
    with Connection(proxy.port) as c:
        first = c.request("GET", "/once").text
        second = c.request("GET", "/once").text
    assert first != second
    assert reasons(proxy) == []


def test_post_is_never_sent_again(proxy, bad):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/once").status == 200
        count = len(bad.requests)
        answer = c.request("POST", "/echo", body=b"pay")
    assert answer.status == 502
    assert len(bad.requests) == count
    logs(proxy, "server_closed")


def test_post_does_not_use_a_connection_that_was_idle_long(proxy, bad):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/echo").status == 200
        time.sleep(1.2)
        before = bad.connections
        assert c.request("POST", "/echo", body=b"x").status == 200
    assert bad.connections == before + 1


def test_keep_alive_max_is_honoured(proxy, bad):
    before = bad.connections
    with Connection(proxy.port) as c:
        for _ in range(4):
            assert c.request("GET", "/limit").status == 200
    assert bad.connections >= before + 2


# faults of a server ---------------------------------------------------------


@pytest.mark.parametrize("path, status, reason", [
    ("/close", 502, "server_closed"),
    ("/reset", 502, "server_reset"),
    ("/silent", 504, "response_timeout"),
    ("/raw/garbage", 502, "bad_response"),
    ("/raw/both", 502, "response_length"),
    ("/raw/two_lengths", 502, "response_length"),
    ("/raw/bad_length", 502, "response_length"),
    ("/raw/bad_name", 502, "bad_response"),
    ("/raw/bad_coding", 502, "response_coding"),
    ("/raw/bad_chunk", 502, "response_coding"),
    ("/raw/switch", 502, "bad_upgrade"),
    ("/raw/many_interim", 502, "bad_response"),
    ("/raw/huge_head", 502, "response_too_large"),
    ("/raw/half_head", 502, "response_incomplete"),
])
def test_bad_response_becomes_an_error_page(proxy, path, status, reason):
    with Connection(proxy.port) as c:
        c.send_request("GET", path)
        answer = c.read_response()
        while answer.status == 103:
            answer = c.read_response()
        assert answer.status == status
        assert answer.get("Content-Type").startswith("text/html")
        assert "127.0.0.1" not in answer.text
        assert c.request("GET", "/echo").status == 200
    logs(proxy, reason)


@pytest.mark.parametrize("path, reason", [
    ("/cut_length", "response_incomplete"),
    ("/cut_chunked", "response_incomplete"),
    ("/cut_close", "response_incomplete"),
    ("/stall_body", "read_timeout"),
])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_truncated_body_is_visible_to_the_client(proxy, path, reason,
                                                 version):
    with Connection(proxy.port) as c:
        c.send(f"GET {path} HTTP/{version}\r\nHost: localhost\r\n\r\n"
               .encode())
        with pytest.raises((http.client.IncompleteRead,
                            ConnectionResetError)):
            c.read_response()
    logs(proxy, reason)


def test_bytes_after_a_response_are_nobodys_response(proxy, bad):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/raw/extra").body == b"abc"
        assert c.request("GET", "/echo/x").text == "GET /echo/x HTTP/1.1"


STRAY = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray"


def sized(total, head_room=100):
    """A response of so many bytes altogether."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX: " % (
        total - head_room)
    head += b"x" * (head_room - len(head) - 4) + b"\r\n\r\n"
    return head, b"b" * (total - head_room)


@pytest.mark.parametrize("total, in_two", [
    (65536, False),  # one read takes exactly the response
    (40100, True), (131172, True),  # a body that is passed on uncopied
])
def test_bytes_behind_a_response_never_meet_the_next_request(
        rproxy, backend, total, in_two):
    """They are in the kernel when the next request is at hand already."""
    def serve(link, _):
        while request := link.recv(65536):
            if b"/first" not in request:
                link.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"
                             b"ok")
                continue
            head, body = sized(total)
            if in_two:
                link.sendall(head)
                time.sleep(0.1)
                head = b""
            link.sendall(head + body + STRAY)
    rproxy.start(backend(serve))
    for _ in range(4):
        with Connection(rproxy.port) as c:
            c.send(b"GET /first HTTP/1.1\r\nHost: a\r\n\r\n"
                   b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            assert len(c.read_response().body) == total - 100
            assert c.read_response().body == b"ok"


def test_server_that_refuses_gives_502_and_is_back_at_once(rproxy):
    port = free_port()
    rproxy.start(port)
    assert fetch(rproxy.port).status == 502
    logs(rproxy, "connect_refused")
    with socket.create_server(("127.0.0.1", port)) as listener:
        def serve():
            s, _ = listener.accept()
            s.recv(65536)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
            s.close()
        threading.Thread(target=serve, daemon=True).start()
        assert fetch(rproxy.port).body == b"ok"


def test_server_name_is_resolved_again_within_the_sandbox(rproxy, bad):
    """After a refused connect, on a thread; the service goes on."""
    site = f"""\
[site]
names = localhost
[route all]
prefix = /
pool = p
[pool p]
server = http://localhost:{free_port()}
server = http://localhost:{bad.port}
"""
    rproxy.start(0, site=site)
    for _ in range(5):
        assert fetch(rproxy.port, "/echo").status == 200
    assert "server name" not in rproxy.log()
    threads = f"/proc/{rproxy.worker()}/task"
    assert wait_for(lambda: len(os.listdir(threads)) > 1, 3)


NAMED = """\
[site]
names = localhost
[route all]
prefix = /
pool = p
[pool p]
upstream_keepalive = no
{pool}
server = http://two.test:{port}
"""


def test_server_name_is_down_only_when_none_of_its_addresses_answers(
        rproxy, bad, two_addresses):
    """As "localhost" is of a server that listens on 127.0.0.1 alone."""
    rproxy.start(0, site=NAMED.format(pool="", port=bad.port),
                 command=two_addresses)
    for _ in range(6):
        assert fetch(rproxy.port, "/echo").status == 200


def test_requests_at_the_same_time_do_not_take_each_others_addresses(
        rproxy, backend, two_addresses):
    """One of two is silent: whoever begins there comes to the other."""
    def answer(link, _):
        link.recv(65536)
        link.sendall(b"HTTP/1.1 204 Good\r\n\r\n")

    port = backend(answer)
    with silent_address("127.0.0.2", port):
        rproxy.start(0, command=two_addresses, site=NAMED.format(
            pool="connect_timeout = 500ms", port=port))
        clients = [Connection(rproxy.port) for _ in range(4)]
        for c in clients:
            c.send_request("GET", "/")
        for c in clients:
            with c:
                assert c.read_response().status == 204


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_probes_find_the_address_that_answers(rproxy, two_addresses, address):
    with socket.create_server((address, 0)) as listener:
        rproxy.start(0, command=two_addresses, site=NAMED.format(
            pool="health = /\nhealth_interval = 50ms",
            port=listener.getsockname()[1]))
        listener.settimeout(10)
        for _ in range(5):
            link, _ = listener.accept()
            with link:
                link.recv(65536)
                link.sendall(b"HTTP/1.1 204 Good\r\n\r\n")
    assert "down, its health probe" not in rproxy.log()


def test_next_server_takes_over_from_one_that_refuses(rproxy, bad):
    rproxy.start(free_port(), pool=f"server = http://127.0.0.1:{bad.port}")
    for _ in range(6):
        assert fetch(rproxy.port, "/echo").status == 200


def test_weights_share_the_requests(rproxy):
    with BadBackend() as a, BadBackend() as b:
        rproxy.start(a.port, pool=f"server = http://127.0.0.1:{b.port} "
                     "weight=3")
        with Connection(rproxy.port) as c:
            for _ in range(40):
                assert c.request("GET", "/echo").status == 200
        assert len(a.requests) == 10
        assert len(b.requests) == 30


# what a client may not do ---------------------------------------------------


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
    logs(proxy, reason)
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
    logs(proxy, "bad_chunk")


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


def test_client_that_goes_away_is_noted_and_forgotten(proxy, bad):
    with Connection(proxy.port) as c:
        c.send(b"POST /echo HTTP/1.1\r\nHost: a\r\n"
               b"Content-Length: 10\r\n\r\n123")
        wait_for(lambda: bad.requests, 2)
    logs(proxy, "client_gone")


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
        left, before = 200 << 20, b""
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
        logs(proxy, "send_timeout")
        assert proxy.rss_kib() < before + 2048


def test_slow_sender_is_no_timeout_while_bytes_come(proxy):
    """6 bytes in 2.4 s, timeout is 1 s: silence is what counts."""
    assert fetch(proxy.port, "/slow_pieces").body == b"abcdef"


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


# headers --------------------------------------------------------------------


def test_server_sees_our_headers_and_not_the_clients_claims(proxy, bad):
    fetch(proxy.port, "/echo", headers=[
        ("X-Forwarded-For", "6.6.6.6"), ("x_forwarded_for", "6.6.6.6"),
        ("X-Forwarded-Proto", "https"), ("Forwarded", "for=6.6.6.6"),
        ("SSL_CLIENT_CERT", "x"), ("Front-End-Https", "On"),
        ("X-Mine", "stays"), ("Connection", "X-Hop"), ("X-Hop", "gone")])
    seen = last(bad)
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
    assert last(bad).get("Upgrade") is None


def test_configured_headers_are_set_and_removed(rproxy, bad):
    rproxy.start(bad.port, http=(
        "request_header = X-Gateway: On\n"
        "request_header_remove = X-Debug\n"
        "response_header = X-Frame-Options: DENY\n"
        "preserve_host = no\n"))
    answer = fetch(rproxy.port, "/echo", headers=[("X-Debug", "1")])
    assert answer.get("X-Frame-Options") == "DENY"
    assert last(bad).get("X-Gateway") == "On"
    assert last(bad).get("X-Debug") is None
    assert last(bad).get("Host") == f"127.0.0.1:{bad.port}"


def test_redirect_and_cookies_of_the_server_are_mapped_back(proxy):
    answer = fetch(proxy.port, "/redirect")
    assert answer.get("Location") == \
        f"http://localhost:{proxy.port}/irj/portal?a=b"
    assert [v.split("=")[0] for v in answer.all("Set-Cookie")] == ["a", "b"]


def test_path_and_query_are_forwarded_byte_for_byte(proxy, bad):
    path = "/echo/a%20b;jsessionid=1.j2ee?x=%2F..&y=a+b"
    fetch(proxy.port, path)
    assert last(bad).line == f"GET {path} HTTP/1.1"


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


# PROXY protocol -------------------------------------------------------------


HEADER = (b"\r\n\r\n\0\r\nQUIT\n" + b"\x21\x11\0\x0c" +
          bytes([192, 0, 2, 7, 127, 0, 0, 1]) + b"\x30\x39\x01\xbb")
LOCAL = b"\r\n\r\n\0\r\nQUIT\n" + b"\x20\0\0\0"


def unix(path, data, timeout_s=10):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout_s)
        s.connect(str(path))
        answer = b""
        try:
            s.sendall(data)
            while piece := s.recv(65536):
                answer += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return answer


def test_unix_listener_takes_the_client_from_the_header(proxy, bad):
    answer = unix(proxy.socket, HEADER + b"GET /echo HTTP/1.1\r\n"
                  b"Host: localhost\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert last(bad).get("X-Forwarded-For") == "192.0.2.7"


def test_header_byte_by_byte(proxy, bad):
    data = HEADER + (b"GET /echo HTTP/1.1\r\nHost: localhost\r\n"
                     b"Connection: close\r\n\r\n")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(proxy.socket))
        for i in range(len(data)):
            s.sendall(data[i:i + 1])
        assert s.recv(65536).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("data", [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
    HEADER[:12] + b"\x2f" + HEADER[13:],
])
def test_connection_without_a_good_header_is_closed(proxy, bad, data):
    assert unix(proxy.socket, data) == b""
    assert bad.requests == []
    assert "without a good PROXY header" in proxy.log()


def test_local_connection_is_closed_in_peace(proxy):
    assert unix(proxy.socket, LOCAL) == b""
    assert "warning" not in proxy.log()


def tlv(kind, value):
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def with_tlvs(command, *tlvs):
    rest = bytes([192, 0, 2, 7, 127, 0, 0, 1]) + b"\x30\x39\x01\xbb"
    rest = rest + b"".join(tlvs)
    return HEADER[:12] + bytes([command, 0x11]) + \
        len(rest).to_bytes(2, "big") + rest


def test_draining_generation_is_asked_to_leave(proxy):
    generation = tlv(0xEB, (7).to_bytes(4, "big"))
    request = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
    with socket.socket(socket.AF_UNIX) as busy, \
            socket.socket(socket.AF_UNIX) as idle:
        for s in (busy, idle):
            s.settimeout(5)
            s.connect(str(proxy.socket))
            s.sendall(with_tlvs(0x21, generation) + request)
            assert b"Connection: close" not in s.recv(65536)
        unix(proxy.socket, with_tlvs(0x20, generation, tlv(0xEC, b"")))
        busy.sendall(request)
        assert b"Connection: close" in busy.recv(65536)
        begun = time.monotonic()
        assert idle.recv(1) == b""
        assert time.monotonic() - begun < 2.5


def test_drain_reaches_the_connections_of_every_worker(rproxy, bad):
    """tlsd says it once, on a connection that one worker accepts."""
    rproxy.start(bad.port, workers=3)
    generation = tlv(0xEB, (7).to_bytes(4, "big"))
    other = tlv(0xEB, (8).to_bytes(4, "big"))
    request = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"

    def ask(s, data):
        s.sendall(data)
        return b"Connection: close" in s.recv(65536)

    held = [socket.socket(socket.AF_UNIX) for _ in range(24)]
    for i, s in enumerate(held):
        s.settimeout(5)
        s.connect(str(rproxy.socket))
        tlvs = other if i % 4 == 0 else generation
        assert not ask(s, with_tlvs(0x21, tlvs) + request)
    unix(rproxy.socket, with_tlvs(0x20, generation, tlv(0xEC, b"")))
    time.sleep(0.3)
    for i, s in enumerate(held):
        assert ask(s, request) == (i % 4 != 0)
        s.close()


@pytest.mark.skipif(not IS_ROOT, reason="needs another user")
def test_other_user_may_not_connect(proxy, bad):
    """Even where the file's mode would let it."""
    proxy.socket.chmod(0o777)
    script = ("import socket,sys\n"
              "s=socket.socket(socket.AF_UNIX);s.connect(sys.argv[1])\n"
              "s.settimeout(5)\n"
              "try:\n print(s.recv(1))\n"
              "except ConnectionResetError:\n print(b'')\n")
    run = subprocess.run(
        ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
         "/usr/bin/python3", "-c", script, str(proxy.socket)],
        capture_output=True, text=True, timeout=20)
    assert run.stdout == "b''\n", run.stderr
    assert "may not connect" in proxy.log()


@pytest.mark.skipif(not shutil.which("haproxy"), reason="needs haproxy")
def test_haproxy_may_stand_in_front(proxy, bad, folder):
    port = free_port()
    (folder / "haproxy.cfg").write_text(f"""\
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend f
    bind 127.0.0.1:{port}
    default_backend b
backend b
    server s unix@{proxy.socket} send-proxy-v2
""")
    haproxy = Program(["haproxy", "-db", "-f", folder / "haproxy.cfg"],
                      folder / "haproxy.log")
    try:
        haproxy.wait_ready(lambda: listens(port))
        for _ in range(3):
            assert fetch(port, "/echo").status == 200
        assert last(bad).get("X-Forwarded-For") == "127.0.0.1"
        assert last(bad).get("X-Forwarded-Proto") == "http"
    finally:
        haproxy.stop()


# logs -----------------------------------------------------------------------


def test_access_log_in_json(rproxy, bad):
    rproxy.start(bad.port, rproxy="access_log_format = json")
    fetch(rproxy.port, '/echo/"x', headers=[("User-Agent", "a\xe9\"b")])
    fetch(rproxy.port, "/close")
    assert wait_for(lambda: rproxy.access_log.read_text().count("\n") == 2, 2)
    first, second = map(json.loads,
                        rproxy.access_log.read_text().splitlines())
    assert first["status"] == 200 and first["reason"] == "ok"
    assert first["client"] == "127.0.0.1"
    assert first["site"] == "localhost" and first["route"] == "all"
    assert first["server"] == f"127.0.0.1:{bad.port}"
    # bytes, one character each: a log must not fail on a client's UTF-8
    assert first["user_agent"].encode("latin-1").decode() == 'a\xe9"b'
    assert second["status"] == 502 and second["reason"] == "server_closed"
    assert first["id"] != second["id"]


def test_access_log_combined_has_whole_lines(rproxy, bad):
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        for i in range(300):
            c.request("GET", f"/echo/{i}", [("Referer", "http://r/")])
    assert wait_for(
        lambda: rproxy.access_log.read_text().count("\n") == 300, 2)
    lines = rproxy.access_log.read_text().splitlines()
    assert all(line.endswith('"http://r/" "-"') for line in lines)
    assert '"GET /echo/299 HTTP/1.1" 200 ' in lines[-1]


def read_lines(fd, wanted, timeout_s):
    """What comes until there are so many lines."""
    text = b""

    def has_all():
        nonlocal text
        try:
            text += os.read(fd, 65536)
        except BlockingIOError:
            pass
        return text.count(b"\n") >= wanted

    wait_for(has_all, timeout_s)
    return text.decode().splitlines()


@pytest.fixture
def narrow_pipe(rproxy):
    """In the place of the access log; takes one page."""
    os.mkfifo(rproxy.access_log)
    fd = os.open(rproxy.access_log, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, 4096)
    yield fd
    os.close(fd)


def test_access_log_follows_a_pipe_that_was_full_for_a_while(
        rproxy, bad, narrow_pipe):
    rproxy.start(bad.port, rproxy="access_log_format = json")
    with Connection(rproxy.port) as c:
        for i in range(40):
            assert c.request("GET", f"/echo/{i}").status == 200
    time.sleep(0.3)
    lines = read_lines(narrow_pipe, 40, 5)
    assert [json.loads(x)["target"] for x in lines] == [
        f"/echo/{i}" for i in range(40)]


def test_workers_that_share_a_full_pipe_do_not_tear_lines(
        rproxy, bad, narrow_pipe):
    rproxy.start(bad.port, rproxy="access_log_format = json", workers=2)
    for i in range(100):
        assert fetch(rproxy.port, f"/echo/{i}").status == 200
    lines = read_lines(narrow_pipe, 100, 10)
    assert sorted(json.loads(x)["target"] for x in lines) == sorted(
        f"/echo/{i}" for i in range(100))
