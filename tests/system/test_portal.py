"""The chain against a real Tomcat, configured as the Apache how-to has it:
/irj and /logon, Via on, a timeout of 600 s, http and https at once."""

import hashlib
import os
import re
import subprocess
import threading
from urllib.parse import urlsplit

import pytest

from client import Connection, fetch
from portal_site import HOST, how_to_site
from processes import wait_for

MIB = 1 << 20


@pytest.fixture
def portal(gateway, tomcat, pair, ca):
    return gateway(site=how_to_site(pair, ca, tomcat.port))


class Browser:
    """Follows redirects and keeps cookies the way a strict browser does."""

    def __init__(self, gw, scheme, tls):
        self.gw = gw
        self.scheme = scheme
        self.port = gw.https_port if scheme == "https" else gw.http_port
        self.context = tls if scheme == "https" else None
        self.origin = f"{scheme}://{HOST}:{self.port}"
        self.cookies = {}
        self.seen = []

    def request(self, method, path, headers=(), body=None):
        jar = "; ".join(f"{name}={value}" for (name, at), value
                        in self.cookies.items() if path.startswith(at))
        if jar:
            headers = [*headers, ("Cookie", jar)]
        answer = fetch(self.port, path, self.context, HOST, method, headers,
                       body)
        for line in answer.all("Set-Cookie"):
            self.keep(line)
        return answer

    def keep(self, line):
        pair, *attributes = [part.strip() for part in line.split(";")]
        name, value = pair.split("=", 1)
        named = dict((a.split("=", 1) + [""])[:2] for a in attributes)
        domain = named.get("Domain", HOST)
        assert domain == HOST, f"a browser refuses this cookie: {line}"
        self.cookies[name, named.get("Path", "/")] = value

    def follow(self, answer):
        """GETs along redirects; each must stay at this scheme and port."""
        while answer.status in (301, 302, 303):
            location = answer.get("Location")
            assert location.startswith(self.origin + "/"), location
            self.seen.append(location[len(self.origin):])
            answer = self.request("GET", self.seen[-1])
        return answer

    def log_on(self):
        return self.follow(self.request(
            "POST", "/logon/logon.jsp",
            [("Content-Type", "application/x-www-form-urlencoded")],
            b"j_user=ann&j_password=portal"))


def facts(answer):
    """name=value lines of facts.jsp as a dictionary."""
    assert answer.status == 200
    return dict(line.split("=", 1) for line in answer.text.splitlines())


def pattern(mib):
    """What download.jsp sends, in blocks of 64 KiB."""
    block = bytearray((i * 7 + (i >> 8)) & 0xFF for i in range(65536))
    for number in range(mib * 16):
        block[:4] = number.to_bytes(4, "big")
        yield bytes(block)


def sha256(pieces):
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_root_leads_to_the_logon_page_and_back_to_the_portal(
        portal, tls, scheme):
    browser = Browser(portal, scheme, tls)
    page = browser.follow(browser.request("GET", "/"))
    assert browser.seen == ["/irj/portal", "/logon/logon.jsp"]
    assert "<h1>Logon</h1>" in page.text

    page = browser.log_on()
    assert browser.seen[2:] == ["/irj/portal"]
    assert '<span id="user">ann</span>' in page.text


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_session_is_kept_over_requests(portal, tls, scheme):
    browser = Browser(portal, scheme, tls)
    browser.log_on()
    session = browser.cookies["JSESSIONID", "/irj"]
    for visit in (2, 3, 4):
        page = browser.request("GET", "/irj/portal")
        assert f'<span id="visits">{visit}</span>' in page.text
    assert browser.cookies["JSESSIONID", "/irj"] == session


def test_cookies_are_secure_on_https_and_only_there(portal, tls):
    for scheme, context, port in (("https", tls, portal.https_port),
                                  ("http", None, portal.http_port)):
        answer = fetch(port, "/logon/logon.jsp", context, HOST, "POST",
                       [("Content-Type",
                         "application/x-www-form-urlencoded")],
                       b"j_user=ann&j_password=portal")
        cookies = answer.all("Set-Cookie")
        assert len(cookies) == 2
        for cookie in cookies:
            assert ("Secure" in cookie) == (scheme == "https"), cookie
            assert "127.0.0.1" not in cookie
        assert cookies[1].startswith("saplb_*=(J2EE6500)6500; Path=/")


@pytest.mark.parametrize("path,location", [
    ("/irj", "/irj/"),
    ("/irj/", "/irj/portal"),
    ("/logon/", "/logon/logon.jsp"),
    ("/irj/redirect.jsp", "/irj/facts.jsp"),
])
def test_redirects_of_container_and_application_stay_outside(
        portal, tls, path, location):
    for origin, context, port in (
            (f"https://{HOST}:{portal.https_port}", tls, portal.https_port),
            (f"http://{HOST}:{portal.http_port}", None, portal.http_port)):
        answer = fetch(port, path, context, HOST)
        assert answer.status == 302
        assert answer.get("Location") == origin + location


