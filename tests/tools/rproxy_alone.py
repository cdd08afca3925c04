"""rproxy without tlsd: a plain listener and a Unix one, on free ports."""

import getpass
import os
from pathlib import Path

import admin
from access_log import entries
from gateway import BUILD, OUR_BUGS, RPROXY_USER, user_line
from processes import Program, free_port, listens, wait_for

SITE = """\
[site]
names = localhost
names = 127.0.0.1
default = yes

[http]
{http}
[route all]
prefix = /
pool = origin
{route}
[pool origin]
server = http://127.0.0.1:{port}
{pool}
"""


class RproxyAlone:
    """root says who may use the Unix listener when run as root."""

    def __init__(self, folder):
        self.dir = Path(folder)
        self.port = free_port()
        self.socket = self.dir / "tlsd.sock"
        self.access_log = self.dir / "access.log"
        self.program = None

    def start(self, backend_port, http="", route="", pool="", rproxy="",
              site=None, workers=1, command=(), log_format="json"):
        """command: a program that becomes rproxy, such as prlimit."""
        (self.dir / "site.ini").write_text(site or SITE.format(
            port=backend_port, http=http, route=route, pool=pool))
        (self.dir / "rproxy.ini").write_text(
            "[rproxy]\n" + user_line(RPROXY_USER) +
            f"workers = {workers}\nsites = site.ini\n"
            "access_log = access.log\n"
            f"access_log_format = {log_format}\n{rproxy}\n"
            f"[listen tls]\naddress = ./tlsd.sock\n"
            f"from = {getpass.getuser()}\n"
            f"[listen plain]\naddress = 127.0.0.1:{self.port}\n")
        self.program = Program([*command, BUILD / "rproxy", "-c",
                                self.dir / "rproxy.ini"],
                               self.dir / "rproxy.log")
        self.program.wait_ready(lambda: listens(self.port))
        return self

    def entries(self, count=0):
        return entries(self.access_log, count)

    def reason(self):
        """Of the first exchange in the access log."""
        return self.entries(1)[0]["reason"]

    def metric(self, series):
        """Takes "admin = ./admin.sock"."""
        return admin.metric(self.dir / "admin.sock", series)

    def log(self):
        return self.program.log_text()

    def reasons(self):
        """Of the error log, in order."""
        return [line.split(": ")[3] for line in self.log().splitlines()
                if ": id " in line]

    def expect_reason(self, reason):
        """This one and no other; the line may come after the answer."""
        wait_for(self.reasons, 3)
        assert self.reasons() == [reason]

    def worker(self):
        """pid of the one worker."""
        pids = [p for p in self.program.pids() if p != self.program.pid]
        assert len(pids) == 1, pids
        return pids[0]

    def rss_kib(self):
        """Memory of the worker, once it has started up (its sandbox is
        the last step)."""
        path = Path(f"/proc/{self.worker()}/status")
        assert wait_for(lambda: "Seccomp:\t2" in path.read_text(), 10)
        status = path.read_text()
        line = next(x for x in status.splitlines() if x.startswith("VmRSS"))
        return int(line.split()[1])

    def cpu_s(self):
        """What the worker has used of the processor."""
        fields = Path(f"/proc/{self.worker()}/stat").read_text().rsplit(
            ") ", 1)[1].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        """What was not right about its end."""
        if self.program is None:
            return []
        status = self.program.stop()
        faults = [f"left {p}" for p in self.program.leftovers]
        if status != 0:
            faults.append(f"ended with {status}")
        faults += [m[0] for m in OUR_BUGS.finditer(self.log())]
        return faults


