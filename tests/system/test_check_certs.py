"""tlsd -t: what is wrong with certificates and keys, each with its own
message."""

import shutil
import subprocess

import pytest

from ca import Authority, openssl
from checker import NAMES, TLSD, USER, faults, one_fault
from gateway import BUILD, IS_ROOT


def test_missing_certificate(check, good):
    check.site("none.pem", good.key)
    one_fault(check.run(), "error", "site.ini:6", "tls.certificate",
              "none.pem", "No such file")


def test_missing_key(check, good):
    check.site(good.cert, "none.key")
    one_fault(check.run(), "error", "site.ini:7", "tls.key", "none.key",
              "No such file")


@pytest.mark.skipif(IS_ROOT, reason="root reads everything")
def test_unreadable_key(check, good, folder):
    shutil.copy(good.key, folder / "closed.key")
    (folder / "closed.key").chmod(0)
    check.site(good.cert, "closed.key")
    one_fault(check.run(), "error", "site.ini:7", "tls.key",
              "Permission denied")


@pytest.mark.skipif(not IS_ROOT, reason="needs another user to become")
def test_unreadable_key_for_another_user(check, good, folder):
    check.site(good.cert, good.key)
    check.write("tlsd.ini", TLSD.format(user=USER).replace(
        f"user = {USER}\n", ""))
    shutil.copy(good.cert, folder / "open.pem")
    shutil.copy(BUILD / "tlsd", folder / "tlsd")
    shutil.copy(good.key, folder / "closed.key")
    (folder / "closed.key").chmod(0o600)
    check.site("open.pem", "closed.key")
    run = subprocess.run(
        ["setpriv", "--reuid=nobody", "--clear-groups", folder / "tlsd",
         "-t", "-c", folder / "tlsd.ini"], capture_output=True, text=True)
    assert run.returncode == 1
    assert "site.ini:7: tls.key: " in run.stderr
    assert "closed.key: Permission denied" in run.stderr


def test_world_readable_key(check, good, folder):
    shutil.copy(good.key, folder / "open.key")
    (folder / "open.key").chmod(0o644)
    check.site(good.cert, "open.key")
    one_fault(check.run(), "error", "site.ini:7", "tls.key: open.key",
              "can be read by everybody", "chmod 0600")


def test_key_of_another_certificate(check, good, ca):
    other = ca.issue("check-other", NAMES)
    check.site(good.cert, other.key)
    one_fault(check.run(), "error", "site.ini:7",
              f"tls.key: {other.key} is not the key of {good.cert}")


def test_two_certificates_of_one_kind_are_refused(check, good, ca):
    """The first of them would never be served, and nobody would know."""
    other = ca.issue("check-other", NAMES)
    more = "certificate = {0.cert}\nkey = {0.key}\n".format
    check.site(good.cert, good.key, more(other))
    one_fault(check.run(), "error", "site.ini:8", "check-other.pem",
              "same kind", "check-good.pem")
    check.site(good.cert, good.key,
               more(ca.issue("check-ec", NAMES, key="ec")) +
               more(ca.issue("check-ed", NAMES, key="ed25519")))
    assert check.run() == (0, ["tlsd.ini: configuration is good"])


def test_expired_certificate_is_a_warning(check, ca):
    old = ca.expired("check-old", NAMES)
    check.site(old.cert, old.key)
    one_fault(check.run(), "warning", "site.ini:6", "tls.certificate",
              "expired on 2021-01-01 00:00:00 UTC")


def test_certificate_that_is_not_valid_yet_is_a_warning(check, ca):
    future = ca.issue("check-future", NAMES, start="20400101000000Z",
                      end="20410101000000Z")
    check.site(future.cert, future.key)
    one_fault(check.run(), "warning", "site.ini:6",
              "is not valid before 2040-01-01 00:00:00 UTC")


def test_names_that_are_not_covered_are_a_warning(check, ca):
    pair = ca.issue("check-names", ["localhost", "portal.example.com",
                                    "x.portal.example.com"])
    check.site(pair.cert, pair.key)
    one_fault(check.run(), "warning", "site.ini:6",
              "does not cover *.portal.example.com; it covers localhost, "
              "portal.example.com")


def test_an_address_of_odd_length_is_none_and_not_read_beyond(check, folder):
    key, cert = folder / "odd.key", folder / "odd.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key,
            "-out", cert, "-subj", "/CN=odd", "-days", 30, "-addext",
            "subjectAltName=DER:30:0c:87:05:01:02:03:04:05:82:03:6f:64:64")
    check.site(cert, key)
    one_fault(check.run(), "warning", "site.ini:6", "; it covers odd")


