"""A stand-in for tlsd's egress socket: speaks its wire, but no TLS.

    egress = EgressStandIn(path)         path: where rproxy looks for tlsd
    egress.to("srv:8443", port)          "HOST:PORT" of the site file is the
                                         plain server at this port
    egress.fails("srv:8443", CERTIFICATE, "self-signed certificate")
    egress.start(), egress.stop()        tlsd comes and goes
    egress.targets                       (site, pool, server) of each question

The wire is written here by the letter of common/egress_wire.h, and not by the
project's own code.
"""

import socket
import struct
import threading

from egress_client import CONNECTED, OUTCOME, TARGET, UNKNOWN
from unix_backend import (CIPHER, DRAINING, SIGNATURE, SSL, VERSION,
                          UnixBackend)



def record(kind, value):
    return struct.pack("!BH", kind, len(value)) + value


def answer(code, text="", is_draining=False):
    records = record(OUTCOME, bytes([code]) + text.encode())
    if is_draining:
        records += record(DRAINING, b"")
    if code == CONNECTED:
        records += record(SSL, struct.pack("!BI", 1, 0) +
                          record(VERSION, b"TLSv1.3") +
                          record(CIPHER, b"TLS_AES_256_GCM_SHA384"))
    return SIGNATURE + struct.pack("!BBH", 0x20, 0, len(records)) + records


def pump(source, target):
    """An end is passed on as one; a fault ends both without one."""
    try:
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return False
    return True


def relay(sock, port):
    """As tlsd does it: it closes when rproxy has ended, or to abort."""
    with socket.create_connection(("127.0.0.1", port)) as server:
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        up = threading.Thread(target=pump, args=(sock, server), daemon=True)
        up.start()
        if pump(server, sock):
            up.join()


class EgressStandIn(UnixBackend):
    def __init__(self, path):
        super().__init__(path, self.serve)
        self.targets = []
        self.does = {}

    def to(self, server, port):
        def connect(sock):
            sock.sendall(answer(CONNECTED))
            relay(sock, port)
        self.does[server] = connect

    def fails(self, server, code, text):
        self.does[server] = lambda sock: sock.sendall(answer(code, text))

    def serve(self, sock, header):
        assert header.command == "LOCAL" and header.source is None
        assert list(header.records) == [TARGET]
        target = header.one(TARGET).decode().split("\0")
        assert len(target) == 3
        self.targets.append(tuple(target))
        does = self.does.get(target[2])
        if does:
            does(sock)
        else:
            sock.sendall(answer(UNKNOWN, "no such target"))
