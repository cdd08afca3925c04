"""What spans many reloads: a slow download and a WebSocket.

    port = backend(serve_long)      site: ... long_route(port)
    slow = Long(gw, tls)
    slow.end()                      counts of bytes and of messages
"""

import base64
import hashlib
import re
import threading
import time

from client import Connection, fetch
from websocket import GUID, WebSocket


def long_route(port):
    """Sections of a site."""
    return f"""\
[route long]
prefix = /long
prefix = /echo
upgrade = websocket
pool = long
[pool long]
server = http://127.0.0.1:{port}
"""


def read_frame(lines):
    """The payload of a client's frame; None at the end."""
    head = lines.read(2)
    if len(head) < 2:
        return None
    mask = lines.read(4)
    data = lines.read(head[1] & 0x7f)
    return bytes(b ^ mask[i % 4] for i, b in enumerate(data))


def serve_long(connection, _address):
    """/echo: a WebSocket; anything else: a byte each 100 ms for 30 s."""
    lines = connection.makefile("rb")
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = lines.readline()
        if not line:
            return
        head += line
    key = re.search(rb"Sec-WebSocket-Key: (\S+)", head, re.I)
    if not key:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\n")
        for _ in range(300):
            connection.sendall(b"x")
            time.sleep(0.1)
        return
    accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
    connection.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
        b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept +
        b"\r\n\r\n")
    while (data := read_frame(lines)) is not None:
        connection.sendall(bytes([0x81, len(data)]) + data)


class Long:
    """What spans many reloads, each in a thread of its own."""

    def __init__(self, gw, tls):
        self.results = {}
        self.threads = [threading.Thread(target=run, args=(gw, tls))
                        for run in (self.download, self.talk)]
        for thread in self.threads:
            thread.start()

    def download(self, gw, tls):
        answer = fetch(gw.https_port, "/long", tls)
        self.results["download"] = len(answer.body)

    def talk(self, gw, tls):
        count = 0
        with WebSocket(Connection(gw.https_port, tls, timeout_s=60),
                       "/echo") as ws:
            while "download" not in self.results:
                time.sleep(0.2)
                ws.send(f"message {count}")
                assert ws.receive() == f"message {count}"
                count += 1
        self.results["talk"] = count

    def end(self):
        for thread in self.threads:
            thread.join()
        return self.results
