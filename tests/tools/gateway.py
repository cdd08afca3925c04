"""rproxy and tlsd on free ports, from ini files in a folder of their own.

Used by the system tests and by the demo.  Started by root, tlsd runs as
"nobody" and rproxy as "www-data" (both exist on every Debian), so dropping
privileges is part of every run; started by somebody else, both stay who they
are.
"""

import getpass
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

import admin
from access_log import entries
from processes import (NotReady, Program, ReadySocket, command_line,
                       free_port, session_pids, wait_for)

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("BUILD", "build")

IS_ROOT = os.geteuid() == 0
TLSD_USER = "nobody" if IS_ROOT else getpass.getuser()
RPROXY_USER = "www-data" if IS_ROOT else getpass.getuser()

# for Gateway.write(): sockets that status(), metric() and is_settled() ask
ADMIN = {"tlsd": "admin = ./tlsd-admin.sock\n",
         "rproxy": "admin = ./rproxy-admin.sock\n"}

# What a log may never say, whatever the test does.
OUR_BUGS = re.compile(r"AddressSanitizer|ThreadSanitizer|runtime error:|"
                      r"CHECK failed")


def make_folder(prefix):
    """A new folder that the daemons' users can enter."""
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    return folder


def user_line(user):
    return f"user = {user}\n" if IS_ROOT else ""


class Gateway:
    """See the head of tests/system/conftest.py for how tests use it."""

    def __init__(self, folder, https_port=None, http_port=None,
                 address="127.0.0.1"):
        self.dir = Path(folder)
        self.https_port = https_port or free_port()
        self.http_port = http_port or free_port()
        self.address = address
        self.socket = self.dir / "run" / "tlsd.sock"
        self.egress = self.dir / "egress.sock"
        self.tlsd_ini = self.dir / "tlsd.ini"
        self.rproxy_ini = self.dir / "rproxy.ini"
        self.sites = self.dir / "sites"
        self.access_log = self.dir / "access.log"
        self.has_egress = False
        self.tlsd = None
        self.rproxy = None
        (self.dir / "run").mkdir()
        self.sites.mkdir()

    def write(self, sites, tlsd="", rproxy="", tlsd_listen="",
              workers=1, egress=False):
        """sites: name -> text of sites/NAME.ini.  tlsd, rproxy: more lines
        of [tlsd] and [rproxy]; tlsd_listen: more lines of [listen public];
        egress: https servers may be in pools."""
        self.has_egress = egress
        if egress:
            tlsd += f"egress = egress.sock\negress_from = {RPROXY_USER}\n"
            rproxy += "egress = egress.sock\n"
        for name, text in sites.items():
            (self.sites / f"{name}.ini").write_text(text)
        self.tlsd_ini.write_text(
            "[tlsd]\n" + user_line(TLSD_USER) +
            f"workers = {workers}\n"
            "sites = sites/*.ini\n"
            "backend = run/tlsd.sock\n" + tlsd +
            "\n[listen public]\n"
            f"address = {self.address}:{self.https_port}\n" + tlsd_listen)
        self.rproxy_ini.write_text(
            "[rproxy]\n" + user_line(RPROXY_USER) +
            f"workers = {workers}\n"
            "sites = sites/*.ini\n"
            "access_log = access.log\n" + rproxy +
            "\n[listen tls]\n"
            "address = run/tlsd.sock\n"
            f"from = {TLSD_USER}\n"
            "\n[listen plain]\n"
            f"address = {self.address}:{self.http_port}\n")

    def start(self):
        self.start_rproxy()
        self.start_tlsd()

    def start_rproxy(self):
        self.rproxy = self._start("rproxy", self.rproxy_ini)

    def start_tlsd(self):
        self.tlsd = self._start("tlsd", self.tlsd_ini)

    def _start(self, name, ini):
        """Waits for the READY=1 that service managers wait for, too."""
        with ReadySocket(self.dir / f"{name}.notify") as ready:
            program = Program([BUILD / name, "-c", ini],
                              self.dir / f"{name}.log",
                              env=dict(os.environ, NOTIFY_SOCKET=ready.path))
            try:
                program.wait_ready(ready.is_up)
            except NotReady:
                program.stop(signal.SIGKILL)
                raise
        return program

    def stop(self, number=signal.SIGTERM):
        """Stops both; a list of what was not right about it."""
        faults = []
        for name in ("tlsd", "rproxy"):
            program = getattr(self, name)
            if program is None:
                continue
            ran = program.process.poll() is None
            status = program.stop(number)
            if ran and status != 0:
                faults.append(f"{name} ended with {status}"
                              f"\n{program.log_text()}")
            if bug := OUR_BUGS.search(program.log_text()):
                faults.append(f"{name}: {bug[0]}\n{program.log_text()}")
            if program.leftovers:
                faults.append(f"{name} left processes: {program.leftovers}")
            setattr(self, name, None)
        return faults

    def take_over(self, daemon):
        """A new one beside the one that runs, which ends with its children."""
        former = self.program(daemon)
        latter = Program([BUILD / daemon, "--takeover", "-c",
                          self.dir / f"{daemon}.ini"],
                         self.dir / f"{daemon}.log")
        setattr(self, daemon, latter)
        assert former.process.wait(15) == 0, latter.log_text()
        assert wait_for(lambda: not session_pids(former.pid))

    def program(self, daemon):
        return getattr(self, daemon)

    def admin(self, daemon):
        """Where it listens, with ADMIN in its configuration."""
        return self.dir / f"{daemon}-admin.sock"

    def status(self, daemon):
        return admin.status(self.admin(daemon))

    def metric(self, daemon, series):
        return admin.metric(self.admin(daemon), series)

    def is_settled(self):
        """Nobody drains any more."""
        return all(child["state"] == "ready" for daemon in ADMIN
                   for child in self.status(daemon)["children"])

    def entries(self, count=0):
        """Of the access log, where its format is JSON."""
        return entries(self.access_log, count)

    def logs(self):
        """Both error logs, for the report of a failed test."""
        text = ""
        for path in (self.dir / "tlsd.log", self.dir / "rproxy.log"):
            if path.exists():
                text += f"--- {path.name}\n{path.read_text(errors='replace')}"
        return text

    def roles(self):
        """pid -> "tlsd: signer", "rproxy: worker", "tlsd: master" ..."""
        found = {}
        for name in ("tlsd", "rproxy"):
            program = getattr(self, name)
            for pid in program.pids() if program else []:
                line = command_line(pid)
                found[pid] = f"{name}: master" if pid == program.pid else line
        return found

    def pids(self, role):
        """Of one role: "tlsd: worker"."""
        return [p for p, r in self.roles().items() if r.startswith(role)]

    def remove(self):
        shutil.rmtree(self.dir, ignore_errors=True)


__all__ = ["ADMIN", "BUILD", "Gateway", "IS_ROOT", "NotReady", "ROOT",
           "RPROXY_USER", "TLSD_USER", "make_folder"]