def test_tomcat_sends_a_client_of_http_to_the_https_port(
        gateway, tomcat, pair, ca, tls):
    """It names the public host, and no port or 443: it knows no other."""
    gw = gateway(site="", start=False)
    gw.write({"site": how_to_site(pair, ca, tomcat.port).replace(
        "via = on\n", f"via = on\nhttps_port = {gw.https_port}\n")})
    gw.start()
    answer = fetch(gw.http_port, "/irj/secure", None, HOST)
    assert answer.status == 302
    assert answer.get("Location") == (
        f"https://{HOST}:{gw.https_port}/irj/secure")
    got = facts(fetch(gw.https_port, "/irj/secure", tls, HOST))
    assert got["secure"] == "true"


def test_tomcat_knows_scheme_name_port_and_client(portal, tls):
    got = facts(fetch(portal.https_port, "/irj/facts.jsp?a=b", tls, HOST))
    assert got["scheme"] == "https"
    assert got["secure"] == "true"
    assert got["serverName"] == HOST
    assert got["serverPort"] == str(portal.https_port)
    assert got["remoteAddr"] == "127.0.0.1"
    assert got["queryString"] == "a=b"
    assert got["header.host"] == f"{HOST}:{portal.https_port}"

    got = facts(fetch(portal.http_port, "/irj/facts.jsp", None, HOST))
    assert got["scheme"] == "http"
    assert got["secure"] == "false"
    assert got["serverPort"] == str(portal.http_port)
    assert got["remoteAddr"] == "127.0.0.1"


def test_tomcat_takes_the_default_port_from_a_host_without_port(portal, tls):
    with Connection(portal.https_port, tls, HOST) as c:
        answer = c.request("GET", "/irj/facts.jsp", [("Host", HOST)])
    assert facts(answer)["serverPort"] == "443"


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_what_a_client_claims_about_itself_is_not_believed(
        portal, tls, scheme):
    https = scheme == "https"
    port = portal.https_port if https else portal.http_port
    claims = [("X-Forwarded-For", "198.51.100.9"),
              ("X-Forwarded-Proto", "http" if https else "https"),
              ("X_Forwarded_Proto", "http" if https else "https"),
              ("X-Forwarded-Port", "1"),
              ("X-Forwarded-Host", "evil.example"),
              ("Forwarded", "for=198.51.100.9;proto=https;host=evil"),
              ("ssl_client_cert", "-----BEGIN CERTIFICATE----- AAAA "
                                  "-----END CERTIFICATE-----"),
              ("ClientProtocol", "https")]
    answer = fetch(port, "/irj/facts.jsp", tls if https else None, HOST,
                   headers=claims)
    got = facts(answer)
    assert got["scheme"] == scheme
    assert got["remoteAddr"] == "127.0.0.1"
    assert got["serverPort"] == str(port)
    assert "198.51.100.9" not in answer.text
    assert "evil" not in answer.text
    assert "AAAA" not in answer.text


def test_via_names_the_gateway_both_ways(portal, tls):
    answer = fetch(portal.https_port, "/irj/facts.jsp", tls, HOST)
    assert re.fullmatch(r"1\.1 \S+", facts(answer)["header.via"])
    assert re.fullmatch(r"1\.1 \S+", answer.get("Via"))


def test_paths_without_a_route_are_not_served(portal, tls, tomcat):
    assert fetch(portal.https_port, "/manager", tls, HOST).status == 404
    assert fetch(portal.https_port, "/irjx", tls, HOST).status == 404


def test_names_of_no_site_are_refused(portal):
    answer = fetch(portal.http_port, "/irj/facts.jsp", None, "other.example")
    assert answer.status in (404, 421)
    assert "scheme=" not in answer.text


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_upload_of_100_mib_arrives_whole(portal, tls, framing):
    expected = sha256(pattern(100))
    size = 100 * MIB
    with Connection(portal.https_port, tls, HOST, timeout_s=60) as c:
        if framing == "chunked":
            answer = c.request("POST", "/irj/upload.jsp", body=pattern(100))
        else:
            c.send_request("POST", "/irj/upload.jsp",
                           [("Content-Length", str(size))])
            for piece in pattern(100):
                c.send(piece)
            answer = c.read_response("POST")
    assert answer.status == 200
    assert answer.text == f"{size} {expected}"


@pytest.mark.parametrize("query", ["mib=100", "mib=100&chunked=1"])
def test_download_of_100_mib_arrives_whole(portal, tls, query):
    with Connection(portal.https_port, tls, HOST, timeout_s=60) as c:
        answer = c.request("GET", f"/irj/download.jsp?{query}")
    assert answer.status == 200
    assert len(answer.body) == 100 * MIB
    assert sha256([answer.body]) == sha256(pattern(100))


