"""Clients for tests: raw bytes, TLS, and HTTP that hides nothing."""

import socket
import ssl
from dataclasses import dataclass, field
from http.client import HTTPResponse


@dataclass
class Response:
    """One answer; headers in order, repeated ones kept."""

    status: int
    reason: str
    headers: list = field(default_factory=list)
    body: bytes = b""

    def all(self, name):
        return [v for n, v in self.headers if n.lower() == name.lower()]

    def get(self, name, default=None):
        """The value of a field that may be there once."""
        values = self.all(name)
        if len(values) > 1:
            raise AssertionError(f"{name} is there {len(values)} times")
        return values[0] if values else default

    @property
    def text(self):
        return self.body.decode()


def tls_context(ca, cert=None, minimum=None, maximum=None):
    """Verifies chain and name; cert: a Pair of tests/tools/ca.py."""
    context = ssl.create_default_context(cafile=str(ca))
    if cert:
        context.load_cert_chain(str(cert.cert), str(cert.key))
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.maximum_version = maximum
    return context


def seen_serial(port, context):
    """Of the certificate that a server shows."""
    with socket.create_connection(("127.0.0.1", port), 5) as s, \
            context.wrap_socket(s, server_hostname="localhost") as t:
        return t.getpeercert()["serialNumber"]


class Reader:
    """One buffer over all answers of a connection, pipelined ones too."""

    def __init__(self, sock):
        self.file = sock.makefile("rb")

    def makefile(self, _mode):
        return self

    def close(self):
        """HTTPResponse closes its file after each answer; ours stays."""

    def __getattr__(self, name):
        return getattr(self.file, name)


class Connection:
    """One client connection, plain or TLS, for any number of exchanges.

    context None: plain HTTP.  name: SNI, and Host unless a request says
    another one.  source: the address to come from.
    """

    def __init__(self, port, context=None, name="localhost", timeout_s=20,
                 address="127.0.0.1", host=None, source=None):
        self.socket = socket.create_connection(
            (address, port), timeout_s, source and (source, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context:
            try:
                self.socket = context.wrap_socket(self.socket,
                                                  server_hostname=name)
            except BaseException:
                self.socket.close()
                raise
        self.host = host or f"{name}:{port}"
        self.reader = Reader(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.reader.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def request(self, method, path, headers=(), body=None):
        """Sends one request and reads its whole answer.

        headers: pairs, sent in order after Host; bytes as body get a
        Content-Length, an iterable of bytes is sent chunked.
        """
        self.send_request(method, path, headers, body)
        return self.read_response(method)

    def send_request(self, method, path, headers=(), body=None):
        lines = [f"{method} {path} HTTP/1.1"]
        if not any(n.lower() == "host" for n, _ in headers):
            lines.append(f"Host: {self.host}")
        lines += [f"{n}: {v}" for n, v in headers]
        if isinstance(body, (bytes, bytearray)):
            lines.append(f"Content-Length: {len(body)}")
        elif body is not None:
            lines.append("Transfer-Encoding: chunked")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n")
        if isinstance(body, (bytes, bytearray)):
            self.send(body)
        elif body is not None:
            for piece in body:
                self.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.send(b"0\r\n\r\n")

    def read_response(self, method="GET"):
        answer = HTTPResponse(self.reader, method=method)
        answer.begin()
        body = answer.read()
        return Response(answer.status, answer.reason, answer.getheaders(),
                        body)

    def read_to_end(self):
        """Every byte until the other side closes (or resets)."""
        data = b""
        try:
            while piece := self.reader.read1(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data


def fetch(port, path="/", context=None, name="localhost", method="GET",
          headers=(), body=None, host=None):
    """One request on a connection of its own."""
    with Connection(port, context, name, host=host) as c:
        return c.request(method, path, [*headers, ("Connection", "close")],
                         body)


def raw(port, data, timeout_s=10):
    """What a plain listener answers to these bytes, until it closes."""
    with Connection(port, timeout_s=timeout_s) as c:
        c.send(data)
        return c.read_to_end()
