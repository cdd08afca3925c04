"""The life of masters and children: start, signals, reload, death."""

import os
import pwd
import resource
import shutil
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import pytest

import admin
from client import fetch, seen_serial
from conftest import site_text
from gateway import ADMIN, BUILD, IS_ROOT, RPROXY_USER, TLSD_USER
from processes import Program, listens, session_pids, wait_for
from scripted import answer_ok

BOTH = pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])


@pytest.fixture
def served(gateway, pair, backend):
    """A running gateway with two workers each and admin sockets."""
    gw = gateway(site=site_text(pair, backend(answer_ok)), workers=2,
                 **ADMIN)
    for daemon in ("tlsd", "rproxy"):
        await_generation(gw, daemon, 1)
    return gw


def await_generation(gw, daemon, number):
    def is_there():
        now = gw.status(daemon)
        return now["generation"] == number and now["complete"] and now
    found = wait_for(is_there)
    assert found, gw.program(daemon).log_text()
    return found


def serves(gw, tls):
    return (fetch(gw.https_port, "/", tls).status == 200 and
            fetch(gw.http_port, "/").status == 200)


# start ---------------------------------------------------------------------

@BOTH
def test_check_and_version_and_usage_have_their_exit_codes(
        gateway, pair, daemon):
    gw = gateway(site=site_text(pair, 9), start=False)
    ini = gw.tlsd_ini if daemon == "tlsd" else gw.rproxy_ini

    def run(*arguments):
        return subprocess.run([BUILD / daemon, *arguments], text=True,
                              capture_output=True, timeout=20)

    good = run("-t", "-c", ini)
    assert (good.returncode, good.stderr) == (0, "")
    assert good.stdout == f"{ini}: configuration is good\n"
    version = run("-V")
    assert version.returncode == 0
    assert version.stdout.startswith(f"{daemon} ")
    for wrong in (["-x"], ["more"], ["-c"]):
        usage = run(*wrong)
        assert usage.returncode == 2
        assert "usage:" in usage.stderr
    assert run("-t", "-c", gw.dir / "nothing.ini").returncode == 1


@BOTH
def test_check_and_start_list_every_fault(gateway, pair, daemon):
    gw = gateway(site=site_text(pair, 9), start=False,
                 **{daemon: "colour = red\ndrain_timeout = soon\n"})
    ini = gw.tlsd_ini if daemon == "tlsd" else gw.rproxy_ini
    for option in (["-t"], []):
        run = subprocess.run([BUILD / daemon, "-c", ini, *option], text=True,
                             capture_output=True, timeout=20)
        assert run.returncode == 1
        assert f"{ini}:" in run.stderr
        assert "colour" in run.stderr
        assert "drain_timeout" in run.stderr
        assert run.stdout == ""


def test_start_that_fails_says_why_and_leaves_nothing(gateway, pair):
    gw = gateway(site=site_text(pair, 9), start=False)
    with socket.create_server(("127.0.0.1", gw.https_port)):
        tlsd = Program([BUILD / "tlsd", "-c", gw.tlsd_ini], gw.dir / "t.log")
        assert tlsd.process.wait(20) == 1
    assert f"127.0.0.1:{gw.https_port}: bind" in tlsd.log_text()
    assert session_pids(tlsd.pid) == []


@pytest.mark.skipif(not IS_ROOT, reason="needs root to change the user")
def test_children_run_as_their_users(served):
    users = {"tlsd: master": "root", "rproxy: master": "root",
             "tlsd: signer": TLSD_USER, "tlsd: worker": TLSD_USER,
             "rproxy: worker": RPROXY_USER}
    roles = served.roles()
    assert sorted(roles.values()) == sorted(
        [*users, "tlsd: worker", "rproxy: worker"])
    for pid, role in roles.items():
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        ids = next(x for x in lines if x.startswith("Uid:")).split()[1:]
        assert set(ids) == {str(pwd.getpwnam(users[role]).pw_uid)}, role


@pytest.mark.skipif(not IS_ROOT, reason="needs root to see descriptors")
def test_the_signer_inherits_no_listening_socket_and_no_file(served):
    listening = {line.split()[9] for line in
                 Path("/proc/net/tcp").read_text().splitlines()[1:]
                 if line.split()[3] == "0A"}
    signer, = served.pids("tlsd: signer")
    worker = served.pids("tlsd: worker")[0]

    def targets(pid):
        return [os.readlink(f"/proc/{pid}/fd/{n}")
                for n in os.listdir(f"/proc/{pid}/fd")]

    def listens_on(pid):
        return [t for t in targets(pid)
                if t.startswith("socket:") and t[8:-1] in listening]

    assert len(listens_on(worker)) == 1  # the search finds what is there
    assert listens_on(signer) == []
    for pid in (signer, worker):
        for target in targets(pid):
            assert not target.endswith((".ini", ".pem", ".key")), target


