"""Certificates between tlsd and https servers: ours, which the signer signs
for, and theirs, which must be good."""

import os
import re
import signal
import time

import pytest

from ca import Authority
from egress_client import (CERTIFICATE, CONNECTED, HANDSHAKE, connect,
                           read_outcome, target)
from keys_in_memory import KINDS, found_in, memory_test, secrets
from processes import wait_for
from tls_server import TlsServer, openssl_server
from tlsd_egress import (BOTH, SITE, V12, V13, client_lines, echoes, page,
                         pool, pool_p)


@BOTH
@pytest.mark.parametrize("kind", KINDS)
def test_the_signer_signs_for_the_client_certificate(egress, ca, inner,
                                                     version, kind):
    ours = ca.issue(f"egress-{kind}", cn=f"gateway {kind}", key=kind,
                    usage="clientAuth")
    with TlsServer(inner, ca=ca.cert, version=version) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where, *client_lines(ours)))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED, outcome
            assert echoes(stream)
        assert server.peers == [f"gateway {kind}"]
        assert e.t.metric("signer_requests_total", result="signed") == 1


# tlsd gives memory back so long after so many handshakes
STORM, QUIET_S = 256, 0.5


def test_a_handshake_that_waits_for_the_signer_outlives_a_storm(egress, ca,
                                                                inner, tls):
    ours = ca.issue("egress-storm", cn="gateway", usage="clientAuth")
    with TlsServer(inner, ca=ca.cert) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where, *client_lines(ours)))
        worker, signer = e.t.worker, e.t.signer
        for _ in range(STORM):
            e.t.connect(tls).socket.close()
        os.kill(signer, signal.SIGSTOP)
        try:
            stream = connect(e.path)
            stream.sendall(target(SITE, "p", where))
            time.sleep(3 * QUIET_S)
        finally:
            os.kill(signer, signal.SIGCONT)
        with stream:
            assert read_outcome(stream).code == CONNECTED
            assert echoes(stream)
        assert e.t.worker == worker


OPTION = {V12: "-tls1_2", V13: "-tls1_3"}


@BOTH
def test_a_server_that_wants_a_certificate_and_gets_none_is_told_of(
        egress, ca, inner, version):
    with openssl_server(inner, OPTION[version], "-CAfile", ca.cert,
                        "-Verify", 1) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        alert = {V12: "handshake_failure", V13: "certificate_required"}
        assert outcome.text == (
            f"alert {alert[version]} from the server; it asked for a client "
            "certificate and there is none (tls_certificate); from: "
            "CN=Throw-away test CA,O=tlsd and rproxy")
        assert e.t.logs(re.escape(f"egress: site {SITE}, pool p, server "
                                  f"{where}: handshake: alert "))


@BOTH
def test_a_server_that_refuses_our_certificate_is_told_of(
        egress, ca, inner, version, folder):
    other = Authority(folder / "other", "Another CA")
    ours = other.issue("foreign", cn="foreign", usage="clientAuth")
    with TlsServer(inner, ca=ca.cert, version=version) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where, *client_lines(ours)))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        assert re.match(r"alert \w+ from the server; it asked for a client "
                        r"certificate and got that of tls_certificate",
                        outcome.text)


@BOTH
def test_a_server_that_cannot_use_our_kind_of_key_is_told_of(egress, ca, inner,
                                                             version):
    ours = ca.issue("egress-unfit", cn="gateway", key="ec",
                    usage="clientAuth")
    with openssl_server(inner, "-Verify", 3, "-verify_return_error", "-CAfile",
                        ca.cert, "-client_sigalgs", "rsa_pss_rsae_sha256",
                        OPTION[version]) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where, *client_lines(ours)))
        outcome = e.outcome("p", where)
        assert outcome.code == HANDSHAKE
        assert ("; it asked for a client certificate and takes no signature "
                "that the keys of tls_certificate can make, so it got none; "
                "from: CN=Throw-away test CA") in outcome.text


def test_a_certificate_that_may_be_missing_is_no_fault(egress, ca, inner):
    with TlsServer(inner, ca=ca.cert, required=False) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED and echoes(stream)
        assert server.peers == [None]


def test_a_server_that_has_nothing_to_say_to_a_certificate_is_believed(
        egress, ca, inner):
    """No ticket, no alert: the request goes out a moment later."""
    ours = ca.issue("egress-silent", cn="gateway", usage="clientAuth")
    with openssl_server(inner, "-num_tickets", 0, "-CAfile", ca.cert,
                        "-Verify", 1) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where, *client_lines(ours)))
        begin = time.monotonic()
        stream, outcome = e.ask("p", where)
        assert time.monotonic() - begin < 2
        with stream:
            assert outcome.code == CONNECTED
            assert b"gateway" in page(stream)


