"""An https server that a test scripts: a thread for each connection.

    with TlsServer(pair, handler) as server:     handler(tls_socket)
        server.port
        server.names         what each client asked for (SNI)
        server.peers         subject of each client's certificate, or None
        server.resumed       whether each session was resumed
        server.faults        exceptions of handshakes and handlers
More: ca= (asks clients for a certificate of this CA), required=, version=,
address=.
"""

import contextlib
import socket
import ssl
import subprocess

from listening import each_in_a_thread, stop_listening
from processes import free_port, listens, wait_for


def echo(tls):
    while data := tls.recv(1 << 16):
        tls.sendall(data)


def subject(certificate):
    if not certificate:
        return None
    return {k: v for rdn in certificate["subject"] for k, v in rdn}.get(
        "commonName")


@contextlib.contextmanager
def _s_server(pair, *options, **more):
    port = free_port()
    run = subprocess.Popen(
        ["openssl", "s_server", "-accept", str(port), "-cert", pair.cert,
         "-key", pair.key, *map(str, options)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    try:
        assert wait_for(lambda: listens(port))
        yield port, run.stdin
    finally:
        run.kill()
        run.wait()


@contextlib.contextmanager
def openssl_server(pair, *options):
    """openssl s_server, which answers "GET /" with a page; its port."""
    with _s_server(pair, "-www", "-quiet", *options,
                      stdin=subprocess.DEVNULL) as (port, _):
        yield port


@contextlib.contextmanager
def openssl_console(pair, *options):
    """openssl s_server; its port, and command(line) for its console."""
    with _s_server(pair, *options, stdin=subprocess.PIPE) as (port, stdin):
        def command(line):
            stdin.write(line + b"\n")
            stdin.flush()
        with stdin:
            yield port, command


class TlsServer:
    def __init__(self, pair, handler=echo, ca=None, required=True,
                 version=None, address="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        if ca:
            context.load_verify_locations(ca)
            context.verify_mode = (ssl.CERT_REQUIRED if required
                                   else ssl.CERT_OPTIONAL)
        if version:
            context.minimum_version = context.maximum_version = version
        context.sni_callback = self._on_name
        self.context = context
        self.handler = handler
        self.names, self.peers, self.resumed = [], [], []
        self.faults = []
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.create_server((address, 0), family=family)
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        each_in_a_thread(self.listener, self._handle)
        return self

    def __exit__(self, *_):
        stop_listening(self.listener)

    def _on_name(self, _tls, name, _context):
        self.names.append(name)

    def _handle(self, plain, _address):
        try:
            with self.context.wrap_socket(plain, server_side=True) as tls:
                self.peers.append(subject(tls.getpeercert()))
                self.resumed.append(tls.session_reused)
                self.handler(tls)
        except OSError as fault:
            self.faults.append(fault)
