"""Certificates rotate, configurations change, daemons restart and die: no
client notices.  Each test has load on it that counts every failure."""

import base64
import hashlib
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from client import Connection, fetch
from gateway import BUILD, ROOT
from load import CLIENTS, Load, Origin, build
from processes import Program, ReadySocket, session_pids, wait_for
from service_manager import Manager
from websocket import GUID, WebSocket

NAMES = ["localhost", "127.0.0.1"]
ADMIN = {"tlsd": "admin = ./tlsd-admin.sock\n",
         "rproxy": "admin = ./rproxy-admin.sock\n"}
BOTH = pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])


@pytest.fixture(scope="module")
def origin():
    build()
    server = Origin()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def pairs(ca):
    return [ca.issue(f"rotating{i}", NAMES) for i in range(2)]


def site(pair, port, extra=""):
    return f"""\
[site]
names = localhost
names = 127.0.0.1
default = yes
[tls]
certificate = {pair.cert}
key = {pair.key}
[route all]
prefix = /
pool = origin
[pool origin]
server = http://127.0.0.1:{port}
{extra}"""


@pytest.fixture
def served(gateway, pairs, origin):
    return gateway(site=site(pairs[0], origin.port), workers=2, **ADMIN)


def program(gw, daemon):
    return getattr(gw, daemon)


def ask_admin(gw, daemon, path):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(gw.dir / f"{daemon}-admin.sock"))
        s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return s.makefile("rb").read().partition(b"\r\n\r\n")[2].decode()


def status(gw, daemon):
    return json.loads(ask_admin(gw, daemon, "/status"))


def metric(gw, daemon, name):
    found = re.search(rf"^{re.escape(name)} (\d+)$",
                      ask_admin(gw, daemon, "/metrics"), re.M)
    return int(found[1])


def serial_of(pair):
    text = subprocess.run(["openssl", "x509", "-in", pair.cert, "-noout",
                           "-serial"], capture_output=True, text=True)
    return text.stdout.strip().removeprefix("serial=")


def seen_serial(gw, tls):
    with socket.create_connection(("127.0.0.1", gw.https_port), 5) as s, \
            tls.wrap_socket(s, server_hostname="localhost") as t:
        return t.getpeercert()["serialNumber"]


def settled(gw):
    """Nobody drains any more."""
    return all(child["state"] == "ready" for daemon in ("tlsd", "rproxy")
               for child in status(gw, daemon)["children"])


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
    pids = program(gw, daemon).pids()
    idle = connections_to(origin.port)
    count = sum(target not in idle for pid in pids
                for target in descriptors(pid))
    pages = sum(int(Path(f"/proc/{pid}/statm").read_text().split()[1])
                for pid in pids)
    return len(pids), count, pages * 4


# a WebSocket and a slow download ----------------------------------------

def read_frame(lines):
    """The payload of a client's frame; None at the end."""
    head = lines.read(2)
    if len(head) < 2:
        return None
    mask = lines.read(4)
    data = lines.read(head[1] & 0x7f)
    return bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def serve_long(connection, _address):
    """/echo: a WebSocket; anything else: a byte each 100 ms for 30 s."""
    lines = connection.makefile("rb")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = lines.readline()
        if not line:
            return
        head += line
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head, re.I)
    if not key:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
        for _ in range(300):
            connection.sendall(b"x")
            time.sleep(0.1)
        return
    accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
        b"\r\n\r\n")
    while (data := read_frame(lines)) is not None:
        connection.sendall(bytes([0x81, len(data)]) + data)


class Long:
    """What spans many reloads, each in a thread of its own."""

    def __init__(self, gw, tls):
        self.results = {}
        self.threads = [threading.Thread(target=run, args=(gw, tls))
                        for run in (self.download, self.talk)]
        for thread in self.threads:
            thread.start()

    def download(self, gw, tls):
        answer = fetch(gw.https_port, "/long", tls)
        self.results["download"] = len(answer.body)

    def talk(self, gw, tls):
        count = 0
        with WebSocket(Connection(gw.https_port, tls, timeout_s=60),
                       "/echo") as ws:
            while "download" not in self.results:
                time.sleep(0.2)
                ws.send(f"message {count}")
                assert ws.receive() == f"message {count}"
                count += 1
        self.results["talk"] = count

    def end(self):
        for thread in self.threads:
            thread.join()
        return self.results


