"""System calls per request: strace -c on every process of the system."""

import re
import signal
import subprocess
import time

import machine
from difference import add, listed, per_request, served_by
from measure import LoadFailed
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
        if not self.path.exists():
            raise LoadFailed("strace could not attach")
        found = re.findall(r"^\s*([a-z_0-9]+)\s+(\d+)\s*$",
                           self.path.read_text(), re.M)
        return {name: int(n) for name, n in found if name != "total"}


def counted_run(stage, system, workload, requests):
    """(requests served, role -> name -> calls)."""
    tracers = [Tracer(pid, system.dir / f"strace.{pid}")
               for pid in system.pids()]
    found = {}
    try:
        time.sleep(ATTACH_S)
        served = served_by(stage, system, workload, requests)
    finally:
        for tracer in tracers:
            add(found.setdefault(tracer.role, {}), tracer.stop())
    return served, found


def print_counts(workload, system, found):
    total = sum(sum(calls.values()) for calls in found.values())
    print(f"{workload.name} {system.label}: {total:.2f} per request")
    for role, calls in found.items():
        mine = sum(calls.values())
        if mine >= SHOWN:
            print(f"    {role} {mine:.2f}: " + ", ".join(
                f"{name} {n:.2f}" for name, n in listed(calls, SHOWN)),
                flush=True)


def count_syscalls(stage, systems, workloads):
    for workload in (w for w in workloads if w.kind == "load"):
        for system in (s for s in systems if workload.name not in s.skip):
            try:
                system.start(workload.setup)
                print_counts(workload, system, per_request(
                    workload, lambda n: counted_run(stage, system,
                                                    workload, n)))
            except (NotStarted, LoadFailed) as e:
                print(f"{workload.name} {system.name}: {e}")
            finally:
                system.stop()
