"""Connecting to https servers: addresses, times, and servers that are not
there."""

import os
import re
import socket
import time

import pytest

from egress_client import (CONNECTED, CONNECT_FAILED, HANDSHAKE, REFUSED,
                           SHORT, TIMEOUT, connect, read_outcome, target)
from processes import free_port, silent_address, wait_for
from tls_server import TlsServer, openssl_server
from tlsd_egress import SITE, echoes, pool, pool_p


def test_nobody_listens(egress, ca):
    where = f"127.0.0.1:{free_port()}"
    e = egress(pool_p(ca, where))
    outcome = e.outcome("p", where)
    assert outcome.code == REFUSED
    assert outcome.text == f"connect to {where}: Connection refused"


def two(ca, port, *lines):
    where = f"two.test:{port}"
    return where, pool_p(ca, where, "tls_name = inner.example.com", *lines)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2"])
def test_each_address_of_a_name_is_tried(egress, ca, inner, two_addresses,
                                         address):
    with TlsServer(inner, address=address) as server:
        where, text = two(ca, server.port)
        e = egress(text, command=two_addresses)
        for _ in range(4):
            stream, outcome = e.ask("p", where)
            with stream:
                assert outcome.code == CONNECTED, outcome
                assert echoes(stream)


def test_a_name_is_given_up_when_none_of_its_addresses_answers(
        egress, ca, two_addresses):
    where, text = two(ca, free_port())
    e = egress(text, command=two_addresses)
    outcome = e.outcome("p", where)
    assert outcome.code == REFUSED
    assert re.fullmatch(r"connect to 127.0.0.\d:\d+: Connection refused; no "
                        "other address of two.test can be connected to",
                        outcome.text)


def test_a_silent_address_leaves_time_for_the_next(egress, ca, inner,
                                                   two_addresses):
    with (TlsServer(inner, address="127.0.0.2") as server,
          silent_address("127.0.0.1", server.port)):
        where, text = two(ca, server.port, "connect_timeout = 2s")
        e = egress(text, command=two_addresses)
        # at the same time: none takes another's turn
        streams = [connect(e.path) for _ in range(4)]
        for stream in streams:
            stream.sendall(target(SITE, "p", where))
        for stream in streams:
            with stream:
                assert read_outcome(stream).code == CONNECTED
                assert echoes(stream)


def test_all_addresses_share_connect_timeout(egress, ca, two_addresses):
    with (silent_address("127.0.0.1") as port,
          silent_address("127.0.0.2", port)):
        where, text = two(ca, port, "connect_timeout = 1s")
        e = egress(text, command=two_addresses)
        begin = time.monotonic()
        outcome = e.outcome("p", where)
        assert 0.9 < time.monotonic() - begin < 1.4
        assert outcome.code == TIMEOUT
        assert "no answer within connect_timeout; no other" in outcome.text


def test_rproxy_that_gives_up_ends_the_attempts_at_all_addresses(
        egress, ca, two_addresses):
    with (silent_address("127.0.0.1") as port,
          silent_address("127.0.0.2", port)):
        where, text = two(ca, port, "connect_timeout = 3s")
        e = egress(text, command=two_addresses)
        with connect(e.path) as stream:
            stream.sendall(target(SITE, "p", where))
            assert e.t.reaches(1, "egress_connections")
            time.sleep(2)  # it is at the second one
        assert e.t.reaches(0, "egress_connections")
        assert e.t.metric("egress_connects_total", outcome="abandoned") == 1


def test_a_name_that_nobody_knows(egress, ca):
    where = "no-such-host.invalid:8443"
    e = egress(pool_p(ca, where))
    outcome = e.outcome("p", where)
    assert outcome.code == CONNECT_FAILED
    assert "no-such-host.invalid cannot be resolved" in outcome.text


def test_a_name_is_looked_up_again_within_the_sandbox(egress, ca, inner):
    """After a refused connect, on a thread; the service goes on."""
    with TlsServer(inner) as server:
        where = [f"localhost:{port}" for port in (free_port(), server.port)]
        e = egress(pool("p", *(f"server = https://{w}" for w in where),
                        f"tls_ca = {ca.cert}"))
        assert e.outcome("p", where[0]).code == REFUSED
        threads = f"/proc/{e.t.worker}/task"
        assert wait_for(lambda: len(os.listdir(threads)) > 1, 3)
        time.sleep(0.5)
        assert e.outcome("p", where[1]).code == CONNECTED
        assert "server name" not in e.t.gw.tlsd.log_text()


def test_connect_timeout_covers_a_handshake_that_does_not_come(egress, ca):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        where = f"127.0.0.1:{silent.getsockname()[1]}"
        e = egress(pool_p(ca, where, "connect_timeout = 500ms"))
        begin = time.monotonic()
        outcome = e.outcome("p", where)
        assert 0.4 < time.monotonic() - begin < 3
        assert outcome.code == TIMEOUT
        assert outcome.text == (f"TLS handshake with {where}: not done "
                                "within connect_timeout")


def test_a_server_that_speaks_no_tls(egress, ca, backend):
    def plain(connection, _):
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    where = f"127.0.0.1:{backend(plain)}"
    e = egress(pool_p(ca, where))
    outcome = e.outcome("p", where)
    assert outcome.code == HANDSHAKE
    assert outcome.text.startswith("wrong version number")


def test_a_server_that_closes_in_the_handshake(egress, ca, backend):
    where = f"127.0.0.1:{backend(lambda c, _: c.recv(4096))}"
    e = egress(pool_p(ca, where))
    outcome = e.outcome("p", where)
    assert outcome.code == HANDSHAKE
    assert outcome.text == "the server ended the connection"


def test_old_versions_are_not_spoken(egress, ca, inner):
    with openssl_server(inner, "-tls1_1", "-cipher",
                        "DEFAULT@SECLEVEL=0") as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        assert "protocol" in outcome.text


def test_above_the_limit_rproxy_is_told(egress, ca, inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where), "max_connections = 2\n")
        held = [e.ask("p", where) for _ in range(2)]
        assert [o.code for _, o in held] == [CONNECTED] * 2
        with connect(e.path) as stream:
            outcome = read_outcome(stream)
        assert outcome.code == SHORT and "max_connections" in outcome.text
        held.pop()[0].close()
        assert e.t.reaches(1, "egress_connections")
        assert e.outcome("p", where).code == CONNECTED
        held.pop()[0].close()
