"""A stand-in for rproxy: a Unix listener that reads PROXY v2 headers.

    backend = UnixBackend(path, handler)     handler(sock, header) per client,
    backend.start()                          in a thread, after the header
    backend.headers                          all that came, in order
    backend.stop(), backend.start()          rproxy goes and comes back

PROXY v2 is read here by the letter of haproxy's proxy-protocol.txt, section
2.2, and not by the project's own decoder.
"""

import socket
import struct
from dataclasses import dataclass, field
from pathlib import Path

from listening import each_in_a_thread, stop_listening

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

# types of records, as common/proxy_v2.h has them
ALPN, AUTHORITY, UNIQUE_ID = 0x01, 0x02, 0x05
SSL, VERSION, CIPHER, GROUP, LEAF = 0x20, 0x21, 0x23, 0x26, 0x28
CHAIN, VERIFY_TEXT, LISTENER = 0xE0, 0xE7, 0xE9
GENERATION, DRAINING = 0xEB, 0xEC
# of Header.client
CERT_CONN = 0x02


@dataclass
class Header:
    command: str                 # "LOCAL" or "PROXY"
    source: tuple = None         # (address, port)
    destination: tuple = None
    records: dict = field(default_factory=dict)  # type -> [values]
    client: int = None           # flags of the SSL record
    verify: int = None
    raw: bytes = b""

    def one(self, kind):
        """The value of a record that is there once."""
        values = self.records.get(kind, [])
        assert len(values) == 1, f"{kind:#x}: {len(values)} times"
        return values[0]


def read_exactly(sock, n):
    data = b""
    while len(data) < n:
        part = sock.recv(n - len(data))
        if not part:
            raise EOFError(f"{len(data)} of {n} bytes")
        data += part
    return data


def take_records(data, into):
    while data:
        kind, length = struct.unpack("!BH", data[:3])
        assert len(data) >= 3 + length, "a record overruns the header"
        value, data = data[3:3 + length], data[3 + length:]
        into.setdefault(kind, []).append(value)


def take_addresses(family, data):
    """(source, destination, bytes used)"""
    if family == 0x00:
        return None, None, 0
    assert family in (0x11, 0x21), f"family {family:#x}"
    kind, size = ((socket.AF_INET, 4), (socket.AF_INET6, 16))[family == 0x21]
    ends = [socket.inet_ntop(kind, data[i * size:(i + 1) * size])
            for i in (0, 1)]
    ports = struct.unpack("!HH", data[2 * size:2 * size + 4])
    return (ends[0], ports[0]), (ends[1], ports[1]), 2 * size + 4


def read_header(sock):
    start = read_exactly(sock, 16)
    assert start[:12] == SIGNATURE
    version_command, family, length = struct.unpack("!BBH", start[12:])
    assert version_command >> 4 == 2
    body = read_exactly(sock, length)
    header = Header({0: "LOCAL", 1: "PROXY"}[version_command & 15],
                    raw=start + body)
    header.source, header.destination, used = take_addresses(family, body)
    take_records(body[used:], header.records)
    if SSL in header.records:
        record = header.one(SSL)
        header.client, header.verify = struct.unpack("!BI", record[:5])
        take_records(record[5:], header.records)
    return header


class UnixBackend:
    def __init__(self, path, handler):
        self.path = Path(path)
        self.handler = handler
        self.headers = []
        self.faults = []
        self.listener = None

    def start(self):
        self.path.unlink(missing_ok=True)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.path.chmod(0o666)
        self.listener.listen(1024)
        each_in_a_thread(self.listener, self._handle)

    def stop(self):
        if self.listener:
            stop_listening(self.listener)
        self.listener = None
        self.path.unlink(missing_ok=True)

    def _handle(self, sock, _address):
        with sock:
            try:
                header = read_header(sock)
                self.headers.append(header)
                self.handler(sock, header)
            except (ConnectionError, EOFError):
                pass
            except Exception as fault:  # shown by the fixture
                self.faults.append(fault)


def echo(sock, _header):
    while data := sock.recv(1 << 16):
        sock.sendall(data)
