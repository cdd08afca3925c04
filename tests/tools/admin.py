"""What a daemon says on its admin socket, a Unix one."""

import json
import re
import socket


def ask(path, target):
    """Status and body."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(path))
        s.sendall(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        head, _, body = s.makefile("rb").read().partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()


def get(path, target):
    code, body = ask(path, target)
    assert code == 200, code
    return body


def status(path):
    return json.loads(get(path, "/status"))


def metric(path, series):
    """series: with its labels, tlsd_handshakes_total{version="TLSv1.3"}."""
    found = re.search(rf"^{re.escape(series)} (\d+)$", get(path, "/metrics"),
                      re.M)
    return int(found[1])
