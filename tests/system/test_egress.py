"""https servers behind the gateway: both daemons, real servers, real
certificates.  What rproxy makes of tlsd's outcomes is in test_egress_wire.py;
tlsd's reloads and restarts under load are in test_egress_rotation.py."""

import contextlib
import hashlib
import os
import re
import socket
import ssl
import subprocess

import pytest

from ca import Authority
from client import Connection, fetch
from conftest import site_text
from gateway import BUILD
from processes import free_port, wait_for
from websocket import WebSocket

FULL = "proxy_status = full\nvia_name = gw\n"


def https_site(pair, servers, pool="", http=FULL, app="tomcat", route=""):
    """servers: "HOST:PORT" each; the rest: more lines of the sections."""
    text = site_text(pair, 1, http)
    lines = "".join(f"server = https://{server}\n" for server in servers)
    return (text.replace("server = http://127.0.0.1:1\n", lines + pool)
            .replace("[site]\n", f"[site]\napp = {app}\n")
            .replace("prefix = /\n", route or "prefix = /\n"))


@pytest.fixture
def through(gateway, pair, ca):
    """A gateway before https servers that the CA of the tests vouches for."""
    def make(*servers, pool="", trust=ca.cert, rproxy="", **more):
        return gateway(
            site=https_site(pair, servers, f"tls_ca = {trust}\n" + pool,
                            **more),
            egress=True, tlsd="admin = ./tlsd-admin.sock\n",
            rproxy="access_log_format = json\n" + rproxy)
    return make


def echo(line):
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(line)}\r\n\r\n{line}"


@pytest.fixture
def serve(backend):
    """A TLS server: says answer(port), or what it was asked."""
    def make(pair, verify=None, maximum=None, answer=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.cert, pair.key)
        if maximum:
            context.maximum_version = maximum
        if verify:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(verify)

        def speak(connection, _address):
            with context.wrap_socket(connection, server_side=True) as s:
                lines = s.makefile("rb")
                while line := lines.readline().decode():
                    length = 0
                    while (field := lines.readline()).strip():
                        name, value = field.split(b":", 1)
                        if name.lower() == b"content-length":
                            length = int(value)
                    lines.read(length)
                    s.sendall((answer(port) if answer else
                               echo(line)).encode())

        port = backend(speak)
        return port
    return make


def assert_refused(gw, reason, kind, *words, status=502):
    """By that reason, in the answer and the log; the log has the words."""
    got = fetch(gw.http_port, "/")
    assert got.status == status
    assert got.get("Proxy-Status").startswith(
        f'gw; error={kind}; details="{reason}"; next-hop='), got.headers
    assert wait_for(lambda: gw.entries(1)[-1]["reason"] == reason)
    log = gw.rproxy.log_text()
    line = next(x for x in log.splitlines() if ": connect: " in x)
    for word in words:
        assert word in line, line


# Tomcat ----------------------------------------------------------------------

@pytest.mark.parametrize("scheme", ["http", "https"])
def test_tomcat_is_reached_and_knows_the_client(through, tomcat, tls, scheme):
    gw = through(f"127.0.0.1:{tomcat.https_port}")
    port = gw.https_port if scheme == "https" else gw.http_port
    got = fetch(port, "/irj/facts.jsp?a=b", tls if scheme == "https" else None)
    assert got.status == 200
    facts = dict(line.split("=", 1) for line in got.text.splitlines())
    # the client's scheme, not that of the way to the server
    assert facts["scheme"] == scheme
    assert facts["serverPort"] == str(port)
    assert facts["header.host"] == f"localhost:{port}"
    assert facts["remoteAddr"] == "127.0.0.1"
    assert "certs" not in facts


