"""What the kernel says: CPU time of processes and cores, memory, limits."""

import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def stat_fields(pid):
    """Fields of /proc/PID/stat from the state on; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text[text.rindex(")") + 2:].split()


def comm(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def role(pid):
    """A name for the report: its title where it has one ("tlsd: worker"),
    else the name of the program."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    title = raw.replace(b"\0", b" ").decode(errors="replace").strip()
    program, colon, rest = title.partition(": ")
    if colon and "/" not in program and " " not in program:
        return f"{program} {rest.split()[0]}"
    return comm(pid)


def cpu_seconds(pid):
    """User and system time of all its threads; None when it is gone.

    schedstat counts nanoseconds; kernels without it count ticks.
    """
    total_ns = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as f:
                total_ns += int(f.read().split()[0])
        return total_ns / 1e9
    except FileNotFoundError:
        fields = stat_fields(pid)
        if fields is None:
            return None
        return (int(fields[11]) + int(fields[12])) * TICK_S
    except OSError:
        return None


def core_busy_seconds():
    """Core -> time that it was not idle since boot (stolen time included)."""
    busy = {}
    for line in Path("/proc/stat").read_text().splitlines():
        name, *rest = line.split()
        if name.startswith("cpu") and name != "cpu":
            ticks = list(map(int, rest[:8]))
            busy[int(name[3:])] = (sum(ticks) - ticks[3] - ticks[4]) * TICK_S
    return busy


@dataclass
class Sample:
    """A moment: what processes and cores have used up to now."""

    at: float
    cpu: dict
    busy: dict


def sample(pids):
    return Sample(time.monotonic(), {pid: cpu_seconds(pid) for pid in pids},
                  core_busy_seconds())


def cpu_between(first, last):
    """pid -> seconds, of those that lived through both samples."""
    return {pid: last.cpu[pid] - used for pid, used in first.cpu.items()
            if used is not None and last.cpu.get(pid) is not None}


def pss_kib(pids):
    """Proportional set size: shared pages are split among their sharers."""
    total = 0
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def libssl_of(pid):
    """The libssl that a process has mapped, by its real path, or None."""
    try:
        text = Path(f"/proc/{pid}/maps").read_text()
    except OSError:
        return None
    for line in text.splitlines():
        path = line.split(maxsplit=5)[-1]
        if "/libssl.so" in path:
            return path
    return None


def raise_descriptor_limit(wanted=65536):
    """As many descriptors as we may have; what we start inherits it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (max(wanted, hard), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return limit
        except (ValueError, OSError):
            continue
    return hard


def facts():
    """What belongs above a table so that it can be compared."""
    model = "unknown CPU"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cores": os.cpu_count(),
            "kernel": os.uname().release,
            "time": time.strftime("%Y-%m-%d %H:%M")}
