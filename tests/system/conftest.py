"""What every system test can ask for.

Run by "make system", or by hand after "make":
    /usr/bin/python3 -m pytest tests/system -k portal
BUILD=build/asan takes other binaries.  KEEP=1 keeps the folders.

Fixtures
    ca          Authority (tests/tools/ca.py): ca.cert, ca.issue(...),
                ca.expired(...), ca.user(...), ca.crl(), ca.folder
    pair        RSA server certificate for localhost, 127.0.0.1 and
                portal.example.com: pair.cert, pair.key
    pairs       two more of these, one to follow the other
    user        client certificate of "Test User": .cert, .key, .p12
    tls         ssl context that trusts the test CA (tests/tools/client.py:
                tls_context for others)
    gateway     factory for a running tlsd and rproxy, see below
    served      a gateway before origin that runs, with admin sockets
    tlsd        factory for a tlsd without rproxy: TlsdAlone
                (tests/tools/tlsd_alone.py) and a scripted backend behind it
    egress      factory: such a tlsd with an egress socket and pools
                (tests/tools/tlsd_egress.py); inner: what servers there show
    check       the files of a gateway for -t (tests/tools/checker.py), good
                is a certificate for them
    folder      a fresh folder that the daemons' users can enter
    tomcat      a real Tomcat 10, one for the whole run: .port, .log_text(),
                and with TLS .https_port, .strict_port (who has a certificate
                of ca), for 127.0.0.1 and tomcat.intra
    jetty       likewise a Jetty 9 with ForwardedRequestCustomizer
    rproxy      rproxy without tlsd (tests/tools/rproxy_alone.py), to be
                started by the test: rproxy.start(port, http="...", ...)
    proxy       the same, running, with short times, in front of bad
    bad         a server that misbehaves on demand, one for each file
                (tests/tools/bad_backend.py): bad.port, bad.requests
    origin      the server that the clients of tests/tools/load.py know
    backend     factory: backend(handler) runs handler(connection, address)
                in a thread for each connection; returns the port

gateway(site=TEXT) or gateway(sites={"name": TEXT}), more:
    tlsd="...", rproxy="..."    more lines of [tlsd] and [rproxy]
    tlsd_listen="..."           more lines of [listen public]
    egress=True                 https servers may be in pools
    start=False                 only writes the files: gw.start() later
    and returns a Gateway (tests/tools/gateway.py):
        gw.https_port, gw.http_port    ports of 127.0.0.1
        gw.tlsd, gw.rproxy             Program: .pid .pids() .send(signal)
                                       .log_text() .stop() -> exit status
        gw.roles()                     {pid: "tlsd: signer", ...}
        gw.pids("tlsd: worker")        pids of one role
        gw.tlsd_ini, gw.sites, gw.dir  paths; gw.socket: between the two
        gw.access_log                  path
        gw.status("tlsd")              /status, likewise gw.metric("tlsd", ..):
                                       takes ADMIN of tests/tools/gateway.py
        gw.stop(), gw.start_tlsd() ... as a test needs it
    When the test ends both get TERM; the test fails if one does not end
    with 0 or leaves a process behind.  A failed test shows both logs.

Each test has 120 s, or what @pytest.mark.deadline(seconds) says.

Functions
    from conftest import site_text
        site_text(pair, port, http="", more="")   the usual site file:
                                          everything to http://127.0.0.1:port
    from client import Connection, fetch, raw, tls_context
        fetch(gw.http_port, "/x")                     -> Response
        fetch(gw.https_port, "/x", tls)               .status .headers .body
        with Connection(gw.https_port, tls) as c: c.request("GET", "/x")
    from processes import free_port, wait_for, Program, session_pids
"""

import contextlib
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

import pytest

# The leak checker attaches to its process, which the daemons do not allow.
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools"))

import checker  # noqa: E402
from bad_backend import BadBackend  # noqa: E402
from ca import Authority  # noqa: E402
from client import tls_context  # noqa: E402
from gateway import ADMIN, IS_ROOT, Gateway, make_folder  # noqa: E402
from jetty import Jetty  # noqa: E402
from listening import each_in_a_thread, stop_listening  # noqa: E402
from load import Origin, build  # noqa: E402
from processes import free_port  # noqa: E402
from rproxy_alone import RproxyAlone  # noqa: E402
from tlsd_alone import TlsdAlone  # noqa: E402
from tlsd_egress import Egress  # noqa: E402
from tomcat import Tomcat  # noqa: E402
from unix_backend import echo  # noqa: E402

DEADLINE_S = 120
KEEP = bool(os.environ.get("KEEP"))
NAMES = ["localhost", "127.0.0.1", "portal.example.com"]


def site_text(pair, port, http="", more=""):
    """A site that takes every name.  http: lines of [http]; more: lines of
    the pool, and sections."""
    return f"""\
[site]
names = localhost
names = 127.0.0.1
names = portal.example.com
default = yes

[tls]
certificate = {pair.cert}
key = {pair.key}

[route all]
prefix = /
pool = origin

[pool origin]
server = http://127.0.0.1:{port}
{more}
[http]
{http}"""


def drop(folder):
    if not KEEP:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def ca():
    folder = make_folder("gateway-ca-")
    yield Authority(folder / "ca")
    drop(folder)


