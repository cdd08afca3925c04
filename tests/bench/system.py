"""One system under test: rendered from sut/NAME.ini and conf/, started,
checked by a real request over a verified connection, stopped."""

import configparser
import re
import shutil
import socket
import ssl
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import machine
import stage as stage_module
from pinned import Pinned
from processes import free_port, wait_for

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
REQUEST = ("GET /1k HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n")
ALL_SYSTEMS = sorted(p.stem for p in (HERE / "sut").glob("*.ini"))
START_TIMEOUT_S = 30


class NotStarted(Exception):
    """It ended, or gave no right answer in time; the text has its logs."""


@dataclass(frozen=True)
class Setup:
    """What differs between starts of one system."""

    workers: int = 1
    access_log: bool = False
    n_sites: int = 2


class System:
    """sut/README.md lists the keys of the ini file and the variables."""

    def __init__(self, name, stage, build):
        ini = configparser.ConfigParser(interpolation=None)
        ini.optionxform = str
        if not ini.read(HERE / "sut" / f"{name}.ini"):
            raise NotStarted(f"no sut/{name}.ini")
        self.ini = ini
        self.name = name
        self.stage = stage
        self.build = Path(build).resolve()
        self.label = ini["sut"]["label"]
        self.is_optional = ini["sut"].getboolean("optional", False)
        self.skip = ini["sut"].get("skip", "").split()
        self.commands = [v for k, v in ini["sut"].items()
                         if re.fullmatch(r"cmd\d", k)]
        self.dir = stage.dir / name
        self.port = None
        self.programs = []
        self.setup = Setup()
        self.user = None
        self.wrapper = []
        self.env = None

    # configuration --------------------------------------------------------

    def variables(self):
        stage, setup = self.stage, self.setup
        user, group = stage_module.drop_user()
        known = {
            "DIR": self.dir, "PORT": self.port, "SOCK": self.dir / "s.sock",
            "ORIGIN": stage.origin_port, "BUILD": self.build,
            "USER": user, "GROUP": group, "WORKERS": setup.workers,
            "DESCRIPTORS": stage.descriptors,
            "CONNECTIONS": (stage.descriptors - 400) // 2,
            "THREADS": 128 * setup.workers,
            "PEM_FOLDER": self.dir / "pem",
        }
        sections = ["vars"] + (["vars log"] if setup.access_log else [])
        for section in filter(self.ini.has_section, sections):
            known.update(self.ini[section])
        return known

    def render(self, text, known):
        """@NAME@ becomes its value; lines between @EACH_SITE@ and @END@ are
        written once per site."""
        def value(match):
            return str(known[match[1]])

        def per_site(match):
            return "".join(self.render(match[1], known | site_variables(site))
                           for site in self.sites)

        text = re.sub(r"^@EACH_SITE@\n(.*?)^@END@\n", per_site, text,
                      flags=re.M | re.S)
        # twice: a variable's value may hold variables
        for _ in range(2):
            text = re.sub(r"@([A-Z_]+)@", value, text)
        return text

    def write_files(self, known):
        shutil.rmtree(self.dir, ignore_errors=True)
        (self.dir / "pem").mkdir(parents=True)
        (self.dir / "sites").mkdir()
        for site in self.sites:
            shutil.copy(site.pem, self.dir / "pem")
        for name in self.ini["sut"].get("conf", "").split():
            text = (HERE / "conf" / name).read_text()
            (self.dir / name).write_text(self.render(text, known))
        name = self.ini["sut"].get("per_site")
        for site in self.sites if name else ():
            text = self.render((HERE / "conf" / name).read_text(),
                               known | site_variables(site))
            (self.dir / "sites" / f"{site.name}.ini").write_text(text)
        if self.user:
            for path in [self.dir, *self.dir.rglob("*")]:
                shutil.chown(path, self.user)

    # life -----------------------------------------------------------------

    def start(self, setup):
        """Seconds from the first exec to the first right answer."""
        self.setup = setup
        self.sites = self.stage.take_sites(setup.n_sites)
        self.port = free_port()
        known = self.variables()
        self.write_files(known)
        cores, _ = self.stage.cores(setup.workers)
        begin = time.monotonic()
        try:
            for number, command in enumerate(self.commands, 1):
                self.start_program(number, command, known, cores)
            self.wait_answer(self.sites[0])
            took = time.monotonic() - begin
            for site in {s.name: s for s in (self.sites[1],
                                             self.sites[-1])}.values():
                self.wait_answer(site)
        except BaseException:
            self.stop()
            raise
        return took

    def start_program(self, number, command, known, cores):
        argv = [*self.wrapper, *self.render(command, known).split()]
        program = Pinned(argv, cores, self.dir / f"out{number}.log",
                         user=self.user, env=self.env, nice=self.stage.nice)
        self.programs.append(program)
        if number == len(self.commands):
            return
        socket_path = self.dir / "s.sock"
        if not wait_for(lambda: socket_path.exists() or program.ended(),
                        START_TIMEOUT_S, 0.002) or program.ended():
            raise NotStarted(f"{self.name}: {command}\n{self.logs()}")

    def wait_answer(self, site):
        """The right answer under the right certificate."""
        trust = self.stage.trusted(self.sites)
        end = time.monotonic() + START_TIMEOUT_S
        error = None
        while time.monotonic() < end and not any(
                p.ended() for p in self.programs):
            try:
                answer = ask(self.port, site.name, trust)
            except OSError as e:
                error = e
                time.sleep(0.002)
                continue
            head, _, body = answer.partition(b"\r\n\r\n")
            if b" 200 " in head[:20] and len(body) == 1024:
                return
            error = answer[:200]
            time.sleep(0.05)
        raise NotStarted(f"{self.name}: {site.name}: {error}\n{self.logs()}")

    def pids(self):
        return [pid for p in self.programs for pid in p.pids()]

    def stop(self):
        for program in reversed(self.programs):
            program.stop()
        self.programs = []

    def logs(self):
        text = ""
        for path in sorted(self.dir.glob("*.log")):
            text += path.read_text(errors="replace")[-1500:]
        return text

    def identity(self):
        """For the report: version, and which libssl it really runs with."""
        libraries = {machine.libssl_of(pid) for pid in self.pids()} - {None}
        return {"label": self.label, "version": self.version(),
                "libssl": " ".join(sorted(libraries)) or "none"}

    def version(self):
        command = self.ini["sut"].get("version", "")
        found = []
        for line in filter(None, command.split(";")):
            run = subprocess.run(
                self.render(line, self.variables()).split(), text=True,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            match = re.search(r"\d+\.\d+[.\w]*", run.stdout)
            found.append(match[0] if match else "?")
        return ", ".join(found)


def site_variables(site):
    return {"NAME": site.name, "CERT": site.cert, "KEY": site.key,
            "PEM": site.pem}


def ask(port, name, trust):
    """One request on a connection of its own; all bytes of the answer."""
    context = ssl.create_default_context(cafile=str(trust))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.options |= ssl.OP_IGNORE_UNEXPECTED_EOF
    with socket.create_connection(("127.0.0.1", port), 5) as tcp:
        with context.wrap_socket(tcp, server_hostname=name) as tls:
            tls.sendall(REQUEST.format(name=name).encode())
            answer = b""
            while data := tls.recv(65536):
                answer += data
            return answer
