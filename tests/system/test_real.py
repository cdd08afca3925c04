"""Real clients through the gateway to real servers: curl, Python's
http.client and Java's HttpClient to Tomcat, nginx and Apache, over http and
https.  The browser is in test_browser.py."""

import hashlib
import http.client
import os
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from conftest import site_text
from gateway import make_folder
from web_servers import Apache, Nginx

JAVA = Path(__file__).parent / "java" / "Client.java"
FILE = bytes(i * 7 % 256 for i in range(1 << 20))
BODY = bytes(i * 31 % 256 for i in range(300_000))

SERVERS = [
    pytest.param("tomcat"),
    pytest.param("nginx", marks=pytest.mark.skipif(
        not os.path.exists("/usr/sbin/nginx"), reason="needs nginx")),
    pytest.param("apache", marks=pytest.mark.skipif(
        not os.path.exists("/usr/sbin/apache2"), reason="needs Apache")),
]


def digest(data):
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}"


class Through:
    """A gateway before one of the servers."""

    def __init__(self, gw, post, file, says_digest, content):
        self.gw = gw
        self.post = post
        self.file = file
        self.says_digest = says_digest
        self.content = content

    def took(self, text, body=BODY):
        return text.strip() == (digest(body) if self.says_digest
                                else "taken")


@pytest.fixture
def through(request, gateway, pair, tomcat):
    name = request.param
    if name == "tomcat":
        block = bytearray((i * 7 + (i >> 8)) & 0xFF for i in range(65536))
        content = b""
        for number in range(16):
            block[:4] = number.to_bytes(4, "big")
            content += bytes(block)
        gw = gateway(site=site_text(pair, tomcat.port))
        yield Through(gw, "/irj/upload.jsp", "/irj/download.jsp?mib=1", True,
                      content)
        return
    server = {"nginx": Nginx, "apache": Apache}[name](make_folder("web-"))
    (server.dir / "htdocs" / "file.bin").write_bytes(FILE)
    (server.dir / "htdocs" / "text.txt").write_text("words " * 5000)
    server.start()
    gw = gateway(site=site_text(pair, server.port))
    yield Through(gw, server.post, "/file.bin", name == "apache", FILE)
    server.stop()
    shutil.rmtree(server.dir, ignore_errors=True)


def servers(test):
    return pytest.mark.parametrize("through", SERVERS, indirect=True)(test)


# curl -----------------------------------------------------------------------


def curl(*arguments, data=None):
    run = subprocess.run(["curl", "-sS", "--max-time", "20", *arguments],
                         input=data, capture_output=True, timeout=30)
    assert run.returncode == 0, run.stderr.decode()
    return run.stdout


@servers
def test_curl(through, ca, folder):
    gw = through.gw
    for base, trust in [
            (f"http://localhost:{gw.http_port}", []),
            (f"https://localhost:{gw.https_port}", ["--cacert", ca.cert])]:
        post, file = base + through.post, base + through.file
        assert curl(*trust, file) == through.content
        assert curl(*trust, "--http1.0", file) == through.content
        assert curl(*trust, "--http2", file) == through.content
        head = curl(*trust, "-I", file).decode()
        assert head.startswith("HTTP/1.1 200 ") and "Via: 1.1 " in head
        for how in ([], ["-H", "Transfer-Encoding: chunked"],
                    ["-H", "Expect: 100-continue"], ["-H", "Expect:"]):
            answer = curl(*trust, *how, "--data-binary", "@-", "-H",
                          "Content-Type: application/octet-stream", post,
                          data=BODY)
            assert through.took(answer.decode()), how
        # one connection, several requests
        many = curl(*trust, "-w", "%{num_connects} ", "-o", folder / "1",
                    "-o", folder / "2", "-o", folder / "3", file, file, file)
        assert many == b"1 0 0 "


@pytest.mark.parametrize("through", SERVERS[1:], indirect=True)
def test_conditional_and_range_requests_reach_the_server(through):
    file = f"http://localhost:{through.gw.http_port}/file.bin"
    head = curl("-I", file).decode()
    tag = next(line.split(": ", 1)[1] for line in head.splitlines()
               if line.lower().startswith("etag: "))
    assert curl("-w", "%{http_code}", "-H", f"If-None-Match: {tag}",
                file) == b"304"
    assert curl("-r", "100-199", file) == FILE[100:200]
    assert b"multipart/byteranges" in curl(
        "-D", "-", "-o", "/dev/null", "-r", "0-1,5-6", file)
    text = file.replace("file.bin", "text.txt")
    assert curl("--compressed", text) == b"words " * 5000


# Python ---------------------------------------------------------------------


@servers
def test_python_http_client(through, ca):
    context = ssl.create_default_context(cafile=str(ca.cert))
    for c in (http.client.HTTPConnection("localhost", through.gw.http_port,
                                         timeout=20),
              http.client.HTTPSConnection("localhost", through.gw.https_port,
                                          timeout=20, context=context)):
        for _ in range(2):
            c.request("GET", through.file)
            assert c.getresponse().read() == through.content
            c.request("POST", through.post, body=BODY)
            assert through.took(c.getresponse().read().decode())
            c.request("POST", through.post, encode_chunked=True,
                      body=iter([BODY[:1], BODY[1:70000], BODY[70000:]]),
                      headers={"Transfer-Encoding": "chunked"})
            assert through.took(c.getresponse().read().decode())
            c.request("HEAD", through.file)
            answer = c.getresponse()
            assert answer.status == 200 and answer.read() == b""
        c.close()


# Java -----------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("javac"), reason="needs a JDK")
@servers
def test_java_http_client(through):
    run = subprocess.run(
        ["java", "-XX:TieredStopAtLevel=1", "-Xshare:auto", JAVA,
         f"http://localhost:{through.gw.http_port}", through.post,
         through.file], capture_output=True, text=True, timeout=60)
    lines = run.stdout.splitlines()
    assert run.returncode == 0, run.stderr
    taken = digest(BODY).encode() if through.says_digest else b"taken"
    assert lines[0] == f"get HTTP_1_1 200 {digest(through.content)}"
    for line, name in zip(lines[1:4], ["post", "chunked", "expect"]):
        if through.says_digest:
            assert line.startswith(f"{name} HTTP_1_1 200 {len(taken)} ") or \
                line.startswith(f"{name} HTTP_1_1 200 {len(taken) + 1} ")
        else:
            assert line == f"{name} HTTP_1_1 200 {digest(taken)}"
    assert lines[4].startswith("head HTTP_1_1 200 0 ")
    assert lines[5:] == [
        f"async HTTP_1_1 200 {digest(through.content)}"] * 30


# early answers of real servers ----------------------------------------------


@pytest.mark.parametrize("through", SERVERS[1:], indirect=True)
def test_upload_that_a_real_server_refuses(through):
    """413 before the body has come, and the connection closed.  (nginx does
    not count the chunks of a body that it throws away.)"""
    url = f"http://localhost:{through.gw.http_port}/limited"
    chunked = [["-H", "Transfer-Encoding: chunked"]] * through.says_digest
    for how in ([], *chunked):
        answer = curl(*how, "-w", "%{http_code}", "-o", "/dev/null", "-H",
                      "Expect:", "--data-binary", "@-", url,
                      data=bytes(30 << 20))
        assert answer == b"413", how
