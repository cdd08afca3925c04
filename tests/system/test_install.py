"""What "make install" puts where, and whether it works there."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from client import fetch
from conftest import site_text
from egress_client import REFUSED, ask
from gateway import BUILD, IS_ROOT, ROOT, RPROXY_USER
from processes import Program, ReadySocket, free_port, wait_for
from scripted import answer_ok

FILES = {
    "etc/logrotate.d/rproxy",
    "usr/lib/systemd/system/rproxy-tlsd.socket",
    "usr/lib/systemd/system/rproxy.service",
    "usr/lib/systemd/system/rproxy.socket",
    "usr/lib/systemd/system/tlsd-egress.socket",
    "usr/lib/systemd/system/tlsd.service",
    "usr/lib/systemd/system/tlsd.socket",
    "usr/lib/sysusers.d/rproxy.conf",
    "usr/lib/sysusers.d/tlsd.conf",
    "usr/lib/tmpfiles.d/rproxy.conf",
    "usr/lib/tmpfiles.d/tlsd.conf",
    "usr/sbin/rproxy",
    "usr/sbin/tlsd",
    "usr/share/doc/tlsd-rproxy/LICENSE",
    "usr/share/doc/tlsd-rproxy/README.md",
    "usr/share/doc/tlsd-rproxy/examples/rproxy.ini",
    "usr/share/doc/tlsd-rproxy/examples/sites/portal.ini",
    "usr/share/doc/tlsd-rproxy/examples/sites/reports.ini",
    "usr/share/doc/tlsd-rproxy/examples/sites/tomcat.ini",
    "usr/share/doc/tlsd-rproxy/examples/tlsd.ini",
    "usr/share/man/man5/rproxy.ini.5",
    "usr/share/man/man5/site.ini.5",
    "usr/share/man/man5/tlsd.ini.5",
    "usr/share/man/man8/rproxy.8",
    "usr/share/man/man8/tlsd.8",
}
UNITS = ROOT / "conf" / "systemd"
SERVICES = pytest.mark.parametrize("daemon", ["tlsd", "rproxy"])


def make(target, folder, *variables):
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    subprocess.run(["make", "-s", f"B={BUILD.relative_to(ROOT)}", target,
                    f"DESTDIR={folder}", *variables], cwd=ROOT, check=True,
                   env=env, stdout=subprocess.DEVNULL)


def files_in(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*")
            if not p.is_dir()}


def settings(daemon, key):
    """All values of a key in the daemon's unit, in order."""
    text = (UNITS / f"{daemon}.service").read_text()
    return re.findall(rf"^{key}=(.*)$", text, re.M)


def test_install_puts_everything_in_place_and_uninstall_takes_it_away(folder):
    make("install", folder, "PREFIX=/usr")
    assert files_in(folder) == FILES
    for name in ("tlsd", "rproxy"):
        program = folder / "usr/sbin" / name
        assert program.stat().st_mode & 0o777 == 0o755
        run = subprocess.run([program, "-V"], capture_output=True, text=True)
        assert run.stdout.startswith(f"{name} ")
    kept = folder / "usr/lib/sysusers.d/other.conf"
    kept.touch()
    make("uninstall", folder, "PREFIX=/usr")
    assert files_in(folder) == {kept.relative_to(folder).as_posix()}


def test_the_units_name_the_programs_where_they_are(folder):
    make("install", folder, "PREFIX=/opt/gw", "SYSCONFDIR=/opt/etc")
    for name in ("tlsd", "rproxy"):
        text = (folder / f"opt/gw/lib/systemd/system/{name}.service"
                ).read_text()
        assert (f"ExecStart=/opt/gw/sbin/{name} -c /opt/etc/{name}/{name}.ini"
                in text)
        assert "/usr/sbin" not in text
    text = (folder / "opt/gw/lib/tmpfiles.d/tlsd.conf").read_text()
    assert "d /opt/etc/tlsd/private 0700" in text


