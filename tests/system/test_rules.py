"""Rules of a site on the wire, rproxy -e, and the warnings of rproxy -t."""

import getpass
import subprocess

import pytest

from client import Connection, fetch, raw
from gateway import BUILD, IS_ROOT
from mirror import mirror, sent
from processes import wait_for

SITE = """\
[site]
names = localhost
names = portal.example.com
default = yes

[http]
{http}
[route reports]
prefix = /reports
to = /crystal/reports
pool = p

[route secure]
prefix = /secure
pool = p
require_tls = redirect

[route all]
prefix = /
pool = p

[pool p]
server = http://127.0.0.1:{port} id=one
alias = http://inside.intra
"""

RULES = """\
root_redirect = /irj/portal
deny = /nwa
deny = /CTCWebService
redirect = 301 ~^/old/(.*)$ -> /new/$1
redirect = /wiki -> https://www.example.org/wiki
rewrite = ~^/s/([0-9]+)$ -> /reports/show?id=$1
cookie_domain = .intra -> .example.com
cookie_httponly = yes
trust_from = 127.0.0.2
trust_header = SM_*
strip_header = IV-*
request_header = Front-End-Https: On
hsts = 1d
"""


@pytest.fixture
def proxy(rproxy, backend):
    port = backend(mirror)
    return rproxy.start(port, site=SITE.format(http=RULES, port=port))


def asked(answer):
    """What the server got, with the names in lower case."""
    line, fields = sent(answer)
    return line, [(n.lower(), v) for n, v in fields]


def test_closed_paths_are_closed_in_every_spelling(proxy):
    for path in ("/nwa", "/nwa/x", "/NWA", "/%6ewa", "/x/../nwa", "/nwa;a=b",
                 "//nwa", "/./nwa/", "/ctcwebservice/x"):
        assert fetch(proxy.port, path).status == 403, path
    assert fetch(proxy.port, "/nwax").status == 200
    assert wait_for(lambda: "denied" in proxy.log())


def test_redirects_and_rewrites(proxy):
    answer = fetch(proxy.port, "/old/a%20b?c")
    assert answer.status == 301
    assert answer.get("Location") == (
        f"http://localhost:{proxy.port}/new/a%20b?c")
    answer = fetch(proxy.port, "/wiki", method="POST", body=b"x")
    assert answer.status == 307
    assert answer.get("Location") == "https://www.example.org/wiki"
    line, _ = asked(fetch(proxy.port, "/s/42?x"))
    assert line == "GET /crystal/reports/show?id=42 HTTP/1.1"
    assert fetch(proxy.port, "/s/a").status == 200


def test_rules_keep_the_slashes_that_a_client_has_encoded(rproxy, backend):
    port = backend(mirror)
    site = SITE.format(port=port, http=(
        "deny = /new/closed\n"
        "redirect = ~^/old/(.*)$ -> /new/$1\n"
        "rewrite = ~^/s/(.*)$ -> /new/$1?p=$1\n"))
    rproxy.start(port, site=site.replace(
        "prefix = /\n", "prefix = /\nencoded_slashes = pass\n"))
    answer = fetch(rproxy.port, "/old/a%2fb%5Cc%25d")
    assert answer.get("Location").endswith("/new/a%2Fb%5Cc%25d")
    line, _ = asked(fetch(rproxy.port, "/s/pcd%2Fa%26b"))
    assert line == "GET /new/pcd%2Fa&b?p=pcd%2Fa%26b HTTP/1.1"
    line, _ = asked(fetch(rproxy.port, "/s/pcd%252Fa"))
    assert line == "GET /new/pcd%252Fa?p=pcd%252Fa HTTP/1.1"
    for path in ("/s/closed%2Fx", "/s/closed/x", "/s/closed"):
        assert fetch(rproxy.port, path).status == 403, path


