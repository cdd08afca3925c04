"""rproxy's end of tlsd's egress socket, byte by byte.

    stream, outcome = ask(path, "site", "pool", "host:port")
    outcome.code, .text, .version, .cipher
    ends(stream)        "shutdown", "closed" or "reset": how tlsd ended it

The headers are written and read here by the letter of common/egress_wire.h,
and not by the project's own code.
"""

import select
import socket
import struct
from dataclasses import dataclass

from unix_backend import CIPHER, SIGNATURE, VERSION, read_header

TARGET, OUTCOME = 0xED, 0xEE
(CONNECTED, UNKNOWN, REFUSED, CONNECT_FAILED, TIMEOUT, CERTIFICATE, HANDSHAKE,
 SHORT) = range(8)


@dataclass
class Outcome:
    code: int
    text: str
    version: str = None
    cipher: str = None


def local_header(kind, value):
    """A PROXY v2 header of command LOCAL with one record."""
    record = struct.pack("!BH", kind, len(value)) + value
    return SIGNATURE + struct.pack("!BBH", 0x20, 0, len(record)) + record


def target(site, pool, server):
    return local_header(TARGET, "\0".join((site, pool, server)).encode())


def connect(path, timeout_s=20):
    stream = socket.socket(socket.AF_UNIX)
    stream.settimeout(timeout_s)
    stream.connect(str(path))
    return stream


def read_outcome(stream):
    header = read_header(stream)
    value = header.one(OUTCOME)
    assert header.command == "LOCAL"
    outcome = Outcome(value[0], value[1:].decode())
    assert (header.client is not None) == (outcome.code == CONNECTED)
    if outcome.code == CONNECTED:
        outcome.version = header.one(VERSION).decode()
        outcome.cipher = header.one(CIPHER).decode()
    else:
        assert outcome.text
    return outcome


def ask(path, site, pool, server):
    stream = connect(path)
    stream.sendall(target(site, pool, server))
    return stream, read_outcome(stream)


def ends(stream, timeout_s=10):
    """What follows the last byte, which has been read."""
    stream.settimeout(timeout_s)
    try:
        assert stream.recv(1) == b""
    except ConnectionResetError:
        return "reset"
    poll = select.poll()
    poll.register(stream, 0)
    hung_up = any(event & select.POLLHUP for _, event in poll.poll(200))
    return "closed" if hung_up else "shutdown"