def test_ten_mib_pass_whole_in_both_directions(through, tomcat, tls):
    gw = through(f"127.0.0.1:{tomcat.https_port}")
    body = os.urandom(10 << 20)
    expected = f"{len(body)} {hashlib.sha256(body).hexdigest()}"
    for port, context in (gw.http_port, None), (gw.https_port, tls):
        with Connection(port, context, timeout_s=60) as c:
            got = c.request("POST", "/irj/upload.jsp", body=body)
            assert got.text.strip() == expected
            got = c.request("POST", "/irj/upload.jsp",
                            body=[body[:5 << 20], body[5 << 20:]])
            assert got.text.strip() == expected
            got = c.request("GET", "/irj/download.jsp?mib=10")
            assert len(got.body) == 10 << 20


def test_redirects_of_tomcat_are_mapped_back(through, tomcat, tls):
    gw = through(f"127.0.0.1:{tomcat.https_port}", app="none",
                 route="prefix = /portal\nto = /irj\n")
    for port, scheme, context in ((gw.https_port, "https", tls),
                                  (gw.http_port, "http", None)):
        got = fetch(port, "/portal/redirect.jsp", context)
        assert got.status == 302
        assert got.get("Location") == \
            f"{scheme}://localhost:{port}/portal/facts.jsp"


def test_inner_urls_of_an_https_server_are_mapped_back(
        through, pair, tls, serve):
    def redirect(port):
        return ("HTTP/1.1 302 Found\r\nContent-Length: 0\r\n"
                f"Location: https://127.0.0.1:{port}/inner/b\r\n"
                "Set-Cookie: a=b; Path=/inner; Domain=127.0.0.1\r\n\r\n")

    server = f"127.0.0.1:{serve(pair, answer=redirect)}"
    gw = through(server, http=FULL + "preserve_host = no\n",
                 route="prefix = /outer\nto = /inner\n")
    got = fetch(gw.https_port, "/outer/a", tls)
    assert got.get("Location") == f"https://localhost:{gw.https_port}/outer/b"
    assert got.get("Set-Cookie") == "a=b; Path=/outer; Secure"
    seen = subprocess.run(
        [BUILD / "rproxy", "-c", gw.rproxy_ini, "-e",
         f"https://localhost:{gw.https_port}/outer/b"],
        capture_output=True, text=True, timeout=20)
    assert seen.returncode == 0, seen.stderr
    assert f"server     https://{server} weight=1, through tlsd\n" in \
        seen.stdout
    assert (f"maps       Location: https://{server}/inner/b -> "
            f"https://localhost:{gw.https_port}/outer/b\n") in seen.stdout


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_websocket_through_tls_on_both_sides(through, tomcat, tls, scheme):
    gw = through(f"127.0.0.1:{tomcat.https_port}",
                 route="prefix = /\nupgrade = websocket\n")
    port = gw.https_port if scheme == "https" else gw.http_port
    context = tls if scheme == "https" else None
    assert fetch(port, "/irj/echo.jsp", context).status == 200
    with WebSocket(Connection(port, context), "/irj/echo") as ws:
        for text in ("one", "", "x" * 70000):
            ws.send(text)
            assert ws.receive() == text
        blob = os.urandom(300_000)
        ws.send(blob)
        assert ws.receive() == blob
        assert ws.close() == 1000


def test_connections_are_kept(through, tomcat):
    gw = through(f"127.0.0.1:{tomcat.https_port}",
                 rproxy="log_level = debug\n")
    for _ in range(20):
        assert fetch(gw.http_port, "/irj/facts.jsp").status == 200
    assert gw.rproxy.log_text().count(": connected, TLSv1.3 TLS_") == 1


def test_an_idle_connection_ends_with_close_notify(through, pair, backend):
    ends = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)
    context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF

    def speak(connection, _address):
        with context.wrap_socket(connection, server_side=True,
                                 suppress_ragged_eofs=False) as s:
            s.recv(65536)
            s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            try:
                ends.append(s.recv(1))
            except ssl.SSLError as error:
                ends.append(error)

    gw = through(f"127.0.0.1:{backend(speak)}",
                 pool="keepalive_timeout = 500ms\n")
    assert fetch(gw.http_port, "/").status == 200
    assert wait_for(lambda: ends, 5)
    assert ends == [b""]


