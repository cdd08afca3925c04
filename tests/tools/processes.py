"""Starting a program, waiting until it serves, and seeing that it is gone."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path


def free_port():
    """A TCP port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(condition, timeout_s=10.0, step_s=0.02):
    """The first true value of condition(), or the last false one."""
    end = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(step_s)


@contextlib.contextmanager
def stands_still(pid):
    """What happens meanwhile it sees at once, in the order of arrival."""
    os.kill(pid, signal.SIGSTOP)
    try:
        stat = Path(f"/proc/{pid}/stat")
        assert wait_for(lambda: stat.read_text().rsplit(") ")[1][0] == "T")
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def listens(address):
    """True when something accepts at a port of 127.0.0.1 or a Unix path."""
    try:
        if isinstance(address, int):
            socket.create_connection(("127.0.0.1", address), 1).close()
            return True
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(address))
            return True
    except OSError:
        return False


def answers(url):
    """Whether GET of it succeeds."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status == 200
    except OSError:
        return False


def session_pids(session):
    """Live processes of a session: a master and all it has started.

    The session stays with orphans, so it also finds what a killed master
    has left behind.
    """
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        fields = stat[stat.rindex(")") + 2:].split()
        if fields[0] != "Z" and int(fields[3]) == session:
            found.append(int(entry.name))
    return sorted(found)


@contextlib.contextmanager
def silent_address(address, port=0):
    """A queue that is full: the next connect is not even refused."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(0)
        for _ in range(2):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def command_line(pid):
    """argv joined by spaces; empty when the process is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return ""
    return raw.rstrip(b"\0").replace(b"\0", b" ").decode(errors="replace")


class NotReady(Exception):
    """A program that ended or did not serve in time; the text has its log."""


class ReadySocket:
    """The service manager's end of sd_notify."""

    def __init__(self, path):
        self.path = str(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.setblocking(False)
        self.up = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        os.unlink(self.path)

    def is_up(self):
        try:
            while not self.up:
                self.up = b"READY=1" in self.socket.recv(4096)
        except BlockingIOError:
            pass
        return self.up


class Program:
    """A program in a session of its own, its output in a log file."""

    def __init__(self, argv, log, env=None, cwd=None, pass_fds=()):
        self.argv = [str(a) for a in argv]
        self.log = Path(log)
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                self.argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                env=env, cwd=cwd, pass_fds=pass_fds, start_new_session=True)
        self.pid = self.process.pid

    def log_text(self):
        return self.log.read_text(errors="replace")

    def pids(self):
        return session_pids(self.pid)

    def wait_ready(self, ready, timeout_s=15.0):
        """ready(): a callable that says so."""
        def settled():
            return self.process.poll() is not None or ready()
        wait_for(settled, timeout_s)
        if self.process.poll() is not None:
            raise NotReady(f"{self.argv[0]} ended with "
                           f"{self.process.returncode}\n{self.log_text()}")
        if not ready():
            raise NotReady(f"{self.argv[0]} is not ready after {timeout_s} s"
                           f"\n{self.log_text()}")

    def send(self, number):
        if self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, timeout_s=20.0):
        """Exit status (negative: the signal); None when it had to be killed.

        Kills what is left of the session, whatever happened.
        """
        self.send(number)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        self.leftovers = wait_for_none(self.pid)
        for pid in self.leftovers:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        if status is None:
            self.process.wait()
        return status


def wait_for_none(session, timeout_s=3.0):
    """What is still alive in the session after a moment of grace."""
    wait_for(lambda: not session_pids(session), timeout_s)
    return session_pids(session)