def test_a_route_that_wants_tls_sends_there(proxy):
    answer = fetch(proxy.port, "/secure/x?y", host="localhost")
    assert answer.status == 301
    assert answer.get("Location") == "https://localhost/secure/x?y"
    answer = fetch(proxy.port, "/secure", method="POST", body=b"x")
    assert answer.status == 308


def test_headers_from_named_peers_only(proxy):
    for source, stays in (("127.0.0.1", False), ("127.0.0.2", True)):
        with Connection(proxy.port, source=source) as c:
            _, fields = asked(c.request("GET", "/x", [
                ("SM_USER", "ann"), ("SM-USER", "eve"), ("IV_User", "eve"),
                ("X-Forwarded-For", "6.6.6.6")]))
        assert (("sm_user", "ann") in fields) is stays
        assert "eve" not in str(fields)
        assert dict(fields)["x-forwarded-for"] == source


def test_a_list_that_a_balancer_adds_to_is_not_the_clients(rproxy, backend):
    """haproxy adds a field, others a value; Undertow reads the first one."""
    port = backend(mirror)
    rproxy.start(port, site=SITE.format(port=port, http=(
        "trust_from = 127.0.0.2\ntrust_from = 10.0.0.0/8\n"
        "trust_header = X-Forwarded-For\n")))
    with Connection(rproxy.port, source="127.0.0.2") as c:
        _, fields = asked(c.request("GET", "/x", [
            ("X-Forwarded-For", "6.6.6.6, 10.6.6.6"),
            ("X-Forwarded-For", "198.51.100.7, 10.1.1.1")]))
    assert [v for n, v in fields if n == "x-forwarded-for"] == ["198.51.100.7"]


def test_nothing_about_tls_is_stated_on_plain_http(proxy):
    _, fields = asked(fetch(proxy.port, "/x"))
    assert "front-end-https" not in dict(fields)
    assert fetch(proxy.port, "/x").get("Strict-Transport-Security") is None


def test_every_field_with_a_url_is_mapped_back(proxy):
    public = f"http://localhost:{proxy.port}"
    inner = "http://inside.intra/crystal/reports/x"
    for said, seen in (
            (f"Location: {inner}", f"{public}/reports/x"),
            (f"Content-Location: {inner}", f"{public}/reports/x"),
            (f"URI: <{inner}>", f"<{public}/reports/x>"),
            (f"Refresh: 3; url={inner}", f"3; url={public}/reports/x"),
            (f"Link: <{inner}>; rel=next", f"<{public}/reports/x>; rel=next"),
            ("Set-Cookie: a=b; Domain=.intra; Path=/crystal/reports",
             "a=b; Domain=.example.com; Path=/reports; HttpOnly"),
            (f"X-Other: {inner}", inner)):
        answer = fetch(proxy.port, "/reports/y", headers=[("X-Answer", said)])
        assert answer.get(said.split(":")[0]) == seen


def test_a_client_that_names_no_host_is_sent_to_the_site(proxy):
    answer = raw(proxy.port, b"GET /reports/x HTTP/1.0\r\nX-Answer: "
                 b"Location: http://inside.intra/crystal/reports/x\r\n\r\n")
    assert b"Location: http://localhost/reports/x\r\n" in answer


def test_destination_of_move_is_mapped_to_the_server(proxy):
    public = f"http://localhost:{proxy.port}"
    line, fields = asked(fetch(
        proxy.port, "/reports/a", method="MOVE",
        headers=[("Destination", f"{public}/reports/b")]))
    assert line == "MOVE /crystal/reports/a HTTP/1.1"
    assert ("destination", f"{public}/crystal/reports/b") in fields
    answer = fetch(proxy.port, "/reports/a", method="MOVE",
                   headers=[("Destination", f"{public}/nwa/b")])
    assert answer.status == 403


def test_a_destination_that_is_no_url_is_the_applications_own(proxy):
    _, fields = asked(fetch(proxy.port, "/reports/a",
                            headers=[("Destination", "Hamburg")]))
    assert ("destination", "Hamburg") in fields
    answer = fetch(proxy.port, "/reports/a", method="MOVE",
                   headers=[("Destination", "Hamburg")])
    assert answer.status == 403