def test_certificate_of_the_gateway_is_shown(through, tomcat, ca):
    ours = ca.user("gateway-client", "The Gateway")
    gw = through(f"127.0.0.1:{tomcat.strict_port}", app="none",
                 pool=f"tls_certificate = {ours.cert}\n"
                 f"tls_key = {ours.key}\n")
    with Connection(gw.http_port) as c:
        for _ in range(3):
            text = c.request("GET", "/irj/facts.jsp").text
            assert re.search(r"^cert.subject=.*\bCN=The Gateway$", text, re.M)
        body = os.urandom(1 << 20)
        assert c.request("POST", "/irj/upload.jsp", body=body).text.strip() \
            == f"{len(body)} {hashlib.sha256(body).hexdigest()}"


def test_server_that_wants_a_certificate_and_gets_none(through, tomcat):
    gw = through(f"127.0.0.1:{tomcat.strict_port}")
    assert_refused(gw, "tls_handshake_failed", "tls_protocol_error",
                   "certificate")


# certificates of servers -----------------------------------------------------

def test_any_other_authority_is_refused(through, tomcat, folder):
    other = Authority(folder / "other", name="Somebody else")
    gw = through(f"127.0.0.1:{tomcat.https_port}", trust=other.cert)
    assert_refused(gw, "tls_certificate_error", "tls_certificate_error",
                   "unable to get local issuer certificate")


def test_the_authorities_of_the_system_are_the_default(gateway, pair, tomcat):
    gw = gateway(site=https_site(pair, [f"127.0.0.1:{tomcat.https_port}"]),
                 egress=True, rproxy="access_log_format = json\n")
    assert_refused(gw, "tls_certificate_error", "tls_certificate_error",
                   "certificate")


@pytest.mark.parametrize("name, is_right", [
    ("tomcat.intra", True), ("127.0.0.1", True), ("other.intra", False),
    ("127.0.0.2", False)])
def test_the_name_must_be_in_the_certificate(through, tomcat, name, is_right):
    gw = through(f"127.0.0.1:{tomcat.https_port}", pool=f"tls_name = {name}\n")
    if is_right:
        assert fetch(gw.http_port, "/irj/facts.jsp").status == 200
    else:
        assert_refused(gw, "tls_certificate_error", "tls_certificate_error",
                       "mismatch")


def test_expired_is_refused(through, ca, serve):
    port = serve(ca.expired("expired-server", ["127.0.0.1"]))
    assert_refused(through(f"127.0.0.1:{port}"), "tls_certificate_error",
                   "tls_certificate_error", "certificate has expired")


def test_the_servers_own_certificate_can_be_named(through, ca, serve, folder):
    """Signed by nobody whom we know: it is trusted, and no other."""
    own = Authority(folder / "a", name="Elsewhere").issue(
        "own", ["127.0.0.1"])
    twin = Authority(folder / "b", name="Elsewhere").issue(
        "own", ["127.0.0.1"])
    gw = through(f"127.0.0.1:{serve(own)}", trust=own.cert)
    assert fetch(gw.http_port, "/x").text == "GET /x HTTP/1.1\r\n"
    assert_refused(through(f"127.0.0.1:{serve(twin)}", trust=own.cert),
                   "tls_certificate_error", "tls_certificate_error")


