#!/usr/bin/python3
"""The house style that a program can see: top-level entries, head comments,
file length, line length, trailing blanks, a final newline."""

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOP = {"tlsd", "rproxy", "common", "conf", "tests", "Makefile", "README.md",
       "LICENSE"}
MAX_LINES = 600
MAX_COLUMNS = 80
CODE = {".c", ".h", ".py", ".sh", ".js", ".jsp"}
TEXT = CODE | {".md", ".ini", ".xml", ".8", ".5", ".service", ".socket",
               ".conf"}


def project_files():
    """What git tracks or would track; all files where there is no git."""
    run = shutil.which("git") and subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True)
    if run and run.returncode == 0:
        paths = [ROOT / line for line in run.stdout.splitlines()]
    else:
        paths = [p for p in ROOT.rglob("*") if "build" not in p.parts]
    return sorted(p for p in paths if p.is_file())


def columns(line):
    return len(line.expandtabs(8))


def faults_of(path):
    name = path.relative_to(ROOT).as_posix()
    top = name.split("/")[0]
    if top not in TOP and not top.startswith("."):
        yield f"{name}: {top} does not belong at the top level"
    if path.suffix not in TEXT and path.name != "Makefile":
        return
    text = path.read_text()
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        yield f"{name}: no newline at the end"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield f"{name}:{number}: blanks at the end of the line"
    if path.suffix in CODE and len(lines) > MAX_LINES:
        yield f"{name}: {len(lines)} lines, the ceiling is {MAX_LINES}"
    if path.suffix not in (".c", ".h"):
        return
    if top != "tests" and not text.startswith("/*\n"):
        yield f"{name}: does not begin by saying what it is (/* ...)"
    for number, line in enumerate(lines, 1):
        # a line of one word cannot be broken
        if columns(line) > MAX_COLUMNS and len(line.split()) > 1:
            yield f"{name}:{number}: more than {MAX_COLUMNS} columns"


def main():
    faults = [fault for path in project_files() for fault in faults_of(path)]
    print("\n".join(faults))
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
