"""https servers as rproxy sees them: a stand-in for tlsd says how each
connection went.  Both daemons and real servers are in test_egress.py."""

import os
import select
import socket
import struct
import time

import pytest

import egress_client as code
import egress_stand_in as wire
from client import Connection, fetch
from egress_stand_in import EgressStandIn, answer
from processes import wait_for

SITE = """\
[site]
names = localhost
default = yes
[http]
timeout = 5s
{http}
[route all]
prefix = /
pool = reports
upgrade = websocket
[pool reports]
{servers}
{pool}
"""


def servers(*names):
    return "".join(f"server = https://{name}\n" for name in names)


@pytest.fixture
def egress(folder):
    instance = EgressStandIn(folder / "egress.sock")
    instance.start()
    yield instance
    instance.stop()
    assert not instance.faults


@pytest.fixture
def start(rproxy, egress):
    def begin(*names, http="proxy_status = full\nvia_name = gw\n",
              pool="", lines="", workers=1):
        return rproxy.start(
            None, site=SITE.format(servers=servers(*names), http=http,
                                   pool=pool),
            rproxy="egress = egress.sock\n"
            "admin = ./admin.sock\n" + lines, workers=workers)
    return begin


def test_asks_for_the_target_and_keeps_the_connection(start, egress, bad):
    egress.to("reports.intra:8443", bad.port)
    proxy = start("Reports.intra:8443")
    before = bad.connections
    for _ in range(5):
        assert fetch(proxy.port, "/echo").status == 200
    assert egress.targets == [("localhost", "reports", "reports.intra:8443")]
    assert bad.connections == before + 1


def test_says_443_and_brackets_where_they_belong(start, egress, bad):
    egress.to("[2001:db8::1]:443", bad.port)
    assert fetch(start("[2001:db8::1]").port, "/echo").status == 200


def test_a_destination_names_the_server_by_its_scheme(start, egress, bad):
    egress.to("dav.intra:443", bad.port)
    proxy = start("dav.intra", http="preserve_host = no\n")
    fetch(proxy.port, "/echo", method="COPY", headers=[
        ("Destination", f"http://localhost:{proxy.port}/echo/b")])
    seen = bad.last
    assert seen.get("Host") == "dav.intra"
    assert seen.get("Destination") == "https://dav.intra/echo/b"


def test_nothing_of_a_request_leaves_before_the_outcome(start, egress, bad):
    early = []

    def slow(sock):
        sock.settimeout(0.5)
        try:
            early.append(sock.recv(1))
        except TimeoutError:
            sock.settimeout(None)
        sock.sendall(answer(code.CONNECTED))
        wire.relay(sock, bad.port)

    egress.does["a:1"] = slow
    body = os.urandom(300_000)
    with Connection(start("a:1").port) as c:
        assert c.request("POST", "/echo", body=body).body == body
    assert not early


def test_an_outcome_may_come_in_pieces_and_with_the_servers_first_bytes(
        start, egress):
    """A server that answers before it is asked, as to a TCP connection."""
    bytes_ = answer(code.CONNECTED) + (
        b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n"
        b"Connection: close\r\n\r\n")

    def drip(sock):
        for byte in bytes_:
            sock.sendall(bytes([byte]))
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)

    def whole(sock):
        sock.sendall(bytes_)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(65536)

    proxy = start("a:1")
    for does in drip, whole:
        egress.does["a:1"] = does
        assert fetch(proxy.port, "/").status == 408


@pytest.mark.parametrize("outcome, status, kind, reason", [
    (code.UNKNOWN, 500, "proxy_configuration_error", "egress_unknown_target"),
    (code.REFUSED, 502, "connection_refused", "connect_refused"),
    (code.CONNECT_FAILED, 502, "destination_ip_unroutable",
     "connect_failed"),
    (code.TIMEOUT, 504, "connection_timeout", "connect_timeout"),
    (code.CERTIFICATE, 502, "tls_certificate_error", "tls_certificate_error"),
    (code.HANDSHAKE, 502, "tls_protocol_error", "tls_handshake_failed"),
    (code.SHORT, 503, "connection_limit_reached", "too_many"),
])
def test_each_failure_is_told_to_the_client_and_in_the_logs(
        start, egress, outcome, status, kind, reason):
    egress.fails("srv.intra:8443", outcome, "unable to get issuer: /CN=x")
    proxy = start("srv.intra:8443")
    got = fetch(proxy.port, "/")
    assert got.status == status
    assert got.get("Proxy-Status") == (
        f'gw; error={kind}; details="{reason}"; '
        'next-hop="srv.intra:8443"'), got.headers
    line = proxy.entries(1)[-1]
    assert (line["reason"], line["server"]) == (reason, "srv.intra:8443")
    assert ("pool reports: server srv.intra:8443: connect: "
            "unable to get issuer: /CN=x") in proxy.log()
    assert proxy.metric(f'rproxy_failures_total{{reason="{reason}"}}') == 1


