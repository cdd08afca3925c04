#!/usr/bin/python3
"""Who may include whom; prints each include that goes the wrong way.

tlsd/{master,signer,worker} -> tlsd/*.h -> common; rproxy/*.c -> front route
rewrite upstream -> http -> common; never sideways, the daemons never each
other.  Some libraries have one file or one folder only.
"""

import re
import sys
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]

# folder of a file -> folders whose headers it may include, besides its own
MAY = {
    "common": (),
    "tlsd": ("common",),
    "tlsd/master": ("tlsd", "common"),
    "tlsd/signer": ("tlsd", "common"),
    "tlsd/worker": ("tlsd", "common"),
    "rproxy": ("common", "rproxy/http"),
    "rproxy/master": ("rproxy", "common"),
    "rproxy/http": ("common",),
    "rproxy/front": ("rproxy", "rproxy/http", "common"),
    "rproxy/route": ("rproxy/http", "common"),
    "rproxy/rewrite": ("rproxy/http", "common"),
    "rproxy/upstream": ("rproxy", "rproxy/http", "common"),
}

# files above the layers: they start or connect what lies below
ABOVE = {
    "tlsd/main.c": ("tlsd/master", "tlsd/signer", "tlsd/worker"),
    "rproxy/main.c": ("rproxy/master",),
    "rproxy/worker.c": ("rproxy/front", "rproxy/upstream"),
    "rproxy/master.c": ("rproxy/upstream",),
    "rproxy/prober.c": ("rproxy/upstream",),
    "rproxy/request_*": ("rproxy/route", "rproxy/rewrite"),
    "rproxy/response_fields.c": ("rproxy/rewrite",),
    "rproxy/config_*": ("rproxy/route", "rproxy/rewrite"),
    "rproxy/explain.c": ("rproxy/route", "rproxy/rewrite"),
    # one object in several files: exchange.c, exchange_request.c ...
    "rproxy/exchange*": ("rproxy/front", "rproxy/route", "rproxy/rewrite",
                         "rproxy/upstream"),
}

# header of a library -> the only place that may include it
ONLY = {
    r"ini\.h": "common/conf.c",
    r"seccomp\.h": "common/sandbox.c",
    r"linux/(seccomp|filter)\.h": "common/sandbox.c",
    r"openssl/.*": "tlsd/",
    r"llhttp\.h": "rproxy/http/h1_read.c",
    r"pcre2\.h": "rproxy/route/pattern.c",
}

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def folder_of(path):
    return str(PurePosixPath(path).parent)


def above(path):
    return [folder for pattern, folders in ABOVE.items()
            if fnmatch(path, pattern) for folder in folders]


def own_fault(path, target):
    """What is wrong when file path includes "target"; "" for nothing."""
    if not (ROOT / target).exists():
        return "no such file under the root (paths start there)"
    here, there = folder_of(path), folder_of(target)
    allowed = (here, *MAY.get(here, ()), *above(path))
    if there in allowed:
        return ""
    return f"{here}/ may include from {', '.join(allowed)} only"


def library_fault(path, target):
    for pattern, place in ONLY.items():
        if re.fullmatch(pattern, target) and not path.startswith(place):
            return f"only {place} may include it"
    return ""


def main():
    faults = 0
    for top in ("common", "tlsd", "rproxy"):
        for file in sorted((ROOT / top).rglob("*.[ch]")):
            path = file.relative_to(ROOT).as_posix()
            if folder_of(path) not in MAY:
                print(f"{path}: the folder is not in the table of "
                      "tests/lint/include_directions.py")
                faults += 1
                continue
            for kind, target in INCLUDE.findall(file.read_text()):
                check = own_fault if kind == '"' else library_fault
                if fault := check(path, target):
                    print(f"{path}: {target}: {fault}")
                    faults += 1
    sys.exit(faults != 0)


if __name__ == "__main__":
    main()
