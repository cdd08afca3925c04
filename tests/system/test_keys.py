"""Private keys are in the signer's memory and in nobody else's."""

import re
import subprocess
from ssl import TLSVersion

import pytest

from client import Connection, tls_context
from gateway import BUILD
from keys_in_memory import KINDS, found_in, memory_test, secrets
from processes import session_pids


@pytest.fixture
def busy_gateway(gateway, ca, backend):
    """Three kinds of key, each used by handshakes of both TLS versions."""
    def answer(connection, _):
        while connection.recv(65536):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                               b"\r\nok")

    port = backend(answer)
    pairs = {k: ca.issue(f"keys-{k}", [f"{k}.example.com"], key=k)
             for k in KINDS}
    gw = gateway(sites={k: f"""\
[site]
names = {k}.example.com
[tls]
certificate = {p.cert}
key = {p.key}
[route all]
prefix = /
pool = origin
[pool origin]
server = http://127.0.0.1:{port}
""" for k, p in pairs.items()})
    context = tls_context(ca.cert)
    older = tls_context(ca.cert, maximum=TLSVersion.TLSv1_2)
    for kind in KINDS:
        for each in (context, older):
            with Connection(gw.https_port, each, f"{kind}.example.com") as c:
                assert c.request("GET", "/").body == b"ok"
    return gw, pairs


@memory_test
@pytest.mark.parametrize("kind", KINDS)
def test_private_key_is_in_the_signer_only(busy_gateway, kind):
    gw, pairs = busy_gateway
    forms = secrets(pairs[kind], kind)
    roles = gw.roles()
    assert {"tlsd: master", "tlsd: signer", "tlsd: worker",
            "rproxy: master", "rproxy: worker"} <= set(roles.values())
    everybody = {pid: found_in(pid, forms) for pid in roles}

    signers = gw.pids("tlsd: signer")
    for pid in signers:
        # the search works: what the signer computes with is found
        in_use = {n for n in everybody[pid] if n != "base64"}
        assert in_use, f"not found in the signer: {sorted(forms)}"
    others = {roles[pid]: found for pid, found in everybody.items()
              if found and pid not in signers}
    assert not others


@memory_test
def test_search_finds_what_is_in_a_worker(busy_gateway):
    """The same search, for what workers must have: the certificate."""
    gw, pairs = busy_gateway
    der = subprocess.run(["openssl", "x509", "-in", pairs["rsa"].cert,
                          "-outform", "DER"], capture_output=True,
                         check=True).stdout
    for pid in gw.pids("tlsd: worker"):
        assert found_in(pid, {"certificate": der[100:200]})


def test_rproxy_links_no_tls_library():
    libraries = subprocess.run(["ldd", BUILD / "rproxy"], text=True,
                               capture_output=True, check=True).stdout
    assert "libuv" in libraries
    assert not re.search(r"libssl|libcrypto|gnutls|nss3|mbedtls", libraries)


def test_processes_of_tlsd_are_separate(busy_gateway):
    gw, _ = busy_gateway
    pids = session_pids(gw.tlsd.pid)
    assert len(pids) >= 3
    assert len(gw.pids("tlsd: signer")) == 1
