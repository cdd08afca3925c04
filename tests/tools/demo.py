#!/usr/bin/python3
"""make demo: tlsd and rproxy before a demo portal, until Ctrl-C.

demo.py [python|tomcat]; ports: HTTPS (8443) and HTTP (8080) in the
environment.  Everything it makes is in one temporary folder, which goes when
the demo ends.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from ca import P12_PASSWORD, Authority
from gateway import BUILD, Gateway, make_folder
from processes import NotReady, Program, free_port, listens
from tomcat import Tomcat

HTTPS = int(os.environ.get("HTTPS") or 8443)
HTTP = int(os.environ.get("HTTP") or 8080)
NAMES = ["localhost", "127.0.0.1", "::1", "portal.example.com"]

SITE = """\
; The demo's site, read by tlsd and rproxy.
[site]
names = localhost
names = 127.0.0.1
names = portal.example.com
app = tomcat                      ; sends what Tomcat's valves read
default = yes

[tls]
certificate = ../ca/server.pem
key = ../ca/server.key
client_verify = optional
client_ca = ../ca/ca.pem

[http]
via = on
timeout = 600s
root_redirect = /irj/portal
https_port = {https}

[route portal]
prefix = /irj
prefix = /logon
pool = portal

[route reports]
prefix = /reports
to = /crystal/reports             ; another path inside than outside
pool = portal

[pool portal]
server = http://127.0.0.1:{port}
"""

TEXT = """
tlsd and rproxy are running before {what},
which believes to live at http://127.0.0.1:{port}.

    https://localhost:{https}        http://localhost:{http}

Try
    curl -i --cacert {ca}/ca.pem https://localhost:{https}/
    curl -i -d 'j_user=ann&j_password=portal' --cacert {ca}/ca.pem \
https://localhost:{https}{logon}
    curl --cacert {ca}/ca.pem https://localhost:{https}{headers}
    curl http://localhost:{http}{headers}
    head -c 10M /dev/zero | curl --cacert {ca}/ca.pem --data-binary @- \
https://localhost:{https}{upload}

Client certificate (the demo's CA has made one for "Demo User")
    curl --cacert {ca}/ca.pem --cert {ca}/user.pem --key {ca}/user.key \
https://localhost:{https}{headers}
    In a browser: import {ca}/ca.pem as an authority for web sites and
    {ca}/user.p12 (password "{password}") as your own certificate.
    Log on with any user and the password "portal".

Files
    {dir}/tlsd.ini
    {dir}/rproxy.ini
    {dir}/sites/portal.ini
    {dir}/access.log, tlsd.log, rproxy.log
    Check a change: {build}/rproxy -t -c {dir}/rproxy.ini

Ctrl-C ends the demo and removes these files.
"""


class Ended(Exception):
    """The user has had enough."""


class PythonPortal:
    """The embedded portal as a program of its own."""

    what = "a demo portal"
    logon = "/logon"
    headers = "/irj/headers"
    upload = "/irj/upload"

    def __init__(self, folder):
        self.folder = folder
        self.port = free_port()
        self.program = None

    def start(self):
        script = Path(__file__).with_name("demo_portal.py")
        self.program = Program([sys.executable, script, self.port],
                               self.folder / "portal.log")
        self.program.wait_ready(lambda: listens(self.port))

    def stop(self):
        if self.program:
            self.program.stop()


class TomcatPortal(Tomcat):
    what = "Tomcat 10 with a small portal"
    logon = "/logon/logon.jsp"
    headers = "/irj/facts.jsp"
    upload = "/irj/upload.jsp"


def require_free(port, variable):
    """Says which variable helps before anything has started."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError as error:
            sys.exit(f"port {port}: {error.strerror}; "
                     f"make demo {variable}=PORT takes another")


def on_signal(number, _frame):
    for other in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(other, signal.SIG_IGN)
    raise Ended(number)


def run(folder, portal, gateway):
    """Returns only by exception."""
    authority = Authority(folder / "ca", name="Throw-away demo CA")
    authority.issue("server", NAMES)
    authority.user("user", "Demo User")
    portal.start()
    gateway.write({"portal": SITE.format(port=portal.port,
                                               https=HTTPS)})
    gateway.start()
    print(TEXT.format(
        what=portal.what, port=portal.port, https=HTTPS, http=HTTP,
        ca=authority.folder, dir=folder, build=BUILD, password=P12_PASSWORD,
        logon=portal.logon, headers=portal.headers, upload=portal.upload),
        flush=True)
    watched = (gateway.tlsd, gateway.rproxy, portal.program)
    while all(program.process.poll() is None for program in watched):
        time.sleep(0.5)
    for program in watched:
        if program.process.poll() is not None:
            raise NotReady(f"{program.argv[0]} has ended"
                           f"\n{program.log_text()}")


def main():
    kinds = {"python": PythonPortal, "tomcat": TomcatPortal}
    kind = (sys.argv[1:] or ["python"])[0]
    if kind not in kinds:
        sys.exit(f"BACKEND={kind}: python or tomcat")
    require_free(HTTPS, "HTTPS")
    require_free(HTTP, "HTTP")
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    folder = make_folder("gateway-demo-")
    portal = kinds[kind](folder)
    gateway = Gateway(folder, HTTPS, HTTP)
    status = 0
    try:
        run(folder, portal, gateway)
    except Ended:
        print("\nThe demo ends.")
    except NotReady as error:
        print(error, file=sys.stderr)
        status = 1
    finally:
        faults = gateway.stop()
        portal.stop()
        gateway.remove()
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(status or bool(faults))


if __name__ == "__main__":
    main()