def test_the_socket_for_tlsd_is_for_its_user_alone(served):
    found = served.socket.stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert pwd.getpwuid(found.st_uid).pw_name == TLSD_USER
    served.rproxy.stop()
    assert not served.socket.exists()


@BOTH
def test_listening_sockets_are_taken_from_the_service_manager(
        gateway, pair, backend, tls, daemon):
    gw = gateway(site=site_text(pair, backend(answer_ok)), start=False)
    port = gw.https_port if daemon == "tlsd" else gw.http_port
    with socket.create_server(("127.0.0.1", port)) as listener:
        os.set_inheritable(listener.fileno(), True)
        for name in ("rproxy", "tlsd"):
            if name != daemon:
                getattr(gw, f"start_{name}")()
                continue
            ini = getattr(gw, f"{name}_ini")
            script = (f"exec 3<&{listener.fileno()}; "
                      "export LISTEN_PID=$$ LISTEN_FDS=1; "
                      f"exec {BUILD / name} -c {ini}")
            started = Program(["bash", "-c", script], gw.dir / f"{name}.log",
                              pass_fds=(listener.fileno(),))
            setattr(gw, name, started)
            started.wait_ready(lambda: "serves" in started.log_text())
        assert serves(gw, tls)
        assert gw.program(daemon).stop() == 0
        # the socket is the manager's: a client waits for the next process
        assert listens(port)
        setattr(gw, daemon, None)


def start_with(gw, daemon, listeners):
    """As a service manager does that holds these sockets."""
    fds = [listener.fileno() for listener in listeners]
    moves = "".join(f"exec {200 + i}<&{fd}; " for i, fd in enumerate(fds))
    moves += "".join(f"exec {3 + i}<&{200 + i} {200 + i}<&-; "
                     for i in range(len(fds)))
    script = (f"{moves} export LISTEN_PID=$$ LISTEN_FDS={len(fds)}; "
              f"exec {BUILD / daemon} -c {getattr(gw, f'{daemon}_ini')}")
    return Program(["bash", "-c", script], gw.dir / f"{daemon}.log",
                   pass_fds=fds)


@BOTH
def test_a_socket_of_the_service_manager_that_nobody_uses_is_named(
        gateway, pair, daemon):
    gw = gateway(site=site_text(pair, 9), start=False)
    port = gw.https_port if daemon == "tlsd" else gw.http_port
    with socket.create_server(("127.0.0.1", port)) as used, \
            socket.create_server(("127.0.0.2", port)) as unused:
        started = start_with(gw, daemon, [used, unused])
        setattr(gw, daemon, started)
        started.wait_ready(lambda: "serves" in started.log_text())
        assert wait_for(lambda: f"warning: 127.0.0.2:{port}: the service "
                        "manager listens there" in started.log_text())
        assert f"127.0.0.1:{port}" not in started.log_text()


def test_a_wildcard_of_the_service_manager_is_named_when_it_is_in_the_way(
        gateway, pair):
    gw = gateway(site=site_text(pair, 9), start=False)
    with socket.create_server(("0.0.0.0", gw.https_port)) as wildcard:
        started = start_with(gw, "tlsd", [wildcard])
        assert started.process.wait(20) == 1
    assert (f"127.0.0.1:{gw.https_port}: bind: the service manager listens on "
            f"0.0.0.0:{gw.https_port}" in started.log_text())


@BOTH
def test_the_service_manager_is_told(gateway, pair, daemon):
    gw = gateway(site=site_text(pair, 9), start=False)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(gw.dir / "notify"))
        manager.settimeout(10)
        started = Program(
            [BUILD / daemon, "-c", getattr(gw, f"{daemon}_ini")],
            gw.dir / f"{daemon}.log",
            env={**os.environ, "NOTIFY_SOCKET": str(gw.dir / "notify")})
        setattr(gw, daemon, started)
        assert manager.recv(100) == b"FDSTOREREMOVE=1\nFDNAME=state"
        text, kept, _, _ = socket.recv_fds(manager, 100, 4)
        assert text == b"FDSTORE=1\nFDNAME=state"
        page, = kept
        assert os.pread(page, 10, 0) == b"state page"
        os.close(page)
        assert manager.recv(100) == b"READY=1"
        started.send(signal.SIGHUP)
        assert manager.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        assert manager.recv(100) == b"READY=1"
        started.send(signal.SIGTERM)
        assert manager.recv(100) == b"STOPPING=1"


