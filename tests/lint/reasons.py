#!/usr/bin/python3
"""rproxy(8) lists the reasons of rproxy/http/reason.c with their status."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def in_code():
    text = (ROOT / "rproxy/http/reason.c").read_text()
    rows = re.findall(r'\[REASON_\w+\] = (?:\w+\(|\{ )"(\w+)",(?:\s*(\d+),)?',
                      text)
    return {name: int(status or 0) for name, status in rows if name != "ok"}


def in_manual():
    text = (ROOT / "rproxy/rproxy.8").read_text()
    rows = re.findall(r"^\.It Sy (\w+)(?: Pq (\d+))?$", text, re.M)
    return {name: int(status or 0) for name, status in rows}


def main():
    code, manual = in_code(), in_manual()
    for name in sorted(code.keys() | manual.keys()):
        if code.get(name) != manual.get(name):
            print(f"rproxy/rproxy.8: reason {name}: {manual.get(name)}, "
                  f"in reason.c {code.get(name)}")
    sys.exit(code != manual)


if __name__ == "__main__":
    main()