@pytest.mark.parametrize("maximum", [ssl.TLSVersion.TLSv1_2,
                                     ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("key", ["rsa", "ec", "ed25519", "rsa-pss"])
def test_both_versions_and_each_kind_of_key(
        through, ca, serve, pair, maximum, key):
    ours = ca.issue(f"client-{key}", cn="Us", key=key, usage="clientAuth")
    port = serve(pair, verify=ca.cert, maximum=maximum)
    gw = through(f"127.0.0.1:{port}",
                 pool=f"tls_certificate = {ours.cert}\ntls_key = {ours.key}\n")
    assert fetch(gw.http_port, "/").status == 200


def test_a_server_without_tls(through, tomcat):
    assert_refused(through(f"127.0.0.1:{tomcat.port}"),
                   "tls_handshake_failed", "tls_protocol_error")


def test_a_server_that_is_not_there(through):
    assert_refused(through(f"127.0.0.1:{free_port()}"), "connect_refused",
                   "connection_refused")


def test_a_server_that_says_nothing(through, backend):
    port = backend(lambda connection, _: connection.recv(1 << 16) and
                   connection.recv(1))
    assert_refused(through(f"127.0.0.1:{port}",
                           pool="connect_timeout = 1s\n"),
                   "connect_timeout", "connection_timeout", status=504)


@pytest.mark.parametrize("is_orderly", [True, False],
                         ids=["close_notify", "cut"])
def test_an_answer_that_comes_before_the_end_of_an_upload_arrives(
        through, backend, pair, is_orderly):
    """And the server closes, with bytes of the request unread: a reset."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.cert, pair.key)

    def refuse(connection, _address):
        # or it holds its answer back until its tickets are acknowledged
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with context.wrap_socket(connection, server_side=True) as s:
            data = b""
            while b"\r\n\r\n" not in data:
                data += s.recv(4096)
            s.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n"
                      b"Connection: close\r\n\r\nbig")
            if is_orderly:
                s.setblocking(False)
                with contextlib.suppress(OSError):
                    s.unwrap()

    gw = through(f"127.0.0.1:{backend(refuse)}")
    for _ in range(20):
        with Connection(gw.http_port) as c:
            got = c.request("POST", "/", body=b"x" * (3 << 20))
            assert got.status == 413 and got.body == b"big"


# pools -----------------------------------------------------------------------

def test_the_good_server_of_a_pool_answers_for_the_bad_one(
        through, ca, serve, pair):
    bad = f"127.0.0.1:{serve(ca.expired('expired-one', ['127.0.0.1']))}"
    good = f"127.0.0.1:{serve(pair)}"
    gw = through(bad, good)
    for method, body in [("GET", None), ("POST", b"x" * 100_000)] * 5:
        with Connection(gw.http_port) as c:
            assert c.request(method, "/", body=body).status == 200
    assert {e["server"] for e in gw.entries()} <= {good}
    assert f"server {bad}: connect: " in gw.rproxy.log_text()


def test_http_and_https_servers_share_a_pool(through, ca, serve, pair, bad):
    gw = through(f"127.0.0.1:{serve(pair)}",
                 pool=f"server = http://127.0.0.1:{bad.port}\n")
    for _ in range(6):
        assert fetch(gw.http_port, "/echo").status == 200
    assert wait_for(lambda: len({e["server"] for e in gw.entries()}) == 2)


def test_probes_see_a_bad_certificate(through, ca, serve, pair):
    bad = f"127.0.0.1:{serve(ca.expired('expired-two', ['127.0.0.1']))}"
    good = f"127.0.0.1:{serve(pair)}"
    gw = through(bad, good, pool="health = /\nhealth_interval = 300ms\n")
    assert wait_for(
        lambda: f"server {bad}: down, its health probe of /: " in
        gw.rproxy.log_text())
    assert "certificate has expired" in gw.rproxy.log_text()
    assert f"server {good}: down" not in gw.rproxy.log_text()
    assert fetch(gw.http_port, "/").status == 200


def test_a_server_that_only_rproxy_knows_is_refused_by_tlsd(
        gateway, pair, ca, serve):
    """A broken-in rproxy gets nowhere that the operator has not named."""
    port = serve(pair)
    gw = gateway(site=site_text(pair, 1, FULL), egress=True,
                 rproxy="access_log_format = json\n")
    (gw.sites / "site.ini").write_text(
        https_site(pair, [f"127.0.0.1:{port}"], f"tls_ca = {ca.cert}\n"))
    before = gw.rproxy.log_text().count(" serves")
    gw.rproxy.send(1)
    assert wait_for(lambda: gw.rproxy.log_text().count(" serves") > before)
    assert_refused(gw, "egress_unknown_target", "proxy_configuration_error",
                   status=500)
