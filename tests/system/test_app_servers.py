"""What real application servers make of what the gateway tells them, and of
what clients try to tell them."""

import re
import signal
import socket
from pathlib import Path

import pytest

from ca import openssl
from client import Connection, fetch, tls_context
from processes import command_line, free_port, wait_for
from scripted import read_head

HOST = "portal.example.com"
CLIENT = "127.0.0.9"  # not an address that the servers believe

SITE = """\
[site]
names = {host}
app = {app}

[tls]
certificate = {pair.cert}
key = {pair.key}
client_verify = optional
client_ca = {ca.cert}

[route irj]
prefix = /irj
pool = p

[pool p]
server = http://127.0.0.1:{port}
"""

# Headers by which somebody could claim to be somebody, in what these two
# servers read; each is sent in several spellings.
FORGED = {
    "X-Forwarded-For": "6.6.6.6",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example.org",
    "X-Forwarded-Port": "666",
    "X-Forwarded-Server": "evil.example.org",
    "X-Proxied-Https": "on",
    "Forwarded": "for=6.6.6.6;proto=https;host=evil.example.org",
    "ssl_client_cert": None,  # a certificate, see forged()
    "ssl_client_escaped_cert": None,
    "ssl_cipher": "TLS_FORGED",
    "ssl_session_id": "666666",
    "ssl_cipher_usekeysize": "666",
    "ssl_secure_protocol": "TLSv6.6",
    "Proxy-auth-cert": "TLS_FORGED",
    "Proxy-ssl-id": "666666",
    "X-Real-IP": "6.6.6.6",
    "Client-Cert": "666",
}


def upper(name):
    return name.upper()


def lower(name):
    return name.lower()


def dashes(name):
    return name.replace("_", "-")


def underscores(name):
    return name.replace("-", "_")


def mixed(name):
    return underscores("".join(
        c.upper() if i % 2 else c.lower() for i, c in enumerate(name)))


SPELLINGS = [str, upper, lower, dashes, underscores, mixed]


def forged(cert, spelling):
    text = " ".join(cert.read_text().split("\n")).strip()
    escaped = re.sub("[ +/=]", lambda m: f"%{ord(m[0]):02x}", text)
    values = dict(FORGED, ssl_client_cert=text,
                  ssl_client_escaped_cert=escaped)
    return [(spelling(name), value) for name, value in values.items()]


def facts(answer):
    """name=value lines of facts.jsp as a dictionary."""
    assert answer.status == 200, answer
    return dict(line.split("=", 1) for line in answer.text.splitlines())


@pytest.fixture
def site(gateway, pair, ca):
    def make(app, server):
        return gateway(site=SITE.format(host=HOST, app=app, pair=pair, ca=ca,
                                        port=server.port))
    return make


def ask(gw, context=None, headers=(), **more):
    port = gw.https_port if context else gw.http_port
    with Connection(port, context, HOST, source=CLIENT) as c:
        return facts(c.request("GET", "/irj/facts.jsp", headers, **more))


def serial(pair):
    text = openssl("x509", "-in", pair.cert, "-noout", "-serial")
    return text.strip().split("=")[1].lower().lstrip("0")


def is_plain(f, gw):
    assert f["scheme"] == "http"
    assert f["secure"] == "false"
    assert f["serverName"] == HOST
    assert f["serverPort"] == str(gw.http_port)
    assert f["remoteAddr"] == CLIENT
    assert f["cipher_suite"] == f["key_size"] == f["ssl_session_id"] == "null"
    assert "certs" not in f


def test_tomcat_sees_the_client_certificate_and_the_tls_facts(
        site, tomcat, ca, user):
    gw = site("tomcat", tomcat)
    f = ask(gw, tls_context(ca.cert, user))
    assert f["certs"] == "1"
    assert "CN=Test User" in f["cert.subject"]
    assert f["cert.serial"] == serial(user)
    assert f["scheme"] == "https"
    assert f["secure"] == "true"
    assert f["serverName"] == HOST
    assert f["serverPort"] == str(gw.https_port)
    assert f["remoteAddr"] == CLIENT
    assert re.fullmatch(r"TLS_(AES|CHACHA20)_\w+", f["cipher_suite"])
    assert f["key_size"] in ("128", "256")
    assert re.fullmatch(r"[0-9a-f]+", f["ssl_session_id"])


