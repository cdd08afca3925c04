"""Sessions of openssl s_client, and whether they are resumed."""

import re
import subprocess


class Resumption:
    """Sessions of TLS 1.2 and 1.3, kept in files by openssl s_client."""

    VERSIONS = ("-tls1_2", "-tls1_3")

    def __init__(self, gw, ca, path):
        self.ca, self.path = ca, path
        for version in self.VERSIONS:
            assert self.connect(gw, version, "-sess_out") == "New"
        self.gw = gw

    def connect(self, gw, version, option):
        """ "New" or "Reused"; a file that is written has a fresh ticket."""
        run = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{gw.https_port}",
             "-servername", "localhost", "-CAfile", self.ca.cert, version,
             "-ign_eof", option, f"{self.path}{version}"],
            input="GET /1k HTTP/1.1\r\nHost: localhost\r\n"
            "Connection: close\r\n\r\n", capture_output=True, text=True,
            timeout=20)
        assert "200 OK" in run.stdout, run.stdout + run.stderr
        return re.search(r"^(New|Reused), TLSv1", run.stdout, re.M)[1]

    def assert_resumes(self, gw=None, verdict="Reused"):
        for version in self.VERSIONS:
            seen = self.connect(gw or self.gw, version, "-sess_in")
            assert seen == verdict, version
