"""Random valid messages: what comes out means what went in, however it was
cut into chunks and pieces.  SEED=N repeats a run."""

import asyncio
import os
import random
import re
import time

from raw_http import SITE, RawServer, ask_all, parse

SEED = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
CONNECTIONS = 250
PER_CONNECTION = 8
TCHAR = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLM"
ODD = "\t !\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~\x80\xa0\xe4\xff"
# what a field must not be called to be a field like any other
SPECIAL = re.compile(
    r"(?i)(x[-_]forwarded|x[-_]ssl|ssl[-_]|\$|proxy|via|host|te|date|expect|"
    r"trailer|upgrade|connection|keep|content|transfer|forwarded|cookie|"
    r"set-cookie|location|max-forwards|client|front|wl[-_]|range|accept)")


class Random(random.Random):
    def name(self):
        while True:
            name = "".join(self.choices(TCHAR, k=self.randint(1, 24)))
            if not SPECIAL.match(name):
                return name

    def value(self):
        text = "".join(self.choices(TCHAR + ODD, k=self.randint(0, 80)))
        return text.strip("\t ")

    def fields(self):
        return [(self.name(), self.value())
                for _ in range(self.randint(0, 12))]

    def content(self):
        kind = self.random()
        if kind < 0.2:
            return b""
        if kind < 0.9:
            return self.randbytes(self.randint(1, 3000))
        return self.randbytes(self.randint(3000, 200_000))

    def chunks(self, content):
        data = b""
        while content:
            n = self.choice([1, 2, 17, 1000, 70000])
            piece, content = content[:n], content[n:]
            size = f"{len(piece):x}"
            size = self.choice([size, size.upper(), "00" + size])
            extension = self.choice(["", "", ";a", ";a=b", ';a="b;c"'])
            data += f"{size}{extension}\r\n".encode() + piece + b"\r\n"
        trailer = self.choice(["", "X-Sum: 1\r\n"])
        return data + b"0\r\n" + trailer.encode() + b"\r\n"

    def framed(self, content, ways):
        """(field, bytes)"""
        way = self.choice(ways)
        if way == "chunked":
            return "Transfer-Encoding: chunked\r\n", self.chunks(content)
        if way == "length":
            return f"Content-Length: {len(content)}\r\n", content
        return "", content

    def pieces(self, data):
        cuts = sorted(self.choices(range(len(data) + 1),
                                   k=self.choice([0, 1, 3, 12])))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])
                if a < b]


def lines_of(fields, rng):
    """Field lines with blanks that mean nothing."""
    return "".join(
        f"{n}:{rng.choice(['', ' ', '  ', chr(9)])}{v}"
        f"{rng.choice(['', ' ', chr(9)])}\r\n" for n, v in fields)


class Exchange:
    def __init__(self, number, rng):
        self.method = rng.choice(["GET", "POST", "PUT", "DELETE", "PATCH",
                                  "OPTIONS", "PROPFIND", "HEAD"])
        self.target = f"/{number}" + rng.choice(
            ["", "/a%20b;x=y", "?q=%zz&r=[1]", "//", "/..x/.y"])
        self.fields = rng.fields()
        self.content = rng.content()
        if self.method in ("GET", "HEAD") and rng.random() < 0.8:
            self.content = b""
        field, body = rng.framed(
            self.content, ["chunked", "length"] + ["none"] * 4 *
            (not self.content))
        hop = rng.choice(["", "Connection: keep-alive\r\n",
                          "Connection: X-Hop\r\nX-Hop: gone\r\n",
                          "TE: trailers\r\nConnection: TE\r\n"])
        parts = [lines_of(self.fields, rng), field, hop,
                 "Host: h.example\r\n"]
        rng.shuffle(parts)
        self.request = (f"{self.method} {self.target} HTTP/1.1\r\n" +
                        "".join(parts) + "\r\n").encode("latin-1") + body
        self.make_response(rng)

    def make_response(self, rng):
        self.status = rng.choice([200, 201, 302, 404, 500, 204, 304, 299])
        self.phrase = rng.choice(["OK", "", "So so (\xe4)", "x" * 50])
        self.answer_fields = rng.fields() + [
            ("Set-Cookie", "a=" + str(i)) for i in range(rng.randint(0, 3))]
        self.answer = rng.content()
        field, body = rng.framed(self.answer,
                                 ["chunked", "length", "close"])
        self.closes = field == ""
        if self.method == "HEAD" or self.status in (204, 304):
            field, body, self.answer = "", b"", b""
            self.closes = False
        interim = rng.choice(["", "", "HTTP/1.1 103 Early\r\nL: 1\r\n\r\n"])
        version = "HTTP/1.0" if self.closes and rng.random() < 0.3 \
            else "HTTP/1.1"
        self.interim = bool(interim) and version == "HTTP/1.1"
        head = (interim if self.interim else "") + \
            f"{version} {self.status} {self.phrase}\r\n" + field + \
            lines_of(self.answer_fields, rng) + "\r\n"
        self.response = rng.pieces(head.encode("latin-1") + body)