def test_tomcat_sees_no_certificate_where_there_is_none(site, tomcat, tls):
    gw = site("tomcat", tomcat)
    f = ask(gw, tls)
    assert "certs" not in f
    assert f["secure"] == "true"
    is_plain(ask(gw), gw)


def ask_with_lies(gw, tls, user, spelling):
    """By http, where none is believed, and by https: the facts of this."""
    lies = forged(user.cert, spelling)
    is_plain(ask(gw, headers=lies), gw)
    f = ask(gw, tls, lies)
    assert f["remoteAddr"] == CLIENT
    assert f["serverPort"] == str(gw.https_port)
    return f


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_tomcat_believes_nothing_that_a_client_forges(
        site, tomcat, tls, user, spelling):
    f = ask_with_lies(site("tomcat", tomcat), tls, user, spelling)
    assert "certs" not in f
    assert "666" not in f["cipher_suite"] + f["key_size"]
    values = [v for n, v in f.items() if n.startswith("header.")]
    assert not [v for v in values if "6.6.6.6" in v or "evil" in v
                or "FORGED" in v or "CERTIFICATE" in v]


def test_tomcat_believes_nothing_in_trailers(site, tomcat, user):
    gw = site("tomcat", tomcat)
    lies = "".join(f"{n}: {v}\r\n" for n, v in forged(user.cert, str))
    with Connection(gw.http_port, name=HOST, source=CLIENT) as c:
        c.send(f"POST /irj/facts.jsp HTTP/1.1\r\nHost: {c.host}\r\n"
               "Transfer-Encoding: chunked\r\n"
               "Trailer: ssl_client_cert, X-Forwarded-Proto\r\n\r\n"
               f"1\r\nx\r\n0\r\n{lies}\r\n".encode())
        is_plain(facts(c.read_response("POST")), gw)


def test_connection_cannot_take_our_headers_away(site, tomcat):
    """CVE-2022-31813"""
    gw = site("tomcat", tomcat)
    with Connection(gw.http_port, name=HOST, source=CLIENT) as c:
        answer = c.request("GET", "/irj/facts.jsp",
                           [("Connection", "close, X-Forwarded-For")])
    assert answer.status == 400


def test_jetty_sees_scheme_client_and_cipher(site, jetty, ca, user):
    gw = site("jetty", jetty)
    f = ask(gw, tls_context(ca.cert, user))
    assert f["scheme"] == "https"
    assert f["secure"] == "true"
    assert f["serverName"] == HOST
    assert f["serverPort"] == str(gw.https_port)
    assert f["remoteAddr"] == CLIENT
    assert re.fullmatch(r"TLS_(AES|CHACHA20)_\w+", f["cipher_suite"])
    assert "certs" not in f  # Jetty takes none from headers
    is_plain(ask(gw), gw)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_jetty_believes_nothing_that_a_client_forges(
        site, jetty, tls, user, spelling):
    f = ask_with_lies(site("jetty", jetty), tls, user, spelling)
    assert f["serverName"] == HOST
    assert "FORGED" not in f["cipher_suite"]
    # on its own: a real session id may have it inside
    assert not re.search(r"\b666(666)?\b", str(f))


def instance(name):
    """A server of a cluster that tells its name and sets a session cookie."""
    def handle(connection, _address):
        while True:
            read_head(connection)
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
                b"Set-Cookie: JSESSIONID=s." + name.encode() +
                b"; Path=/\r\n\r\n" + name.encode())
    return handle


CLUSTER = """\
[site]
names = localhost
app = {app}
default = yes

[route all]
prefix = /
pool = p

[pool p]
server = http://127.0.0.1:{a} id=a
server = http://127.0.0.1:{b} id=b
{more}
"""


def names(port, n=12, path="/", cookie=None):
    """Which server answers, n times."""
    headers = [("Cookie", cookie)] if cookie else []
    with Connection(port) as c:
        return [c.request("GET", path, headers).text for _ in range(n)]