def test_keys_of_the_samples_are_where_rproxy_cannot_look():
    """With the files of sites in /etc/tlsd/sites, as README.md says."""
    unit = (UNITS / "rproxy.service").read_text()
    assert re.search(r"^InaccessiblePaths=.*-/etc/tlsd/private", unit, re.M)
    for path in (ROOT / "conf/sites").glob("*.ini"):
        keys = re.findall(r"^(?:tls_)?key = (\S+)", path.read_text(), re.M)
        assert keys, path
        for key in keys:
            where = os.path.normpath(f"/etc/tlsd/sites/{key}")
            assert os.path.dirname(where) == "/etc/tlsd/private", path


@pytest.mark.parametrize("is_active", [True, False])
def test_logs_rotate_whether_rproxy_runs_or_not(folder, is_active):
    text = (ROOT / "conf/logrotate.d/rproxy").read_text()
    script = re.search(r"postrotate\n(.*)\tendscript", text, re.S)[1]
    systemctl = folder / "systemctl"
    systemctl.write_text(f"""#!/bin/sh
echo "$@" >>{folder}/calls
exit {0 if is_active else 3}
""")
    systemctl.chmod(0o755)
    run = subprocess.run(["sh", "-c", script],
                         env={"PATH": f"{folder}:/bin:/usr/bin"})
    assert run.returncode == 0
    assert ("--signal=USR1 rproxy.service" in (folder / "calls").read_text()
            ) == is_active


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="systemd-analyze is not installed")
def test_systemd_understands_the_units(folder):
    """All complaints but those about what is not installed here."""
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/usr/sbin/", f"{BUILD}/")
        (folder / unit.name).write_text(
            re.sub(r"^Documentation=.*\n", "", text, flags=re.M))
    run = subprocess.run(
        ["systemd-analyze", "verify", *sorted(folder.iterdir())],
        capture_output=True, text=True,
        env=dict(os.environ, SYSTEMD_UNIT_PATH=f"{folder}:"))
    assert run.stderr == ""
    assert run.returncode == 0


@SERVICES
def test_a_service_begins_with_its_sockets(daemon):
    """Or the first restart refuses clients: "enable --now tlsd" starts no
    socket, and beside a running service none can be started."""
    named = " ".join(settings(daemon, "Sockets")).split()
    assert sorted(named) == sorted(
        unit.name for unit in UNITS.glob(f"{daemon}*.socket"))


@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="systemd-analyze is not installed")
@SERVICES
def test_the_sandbox_of_the_unit_is_strict(daemon):
    run = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager",
         UNITS / f"{daemon}.service"], capture_output=True, text=True)
    exposure = float(re.search(r"exposure level .*: ([\d.]+)", run.stdout)[1])
    assert exposure <= 2.5, run.stdout


def calls_of(name):
    """What a word of SystemCallFilter stands for."""
    if not name.startswith("@"):
        return {name}
    run = subprocess.run(["systemd-analyze", "syscall-filter", name],
                         capture_output=True, text=True, check=True)
    words = [line.strip() for line in run.stdout.splitlines()[1:]]
    return set().union(*(calls_of(word) for word in words
                         if word and not word.startswith("#")))


def allowed_calls(daemon):
    allowed = calls_of("@default")
    for value in settings(daemon, "SystemCallFilter"):
        calls = set().union(*map(calls_of, value.lstrip("~").split()))
        allowed = allowed - calls if value[0] == "~" else allowed | calls
    return allowed


def start_under(command, gw, folder, name):
    """A daemon that another program starts in some way."""
    with ReadySocket(folder / f"{name}.notify") as ready:
        program = Program(
            [*command, BUILD / name, "-c", getattr(gw, f"{name}_ini")],
            gw.dir / f"{name}.log",
            env=dict(os.environ, NOTIFY_SOCKET=ready.path))
        setattr(gw, name, program)
        program.wait_ready(ready.is_up)


@pytest.mark.skipif(not IS_ROOT, reason="needs root to give up capabilities")
@pytest.mark.skipif(BUILD.name != "build",
                    reason="sanitizers make system calls of their own")
@pytest.mark.skipif(not shutil.which("strace"),
                    reason="strace is not installed")
@pytest.mark.skipif(not shutil.which("systemd-analyze"),
                    reason="systemd-analyze is not installed")
