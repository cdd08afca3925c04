"""A server that misbehaves on demand, byte by byte.

The first segment of the path says how: GET /reset/x is answered with a TCP
reset.  Everything that arrived is kept: backend.requests[i].head (text),
.fields (pairs), .body, .connection (number of the connection);
backend.last is the last one.

    with BadBackend() as backend:
        ... backend.port ... backend.requests ... backend.connections
"""

import socket
import struct
import threading
import time
from dataclasses import dataclass, field

from listening import each_in_a_thread, stop_listening


@dataclass
class Request:
    connection: int
    head: str
    fields: list = field(default_factory=list)
    body: bytes = b""

    @property
    def line(self):
        return self.head.split("\r\n", 1)[0]

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def get(self, name):
        values = self.all(name)
        assert len(values) <= 1, f"{name}: {values}"
        return values[0] if values else None


class Gone(Exception):
    """The other side has closed."""


class Link:
    """One connection, with a buffer."""

    def __init__(self, sock, number):
        self.sock = sock
        self.number = number
        self.buffer = b""

    def more(self):
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self.buffer += data

    def read_until(self, mark):
        while mark not in self.buffer:
            self.more()
        head, self.buffer = self.buffer.split(mark, 1)
        return head + mark

    def read(self, n):
        while len(self.buffer) < n:
            self.more()
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def skim(self, n):
        """Reads n bytes without keeping them."""
        n -= len(self.buffer)
        self.buffer = b""
        while n > 0:
            n -= len(self.sock.recv(min(n, 1 << 18)) or self.end())

    def end(self):
        raise Gone

    def read_head(self):
        head = self.read_until(b"\r\n\r\n").decode("latin-1")
        request = Request(self.number, head)
        for line in head.split("\r\n")[1:-2]:
            name, value = line.split(":", 1)
            request.fields.append((name, value.strip()))
        return request

    def read_body(self, request):
        if request.get("Transfer-Encoding") == "chunked":
            while True:
                size = int(self.read_until(b"\r\n"), 16)
                data = self.read(size + 2)
                if size == 0:
                    return
                request.body += data[:-2]
        request.body = self.read(int(request.get("Content-Length") or 0))

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def answer(self, body=b"", status="200 OK", fields=()):
        if isinstance(body, str):
            body = body.encode()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}",
                 *fields]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("ii", 1, 0))
        self.sock.close()
        raise Gone


