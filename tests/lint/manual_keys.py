#!/usr/bin/python3
"""The manuals name exactly the keys that the daemons accept, section by
section, with the right defaults.

A key's entry in a manual is ".It Ic KEY No = Ar VALUE", in a section whose
heading names it in brackets (".Ss [listen NAME]"), followed on the same line
by "Pq required" or "Pq default Cm TEXT", and there is one.  The other side comes from the
tables themselves, through tests/tools/dump_keys.c.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MANUALS = {
    "tlsd": ROOT / "tlsd/tlsd.ini.5",
    "rproxy": ROOT / "rproxy/rproxy.ini.5",
    "site": ROOT / "common/site.ini.5",
}
B = os.environ.get("B") or "build"

HEADING = re.compile(r'^\.S[sh] .*?\[(\w+)')
ENTRY = re.compile(r'^\.It Ic (\S+) No = (.*)$')
DEFAULT = re.compile(r'Pq default Cm (.+)$')


def accepted():
    """(file, section, key) -> "required", "optional" or "default TEXT"."""
    program = f"{B}/tools/dump_keys"
    subprocess.run(["make", "-s", f"B={B}", program], cwd=ROOT, check=True)
    run = subprocess.run([ROOT / program], check=True, capture_output=True,
                         text=True)
    keys = {}
    for line in run.stdout.splitlines():
        file, section, key, need = line.split(" ", 3)
        keys[file, section, key] = need
    return keys


def need_of(rest):
    if "Pq required" in rest:
        return "required"
    default = DEFAULT.search(rest)
    return f"default {default[1]}" if default else "optional"


def documented(faults):
    keys = {}
    for file, path in MANUALS.items():
        section = None
        for line in path.read_text().splitlines():
            heading = HEADING.match(line)
            if heading:
                section = heading[1]
            elif line.startswith((".Sh ", ".Ss ")):
                section = None
            entry = ENTRY.match(line)
            if not entry or not section:
                continue
            if (file, section, entry[1]) in keys:
                faults.append(f"{path.relative_to(ROOT)}: [{section}] "
                              f"{entry[1]}: in the manual twice")
            keys[file, section, entry[1]] = need_of(entry[2])
    return keys


def main():
    faults = []
    have, told = accepted(), documented(faults)
    for key in sorted(have.keys() | told.keys()):
        name = f"{MANUALS[key[0]].relative_to(ROOT)}: [{key[1]}] {key[2]}"
        if key not in told:
            faults.append(f"{name}: accepted, but not in the manual")
        elif key not in have:
            faults.append(f"{name}: in the manual, but not accepted")
        elif have[key] != told[key]:
            faults.append(f"{name}: is {have[key]}, "
                          f"the manual says {told[key]}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
