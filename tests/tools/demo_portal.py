#!/usr/bin/python3
"""The demo's application server: a portal in one file of Python.

It believes to live at http://127.0.0.1:PORT, as servers behind a gateway do:
its redirects name that address, its cookies that host and its own paths.
Run by itself: demo_portal.py PORT
"""

import base64
import hashlib
import html
import secrets
import subprocess
import sys
import urllib.parse
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = bytes(i & 0xFF for i in range(65536))
MAX_FORM = 65536
CERTIFICATE_FIELDS = ("ssl_client_cert", "client-cert", "wl-proxy-client-cert",
                      "x-ssl-client-cert")

PAGE = """<!DOCTYPE html>
<html><head><title>{title}</title><link rel="icon" href="data:,">
<link rel="stylesheet" href="/irj/style.css"></head>
<body><h1>{title}</h1>
<p><a href="/irj/portal">portal</a> <a href="/irj/upload">upload</a>
<a href="/irj/download?mib=10">download 10 MiB</a>
<a href="/irj/headers">headers as text</a> <a href="/reports/">reports</a>
<a href="/logon/logoff">log off</a></p>
{body}</body></html>
"""

LOGON = """{notice}<form method="post" action="/logon">
<input name="j_user" placeholder="any user"> <input name="j_password"
 type="password" placeholder="portal"> <button>Log on</button></form>
"""

UPLOAD = """<form method="post" enctype="multipart/form-data"
 action="/irj/upload"><input type="file" name="file"> <button>Send</button>
</form><p>Or: curl --data-binary @FILE .../irj/upload</p>
"""


def describe_certificate(value):
    """Subject, issuer and dates of the certificate in a header field."""
    inner = value.replace("-----BEGIN CERTIFICATE-----", "")
    inner = inner.replace("-----END CERTIFICATE-----", "")
    try:
        der = base64.b64decode(inner.strip(" :").replace(" ", ""))
    except ValueError:
        return "not readable: " + value
    run = subprocess.run(
        ["openssl", "x509", "-inform", "DER", "-noout", "-subject", "-issuer",
         "-serial", "-dates", "-nameopt", "RFC2253,utf8,-esc_msb"],
        input=der, capture_output=True)
    return run.stdout.decode(errors="replace") or "not readable: " + value


