"""What systemd is to a daemon, for tests of restarts.

    manager = Manager(gw, "tlsd")        gw: a Gateway with its files written
    manager.start(), manager.restart()
"""

import os
import shutil
import socket

from gateway import BUILD, RPROXY_USER, TLSD_USER
from processes import Program, ReadySocket


class Manager:
    """What systemd is to a daemon: it holds the listening sockets and the
    descriptors that the daemon gives it to keep."""

    def __init__(self, gw, daemon):
        self.gw, self.daemon = gw, daemon
        self.notify = ReadySocket(gw.dir / f"{daemon}.notify")
        self.kept = None
        self.sockets = []
        if daemon == "tlsd":
            self.listen(socket.AF_INET, ("127.0.0.1", gw.https_port))
            if gw.has_egress:
                self.listen(socket.AF_UNIX, str(gw.egress))
                shutil.chown(gw.egress, RPROXY_USER)
            return
        self.listen(socket.AF_INET, ("127.0.0.1", gw.http_port))
        self.listen(socket.AF_UNIX, str(gw.socket))
        shutil.chown(gw.socket, TLSD_USER)

    def listen(self, family, address):
        s = socket.socket(family)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(address)
        s.listen(1024)
        self.sockets.append(s)

    def start(self):
        self.up = False
        given = self.sockets + ([self.kept] if self.kept is not None else [])
        fds = [fd if isinstance(fd, int) else fd.fileno() for fd in given]
        names = ":".join(["web"] * len(self.sockets) +
                         ["state"] * (len(given) - len(self.sockets)))
        moves = "".join(f"exec {200 + i}<&{fd}; " for i, fd in enumerate(fds))
        moves += "".join(f"exec {3 + i}<&{200 + i}; "
                         for i in range(len(fds)))
        moves += "".join(f"exec {200 + i}<&-; " for i in range(len(fds)))
        ini = getattr(self.gw, f"{self.daemon}_ini")
        script = (f"{moves} export LISTEN_PID=$$ LISTEN_FDS={len(fds)} "
                  f"LISTEN_FDNAMES={names}; "
                  f"exec {BUILD / self.daemon} -c {ini}")
        started = Program(
            ["bash", "-c", script], self.gw.dir / f"{self.daemon}.log",
            env=dict(os.environ, NOTIFY_SOCKET=self.notify.path),
            pass_fds=fds)
        setattr(self.gw, self.daemon, started)
        started.wait_ready(self.is_up)

    def is_up(self):
        """Reads what there is; keeps the descriptor that comes with it."""
        while not self.up:
            try:
                text, fds, _, _ = socket.recv_fds(
                    self.notify.socket, 4096, 4)
            except BlockingIOError:
                break
            self.up = b"READY=1" in text
            if fds:
                self.kept = fds[0]
        return self.up

    def restart(self):
        assert getattr(self.gw, self.daemon).stop() == 0
        self.start()
