"""Which private keys are in the memory of which process.

    @memory_test                       skips where nobody may look
    found_in(pid, secrets(pair, kind))
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ca import openssl
from gateway import BUILD, IS_ROOT

SEARCH = Path(__file__).resolve().parent / "memory_search.py"
KINDS = ("rsa", "ec", "ed25519")
CAP_SYS_PTRACE = 19
AS_ROOT = [] if IS_ROOT else ["sudo", "-n"]


def may_read_memory():
    """Daemons are not dumpable: takes root, and root with all its rights."""
    run = subprocess.run([*AS_ROOT, "cat", "/proc/self/status"], text=True,
                         capture_output=True)
    rights = re.search(r"^CapEff:\s*(\w+)", run.stdout, re.M)
    return bool(rights) and bool(int(rights[1], 16) >> CAP_SYS_PTRACE & 1)


def memory_test(function):
    for condition, reason in (
            (not may_read_memory(),
             "root with CAP_SYS_PTRACE alone reads other processes' memory"),
            (BUILD.name in ("asan", "tsan"),
             "a sanitizer's shadow memory is too large to read")):
        function = pytest.mark.skipif(condition, reason=reason)(function)
    return function


def numbers(key):
    """Names and values of openssl's text form: {"prime1": bytes, ...}."""
    text = openssl("pkey", "-in", key, "-noout", "-text")
    found = re.findall(r"^(\w+):\n((?:    .*\n)+)", text, re.M)
    return {name: bytes.fromhex(re.sub(r"[\s:]", "", value))
            for name, value in found}


def secrets(pair, kind):
    """Every form in which the key could lie in memory, by name.

    OpenSSL keeps big numbers as little-endian words, PKCS#8 and PKCS#1 as
    big-endian bytes, files as base64.
    """
    wanted = {"rsa": ("privateExponent", "prime1", "prime2", "exponent1",
                      "exponent2", "coefficient"),
              "ec": ("priv",), "ed25519": ("priv",)}[kind]
    parts = numbers(pair.key)
    forms = {}
    for name in wanted:
        value = parts[name].lstrip(b"\0")
        forms[f"{name} big-endian"] = value
        forms[f"{name} little-endian"] = value[::-1]
    lines = pair.key.read_text().splitlines()
    forms["base64"] = lines[len(lines) // 2].encode()
    return forms


def found_in(pid, forms):
    """Names of the forms that are in the memory of the process."""
    run = subprocess.run(
        [*AS_ROOT, sys.executable, str(SEARCH), str(pid)],
        input="\n".join(v.hex() for v in forms.values()),
        capture_output=True, text=True, check=True)
    names = list(forms)
    return {names[int(i)] for i in run.stdout.split()}
