"""A Tomcat 10 of its own, made with Debian's tomcat10-instance-create.

Serves tests/system/tomcat/ at /irj and /logon on a free port of 127.0.0.1
and believes the gateway (127.0.0.1) about scheme, host and client.

With a certificate authority it also speaks TLS, at https_port, and at
strict_port with clients who have a certificate of that authority only.
"""

import os
import shutil
import subprocess
from pathlib import Path

from processes import Program, answers, free_port

APPLICATION = Path(__file__).resolve().parents[1] / "system" / "tomcat"

JAVA_OPTIONS = ("-Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 "
                "-Xshare:auto -Djava.security.egd=file:/dev/urandom")

# OpenSSL's names: the files are PEM
TLS_CONNECTOR = """
    <Connector port="{port}" address="127.0.0.1" protocol="HTTP/1.1"
               SSLEnabled="true" scheme="https" secure="true"
               connectionTimeout="20000" keepAliveTimeout="20000"
               maxThreads="40" maxSwallowSize="-1">
      <SSLHostConfig certificateVerification="{verify}" {trust}>
        <Certificate certificateFile="{pair.cert}"
                     certificateKeyFile="{pair.key}" />
      </SSLHostConfig>
    </Connector>
"""
TRUST_PASSWORD = "of-the-test"


class Tomcat:
    def __init__(self, folder, port=None, ca=None):
        self.base = Path(folder) / "base"
        self.port = port or free_port()
        self.ca = ca
        self.https_port = self.strict_port = None
        self.program = None

    def _tls_connectors(self):
        """Of server.xml; makes what they need."""
        if self.ca is None:
            return ""
        pair = self.ca.issue("tomcat", ["127.0.0.1", "tomcat.intra"])
        trust = self.base / "conf" / "trust.p12"
        subprocess.run(
            ["keytool", "-importcert", "-noprompt", "-alias", "ca",
             "-file", self.ca.cert, "-keystore", trust, "-storetype",
             "PKCS12", "-storepass", TRUST_PASSWORD],
            check=True, capture_output=True)
        self.https_port, self.strict_port = free_port(), free_port()
        return TLS_CONNECTOR.format(
            port=self.https_port, verify="none", trust="", pair=pair,
        ) + TLS_CONNECTOR.format(
            port=self.strict_port, verify="required", pair=pair,
            trust=f'truststoreFile="{trust}" truststoreType="PKCS12" '
            f'truststorePassword="{TRUST_PASSWORD}"')

    def start(self, timeout_s=90):
        subprocess.run(["tomcat10-instance-create", self.base],
                       check=True, stdout=subprocess.DEVNULL)
        template = (APPLICATION / "server.xml").read_text()
        (self.base / "conf" / "server.xml").write_text(
            template.replace("@PORT@", str(self.port))
            .replace("<!-- TLS -->", self._tls_connectors()))
        for context in ("irj", "logon"):
            shutil.copytree(APPLICATION / context,
                            self.base / "webapps" / context)
        env = dict(os.environ, CATALINA_BASE=str(self.base),
                   CATALINA_OPTS=JAVA_OPTIONS)
        self.program = Program(["/usr/share/tomcat10/bin/catalina.sh", "run"],
                               self.base / "logs" / "console.log", env=env)
        # compiled and serving, which is later than listening
        self.program.wait_ready(
            lambda: answers(f"http://127.0.0.1:{self.port}/logon/ping.jsp"), timeout_s)

    def log_text(self):
        return self.program.log_text()

    def stop(self):
        if self.program:
            self.program.stop(timeout_s=15)
            self.program = None
