"""A Jetty 9 of its own, out of Debian's jetty9 package.

Serves tests/system/tomcat/irj/facts.jsp at /irj/facts.jsp, with the module
http-forwarded (ForwardedRequestCustomizer); the package's service is not used.
"""

import subprocess
from pathlib import Path

from processes import Program, answers, free_port

HOME = Path("/usr/share/jetty9")
FACTS = (Path(__file__).resolve().parents[1] / "system" / "tomcat" / "irj" /
         "facts.jsp")


class Jetty:
    def __init__(self, folder, port=None):
        self.base = Path(folder) / "base"
        self.port = port or free_port()
        self.program = None

    def command(self, *arguments):
        return ["java", "-Xmx128m", "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", f"-Djetty.home={HOME}",
                f"-Djetty.base={self.base}", "-jar", HOME / "start.jar",
                *arguments]

    def start(self, timeout_s=60):
        self.base.mkdir()
        subprocess.run(
            self.command("--create-startd",
                         "--add-to-start=http,http-forwarded,deploy,jsp"),
            check=True, cwd=self.base, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        folder = self.base / "webapps" / "irj"
        folder.mkdir()
        # the servlet API before it changed its name
        (folder / "facts.jsp").write_text(
            FACTS.read_text().replace("jakarta.servlet", "javax.servlet"))
        self.program = Program(
            self.command("jetty.http.host=127.0.0.1",
                         f"jetty.http.port={self.port}"),
            self.base / "console.log", cwd=self.base)
        # compiled and serving, which is later than listening
        self.program.wait_ready(
            lambda: answers(f"http://127.0.0.1:{self.port}/irj/facts.jsp"), timeout_s)

    def stop(self):
        if self.program:
            self.program.stop(timeout_s=15)
            self.program = None