def test_a_name_in_the_subject_alone_covers_nothing(check, ca):
    pair = ca.issue("check-cn", cn="localhost")
    check.site(pair.cert, pair.key)
    one_fault(check.run(), "warning", "site.ini:6",
              "does not cover localhost, *.portal.example.com",
              "subjectAltName is missing")


def test_a_certificate_for_clients_alone_is_a_warning(check, ca):
    pair = ca.issue("check-for-clients", NAMES, usage="clientAuth")
    check.site(pair.cert, pair.key)
    one_fault(check.run(), "warning", "site.ini:6", "tls.certificate",
              "is not for servers (extended key usage)")


def own(folder, *extensions):
    """What nobody but itself has signed; the folder's own.pem and own.key."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc",
            "-keyout", folder / "own.key", "-out", folder / "own.pem",
            "-subj", "/CN=localhost", "-days", "1",
            *(word for e in extensions for word in ("-addext", e)))
    return folder / "own.pem"


@pytest.mark.parametrize("usage", ["keyEncipherment", "nonRepudiation"])
def test_a_certificate_that_may_not_sign_is_a_warning(check, folder, usage):
    """As of templates for RSA key exchange, which browsers refuse today."""
    own(folder, "subjectAltName=DNS:localhost,DNS:*.portal.example.com",
        f"keyUsage={usage}", "extendedKeyUsage=serverAuth")
    check.site("own.pem", "own.key")
    one_fault(check.run(), "warning", "site.ini:6", "tls.certificate",
              "is not for signatures", "digitalSignature")


def test_chain_in_the_wrong_order_is_a_warning(check, good, ca, folder):
    other = ca.issue("check-third", NAMES)
    (folder / "chain.pem").write_text(
        good.cert.read_text() + other.cert.read_text() + ca.cert.read_text())
    check.site("chain.pem", good.key)
    one_fault(check.run(), "warning", "site.ini:6",
              "the chain is out of order: certificate 1",
              "was not issued by certificate 2")


def test_the_ca_before_the_leaf_is_an_error_that_says_so(check, good, ca,
                                                         folder):
    (folder / "chain.pem").write_text(
        ca.cert.read_text() + good.cert.read_text())
    check.site("chain.pem", good.key)
    status, lines = check.run()
    assert status == 1
    assert any("is the key of certificate 2 in chain.pem, which must come "
               "first" in l for l in lines), lines


def test_a_good_chain_is_no_fault(check, good, ca, folder):
    (folder / "chain.pem").write_text(
        good.cert.read_text() + ca.cert.read_text())
    check.site("chain.pem", good.key)
    assert check.run()[0] == 0


def test_garbage_instead_of_pem(check, good, folder):
    check.write("garbage.pem", "this is no certificate\n")
    check.site("garbage.pem", good.key)
    one_fault(check.run(), "error", "site.ini:6",
              "garbage.pem: holds no certificate in PEM")
    check.write("garbage.key", "nor is this a key\n").chmod(0o600)
    check.site(good.cert, "garbage.key")
    one_fault(check.run(), "error", "site.ini:7",
              "garbage.key: holds no private key in PEM")


def test_damaged_pem(check, good, folder):
    check.write("cut.pem", good.cert.read_text()[:300])
    check.site("cut.pem", good.key)
    one_fault(check.run(), "error", "site.ini:6",
              "cut.pem: certificate 1 is damaged")


def test_a_certificate_where_the_key_should_be(check, good, folder):
    shutil.copy(good.cert, folder / "cert.key")
    (folder / "cert.key").chmod(0o600)
    check.site(good.cert, "cert.key")
    one_fault(check.run(), "error", "site.ini:7",
              'cert.key: holds no private key but "CERTIFICATE"')


def test_a_key_in_the_certificates_file(check, good, folder):
    check.write("both.pem", good.cert.read_text() + good.key.read_text())
    check.site("both.pem", good.key)
    one_fault(check.run(), "error", "site.ini:6", "both.pem",
              "private key", "a file of its own")


def test_a_key_file_that_the_signer_would_not_read(check, good, folder):
    check.write("long.key", "x" * (64 * 1024) + "\n" + good.key.read_text())
    (folder / "long.key").chmod(0o600)
    check.site(good.cert, "long.key")
    one_fault(check.run(), "error", "site.ini:7", "long.key", "too large")


def test_pkcs12_names_the_command_that_converts_it(check, good, folder):
    store = folder / "store.p12"
    openssl("pkcs12", "-export", "-inkey", good.key, "-in", good.cert,
            "-passout", "pass:x", "-out", store)
    store.chmod(0o600)
    check.site(store.name, good.key)
    one_fault(check.run(), "error", "site.ini:6", "store.p12: is PKCS#12",
              "openssl pkcs12 -in store.p12 -nokeys -out cert.pem")
    check.site(good.cert, store.name)
    one_fault(check.run(), "error", "site.ini:7", "store.p12: is PKCS#12",
              "openssl pkcs12 -in store.p12 -nocerts -noenc -out key.pem")


def test_der_names_the_command_that_converts_it(check, good, folder):
    openssl("x509", "-in", good.cert, "-outform", "DER", "-out",
            folder / "cert.der")
    check.site("cert.der", good.key)
    one_fault(check.run(), "error", "site.ini:6", "certificate in DER",
              "openssl x509 -inform DER -in cert.der -out cert.pem")


@pytest.fixture(params=["pkcs8", "traditional"])
def locked(request, good, folder):
    """The name of a key file with the passphrase "x y"."""
    form = ["-traditional"] if request.param == "traditional" else []
    openssl("pkey", "-aes256", "-passout", "pass:x y", "-in", good.key, "-out",
            folder / "locked.key", *form)
    (folder / "locked.key").chmod(0o600)
    return "locked.key"


def test_a_key_with_passphrase_is_refused_with_advice(check, good, locked):
    check.site(good.cert, locked)
    one_fault(check.run(), "error", "site.ini:7",
              "locked.key: is protected by a passphrase",
              "tls.key_passphrase", "openssl pkey -in locked.key")


def write_secret(path, text):
    path.write_text(text)
    path.chmod(0o600)


def test_a_key_opens_with_its_passphrase(check, good, folder, locked):
    write_secret(folder / "phrase", "x y\nnot this line\n")
    check.site(good.cert, locked, "key_passphrase = phrase\n")
    assert check.run() == (0, ["tlsd.ini: configuration is good"])


def test_a_passphrase_that_does_not_fit_is_named(check, good, folder, locked):
    write_secret(folder / "phrase", "x\n")
    check.site(good.cert, locked, "key_passphrase = phrase\n")
    one_fault(check.run(), "error", "site.ini:7", "another passphrase")


def test_a_passphrase_for_everybody_is_refused(check, good, folder):
    (folder / "phrase").write_text("x\n")
    (folder / "phrase").chmod(0o644)
    check.site(good.cert, good.key, "key_passphrase = phrase\n")
    one_fault(check.run(), "error", "site.ini:8", "can be read by everybody")


def test_a_credential_needs_a_service_manager(check, good):
    check.site(good.cert, good.key, "key_passphrase = credential:portal\n")
    one_fault(check.run(), "error", "site.ini:8", "LoadCredential")


def test_a_credential_has_no_path(check, good):
    check.site(good.cert, good.key, "key_passphrase = credential:../x\n")
    one_fault(check.run("rproxy"), "error", "site.ini:8",
              "no name of a credential")


def test_a_staple_that_is_not_served_is_a_warning(check, good, folder):
    check.site(good.cert, good.key, "ocsp_staple = gone.ocsp\n")
    one_fault(check.run(), "warning", "site.ini:8", "gone.ocsp",
              "No such file")
    (folder / "gone.ocsp").write_text("no response")
    one_fault(check.run(), "warning", "site.ini:8", "no OCSP response")


def test_a_short_rsa_key_is_refused(check, folder):
    openssl("req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=x",
            "-addext", "subjectAltName=DNS:localhost,"
            "DNS:*.portal.example.com", "-keyout", folder / "short.key",
            "-out", folder / "short.pem")
    (folder / "short.key").chmod(0o600)
    check.site("short.pem", "short.key")
    one_fault(check.run(), "error", "site.ini:6", "ee key too small")


def test_a_key_of_an_unusual_kind_is_refused(check, good, folder):
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:secp256k1", "-out", folder / "odd.key")
    (folder / "odd.key").chmod(0o600)
    check.site(good.cert, "odd.key")
    one_fault(check.run(), "error", "site.ini:7", "of a kind that is not",
              "P-256")


def pss(folder, name, *options):
    """A key of the kind RSA-PSS with its certificate."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    openssl("genpkey", "-algorithm", "RSA-PSS",
            "-pkeyopt", "rsa_keygen_bits:2048",
            *(word for o in options
              for word in ("-pkeyopt", f"rsa_pss_keygen_{o}")), "-out", key)
    key.chmod(0o600)
    openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=x", "-addext",
            "subjectAltName=DNS:localhost,DNS:*.portal.example.com",
            "-out", cert)
    return cert, key


