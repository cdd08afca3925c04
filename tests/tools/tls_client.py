"""A TLS client over a memory BIO: every step of its own, every end told apart.

    c = TlsClient(port, context)     connected and past the handshake
    c.send(data)  c.read(n)          read: b"" after close_notify
    c.ask(data)                      what echo() sends back
    c.say_goodbye()                  close_notify, and goes on reading
    c.vanish()                       FIN without close_notify

before: bytes that are sent in front of the handshake.
"""

import select
import socket
import ssl


class Truncated(Exception):
    """The stream ended without close_notify."""


class TlsClient:
    def __init__(self, port, context, name="localhost", timeout_s=20,
                 address="127.0.0.1", receive_buffer=None, before=b"",
                 session=None):
        self.socket = socket.socket(
            socket.AF_INET6 if ":" in address else socket.AF_INET)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                   receive_buffer)
        self.socket.settimeout(timeout_s)
        self.socket.connect((address, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(before)
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        # Python takes a cut for an orderly end by default
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        self.tls = context.wrap_bio(self.incoming, self.outgoing,
                                    server_hostname=name, session=session)
        self._repeat(self.tls.do_handshake)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def _flush(self):
        data = self.outgoing.read()
        if data:
            self.socket.sendall(data)

    def _fetch(self):
        data = self.socket.recv(1 << 17)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    def _repeat(self, step, *args):
        while True:
            try:
                result = step(*args)
                self._flush()
                return result
            except ssl.SSLWantReadError:
                self._flush()
                self._fetch()
            except ssl.SSLError:
                self._flush()  # our alert
                raise

    def send(self, data):
        self.tls.write(data)
        self._flush()

    def read(self, n=1 << 16):
        try:
            return self._repeat(self.tls.read, n)
        except ssl.SSLZeroReturnError:
            return b""
        except ConnectionResetError as end:
            raise Truncated from end
        except ssl.SSLError as end:
            if end.reason != "UNEXPECTED_EOF_WHILE_READING":
                raise
            raise Truncated from end

    def ask(self, data=b"hello"):
        """Of a backend that sends back what it gets."""
        self.send(data)
        return self.read_exactly(len(data))

    def read_exactly(self, n):
        data = bytearray()
        while len(data) < n:
            part = self.read(n - len(data))
            if not part:
                raise EOFError(f"{len(data)} of {n} bytes")
            data += part
        return bytes(data)

    def read_all(self):
        data = bytearray()
        while part := self.read():
            data += part
        return bytes(data)

    def exchange(self, blocks, take):
        """Sends all blocks and reads at the same time.

        take(data) gets what has been read and says when it was all.
        """
        blocks, waiting, is_whole = iter(blocks), b"", False
        self.socket.setblocking(False)
        while not is_whole:
            if not waiting and (block := next(blocks, None)):
                self.tls.write(block)
                waiting = self.outgoing.read()
            readable, writable, _ = select.select(
                [self.socket], [self.socket] if waiting else [], [], 20)
            if writable:
                waiting = waiting[self.socket.send(waiting):]
            if readable:
                self._fetch()
                is_whole = self._take_all(take)

    def _take_all(self, take):
        try:
            while data := self.tls.read(1 << 18):
                if take(data):
                    return True
        except ssl.SSLWantReadError:
            return False
        raise EOFError("close_notify before the end")

    def say_goodbye(self):
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        self._flush()

    def vanish(self):
        self.socket.close()

    @property
    def address(self):
        return self.socket.getsockname()[:2]
