"""A WebSocket client (RFC 6455) on a Connection of tests/tools/client.py.

    with WebSocket(Connection(port, tls), "/irj/echo") as ws:
        ws.send("text"); ws.receive() -> "text"; ws.close() -> close code
"""

import base64
import hashlib
import os
import struct

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE = 1, 2, 8


def handshake(path, host, key):
    return (f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: {key}\r\n\r\n").encode()


def head_of(connection):
    """Status line and fields of the answer, up to the empty line."""
    lines = []
    while line := connection.reader.readline().rstrip(b"\r\n").decode():
        lines.append(line)
    return lines[0], dict(line.split(": ", 1) for line in lines[1:])


class WebSocket:
    def __init__(self, connection, path):
        self.connection = connection
        self.key = base64.b64encode(os.urandom(16)).decode()
        connection.send(handshake(path, connection.host, self.key))
        self.status, self.fields = head_of(connection)
        assert " 101 " in self.status, (self.status, self.fields)
        digest = hashlib.sha1(self.key.encode() + GUID).digest()
        assert self.fields["Sec-WebSocket-Accept"] == \
            base64.b64encode(digest).decode()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def frame(self, opcode, data):
        mask = os.urandom(4)
        n = len(data)
        head = bytes([0x80 | opcode])
        if n < 126:
            head += bytes([0x80 | n])
        elif n < 65536:
            head += b"\xfe" + struct.pack(">H", n)
        else:
            head += b"\xff" + struct.pack(">Q", n)
        masked = bytes(b ^ mask[i % 4] for i, b in enumerate(data))
        return head + mask + masked

    def send(self, data):
        opcode = TEXT if isinstance(data, str) else BINARY
        self.connection.send(self.frame(
            opcode, data.encode() if opcode == TEXT else data))

    def read_frame(self):
        read = self.connection.reader.read
        first, second = read(2)
        n = second & 0x7f
        if n == 126:
            n = struct.unpack(">H", read(2))[0]
        elif n == 127:
            n = struct.unpack(">Q", read(8))[0]
        return first, read(n)

    def receive(self):
        """One message, its fragments joined."""
        data, kind, last = b"", None, False
        while not last:
            first, piece = self.read_frame()
            kind = kind or first & 0x0f
            last = bool(first & 0x80)
            data += piece
        assert kind in (TEXT, BINARY), kind
        return data.decode() if kind == TEXT else data

    def close(self, code=1000):
        """The orderly way; the other side's code."""
        self.connection.send(self.frame(CLOSE, struct.pack(">H", code)))
        first, data = self.read_frame()
        assert first & 0x0f == CLOSE
        assert self.connection.reader.read(1) == b""
        return struct.unpack(">H", data[:2])[0]