def test_destination_gets_the_servers_name_when_the_host_does(
        rproxy, backend):
    port = backend(mirror)
    rproxy.start(port, site=SITE.format(http="preserve_host = no\n",
                                        port=port))
    _, fields = asked(fetch(
        rproxy.port, "/reports/a", method="COPY", headers=[
            ("Destination", f"http://localhost:{rproxy.port}/reports/b")]))
    assert ("destination",
            f"http://127.0.0.1:{port}/crystal/reports/b") in fields


def test_an_expression_that_takes_too_long_refuses_one_request(
        rproxy, backend):
    port = backend(mirror)
    rproxy.start(port, site=SITE.format(
        http="redirect = ~^/(a+)+$ -> /x\n", port=port))
    assert fetch(rproxy.port, "/" + "a" * 500 + "!").status == 500
    assert wait_for(lambda: "rule_limit" in rproxy.log())
    assert fetch(rproxy.port, "/b").status == 200


# rproxy -e and -t -----------------------------------------------------------


class Files:
    """An rproxy.ini and one site in a folder."""

    def __init__(self, folder):
        self.folder = folder
        user = f"user = {'www-data'}\n" if IS_ROOT else ""
        (folder / "rproxy.ini").write_text(
            f"[rproxy]\n{user}sites = site.ini\n"
            f"[listen tls]\naddress = ./t.sock\nfrom = {getpass.getuser()}\n"
            "[listen plain]\naddress = 127.0.0.1:8080\n")

    def run(self, site, *arguments):
        (self.folder / "site.ini").write_text(site)
        run = subprocess.run(
            [BUILD / "rproxy", "-c", self.folder / "rproxy.ini", *arguments],
            capture_output=True, text=True, timeout=20)
        place = f"{self.folder}/"
        return (run.returncode, run.stdout.replace(place, ""),
                run.stderr.replace(place, ""))


@pytest.fixture
def files(folder):
    return Files(folder)


def test_explains_what_becomes_of_a_url(files):
    site = SITE.format(http=RULES, port=50000)
    status, out, _ = files.run(site, "-e", "https://localhost/s/7")
    assert status == 0
    lines = out.splitlines()
    assert "site       localhost (site.ini)" in lines
    where = site.splitlines().index("[route reports]") + 1
    assert f"route      reports (line {where}): prefix /reports, to " \
        "/crystal/reports" in lines
    assert "server     http://127.0.0.1:50000 id=one weight=1" in lines
    assert "request    GET /crystal/reports/show?id=7 HTTP/1.1" in lines
    assert "sends      X-Forwarded-Proto: https" in lines
    assert "sends      Front-End-Https: On" in lines
    assert "maps       Location: http://127.0.0.1:50000/crystal/reports/" \
        "show?id=7 -> https://localhost/reports/show?id=7" in lines
    assert any(l.startswith("rule       site.ini:") and "^/s/" in l
               for l in lines)
    assert any(l.startswith("removes    ") and "IV-*" in l and "SM_*" in l and
               "x-forwarded*" in l for l in lines)


def test_explains_the_way_to_an_https_server(files):
    ini = files.folder / "rproxy.ini"
    site = (SITE.format(http="", port=50000).replace(
        "http://127.0.0.1:50000", "https://reports.intra"))
    status, _, err = files.run(site, "-t")
    assert status == 1
    where = next(i for i, line in enumerate(site.splitlines(), 1)
                 if line.startswith("server = https://"))
    assert f"site.ini:{where}: pool.server: https://reports.intra:443 is " \
        "reached through tlsd, name its socket by egress in [rproxy]" in err
    ini.write_text(ini.read_text().replace(
        "sites =", "egress = egress.sock\nsites ="))
    status, out, err = files.run(site, "-e", "https://localhost/reports/x")
    assert status == 0, err
    assert "server     https://reports.intra:443 id=one weight=1, through " \
        "tlsd\n" in out
    assert "maps       Location: https://reports.intra:443/crystal/reports/x" \
        " -> https://localhost/reports/x\n" in out


