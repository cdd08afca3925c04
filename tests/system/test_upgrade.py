"""Other protocols through the gateway: WebSockets, and what only looks so."""

import base64
import os
import signal
import socket
import threading
import time

import pytest

from client import Connection, fetch
from conftest import site_text
from processes import wait_for
from websocket import WebSocket, handshake, head_of

KEY = base64.b64encode(b"0123456789abcdef").decode()
ALLOWED = "upgrade = websocket\nupgrade = chat\n"


@pytest.fixture
def proxy(rproxy, bad):
    bad.requests.clear()
    return rproxy.start(bad.port, route=ALLOWED, http="timeout = 2s\n")


def ask(connection, path, fields=()):
    """The whole request in one go; the answer's head."""
    lines = "".join(f"{f}\r\n" for f in fields)
    head = handshake(path, "localhost", KEY)
    connection.send(head[:-2] + lines.encode() + b"\r\n")
    return head_of(connection)


def test_tunnel_carries_bytes_both_ways_and_ends_on_both_sides(proxy, bad):
    with Connection(proxy.port) as c:
        status, fields = ask(c, "/tunnel")
        assert status == "HTTP/1.1 101 Switching Protocols"
        assert fields["Upgrade"] == "websocket"
        assert fields["Connection"] == "upgrade"
        assert fields["X-Server"] == "1"
        assert "Content-Length" not in fields
        assert "Transfer-Encoding" not in fields
        assert c.reader.read(6) == b"hello "
        for i in range(20):
            c.send(b"abc%02d" % i)
            assert c.reader.read(5) == b"ABC%02d" % i
        c.socket.shutdown(socket.SHUT_WR)
        assert c.read_to_end() == b" bye"
    seen = bad.last
    assert seen.get("Upgrade") == "websocket"
    assert seen.get("Connection") == "upgrade"
    assert seen.get("Sec-WebSocket-Key") == KEY
    entry, = proxy.entries(1)
    assert entry["status"] == 101 and entry["reason"] == "ok"
    assert entry["bytes"] == 6 + 100 + 4
    assert entry["request_bytes"] == 100


def test_bytes_that_come_with_the_request_reach_the_tunnel(proxy):
    """A client that does not wait for the 101 loses nothing."""
    with Connection(proxy.port) as c:
        c.send(handshake("/tunnel", "localhost", KEY) + b"early")
        assert " 101 " in head_of(c)[0]
        c.socket.shutdown(socket.SHUT_WR)
        assert c.read_to_end() == b"hello EARLY bye"


def test_a_body_of_no_bytes_does_not_keep_from_a_tunnel(proxy):
    with Connection(proxy.port) as c:
        status, _ = ask(c, "/tunnel", ["Content-Length: 0"])
        assert status.startswith("HTTP/1.1 101 ")


def test_server_may_end_its_direction_first(proxy, bad):
    with Connection(proxy.port) as c:
        ask(c, "/tunnel_first")
        assert c.read_to_end() == b"that is all"
        for _ in range(5):
            c.send(b"still ")
            time.sleep(0.02)
        c.socket.shutdown(socket.SHUT_WR)
        assert wait_for(lambda: bad.heard == b"still " * 5, 3)
    assert proxy.entries(1)[0]["reason"] == "ok"


def test_much_goes_through_and_a_slow_side_stops_the_other(proxy):
    data = os.urandom(1 << 16) * 160
    with Connection(proxy.port) as c:
        ask(c, "/tunnel")
        c.reader.read(6)
        sender = threading.Thread(target=lambda: (
            c.send(data), c.socket.shutdown(socket.SHUT_WR)), daemon=True)
        sender.start()
        time.sleep(0.5)
        held = proxy.rss_kib()
        answer = c.read_to_end()
        sender.join(10)
    assert answer == data.upper() + b" bye"
    assert held < 16 * 1024 or "asan" in os.environ.get("BUILD", "")


def test_flood_to_a_client_that_never_reads_costs_no_memory(proxy):
    with Connection(proxy.port) as c:
        ask(c, "/tunnel_flood")
        time.sleep(0.2)
        before = proxy.rss_kib()
        time.sleep(0.5)
        assert proxy.rss_kib() <= before + 256


def test_silence_ends_a_tunnel(rproxy, bad):
    rproxy.start(bad.port, route=ALLOWED + "tunnel_timeout = 1s\n",
                 http="tunnel_timeout = 1h\ntimeout = 200ms\n")
    with Connection(rproxy.port) as c:
        ask(c, "/tunnel")
        c.reader.read(6)
        begun = time.monotonic()
        for _ in range(3):
            time.sleep(0.6)
            c.send(b"x")
            assert c.reader.read(1) == b"X"
        assert c.read_to_end() == b""
        assert 2.6 < time.monotonic() - begun < 4.5
    assert rproxy.entries(1)[0]["reason"] == "tunnel_timeout"


def test_client_that_vanishes_ends_the_tunnel(proxy, bad):
    with Connection(proxy.port) as c:
        ask(c, "/tunnel")
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            b"\1\0\0\0\0\0\0\0")
        c.reader.close()
    assert proxy.entries(1)[0]["reason"] == "client_gone"


