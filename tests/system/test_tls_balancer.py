"""Behind a balancer: PROXY protocol v1 and v2 from those who may speak it."""

import socket
import struct

import pytest

from processes import Program, free_port, listens, wait_for
from tls_client import TlsClient

V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 50007 443\r\n"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
ON = "proxy_protocol = on\nproxy_from = 127.0.0.0/8\n"


def v2(command=1, records=b""):
    ends = (socket.inet_aton("192.0.2.7") + socket.inet_aton("198.51.100.1")
            + struct.pack("!HH", 50007, 443))
    return (SIGNATURE + bytes([0x20 | command, 0x11])
            + struct.pack("!H", len(ends) + len(records)) + ends + records)


def record(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


# what AWS, Google and Azure put where our own records are
CLOUDS = (record(0xEA, b"\x01vpce-08d2bf15fac5001c9")
          + record(0xE0, bytes(8)) + record(0xEE, b"\x01\x01\x02\x03\x04"))


@pytest.mark.parametrize("header", [V1, v2(), v2(records=CLOUDS)],
                         ids=["v1", "v2", "v2 of clouds"])
def test_the_client_is_whom_the_balancer_names(tlsd, tls, header):
    t = tlsd(tlsd_listen=ON)
    with t.connect(tls, before=header) as c:
        assert c.ask() == b"hello"
    told = t.backend.headers[0]
    assert told.source == ("192.0.2.7", 50007)
    assert told.destination == ("198.51.100.1", 443)


@pytest.mark.parametrize("header", [b"PROXY UNKNOWN\r\n", v2(command=0)],
                         ids=["v1 unknown", "v2 local"])
def test_a_client_without_a_name_is_the_balancer(tlsd, tls, header):
    t = tlsd(tlsd_listen=ON)
    with t.connect(tls, before=header) as c:
        assert c.ask() == b"hello"
        assert t.backend.headers[0].source == c.address
        assert t.backend.headers[0].destination == ("127.0.0.1", t.port)


def test_a_header_may_come_byte_by_byte(tlsd, tls):
    t = tlsd(tlsd_listen=ON)
    for header in (V1, v2(records=CLOUDS)):
        with socket.create_connection(("127.0.0.1", t.port), 10) as s:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in header:
                s.send(bytes([byte]))
            with tls.wrap_socket(s, server_hostname="localhost") as c:
                c.send(b"hello")
                assert c.recv(5) == b"hello"
        assert t.backend.headers[-1].source == ("192.0.2.7", 50007)


def ends(s):
    s.settimeout(5)
    try:
        return s.recv(100) == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("first", [
    b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 192.0.2.7\r\n", SIGNATURE + b"\x31\x11\x00\x00",
    v2()[:14] + b"\x00\x02" + b"xx"])
def test_anything_but_a_header_ends_the_connection(tlsd, first):
    t = tlsd(tlsd_listen=ON)
    with socket.create_connection(("127.0.0.1", t.port), 10) as s:
        s.sendall(first)
        assert ends(s)
    assert t.logs(r"connection refused: client 127\.0\.0\.1:\d+: ")
    assert t.reaches(1, "connections_refused_total", reason="proxy_header")


def test_who_is_no_balancer_is_refused(tlsd):
    t = tlsd(tlsd_listen="proxy_protocol = on\nproxy_from = 192.0.2.0/24\n"
             "proxy_from = 2001:db8::/32\n")
    with socket.create_connection(("127.0.0.1", t.port), 10) as s:
        assert ends(s)
    assert t.logs(r"connection refused: client 127\.0\.0\.1:\d+: proxy_from")
    assert t.reaches(1, "connections_refused_total", reason="proxy_from")


def test_without_the_option_a_header_is_no_tls(tlsd):
    t = tlsd()
    with socket.create_connection(("127.0.0.1", t.port), 10) as s:
        s.sendall(V1)
        s.settimeout(5)
        assert not s.recv(100).startswith(b"\x16")
    assert t.metric("handshakes_failed_total") == 1
    assert t.backend.headers == []


def test_who_stops_in_the_header_is_cut_by_the_deadline(tlsd):
    t = tlsd(tlsd_listen=ON, tlsd="handshake_timeout = 1s\n")
    with socket.create_connection(("127.0.0.1", t.port), 10) as s:
        s.sendall(V1[:20])
        before = t.cpu_ticks()
        assert ends(s)
        assert t.cpu_ticks() - before <= 5, "it spins"
    assert t.reaches(1, "handshakes_failed_total", reason="timeout")


def test_the_limit_counts_the_clients_and_not_the_balancer(tlsd, tls):
    t = tlsd(tlsd_listen=ON, tlsd="max_connections_per_address = 2\n")
    first = [t.connect(tls, before=V1) for _ in range(2)]
    with pytest.raises((OSError, EOFError)):
        t.connect(tls, before=V1)
    with t.connect(tls, before=V1.replace(b"192.0.2.7", b"192.0.2.8")) as c:
        assert c.ask() == b"hello"
    for c in first:
        assert c.ask() == b"hello"
        c.vanish()


HAPROXY = """\
defaults
    mode tcp
    timeout client 10s
    timeout server 10s
    timeout connect 10s
listen balancer
    bind 127.0.0.1:{port}
    server tlsd 127.0.0.1:{tlsd} {option}
"""


@pytest.mark.parametrize("option", [
    "send-proxy", "send-proxy-v2",
    "send-proxy-v2 proxy-v2-options crc32c,unique-id,authority",
    "send-proxy-v2 check check-send-proxy inter 100ms"])
def test_haproxy_may_stand_in_front(tlsd, tls, option):
    t = tlsd(tlsd_listen=ON)
    port = free_port()
    config = t.gw.dir / "balancer.cfg"
    config.write_text(HAPROXY.format(port=port, tlsd=t.port, option=option))
    haproxy = Program(["haproxy", "-db", "-f", config],
                      t.gw.dir / "balancer.log")
    haproxy.wait_ready(lambda: listens(port))
    try:
        c = TlsClient(port, tls)
        assert c.ask() == b"hello"
        assert wait_for(lambda: t.backend.headers)
        assert t.backend.headers[-1].source == c.address
        assert t.backend.headers[-1].destination == ("127.0.0.1", port)
        c.vanish()
    finally:
        haproxy.stop()
