"""The PROXY header in front of a connection: tlsd, haproxy and others as
senders."""

import shutil
import socket
import subprocess
import time

import pytest

from client import fetch
from gateway import IS_ROOT
from processes import Program, free_port, listens

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
    assert bad.last.get("X-Forwarded-For") == "192.0.2.7"


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
        assert bad.last.get("X-Forwarded-For") == "127.0.0.1"
        assert bad.last.get("X-Forwarded-Proto") == "http"
    finally:
        haproxy.stop()
