"""Instructions per request in user code, by process and by function: the
system runs under callgrind.

Everything runs as an ordinary user here (a root directory of its own would
hide the output file), and our seccomp filter is left out (callgrind_shim.c).
"""

import os
import re
import shutil
import subprocess

from difference import add, listed, per_request, served_by
from measure import LoadFailed
from stage import USER
from system import NotStarted, System

TOP_FUNCTIONS = 25
ROLES = ["master", "signer", "worker"]


def prepare(stage, build):
    """Copies of our daemons that the user can run, and links by role."""
    programs = stage.dir / "programs"
    roles = stage.dir / "roles"
    programs.mkdir()
    roles.mkdir()
    for daemon in ("tlsd", "rproxy"):
        shutil.copy(build / daemon, programs)
        for role in ROLES:
            (roles / f"{daemon}: {role}").symlink_to(programs / daemon)
    shim = shutil.copy(stage.programs / "callgrind_shim.so", programs)
    for site in stage.take_sites(2):
        for path in (site.cert, site.key, site.pem):
            shutil.chown(path, USER)
    return programs, {"LD_PRELOAD": str(shim), "BENCH_ROLES": str(roles)}


def program_of(output):
    """"tlsd: worker", "nginx" ...: whose counts a callgrind file holds."""
    for line in output.open(errors="replace"):
        if line.startswith("cmd:"):
            command = line[4:].strip()
            if "/roles/" in command:
                return command.split("/roles/")[1]
            return os.path.basename(command.split()[0])
    return "?"


def functions_of(output):
    """"function (object)" -> instructions of its own."""
    run = subprocess.run(
        ["callgrind_annotate", "--threshold=100", "--auto=no", output],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found = {}
    for line in run.stdout.splitlines():
        match = re.match(
            r"\s*([\d,]+) (?:\([ \d.]+%\))?\s+\S*?:(\S.*?)(?: \[(.*)\])?$",
            line)
        if match is None or match[2].startswith("PROGRAM"):
            continue
        name = f"{match[2]} ({os.path.basename(match[3] or '?')})"
        found[name] = found.get(name, 0) + int(match[1].replace(",", ""))
    return found


def counted_run(stage, system, workload, requests):
    """(requests served, program -> function -> instructions)."""
    system.start(workload.setup)
    try:
        served = served_by(stage, system, workload, requests)
    finally:
        system.stop()
    programs = {}
    for output in system.dir.glob("callgrind.*"):
        add(programs.setdefault(program_of(output), {}), functions_of(output))
    return served, programs


def print_counts(workload, system, found):
    total = sum(sum(counts.values()) for counts in found.values())
    print(f"{workload.name} {system.label}: {total:,.0f} instructions per "
          "request")
    for program, counts in sorted(found.items()):
        mine = sum(counts.values())
        if mine < total / 100:
            continue
        print(f"  {program}: {mine:,.0f}")
        for name, n in listed(counts, 1)[:TOP_FUNCTIONS]:
            print(f"    {n:10,.0f}  {name}", flush=True)


def count_instructions(stage, systems, workloads):
    programs, env = prepare(stage, systems[0].build)
    for workload in (w for w in workloads if w.kind == "load"):
        for name in (s.name for s in systems if workload.name not in s.skip):
            system = System(name, stage, programs)
            system.user = USER
            system.env = os.environ | env
            system.wrapper = [
                "valgrind", "-q", "--tool=callgrind", "--trace-children=yes",
                f"--callgrind-out-file={system.dir}/callgrind.%p"]
            try:
                print_counts(workload, system, per_request(
                    workload, lambda n: counted_run(stage, system,
                                                    workload, n)))
            except (NotStarted, LoadFailed) as e:
                print(f"{workload.name} {system.name}: {e}")