def test_explains_a_site_that_asks_for_certificates_beside_a_default(files):
    """The made-up handshake names the site, as a browser's does."""
    (files.folder / "other.ini").write_text(
        "[site]\nnames = other.example.com\ndefault = yes\n"
        "[route r]\nprefix = /\npool = p\n"
        "[pool p]\nserver = http://127.0.0.1:2\n")
    ini = files.folder / "rproxy.ini"
    ini.write_text(ini.read_text().replace(
        "sites = site.ini", "sites = site.ini\nsites = other.ini"))
    site = (
        "[site]\nnames = p.example.com\nnames = 127.0.0.1\napp = sap-java\n"
        "[tls]\ncertificate = c\nkey = k\nclient_verify = required\n"
        "client_ca = x\n"
        "[route r]\nprefix = /\npool = p\nrequire_client_cert = yes\n"
        "[pool p]\nserver = http://127.0.0.1:1\n")
    status, out, _ = files.run(site, "-e", "https://P.example.com:8443/x")
    assert status == 0, out
    assert "sends      SSL_CLIENT_CERT: " in out
    status, out, _ = files.run(site, "-e", "https://127.0.0.1/x")
    assert status == 1
    assert "421 wrong_site" in out


def test_explains_refusals_and_redirects(files):
    site = SITE.format(http=RULES, port=50000)
    status, out, _ = files.run(site, "-e", "http://localhost/x/../nwa")
    assert status == 1
    assert "refused    403 denied: " in out
    where = site.splitlines().index("deny = /nwa") + 1
    assert f"rule       site.ini:{where}: deny = /nwa\n" in out
    allowing = SITE.format(http="allow = /irj\n", port=1)
    status, out, _ = files.run(allowing, "-e", "http://localhost/x")
    assert status == 1
    assert "rule       no allow of this site covers it\n" in out
    status, out, _ = files.run(site, "-e", "http://localhost:8080/secure?a")
    assert status == 0
    assert "Location: https://localhost/secure?a" in out
    assert files.run(site, "-e", "nonsense")[0] == 2
    status, _, err = files.run(site + "foo = 1\n", "-e", "http://localhost/")
    assert status == 1
    assert "unknown key" in err


LINTS = [
    ("route.to: SAP", "app = sap-java", "", "", ""),
    ("route.prefix: \"/reports/\"", "app = tomcat", "", "prefix = /reports/",
     ""),
    ("second SAP system", "app = sap-abap", "", "",
     "[route two]\nprefix = /two\npool = q\n"
     "[pool q]\nserver = http://127.0.0.1:2\n"),
    ("server without TLS: SAP deletes", "app = sap-java", "", "",
     "[tls]\ncertificate = c\nkey = k\nclient_verify = optional\n"
     "client_ca = x\n"),
    ("server without TLS: whoever", "app = tomcat", "", "",
     "[tls]\ncertificate = c\nkey = k\nclient_verify = optional\n"
     "client_ca = x\n"),
    ("http.cookie_domain: .example.org covers no", "",
     "cookie_domain = .intra -> .example.org", "", ""),
    ("pool.keepalive_timeout: 60000 ms", "app = jetty", "", "",
     "keepalive_timeout = 1m\n"),
    ("request_header: clientprotocol is sent", "app = sap-java",
     "request_header = clientprotocol: https", "", ""),
    ("request_header: ssl-client-cert-chain-1 is sent", "app = sap-java",
     "request_header = ssl-client-cert-chain-1: x", "", ""),
    ("pool.sticky_cookie: ROUTEID is that of [pool p] as well",
     "app = tomcat", "", "",
     "server = http://10.1.0.2:1\nsticky = cookie\n"
     "[route two]\nprefix = /two\npool = q\n[pool q]\nsticky = cookie\n"
     "server = http://10.1.0.3:1\nserver = http://10.1.0.4:1\n"),
    ("http.trust_from: without effect", "", "trust_from = 10.0.0.0/8", "",
     ""),
    ("http.trust_header: nobody may state", "", "trust_header = X-A", "",
     ""),
    ("http.hsts: without effect", "", "hsts = 1y", "", ""),
]