# end -----------------------------------------------------------------------

@BOTH
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT,
                                    signal.SIGQUIT])
def test_signals_end_a_daemon_with_0(served, tls, daemon, number):
    assert serves(served, tls)
    assert served.program(daemon).stop(number, timeout_s=5) == 0
    assert served.program(daemon).leftovers == []


@BOTH
def test_a_signal_with_a_meaning_elsewhere_does_no_harm(served, tls, daemon):
    before = served.program(daemon).pids()
    for pid in before:
        os.kill(pid, signal.SIGUSR2)
        os.kill(pid, signal.SIGWINCH)
    assert serves(served, tls)
    assert served.program(daemon).pids() == before


@BOTH
def test_signals_to_the_whole_group_end_a_daemon_in_order(served, tls, daemon):
    assert serves(served, tls)
    os.killpg(served.program(daemon).pid, signal.SIGINT)
    assert served.program(daemon).process.wait(5) == 0
    assert "ended by signal" not in served.program(daemon).log_text()


@BOTH
def test_a_killed_master_leaves_no_child(served, tls, daemon):
    assert serves(served, tls)
    killed = served.program(daemon)
    assert len(killed.pids()) >= 3
    assert killed.stop(signal.SIGKILL) == -signal.SIGKILL
    assert killed.leftovers == []
    setattr(served, daemon, None)


# death of a child ----------------------------------------------------------

@pytest.mark.parametrize("role", ["tlsd: signer", "tlsd: worker",
                                  "rproxy: worker"])
def test_a_killed_child_is_replaced_within_a_second(served, tls, role):
    daemon = role.split(":")[0]
    before = served.pids(role)
    os.kill(before[0], signal.SIGKILL)

    def is_replaced():
        now = served.pids(role)
        return len(now) == len(before) and before[0] not in now

    assert wait_for(is_replaced, 1.0)
    assert wait_for(lambda: served.status(daemon)["complete"], 1.0)
    assert sum(child["restarts"]
               for child in served.status(daemon)["children"]) == 1
    for _ in range(8):  # every worker, old and new
        assert serves(served, tls)


def test_a_signer_whose_key_was_replaced_brings_a_new_generation(
        served, pair, ca, tls):
    before = seen_serial(served.https_port, tls)
    fresh = ca.issue("renewed", ["localhost"])
    kept = [path.read_bytes() for path in (pair.cert, pair.key)]
    try:
        shutil.copyfile(fresh.cert, pair.cert)
        shutil.copyfile(fresh.key, pair.key)
        os.kill(served.pids("tlsd: signer")[0], signal.SIGKILL)
        await_generation(served, "tlsd", 2)
        assert seen_serial(served.https_port, tls) != before
    finally:
        pair.cert.write_bytes(kept[0])
        pair.key.write_bytes(kept[1])


# reload --------------------------------------------------------------------

def test_a_reload_brings_the_new_certificate(served, pair, ca, backend, tls):
    before = seen_serial(served.https_port, tls)
    old = served.pids("tlsd: ")
    fresh = ca.issue("fresh", ["localhost"])
    served.write({"site": site_text(fresh, backend(answer_ok))}, **ADMIN)
    served.tlsd.send(signal.SIGHUP)
    assert await_generation(served, "tlsd", 2)["last_reload"] == {
        "result": "ok", "error": ""}
    assert seen_serial(served.https_port, tls) != before
    # one worker less, and nobody of the old ones is left
    assert wait_for(lambda: len(served.tlsd.pids()) == 3)
    assert set(old) & set(served.pids("tlsd: ")) == {served.tlsd.pid}
    assert serves(served, tls)


@BOTH
def test_a_bad_configuration_keeps_the_old_generation(served, tls, daemon):
    (served.sites / "site.ini").write_text("[site]\nnames = \n[nonsense]\n")
    served.program(daemon).send(signal.SIGHUP)
    failed = wait_for(
        lambda: served.status(daemon)["last_reload"]["result"] == "failed"
        and served.status(daemon))
    assert failed["generation"] == 1
    assert "site.ini:" in failed["last_reload"]["error"]
    assert "nonsense" in served.program(daemon).log_text()
    assert serves(served, tls)