class Portal(BaseHTTPRequestHandler):
    """One client connection of the gateway; kept alive between requests."""

    protocol_version = "HTTP/1.1"
    server_version = "DemoPortal/1"
    timeout = 60
    # headers and body are two writes: Nagle would hold the second back
    disable_nagle_algorithm = True

    def handle_one_request(self):
        self.body_left = 0
        self.chunked = False
        super().handle_one_request()

    # what a request is answered with --------------------------------------

    def do_GET(self):
        self.begin()
        path = self.url.path
        if path in ("/", "/irj", "/irj/"):
            return self.redirect("/irj/portal")
        if path == "/irj/portal":
            return self.portal()
        if path == "/logon":
            return self.page("Logon", LOGON.format(notice=""))
        if path == "/logon/logoff":
            return self.logoff()
        if path == "/irj/headers":
            return self.answer(200, "text/plain", self.told().encode())
        if path == "/irj/upload":
            return self.page("Upload", UPLOAD)
        if path == "/irj/download":
            return self.download()
        if path == "/irj/style.css":
            return self.answer(200, "text/css",
                               b"body { font-family: sans-serif } "
                               b"th { text-align: left }")
        if path.startswith("/irj/image/"):
            return self.image(path)
        if path.startswith("/crystal/reports"):
            return self.reports(path)
        self.page("Not found", "", 404)

    do_HEAD = do_GET

    def do_POST(self):
        self.begin()
        if self.url.path == "/logon":
            return self.logon()
        if self.url.path == "/irj/upload":
            return self.upload()
        self.page("Not found", "", 404)

    do_PUT = do_POST

    def portal(self):
        user = self.server.sessions.get(self.cookie("JSESSIONID"))
        if user is None:
            return self.redirect("/logon")
        rows = "".join(
            f"<tr><th>{html.escape(n)}</th><td>{html.escape(v)}</td></tr>\n"
            for n, v in self.headers.items())
        images = "".join(
            f'<img src="/irj/image/{i}.svg" alt=""> ' for i in range(8))
        self.page(f"Welcome {html.escape(user)}", f"""
<p>{images}</p>
<h2>Client certificate the server was told of</h2>
<pre>{html.escape(self.certificate())}</pre>
<h2>Request as it arrived here, at {self.server.inner}</h2>
<table>{rows}</table>
""")

    def logon(self):
        form = urllib.parse.parse_qs(
            b"".join(self.read_body(MAX_FORM)).decode(errors="replace"))
        if not form.get("j_user") or form.get("j_password") != ["portal"]:
            return self.page("Logon", LOGON.format(
                notice="<p>User or password is wrong.</p>"), 401)
        session = secrets.token_urlsafe(18)
        self.server.sessions[session] = form["j_user"][0]
        self.redirect("/irj/portal", [
            f"JSESSIONID={session}; Path=/; HttpOnly",
            f"MYSAPSSO2=demo; Path=/; Domain={self.server.host}",
        ])

    def logoff(self):
        self.server.sessions.pop(self.cookie("JSESSIONID"), None)
        self.redirect("/logon", ["JSESSIONID=; Path=/; Max-Age=0"])

    def upload(self):
        digest, size = hashlib.sha256(), 0
        for piece in self.read_body():
            digest.update(piece)
            size += len(piece)
        self.answer(200, "text/plain",
                    f"{size} bytes, SHA-256 {digest.hexdigest()}\n".encode())

    def download(self):
        query = urllib.parse.parse_qs(self.url.query)
        try:
            mib = min(1024, max(0, int(query["mib"][0])))
        except (KeyError, ValueError):
            return self.page("Bad request", "mib=NUMBER", 400)
        self.head(200, "application/octet-stream", mib << 20)
        for _ in range(0 if self.command == "HEAD" else mib * 16):
            self.wfile.write(BLOCK)

    def image(self, path):
        number = sum(path.encode())
        self.answer(200, "image/svg+xml", (
            '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24">'
            f'<circle cx="12" cy="12" r="11" fill="hsl({number * 40 % 360},'
            '60%,60%)"/></svg>').encode())

    def reports(self, path):
        """An application under another path than the one clients see."""
        if path != "/crystal/reports/list":
            return self.redirect("/crystal/reports/list",
                                 ["REPORTS=1; Path=/crystal/reports"])
        self.page("Reports", "<p>Cookie REPORTS: "
                  f"{html.escape(self.cookie('REPORTS') or 'none')}</p>")

    # how ------------------------------------------------------------------

    def begin(self):
        """Address of the request, framing of its body."""
        self.url = urllib.parse.urlsplit(self.path)
        self.chunked = "chunked" in self.headers.get("Transfer-Encoding", "")
        self.body_left = int(self.headers.get("Content-Length") or 0)

    def read_body(self, limit=None):
        """The body in pieces; past the limit it is read but not kept."""
        kept = 0
        for piece in self.pieces():
            kept += len(piece)
            if limit is None or kept <= limit:
                yield piece

    def pieces(self):
        if self.chunked:
            yield from self.chunks()
            return
        while self.body_left:
            piece = self.rfile.read(min(65536, self.body_left))
            if not piece:
                raise ConnectionError("body ended early")
            self.body_left -= len(piece)
            yield piece

    def chunks(self):
        while size := int(self.rfile.readline(256).split(b";")[0], 16):
            while size:
                piece = self.rfile.read(min(65536, size))
                if not piece:
                    raise ConnectionError("body ended early")
                size -= len(piece)
                yield piece
            self.rfile.readline(256)
        while self.rfile.readline(65536) not in (b"\r\n", b""):
            pass
        self.chunked = False

    def head(self, status, kind, length, more=()):
        for _ in self.pieces():
            pass
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=UTF-8")
        self.send_header("Content-Length", str(length))
        for name, value in more:
            self.send_header(name, value)
        self.end_headers()

    def answer(self, status, kind, body, more=()):
        self.head(status, kind, len(body), more)
        if self.command != "HEAD":
            self.wfile.write(body)

    def page(self, title, body, status=200):
        text = PAGE.format(title=title, body=body)
        self.answer(status, "text/html", text.encode())

    def redirect(self, path, cookies=()):
        """By the address this server knows; the gateway has to mend it."""
        fields = [("Location", self.server.inner + path)]
        fields += [("Set-Cookie", cookie) for cookie in cookies]
        self.answer(302, "text/plain", b"", fields)

    def cookie(self, name):
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(name)
        except CookieError:
            return None
        return found.value if found else None

    def told(self):
        """The request's head as it came in, then the certificate."""
        lines = [self.requestline]
        lines += [f"{n}: {v}" for n, v in self.headers.items()]
        return "\n".join(lines) + "\n\n" + self.certificate() + "\n"

    def certificate(self):
        for name in CERTIFICATE_FIELDS:
            if value := self.headers.get(name):
                return describe_certificate(value)
        return "no client certificate"

    def log_message(self, format, *args):
        """The gateway writes the access log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port):
        super().__init__(("127.0.0.1", port), Portal)
        self.host = "127.0.0.1"
        self.inner = f"http://{self.host}:{self.server_address[1]}"
        self.sessions = {}


if __name__ == "__main__":
    try:
        Server(int(sys.argv[1])).serve_forever()
    except KeyboardInterrupt:
        pass