class Server:
    def __init__(self, exchanges):
        self.exchanges = exchanges
        self.seen = {}

    async def __call__(self, link):
        while True:
            data, is_whole = await link.read_message()
            if not is_whole:
                return
            message, rest = parse(data)
            assert rest == b"" and message.is_whole
            if message.line.startswith("GET /first "):
                await link.send([b"HTTP/1.1 204 No Content\r\n\r\n"])
                continue
            number = int(re.match(r"\w+ /(\d+)", message.line)[1])
            self.seen.setdefault(number, []).append(message)
            await link.send(self.exchanges[number].response)
            if self.exchanges[number].closes:
                return


OURS = {"host", "via", "forwarded", "content-length", "transfer-encoding",
        "connection", "date"}


def others(message):
    return [(n, v) for n, v in message.fields if n.lower() not in OURS]


def check_request(x, seen):
    assert len(seen) == 1, "not exactly one request"
    message = seen[0]
    assert message.line == f"{x.method} {x.target} HTTP/1.1"
    assert others(message) == x.fields
    assert message.all("Host") == ["h.example"]
    assert message.all("Via") == ["1.1 gw"]
    assert message.body == x.content


def check_response(x, data):
    """The rest of the connection's bytes."""
    if x.interim:
        message, data = parse(data, has_body=False)
        assert message.line == "HTTP/1.1 103 Early"
        assert message.fields == [("L", "1")]
    message, data = parse(
        data, not (x.method == "HEAD" or x.status in (204, 304)))
    line = f"HTTP/1.1 {x.status} "
    assert message.line.startswith(line)
    assert x.phrase == "" or message.line == line + x.phrase
    assert others(message) == x.answer_fields
    assert len(message.all("Date")) == 1
    assert message.is_whole and message.body == x.answer
    return data


async def run(rproxy, exchanges, rng):
    server = Server(exchanges)
    groups = [exchanges[i:i + PER_CONNECTION]
              for i in range(0, len(exchanges), PER_CONNECTION)]
    many = [rng.pieces(b"".join(x.request for x in group))
            for group in groups]
    async with RawServer(server) as raw:
        rproxy.start(0, site=SITE.format(port=raw.port))
        # so that it is known to know chunks
        await ask_all(rproxy.port, [[b"GET /first HTTP/1.1\r\n"
                                     b"Host: h.example\r\n\r\n"]])
        answers = await ask_all(rproxy.port, many)
    for group, answer in zip(groups, answers):
        assert not answer.aborted
        data = answer.data
        for x in group:
            data = check_response(x, data)
        assert data == b""
    for number, x in enumerate(exchanges):
        check_request(x, server.seen[number])


def test_random_messages_keep_their_meaning(rproxy):
    print(f"SEED={SEED}")
    rng = Random(SEED)
    exchanges = [Exchange(i, rng)
                 for i in range(CONNECTIONS * PER_CONNECTION)]
    asyncio.run(run(rproxy, exchanges, rng))