def test_goes_on_to_the_next_server_also_with_what_cannot_be_sent_twice(
        start, egress, bad):
    egress.fails("bad:1", code.CERTIFICATE, "expired")
    egress.to("good:1", bad.port)
    proxy = start("bad:1", "good:1")
    for _ in range(4):
        with Connection(proxy.port) as c:
            assert c.request("POST", "/echo", body=b"once").body == b"once"
    asked = [server for _, _, server in egress.targets]
    # for the rest of its five seconds nobody asks for the bad one
    assert asked.count("bad:1") == 1


def test_a_malformed_outcome_is_our_fault_and_no_abort(start, egress, bad):
    egress.does["a:1"] = lambda sock: sock.sendall(
        b"HTTP/1.1 400 Bad Request\r\n\r\n")
    egress.to("b:1", bad.port)
    proxy = start("a:1", "b:1")
    assert {fetch(proxy.port, "/echo").status for _ in range(4)} == {200}
    assert "tlsd's answer is malformed" in proxy.log()


def test_an_outcome_that_does_not_come_is_waited_for_once(start, egress):
    egress.does["a:1"] = lambda sock: sock.recv(1)
    proxy = start("a:1", "b:1", pool="connect_timeout = 1s\n")
    egress.does["b:1"] = egress.does["a:1"]
    begin = time.monotonic()
    assert fetch(proxy.port, "/").status == 503
    assert 1 < time.monotonic() - begin < 3
    assert proxy.entries(1)[-1]["reason"] == "egress_away"


# tlsd goes and comes ---------------------------------------------------------

def test_requests_wait_for_a_tlsd_that_comes_back(start, egress, bad):
    egress.to("a:1", bad.port)
    proxy = start("a:1")
    egress.stop()
    with Connection(proxy.port) as c, Connection(proxy.port) as d:
        c.send_request("GET", "/echo")
        d.send_request("POST", "/echo", body=b"x")
        assert wait_for(lambda: proxy.metric("rproxy_egress_waiting") == 2)
        time.sleep(0.3)
        egress.start()
        assert c.read_response().status == 200
        assert d.read_response().body == b"x"
    assert proxy.metric("rproxy_egress_waiting") == 0
    assert proxy.log().count("tlsd cannot be reached at") == 1
    assert proxy.log().count("tlsd is back at") == 1


def test_a_tlsd_that_stays_away_is_named_once_for_all_servers(
        start, egress):
    proxy = start("a:1", "b:1", "c:1", pool="connect_timeout = 1s\n")
    egress.stop()
    begin = time.monotonic()
    got = fetch(proxy.port, "/")
    # not once for each of the three
    assert 1 < time.monotonic() - begin < 2.5
    assert got.status == 503
    assert "error=proxy_internal_error" in got.get("Proxy-Status")
    assert proxy.entries(1)[-1]["reason"] == "egress_away"


def test_a_client_that_leaves_waits_no_more(start, egress):
    proxy = start("a:1", pool="connect_timeout = 30s\n")
    egress.stop()
    with Connection(proxy.port) as c:
        c.send_request("GET", "/")
        assert wait_for(lambda: proxy.metric("rproxy_egress_waiting") == 1)
        c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
    assert wait_for(lambda: proxy.metric("rproxy_egress_waiting") == 0)


def test_a_question_that_is_lost_is_asked_once_more(start, egress, bad):
    asked = []

    def first_none(sock):
        asked.append(1)
        if len(asked) > 1:
            sock.sendall(answer(code.CONNECTED))
            wire.relay(sock, bad.port)

    egress.does["a:1"] = first_none
    proxy = start("a:1")
    with Connection(proxy.port) as c:
        assert c.request("POST", "/echo", body=b"x").body == b"x"
    assert len(asked) == 2


def test_a_tlsd_that_never_answers_is_not_asked_for_ever(start, egress):
    egress.does["a:1"] = lambda sock: None
    proxy = start("a:1")
    assert fetch(proxy.port, "/").status == 503
    assert len(egress.targets) == 2
    assert "closes its egress connections without an answer" in proxy.log()


def tell_that_tlsd_drains(proxy):
    """As each of its workers does, on a connection of its own."""
    records = wire.record(0xEB, struct.pack("!I", 7)) + wire.record(0xEC, b"")
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(proxy.socket))
        s.sendall(wire.SIGNATURE +
                  struct.pack("!BBH", 0x20, 0, len(records)) + records)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_draining_tlsd_is_let_go(start, egress, bad, workers):
    egress.to("a:1", bad.port)
    proxy = start("a:1", workers=workers)
    fetch(proxy.port, "/echo")
    fetch(proxy.port, "/echo")
    with Connection(proxy.port) as busy:
        busy.send_request("GET", "/slow_pieces")
        time.sleep(0.2)
        tell_that_tlsd_drains(proxy)
        # the idle ones go at once, in use is used to the end
        assert wait_for(
            lambda: proxy.metric("rproxy_server_connections") == 1)
        assert busy.read_response().body == b"abcdef"
    assert wait_for(lambda: proxy.metric("rproxy_server_connections") == 0)
    before = len(egress.targets)
    for _ in range(4):
        assert fetch(proxy.port, "/echo").status == 200
    assert 1 <= len(egress.targets) - before <= workers


