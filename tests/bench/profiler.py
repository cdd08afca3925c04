"""Where the time goes: perf on the system's core while a workload runs; by
process and object, then by symbol.  Sampled by the cpu-clock, so it also
works in virtual machines without performance counters."""

import subprocess

from measure import start_load
from system import NotStarted

FREQUENCY_HZ = 2000
TOP_SYMBOLS = 45


def perf_report(data, keys, at_least):
    run = subprocess.run(
        ["perf", "report", "-i", data, "--stdio", "-q", "--sort", keys,
         "--percent-limit", str(at_least)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return [line.rstrip() for line in run.stdout.splitlines() if line.strip()]


def record(stage, system, workload, data):
    """False when there is no perf, or it may not."""
    pids = ",".join(map(str, system.pids()))
    load = start_load(stage, system, f"{workload.arguments} -w 0.5 "
                      f"-d {stage.seconds + 0.5}")
    try:
        load.process.stdout.readline()      # START
        run = subprocess.run(
            ["perf", "record", "-q", "-F", str(FREQUENCY_HZ), "-e",
             "cpu-clock", "-p", pids, "-o", data, "--", "sleep",
             str(stage.seconds)], stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        load.process.stdout.read()
    except FileNotFoundError:
        print("perf is missing: apt-get install linux-perf")
        return False
    finally:
        load.stop()
    if run.returncode != 0:
        print(run.stdout)
    return run.returncode == 0


def profile(stage, systems, workloads):
    for workload in (w for w in workloads if w.kind == "load"):
        for system in systems:
            data = stage.dir / f"{system.name}.perf"
            try:
                system.start(workload.setup)
                if not record(stage, system, workload, data):
                    return
            except NotStarted as e:
                print(f"NOT STARTED {e}")
                continue
            finally:
                system.stop()
            print(f"#### {workload.name} {system.label}")
            print("\n".join(perf_report(data, "comm,dso", 0.7)))
            print("--")
            symbols = perf_report(data, "comm,dso,sym", 0.6)
            print("\n".join(symbols[:TOP_SYMBOLS]), flush=True)


