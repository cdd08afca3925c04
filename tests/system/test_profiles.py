"""What each kind of application server is told, byte for byte, through both
daemons and with real certificates: the servers that are at hand are in
test_app_servers.py, these are the others, and the encodings of all."""

import base64
import re
import socket
import ssl

import pytest

from ca import Authority
from client import Connection, fetch, tls_context
from mirror import mirror, sent

HOST = "portal.example.com"
CLIENT = "127.0.0.9"

SITE = """\
[site]
names = {host}
app = {app}

[tls]
certificate = {pair.cert}
key = {pair.key}
client_verify = {verify}
client_ca = {ca.cert}

[http]
https_port = {https_port}
via = off

[route all]
prefix = /
pool = p

[pool p]
server = http://127.0.0.1:{port}
"""


class Person:
    """A user whose certificate comes from an authority below the root; sends
    the root along, as many browsers do, and a stranger's certificate."""

    def __init__(self, root):
        middle = Authority(root.folder / "middle", "Middle CA", parent=root)
        stranger = Authority(root.folder / "stranger", "Stranger")
        self.leaf = middle.user("person", "Jane Person")
        self.middle = middle
        everything = root.folder / "person.chain.pem"
        everything.write_text("".join(
            p.read_text() for p in (self.leaf.cert, middle.cert, root.cert,
                                    stranger.cert)))
        self.context = tls_context(root.cert)
        self.context.load_cert_chain(str(everything), str(self.leaf.key))


@pytest.fixture(scope="module")
def person(ca):
    return Person(ca)


def der(pem):
    return ssl.PEM_cert_to_DER_cert(pem.read_text())


def b64(pem):
    return base64.b64encode(der(pem)).decode()


def pem1(pem):
    return (f"-----BEGIN CERTIFICATE----- {b64(pem)} "
            "-----END CERTIFICATE-----")


@pytest.fixture
def site(gateway, backend, pair, ca):
    def make(app, verify="optional"):
        gw = gateway(site="", start=False)
        gw.write({"site": SITE.format(
            host=HOST, app=app, verify=verify, pair=pair, ca=ca,
            https_port=gw.https_port, port=backend(mirror))})
        gw.start()
        return gw
    return make


def told(answer):
    """Without what the client itself sent."""
    _, fields = sent(answer)
    assert fields[0][0] == "Host"
    return fields[1:]


def ask(gw, context=None):
    """Fields that the server got, and the connection's cipher."""
    port = gw.https_port if context else gw.http_port
    with Connection(port, context, HOST, source=CLIENT) as c:
        cipher = c.socket.cipher() if context else None
        return told(c.request("GET", "/")), cipher


def forwarded(scheme, port):
    return [("X-Forwarded-For", CLIENT), ("X-Forwarded-Proto", scheme),
            ("X-Forwarded-Host", f"{HOST}:{port}"),
            ("X-Forwarded-Port", str(port))]


SESSION = "any session id"


def expected(app, gw, person, cipher):
    """On https with a certificate; as reference/app-servers.md has it."""
    name, _, bits = cipher
    port = gw.https_port
    leaf, middle = person.leaf.cert, person.middle.cert
    element = f'for={CLIENT};proto=https;host="{HOST}:{port}"'
    xf = forwarded("https", port)
    sap = xf + [
        ("ClientProtocol", "https"), ("SSL_CIPHER_SUITE", name),
        ("SSL_CIPHER_USEKEYSIZE", str(bits)), ("SSL_CLIENT_CERT", b64(leaf)),
        ("SSL_CLIENT_CERT_CHAIN_1", b64(middle))]
    return {
        "none": xf + [("Forwarded", element)],
        "rfc": [("Forwarded", element), ("Client-Cert", f":{b64(leaf)}:"),
                ("Client-Cert-Chain", f":{b64(middle)}:")],
        "sap-java": sap,
        "sap-abap": sap + [("x-sap-webdisp-ap",
                            f"HTTP={gw.http_port},HTTPS={port}")],
        "tomcat": xf + [
            ("ssl_client_cert", pem1(leaf)), ("ssl_cipher", name),
            ("ssl_session_id", SESSION), ("ssl_cipher_usekeysize", str(bits)),
            ("ssl_secure_protocol", "TLSv1.3")],
        "wildfly": xf + [
            ("SSL_CLIENT_CERT", pem1(leaf)), ("SSL_CIPHER", name),
            ("SSL_SESSION_ID", SESSION), ("SSL_CIPHER_USEKEYSIZE", str(bits))],
        "jetty": xf + [("Proxy-auth-cert", name), ("Proxy-ssl-id", SESSION)],
        "weblogic": xf + [
            ("WL-Proxy-SSL", "true"), ("WL-Proxy-Client-IP", CLIENT),
            ("WL-Proxy-Client-Cert", b64(leaf))],
        "websphere": xf + [
            ("$WSSC", "https"), ("$WSIS", "true"), ("$WSSN", HOST),
            ("$WSSP", str(port)), ("$WSPR", "HTTP/1.1"), ("$WSRA", CLIENT),
            ("$WSRH", CLIENT), ("$WSCS", name), ("$WSSI", SESSION),
            ("$WSCC", b64(leaf))],
    }[app]


