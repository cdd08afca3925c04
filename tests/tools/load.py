"""Load that counts every failure, and the server behind it.

    build()                            tests/tools/loadgen.c, tests/bench/origin.c
    origin = Origin()                  .port .stop()
    load = Load(gateway, ca)           runs until .end()
    report = load.end()                .totals (dict), .failures (list of dict)
    report.assert_clean()              nothing failed, and all kinds were busy
    assert_nothing_lost(gateway, ca, step)      all of this, around step()

A failure has "failure" (connect, handshake, certificate, status, body, short,
closed, cut, timeout), "detail", "began" and "ended" (time.time()).
"""

import json
import os
import subprocess
import time

from gateway import BUILD, ROOT
from processes import NotReady, free_port, listens, wait_for

KINDS = ("http_new", "https_new", "http_keep", "https_keep")
PER_KIND = 4
CLIENTS = len(KINDS) * PER_KIND


def build():
    """Like "make": does nothing when nothing has changed."""
    folder = str(BUILD.relative_to(ROOT))
    env = {k: v for k, v in os.environ.items()
           if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    subprocess.run(["make", "-s", f"B={folder}", f"{folder}/tools/loadgen",
                    f"{folder}/bench/origin"], cwd=ROOT, check=True, env=env,
                   stdout=subprocess.DEVNULL)


class Origin:
    def __init__(self):
        self.port = free_port()
        self.process = subprocess.Popen(
            [BUILD / "bench/origin", str(self.port)])
        if not wait_for(lambda: listens(self.port)):
            raise NotReady("the origin server does not listen")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Report:
    def __init__(self, lines):
        *self.failures, self.totals = map(json.loads, lines)

    def assert_clean(self):
        assert not self.failures, (self.totals, self.failures[:10])
        assert all(self.totals[kind] > 0 for kind in KINDS), self.totals
        assert self.totals["resets"] == 0, self.totals

    def assert_cut_only_at(self, times):
        """Only what was in flight at one of these times has failed."""
        for failure in self.failures:
            assert failure["failure"] in (
                "cut", "closed", "short", "handshake"), failure
            assert any(failure["began"] - 0.05 <= t <= failure["ended"] + 0.05
                       for t in times), (failure, times)


def assert_nothing_lost(gateway, ca, step, times=3):
    """While load is on it, step() some times."""
    with Load(gateway, ca) as load:
        for _ in range(times):
            time.sleep(0.7)
            step()
        time.sleep(1)
        load.end().assert_clean()


class Load:
    def __init__(self, gateway, ca, per_kind=PER_KIND, https_only=False):
        argv = [BUILD / "tools/loadgen", "-A", ca.cert,
                "-s", gateway.https_port, "-n", per_kind]
        if not https_only:
            argv += ["-p", gateway.http_port]
        self.process = subprocess.Popen(list(map(str, argv)), text=True,
                                        stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def end(self):
        assert self.process.poll() is None, "the load generator has ended"
        self.process.terminate()
        text, _ = self.process.communicate(timeout=20)
        return Report(text.splitlines())