@pytest.mark.parametrize("options", [
    (),
    ("md:sha256", "mgf1_md:sha256", "saltlen:32"),
    ("md:sha512", "mgf1_md:sha512", "saltlen:20"),
])
def test_a_key_of_the_kind_rsa_pss_is_good(check, folder, options):
    check.site(*pss(folder, "pss", *options))
    status, lines = check.run()
    assert status == 0, lines
    assert not [l for l in lines if "warning" in l]


@pytest.mark.parametrize("options", [
    ("md:sha1", "mgf1_md:sha1", "saltlen:20"),
    ("md:sha256", "mgf1_md:sha512", "saltlen:32"),
    ("md:sha256", "mgf1_md:sha256", "saltlen:48"),
])
def test_a_key_that_can_sign_nothing_of_tls_is_refused(check, folder,
                                                       options):
    check.site(*pss(folder, "pss", *options))
    status, lines = check.run()
    assert status == 1
    assert any("site.ini:7: tls.key: pss.key: holds a key of a kind that is "
               "not supported" in l for l in lines), lines


def test_client_ca_and_crl(check, good, ca, folder):
    openssl("crl", "-in", ca.crl(), "-outform", "DER", "-out",
            folder / "users.crl")
    check.site(good.cert, good.key, "client_verify = optional\n"
               f"client_ca = {good.cert}\nclient_crl = users.crl\n")
    status, lines = check.run()
    assert status == 1
    assert any(l.startswith("warning: site.ini:9: tls.client_ca: ") and
               "is not that of a CA" in l for l in lines), lines
    assert any(l.startswith("error: site.ini:10: tls.client_crl: users.crl: "
                            "is a CRL in DER") for l in lines), lines


