"""The signer's life and death, and what each process is left with."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from gateway import BUILD, IS_ROOT, TLSD_USER
from processes import wait_for
from keys_in_memory import may_read_memory

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(),
                                reason="needs /proc")
PIDFD_OPEN, PIDFD_GETFD = 434, 438
CONTROL_FD = 3  # common/child.h


def status_of(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return dict(re.findall(r"^(\w+):\s+(.*)$", text, re.M))


@pytest.mark.parametrize("role", ["signer", "worker"])
def test_each_process_is_locked_up(tlsd, tls, role):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        pid = getattr(t, role)
        status = status_of(pid)
        assert status["Seccomp"] == "2"
        assert status["NoNewPrivs"] == "1"
        limits = Path(f"/proc/{pid}/limits").read_text()
        assert re.search(r"^Max core file size +0 +0 ", limits, re.M)
        if not IS_ROOT:
            return
        assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == 0
        assert status["Uid"].split() == [status_uid()] * 4
        # not dumpable: /proc/PID belongs to root and not to the user
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        assert os.readlink(f"/proc/{pid}/root") != "/"


def status_uid():
    import pwd
    return str(pwd.getpwnam(TLSD_USER).pw_uid)


@pytest.mark.skipif(not IS_ROOT, reason="only root may change its root")
def test_what_is_in_reach_is_the_socket_of_rproxy_and_nothing_else(tlsd):
    t = tlsd()
    assert os.listdir(f"/proc/{t.worker}/root") == [t.gw.socket.name]
    assert os.listdir(f"/proc/{t.signer}/root") == []


def test_the_signer_has_locked_memory_and_no_network(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        assert int(status_of(t.signer)["VmLck"].split()[0]) > 0
        kinds = {os.readlink(f"/proc/{t.signer}/fd/{fd}").split(":")[0]
                 for fd in os.listdir(f"/proc/{t.signer}/fd")}
        inodes = {os.readlink(f"/proc/{t.signer}/fd/{fd}")
                  for fd in os.listdir(f"/proc/{t.signer}/fd")}
    assert kinds <= {"socket", "/dev/null", "pipe",
                     str(t.gw.dir / "tlsd.log")}
    tcp = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    for inode in re.findall(r"socket:\[(\d+)\]", " ".join(inodes)):
        assert f" {inode} " not in tcp


def test_the_death_of_the_signer_is_survived(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        signer = t.signer
        os.kill(signer, signal.SIGKILL)
        assert c.ask() == b"hello"
        assert wait_for(lambda: t.gw.pids("tlsd: signer") not in
                        ([], [signer]))
        with t.connect(tls) as other:
            assert other.ask() == b"hello"
        assert c.ask() == b"hello"
    assert t.logs(r"signer 0: ended by signal 9")
    assert t.reaches(1, "signer_channel_losses_total")


# a worker that has been broken into -------------------------------------------


def take_descriptor(pid, fd):
    """Our own copy of a descriptor of another process: pidfd_getfd(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = libc.syscall(PIDFD_OPEN, pid, 0)
    got = libc.syscall(PIDFD_GETFD, pidfd, fd, 0)
    if got < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    os.close(pidfd)
    return got


def channel_of(pid):
    """The worker's end of its channel to the signer."""
    for fd in map(int, os.listdir(f"/proc/{pid}/fd")):
        if fd <= 3 or "socket" not in os.readlink(f"/proc/{pid}/fd/{fd}"):
            continue
        s = socket.socket(fileno=take_descriptor(pid, fd))
        if s.family == socket.AF_UNIX and s.type == socket.SOCK_SEQPACKET:
            return s
        s.close()
    raise AssertionError("no channel")


FORGED = {
    "a certificate": b"S\x04\0\0\0\0\0\7" + b"\x30\x82\x01\x00" + bytes(256),
    "an empty request": b"S",
    "a message of another kind": b"K\0\0\0" + bytes(64),
    "a key that is not there": b"S\x04\xff\xff\0\0\0\7" + b" " * 64,
    "a client's CertificateVerify":
        b"S\x04\0\0\0\0\0\7" + b" " * 64 +
        b"TLS 1.3, client CertificateVerify\0" + bytes(32),
}


@pytest.mark.skipif(not (IS_ROOT and may_read_memory()),
                    reason="root alone may take descriptors of others")
@pytest.mark.skipif(BUILD.name in ("tsan",), reason="slow")
def test_a_forged_request_ends_the_channel_and_is_recovered_from(tlsd, tls):
    t = tlsd()
    with t.connect(tls) as c:
        c.ask()
        signer, worker = t.signer, t.worker
        for n, (what, request) in enumerate(FORGED.items(), 1):
            with channel_of(worker) as channel:
                channel.send(request)
            assert t.reaches(n, "signer_requests_total", result="refused"), \
                what
            assert t.reaches(n, "signer_channel_losses_total")
            assert wait_for(lambda n=n: len(t.log("gets a new channel")) == n)

            def served():
                try:
                    with t.connect(tls) as other:
                        return other.ask() == b"hello"
                except OSError:
                    return False

            assert wait_for(served, 3)
        # nobody had to die for it
        assert c.ask() == b"hello"
        assert (t.signer, t.worker) == (signer, worker)
    assert t.logs(r"asked for a signature that no TLS server needs: not a "
                  r"structure that TLS signs; its channel is closed")


@pytest.mark.skipif(not (IS_ROOT and may_read_memory()),
                    reason="root alone may take descriptors of others")
@pytest.mark.parametrize("report", [b"P", b"T" + bytes(8), b"x"])
def test_a_worker_that_floods_the_master_harms_nobody_else(tlsd, tls, report):
    """P asks for a new channel to the signer, T is passed on to the others."""
    t = tlsd(workers=2)
    signer, worker = t.signer, t.worker
    control = socket.socket(fileno=take_descriptor(worker, CONTROL_FD))
    until = time.monotonic() + 1.5
    with control, t.connect(tls) as c:
        while time.monotonic() < until:
            try:
                control.send(report, socket.MSG_DONTWAIT)
            except BlockingIOError:
                time.sleep(0.001)
        assert t.status()["generation"] == 1
        assert c.ask() == b"hello"
    assert t.signer == signer and worker in t.gw.pids("tlsd: worker")
    assert 1 <= len(t.log(r"worker \d reports too much")) <= 4
    assert len(t.gw.tlsd.log_text().splitlines()) < 200


def test_the_worker_may_not_trace_the_signer(tlsd):
    """Beside the filter there is no way either: the kernel says so to one of
    the same user."""
    t = tlsd()
    if not IS_ROOT:
        pytest.skip("needs another user")
    run = subprocess.run(
        ["setpriv", "--reuid", TLSD_USER, "--clear-groups", "cat",
         f"/proc/{t.signer}/maps"], capture_output=True, text=True)
    assert run.returncode != 0 and "Permission denied" in run.stderr