@pytest.mark.parametrize("lint", LINTS, ids=[l[0] for l in LINTS])
def test_what_is_probably_not_meant_is_a_warning(files, lint):
    text, app, http, prefix, more = lint
    site = (f"[site]\nnames = p.example.com\n{app}\n"
            f"[http]\ntimeout = 1m\n{http}\n"
            f"[route reports]\n{prefix or 'prefix = /reports'}\n"
            "to = /crystal/reports\npool = p\n"
            f"[pool p]\nserver = http://10.1.0.1:1\n{more}")
    if app != "" and "to" not in text and "prefix" not in text:
        site = site.replace("to = /crystal/reports\n", "")
    status, _, err = files.run(site, "-t")
    assert status == 0, err
    assert text in err


def test_a_site_without_such_lines_has_no_warnings(files):
    status, _, err = files.run(
        "[site]\nnames = p.example.com\napp = sap-java\n"
        "[http]\ncookie_domain = .intra -> .example.com\n"
        "[route all]\nprefix = /\npool = p\n"
        "[pool p]\nserver = http://10.1.0.1:50000 id=A\n"
        "server = http://10.1.0.2:50000 id=B\n", "-t")
    assert (status, err) == (0, "")


FAULTS = [
    ("redirect = ~(a -> /b", "missing closing parenthesis"),
    ("redirect = ~^/(a)$ -> /$2", "$2 in \"/$2\", but there are 1 groups"),
    ("redirect = /a -> /$1", "but there are 0 groups"),
    ("redirect = ~(.*) -> https://$1/", "http(s)://HOST"),
    ("rewrite = /a -> https://h/", "a /PATH of this site"),
    ("deny = /a%2f", "not a plain path"),
    ("trust_from = 10.1.0.0/8", "not a network"),
    ("trust_header = *", "malformed header name"),
    ("cookie_domain = a", "write .DOMAIN -> .DOMAIN"),
    ("cookie_samesite = some", "keep, lax, strict, none"),
    ("hsts = soon", "write 0 or a time"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=[f[0] for f in FAULTS])
def test_faults_of_rules_have_file_and_line(files, fault):
    line, text = fault
    status, _, err = files.run(
        f"[site]\nnames = a\n[http]\n{line}\n[route r]\nprefix = /\n"
        "pool = p\n[pool p]\nserver = http://127.0.0.1:1\n", "-t")
    assert status == 1
    assert err.startswith("error: site.ini:4: http."), err
    assert text in err


def test_stickiness_that_cannot_work_is_an_error(files):
    for app, servers, text in (
            ("none", "server = http://h:1 id=a\n", "sticky = cookie"),
            ("tomcat", "server = http://h:1\n", "id=ID")):
        status, _, err = files.run(
            f"[site]\nnames = a\napp = {app}\n[route r]\nprefix = /\n"
            f"pool = p\n[pool p]\n{servers}sticky = app\n", "-t")
        assert status == 1
        assert text in err


def test_more_servers_than_a_pool_may_have_are_an_error(files):
    lines = "[site]\nnames = a\n[route r]\nprefix = /\npool = p\n[pool p]\n"
    servers = [f"server = http://h:{port}\n" for port in range(1, 258)]
    status, _, err = files.run(lines + "".join(servers[:-1]), "-t")
    assert (status, err) == (0, "")
    status, _, err = files.run(lines + "".join(servers), "-t")
    assert status == 1
    assert "error: site.ini:263: pool.server: a pool has at most 256" in err