def test_a_crl_without_effect_is_a_warning(check, good, ca, folder):
    shutil.copy(ca.crl(), folder / "users.crl")
    check.site(good.cert, good.key, "client_crl = users.crl\n")
    one_fault(check.run(), "warning", "site.ini:8", "tls.client_crl",
              "without effect")


@pytest.fixture
def users(folder):
    """A root and the CA below it that issues."""
    root = Authority(folder / "users-root", "Users' root")
    return root, Authority(folder / "users", "Users' CA", parent=root)


def with_users(check, good, authorities, lists=()):
    check.site(good.cert, good.key, "client_verify = optional\n" + "".join(
        [f"client_ca = {a.cert}\n" for a in authorities] +
        [f"client_crl = {path}\n" for path in lists]))
    return check.run()


def test_a_client_ca_that_leads_to_no_root_is_a_warning(check, good, users):
    root, issuing = users
    one_fault(with_users(check, good, [issuing]), "warning", "site.ini:9",
              "tls.client_ca", "Users' CA", "is no root", "issuer is missing")
    assert not faults(with_users(check, good, [issuing, root]))


def test_a_user_that_no_ca_has_signed_needs_none(check, good, folder):
    """Nobody else can be verified with it: that it is no CA is all to say."""
    user = own(folder, "basicConstraints=CA:FALSE", "keyUsage=digitalSignature",
               "extendedKeyUsage=clientAuth")
    openssl("verify", "-purpose", "sslclient", "-CAfile", user, user)
    check.site(good.cert, good.key,
               f"client_verify = optional\nclient_ca = {user}\n")
    one_fault(check.run(), "warning", "site.ini:9", "tls.client_ca",
              "is not that of a CA")


def test_a_client_ca_without_a_list_beside_others_is_a_warning(check, good,
                                                               users):
    root, issuing = users
    one_fault(with_users(check, good, users, [root.crl()]), "warning",
              "site.ini:10", "tls.client_ca", "Users' CA", "has no list",
              "client_crl")
    assert not faults(with_users(check, good, users,
                                 [issuing.crl(), root.crl()]))


def test_a_list_that_is_not_valid_yet_is_a_warning(check, good, users):
    root, _ = users
    path = root.folder / "early.crl"
    openssl("ca", "-gencrl", "-config", root.config, "-cert", root.cert,
            "-keyfile", root.key, "-crl_lastupdate", "20990101000000Z",
            "-crl_nextupdate", "20990201000000Z", "-out", path)
    one_fault(with_users(check, good, [root], [path]), "warning",
              "site.ini:10", "tls.client_crl", "not valid before 2099-01-01")


# https servers: line 14 of the site is the server, 15 and on what is added


