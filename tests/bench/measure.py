"""One measurement: a workload on a running system; rows of plain numbers.

A row holds the system's CPU time per unit of work (user and system time of
all its processes, within the load generator's window), rates, latencies,
failures, and what else used the cores meanwhile.
"""

import json
import time

import machine
from pinned import Pinned
from workloads import CROWD, GROWTH, IDLE, MANY_SITES, RATES

SETTLE_S = 1.0
# What gives memory back does it within this time.
GIVE_BACK_S = 4.0
# What a connection may cost at most: two descriptors, and some to spare.
SPARE_DESCRIPTORS = 1000


class LoadFailed(Exception):
    """The load generator did not give a result."""


def load_command(stage, system, arguments):
    return [stage.programs / "tlsload", "-p", system.port,
            *arguments.split()]


def start_load(stage, system, arguments):
    _, cores = stage.cores(system.setup.workers)
    return Pinned(load_command(stage, system, arguments), cores,
                  stage.dir / "tlsload.log", pipes=True, nice=stage.nice)


def run_load(stage, system, arguments):
    """(result, first sample, last sample) of a load with a window."""
    pids = system.pids() + [stage.origin.pid]
    load = start_load(stage, system, arguments)
    first = last = result = None
    try:
        for line in load.process.stdout:
            if line.startswith("START"):
                first = machine.sample(pids)
            elif line.startswith("END"):
                last = machine.sample(pids)
            elif line.startswith("{"):
                result = json.loads(line)
    finally:
        load.stop()
    if not (first and last and result):
        log = (stage.dir / "tlsload.log").read_text()[-500:]
        raise LoadFailed(f"{' '.join(load.argv)}\n{log}")
    if result["ok"] == 0:
        raise LoadFailed("no request was answered in the window; "
                         f"{failures(result)} failed: {result['error']}")
    return result, first, last


def failures(result):
    return sum(n for name, n in result.items() if name.startswith("fail_"))


def wrong_handshakes(workload, result):
    """Handshakes of the kind that this workload does not measure."""
    other = {"full": "resumed", "resumed": "full"}.get(workload.handshakes)
    return result[other] if other else 0


def foreign_shares(stage, system, usage, first, last, wall_s):
    """Share of the cores that none of our processes used, per core group."""
    system_cores, load_cores = stage.cores(system.setup.workers)

    def busy(cores):
        return sum(last.busy[c] - first.busy[c] for c in cores) / wall_s

    groups = [(system_cores, usage["system"]),
              (load_cores, usage["origin"] + usage["load"])]
    if system_cores == load_cores:
        groups = [(system_cores, sum(usage.values()))]
    return [max(0.0, busy(cores) - used) / len(cores)
            for cores, used in groups]


def window(stage, system, workload, arguments, part=""):
    """The row of one load with a window."""
    before = stage.origin_counts()
    result, first, last = run_load(
        stage, system,
        f"{arguments} -d {stage.seconds} -w {stage.warm_seconds}")
    after = stage.origin_counts()
    wall_s = last.at - first.at
    used = machine.cpu_between(first, last)
    origin_s = used.pop(stage.origin.pid, 0.0)
    units = result["ok"] * workload.units_per_request
    roles = {}
    for pid, seconds in used.items():
        name = machine.role(pid)
        roles[name] = roles.get(name, 0.0) + seconds / units * 1e6
    usage = {"system": sum(used.values()) / wall_s,
             "origin": origin_s / wall_s,
             "load": result["cpu"] / result["wall"]}
    return {
        "part": part, "us": sum(used.values()) / units * 1e6,
        "roles": {k: v for k, v in roles.items() if v >= 0.05},
        "rate": result["ok"] * workload.units_per_request / result["wall"],
        "p50": result["p50"], "p99": result["p99"], "p999": result["p999"],
        "failed": failures(result), "error": result["error"],
        "wrong_handshakes": wrong_handshakes(workload, result),
        "cipher": result["cipher"],
        "upstream": after["accepted"] - before["accepted"] - 1,
        "system_share": usage["system"] / system.setup.workers,
        "load_share": usage["load"] + usage["origin"],
        "is_shared": len(stage.cores(system.setup.workers)[0] &
                         stage.cores(system.setup.workers)[1]) > 0,
        "foreign": foreign_shares(stage, system, usage, first, last, wall_s),
    }


class Held:
    """with Held(...) as held: so many idle connections, one request each."""

    def __init__(self, stage, system, arguments, n):
        self.load = start_load(stage, system, f"{arguments} -m hold -c {n}")

    def __enter__(self):
        self.load.process.stdout.readline()
        time.sleep(SETTLE_S)
        return self

    def __exit__(self, *_):
        self.load.process.stdin.close()
        self.load.process.stdin = None
        lines = self.load.process.stdout.read().splitlines()
        self.load.stop()
        self.result = json.loads(lines[-1]) if lines else {"held": 0}


def measure_load(stage, system, workload):
    return [window(stage, system, workload, workload.arguments)]


def measure_memory(stage, system, workload):
    """Growth of the memory from 1 to many connections, and what stays."""
    system.stop()
    system.start(workload.setup)
    kib = []
    for n in (1, IDLE):
        with Held(stage, system, workload.arguments, n) as held:
            kib.append(machine.pss_kib(system.pids()))
        time.sleep(GIVE_BACK_S)
    return [{"part": "", "kib": (kib[1] - kib[0]) / IDLE,
             "empty_kib": kib[0], "full_kib": kib[1],
             "after_kib": machine.pss_kib(system.pids()),
             "processes": len(system.pids()),
             "failed": IDLE - held.result["held"]}]


def measure_crowd(stage, system, workload):
    """The same 64 connections without and with a crowd that idles."""
    rows = [window(stage, system, workload, workload.arguments, "alone")]
    n = min(CROWD, (stage.descriptors - SPARE_DESCRIPTORS) // 2)
    with Held(stage, system, "-u /1k -e 1024", n) as held:
        row = window(stage, system, workload, workload.arguments, "crowd")
    row["held"] = held.result["held"]
    row["failed"] += n - row["held"]
    return rows + [row]


def measure_sites(stage, system, workload):
    """Start-up, memory and handshakes with few and with many sites."""
    rows = []
    for n in (2, MANY_SITES):
        system.stop()
        took_s = system.start(type(workload.setup)(n_sites=n))
        time.sleep(SETTLE_S)
        kib = machine.pss_kib(system.pids())
        names = [s.name for s in system.sites if not s.name.startswith("rsa")]
        row = window(stage, system, workload,
                     f"{workload.arguments} -H {','.join(names)}",
                     f"{n} sites")
        rows.append(row | {"start_ms": took_s * 1000, "pss_kib": kib})
    system.stop()
    system.start(workload.setup)
    return rows


def measure_growth(stage, system, workload):
    return [window(stage, system, workload, f"{workload.arguments} -c {n}",
                   str(n)) for n in GROWTH]


def measure_rates(stage, system, workload):
    return [window(stage, system, workload, f"{workload.arguments} -r {n}",
                   str(n)) for n in RATES]


MEASURES = {"load": measure_load, "memory": measure_memory,
            "crowd": measure_crowd, "sites": measure_sites,
            "growth": measure_growth, "rates": measure_rates}


def measure(stage, system, workload):
    return MEASURES[workload.kind](stage, system, workload)
