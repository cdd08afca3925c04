"""System calls per request: strace -c on every process of the system, for a
whole load; the origin counts the requests, so the division is exact."""

import re
import signal
import subprocess
import time

import machine
from measure import run_load
from system import NotStarted

ATTACH_S = 1.0
SHOWN = 0.005


class Tracer:
    """strace on one process and its threads."""

    def __init__(self, pid, path):
        self.role = machine.role(pid)
        self.path = path
        self.process = subprocess.Popen(
            ["strace", "-f", "-c", "-U", "name,calls", "-p", str(pid),
             "-o", path], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True)

    def stop(self):
        """Name -> calls."""
        self.process.send_signal(signal.SIGINT)
        self.process.wait(20)
        found = re.findall(r"^\s*([a-z_0-9]+)\s+(\d+)\s*$",
                           self.path.read_text(), re.M)
        return {name: int(n) for name, n in found if name != "total"}


def per_request(stage, system, workload):
    """role -> {name: calls per request}."""
    tracers = [Tracer(pid, system.dir / f"strace.{pid}")
               for pid in system.pids()]
    found = {}
    try:
        time.sleep(ATTACH_S)
        before = stage.origin_counts()["requests"]
        run_load(stage, system,
                 f"{workload.arguments} -d {stage.seconds} -w 0.1")
        n = max(stage.origin_counts()["requests"] - before, 1)
    finally:
        for tracer in tracers:
            calls = found.setdefault(tracer.role, {})
            for name, count in tracer.stop().items():
                calls[name] = calls.get(name, 0) + count
    return {role: {name: count / n for name, count in calls.items()}
            for role, calls in found.items() if calls}


def print_counts(workload, system, found):
    total = sum(sum(calls.values()) for calls in found.values())
    print(f"{workload.name} {system.label}: {total:.2f} per request")
    for role, calls in found.items():
        listed = sorted(calls.items(), key=lambda item: -item[1])
        print(f"    {role}: {sum(calls.values()):.2f}: " + ", ".join(
            f"{name} {n:.2f}" for name, n in listed if n >= SHOWN),
            flush=True)


def count_syscalls(stage, systems, workloads):
    for workload in (w for w in workloads if w.kind == "load"):
        for system in systems:
            try:
                system.start(workload.setup)
                print_counts(workload, system,
                             per_request(stage, system, workload))
            except NotStarted as e:
                print(f"NOT STARTED {e}")
            finally:
                system.stop()
