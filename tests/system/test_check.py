"""tlsd -t and rproxy -t: what is wrong with a configuration, all of it at
once, each with its own message; and the samples in conf/."""

import getpass
import shutil
import subprocess

import pytest

from ca import Authority, openssl
from gateway import BUILD, IS_ROOT, ROOT

NAMES = ["localhost", "*.portal.example.com"]
USER = "nobody" if IS_ROOT else getpass.getuser()

SITE = """\
[site]
names = localhost
names = *.portal.example.com

[tls]
certificate = {cert}
key = {key}
{tls}
[route all]
prefix = /
pool = origin

[pool origin]
server = http://127.0.0.1:8080
"""

TLSD = """\
[tlsd]
user = {user}
sites = site.ini
backend = run.sock

[listen public]
address = 127.0.0.1:8443
"""

RPROXY = """\
[rproxy]
user = {user}
sites = site.ini

[listen tls]
address = ./run.sock
from = {user}
"""


class Checker:
    """Writes the three files of a gateway and runs -t on them."""

    def __init__(self, folder):
        self.folder = folder
        self.write("tlsd.ini", TLSD.format(user=USER))
        self.write("rproxy.ini", RPROXY.format(user=USER))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def site(self, cert, key, tls=""):
        self.write("site.ini", SITE.format(cert=cert, key=key, tls=tls))

    def run(self, program="tlsd", file=None):
        """Exit status and lines, without the folder's name."""
        run = subprocess.run(
            [BUILD / program, "-t", "-c", self.folder / (file or
                                                         f"{program}.ini")],
            capture_output=True, text=True, timeout=20)
        lines = (run.stderr + run.stdout).replace(f"{self.folder}/", "")
        return run.returncode, lines.splitlines()


@pytest.fixture
def check(folder):
    return Checker(folder)


@pytest.fixture(scope="module")
def good(ca):
    return ca.issue("check-good", NAMES)


def faults(result):
    _, lines = result
    return [l for l in lines if l.startswith(("error: ", "warning: "))]


def one_fault(result, kind, where, *texts):
    """The only fault, at that place, with all these texts in it."""
    status, lines = result
    found = faults(result)
    assert status == (1 if kind == "error" else 0), lines
    assert len(found) == 1, lines
    assert found[0].startswith(f"{kind}: {where}: "), found[0]
    for text in texts:
        assert text in found[0], found[0]


def test_a_good_configuration_passes_without_a_word_of_complaint(check, good):
    check.site(good.cert, good.key)
    for program in ("tlsd", "rproxy"):
        status, lines = check.run(program)
        assert status == 0
        assert not [l for l in lines if "error" in l or "warning" in l]


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


def test_a_certificate_that_may_not_sign_is_a_warning(check, folder):
    """As of templates for RSA key exchange, which browsers refuse today."""
    openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc",
            "-keyout", folder / "own.key", "-out", folder / "own.pem",
            "-subj", "/CN=localhost", "-days", "1",
            "-addext", "subjectAltName=DNS:localhost,DNS:*.portal.example.com",
            "-addext", "keyUsage=keyEncipherment",
            "-addext", "extendedKeyUsage=serverAuth")
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


@pytest.mark.parametrize("line,words", [
    ("ciphers = AES128-SHA", "none of these can be used, ECDHE"),
    ("ciphers = NO-SUCH-CIPHER", "OpenSSL knows no such cipher"),
    ("ciphers = HIGH:@SECLEVEL=0", "no @ is allowed"),
    ("ciphers = AECDH-AES256-SHA:eNULL", "none of these"),
    ("ciphersuites = TLS_AES_512_GCM", "OpenSSL knows no such suite"),
    ("groups = X25519:brainpoolP256r1", '"brainpoolP256r1" is not allowed'),
    ("groups = X25519:", '"" is not allowed'),
])
def test_a_list_that_cannot_be_spoken_is_refused(check, good, line, words):
    check.site(good.cert, good.key, line + "\n")
    one_fault(check.run(), "error", "site.ini:8", words)


@pytest.mark.parametrize("line", [
    "ciphers = HIGH:!aNULL", "ciphersuites = TLS_AES_256_GCM_SHA384",
    "groups = P-256:X25519", "min_version = 1.3"])
def test_a_list_that_can_be_spoken_is_taken(check, good, line):
    check.site(good.cert, good.key, line + "\n")
    assert check.run() == (0, ["tlsd.ini: configuration is good"])


def test_a_group_that_openssl_lacks_is_refused(check, good):
    known = subprocess.run(["openssl", "version"], capture_output=True,
                           text=True, check=True).stdout.split()[1]
    check.site(good.cert, good.key, "groups = X25519MLKEM768:X25519\n")
    if tuple(map(int, known.split(".")[:2])) < (3, 5):
        one_fault(check.run(), "error", "site.ini:8",
                  f"{known} does not have all of them")
    else:
        assert check.run()[0] == 0


def test_old_versions_are_allowed_with_a_warning(check, good):
    check.site(good.cert, good.key, "min_version = 1.0\n")
    one_fault(check.run(), "warning", "site.ini:8", "RFC 8996")


def test_a_staple_that_is_not_served_is_a_warning(check, good, folder):
    check.site(good.cert, good.key, "ocsp_staple = gone.ocsp\n")
    one_fault(check.run(), "warning", "site.ini:8", "gone.ocsp", "No such file")
    (folder / "gone.ocsp").write_text("no response")
    one_fault(check.run(), "warning", "site.ini:8", "no OCSP response")