@pytest.fixture(scope="module")
def many_cas(ca):
    """A file of 60 more, with long names: 8 KiB of names."""
    parts = [ca.cert.read_text()]
    for i in range(60):
        other = Authority(ca.folder / f"many{i}", f"{i} " + "x" * 60)
        parts.append(other.cert.read_text())
    path = ca.folder / "many.pem"
    path.write_text("".join(parts))
    return path


@BOTH
def test_a_list_of_many_cas_is_signed_over_and_told_in_short(
        egress, ca, inner, version, many_cas):
    """In TLS 1.2 all of it is what the signer is asked to sign."""
    ours = ca.issue("egress-many", cn="gateway", usage="clientAuth")
    with openssl_server(inner, OPTION[version], "-CAfile", many_cas,
                        "-Verify", 1) as port:
        where = f"127.0.0.1:{port}"
        e = egress(pool_p(ca, where, *client_lines(ours)) +
                   pool("q", f"server = https://{where}",
                        f"tls_ca = {ca.cert}"))
        stream, outcome = e.ask("p", where)
        with stream:
            assert outcome.code == CONNECTED, outcome
            assert b"gateway" in page(stream)
        outcome = e.outcome("q", where)
        assert outcome.code == HANDSHAKE
        assert outcome.text.endswith(" or 58 more")


@memory_test
@pytest.mark.parametrize("kind", KINDS)
def test_the_clients_key_is_in_the_signer_only(egress, ca, inner, kind):
    ours = ca.issue(f"egress-{kind}", cn=f"gateway {kind}", key=kind,
                    usage="clientAuth")
    with TlsServer(inner, ca=ca.cert, version=V12) as old, \
            TlsServer(inner, ca=ca.cert, version=V13) as new:
        where = [f"127.0.0.1:{s.port}" for s in (old, new)]
        e = egress(pool("p", *(f"server = https://{w}" for w in where),
                        f"tls_ca = {ca.cert}", *client_lines(ours)))
        for each in where:
            stream, outcome = e.ask("p", each)
            with stream:
                assert outcome.code == CONNECTED and echoes(stream)
        forms = secrets(ours, kind)
        found = {role: found_in(pid, forms)
                 for pid, role in e.t.gw.roles().items()}
    assert {n for n in found.pop("tlsd: signer") if n != "base64"}
    assert set(found) == {"tlsd: master", "tlsd: worker"}
    assert not any(found.values())


# certificates of servers ----------------------------------------------------


def test_a_server_of_another_ca_is_refused(egress, ca, inner, folder):
    other = Authority(folder / "other", "Another CA")
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(other, where))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert outcome.text.startswith(
            "unable to get local issuer certificate: certificate of "
            "O=tlsd and rproxy,CN=inner.example.com, issued by "
            "CN=Throw-away test CA,O=tlsd and rproxy")
        # and the server hears why
        assert wait_for(lambda: server.faults)
        assert "unknown ca" in str(server.faults[0])
        assert e.t.metric("egress_connects_total", outcome="certificate") == 1


def test_without_tls_ca_the_systems_are_trusted_and_ours_is_not(egress, ca,
                                                                inner):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool("p", f"server = https://{where}"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert "unable to get local issuer certificate" in outcome.text


@pytest.mark.parametrize("name, words", [
    ("other.example.com", "hostname mismatch"),
    ("127.0.0.9", "IP address mismatch")])
def test_a_certificate_for_another_name_is_refused(egress, ca, inner, name,
                                                   words):
    with TlsServer(inner) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where, f"tls_name = {name}"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert outcome.text.lower().startswith(words.lower())
        assert outcome.text.endswith(f"; {name} was expected (tls_name)")


def test_a_common_name_counts_where_there_is_no_other(egress, ca):
    """As Java and Apache have it; the manual says so."""
    old = ca.issue("common-name", cn="old.example.com")
    with TlsServer(old) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where, "tls_name = old.example.com"))
        assert e.outcome("p", where).code == CONNECTED


def test_an_expired_certificate_is_refused(egress, ca):
    old = ca.expired("inner-old", ["127.0.0.1"])
    with TlsServer(old) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(ca, where))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert outcome.text.startswith("certificate has expired: ")


def test_a_name_with_control_characters_does_no_harm(egress, ca, folder):
    evil = ca.issue("inner-evil", ["127.0.0.1"],
                    cn="x\\n2026 error\\x1b[2J")
    with TlsServer(evil) as server:
        where = f"127.0.0.1:{server.port}"
        e = egress(pool_p(evil, where, "tls_name = no.example.com"))
        outcome = e.outcome("p", where)
        assert outcome.code == CERTIFICATE
        assert all(ord(c) >= 32 for c in outcome.text)
