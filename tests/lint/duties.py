#!/usr/bin/python3
"""Every test that tests/system/DUTIES.md names exists."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DUTIES = ROOT / "tests/system/DUTIES.md"
FILE = re.compile(r"([\w/]+\.(?:py|c|txt)) ((?:[`\"][^`\"]+[`\"](?:, )?)+)")


def place(name):
    if name.endswith(".txt"):
        return ROOT / "tests/corpus/h1" / name
    return ROOT / (name if "/" in name else f"tests/system/{name}")


def has(path, name):
    if not path.exists():
        return False
    text = path.read_text()
    if path.suffix == ".txt":
        return any(line.split("\t")[2:3] == [name]
                   for line in text.splitlines())
    pattern = rf"^def {name}\(" if path.suffix == ".py" else rf"^{name}\(void"
    return re.search(pattern, text, re.M) is not None


def main():
    faults, found = [], 0
    for number, line in enumerate(DUTIES.read_text().splitlines(), 1):
        if not line.startswith("| ") or line.startswith("| Duty"):
            continue
        tests = [(file, name) for file, names in FILE.findall(line)
                 for name in re.findall(r"[`\"]([^`\"]+)[`\"]", names)]
        if not tests:
            faults.append(f"DUTIES.md:{number}: no test")
        faults += [f"DUTIES.md:{number}: {file} has no {name}"
                   for file, name in tests if not has(place(file), name)]
        found += len(tests)
    print("\n".join(faults))
    sys.exit(bool(faults) or not found)


if __name__ == "__main__":
    main()