# reload --------------------------------------------------------------------

@pytest.mark.deadline(110)
def test_fifty_reloads_in_a_minute_lose_nothing(
        gateway, pairs, origin, backend, ca, tls):
    port = backend(serve_long)
    routes = f"""\
[route long]
prefix = /long
prefix = /echo
upgrade = websocket
pool = long
[pool long]
server = http://127.0.0.1:{port}
"""
    texts = [site(pair, origin.port, routes) for pair in pairs]
    serials = [serial_of(pair) for pair in pairs]
    gw = gateway(site=texts[0], workers=2, **ADMIN)
    with Load(gw, ca) as load:  # everybody has had something to do
        time.sleep(1)
        load.end().assert_clean()
    assert wait_for(lambda: settled(gw))
    before = {daemon: usage(gw, daemon, origin) for daemon in ADMIN}
    slow = Long(gw, tls)
    with Load(gw, ca) as load:
        begin = time.monotonic()
        for number in range(1, 51):
            (gw.sites / "site.ini").write_text(texts[number % 2])
            gw.tlsd.send(signal.SIGHUP)
            assert wait_for(lambda: seen_serial(gw, tls) ==
                            serials[number % 2], 1.0), number
            time.sleep(max(0, begin + number * 1.2 - time.monotonic()))
        spent = time.monotonic() - begin
        report = load.end()
    report.assert_clean()
    assert spent < 62
    results = slow.end()
    assert results["download"] == 300
    assert results["talk"] > 100
    assert metric(gw, "tlsd", 'tlsd_reloads_total{result="ok"}') == 50
    assert wait_for(lambda: settled(gw), 10)
    after = {daemon: usage(gw, daemon, origin) for daemon in ADMIN}
    print(report.totals, before, after)
    for daemon in ADMIN:
        assert after[daemon][:2] == before[daemon][:2]
        assert after[daemon][2] <= before[daemon][2] * 1.1 + 2048
    open_now = re.findall(r"^tlsd_connections\{\S+ (\d+)$",
                          ask_admin(gw, "tlsd", "/metrics"), re.M)
    assert open_now and set(open_now) == {"0"}