def test_sessions_stay_with_the_server_that_their_cookie_names(
        rproxy, backend):
    a, b = backend(instance("a")), backend(instance("b"))
    rproxy.start(0, site=CLUSTER.format(app="tomcat", a=a, b=b, more=""))
    assert set(names(rproxy.port)) == {"a", "b"}
    assert set(names(rproxy.port, cookie="JSESSIONID=s.a")) == {"a"}
    assert set(names(rproxy.port, cookie="JSESSIONID=s.b")) == {"b"}
    assert set(names(rproxy.port, path="/x;jsessionid=s.b",
                     cookie="JSESSIONID=s.a")) == {"b"}
    assert set(names(rproxy.port, cookie="JSESSIONID=s.gone")) == {"a", "b"}


def test_a_session_whose_server_is_gone_moves_and_stays_there(
        rproxy, backend, free_port_of_nobody):
    b = backend(instance("b"))
    rproxy.start(0, site=CLUSTER.format(app="tomcat", a=free_port_of_nobody,
                                        b=b, more=""))
    assert set(names(rproxy.port, 3, cookie="JSESSIONID=s.a")) == {"b"}
    with Connection(rproxy.port) as c:
        answer = c.request("GET", "/", [("Cookie", "JSESSIONID=s.a")])
    assert answer.get("Set-Cookie").startswith("JSESSIONID=s.b;")


def test_a_cookie_of_ours_binds_where_the_server_has_none(rproxy, backend):
    a, b = backend(instance("a")), backend(instance("b"))
    rproxy.start(0, site=CLUSTER.format(
        app="none", a=a, b=b, more="sticky = cookie\nsticky_key = secret"))
    with Connection(rproxy.port) as c:
        first = c.request("GET", "/")
        cookies = [v for v in first.all("Set-Cookie") if "ROUTEID" in v]
        assert len(cookies) == 1
        assert cookies[0].endswith("; Path=/; HttpOnly")
        cookie = cookies[0].split(";")[0]
        for _ in range(8):
            answer = c.request("GET", "/", [("Cookie", cookie)])
            assert answer.text == first.text
            assert not [v for v in answer.all("Set-Cookie")
                        if "ROUTEID" in v]
        other = c.request("GET", "/", [("Cookie", "ROUTEID=0123456789abcdef")])
        assert [v for v in other.all("Set-Cookie") if "ROUTEID" in v]


def test_a_cookie_of_ours_is_secure_where_the_site_says_so(rproxy, backend):
    a, b = backend(instance("a")), backend(instance("b"))
    rproxy.start(0, site=CLUSTER.format(
        app="weblogic", a=a, b=b, more="[http]\ncookie_secure = on"))
    cookies = fetch(rproxy.port).all("Set-Cookie")
    assert len(cookies) == 2
    assert all(v.endswith("; Secure") for v in cookies)


def test_a_cookie_of_ours_goes_wherever_that_of_the_session_goes(
        rproxy, backend):
    """Also with the POST of an identity provider, from another site."""
    a, b = backend(instance("a")), backend(instance("b"))
    rproxy.start(0, site=CLUSTER.format(
        app="weblogic", a=a, b=b,
        more="[http]\ncookie_secure = on\ncookie_samesite = none"))
    cookies = fetch(rproxy.port).all("Set-Cookie")
    assert len(cookies) == 2
    assert all(v.endswith("; Secure; SameSite=None") for v in cookies)


class Patient:
    """A server whose health a test decides; knows what it was asked."""

    def __init__(self, name):
        self.name = name
        self.status = 200
        self.probes = []

    def __call__(self, connection, _address):
        head = b""
        while b"\r\n\r\n" not in head:
            part = connection.recv(65536)
            if not part:
                return
            head += part
        status = 200
        if b"rproxy prober" in head:
            self.probes.append(head.decode())
            status = self.status
        connection.sendall(
            f"HTTP/1.1 {status} X\r\nContent-Length: 1\r\n"
            f"Connection: close\r\n\r\n{self.name}".encode())


def each(port, n=8):
    """Which servers answer n requests on connections of their own."""
    return {fetch(port).text for _ in range(n)}


