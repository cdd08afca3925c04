"""A response that cannot be completed never looks whole, TLS included."""

import socket
import ssl

import pytest

from client import tls_context
from conftest import site_text


@pytest.fixture
def through(gateway, pair, bad, ca):
    """What a TLS client gets, and how the connection ends."""
    gw = gateway(site=site_text(pair, bad.port))
    tls = tls_context(ca.cert)
    tls.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF

    def ask(path, version):
        plain = socket.create_connection(("127.0.0.1", gw.https_port), 20)
        with tls.wrap_socket(plain, server_hostname="localhost",
                             suppress_ragged_eofs=False) as s:
            s.sendall(f"GET {path} HTTP/{version}\r\nHost: localhost\r\n"
                      "Connection: close\r\n\r\n".encode())
            data = b""
            try:
                while piece := s.recv(65536):
                    data += piece
            except (ssl.SSLError, ConnectionResetError) as end:
                assert "UNEXPECTED_EOF" in str(end)
                return data, "abort"
            return data, "close_notify"

    return ask


def test_body_until_close_ends_with_close_notify(through):
    data, end = through("/until_close", "1.0")
    assert data.endswith(b"\r\n\r\nuntil the end")
    assert end == "close_notify"


def test_cut_body_until_close_ends_without_close_notify(through):
    data, end = through("/cut_close", "1.0")
    assert data.endswith(b"\r\n\r\npart")
    assert end == "abort"


@pytest.mark.parametrize("path", ["/cut_chunked", "/cut_close"])
def test_cut_chunked_body_ends_without_a_last_chunk(through, path):
    data, end = through(path, "1.1")
    assert b"Transfer-Encoding: chunked" in data
    assert data.endswith(b"\r\n4\r\npart\r\n")
    assert end == "abort"


def test_cut_body_with_a_length_is_short_and_ends_without_close_notify(
        through):
    data, end = through("/cut_length", "1.1")
    assert b"Content-Length: 100" in data
    assert data.endswith(b"\r\n\r\npart")
    assert end == "abort"


def test_fault_before_the_response_is_a_clean_502(through):
    data, end = through("/reset", "1.1")
    assert data.startswith(b"HTTP/1.1 502 ")
    assert end == "close_notify"