def test_server_that_resets_is_seen_by_the_client(proxy):
    with Connection(proxy.port) as c:
        ask(c, "/tunnel_reset")
        c.send(b"now")
        with pytest.raises(ConnectionResetError):
            while c.socket.recv(100):
                pass
    assert proxy.entries(1)[0]["reason"] == "server_reset"


@pytest.mark.parametrize("which", ["other", "two", "none", "unsaid", "old"])
def test_101_that_was_not_asked_for_is_an_error(proxy, which):
    with Connection(proxy.port) as c:
        status, _ = ask(c, f"/switch/{which}")
    assert status.startswith("HTTP/1.1 502 ")
    assert proxy.entries(1)[0]["reason"] == "bad_upgrade"


def test_any_token_of_the_route_may_be_asked_for(proxy, bad):
    """In the client's order, without what the route does not know."""
    with Connection(proxy.port) as c:
        c.send(b"GET /tunnel HTTP/1.1\r\nHost: localhost\r\n"
               b"Connection: upgrade\r\n"
               b"Upgrade: h2c, Chat, foo/1, WebSocket\r\n\r\n")
        assert " 101 " in head_of(c)[0]
    assert bad.last.get("Upgrade") == "Chat, WebSocket"


def test_websocket_is_refused_where_the_route_does_not_allow_it(rproxy, bad):
    bad.requests.clear()
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        status, _ = ask(c, "/tunnel")
    assert status.startswith("HTTP/1.1 403 ")
    assert bad.requests == []
    assert rproxy.entries(1)[0]["reason"] == "upgrade_refused"


def test_h2c_is_never_offered(proxy, bad):
    """What Java's HttpClient and curl --http2 try on every http request."""
    answer = fetch(proxy.port, "/echo", headers=[
        ("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAEAAEAA")])
    assert answer.status == 200
    seen = bad.last
    assert seen.get("Upgrade") is None
    assert seen.get("HTTP2-Settings") is None
    assert seen.get("Connection") is None


@pytest.mark.parametrize("request_bytes", [
    b"GET /echo HTTP/1.0\r\nHost: localhost\r\nConnection: upgrade\r\n"
    b"Upgrade: websocket\r\n\r\n",
    b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade, close"
    b"\r\nUpgrade: websocket\r\nContent-Length: 3\r\n\r\nabc",
    b"GET /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    b"Upgrade: websocket\r\n\r\n",
])
def test_upgrade_that_cannot_be_is_ignored(proxy, bad, request_bytes):
    """HTTP/1.0, with a body, without Connection: upgrade."""
    with Connection(proxy.port) as c:
        c.send(request_bytes)
        assert c.read_response().status == 200
    assert bad.last.get("Upgrade") is None


def test_server_that_does_not_switch_is_heard(proxy):
    with Connection(proxy.port) as c:
        status, fields = ask(c, "/echo")
        assert status == "HTTP/1.1 200 OK"
        assert fields["Content-Length"]
        c.reader.read(int(fields["Content-Length"]))
        assert c.request("GET", "/echo/after").status == 200


def test_drain_lets_a_tunnel_go_on_until_drain_timeout(rproxy, bad):
    rproxy.start(bad.port, route=ALLOWED, rproxy="drain_timeout = 2s\n")
    with Connection(rproxy.port) as c:
        ask(c, "/tunnel")
        c.reader.read(6)
        begun = time.monotonic()
        rproxy.program.send(signal.SIGTERM)
        time.sleep(0.5)
        c.send(b"alive")
        assert c.reader.read(5) == b"ALIVE"
        assert c.read_to_end() == b""
        assert 1.5 < time.monotonic() - begun < 4
    assert rproxy.program.process.wait(5) == 0
    assert "drain_timeout" in rproxy.log()


# Tomcat ---------------------------------------------------------------------


@pytest.fixture
def portal(gateway, tomcat, pair):
    fetch(tomcat.port, "/irj/echo.jsp")
    site = site_text(pair, tomcat.port).replace(
        "prefix = /\n", "prefix = /\nupgrade = websocket\n").replace(
        "[site]\n", "[site]\napp = tomcat\n")
    return gateway(site=site)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_websocket_echo_through_tomcat(portal, tls, scheme):
    port = portal.https_port if scheme == "https" else portal.http_port
    context = tls if scheme == "https" else None
    with WebSocket(Connection(port, context), "/irj/echo") as ws:
        for text in ("one", "", "\u00e4\u20ac", "x" * 70000):
            ws.send(text)
            assert ws.receive() == text
        blob = os.urandom(300_000)
        ws.send(blob)
        assert ws.receive() == blob
        ws.send("secure?")
        assert ws.receive() == str(scheme == "https").lower()
        assert ws.close() == 1000
    assert wait_for(
        lambda: '"GET /irj/echo HTTP/1.1" 101 ' in
        portal.access_log.read_text(), 3)


def test_many_websockets_at_once(portal, tls):
    held = [WebSocket(Connection(port, context), "/irj/echo")
            for port, context in [(portal.https_port, tls),
                                  (portal.http_port, None)] * 20]
    for i, ws in enumerate(held):
        ws.send(f"message {i}")
    for i, ws in enumerate(held):
        assert ws.receive() == f"message {i}"
        assert ws.close() == 1000
        ws.connection.close()