def test_a_reload_of_rproxy_with_other_routes_and_servers_loses_nothing(
        gateway, pairs, origin, ca, tls):
    two = site(pairs[0], origin.port,
               f"server = http://localhost:{origin.port}\n")
    one = site(pairs[0], origin.port, """\
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
    assert status(gw, "rproxy")["generation"] == 7
    assert status(gw, "tlsd")["generation"] == 1
    assert wait_for(lambda: settled(gw), 10)
    assert len(gw.rproxy.pids()) == 3


@pytest.mark.parametrize("first", ["end", "request"])
@pytest.mark.parametrize("scheme, draining", [
    ("https", "tlsd"), ("https", "rproxy"), ("http", "rproxy")])
def test_a_request_that_crosses_the_end_of_an_idle_connection_is_answered(
        gateway, pairs, origin, tls, scheme, draining, first):
    """The worker stands still while the grace ends and the client asks; what
    came first it is told of first."""
    gw = gateway(site=site(pairs[0], origin.port), workers=1, **ADMIN)
    port, context = ((gw.https_port, tls) if scheme == "https"
                     else (gw.http_port, None))
    with Connection(port, context) as c:
        assert c.request("GET", "/1k").status == 200
        # the one to which rproxy's end of the connection comes
        stopped, = gw.pids(f"{'tlsd' if scheme == 'https' else 'rproxy'}"
                           ": worker")
        program(gw, draining).send(signal.SIGHUP)
        assert wait_for(lambda: status(gw, draining)["generation"] == 2)
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
        assert metric(gw, "tlsd", "tlsd_backend_crossed_total") == 1


def test_a_request_that_crosses_the_end_of_a_silent_connection_is_answered(
        gateway, pairs, origin, tls):
    gw = gateway(site=site(pairs[0], origin.port), workers=1,
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
    gw = gateway(site=site(pairs[0], origin.port), workers=1,
                 tlsd=ADMIN["tlsd"],
                 rproxy=ADMIN["rproxy"] + "keepalive_timeout = 1s\n")
    with Connection(gw.https_port, tls) as c:
        assert c.request("GET", "/1k").status == 200

        def open_now():
            return (metric(gw, "tlsd", 'tlsd_connections{state="relay"}') +
                    metric(gw, "rproxy", "rproxy_connections"))

        assert open_now() == 2
        assert wait_for(lambda: open_now() == 0, 12)
    assert metric(gw, "tlsd", "tlsd_idle_timeouts_total") == 0


@BOTH
def test_a_drain_does_not_wait_for_clients_that_never_close(
        served, tls, daemon):
    """With sockets held by systemd, everybody would wait with it."""
    with Connection(served.https_port, tls) as idle, \
            Connection(served.https_port, tls):
        assert idle.request("GET", "/1k").status == 200
        begin = time.monotonic()
        assert program(served, daemon).stop() == 0
        assert time.monotonic() - begin < 12
        setattr(served, daemon, None)


# restart and takeover --------------------------------------------------------

@pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])
def test_a_restart_with_inherited_sockets_loses_nothing(
        gateway, pairs, origin, ca, tls, daemon):
    gw = gateway(site=site(pairs[0], origin.port), workers=2, start=False,
                 **ADMIN)
    manager = Manager(gw, daemon)
    if daemon == "rproxy":
        manager.start()
        gw.start_tlsd()
    else:
        gw.start_rproxy()
        manager.start()
    resumption = Resumption(gw, ca, gw.dir / "session")
    with Load(gw, ca) as load:
        for _ in range(3):
            time.sleep(0.7)
            manager.restart()
        time.sleep(1)
        load.end().assert_clean()
    resumption.assert_resumes()
    if daemon == "tlsd":
        assert status(gw, "tlsd")["generation"] == 4


@BOTH
def test_a_takeover_loses_nothing(served, ca, tls, daemon):
    ini = getattr(served, f"{daemon}_ini")
    resumption = Resumption(served, ca, served.dir / "session")
    with Load(served, ca) as load:
        for number in range(3):
            time.sleep(0.7)
            former = program(served, daemon)
            latter = Program([BUILD / daemon, "--takeover", "-c", ini],
                             served.dir / f"{daemon}.log")
            setattr(served, daemon, latter)
            assert former.process.wait(10) == 0, latter.log_text()
            assert wait_for(lambda: not session_pids(former.pid))
        time.sleep(1)
        load.end().assert_clean()
    resumption.assert_resumes()
    assert status(served, daemon)["pid"] == latter.pid
    assert status(served, daemon)["generation"] == 4


def test_a_takeover_is_for_root_and_the_own_user(served):
    admin = served.dir / "tlsd-admin.sock"
    admin.chmod(0o666)
    ask = ("import socket, sys; s = socket.socket(socket.AF_UNIX); "
           f"s.connect('{admin}'); "
           "s.sendall(b'POST /takeover HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'); "
           "m = socket.recv_fds(s, 100, 9); "
           "sys.exit(m[0][:12] != b'HTTP/1.1 403' or len(m[1]) > 0)")
    run = subprocess.run(["/usr/bin/python3", "-c", ask], user="games",
                         timeout=20)
    assert run.returncode == 0
    assert served.tlsd.process.poll() is None


class Named:
    """A server that says who it is, and fails its probes when told to."""

    def __init__(self, name):
        self.name, self.is_ill = name, False

    def __call__(self, connection, _address):
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            part = connection.recv(65536)
            if not part:
                return
            head += part
        status = 503 if self.is_ill and b"GET /ping" in head else 200
        connection.sendall(
            f"HTTP/1.1 {status} X\r\nContent-Length: 1\r\n"
            f"Connection: close\r\n\r\n{self.name}".encode())


def renew(gw, manager, how):
    """rproxy gets a new generation, process, or both."""
    before = gw.rproxy.log_text().count(" serves")
    if how == "reload":
        gw.rproxy.send(signal.SIGHUP)
    elif how == "restart":
        manager.restart()
    else:
        former = gw.rproxy
        gw.rproxy = Program([BUILD / "rproxy", "--takeover", "-c",
                             gw.rproxy_ini], gw.dir / "rproxy.log")
        assert former.process.wait(10) == 0
    assert wait_for(lambda: gw.rproxy.log_text().count(" serves") > before)


@pytest.mark.parametrize("how", ["reload", "takeover", "restart"])
def test_health_and_stickiness_survive(gateway, pairs, backend, how):
    """The window is that between the new prober's first two probes."""
    servers = {name: Named(name) for name in "abc"}
    ports = {name: backend(server) for name, server in servers.items()}
    more = "".join(f"server = http://127.0.0.1:{ports[name]}\n"
                   for name in "bc")
    gw = gateway(site=site(pairs[0], ports["a"], f"""\
{more}health = /ping
health_interval = 3s
sticky = cookie
sticky_key = of the test
"""), workers=2, start=False, **ADMIN)
    manager = Manager(gw, "rproxy")
    servers["c"].is_ill = True
    manager.start()

    def answered(*headers):
        return {fetch(gw.http_port, "/", headers=headers).text
                for _ in range(12)}

    assert wait_for(lambda: ": down, its health probe" in
                    gw.rproxy.log_text())
    assert answered() == {"a", "b"}
    cookies = {}
    while len(cookies) < 2:
        answer = fetch(gw.http_port, "/")
        cookies[answer.text] = answer.get("Set-Cookie").partition(";")[0]
    renew(gw, manager, how)
    assert answered() == {"a", "b"}
    for name, cookie in cookies.items():
        assert answered(("Cookie", cookie)) == {name}
    assert gw.rproxy.log_text().count(": down, its health probe") == 1


def ask_for_takeover(gw, daemon):
    """A master that takes over, up to the moment before it serves."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(str(gw.dir / f"{daemon}-admin.sock"))
    s.sendall(b"POST /takeover HTTP/1.1\r\nHost: x\r\n\r\n")
    text, fds, _, _ = socket.recv_fds(s, 100, 16)
    assert text.startswith(b"takeover 1 "), text
    return s, fds


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_who_is_told_to_stop_during_a_takeover_leaves_the_socket_files(
        served, number):
    """They are the other master's; tlsd would find no rproxy any more."""
    latter, fds = ask_for_takeover(served, "rproxy")
    assert served.rproxy.stop(number) == 0
    served.rproxy = None
    for path in (served.socket, served.dir / "rproxy-admin.sock"):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(path))
    for fd in fds:
        os.close(fd)
    latter.close()
    # nobody listens on them now, and the next one may begin
    served.start_rproxy()