def https(check, good, *lines, egress=True):
    """tlsd -t on a site with an https server; lines: more of its pool."""
    check.site(good.cert, good.key)
    path = check.folder / "site.ini"
    path.write_text(path.read_text().replace("http:", "https:") +
                    "".join(f"{line}\n" for line in lines))
    keys = f"egress = ./egress.sock\negress_from = {USER}\n"
    check.write("tlsd.ini", TLSD.format(user=USER).replace(
        "backend", (keys if egress else "") + "backend"))
    return check.run()


@pytest.fixture
def client(ca):
    return ca.issue("check-client", cn="gateway", usage="clientAuth")


def test_an_https_server_with_everything_is_good(check, good, ca, client):
    status, lines = https(check, good, f"tls_ca = {ca.cert}",
                          "tls_name = reports.intra",
                          f"tls_certificate = {client.cert}",
                          f"tls_key = {client.key}")
    assert status == 0
    assert not [l for l in lines if "error" in l or "warning" in l]


def test_an_https_server_needs_an_egress(check, good, ca):
    one_fault(https(check, good, f"tls_ca = {ca.cert}", egress=False),
              "error", "site.ini:14", "pool.server: https:// needs egress in "
              "[tlsd] of", "tlsd.ini")


def test_the_ca_of_servers_must_be_readable(check, good, folder):
    one_fault(https(check, good, "tls_ca = nowhere.pem"), "error",
              "site.ini:15", "pool.tls_ca: nowhere.pem: No such file")
    check.write("garbage.pem", "garbage\n")
    one_fault(https(check, good, "tls_ca = garbage.pem"), "error",
              "site.ini:15", "pool.tls_ca: garbage.pem")


def test_a_servers_own_certificate_may_be_trusted(check, good):
    status, lines = https(check, good, f"tls_ca = {good.cert}")
    assert status == 0
    assert not [l for l in lines if "warning" in l]


def test_the_key_of_a_pool_must_fit_and_be_private(check, good, ca, client):
    wanted = (f"tls_ca = {ca.cert}", f"tls_certificate = {client.cert}")
    one_fault(https(check, good, *wanted, f"tls_key = {good.key}"), "error",
              "site.ini:17", "pool.tls_key: ", "is not the key of")
    one_fault(https(check, good, *wanted, "tls_key = nowhere.key"), "error",
              "site.ini:17", "pool.tls_key: nowhere.key: No such file")
    client.key.chmod(0o644)
    try:
        one_fault(https(check, good, *wanted, f"tls_key = {client.key}"),
                  "error", "site.ini:17", "pool.tls_key: ", "chmod")
    finally:
        client.key.chmod(0o600)


def test_a_certificate_for_servers_alone_is_a_warning_in_a_pool(check, good,
                                                                ca):
    other = ca.issue("check-server2", NAMES)
    one_fault(https(check, good, f"tls_ca = {ca.cert}",
                    f"tls_certificate = {other.cert}",
                    f"tls_key = {other.key}"), "warning", "site.ini:16",
              "pool.tls_certificate: ", "is not for clients")


def test_a_certificate_that_may_not_sign_is_a_warning_in_a_pool(check, good,
                                                                ca, folder):
    own(folder, "keyUsage=keyEncipherment", "extendedKeyUsage=clientAuth")
    one_fault(https(check, good, f"tls_ca = {ca.cert}",
                    "tls_certificate = own.pem", "tls_key = own.key"),
              "warning", "site.ini:16", "pool.tls_certificate: ",
              "is not for signatures", "digitalSignature")


def test_the_key_of_a_site_in_a_pool_is_a_warning(check, ca, folder):
    """Under another name, too."""
    both = ca.issue("check-both", NAMES, usage="serverAuth, clientAuth")
    copy = folder / "copy.key"
    copy.touch(0o600)
    copy.write_bytes(both.key.read_bytes())
    one_fault(https(check, both, f"tls_ca = {ca.cert}",
                    f"tls_certificate = {both.cert}", "tls_key = copy.key"),
              "warning", "site.ini:17", "pool.tls_key: copy.key is the key "
              "of a site, too", f"{both.key.name} in site.ini:7")


def test_two_certificates_of_one_kind_are_refused_in_a_pool(check, good, ca,
                                                            client):
    other = ca.issue("check-client2", cn="gateway", usage="clientAuth")
    one_fault(https(check, good, f"tls_ca = {ca.cert}",
                    f"tls_certificate = {client.cert}",
                    f"tls_key = {client.key}",
                    f"tls_certificate = {other.cert}",
                    f"tls_key = {other.key}"), "error", "site.ini:18",
              "pool.tls_certificate: ", "needs a pool of its own")
