"""Servers that close, fail or have several addresses, and the connections to
them."""

import http.client
import os
import socket
import threading
import time

import pytest

from bad_backend import BadBackend
from client import Connection, fetch
from processes import (free_port, silent_address, stands_still,
                       wait_for)
from scripted import HEAD, read_head


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
    assert proxy.reasons() == []


TIMED_OUT = (b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
             b"Content-Length: 0\r\n\r\n")
FINE = HEAD + b"2\r\n\r\nok"


def test_what_a_server_says_before_it_is_asked_is_no_answer(rproxy, backend):
    has_served, may_speak, has_spoken = (threading.Event() for _ in range(3))

    def serve(server, _):
        while server.recv(4096):
            server.sendall(FINE)
            if not has_served.is_set():
                has_served.set()
                may_speak.wait(10)
                server.sendall(STRAY)
                has_spoken.set()

    rproxy.start(backend(serve))
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/").body == b"ok"
        with stands_still(rproxy.worker()):
            c.send_request("GET", "/")
            may_speak.set()
            assert has_spoken.wait(10)
        assert c.read_response().body == b"ok"


def timing_out(server, _):
    """Its patience has an end when the next request is on its way."""
    if server.recv(4096).startswith(b"GET /first"):
        server.sendall(FINE)
        server.recv(4096)
        server.sendall(TIMED_OUT)
    else:
        server.sendall(FINE)


def test_get_is_sent_again_when_an_idle_connection_has_timed_out(rproxy,
                                                                 backend):
    """RFC 9110 section 15.5.9"""
    rproxy.start(backend(timing_out))
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/first").status == 200
        assert c.request("GET", "/next").status == 200
    assert rproxy.reasons() == []


def test_a_time_out_is_passed_on_where_it_may_be_the_answer(rproxy, backend):
    """To a POST, and on a connection that was made for the request."""
    rproxy.start(backend(timing_out))
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/first").status == 200
        assert c.request("POST", "/next", body=b"x").status == 408
    port = backend(lambda server, _: (server.recv(4096),
                                      server.sendall(TIMED_OUT)))
    rproxy.stop()
    rproxy.start(port)
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/").status == 408


def test_a_time_out_that_leaves_the_connection_open_is_passed_on(rproxy,
                                                                 backend):
    """It is the application's: the server has not lost its patience."""
    def serve(server, _):
        answer = FINE
        while server.recv(4096):
            server.sendall(answer)
            answer = TIMED_OUT.replace(b"Connection: close\r\n", b"")

    rproxy.start(backend(serve))
    with Connection(rproxy.port) as c:
        assert c.request("GET", "/").status == 200
        assert c.request("GET", "/").status == 408


def test_post_is_never_sent_again(proxy, bad):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/once").status == 200
        count = len(bad.requests)
        answer = c.request("POST", "/echo", body=b"pay")
    assert answer.status == 502
    assert len(bad.requests) == count
    proxy.expect_reason("server_closed")


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
    proxy.expect_reason(reason)


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
    proxy.expect_reason(reason)


def test_bytes_after_a_response_are_nobodys_response(proxy, bad):
    with Connection(proxy.port) as c:
        assert c.request("GET", "/raw/extra").body == b"abc"
        assert c.request("GET", "/echo/x").text == "GET /echo/x HTTP/1.1"


STRAY = HEAD + b"5\r\n\r\nstray"


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
    rproxy.expect_reason("connect_refused")
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


# connections to servers -----------------------------------------------------


def test_upstream_share_client_keeps_clients_apart(rproxy):
    with BadBackend() as a, BadBackend() as b:
        rproxy.start(a.port, pool=f"server = http://127.0.0.1:{b.port}\n"
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
    rproxy.start(bad.port)
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
    rproxy.start(backend(serve), pool="upstream_share = client\n"
                 "keepalive_timeout = 1h\n")
    with Connection(rproxy.port) as c:
        c.request("GET", "/")
        assert not ended.wait(0.3)
    assert ended.wait(2)


def test_upstream_keepalive_off_closes_after_each_request(rproxy, bad):
    rproxy.start(bad.port, pool="upstream_keepalive = off\n")
    before = bad.connections
    with Connection(rproxy.port) as c:
        for i in range(3):
            assert c.request("GET", "/echo").status == 200
            assert bad.last.get("Connection") == "close"
    assert bad.connections == before + 3