def test_certificates_are_checked_beside_errors_in_the_ini(check, good):
    check.site("nowhere.pem", good.key, "min_verison = 1.2\n")
    status, lines = check.run()
    assert status == 1
    assert any("site.ini:8: tls.min_verison" in l for l in lines)
    assert any("nowhere.pem" in l for l in lines)
    check.site(good.cert, "nowhere.key", "min_verison = 1.2\n")
    assert any("nowhere.key" in l for l in check.run()[1])


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
    one_fault(https(check, good, f"tls_ca = {ca.cert}",
                    f"tls_certificate = {good.cert}",
                    f"tls_key = {good.key}"), "warning", "site.ini:16",
              "pool.tls_certificate: ", "is not for clients")


def test_two_certificates_of_one_kind_are_refused_in_a_pool(check, good, ca,
                                                            client):
    other = ca.issue("check-client2", cn="gateway", usage="clientAuth")
    one_fault(https(check, good, f"tls_ca = {ca.cert}",
                    f"tls_certificate = {client.cert}",
                    f"tls_key = {client.key}",
                    f"tls_certificate = {other.cert}",
                    f"tls_key = {other.key}"), "error", "site.ini:18",
              "pool.tls_certificate: ", "needs a pool of its own")


def test_all_faults_at_once_with_suggestions(check, good):
    check.site(good.cert, good.key, "min_verison = 1.2\n")
    check.write("tlsd.ini", "[tlsd]\nsites = site.ini\nsites = no*.ini\n"
                "handshake_timeout = 10\nlog_levle = info\n"
                "[listen a]\naddress = localhost:443\nfoo\n")
    status, lines = check.run()
    assert status == 1
    wanted = [
        'error: site.ini:8: tls.min_verison: unknown key, did you mean '
        '"min_version"?',
        "error: tlsd.ini:1: tlsd.backend: missing",
        "error: tlsd.ini:3: sites: no file matches no*.ini",
        "error: tlsd.ini:4: tlsd.handshake_timeout: \"10\" is not a duration",
        'error: tlsd.ini:5: tlsd.log_levle: unknown key, did you mean '
        '"log_level"?',
        'error: tlsd.ini:7: listen.address: "localhost:443" is not an',
        "error: tlsd.ini:8: neither a [section] nor",
    ]
    for text in wanted:
        assert any(l.startswith(text) for l in lines), (text, lines)
    assert len([l for l in lines if l.startswith("error: ")]) == len(wanted)


def test_both_daemons_check_the_whole_site(check, good):
    check.site(good.cert, good.key, "min_verison = 1.2\n")
    for program in ("tlsd", "rproxy"):
        one_fault(check.run(program), "error", "site.ini:8", "min_version")


def test_keys_of_a_later_version_are_refused_as_such(check, good):
    check.write("rproxy.ini", RPROXY.format(user=USER) +
                "proxy_protocol = on\n")
    check.site(good.cert, good.key)
    status, lines = check.run("rproxy")
    assert status == 1
    assert any("listen.proxy_protocol: not supported by this version" in line
               for line in lines)


def test_a_missing_file_is_named(check):
    status, lines = check.run("rproxy", "nothing.ini")
    assert status == 1
    assert lines[0].startswith("error: nothing.ini: cannot be read: No such")


def test_version_and_usage():
    for program in ("tlsd", "rproxy"):
        run = subprocess.run([BUILD / program, "-V"], capture_output=True,
                             text=True)
        assert run.returncode == 0
        assert run.stdout.startswith(f"{program} ")
        run = subprocess.run([BUILD / program, "-x"], capture_output=True,
                             text=True)
        assert run.returncode == 2
        assert "usage:" in run.stderr


@pytest.fixture
def samples(folder, ca):
    """conf/ with what the samples name: certificates, users, folders."""
    for source in (ROOT / "conf").rglob("*.ini"):
        target = folder / source.relative_to(ROOT / "conf")
        target.parent.mkdir(exist_ok=True)
        text = source.read_text()
        for old, new in (("= tlsd ", f"= {USER} "), ("= tlsd\n", f"= {USER}\n"),
                         ("= rproxy ", f"= {USER} "),
                         ("/var/log/rproxy", str(folder)),
                         ("/run/rproxy", str(folder)),
                         ("/run/tlsd", str(folder))):
            text = text.replace(old, new)
        target.write_text(text)

    def take(pair, label):
        shutil.copy(pair.cert, folder / "certs" / f"{label}.pem")
        shutil.copy(pair.key, folder / "private" / f"{label}.key")

    for name in ("certs", "private"):
        (folder / name).mkdir()
    for label, names in (("portal", ["portal.example.com"]),
                         ("apps", ["apps.example.com",
                                   "*.apps.example.com"]),
                         ("reports", ["reports.example.com"])):
        take(ca.issue(f"sample-{label}", names), label)
    take(ca.user("sample-gateway", "The gateway"), "gateway-client")
    for name in ("users-ca", "intranet-ca"):
        shutil.copy(ca.cert, folder / "certs" / f"{name}.pem")
    return folder


def test_the_samples_are_good(samples):
    for program in ("tlsd", "rproxy"):
        run = subprocess.run(
            [BUILD / program, "-t", "-c", samples / f"{program}.ini"],
            capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""


def test_the_keys_that_the_samples_leave_out_by_comment_exist(samples, ca):
    """A line that is taken in by removing the semicolon must be right."""
    shutil.copy(ca.crl(), samples / "certs" / "users.crl")
    for path in (samples / "sites").glob("*.ini"):
        text = path.read_text().splitlines()
        path.write_text("".join(
            (l[1:] if l.startswith(";client_") else l) + "\n" for l in text))
    run = subprocess.run([BUILD / "tlsd", "-t", "-c", samples / "tlsd.ini"],
                         capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