@BOTH
def test_a_reload_during_a_takeover_that_fails_is_made_up_for(served, daemon):
    latter, fds = ask_for_takeover(served, daemon)
    program(served, daemon).send(signal.SIGHUP)
    assert wait_for(lambda: "the reload waits: another master" in
                    program(served, daemon).log_text())
    assert status(served, daemon)["generation"] == 1
    for fd in fds:
        os.close(fd)
    latter.close()
    assert wait_for(lambda: status(served, daemon)["generation"] == 2)
    assert fetch(served.http_port, "/1k").status == 200


# death -----------------------------------------------------------------------

@pytest.mark.parametrize("role", ["tlsd: signer", "tlsd: worker",
                                  "rproxy: worker"])
def test_ten_deaths_cost_only_what_was_in_flight(
        served, origin, ca, tls, role):
    daemon = role.split(":")[0]
    assert wait_for(lambda: settled(served))
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
    assert metric(served, daemon, f'{daemon}_child_restarts_total'
                  f'{{role="{role.split()[1]}"}}') == 10
    assert wait_for(lambda: settled(served), 10)
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
    gw = gateway(site=site(pairs[0], origin.port), workers=2, **ADMIN)
    with Load(gw, ca, https_only=True) as load:
        for _ in range(3):
            time.sleep(0.7)
            assert gw.rproxy.stop() == 0
            time.sleep(0.5)
            gw.start_rproxy()
        time.sleep(1)
        report = load.end()
    assert not report.failures, report.failures[:5]
    assert metric(gw, "tlsd", "tlsd_backend_wait_exceeded_total") == 0


