"""Memory per connection, with thousands of them; rproxy(8) states the
figures that are checked here."""

import os
import re
import resource
import socket
from pathlib import Path

import pytest

from processes import wait_for

MANUAL = Path(__file__).resolve().parents[2] / "rproxy" / "rproxy.8"
GET = b"GET /status/204 HTTP/1.1\r\nHost: a\r\n\r\n"
pytestmark = pytest.mark.skipif("asan" in os.environ.get("BUILD", ""),
                                reason="a sanitizer holds on to memory")


def stated(what):
    """KiB in the manual: ".It what" ... "N KiB"."""
    text = MANUAL.read_text()
    match = re.search(rf"^\.It {re.escape(what)}\n(?:.*\n)*?.*?(\d+) KiB",
                      text, re.M)
    return int(match[1])


@pytest.fixture
def descriptors():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    if before[1] < 10000:
        pytest.skip("needs 10000 descriptors")
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def silent():
    """A server that takes connections and never answers."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(4096)
        yield s.getsockname()[1]


def connect(port):
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def growth_kib(rproxy, make, first, count):
    """KiB for each of count connections that make() makes, after the first
    ones, which also make what all need."""
    held = [make() for _ in range(first)]
    before = settled(rproxy)
    held += [make() for _ in range(count)]
    after = settled(rproxy)
    for s in held:
        s.close()
    return (after - before) / count


def settled(rproxy):
    sizes = [0, rproxy.rss_kib()]

    def is_still():
        sizes.append(rproxy.rss_kib())
        return sizes[-1] == sizes[-2] == sizes[-3]
    wait_for(is_still, 10, 0.1)
    return sizes[-1]


def test_idle_connection(rproxy, bad, descriptors):
    rproxy.start(bad.port)

    def idle():
        s = connect(rproxy.port)
        s.sendall(GET)
        assert s.recv(4096).startswith(b"HTTP/1.1 204 ")
        return s
    assert growth_kib(rproxy, idle, 300, 3000) < stated("idle")


def test_connection_that_waits_for_a_server(rproxy, silent, descriptors):
    rproxy.start(silent)

    def busy():
        s = connect(rproxy.port)
        s.sendall(GET)
        return s
    assert growth_kib(rproxy, busy, 200, 1500) < stated("busy")


def test_connection_with_a_large_header(rproxy, silent, descriptors):
    rproxy.start(silent)
    fields = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 590) for i in range(100))

    def busy():
        s = connect(rproxy.port)
        s.sendall(GET[:-2] + fields + b"\r\n")
        return s
    assert growth_kib(rproxy, busy, 50, 400) < stated("busy, with the "
                                                      "largest header")


def test_connection_that_does_not_read(rproxy, bad, descriptors):
    """Its server has megabytes for it."""
    rproxy.start(bad.port)

    def stalled():
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", rproxy.port))
        s.sendall(GET.replace(b"/status/204", b"/big/64"))
        return s
    assert growth_kib(rproxy, stalled, 50, 300) < stated("stalled")


def test_tunnel(rproxy, bad, descriptors):
    rproxy.start(bad.port, route="upgrade = websocket\n")

    def tunnel():
        s = connect(rproxy.port)
        s.sendall(b"GET /tunnel HTTP/1.1\r\nHost: a\r\n"
                  b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n")
        assert b" 101 " in s.recv(4096)
        return s
    assert growth_kib(rproxy, tunnel, 50, 400) < stated("tunnel")
