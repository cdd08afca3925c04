"""tlsd -t and rproxy -t on the files of a gateway in a folder.

    check.site(cert, key, "more lines of [tls]")
    one_fault(check.run(), "error", "site.ini:8", "words", ...)
"""

import getpass
import subprocess

from gateway import BUILD, IS_ROOT

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
