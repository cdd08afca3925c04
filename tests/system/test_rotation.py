"""Certificates rotate, configurations change, daemons die: no client notices.
Each test has load on it that counts every failure."""

import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

import admin
from client import Connection, fetch, seen_serial
from conftest import site_text
from gateway import ADMIN
from load import CLIENTS, Load
from long_lived import Long, long_route, serve_long
from processes import wait_for

BOTH = pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])


def serial_of(pair):
    text = subprocess.run(["openssl", "x509", "-in", pair.cert, "-noout",
                           "-serial"], capture_output=True, text=True)
    return text.stdout.strip().removeprefix("serial=")


def connections_to(port):
    """Inodes of the established connections to a port, as in /proc/PID/fd."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {f"socket:[{line.split()[9]}]" for line in lines
            if line.split()[2].endswith(f":{port:04X}")}


def descriptors(pid):
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            yield os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            pass


def usage(gw, daemon, origin):
    """Processes, descriptors and resident KiB of a daemon.  Idle connections
    to the server are kept on purpose, and not counted."""
    pids = gw.program(daemon).pids()
    idle = connections_to(origin.port)
    count = sum(target not in idle for pid in pids
                for target in descriptors(pid))
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                for pid in pids)
    return len(pids), count, pages * 4


# reload --------------------------------------------------------------------

@pytest.mark.deadline(110)
def test_fifty_reloads_in_a_minute_lose_nothing(
        gateway, pairs, origin, backend, ca, tls):
    port = backend(serve_long)
    texts = [site_text(pair, origin.port, more=long_route(port))
             for pair in pairs]
    serials = [serial_of(pair) for pair in pairs]
    gw = gateway(site=texts[0], workers=2, **ADMIN)
    with Load(gw, ca) as load:  # everybody has had something to do
        time.sleep(1)
        load.end().assert_clean()
    assert wait_for(gw.is_settled)
    before = {daemon: usage(gw, daemon, origin) for daemon in ADMIN}
    slow = Long(gw, tls)
    with Load(gw, ca) as load:
        begin = time.monotonic()
        for number in range(1, 51):
            (gw.sites / "site.ini").write_text(texts[number % 2])
            gw.tlsd.send(signal.SIGHUP)
            assert wait_for(lambda: seen_serial(gw.https_port, tls) ==
                            serials[number % 2], 1.0), number
            time.sleep(max(0, begin + number * 1.2 - time.monotonic()))
        spent = time.monotonic() - begin
        report = load.end()
    report.assert_clean()
    assert spent < 62
    results = slow.end()
    assert results["download"] == 300
    assert results["talk"] > 100
    assert gw.metric("tlsd", 'tlsd_reloads_total{result="ok"}') == 50
    assert wait_for(gw.is_settled, 10)
    after = {daemon: usage(gw, daemon, origin) for daemon in ADMIN}
    print(report.totals, before, after)
    for daemon in ADMIN:
        assert after[daemon][:2] == before[daemon][:2]
        assert after[daemon][2] <= before[daemon][2] * 1.1 + 2048
    open_now = re.findall(r"^tlsd_connections\{\S+ (\d+)$",
                          admin.get(gw.admin("tlsd"), "/metrics"), re.M)
    assert open_now and set(open_now) == {"0"}


def test_a_reload_of_rproxy_with_other_routes_and_servers_loses_nothing(
        gateway, pairs, origin, ca, tls):
    two = site_text(pairs[0], origin.port,
                    more=f"server = http://localhost:{origin.port}\n")
    one = site_text(pairs[0], origin.port, more="""\
