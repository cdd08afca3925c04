#!/usr/bin/python3
"""What testssl.sh (Debian package) says about a tlsd as it is without any
option: findings of its grades, held against a list of those that are allowed.

    make check-tls, or tests/system/testssl.py after make

tests/system/testssl_allowed.txt: one "ID GRADE reason" in a line.  A finding
above LOW that is not in it is printed, and so is a line that is not needed
any more, unless its reason begins with "sometimes"; both end with 1.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "tools")]
os.environ.setdefault("BUILD", os.environ.get("B") or "build")

from ca import Authority  # noqa: E402
from conftest import site_text  # noqa: E402
from gateway import Gateway, make_folder  # noqa: E402
from tlsd_alone import TlsdAlone  # noqa: E402

# protocols, ciphers, forward secrecy, server's preference and defaults,
# vulnerabilities; not: client simulation, HTTP headers (rproxy's business)
CHECKS = ["-p", "-s", "-f", "-P", "-S", "-U"]
HARMLESS = {"OK", "INFO", "LOW", "DEBUG"}
LIMIT_S = 240
NAMES = ["localhost", "127.0.0.1"]


def answer(sock, _header):
    while sock.recv(65536):
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def start(folder):
    ca = Authority(folder / "ca")
    # longer than the 60 days below which testssl.sh complains
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 90 * 86400))
    begin = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() - 3600))
    rsa, ec = (ca.issue(kind, NAMES, key=kind, start=begin, end=end)
               for kind in ("rsa", "ec"))
    gw = Gateway(make_folder("testssl-gateway-"))
    gw.write({"site": site_text(rsa, 1).replace(
        "[route all]",
        f"certificate = {ec.cert}\nkey = {ec.key}\n[route all]")}, workers=2)
    t = TlsdAlone(gw, answer)
    t.backend.start()
    t.start()
    return t, ca


def look(t, ca, report):
    subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--warnings", "batch",
         "--nodns", "none", "--openssl", shutil.which("openssl"),
         "--add-ca", ca.cert, *CHECKS, "--jsonfile", report,
         f"localhost:{t.port}"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=LIMIT_S)
    return json.loads(report.read_text())


def read_allowed():
    allowed = {}
    for line in (HERE / "testssl_allowed.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, grade, reason = line.split(" ", 2)
            allowed[name, grade] = reason.startswith("sometimes")
    return allowed


def judge(findings):
    allowed = read_allowed()
    faults = []
    for found in findings:
        # "cert_trust <cert#1>"
        key = re.sub(r" .*", "", found["id"]), found["severity"]
        if key[1] in HARMLESS:
            continue
        if key in allowed:
            allowed[key] = True
        else:
            faults.append(f"{found['id']}: {key[1]}: {found['finding']}")
    faults += [f"testssl_allowed.txt: {' '.join(key)} is not found any more"
               for key, is_used in allowed.items() if not is_used]
    return faults


def main():
    folder = make_folder("testssl-")
    t, ca = start(folder)
    begin = time.monotonic()
    try:
        findings = look(t, ca, folder / "report.json")
    finally:
        faults = t.gw.stop()
        t.backend.stop()
        t.gw.remove()
    shutil.rmtree(folder)
    faults += judge(findings)
    if len(findings) < 100:
        faults.append(f"testssl.sh has looked at {len(findings)} things only")
    print("\n".join(faults + [f"{len(findings)} findings in "
                              f"{time.monotonic() - begin:.0f} s"]))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
