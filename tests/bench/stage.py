"""What all measurements share: a folder, certificates, the origin, cores."""

import getpass
import grp
import json
import os
import pwd
import shutil
import subprocess
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import machine
from pinned import Pinned
from processes import free_port, listens, wait_for

# Who the systems' workers become when root has started them.
USER = "nobody"

KEY_OPTIONS = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "rsa": ["rsa:2048"]}


@dataclass
class Site:
    """One name with a certificate of its own."""

    name: str
    cert: Path
    key: Path
    pem: Path       # key and certificate in one file, as some want it


class Stage:
    """with Stage(...) as stage: everything in it is gone afterwards."""

    def __init__(self, programs, core_system=0, core_load=1, nice=0):
        self.programs = Path(programs).resolve()
        self.core_system = core_system
        self.core_load = core_load
        self.nice = nice
        self.descriptors = machine.raise_descriptor_limit()
        self.sites = []
        self.origin = None
        self.origin_port = free_port()

    def __enter__(self):
        self.dir = Path(tempfile.mkdtemp(prefix="bench."))
        self.dir.chmod(0o755)
        os.sched_setaffinity(0, {self.core_load})
        try:
            self.start_origin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.origin:
            self.origin.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    # cores ----------------------------------------------------------------

    def cores(self, workers):
        """(the system's cores, the load's cores) for so many workers.

        With more than one worker the load shares the cores, unless the
        machine has enough of them.
        """
        if workers == 1:
            return {self.core_system}, {self.core_load}
        every = sorted(os.sched_getaffinity(1))
        if len(every) >= workers + 2:
            return set(every[:workers]), set(every[workers:workers + 2])
        return set(every), set(every)

    def place_load(self, workers):
        """Moves the origin (and us) to where the load generator will be."""
        _, cores = self.cores(workers)
        os.sched_setaffinity(self.origin.pid, cores)
        os.sched_setaffinity(0, cores)

    # origin ---------------------------------------------------------------

    def start_origin(self):
        self.origin = Pinned([self.programs / "origin", self.origin_port],
                             {self.core_load}, self.dir / "origin.log",
                             nice=self.nice)
        if not wait_for(lambda: listens(self.origin_port)):
            raise RuntimeError((self.dir / "origin.log").read_text())

    def origin_counts(self):
        """accepted: connections so far; requests: so far (not this one)."""
        url = f"http://127.0.0.1:{self.origin_port}/stats"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)

    # certificates ---------------------------------------------------------

    def take_sites(self, n):
        """n sites: one ECDSA P-256, one RSA-2048, the rest ECDSA."""
        while len(self.sites) < n:
            number = len(self.sites)
            kind = "rsa" if number == 1 else "ec"
            label = ("ec", "rsa")[number] if number < 2 else f"s{number:03}"
            self.sites.append(self.make_site(f"{label}.bench.test", kind))
        return self.sites[:n]

    def make_site(self, name, kind):
        folder = self.dir / "tls"
        folder.mkdir(exist_ok=True)
        site = Site(name, *(folder / f"{name}.{end}"
                            for end in ("crt", "key", "pem")))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", *KEY_OPTIONS[kind],
             "-nodes", "-sha256", "-days", "30", "-subj", f"/CN={name}",
             "-addext", f"subjectAltName=DNS:{name}",
             "-keyout", site.key, "-out", site.cert],
            check=True, capture_output=True)
        site.pem.touch(0o600)
        site.pem.write_text(site.key.read_text() + site.cert.read_text())
        return site

    def trusted(self, sites):
        """One file with the certificates of the sites."""
        path = self.dir / "tls" / f"trusted-{len(sites)}.pem"
        if not path.exists():
            path.write_text("".join(s.cert.read_text() for s in sites))
        return path


def drop_user():
    """(user, group) that a system started by root is to become."""
    if os.geteuid() != 0:
        user = getpass.getuser()
    else:
        user = USER
    return user, grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name