def test_a_key_that_does_not_fit_keeps_the_old_generation(
        served, pair, ca, tls):
    other = ca.issue("other", ["localhost"])
    text = (served.sites / "site.ini").read_text()
    (served.sites / "site.ini").write_text(
        text.replace(str(pair.key), str(other.key)))
    served.tlsd.send(signal.SIGHUP)
    assert wait_for(lambda: served.status("tlsd")["last_reload"]["result"]
                    == "failed")
    assert str(other.key) in served.status("tlsd")["last_reload"]["error"]
    assert serves(served, tls)


def test_a_reload_opens_new_addresses_and_closes_gone_ones(
        served, tls):
    text = served.rproxy_ini.read_text()
    extra = served.dir / "run" / "second.sock"
    served.rproxy_ini.write_text(
        text.replace("address = run/tlsd.sock\n",
                     "address = run/tlsd.sock\naddress = run/second.sock\n"))
    first = served.socket.stat().st_ino
    served.rproxy.send(signal.SIGHUP)
    await_generation(served, "rproxy", 2)
    assert listens(extra)
    served.rproxy_ini.write_text(text)
    served.rproxy.send(signal.SIGHUP)
    await_generation(served, "rproxy", 3)
    assert not extra.exists()
    assert served.socket.stat().st_ino == first
    assert serves(served, tls)


@pytest.mark.skipif(not IS_ROOT, reason="needs root to look into a process")
def test_a_reload_starts_the_binary_that_is_there_now(
        gateway, pair, backend):
    gw = gateway(site=site_text(pair, backend(answer_ok)), start=False,
                 **ADMIN)
    binary = gw.dir / "rproxy"
    shutil.copy2(BUILD / "rproxy", binary)
    gw.rproxy = Program([binary, "-c", gw.rproxy_ini], gw.dir / "rproxy.log")
    gw.rproxy.wait_ready(lambda: listens(gw.http_port))
    shutil.copy2(BUILD / "rproxy", gw.dir / "new")
    (gw.dir / "new").rename(binary)
    new = binary.stat().st_ino
    gw.rproxy.send(signal.SIGHUP)
    await_generation(gw, "rproxy", 2)
    assert wait_for(lambda: len(gw.rproxy.pids()) == 2)
    worker, = gw.pids("rproxy: worker")
    assert os.stat(f"/proc/{worker}/exe").st_ino == new
    assert os.stat(f"/proc/{gw.rproxy.pid}/exe").st_ino != new


def test_an_address_that_our_own_wildcard_holds_takes_a_restart(served, tls):
    port = served.https_port
    served.tlsd_ini.write_text(served.tlsd_ini.read_text().replace(
        f"address = 127.0.0.1:{port}", f"address = 0.0.0.0:{port}"))
    served.tlsd.send(signal.SIGHUP)
    failed = wait_for(lambda: served.status("tlsd")["last_reload"]["error"])
    assert f"0.0.0.0:{port}: bind: Address already in use" in failed
    assert f"we listen on 127.0.0.1:{port} ourselves" in failed
    assert serves(served, tls)


@pytest.mark.skipif(not IS_ROOT, reason="needs root to change owners")
def test_a_reload_that_fails_leaves_the_socket_to_the_old_user(
        gateway, pair, backend, tls):
    gw = gateway(site=site_text(pair, backend(answer_ok)), start=False,
                 **ADMIN)
    binary = gw.dir / "rproxy"
    shutil.copy2(BUILD / "rproxy", binary)
    gw.rproxy = Program([binary, "-c", gw.rproxy_ini], gw.dir / "rproxy.log")
    gw.rproxy.wait_ready(lambda: listens(gw.http_port))
    gw.start_tlsd()
    gw.rproxy_ini.write_text(gw.rproxy_ini.read_text().replace(
        f"from = {TLSD_USER}", "from = games"))
    (gw.dir / "broken").write_text("#!/bin/sh\nexit 3\n")
    (gw.dir / "broken").chmod(0o755)
    (gw.dir / "broken").rename(binary)
    gw.rproxy.send(signal.SIGHUP)
    assert wait_for(lambda: "reload failed" in gw.rproxy.log_text())
    assert gw.socket.owner() == TLSD_USER
    assert fetch(gw.https_port, "/", tls).status == 200
    shutil.copy2(BUILD / "rproxy", gw.dir / "good")
    (gw.dir / "good").rename(binary)
    gw.rproxy.send(signal.SIGHUP)
    await_generation(gw, "rproxy", 3)
    assert gw.socket.owner() == "games"