def test_clients_without_rproxy_are_closed_counted_and_logged_once(
        gateway, pairs, origin, ca, tls):
    gw = gateway(site=site(pairs[0], origin.port), workers=1,
                 tlsd=ADMIN["tlsd"] + "backend_wait = 1s\n",
                 rproxy=ADMIN["rproxy"])
    with Load(gw, ca, https_only=True) as load:
        time.sleep(0.7)
        assert gw.rproxy.stop() == 0
        time.sleep(3)
        gw.start_rproxy()
        assert wait_for(lambda: metric(gw, "tlsd", "tlsd_backend_waiting")
                        == 0)
        given_up = metric(gw, "tlsd", "tlsd_backend_wait_exceeded_total")
        report = load.end()
    # 8 clients, again and again a second of waiting
    assert 8 <= given_up <= 8 * 4
    assert {f["failure"] for f in report.failures} <= {"cut", "closed"}
    assert len(report.failures) == given_up
    log = gw.tlsd.log_text()
    assert log.count("rproxy cannot be reached") == 1
    assert log.count("clients are being closed") == 1
    assert log.count(f"{given_up} clients were closed meanwhile") == 1


# sessions --------------------------------------------------------------------

class Resumption:
    """Sessions of TLS 1.2 and 1.3, kept in files by openssl s_client."""

    VERSIONS = ("-tls1_2", "-tls1_3")

    def __init__(self, gw, ca, path):
        self.ca, self.path = ca, path
        for version in self.VERSIONS:
            assert self.connect(gw, version, "-sess_out") == "New"
        self.gw = gw

    def connect(self, gw, version, option):
        """ "New" or "Reused"; a file that is written has a fresh ticket."""
        run = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gw.https_port}",
             "-servername", "localhost", "-CAfile", self.ca.cert, version,
             "-ign_eof", option, f"{self.path}{version}"],
            input="GET /1k HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: close\r\n\r\n", capture_output=True, text=True,
            timeout=20)
        assert "200 OK" in run.stdout, run.stdout + run.stderr
        return re.search(r"^(New|Reused), TLSv1", run.stdout, re.M)[1]

    def assert_resumes(self, gw=None, verdict="Reused"):
        for version in self.VERSIONS:
            seen = self.connect(gw or self.gw, version, "-sess_in")
            assert seen == verdict, version


def reload_tlsd(gw):
    number = status(gw, "tlsd")["generation"]
    gw.tlsd.send(signal.SIGHUP)
    assert wait_for(lambda: status(gw, "tlsd")["generation"] > number)


def test_sessions_resume_after_a_reload_and_the_death_of_the_signer(
        served, ca):
    resumption = Resumption(served, ca, served.dir / "session")
    resumption.assert_resumes()
    reload_tlsd(served)
    resumption.assert_resumes()
    signer, = served.pids("tlsd: signer")
    os.kill(signer, signal.SIGKILL)
    assert wait_for(lambda: served.pids("tlsd: signer") not in ([], [signer]))
    resumption.assert_resumes()


def test_a_resumed_session_of_tls_1_3_brings_a_new_ticket_each_time(
        served, ca):
    """A chain of resumptions, each by the ticket of the one before."""
    context = ssl.create_default_context(cafile=str(ca.cert))
    session = None
    for number in range(6):
        with socket.create_connection(("127.0.0.1", served.https_port),
                                      5) as s, \
                context.wrap_socket(s, server_hostname="localhost",
                                    session=session) as t:
            t.sendall(b"GET /1k HTTP/1.1\r\nHost: localhost\r\n"
                      b"Connection: close\r\n\r\n")
            while t.recv(4096):
                pass
            assert t.version() == "TLSv1.3"
            assert t.session_reused == (number > 0), number
            session = t.session
    assert metric(served, "tlsd", 'tlsd_handshakes_total'
                  '{version="TLSv1.3",resumed="yes"}') == 5


