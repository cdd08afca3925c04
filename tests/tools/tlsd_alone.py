"""tlsd without rproxy: a UnixBackend in its place, and what can be seen of
tlsd from outside."""

import json
import os
import re
import signal
import urllib.request
from pathlib import Path

from gateway import BUILD
from processes import Program, free_port, wait_for
from tls_client import TlsClient
from unix_backend import UnixBackend


class TlsdAlone:
    """gw: its files are written, nothing runs yet."""

    def __init__(self, gw, handler):
        self.gw = gw
        self.backend = UnixBackend(gw.socket, handler)
        self.admin_port = free_port()
        text = gw.tlsd_ini.read_text()
        if "\nadmin = " not in text:
            gw.tlsd_ini.write_text(text.replace(
                "[tlsd]\n", f"[tlsd]\nadmin = 127.0.0.1:{self.admin_port}\n"))

    def start(self, command=(), env=None):
        """command: a program that starts tlsd in some way."""
        self.gw.tlsd = Program(
            [*command, BUILD / "tlsd", "-c", self.gw.tlsd_ini],
            self.gw.dir / "tlsd.log", env=dict(os.environ, **(env or {})))
        self.gw.tlsd.wait_ready(
            lambda: "generation 1 serves" in self.gw.tlsd.log_text())

    def reload(self):
        generation = self.status()["generation"]
        self.gw.tlsd.send(signal.SIGHUP)
        assert wait_for(lambda: self.status()["generation"] > generation)

    @property
    def port(self):
        return self.gw.https_port

    @property
    def worker(self):
        return self.gw.pids("tlsd: worker")[0]

    @property
    def signer(self):
        return self.gw.pids("tlsd: signer")[0]

    def log(self, pattern):
        return re.findall(pattern, self.gw.tlsd.log_text())

    def logs(self, pattern):
        return bool(wait_for(lambda: self.log(pattern), 5))

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.worker}/fd"))

    def rss_kib(self):
        status = Path(f"/proc/{self.worker}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def cpu_ticks(self):
        stat = Path(f"/proc/{self.worker}/stat").read_text()
        fields = stat[stat.rindex(")") + 2:].split()
        return int(fields[11]) + int(fields[12])

    def connect(self, context, **more):
        return TlsClient(self.port, context, **more)

    def ask_admin(self, path):
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()

    def status(self):
        return json.loads(self.ask_admin("/status"))

    def metric(self, name, **labels):
        """Sum of the series tlsd_NAME that have these labels."""
        total = 0
        for line in self.ask_admin("/metrics").splitlines():
            match = re.match(r"tlsd_(\w+)(?:\{(.*)\})? (\d+)$", line)
            if not match or match[1] != name:
                continue
            found = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if all(found.get(k) == v for k, v in labels.items()):
                total += int(match[3])
        return total

    def reaches(self, value, name, **labels):
        return wait_for(lambda: self.metric(name, **labels) == value, 5)
