#!/usr/bin/python3
"""A throw-away certificate authority, made with the openssl command.

As a module:

    ca = Authority(folder)
    ca.cert                              path of the CA's certificate
    pair = ca.issue("portal", names=["portal.example.com", "127.0.0.1"])
    pair.cert, pair.key, pair.p12        paths (p12: users only)

As a command: ca.py FOLDER NAME... makes FOLDER/ca.pem, a server certificate
for the names and a user certificate; what the demo uses.
"""

import ipaddress
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

P12_PASSWORD = "demo"

KEY_OPTIONS = {
    "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-pss": ["-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
    "rsa-pss-sha384": ["-algorithm", "RSA-PSS",
                       "-pkeyopt", "rsa_keygen_bits:2048",
                       "-pkeyopt", "rsa_pss_keygen_md:sha384",
                       "-pkeyopt", "rsa_pss_keygen_mgf1_md:sha384",
                       "-pkeyopt", "rsa_pss_keygen_saltlen:48"],
    "ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
    "ec384": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
    "ed25519": ["-algorithm", "ED25519"],
}

CONFIG = """\
[ca]
default_ca = authority
[authority]
dir = {folder}/db
database = {folder}/db/index.txt
new_certs_dir = {folder}/db
rand_serial = yes
default_md = sha256
default_crl_days = 30
policy = policy
unique_subject = no
email_in_dn = no
[policy]
commonName = supplied
organizationName = optional
[req]
distinguished_name = dn
[dn]
[v3_ca]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""

EXTENSIONS = """\
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature
extendedKeyUsage = {usage}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass
class Pair:
    """A certificate and its key, as paths."""

    cert: Path
    key: Path
    p12: Path = None


def openssl(*args):
    """Runs openssl; its complaint is the exception's text."""
    run = subprocess.run(
        ["openssl", *map(str, args)], capture_output=True, text=True
    )
    if run.returncode != 0:
        raise RuntimeError(f"openssl {args[0]}: {run.stderr.strip()}")
    return run.stdout


def alt_name(name):
    try:
        ipaddress.ip_address(name)
        return f"IP:{name}"
    except ValueError:
        return f"DNS:{name}"


class Authority:
    """Issues certificates into its folder; keys have mode 0600."""

    def __init__(self, folder, name="Throw-away test CA", parent=None):
        """parent: the Authority above; None: its own root."""
        self.folder = Path(folder)
        self.cert = self.folder / "ca.pem"
        self.key = self.folder / "ca.key"
        self.config = self.folder / "db" / "openssl.cnf"
        (self.folder / "db").mkdir(parents=True)
        (self.folder / "db" / "index.txt").touch()
        self.config.write_text(CONFIG.format(folder=self.folder))
        self._make_key(self.key, "ec")
        above = ["-CA", parent.cert, "-CAkey", parent.key] if parent else []
        openssl("req", "-x509", "-new", "-config", self.config,
                "-key", self.key, "-subj", f"/O=tlsd and rproxy/CN={name}",
                "-days", 30, "-extensions", "v3_ca", *above,
                "-out", self.cert)

    def issue(self, label, names=(), cn=None, key="rsa", usage="serverAuth",
              start=None, end=None):
        """LABEL.pem and LABEL.key; names are DNS names or addresses.

        start, end: YYYYMMDDHHMMSSZ, for certificates out of their time.
        """
        pair = Pair(self.folder / f"{label}.pem", self.folder / f"{label}.key")
        request = self.folder / "db" / f"{label}.csr"
        extensions = self.folder / "db" / f"{label}.ext"
        text = EXTENSIONS.format(usage=usage)
        if names:
            text += "subjectAltName = " + ",".join(map(alt_name, names)) + "\n"
        extensions.write_text(text)
        subject = cn or (names[0] if names else label)
        self._make_key(pair.key, key)
        openssl("req", "-new", "-config", self.config, "-key", pair.key,
                "-subj", f"/O=tlsd and rproxy/CN={subject}", "-out", request)
        span = ["-days", 30]
        if end:
            span = ["-startdate", start or "20200101000000Z", "-enddate", end]
        openssl("ca", "-batch", "-notext", "-config", self.config,
                "-cert", self.cert, "-keyfile", self.key, "-in", request,
                "-extfile", extensions, "-out", pair.cert, *span)
        return pair

    def expired(self, label, names, key="rsa"):
        return self.issue(label, names, key=key, start="20200101000000Z",
                          end="20210101000000Z")

    def user(self, label, cn):
        """A client certificate, also as PKCS#12 for browsers."""
        pair = self.issue(label, cn=cn, key="rsa", usage="clientAuth")
        pair.p12 = self.folder / f"{label}.p12"
        openssl("pkcs12", "-export", "-inkey", pair.key, "-in", pair.cert,
                "-name", cn, "-passout", f"pass:{P12_PASSWORD}",
                "-out", pair.p12)
        return pair

    def revoke(self, pair):
        openssl("ca", "-config", self.config, "-cert", self.cert,
                "-keyfile", self.key, "-revoke", pair.cert)

    def crl(self, seconds=0):
        """The current revocation list, as a path; for 30 days or less."""
        path = self.folder / "ca.crl"
        span = ["-crlsec", seconds] if seconds else []
        openssl("ca", "-gencrl", "-config", self.config, "-cert", self.cert,
                "-keyfile", self.key, "-out", path, *span)
        return path

    def below(self, name):
        """An authority with a certificate of this one."""
        other = Authority(self.folder / "below", name)
        request = self.folder / "db" / "below.csr"
        openssl("req", "-new", "-config", other.config, "-key", other.key,
                "-subj", f"/O=tlsd and rproxy/CN={name}", "-out", request)
        openssl("ca", "-batch", "-notext", "-config", self.config,
                "-cert", self.cert, "-keyfile", self.key, "-in", request,
                "-extfile", self.config, "-extensions", "v3_ca",
                "-days", 30, "-out", other.cert)
        return other

    def chain(self, pair):
        """A file with the certificate and, behind it, the CA's."""
        path = pair.cert.with_suffix(".chain.pem")
        path.write_bytes(pair.cert.read_bytes() + self.cert.read_bytes())
        return path

    def staple(self, pair, path):
        """An OCSP response about pair for a day, put into place at once."""
        request = self.folder / "db" / "request.ocsp"
        fresh = Path(f"{path}.new")
        openssl("ocsp", "-issuer", self.cert, "-cert", pair.cert, "-no_nonce",
                "-reqout", request)
        openssl("ocsp", "-index", self.folder / "db" / "index.txt",
                "-CA", self.cert, "-rsigner", self.cert, "-rkey", self.key,
                "-reqin", request, "-respout", fresh, "-ndays", 1)
        fresh.rename(path)

    @staticmethod
    def _make_key(path, kind):
        old = os.umask(0o077)
        try:
            openssl("genpkey", *KEY_OPTIONS[kind], "-out", path)
        finally:
            os.umask(old)


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: ca.py FOLDER NAME...")
    authority = Authority(sys.argv[1])
    authority.issue("server", names=sys.argv[2:])
    authority.user("user", cn="Demo User")


if __name__ == "__main__":
    main()