class BadBackend:
    def __init__(self):
        self.requests = []
        self.connections = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]

    @property
    def last(self):
        """The request that came last."""
        return self.requests[-1]

    def __enter__(self):
        each_in_a_thread(self.listener, self.serve)
        return self

    def __exit__(self, *_):
        stop_listening(self.listener)

    def serve(self, sock, _address):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self.lock:
            self.connections += 1
            link = Link(sock, self.connections)
        with sock:
            try:
                while self.one(link):
                    pass
            except (Gone, OSError):
                pass

    def one(self, link):
        """True: the connection stays."""
        request = link.read_head()
        self.requests.append(request)
        path = request.line.split(" ")[1].split("?")[0]
        name, *rest = path.strip("/").split("/")
        do = getattr(self, "do_" + (name or "echo").replace("-", "_"),
                     self.do_echo)
        return do(link, request, *rest) is not False

    # sound answers

    def do_echo(self, link, request, *_):
        link.read_body(request)
        if request.line.startswith("HEAD"):
            link.send("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
        else:
            link.answer(request.body or request.line)

    def do_chunked(self, link, request, pieces="3", *_):
        """Keeps the connection."""
        link.read_body(request)
        link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for i in range(int(pieces)):
            link.send(f"5;ext=1\r\nab{i % 1000:03}\r\n")
        link.send("0\r\nX-Trailer: 1\r\n\r\n")

    def do_status(self, link, request, code, *_):
        link.read_body(request)
        link.send(f"HTTP/1.1 {code} X\r\n\r\n" if code in ("204", "304")
                  else f"HTTP/1.1 {code} X\r\nContent-Length: 0\r\n\r\n")

    def do_until_close(self, link, request, *_):
        link.read_body(request)
        link.send("HTTP/1.1 200 OK\r\n\r\nuntil the end")
        return False

    def do_http10(self, link, request, *_):
        link.read_body(request)
        link.send("HTTP/1.0 200 OK\r\n\r\nten")
        return False

    def do_interim(self, link, request, *_):
        link.read_body(request)
        link.send("HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
        time.sleep(0.05)
        link.answer("after hints")

    def do_expect(self, link, request, *_):
        time.sleep(0.1)
        link.send("HTTP/1.1 100 Continue\r\n\r\n")
        link.read_body(request)
        link.answer(f"{len(request.body)}")

    def do_sink(self, link, request, *_):
        """Reads a body with a length and forgets it."""
        n = int(request.get("Content-Length"))
        link.skim(n)
        link.answer(f"{n}")

    def do_big(self, link, request, mib, *_):
        n = int(mib) << 20
        link.send(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n")
        block = bytes(range(256)) * 4096
        for _ in range(int(mib)):
            link.send(block)

    def do_limit(self, link, request, *_):
        link.answer("limited", fields=["Keep-Alive: timeout=60, max=2"])

    def do_slow_pieces(self, link, request, *_):
        link.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for c in "abcdef":
            time.sleep(0.4)
            link.send(c)

    def do_redirect(self, link, request, *_):
        link.read_body(request)
        link.answer(status="302 Found", fields=[
            f"Location: http://127.0.0.1:{self.port}/irj/portal?a=b",
            "Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/"])

    # another protocol

    def switch(self, link, fields=("Upgrade: websocket",), more=b""):
        lines = ["HTTP/1.1 101 Switching Protocols", "Connection: Upgrade",
                 *fields]
        link.send("\r\n".join(lines).encode() + b"\r\n\r\n" + more)

    def do_tunnel(self, link, request, *_):
        """Whatever comes goes back, in upper case; then its end."""
        self.switch(link, ["Upgrade: websocket", "X-Server: 1"], b"hello ")
        data, link.buffer = link.buffer, b""
        while True:
            link.send(data.upper())
            data = link.sock.recv(65536)
            if not data:
                break
        link.send(b" bye")
        return False

    def do_tunnel_first(self, link, request, *_):
        """Ends its own direction at once and listens on."""
        self.switch(link)
        link.send(b"that is all")
        link.sock.shutdown(socket.SHUT_WR)
        self.heard = link.buffer
        while data := link.sock.recv(65536):
            self.heard += data
        return False

    def do_tunnel_silent(self, link, request, *_):
        self.switch(link)
        link.more()

    def do_tunnel_flood(self, link, request, *_):
        self.switch(link)
        while True:
            link.send(b"f" * 65536)

    def do_tunnel_reset(self, link, request, *_):
        self.switch(link)
        link.more()
        link.reset()

    def do_switch(self, link, request, which, *_):
        link.send(SWITCHES[which])
        link.more()

    # early answers

    def do_early(self, link, request, code, *_):
        """Answers before it has read the body, then closes."""
        link.answer("too early", f"{code} Early", ["Connection: close"])
        return False

    def do_early_reset(self, link, request, code, *_):
        link.answer("then reset", f"{code} Early", ["Connection: close"])
        time.sleep(0.05)
        link.reset()

    # closing idle connections

    def do_then_close(self, link, request, *_):
        """Says nothing about it and closes right away."""
        link.read_body(request)
        link.answer("bye")
        return False

    def do_once(self, link, request, *_):
        """Answers the first request of a connection; the second meets a
        connection that closes without a byte."""
        link.read_body(request)
        link.answer(f"connection {link.number}")
        link.read_head()
        return False

    # faults

    def do_close(self, link, request, *_):
        return False

    def do_reset(self, link, request, *_):
        link.reset()

    def do_silent(self, link, request, *_):
        link.more()

    def do_raw(self, link, request, which, *_):
        link.read_body(request)
        link.send(RAW[which])
        return which in KEEPS

    def do_cut_length(self, link, request, *_):
        link.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        time.sleep(0.1)
        return False

    def do_cut_chunked(self, link, request, *_):
        link.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                  "4\r\npart\r\n")
        time.sleep(0.1)
        return False

    def do_cut_close(self, link, request, *_):
        """A body until close that ends with a reset."""
        link.send("HTTP/1.1 200 OK\r\n\r\npart")
        time.sleep(0.1)
        link.reset()

    def do_stall_body(self, link, request, *_):
        link.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart")
        link.more()


OK = "HTTP/1.1 200 OK\r\n"
RAW = {
    "garbage": "this is not http\r\n\r\n",
    "both": OK + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
    "two_lengths": OK + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "bad_length": OK + "Content-Length: +3\r\n\r\nabc",
    "bad_name": OK + "Bad Name: 1\r\nContent-Length: 0\r\n\r\n",
    "switch": "HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n",
    "many_interim": "HTTP/1.1 103 Early Hints\r\n\r\n" * 50,
    "huge_head": OK + "X: " + "y" * 300000 + "\r\n\r\n",
    "half_head": OK + "X-Half",
    "bad_chunk": OK + "Transfer-Encoding: chunked\r\n\r\n"
                 "2\r\nok\r\n2 \r\nok\r\n0\r\n\r\n",
    "bad_coding": OK + "Transfer-Encoding: gzip\r\n\r\nabc",
    "extra": OK + "Content-Length: 3\r\n\r\nabc" + OK +
             "Content-Length: 5\r\n\r\nstray",
}
KEEPS = {"extra"}

SWITCHING = "HTTP/1.1 101 Switching Protocols\r\n"
SWITCHES = {
    "other": SWITCHING + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
    "two": SWITCHING + "Connection: Upgrade\r\n"
                       "Upgrade: websocket, h2c\r\n\r\n",
    "none": SWITCHING + "Connection: Upgrade\r\n\r\n",
    "unsaid": SWITCHING + "Upgrade: websocket\r\n\r\n",
    "old": "HTTP/1.0 101 X\r\nConnection: Upgrade\r\n"
           "Upgrade: websocket\r\n\r\n",
}