@pytest.mark.skipif(not IS_ROOT, reason="needs root to change owners")
def test_a_takeover_gives_the_socket_to_the_user_named_now(served):
    served.rproxy_ini.write_text(served.rproxy_ini.read_text().replace(
        f"from = {TLSD_USER}", "from = games"))
    served.take_over("rproxy")
    await_generation(served, "rproxy", 2)
    assert served.socket.owner() == "games"


@pytest.mark.skipif(not IS_ROOT, reason="needs root to look into a process")
@BOTH
def test_many_reloads_leave_nothing_behind(served, tls, daemon):
    master = served.program(daemon)

    def descriptors():
        return len(os.listdir(f"/proc/{master.pid}/fd"))

    before, processes = descriptors(), len(master.pids())
    for number in range(2, 12):
        master.send(signal.SIGHUP)
        await_generation(served, daemon, number)
    assert wait_for(lambda: len(master.pids()) == processes)
    assert wait_for(lambda: descriptors() <= before)
    assert serves(served, tls)


# log files and admin -------------------------------------------------------

def test_usr1_reopens_the_access_log(served, tls):
    assert serves(served, tls)
    rotated = served.dir / "access.log.1"
    served.access_log.rename(rotated)
    served.rproxy.send(signal.SIGUSR1)
    assert wait_for(served.access_log.exists)
    assert wait_for(lambda: "log files reopened" in served.rproxy.log_text())
    before = rotated.read_text()

    def both_workers_write():
        fetch(served.http_port, "/after")
        return served.access_log.read_text().count("/after") >= 4

    assert wait_for(both_workers_write)
    assert rotated.read_text() == before
    assert before != ""


def test_a_pipe_for_the_access_log_that_nobody_reads_is_an_error(
        gateway, pair):
    gw = gateway(site=site_text(pair, 9), start=False)
    os.mkfifo(gw.access_log)
    rproxy = Program([BUILD / "rproxy", "-c", gw.rproxy_ini],
                     gw.dir / "rproxy.log")
    status = rproxy.process.wait(5)
    assert status == 1
    assert "access.log: nobody reads this pipe" in rproxy.log_text()


def test_a_reader_of_the_access_log_that_stands_still_holds_nobody_up(
        gateway, pair, backend):
    gw = gateway(site=site_text(pair, backend(answer_ok)), start=False)
    os.mkfifo(gw.access_log)
    reader = os.open(gw.access_log, os.O_RDONLY | os.O_NONBLOCK)
    gw.start_rproxy()
    path = "/" + "x" * 4000
    for _ in range(40):  # more than a pipe takes
        assert fetch(gw.http_port, path).status == 200
    gw.rproxy.send(signal.SIGUSR1)
    assert wait_for(lambda: "log files reopened" in gw.rproxy.log_text())
    assert fetch(gw.http_port, "/").status == 200
    os.close(reader)


@BOTH
def test_admin_tells_health_metrics_and_status(served, daemon):
    assert admin.ask(served.admin(daemon), "/healthz") == (200, "ok\n")
    code, text = admin.ask(served.admin(daemon), "/metrics")
    assert code == 200
    assert f"# TYPE {daemon}_connections gauge" in text
    now = served.status(daemon)
    assert now["daemon"] == daemon
    assert now["pid"] == served.program(daemon).pid
    assert {child["pid"] for child in now["children"]} | {now["pid"]} == set(
        served.program(daemon).pids())
    assert all(child["state"] == "ready" for child in now["children"])
    assert admin.ask(served.admin(daemon), "/")[0] == 404


def cpu_s(pid):
    """What a process has used of the processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_master_without_descriptors_lets_the_admin_socket_rest(served):
    pid = served.rproxy.pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (0, before[1]))
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(served.admin("rproxy")))
        begun_s = cpu_s(pid)
        time.sleep(1)
        used_s = cpu_s(pid) - begun_s
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        s.settimeout(5)
        s.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200 ")
    assert used_s < 0.3


@pytest.mark.skipif(not IS_ROOT, reason="needs root to become another user")
def test_admin_socket_is_for_the_masters_user_alone(served):
    for daemon in ("tlsd", "rproxy"):
        found = served.admin(daemon).stat()
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == 0
