"""The access log: its lines, whole, and who reads them."""

import fcntl
import json
import os
import time

import pytest

from client import Connection, fetch
from processes import wait_for


def test_access_log_in_json(rproxy, bad):
    rproxy.start(bad.port)
    fetch(rproxy.port, '/echo/"x', headers=[("User-Agent", "a\xe9\"b")])
    fetch(rproxy.port, "/close")
    first, second = rproxy.entries(2)
    assert first["status"] == 200 and first["reason"] == "ok"
    assert first["client"] == "127.0.0.1"
    assert first["site"] == "localhost" and first["route"] == "all"
    assert first["server"] == f"127.0.0.1:{bad.port}"
    assert first["user_agent"] == 'a\xe9"b'
    assert second["status"] == 502 and second["reason"] == "server_closed"
    assert first["id"] != second["id"]


def test_access_log_combined_has_whole_lines(rproxy, bad):
    rproxy.start(bad.port, log_format="combined")
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
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        for i in range(40):
            assert c.request("GET", f"/echo/{i}").status == 200
    time.sleep(0.3)
    lines = read_lines(narrow_pipe, 40, 5)
    assert [json.loads(x)["target"] for x in lines] == [
        f"/echo/{i}" for i in range(40)]


def test_what_a_pipe_has_not_taken_at_the_end_is_told(
        rproxy, bad, narrow_pipe):
    rproxy.start(bad.port)
    with Connection(rproxy.port) as c:
        for i in range(40):
            assert c.request("GET", f"/echo/{i}").status == 200
    assert rproxy.stop() == []
    assert "access log: Resource temporarily unavailable" in rproxy.log()


def test_workers_that_share_a_full_pipe_do_not_tear_lines(
        rproxy, bad, narrow_pipe):
    rproxy.start(bad.port, workers=2)
    for i in range(100):
        assert fetch(rproxy.port, f"/echo/{i}").status == 200
    lines = read_lines(narrow_pipe, 100, 10)
    assert sorted(json.loads(x)["target"] for x in lines) == sorted(
        f"/echo/{i}" for i in range(100))
