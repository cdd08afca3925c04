"""tlsd is reloaded, restarted, replaced and killed while requests go to https
servers through it.  The servers are a second gateway's front."""

import os
import re
import signal
import time

import pytest

from client import Connection
from conftest import NAMES, site_text
from gateway import ADMIN
from load import Load, assert_nothing_lost
from long_lived import Long, long_route, serve_long
from processes import wait_for
from service_manager import Manager


@pytest.fixture(scope="module")
def front(ca):
    return ca.issue("front", NAMES)


@pytest.fixture
def inner(gateway, front, origin, backend):
    """The https server: its port answers like origin, and /long, /echo."""
    port = backend(serve_long)
    return gateway(site=site_text(front, origin.port, "via_name = inner\n",
                                  long_route(port)), workers=2)


@pytest.fixture
def outer(gateway, front, inner, ca):
    def make(start=True, more="", **lines):
        text = site_text(front, 1, more=f"tls_ca = {ca.cert}\n{more}").replace(
            "http://127.0.0.1:1", f"https://127.0.0.1:{inner.https_port}")
        text = text.replace("prefix = /\n", "prefix = /\n"
                            "upgrade = websocket\n")
        return gateway(site=text, workers=2, start=start, egress=True,
                       **{**ADMIN, **lines})
    return make


def kept(gw):
    return gw.metric("rproxy", "rproxy_server_reuses_total")


@pytest.mark.deadline(110)
def test_reloads_of_tlsd_lose_nothing(outer, ca, tls):
    gw = outer()
    slow = Long(gw, tls)
    with Load(gw, ca) as load:
        for number in range(2, 14):
            time.sleep(0.5)
            gw.tlsd.send(signal.SIGHUP)
            assert wait_for(
                lambda: gw.status("tlsd")["generation"] == number)
        before = kept(gw)
        time.sleep(0.5)
        assert kept(gw) > before
        load.end().assert_clean()
    results = slow.end()
    assert results["download"] == 300
    assert results["talk"] > 100
    # nobody holds an old generation until drain_timeout
    assert wait_for(gw.is_settled, 15)
    assert "drain_timeout" not in gw.tlsd.log_text()


def test_a_restart_with_inherited_sockets_loses_nothing(outer, ca):
    gw = outer(start=False)
    manager = Manager(gw, "tlsd")
    gw.start_rproxy()
    manager.start()
    assert_nothing_lost(gw, ca, manager.restart)
    assert gw.status("tlsd")["generation"] == 4


def test_a_takeover_loses_nothing(outer, ca):
    gw = outer()
    assert_nothing_lost(gw, ca, lambda: gw.take_over("tlsd"))


def test_plain_clients_wait_for_a_tlsd_that_is_started_anew(outer):
    """Without a service manager, nobody holds the socket meanwhile."""
    gw = outer()
    with Connection(gw.http_port) as c:
        assert c.request("GET", "/1k").status == 200
        assert gw.tlsd.stop() == 0
        c.send_request("GET", "/1k")
        time.sleep(0.5)
        gw.start_tlsd()
        assert len(c.read_response().body) == 1024


@pytest.mark.parametrize("role", ["tlsd: signer", "tlsd: worker"])
def test_deaths_cost_only_what_was_in_flight(outer, ca, role):
    gw = outer()
    deaths = []
    with Load(gw, ca) as load:
        for _ in range(3):
            time.sleep(1.1)
            victim = gw.pids(role)[0]
            deaths.append(time.time())
            os.kill(victim, signal.SIGKILL)
            assert wait_for(gw.is_settled)
        time.sleep(1)
        report = load.end()
    for failure in report.failures:
        assert any(failure["began"] - 0.05 <= t <= failure["ended"] + 0.3
                   for t in deaths), (failure, deaths)


def test_reloads_of_rproxy_lose_nothing(outer, ca):
    gw = outer(more="health = /1k\nhealth_interval = 200ms\n")
    assert_nothing_lost(gw, ca, lambda: gw.rproxy.send(signal.SIGHUP),
                        times=6)
    assert not re.search(": down", gw.rproxy.log_text())
    assert gw.program("tlsd").process.poll() is None
