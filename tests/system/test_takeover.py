"""A daemon is started anew, by its service manager or beside the one that
runs: no client notices."""

import os
import signal
import socket
import subprocess

import pytest

from client import fetch
from conftest import site_text
from gateway import ADMIN
from load import assert_nothing_lost
from processes import wait_for
from resumption import Resumption
from service_manager import Manager

BOTH = pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])


@pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])
def test_a_restart_with_inherited_sockets_loses_nothing(
        gateway, pairs, origin, ca, tls, daemon):
    gw = gateway(site=site_text(pairs[0], origin.port), workers=2, start=False,
                 **ADMIN)
    manager = Manager(gw, daemon)
    if daemon == "rproxy":
        manager.start()
        gw.start_tlsd()
    else:
        gw.start_rproxy()
        manager.start()
    resumption = Resumption(gw, ca, gw.dir / "session")
    assert_nothing_lost(gw, ca, manager.restart)
    resumption.assert_resumes()
    if daemon == "tlsd":
        assert gw.status("tlsd")["generation"] == 4


@BOTH
def test_a_takeover_loses_nothing(served, ca, tls, daemon):
    resumption = Resumption(served, ca, served.dir / "session")
    assert_nothing_lost(served, ca, lambda: served.take_over(daemon))
    resumption.assert_resumes()
    assert served.status(daemon)["pid"] == served.program(daemon).pid
    assert served.status(daemon)["generation"] == 4


def test_a_takeover_is_for_root_and_the_own_user(served):
    admin = served.admin("tlsd")
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
        gw.take_over("rproxy")
    assert wait_for(lambda: gw.rproxy.log_text().count(" serves") > before)


@pytest.mark.parametrize("how", ["reload", "takeover", "restart"])
def test_health_and_stickiness_survive(gateway, pairs, backend, how):
    """The window is that between the new prober's first two probes."""
    servers = {name: Named(name) for name in "abc"}
    ports = {name: backend(server) for name, server in servers.items()}
    more = "".join(f"server = http://127.0.0.1:{ports[name]}\n"
                   for name in "bc")
    gw = gateway(site=site_text(pairs[0], ports["a"], more=f"""\
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
    s.connect(str(gw.admin(daemon)))
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
    for path in (served.socket, served.admin("rproxy")):
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
    served.program(daemon).send(signal.SIGHUP)
    assert wait_for(lambda: "the reload waits: another master" in
                    served.program(daemon).log_text())
    assert served.status(daemon)["generation"] == 1
    for fd in fds:
        os.close(fd)
    latter.close()
    assert wait_for(lambda: served.status(daemon)["generation"] == 2)
    assert fetch(served.http_port, "/1k").status == 200
