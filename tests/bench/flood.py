#!/usr/bin/python3
"""Does a flood of handshakes stop the others?

    tests/bench/flood.py [--build DIR] [--sut nginx,ours] [--workers 1,2]
                         [--clients 64] [--rounds 3] [--seconds 3]

Keep-alive traffic at a fixed rate (1 KiB answers on 16 connections of an
ECDSA site) is timed twice: alone, and while another program opens full
RSA-2048 handshakes as fast as it can, so many at a time.  A worker that signs
by itself does nothing else meanwhile; one that asks a signer goes on.

The system has as many cores as workers; load generators and origin have
another one, or share them where the machine has too few.  What run.py says
about rounds and order goes for this, too.  Prints a table in Markdown.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tools"))

from measure import run_load, start_load  # noqa: E402
from stage import Stage  # noqa: E402
from system import Setup, System  # noqa: E402

QUIET = "-m keep -c 16 -r {rate} -u /1k -e 1024 -H ec.bench.test"
FLOOD = "-m full -c {clients} -u /1k -e 1024 -H rsa.bench.test"
COLUMNS = ("p50", "p99", "p999")


def timed(stage, system, args, flood):
    """Latencies in us of the quiet traffic, and handshakes per second."""
    window = f" -d {args.seconds} -w 1"
    crowd = None
    if flood:
        longer = f" -d {args.seconds + 2} -w 0"
        crowd = start_load(stage, system,
                           FLOOD.format(clients=args.clients) + longer)
        time.sleep(0.5)
    try:
        result, _, _ = run_load(stage, system,
                                QUIET.format(rate=args.rate) + window)
        rate = 0.0
        if crowd:
            for line in crowd.process.stdout:
                if line.startswith("{"):
                    rate = json.loads(line)["ok"] / (args.seconds + 2)
    finally:
        if crowd:
            crowd.stop()
    return {**{c: result[c] for c in COLUMNS}, "rate": rate,
            "failed": sum(v for k, v in result.items()
                          if k.startswith("fail_"))}


def measure(stage, args, workers):
    rows = {}
    for _ in range(args.rounds):
        for name in args.sut.split(","):
            system = System(name, stage, args.build)
            stage.place_load(workers)
            system.start(Setup(workers=workers))
            try:
                for flood in (False, True):
                    row = timed(stage, system, args, flood)
                    rows.setdefault((name, flood), []).append(row)
            finally:
                system.stop()
    return rows


def show(rows, workers):
    for (name, flood), samples in rows.items():
        middle = {key: statistics.median(s[key] for s in samples)
                  for key in samples[0]}
        print(f"| {workers} | {name} | {'yes' if flood else 'no'} "
              f"| {middle['p50']:.0f} | {middle['p99']:.0f} "
              f"| {middle['p999']:.0f} | {middle['rate']:.0f} "
              f"| {middle['failed']:.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=Path, default=Path("build"))
    parser.add_argument("--sut", default="nginx,ours")
    parser.add_argument("--workers", default="1")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--nice", type=int, default=0)
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("needs root: the systems give up their rights")
    print("| workers | system | flood | p50 us | p99 us | p999 us "
          "| flood handshakes/s | failed |\n" + "|---" * 8 + "|", flush=True)
    with Stage(args.build / "bench", nice=args.nice) as stage:
        for workers in map(int, args.workers.split(",")):
            show(measure(stage, args, workers), workers)


if __name__ == "__main__":
    main()