def test_page_of_200_resources_over_6_connections(portal, tls, tomcat):
    page = fetch(portal.https_port, "/irj/resources.jsp", tls, HOST)
    paths = re.findall(r'src="([^"]+)"', page.text)
    assert len(set(paths)) == 200
    got, faults = {}, []

    def worker(mine):
        try:
            with Connection(portal.https_port, tls, HOST) as c:
                for path in mine:
                    got[path] = c.request("GET", path)
        except Exception as error:
            faults.append(error)

    threads = [threading.Thread(target=worker, args=(paths[i::6],))
               for i in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults
    assert {a.status for a in got.values()} == {200}
    direct = {p: fetch(tomcat.port, p).body for p in paths}
    assert {p: a.body for p, a in got.items()} == direct


def test_http_and_https_are_served_at_the_same_time(portal, tls):
    with Connection(portal.https_port, tls, HOST) as secure, \
            Connection(portal.http_port, None, HOST) as plain:
        for _ in range(5):
            assert facts(secure.request(
                "GET", "/irj/facts.jsp"))["scheme"] == "https"
            assert facts(plain.request(
                "GET", "/irj/facts.jsp"))["scheme"] == "http"


def test_access_log_has_one_line_for_each_request(portal, tls):
    fetch(portal.https_port, "/irj/facts.jsp?one", tls, HOST)
    fetch(portal.http_port, "/nowhere?two", None, HOST)

    def lines():
        text = portal.access_log.read_text()
        return text.splitlines() if text.count("\n") >= 2 else None

    one, two = wait_for(lines, 5)
    assert '"GET /irj/facts.jsp?one HTTP/1.1" 200 ' in one
    assert '"GET /nowhere?two HTTP/1.1" 404 ' in two
    assert one.startswith("127.0.0.1 ")


def test_client_certificate_reaches_the_servlet(portal, tls, ca, user):
    from client import tls_context
    browser = Browser(portal, "https", tls_context(ca.cert, cert=user))
    page = browser.log_on()
    subject = re.search(r'id="certificate">([^<]*)<', page.text)[1]
    assert "CN=Test User" in subject

    browser = Browser(portal, "https", tls)
    page = browser.log_on()
    assert 'id="certificate">none<' in page.text


def test_curl_follows_the_whole_way(portal, ca, folder):
    port = portal.https_port
    base = ["curl", "-sS", "--http1.1", "--cacert", ca.cert, "--resolve",
            f"{HOST}:{port}:127.0.0.1", "-b", folder / "jar", "-c",
            folder / "jar", "-L", "-w", "\n%{http_code} %{url_effective}"]
    first = subprocess.run([*base, f"https://{HOST}:{port}/"],
                           capture_output=True, text=True, check=True)
    assert first.stdout.splitlines()[-1] == \
        f"200 https://{HOST}:{port}/logon/logon.jsp"
    second = subprocess.run(
        [*base, "-d", "j_user=ann&j_password=portal",
         f"https://{HOST}:{port}/logon/logon.jsp"],
        capture_output=True, text=True, check=True)
    assert second.stdout.splitlines()[-1] == \
        f"200 https://{HOST}:{port}/irj/portal"
    assert '<span id="user">ann</span>' in second.stdout


def test_curl_uploads_with_expect_100_continue(portal, ca, folder):
    data = os.urandom(3 * MIB)
    (folder / "data").write_bytes(data)
    port = portal.https_port
    run = subprocess.run(
        ["curl", "-sS", "--http1.1", "--cacert", ca.cert, "--max-time", "20",
         "-H", "Expect: 100-continue", "--expect100-timeout", "15",
         "--resolve", f"{HOST}:{port}:127.0.0.1", "--data-binary",
         f"@{folder / 'data'}", f"https://{HOST}:{port}/irj/upload.jsp"],
        capture_output=True, text=True, check=True)
    assert run.stdout == f"{len(data)} {hashlib.sha256(data).hexdigest()}"


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_s_client_verifies_and_gets_a_page(portal, ca, version):
    request = (f"GET /irj/facts.jsp HTTP/1.1\r\nHost: {HOST}\r\n"
               "Connection: close\r\n\r\n")
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{portal.https_port}",
         "-servername", HOST, "-verify_hostname", HOST, "-CAfile", ca.cert,
         "-verify_return_error", "-ign_eof", version],
        input=request, capture_output=True, text=True, timeout=20)
    assert "Verification: OK" in run.stdout
    assert "HTTP/1.1 200" in run.stdout
    assert "secure=true" in run.stdout


def test_no_inner_address_reaches_the_client(portal, tls, tomcat):
    """All redirects and cookies of the application, none names the inside."""
    browser = Browser(portal, "https", tls)
    answers = [browser.request("GET", path) for path in
               ("/irj", "/irj/", "/irj/portal", "/logon/", "/irj/nothing",
                "/irj/redirect.jsp")]
    for answer in answers:
        for name, value in answer.headers:
            assert str(tomcat.port) not in value, (name, value)
            if name == "Location":
                assert urlsplit(value).hostname == HOST