def test_hosts_share_sessions_by_a_file_of_ticket_keys(
        gateway, pairs, origin, ca, folder):
    keys = folder / "tickets.key"
    newer = os.urandom(80)
    keys.write_bytes(os.urandom(80))
    keys.chmod(0o600)
    text = site(pairs[0], origin.port)
    first, second = (gateway(site=text, tlsd=f"{ADMIN['tlsd']}"
                             f"ticket_keys = {keys}\n") for _ in range(2))
    stranger = gateway(site=text)
    resumption = Resumption(first, ca, folder / "session")
    resumption.assert_resumes(second)
    resumption.assert_resumes(stranger, "New")
    # a new key in front: the one before it is still good
    keys.write_bytes(newer + keys.read_bytes())
    for gw in (first, second):
        reload_tlsd(gw)
    resumption.assert_resumes(second)
    resumption = Resumption(second, ca, folder / "session")
    keys.write_bytes(newer)
    reload_tlsd(first)
    resumption.assert_resumes(first)


# expiry ----------------------------------------------------------------------

def test_expiry_is_a_gauge_for_each_site_and_a_warning_in_time(
        gateway, pairs, origin, ca):
    soon = time.time() + 5 * 86400 + 3600
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(soon))
    short = ca.issue("short", ["short.example.com"], end=end)
    text = site(short, origin.port).replace("names = localhost\n",
                                            "names = short.example.com\n")
    gw = gateway(sites={"a": site(pairs[0], origin.port),
                        "b": text.replace("names = 127.0.0.1\n", "")
                        .replace("default = yes\n", "")}, **ADMIN)
    assert abs(metric(gw, "tlsd", 'tlsd_certificate_expiry_seconds'
                      '{site="short.example.com"}') - soon) < 2
    assert metric(gw, "tlsd", 'tlsd_certificate_expiry_seconds'
                  '{site="localhost"}') > time.time() + 29 * 86400
    log = gw.tlsd.log_text()
    assert "certificate of site short.example.com expires in 5 days" in log
    assert "certificate of site localhost" not in log


@pytest.mark.skipif(BUILD.name != "build",
                    reason="sanitizers want to be preloaded themselves")
def test_the_warning_of_expiry_comes_once_a_day(
        gateway, pairs, origin, ca, folder):
    shim, added = folder / "clock_shim.so", folder / "seconds"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim,
                    ROOT / "tests/tools/clock_shim.c"], check=True)
    end = time.strftime("%Y%m%d%H%M%SZ",
                        time.gmtime(time.time() + 5 * 86400 + 3600))
    pair = ca.issue("daily", NAMES, end=end)
    gw = gateway(site=site(pair, origin.port), start=False)
    added.write_text("0")
    with ReadySocket(gw.dir / "tlsd.notify") as ready:
        gw.tlsd = Program(
            [BUILD / "tlsd", "-c", gw.tlsd_ini], gw.dir / "tlsd.log",
            env=dict(os.environ, NOTIFY_SOCKET=ready.path,
                     LD_PRELOAD=str(shim), CLOCK_SHIM_FILE=str(added)))
        gw.tlsd.wait_ready(ready.is_up)

    def warnings_at(seconds):
        """The log file is opened anew: the master looks at its clock."""
        added.write_text(str(seconds))
        for _ in range(3):
            gw.tlsd.send(signal.SIGUSR1)
            time.sleep(0.3)
        return gw.tlsd.log_text().count("expires in 5 days")

    assert warnings_at(0) == 1
    assert warnings_at(86400 - 600) == 1
    assert warnings_at(86400 + 60) == 2
    assert warnings_at(86400 + 3600) == 2
    assert warnings_at(2 * 86400 + 600) == 3
