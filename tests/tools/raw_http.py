"""Raw bytes in many connections at once: clients and a server on asyncio.

    answers = await ask_all(port, [pieces, ...])     one Answer for each
    async with RawServer(handler) as server: ...     server.port

pieces: byte strings, sent one after the other with a pause, so that the other
side reads each by itself.  handler(server_link) serves one connection.
"""

import asyncio
import re
import socket
from dataclasses import dataclass, field

PAUSE_S = 0.003
AT_ONCE = 250

# of an rproxy before a RawServer, with little of its own in what it passes on
SITE = """\
[site]
names = h.example
default = yes
app = rfc

[http]
via_name = gw

[route all]
prefix = /
pool = p
upgrade = websocket

[pool p]
server = http://127.0.0.1:{port}
"""


@dataclass
class Answer:
    data: bytes = b""
    aborted: bool = False  # reset, not an orderly end


class Client(asyncio.Protocol):
    def __init__(self):
        self.answer = Answer()
        self.over = asyncio.get_running_loop().create_future()

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data):
        self.answer.data += data

    def connection_lost(self, exc):
        self.answer.aborted = exc is not None
        if not self.over.done():
            self.over.set_result(None)


async def ask(port, pieces, end=True):
    """end: the client ends its direction after the last piece."""
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(
        Client, "127.0.0.1", port)
    for i, piece in enumerate(pieces):
        if i:
            await asyncio.sleep(PAUSE_S)
        if transport.is_closing():
            break
        transport.write(piece)
    if end and not transport.is_closing():
        transport.write_eof()
    await asyncio.wait_for(client.over, 20)
    return client.answer


async def ask_all(port, many, end=True):
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(pieces):
        async with gate:
            return await ask(port, pieces, end)

    return await asyncio.gather(*map(one, many))


def variants(data):
    """Whole, byte by byte, and split at every offset."""
    yield [data]
    if len(data) < 2:
        return
    yield [data[i:i + 1] for i in range(len(data))]
    for i in range(1, len(data)):
        yield [data[:i], data[i:]]


class Link:
    """The server's end of a connection, byte-exact."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def read_message(self):
        """One request exactly as it came, or (bytes, False) at the end."""
        data = await self.until(b"\r\n\r\n")
        if not data.endswith(b"\r\n\r\n"):
            return data, False
        head = data.lower()
        if b"\r\ntransfer-encoding: chunked\r\n" in head:
            return await self.read_chunks(data)
        length = re.search(rb"\r\ncontent-length: (\d+)\r\n", head)
        body = await self.exactly(int(length[1]) if length else 0)
        return data + body, len(body) == int(length[1] if length else 0)

    async def read_chunks(self, data):
        while True:
            line = await self.until(b"\r\n")
            data += line
            if not line.endswith(b"\r\n"):
                return data, False
            size = int(line, 16)
            piece = await self.exactly(size + 2)
            data += piece
            if len(piece) < size + 2:
                return data, False
            if size == 0:
                return data, True

    async def until(self, mark):
        try:
            return await self.reader.readuntil(mark)
        except asyncio.IncompleteReadError as end:
            return end.partial
        except ConnectionError:
            return b""

    async def exactly(self, n):
        try:
            return await self.reader.readexactly(n)
        except asyncio.IncompleteReadError as end:
            return end.partial
        except ConnectionError:
            return b""

    async def send(self, pieces):
        for i, piece in enumerate(pieces):
            if i:
                await asyncio.sleep(PAUSE_S)
            self.writer.write(piece)


class RawServer:
    def __init__(self, handler):
        self.handler = handler

    async def __aenter__(self):
        self.server = await asyncio.start_server(
            self.serve, "127.0.0.1", 0, backlog=1024, limit=1 << 20)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()

    async def serve(self, reader, writer):
        writer.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            await self.handler(Link(reader, writer))
        except ConnectionError:
            pass
        finally:
            writer.close()


@dataclass
class Message:
    """A message taken apart by the letter of RFC 9112."""

    line: str
    fields: list = field(default_factory=list)
    body: bytes = b""
    is_whole: bool = True

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]


def dechunk(data):
    """Content and what is behind; extensions and trailers must not be."""
    content = b""
    while True:
        match = re.match(rb"([0-9a-f]+)\r\n", data)
        if not match:
            return content, data, False
        size = int(match[1], 16)
        end = match.end() + size
        if size == 0:
            return content, data[end + 2:], data[end:end + 2] == b"\r\n"
        content += data[match.end():end]
        if data[end:end + 2] != b"\r\n":
            return content, b"", False
        data = data[end + 2:]


def parse(data, has_body=True):
    """(message, rest); has_body: the fields say which."""
    head, _, rest = data.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    message = Message(line, [tuple(x.split(": ", 1)) for x in lines])
    if not has_body:
        return message, rest
    if message.all("Transfer-Encoding"):
        assert message.all("Transfer-Encoding") == ["chunked"]
        assert not message.all("Content-Length")
        message.body, rest, message.is_whole = dechunk(rest)
    elif message.all("Content-Length"):
        n = int(*message.all("Content-Length"))
        message.body, rest = rest[:n], rest[n:]
        message.is_whole = len(message.body) == n
    else:
        message.body, rest = (rest, b"") if line.startswith("HTTP/") \
            else (b"", rest)
    return message, rest