ON_HTTP = {
    "sap-java": [("ClientProtocol", "http")],
    "weblogic": [("WL-Proxy-Client-IP", CLIENT)],
    "wildfly": [],
    "tomcat": [],
    "jetty": [],
}

APPS = ["none", "rfc", "sap-java", "sap-abap", "tomcat", "wildfly", "jetty",
        "weblogic", "websphere"]


def without_ids(fields):
    """A session's id is nobody's to know: hex, and of some length."""
    return [(n, SESSION if re.fullmatch("[0-9a-f]{32,64}", v) else v)
            for n, v in fields]


@pytest.mark.parametrize("app", APPS)
def test_each_server_is_told_in_its_own_words(site, person, app):
    gw = site(app)
    fields, cipher = ask(gw, person.context)
    assert without_ids(fields) == expected(app, gw, person, cipher)
    if app in ON_HTTP:
        assert ask(gw)[0] == forwarded("http", gw.http_port) + ON_HTTP[app]


def test_a_certificate_survives_the_knives_of_undertow_and_tomcat(
        site, person):
    """SSLHeaderHandler takes what is between 28 characters in front and 26
    behind and makes newlines of blanks; SSLValve drops 27 in front."""
    want = der(person.leaf.cert)
    text = dict(ask(site("wildfly"), person.context)[0])["SSL_CLIENT_CERT"]
    assert base64.b64decode(text[28:len(text) - 26], validate=True) == want
    text = dict(ask(site("tomcat"), person.context)[0])["ssl_client_cert"]
    again = "-----BEGIN CERTIFICATE-----\n" + text.strip()[27:]
    end = again.index("-----END CERTIFICATE-----")
    assert base64.b64decode(again[27:end]) == want


def test_a_resumed_session_tells_certificate_and_chain_again(site, person):
    gw = site("sap-java")
    session = None
    for resumed in (False, True):
        plain = socket.create_connection(("127.0.0.1", gw.https_port), 20)
        with person.context.wrap_socket(plain, server_hostname=HOST,
                                        session=session) as c:
            c.sendall(f"GET / HTTP/1.1\r\nHost: {HOST}\r\n"
                      "Connection: close\r\n\r\n".encode())
            text = b""
            while part := c.recv(65536):
                text += part
            assert c.session_reused is resumed
            session = c.session
        assert b64(person.leaf.cert).encode() in text
        assert b64(person.middle.cert).encode() in text


def test_a_bad_certificate_is_told_with_its_verdict_or_not_at_all(
        site, ca, tmp_path):
    liar = Authority(tmp_path / "liar", "Liar").user("liar", "Liar")
    context = tls_context(ca.cert, liar)
    fields = dict(ask(site("sap-java", "optional_any"), context)[0])
    assert fields["SSL_CLIENT_CERT"] == b64(liar.cert)
    assert fields["SSL_CLIENT_VERIFY"].startswith("FAILED:unable to")
    with pytest.raises((ssl.SSLError, ConnectionResetError)):
        ask(site("sap-java", "optional"), context)


def test_what_varies_by_certificate_is_for_no_cache(site, tls):
    for app, seen in (("rfc", "*"), ("tomcat", "Accept, Client-Cert")):
        answer = fetch(site(app).https_port, "/", tls, HOST, headers=[
            ("X-Answer", "Vary: Accept, Client-Cert")])
        assert answer.get("Vary") == seen