def test_a_connection_of_a_draining_tlsd_is_used_once(start, egress, bad):
    def last(sock):
        sock.sendall(answer(code.CONNECTED, is_draining=True))
        wire.relay(sock, bad.port)

    egress.does["a:1"] = last
    proxy = start("a:1")
    for _ in range(3):
        assert fetch(proxy.port, "/echo").status == 200
    assert len(egress.targets) == 3


# the stream ------------------------------------------------------------------

def test_an_orderly_end_closes_a_body_and_an_abort_cuts_it(start, egress):
    response = b"HTTP/1.1 200 OK\r\n\r\nuntil the end"

    def ends(sock):
        sock.sendall(answer(code.CONNECTED))
        sock.recv(65536)
        sock.sendall(response)
        sock.shutdown(socket.SHUT_WR)
        sock.recv(1)

    def aborts(sock):
        sock.sendall(answer(code.CONNECTED))
        sock.recv(65536)
        sock.sendall(response)

    proxy = start("a:1", "b:1")
    egress.does["a:1"] = egress.does["b:1"] = ends
    assert fetch(proxy.port, "/").body == b"until the end"
    egress.does["a:1"] = egress.does["b:1"] = aborts
    with Connection(proxy.port) as c:
        c.send_request("GET", "/")
        head = c.reader.readline()
        assert head.startswith(b"HTTP/1.1 200")
        with pytest.raises(ConnectionResetError):
            c.reader.read()
    assert proxy.entries(1)[-1]["reason"] == "response_incomplete"


def test_rproxy_ends_an_idle_connection_in_order(start, egress):
    """It shuts its direction down and leaves the close to tlsd."""
    ends = []

    def note(sock):
        sock.sendall(answer(code.CONNECTED))
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        data = sock.recv(1)
        poll = select.poll()
        poll.register(sock, 0)
        ends.append((data, poll.poll(0)))

    egress.does["a:1"] = note
    proxy = start("a:1", pool="keepalive_timeout = 500ms\n")
    assert fetch(proxy.port, "/").status == 200
    assert wait_for(lambda: ends == [(b"", [])], 3), ends
    assert wait_for(lambda: proxy.metric("rproxy_server_connections") == 0)


@pytest.mark.parametrize("size", [100, 10 << 20])
def test_bodies_pass_both_ways(start, egress, bad, size):
    egress.to("a:1", bad.port)
    proxy = start("a:1")
    body = os.urandom(size)
    with Connection(proxy.port, timeout_s=60) as c:
        assert c.request("POST", "/echo", body=body).body == body
        assert c.request("GET", "/big/3").body == bytes(range(256)) * 12288


def test_a_tunnel_ends_on_both_sides(start, egress, bad):
    egress.to("a:1", bad.port)
    with Connection(start("a:1").port) as c:
        c.send_request("GET", "/tunnel", [("Connection", "Upgrade"),
                                          ("Upgrade", "websocket")])
        assert c.reader.readline().startswith(b"HTTP/1.1 101")
        while c.reader.readline() != b"\r\n":
            pass
        c.send(b"abc")
        assert c.reader.read(9) == b"hello ABC"
        c.socket.shutdown(socket.SHUT_WR)
        assert c.read_to_end() == b" bye"


def test_what_was_idle_and_broke_is_sent_again(start, egress, bad):
    egress.to("a:1", bad.port)
    proxy = start("a:1")
    assert fetch(proxy.port, "/once").status == 200
    assert fetch(proxy.port, "/once").status == 200
    assert proxy.metric("rproxy_reuse_race_retried_total") == 1


# health ----------------------------------------------------------------------

def test_probes_go_through_tlsd_and_find_who_fails(start, egress, bad):
    egress.to("good:1", bad.port)
    egress.to("ill:1", bad.port)
    proxy = start("good:1", "ill:1",
                  pool="health = /status/204\nhealth_interval = 200ms\n")
    assert wait_for(lambda: any(r.get("User-Agent") == "rproxy prober"
                                for r in bad.requests))
    egress.fails("ill:1", code.CERTIFICATE, "certificate has expired")
    assert wait_for(lambda: "server ill:1: down, its health probe of "
                    "/status/204: certificate has expired" in proxy.log())
    assert {fetch(proxy.port, "/echo").status for _ in range(4)} == {200}
    egress.to("ill:1", bad.port)
    assert wait_for(lambda: "server ill:1: up again" in proxy.log())


def test_an_absent_tlsd_says_nothing_about_the_servers(start, egress, bad):
    egress.to("a:1", bad.port)
    proxy = start("a:1", pool="health = /status/204\n"
                  "health_interval = 100ms\n")
    bad.requests.clear()
    assert wait_for(lambda: bad.requests)
    egress.stop()
    time.sleep(1)
    egress.fails("a:1", code.SHORT, "no descriptor is left")
    egress.start()
    time.sleep(0.5)
    assert ": down" not in proxy.log()
