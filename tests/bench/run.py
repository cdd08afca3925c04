#!/usr/bin/python3
"""tlsd and rproxy beside other TLS reverse proxies, on this machine.

    make bench                          everything; about as long as it says
    make bench SUT=nginx,ours WORKLOAD=W1 ROUNDS=3 SECONDS=2
    run.py --from A.json,B.json         tables and picture of earlier runs

tests/bench/README.md: what is measured and how to read it.
"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

import machine                                              # noqa: E402
import picture                                              # noqa: E402
import table                                                # noqa: E402
from instructions import count_instructions                 # noqa: E402
from measure import LoadFailed, measure                     # noqa: E402
from profiler import profile                                # noqa: E402
from stage import Stage                                     # noqa: E402
from syscalls import count_syscalls                         # noqa: E402
from system import ALL_SYSTEMS, NotStarted, System          # noqa: E402
from workloads import BY_NAME, GROWTH, RATES, WORKLOADS     # noqa: E402

ORDER = ["nginx", "ours", "haproxy", "apache", "hitch-haproxy"]
MODES = {"syscalls": count_syscalls, "instructions": count_instructions,
         "profile": profile}
# Beside the window: warming up, starting, settling.
OVERHEAD_S = 1.5
PARTS = {"growth": len(GROWTH), "rates": len(RATES), "crowd": 4, "sites": 6,
         "memory": 3}


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--build", default="build", help="folder of tlsd and rproxy")
    add("--sut", default="", help="of " + ",".join(ALL_SYSTEMS) + " or all")
    add("--workload", default="", help="of " + ",".join(BY_NAME))
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=2.0, help="of each window")
    add("--warm", type=float, default=0.7, help="seconds before it")
    add("--mode", default="time", choices=["time", *MODES])
    add("--out", default="", help="folder of the results (BUILD/bench)")
    add("--core-system", type=int, default=0)
    add("--core-load", type=int, default=1)
    add("--nice", type=int, default=0,
        help="priority of all programs, e.g. -10 on a busy machine")
    add("--from", dest="earlier", default="",
        help="results of earlier runs: measure nothing, print them")
    return parser.parse_args()


def chosen(text, known, default):
    """Names of a comma list; exits when one is unknown."""
    names = [n for n in text.split(",") if n] or default
    for name in names:
        if name not in known:
            sys.exit(f"{name}: one of {', '.join(known)}")
    return names


def say(words):
    print(words, file=sys.stderr, flush=True)


class Run:
    """All systems, all workloads, in rounds; results saved after each."""

    def __init__(self, options, stage, systems, workloads):
        self.options = options
        self.stage = stage
        self.systems = systems
        self.workloads = workloads
        self.identities = {}
        self.rows = []
        self.name = time.strftime("%Y%m%d-%H%M%S")
        self.out = Path(options.out or f"{options.build}/bench")
        self.out.mkdir(parents=True, exist_ok=True)
        self.facts = machine.facts() | {
            "cores_text": self.cores_text(), "cipher": "not seen",
            "problems": []}

    def cores_text(self):
        return (f"one worker: the system on core {self.stage.core_system}, "
                f"load generator and origin on core {self.stage.core_load}")

    def start_all(self, setup):
        """Those that started; what did not is said, not hidden."""
        live = []
        self.stage.place_load(setup.workers)
        for system in self.systems:
            try:
                system.start(setup)
            except NotStarted as e:
                self.note(f"not started: {e}")
                continue
            live.append(system)
            self.identities.setdefault(system.name, system.identity())
        return live

    def note(self, problem):
        """What could not be measured belongs into the report."""
        say(problem)
        self.facts["problems"].append(" ".join(problem.split()))

    def groups(self):
        """Workloads by setup, in order: one start for all that share it."""
        found = {}
        for workload in self.workloads:
            found.setdefault(workload.setup, []).append(workload)
        return found.items()

    def run(self):
        for setup, workloads in self.groups():
            try:
                live = self.start_all(setup)
                for workload in workloads:
                    self.run_workload(live, workload)
            finally:
                for system in self.systems:
                    system.stop()

    def run_workload(self, live, workload):
        for number in range(self.options.rounds):
            for system in live:
                if workload.name in system.skip:
                    continue
                try:
                    rows = measure(self.stage, system, workload)
                except (LoadFailed, NotStarted) as e:
                    self.note(f"{workload.name} {system.name}: {e}")
                    continue
                for row in rows:
                    self.keep(row, system, workload, number)

    def keep(self, row, system, workload, number):
        row |= {"system": system.name, "workload": workload.name,
                "round": number, "run": self.name}
        self.rows.append(row)
        if row.get("cipher"):
            self.facts["cipher"] = row["cipher"]
        figure = row.get("us", row.get("kib", 0))
        say(f"{workload.name:5} {number} {system.name:14} {row['part']:10} "
            f"{figure:9.1f}  {row.get('rate', 0):9.1f}/s  "
            f"foreign {max(row.get('foreign', [0])) * 100:3.0f}%  "
            f"failed {row['failed']} {row.get('error', '')}")
        (self.out / f"{self.name}.json").write_text(json.dumps(
            {"facts": self.facts, "identities": self.identities,
             "rows": self.rows}, indent=1))

    def publish(self):
        publish(table.Results(self.rows, self.identities), self.facts,
                self.out / self.name)


def publish(results, facts, path):
    text = table.report(results, facts)
    print(text)
    path.with_suffix(".md").write_text(text)
    svg = picture.draw(results)
    if svg:
        path.with_suffix(".svg").write_text(svg)
    written = [path.with_suffix(end) for end in (".json", ".md", ".svg")]
    say("written: " + " ".join(str(p) for p in written if p.exists()))


def publish_earlier(paths, out):
    """Tables and picture of the runs together."""
    rows, identities, facts, problems = [], {}, {}, []
    for path in paths:
        run = json.loads(Path(path).read_text())
        rows += run["rows"]
        identities |= run["identities"]
        problems += run["facts"]["problems"]
        facts |= run["facts"] | {"problems": problems}
    name = "together" if len(paths) > 1 else Path(paths[0]).stem
    folder = Path(out or Path(paths[0]).parent)
    publish(table.Results(rows, identities), facts, folder / name)


def estimate_s(options, systems, workloads):
    per_window = options.seconds + options.warm + OVERHEAD_S
    windows = sum(PARTS.get(w.kind, 1) for w in workloads)
    return per_window * windows * options.rounds * len(systems)


def main():
    options = parse_arguments()
    if options.earlier:
        publish_earlier(options.earlier.split(","), options.out)
        return
    if os.geteuid() != 0:
        sys.exit("run.py: as root, please: the systems drop privileges, and "
                 "memory of other users' processes is read")
    # a terminated run cleans up like an interrupted one
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    workloads = [BY_NAME[n] for n in chosen(
        options.workload, BY_NAME, [w.name for w in WORKLOADS])]
    names = ALL_SYSTEMS if options.sut == "all" else chosen(
        options.sut, ALL_SYSTEMS, ORDER)
    with Stage(f"{options.build}/bench", options.core_system,
               options.core_load, options.nice) as stage:
        stage.seconds = options.seconds
        stage.warm_seconds = options.warm
        systems = [System(n, stage, options.build) for n in names]
        if options.mode != "time":
            MODES[options.mode](stage, systems, workloads)
            return
        minutes = estimate_s(options, systems, workloads) / 60
        say(f"systems: {len(systems)}, workloads: {len(workloads)}, rounds: "
            f"{options.rounds}; takes about {max(minutes, 1):.0f} min")
        run = Run(options, stage, systems, workloads)
        run.run()
        run.publish()


if __name__ == "__main__":
    main()
