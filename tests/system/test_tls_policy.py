"""What tlsd speaks with clients of all ages, and what it does not."""

import re
import ssl
import subprocess
import time

import pytest

from ca import Authority, openssl
from client import tls_context
from processes import wait_for
from tls_client import Truncated
from unix_backend import (AUTHORITY, CERT_CONN, CHAIN, GROUP, LEAF,
                          VERIFY_TEXT)

SITE = """\
[site]
names = {name}
{extra}
[tls]
certificate = {pair.cert}
key = {pair.key}
{tls}
[route all]
prefix = /
pool = origin
[pool origin]
server = http://127.0.0.1:1
"""


def only(ca, version, ciphers=None):
    context = tls_context(ca.cert)
    if version < ssl.TLSVersion.TLSv1_2:
        context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = version
    if ciphers:
        context.set_ciphers(ciphers)
    return context


OLD = [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("version", OLD)
def test_old_versions_are_refused_unless_the_site_allows_them(tlsd, ca,
                                                              version):
    t = tlsd()
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        t.connect(only(ca, version))
    assert t.reaches(1, "handshakes_failed_total", reason="protocol_version",
                     by="server")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_old_versions_are_spoken_where_the_site_allows_them(tlsd, ca, kind):
    pair = ca.issue(f"old-{kind}", ["localhost"], key=kind)
    t = tlsd(site=SITE.format(name="localhost", pair=pair, extra="",
                              tls="min_version = 1.0"))
    for version, name in zip(OLD, ("TLSv1", "TLSv1.1")):
        with t.connect(only(ca, version)) as c:
            assert c.ask() == b"hello"
            assert c.tls.version() == name
        assert t.reaches(1, "handshakes_total", version=name)
    with t.connect(tls_context(ca.cert)) as c:
        assert c.tls.version() == "TLSv1.3"


def test_each_name_has_the_policy_of_its_site(tlsd, ca, pair):
    new = SITE.format(name="localhost", pair=pair, extra="default = yes",
                      tls="min_version = 1.3\ngroups = P-384")
    old = SITE.format(name="portal.example.com", pair=pair, extra="",
                      tls="ciphers = ECDHE-RSA-AES256-GCM-SHA384")

    def add(gw):
        (gw.sites / "other.ini").write_text(old)

    t = tlsd(site=new, prepare=add)
    v12 = only(ca, ssl.TLSVersion.TLSv1_2)
    with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
        t.connect(v12, name="localhost")
    with t.connect(v12, name="portal.example.com") as c:
        assert c.ask() == b"hello"
        assert c.tls.cipher()[0] == "ECDHE-RSA-AES256-GCM-SHA384"
        assert t.backend.headers[-1].one(GROUP).lower() == b"x25519"
    with t.connect(tls_context(ca.cert), name="localhost") as c:
        assert c.ask() == b"hello"
        assert t.backend.headers[-1].one(GROUP) in (b"secp384r1", b"P-384")
    assert t.metric("handshake_ciphers_total", cipher="aes256_gcm") >= 1


@pytest.mark.parametrize("version, signatures, kind", [
    ("-tls1_2", "ECDSA+SHA256", "ECDSA"),
    ("-tls1_2", "RSA+SHA256", "RSA"),
    ("-tls1_2", "rsa_pss_rsae_sha256", "RSA-PSS"),
    ("-tls1_3", "ECDSA+SHA256", "ECDSA"),
    ("-tls1_3", "rsa_pss_rsae_sha256", "RSA-PSS"),
])
def test_the_clients_signature_algorithms_choose_the_certificate(
        tlsd, ca, pair, version, signatures, kind):
    ec = ca.issue("second", ["localhost"], key="ec")
    t = tlsd(tls=f"certificate = {ec.cert}\nkey = {ec.key}\n")
    said = s_client(t, version, "-sigalgs", signatures)
    assert f"Peer signature type: {kind}\n" in said
    assert t.reaches(1, "handshakes_total")


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("kind, digest", [
    ("rsa-pss", "SHA256"),
    ("rsa-pss-sha384", "SHA384"),
])
def test_a_key_of_the_kind_rsa_pss_is_served(tlsd, ca, version, kind, digest):
    """Beside one of the kind RSA; that may be for one digest alone."""
    pss = ca.issue(f"policy-{kind}", ["localhost"], key=kind)
    t = tlsd(tls=f"certificate = {pss.cert}\nkey = {pss.key}\n")
    said = s_client(t, version, "-sigalgs", "rsa_pss_pss_sha256:"
                    "rsa_pss_pss_sha384:rsa_pss_pss_sha512:ECDSA+SHA256")
    assert "Peer signature type: RSA-PSS\n" in said
    assert f"Peer signing digest: {digest}\n" in said
    said = s_client(t, version, "-sigalgs", "rsa_pss_rsae_sha256:ECDSA+SHA256")
    assert "Peer signing digest: SHA256\n" in said
    assert t.reaches(2, "handshakes_total")


def test_unknown_names_are_refused_by_alert(tlsd, ca, pair):
    t = tlsd(site=SITE.format(name="portal.example.com", pair=pair, extra="",
                              tls=""))
    for name in ("localhost", None):
        context = tls_context(ca.cert)
        context.check_hostname = False
        with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
            t.connect(context, name=name)
    assert t.reaches(2, "handshakes_failed_total", reason="unrecognized_name",
                     by="server")
    assert t.logs(r"unrecognized_name \(no site for localhost\)")
    assert t.logs(r"unrecognized_name \(no site for clients that name none\)")


def quickest_handshake(t, ca, name):
    """In seconds; what the machine does besides is left out."""
    context, times = tls_context(ca.cert), []
    context.check_hostname = False
    for _ in range(40):
        start = time.perf_counter()
        t.connect(context, name=name).vanish()
        times.append(time.perf_counter() - start)
    return min(times)


def test_hundreds_of_sites_do_not_slow_a_handshake(tlsd, ca):
    ec, n = ca.issue("many", ["*.example.com"], key="ec"), 500

    def site(i):
        return SITE.format(name=f"s{i}.example.com", pair=ec, extra="",
                           tls=f"client_verify = optional\n"
                               f"client_ca = {ca.cert}")

    def add(gw):
        for i in range(1, n):
            (gw.sites / f"s{i}.ini").write_text(site(i))

    few = tlsd(site=site(0))
    alone = quickest_handshake(few, ca, "s0.example.com")
    many = tlsd(site=site(0), prepare=add)
    for i in (0, n // 2, n - 1):
        among_many = quickest_handshake(many, ca, f"s{i}.example.com")
        assert among_many < 1.5 * alone + 0.0005
    with many.connect(tls_context(ca.cert), name=f"s{n - 1}.example.com") as c:
        assert c.ask() == b"hello"
    assert many.backend.headers[-1].one(AUTHORITY) == b"s499.example.com"


# GnuTLS ---------------------------------------------------------------------


def gnutls(t, ca, *options, name="localhost"):
    """What gnutls-cli says about a connection that echoes a line."""
    run = subprocess.Popen(
        ["gnutls-cli", "--port", str(t.port), "--x509cafile", ca.cert,
         "--sni-hostname", name, "--verify-hostname", name, *options,
         "127.0.0.1"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    run.stdin.write(b"hello from gnutls\n")
    run.stdin.flush()
    said = b""
    while b"\nhello from gnutls" not in said:
        part = run.stdout.read1(65536)
        if not part:
            break
        said += part
    run.stdin.close()
    said += run.stdout.read()
    run.wait(10)
    return said.decode()


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls_is_served(tlsd, ca, version):
    t = tlsd()
    said = gnutls(t, ca, "--priority", f"NORMAL:-VERS-ALL:+VERS-TLS{version}")
    assert "Handshake was completed" in said and "\nhello from gnutls" in said
    assert f"Description: (TLS{version}" in said


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_gnutls_resumes(tlsd, ca, version):
    t = tlsd()
    said = gnutls(t, ca, "--resume", "--priority",
                  f"NORMAL:-VERS-ALL:+VERS-TLS{version}")
    assert "This is a resumed session" in said
    assert t.metric("handshakes_total", version=f"TLSv{version}",
                    resumed="yes") == 1


def test_gnutls_with_a_client_certificate_is_verified(tlsd, ca, user):
    t = tlsd(tls=f"client_verify = required\nclient_ca = {ca.cert}")
    said = gnutls(t, ca, "--x509certfile", user.cert, "--x509keyfile",
                  user.key)
    assert "\nhello from gnutls" in said
    assert t.backend.headers[0].verify == 0
    assert t.reaches(1, "client_certificates_total", verdict="verified")
    gnutls(t, ca)
    assert t.reaches(1, "handshakes_failed_total",
                     reason="certificate_required", by="server")


# client certificates ----------------------------------------------------------


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("x") / "ca",
                     "Another CA").user("stranger", "Stranger")


def test_optional_any_passes_on_what_cannot_be_verified(tlsd, ca, user,
                                                        stranger):
    t = tlsd(tls=f"client_verify = optional_any\nclient_ca = {ca.cert}")
    want = {"none": None, "verified": user, "unverified": stranger}
    for verdict, pair in want.items():
        with t.connect(tls_context(ca.cert, cert=pair)) as c:
            assert c.ask() == b"hello"
        header = t.backend.headers[-1]
        assert bool(header.client & CERT_CONN) == (pair is not None)
        assert (header.verify == 0) == (verdict == "verified")
        assert (LEAF in header.records) == (pair is not None)
        if verdict == "unverified":
            assert b"unable to verify" in header.one(VERIFY_TEXT)
        assert t.reaches(1, "client_certificates_total", verdict=verdict)


def test_a_certificate_that_no_header_can_carry_does_not_fill_the_log(
        tlsd, ca, folder):
    """A stranger's, of 80 KiB.  Without a ticket the handshake completes."""
    names = "\n".join(f"DNS.{n} = {'a' * 60}.{'b' * 60}.{n}.example.com"
                      for n in range(600))
    (folder / "cnf").write_text(
        f"[req]\ndistinguished_name = dn\n[dn]\n[v3]\n"
        f"subjectAltName = @alt\n[alt]\n{names}\n")
    openssl("req", "-x509", "-newkey", "ed25519", "-noenc", "-subj", "/CN=x",
            "-keyout", folder / "key", "-out", folder / "cert",
            "-config", folder / "cnf", "-extensions", "v3")
    t = tlsd(tls="client_verify = optional_any")
    context = only(ca, ssl.TLSVersion.TLSv1_2)
    context.options |= ssl.OP_NO_TICKET
    context.load_cert_chain(folder / "cert", folder / "key")
    for _ in range(20):
        with t.connect(context) as c, pytest.raises((OSError, Truncated)):
            c.ask()
    assert t.backend.headers == []
    assert t.reaches(20, "connections_refused_total", reason="memory")
    assert t.logs(r"certificate_too_large")
    assert t.logs(r"more handshakes that failed are not shown")
    assert len(t.log(r"certificate_too_large")) < 20


def test_a_resumed_session_reports_the_same_bad_verdict(tlsd, ca, stranger):
    t = tlsd(tls="client_verify = optional_any")
    context = only(ca, ssl.TLSVersion.TLSv1_2)
    context.load_cert_chain(stranger.cert, stranger.key)
    with t.connect(context) as c:
        c.ask()
        session = c.tls.session
        c.say_goodbye()
    with t.connect(context, session=session) as c:
        c.ask()
        assert c.tls.session_reused
    first, second = t.backend.headers
    assert first.verify == second.verify != 0
    assert first.one(LEAF) == second.one(LEAF)
    assert not second.client & CERT_CONN


def test_optional_refuses_what_cannot_be_verified(tlsd, ca, stranger):
    t = tlsd(tls=f"client_verify = optional\nclient_ca = {ca.cert}")
    with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
        with t.connect(tls_context(ca.cert, cert=stranger)) as c:
            c.ask()


@pytest.fixture
def two_cas(folder):
    """Two authorities; only the first has a revocation list."""
    return (Authority(folder / "first", "First CA"),
            Authority(folder / "second", "Second CA"))


def why_refused(t, ca, pair, version=ssl.TLSVersion.TLSv1_3):
    """What the log says of a client; None: it is let in, as verified."""
    before = len(t.log(r"handshake failed"))
    context = only(ca, version)
    context.load_cert_chain(pair.cert, pair.key)
    try:
        with t.connect(context) as c:
            assert c.ask() == b"hello"
        assert t.backend.headers[-1].verify == 0
        return None
    except (ssl.SSLError, OSError):
        pass
    assert wait_for(lambda: len(t.log(r"handshake failed")) > before)
    return t.log(r"handshake failed: site \S+, client \S+: (.*)")[-1]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_every_ca_of_the_site_is_taken_and_no_revoked_certificate(
        tlsd, ca, two_cas, version):
    users = [(a.user("good", "Good"), a.user("bad", "Bad")) for a in two_cas]
    for authority, (_, bad) in zip(two_cas, users):
        authority.revoke(bad)
    t = tlsd(tls="client_verify = required\n" + "".join(
        f"client_ca = {a.cert}\nclient_crl = {a.crl()}\n" for a in two_cas))
    for good, bad in users:
        assert why_refused(t, ca, good, version) is None
        assert why_refused(t, ca, bad, version) == \
            "certificate_revoked (client certificate: certificate revoked)"


def test_the_log_says_which_list_is_missing_or_old(tlsd, ca, two_cas):
    first, second = two_cas
    crl = first.crl(seconds=1)
    t = tlsd(tls=f"client_verify = optional\nclient_ca = {first.cert}\n"
                 f"client_ca = {second.cert}\nclient_crl = {crl}\n")
    assert why_refused(t, ca, second.user("u", "U")) == \
        "unknown_ca (client certificate: unable to get certificate CRL)"
    user = first.user("u", "U")
    assert wait_for(lambda: why_refused(t, ca, user) is not None, 5, 0.5)
    assert why_refused(t, ca, user) == \
        "certificate_expired (client certificate: CRL has expired)"


def test_a_ca_that_leads_to_no_root_verifies_nobody(tlsd, ca, folder):
    root = Authority(folder / "root", "Root")
    between = root.below("Between")
    t = tlsd(tls=f"client_verify = optional\nclient_ca = {between.cert}\n")
    assert why_refused(t, ca, between.user("u", "Below")) == \
        "unknown_ca (client certificate: unable to get issuer certificate)"


@pytest.mark.parametrize("depth", [0, 1])
def test_a_chain_may_be_as_deep_as_the_site_says(tlsd, ca, two_cas, depth):
    root, _ = two_cas
    between = root.below("Between")
    user = between.user("u", "Below")
    user.cert.write_bytes(user.cert.read_bytes() + between.cert.read_bytes())
    t = tlsd(tls=f"client_verify = optional\nclient_ca = {root.cert}\n"
                 f"client_depth = {depth}\n")
    why = why_refused(t, ca, user)
    if depth == 0:
        assert why == \
            "unknown_ca (client certificate: certificate chain too long)"
    else:
        assert why is None
        assert len(t.backend.headers[-1].records[CHAIN]) == 1


# sessions -------------------------------------------------------------------


def resume(t, context, session):
    with t.connect(context, session=session) as c:
        assert c.ask() == b"hello"
        c.say_goodbye()
        return c.tls.session_reused, c.tls.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
def test_a_session_ends_with_its_lifetime_however_often_it_is_resumed(
        tlsd, ca, version):
    t = tlsd(tlsd="session_lifetime = 3s\n")
    context = only(ca, version)
    reused, session = resume(t, context, None)
    assert not reused
    verdicts = []

    def is_over():
        nonlocal session
        again, session = resume(t, context, session)
        verdicts.append(again)
        return not again

    assert wait_for(is_over, 6, 0.5)
    assert 4 <= len(verdicts) <= 8 and all(verdicts[:-1])


# keys -------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["file", "credential"])
def test_an_encrypted_key_opens_with_its_passphrase(tlsd, ca, pair, folder,
                                                    how):
    key, phrase = folder / "locked.key", folder / "portal"
    openssl("pkey", "-aes256", "-passout", "pass:open sesame", "-in", pair.key,
            "-out", key)
    phrase.write_text("open sesame\n")
    for path in (key, phrase):
        path.chmod(0o600)
    where = phrase if how == "file" else "credential:portal"
    t = tlsd(site=SITE.format(
        name="localhost", pair=pair, extra="",
        tls=f"key_passphrase = {where}").replace(str(pair.key), str(key)),
        env={"CREDENTIALS_DIRECTORY": str(folder)})
    with t.connect(tls_context(ca.cert)) as c:
        assert c.ask() == b"hello"


# what is never spoken ---------------------------------------------------------


def s_client(t, *options, data=b"Q\n"):
    return subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{t.port}",
         "-servername", "localhost", *options], input=data,
        capture_output=True, timeout=20).stdout.decode(errors="replace")


def test_no_compression_no_early_data_and_secure_renegotiation(tlsd):
    t = tlsd()
    old = s_client(t, "-tls1_2", "-comp")
    assert "Compression: NONE" in old
    assert "Secure Renegotiation IS supported" in old
    new = s_client(t, "-tls1_3")
    assert re.search(r"Max Early Data: 0", new) or "Early data was not" in new


def test_renegotiation_by_the_client_gets_nowhere(tlsd):
    t = tlsd()
    run = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{t.port}", "-tls1_2",
         "-servername", "localhost"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT)
    assert t.reaches(1, "handshakes_total", version="TLSv1.2")
    run.stdin.write(b"R\n")
    run.stdin.flush()
    said = run.stdout.read().decode(errors="replace")
    run.wait(10)
    assert "RENEGOTIATING" in said and "no renegotiation" in said
    assert t.metric("handshakes_total") == 1