def test_the_units_allow_every_system_call_that_is_made(
        gateway, pair, backend, tls, folder):
    """What is refused need not show: the daemons do without, less safe."""
    gw = gateway(site=site_text(pair, backend(answer_ok),
                                more="health = /\n"), start=False)
    for name in ("rproxy", "tlsd"):
        start_under(["strace", "-D", "-f", "-qq", "-o",
                     folder / f"{name}.strace"], gw, folder, name)
    for name in ("tlsd", "rproxy"):
        program = getattr(gw, name)
        os.kill(gw.pids(f"{name}: worker")[0], signal.SIGKILL)
        assert wait_for(lambda: "is back" in program.log_text())
        program.send(signal.SIGUSR1)
        program.send(signal.SIGHUP)
        assert wait_for(lambda: "generation 2 serves" in program.log_text())
        assert fetch(gw.https_port, "/", tls).status == 200
    assert gw.stop() == []
    for name in ("tlsd", "rproxy"):
        made = set(re.findall(r"^\d+ +(\w+)\(",
                              (folder / f"{name}.strace").read_text(), re.M))
        assert "execve" in made and "seccomp" in made
        assert made - allowed_calls(name) == set(), name


@pytest.mark.skipif(not IS_ROOT, reason="needs root to be another user")
@pytest.mark.skipif(BUILD.name != "build",
                    reason="sanitizers make system calls of their own")
@pytest.mark.skipif(not (shutil.which("strace") and
                         shutil.which("systemd-analyze")),
                    reason="strace or systemd-analyze is not installed")
def test_the_unit_of_tlsd_allows_what_names_of_https_servers_take(
        gateway, pair, ca, folder):
    """A refused connect has the name looked up again, on a thread."""
    where = f"localhost:{free_port()}"
    gw = gateway(site=site_text(pair, 1, more=(
        f"[pool p]\nserver = https://{where}\ntls_ca = {ca.cert}\n")),
                 tlsd="egress = egress.sock\n"
                      f"egress_from = {RPROXY_USER}\n", start=False)
    trace = folder / "tlsd.strace"
    start_under(["strace", "-D", "-f", "-qq", "-o", trace], gw, folder,
                "tlsd")
    stream, outcome = ask(gw.dir / "egress.sock", "localhost", "p", where)
    stream.close()
    assert outcome.code == REFUSED
    worker = f"/proc/{gw.pids('tlsd: worker')[0]}/task"
    assert wait_for(lambda: len(os.listdir(worker)) > 1)
    assert gw.stop() == []
    made = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(), re.M))
    assert {"landlock_add_rule", "openat", "clone3"} & made
    # systemd makes the socket and gives it away
    assert made - allowed_calls("tlsd") == {"lchown"}


@pytest.mark.skipif(not IS_ROOT, reason="needs root to give up capabilities")
@pytest.mark.skipif(not shutil.which("setpriv"),
                    reason="setpriv is not installed")
def test_the_capabilities_of_the_units_suffice(
        gateway, pair, backend, tls, folder):
    """Start, kill, reload and drain with what systemd would leave."""
    gw = gateway(site=site_text(pair, backend(answer_ok)), start=False)
    for name in ("rproxy", "tlsd"):
        words = " ".join(settings(name, "CapabilityBoundingSet")).split()
        keep = ",".join("+" + word.removeprefix("CAP_").lower()
                        for word in words)
        start_under(["setpriv", "--bounding-set", f"-all,{keep}",
                     "--no-new-privs"], gw, folder, name)
    for name in ("tlsd", "rproxy"):
        program = getattr(gw, name)
        text = Path(f"/proc/{program.pid}/status").read_text()
        assert "CapBnd:\t000001ffffffffff" not in text
        os.kill(gw.pids(f"{name}: worker")[0], signal.SIGKILL)
        assert wait_for(lambda: "is back" in program.log_text())
        program.send(signal.SIGHUP)
        assert wait_for(lambda: "generation 2 serves" in program.log_text())
        assert wait_for(lambda: "generation 1 has gone" in
                        program.log_text())
        assert fetch(gw.https_port, "/", tls).status == 200
        assert "in time" not in program.log_text()