@pytest.fixture(scope="session")
def pair(ca):
    return ca.issue("localhost", NAMES)


@pytest.fixture(scope="session")
def user(ca):
    return ca.user("user", "Test User")


@pytest.fixture(scope="module")
def pairs(ca):
    """Two for the same names, one to follow the other."""
    return [ca.issue(f"rotating{i}", NAMES) for i in range(2)]


@pytest.fixture(scope="session")
def tls(ca):
    return tls_context(ca.cert)


@pytest.fixture(scope="session")
def tomcat(ca):
    instance = Tomcat(make_folder("gateway-tomcat-"), ca=ca)
    instance.start()
    yield instance
    instance.stop()
    drop(instance.base.parent)


@pytest.fixture(scope="session")
def jetty():
    instance = Jetty(make_folder("gateway-jetty-"))
    instance.start()
    yield instance
    instance.stop()
    drop(instance.base.parent)


@pytest.fixture
def folder():
    path = make_folder("gateway-test-")
    yield path
    drop(path)


@pytest.fixture(scope="module")
def origin():
    build()
    server = Origin()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bad():
    with BadBackend() as server:
        yield server


@pytest.fixture
def check(folder):
    return checker.Checker(folder)


@pytest.fixture(scope="module")
def good(ca):
    return ca.issue("check-good", checker.NAMES)


@pytest.fixture
def rproxy(folder, request):
    made = RproxyAlone(folder)
    yield made
    faults = made.stop()
    report = getattr(request.node, "call_report", None)
    if faults or (report and report.failed):
        print(made.log())
    assert not faults, faults


@pytest.fixture
def proxy(rproxy, bad):
    """With short times, so that what waits for them is quick."""
    bad.requests.clear()
    return rproxy.start(bad.port, http="timeout = 1s\n", rproxy=(
        "header_timeout = 1s\nbody_timeout = 1s\nsend_timeout = 2s\n"
        "keepalive_timeout = 3s\n"))


@pytest.fixture
def gateway(request):
    made = []

    def make(site=None, sites=None, start=True, **lines):
        gw = Gateway(make_folder("gateway-"))
        made.append(gw)
        gw.write(sites or {"site": site}, **lines)
        if start:
            gw.start()
        return gw

    yield make
    faults = [fault for gw in made for fault in gw.stop()]
    report = getattr(request.node, "call_report", None)
    for gw in made:
        if faults or (report and report.failed):
            print(gw.logs())
        drop(gw.dir)
    assert not faults, "\n".join(faults)


@pytest.fixture
def served(gateway, pairs, origin):
    """A gateway before origin, two workers each, with admin sockets."""
    return gateway(site=site_text(pairs[0], origin.port), workers=2, **ADMIN)


@pytest.fixture
def tlsd(gateway, pair):
    """tlsd(handler, tls="more lines of [tls]", ...): see TlsdAlone."""
    made = []

    def make(handler=echo, tls="", away=False, command=(), site=None,
             env=None, prepare=None, **lines):
        text = site or site_text(pair, 1).replace(
            "[route all]", tls + "\n[route all]")
        gw = gateway(text, start=False, **lines)
        if prepare:
            prepare(gw)
        instance = TlsdAlone(gw, handler)
        made.append(instance)
        if not away:
            instance.backend.start()
        instance.start(command, env)
        return instance

    yield make
    for instance in made:
        instance.backend.stop()
        assert not instance.backend.faults


@pytest.fixture
def egress(tlsd, pair):
    def make(text, lines="", **more):
        return Egress(tlsd, site_text(pair, 1, more=text), lines, **more)
    return make


@pytest.fixture(scope="module")
def inner(ca):
    """What the servers behind have."""
    return ca.issue("inner", ["inner.example.com", "localhost", "127.0.0.1",
                              "::1"])


@pytest.fixture
def two_addresses(folder):
    """A program in front, for which two.test is 127.0.0.1 and 127.0.0.2."""
    if not IS_ROOT:
        pytest.skip("needs a file system of its own")
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 two.test\n127.0.0.2 two.test\n")
    return ["unshare", "--mount", "sh", "-c",
            f"mount --bind {hosts} /etc/hosts && exec \"$@\"", "sh"]


@pytest.fixture(autouse=True)
def deadline(request):
    """No test hangs: @pytest.mark.deadline(seconds) for another limit."""
    mark = request.node.get_closest_marker("deadline")
    limit_s = mark.args[0] if mark else DEADLINE_S

    def expire(_number, _frame):
        raise TimeoutError(f"the test takes more than {limit_s} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(limit_s)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def pytest_configure(config):
    config.addinivalue_line("markers", "deadline(seconds): limit of a test")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_report = outcome.get_result()


@pytest.fixture
def backend():
    """Servers that do exactly what a test wants, byte by byte."""
    listeners = []

    def make(handler):
        def handle(connection, address):
            with connection, contextlib.suppress(OSError):
                handler(connection, address)

        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        listeners.append(listener)
        each_in_a_thread(listener, handle)
        return listener.getsockname()[1]

    yield make
    for listener in listeners:
        stop_listening(listener)


__all__ = ["free_port", "site_text"]