[route more]
prefix = /more
pool = origin
""")
    gw = gateway(site=two, workers=2, **ADMIN)
    with Load(gw, ca) as load:
        for number in range(1, 7):
            time.sleep(0.8)
            (gw.sites / "site.ini").write_text(one if number % 2 else two)
            gw.rproxy.send(signal.SIGHUP)
        time.sleep(2)
        load.end().assert_clean()
    assert gw.status("rproxy")["generation"] == 7
    assert gw.status("tlsd")["generation"] == 1
    assert wait_for(gw.is_settled, 10)
    assert len(gw.rproxy.pids()) == 3


@pytest.mark.parametrize("first", ["end", "request"])
@pytest.mark.parametrize("scheme, draining", [
    ("https", "tlsd"), ("https", "rproxy"), ("http", "rproxy")])
def test_a_request_that_crosses_the_end_of_an_idle_connection_is_answered(
        gateway, pairs, origin, tls, scheme, draining, first):
    """The worker stands still while the grace ends and the client asks; what
    came first it is told of first."""
    gw = gateway(site=site_text(pairs[0], origin.port), workers=1, **ADMIN)
    port, context = ((gw.https_port, tls) if scheme == "https"
                     else (gw.http_port, None))
    with Connection(port, context) as c:
        assert c.request("GET", "/1k").status == 200
        # the one to which rproxy's end of the connection comes
        stopped, = gw.pids(f"{'tlsd' if scheme == 'https' else 'rproxy'}"
                           ": worker")
        gw.program(draining).send(signal.SIGHUP)
        assert wait_for(lambda: gw.status(draining)["generation"] == 2)
        time.sleep(0.3)
        os.kill(stopped, signal.SIGSTOP)
        if first == "request":
            c.send_request("GET", "/1k")
        time.sleep(1.2)
        if first == "end":
            c.send_request("GET", "/1k")
        os.kill(stopped, signal.SIGCONT)
        answer = c.read_response()
        assert answer.status == 200 and len(answer.body) == 1024
    if scheme == "https":
        assert gw.metric("tlsd", "tlsd_backend_crossed_total") == 1


def test_a_request_that_crosses_the_end_of_a_silent_connection_is_answered(
        gateway, pairs, origin, tls):
    gw = gateway(site=site_text(pairs[0], origin.port), workers=1,
                 tlsd=ADMIN["tlsd"] + "handshake_timeout = 2s\n",
                 rproxy=ADMIN["rproxy"])
    with Connection(gw.https_port, tls) as c:
        worker, = gw.pids("tlsd: worker")
        time.sleep(1)
        os.kill(worker, signal.SIGSTOP)
        c.send_request("GET", "/1k")
        time.sleep(1.5)
        os.kill(worker, signal.SIGCONT)
        assert c.read_response().status == 200


def test_a_client_that_never_closes_holds_nothing_for_long(
        gateway, pairs, origin, tls):
    gw = gateway(site=site_text(pairs[0], origin.port), workers=1,
                 tlsd=ADMIN["tlsd"],
                 rproxy=ADMIN["rproxy"] + "keepalive_timeout = 1s\n")
    with Connection(gw.https_port, tls) as c:
        assert c.request("GET", "/1k").status == 200

        def open_now():
            return (gw.metric("tlsd", 'tlsd_connections{state="relay"}') +
                    gw.metric("rproxy", "rproxy_connections"))

        assert open_now() == 2
        assert wait_for(lambda: open_now() == 0, 12)
    assert gw.metric("tlsd", "tlsd_idle_timeouts_total") == 0


@BOTH
def test_a_drain_does_not_wait_for_clients_that_never_close(
        served, tls, daemon):
    """With sockets held by systemd, everybody would wait with it."""
    with Connection(served.https_port, tls) as idle, \
            Connection(served.https_port, tls):
        assert idle.request("GET", "/1k").status == 200
        begin = time.monotonic()
        assert served.program(daemon).stop() == 0
        assert time.monotonic() - begin < 12
        setattr(served, daemon, None)


# death -----------------------------------------------------------------------

@pytest.mark.parametrize("role", ["tlsd: signer", "tlsd: worker",
                                  "rproxy: worker"])
def test_ten_deaths_cost_only_what_was_in_flight(
        served, origin, ca, tls, role):
    daemon = role.split(":")[0]
    assert wait_for(served.is_settled)
    before = usage(served, daemon, origin)
    children = served.pids(role)
    deaths = []
    with Load(served, ca) as load:
        for number in range(10):
            # another one each time, where there is another one
            time.sleep(0.6 if len(children) > 1 else 1.1)
            victim = children[number % len(children)]
            deaths.append(time.time())
            os.kill(victim, signal.SIGKILL)

            def is_replaced():
                now = served.pids(role)
                return len(now) == len(children) and victim not in now

            assert wait_for(is_replaced, 1.0), number
            fresh, = set(served.pids(role)) - set(children)
            children[number % len(children)] = fresh
            assert fetch(served.https_port, "/1k", tls).status == 200
            assert fetch(served.http_port, "/1k").status == 200
        time.sleep(1)
        report = load.end()
    print(report.totals, len(report.failures))
    report.assert_cut_only_at(deaths)
    # one exchange each; after a death most are with the one that dies next
    for t in deaths:
        assert sum(f["began"] - 0.05 <= t <= f["ended"] + 0.05
                   for f in report.failures) <= CLIENTS, t
    assert served.metric(daemon, f'{daemon}_child_restarts_total'
                         f'{{role="{role.split()[1]}"}}') == 10
    assert wait_for(served.is_settled, 10)
    after = usage(served, daemon, origin)
    assert after[:2] == before[:2]


def test_five_deaths_in_a_row_are_reported_and_do_not_spin(served, ca, tls):
    def cpu_ticks():
        fields = open(f"/proc/{served.tlsd.pid}/stat").read().split()
        return int(fields[13]) + int(fields[14])

    victim = served.pids("tlsd: worker")[0]
    other = served.pids("tlsd: worker")[1]
    ticks = cpu_ticks()
    deaths = []
    with Load(served, ca) as load:
        for _ in range(5):
            deaths.append(time.time())
            os.kill(victim, signal.SIGKILL)
            victim = wait_for(lambda: next(
                (p for p in served.pids("tlsd: worker")
                 if p not in (victim, other)), None), 3)
        report = load.end()
    report.assert_cut_only_at(deaths)
    assert served.tlsd.log_text().count("crashed 5 times in a row") == 1
    assert deaths[-1] - deaths[0] > 0.1 + 0.2 + 0.4
    assert cpu_ticks() - ticks < 50
    assert fetch(served.https_port, "/1k", tls).status == 200


# without rproxy --------------------------------------------------------------

def test_clients_wait_for_an_rproxy_that_comes_back(
        gateway, pairs, origin, ca, tls):
    gw = gateway(site=site_text(pairs[0], origin.port), workers=2, **ADMIN)
    with Load(gw, ca, https_only=True) as load:
        for _ in range(3):
            time.sleep(0.7)
            assert gw.rproxy.stop() == 0
            time.sleep(0.5)
            gw.start_rproxy()
        time.sleep(1)
        report = load.end()
    assert not report.failures, report.failures[:5]
    assert gw.metric("tlsd", "tlsd_backend_wait_exceeded_total") == 0


def test_clients_without_rproxy_are_closed_counted_and_logged_once(
        gateway, pairs, origin, ca, tls):
    gw = gateway(site=site_text(pairs[0], origin.port), workers=1,
                 tlsd=ADMIN["tlsd"] + "backend_wait = 1s\n",
                 rproxy=ADMIN["rproxy"])
    with Load(gw, ca, https_only=True) as load:
        time.sleep(0.7)
        assert gw.rproxy.stop() == 0
        time.sleep(3)
        gw.start_rproxy()
        assert wait_for(lambda: gw.metric("tlsd", "tlsd_backend_waiting")
                        == 0)
        given_up = gw.metric("tlsd", "tlsd_backend_wait_exceeded_total")
        report = load.end()
    # 8 clients, again and again a second of waiting
    assert 8 <= given_up <= 8 * 4
    assert {f["failure"] for f in report.failures} <= {"cut", "closed"}
    assert len(report.failures) == given_up
    log = gw.tlsd.log_text()
    assert log.count("rproxy cannot be reached") == 1
    assert log.count("clients are being closed") == 1
    assert log.count(f"{given_up} clients were closed meanwhile") == 1
