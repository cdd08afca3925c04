"""The log at a syslog whose daemon comes and goes."""

import socket
import subprocess
import time

import pytest

from client import raw
from conftest import site_text
from gateway import BUILD, IS_ROOT
from processes import Program, wait_for

# Gives the program a /dev of its own, with syslog's socket at a path of ours.
OWN_DEV = """\
set -e
mount --rbind /dev "$1/old-dev"
mount -t tmpfs none /dev
for name in null zero random urandom shm; do
    ln -s "$1/old-dev/$name" "/dev/$name"
done
ln -s "$1/syslog" /dev/log
shift
exec "$@"
"""


def has_own_dev(folder):
    """Whether such a /dev can be made here."""
    return IS_ROOT and subprocess.run(
        ["unshare", "--mount", "sh", "-c", OWN_DEV, "sh", folder, "true"],
        capture_output=True).returncode == 0


class Syslog:
    """A daemon of syslog that is started anew: a socket with its lines."""

    def __init__(self, path):
        self.path = path
        self.text = ""
        self.start()

    def start(self):
        self.path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(str(self.path))
        self.path.chmod(0o666)

    def stop(self):
        self.socket.close()

    def logs(self, words):
        def has_come():
            try:
                while True:
                    self.text += self.socket.recv(8192).decode() + "\n"
            except BlockingIOError:
                return words in self.text
        return wait_for(has_come, 8)


def test_syslog_that_is_started_anew_is_found(gateway, pair, folder):
    """By the master, for workers that see no /dev and may not connect."""
    (folder / "old-dev").mkdir()
    if not has_own_dev(folder):
        pytest.skip("no mount namespace can be made here")
    gw = gateway(site=site_text(pair, 1), start=False)
    text = gw.tlsd_ini.read_text()
    gw.tlsd_ini.write_text(text.replace("[tlsd]\n", "[tlsd]\nlog = syslog\n"))
    syslog = Syslog(folder / "syslog")
    gw.tlsd = Program(
        ["unshare", "--mount", "sh", "-c", OWN_DEV, "sh", folder,
         BUILD / "tlsd", "-c", gw.tlsd_ini], gw.dir / "tlsd.log")
    assert syslog.logs("generation 1 serves")
    syslog.stop()
    time.sleep(0.1)
    raw(gw.https_port, b"GET / HTTP/1.0\r\n\r\n")  # a line for nobody
    syslog.start()
    assert syslog.logs("tlsd[%d]: [master] warning: syslog was started anew"
                       % gw.tlsd.pid)
    raw(gw.https_port, b"GET / HTTP/1.0\r\n\r\n")
    assert syslog.logs("[worker 0 gen 1] info: handshake failed: ")
    syslog.stop()