def test_a_server_that_fails_its_probes_gets_no_requests(rproxy, backend):
    a, b = Patient("a"), Patient("b")
    rproxy.start(0, site=CLUSTER.format(
        app="none", a=backend(a), b=backend(b),
        more="health = /ping?x\nhealth_interval = 100ms\n"))
    assert each(rproxy.port) == {"a", "b"}
    b.status = 503
    assert wait_for(lambda: each(rproxy.port) == {"a"})
    assert "down, its health probe of /ping?x: status 503" in rproxy.log()
    assert b.probes[0].startswith("GET /ping?x HTTP/1.1\r\nHost: localhost")

    rproxy.program.send(signal.SIGHUP)  # what is known survives a reload
    before = len(a.probes)
    assert wait_for(lambda: len(a.probes) > before + 4)
    assert each(rproxy.port) == {"a"}

    a.status = 500  # all down: they are asked all the same, in turn
    assert wait_for(lambda: rproxy.log().count(": down, ") >= 2)
    assert each(rproxy.port) == {"a", "b"}
    a.status = b.status = 200
    assert wait_for(lambda: each(rproxy.port) == {"a", "b"})


def test_the_state_of_each_server_is_a_gauge(rproxy, backend):
    good, bad = Patient("a"), Patient("b")
    ports = backend(good), backend(bad)
    rproxy.start(0, rproxy="admin = ./admin.sock\n", site=CLUSTER.format(
        app="none", a=ports[0], b=ports[1],
        more="health = /ping\nhealth_interval = 100ms\n"))

    def ups():
        return [rproxy.metric(f'rproxy_server_up{{site="localhost",pool="p",'
                              f'server="127.0.0.1:{port}"}}')
                for port in ports]
    assert ups() == [1, 1]
    bad.status = 503
    assert wait_for(lambda: ups() == [1, 0])
    bad.status = 200
    assert wait_for(lambda: ups() == [1, 1])


def test_a_server_may_say_all_that_it_has_to_say_to_a_probe(rproxy, backend):
    ends = []

    def serve(connection, _address):
        connection.recv(65536)
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n"
                               b"Connection: close\r\n\r\n" + bytes(2000000))
            connection.shutdown(socket.SHUT_WR)
            ends.append(connection.recv(1))
        except OSError as error:
            ends.append(error)

    port = backend(serve)
    rproxy.start(0, site=CLUSTER.format(
        app="none", a=port, b=port + 1,
        more="health = /\nhealth_interval = 100ms\n"))
    assert wait_for(lambda: len(ends) >= 2)
    assert ends[:2] == [b"", b""]


def test_probes_name_the_host_that_requests_name(rproxy, backend):
    a = Patient("a")
    port = backend(a)
    rproxy.start(0, site=CLUSTER.format(
        app="none", a=port, b=backend(Patient("b")),
        more="health = /\nhealth_interval = 100ms\n"
             "[http]\npreserve_host = no\n"))
    assert wait_for(lambda: a.probes)
    assert f"\r\nHost: 127.0.0.1:{port}\r\n" in a.probes[0]


def test_sessions_stay_where_they_are_when_all_probes_fail(rproxy, backend):
    """A page for the probes that has gone takes nobody's session away."""
    a, b = Patient("a"), Patient("b")
    a.status = b.status = 404
    rproxy.start(0, site=CLUSTER.format(
        app="tomcat", a=backend(a), b=backend(b),
        more="health = /gone\nhealth_interval = 100ms\n"))
    assert wait_for(lambda: rproxy.log().count(": down, ") == 2)
    for server in "ab":
        answers = {fetch(rproxy.port, "/", headers=[
            ("Cookie", f"JSESSIONID=1.{server}")]).text for _ in range(4)}
        assert answers == {server}


def test_one_prober_serves_all_workers_and_can_write_alone(rproxy, backend):
    a = Patient("a")
    rproxy.start(0, workers=3, site=CLUSTER.format(
        app="none", a=backend(a), b=backend(Patient("b")),
        more="health = /ping\nhealth_interval = 200ms\n"))
    assert wait_for(lambda: len(a.probes) >= 5)
    roles = [command_line(p) for p in rproxy.program.pids()]
    assert len([r for r in roles if "prober" in r]) == 1
    assert len([r for r in roles if "worker" in r]) == 3
    for pid in rproxy.program.pids():
        maps = Path(f"/proc/{pid}/maps").read_text().splitlines()
        modes = {line.split()[1] for line in maps if "memfd:state" in line}
        if "worker" in command_line(pid):
            assert modes == {"r--s"}
        elif "prober" in command_line(pid):
            assert modes == {"rw-s"}


@pytest.fixture
def free_port_of_nobody():
    return free_port()
