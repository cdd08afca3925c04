"""make demo: what it prints works as printed, and it leaves nothing."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from client import fetch
from gateway import ROOT
from processes import Program, free_port, session_pids, wait_for


@pytest.fixture(params=["python", "tomcat"])
def demo(request, folder):
    """The running demo and its text."""
    env = dict(os.environ, HTTPS=str(free_port()), HTTP=str(free_port()),
               TMPDIR=str(folder), PYTHONUNBUFFERED="1")
    program = Program([sys.executable, ROOT / "tests/tools/demo.py",
                       request.param], folder / "demo.log", env=env)
    try:
        program.wait_ready(lambda: "Ctrl-C ends" in program.log_text(), 90)
        yield program
    finally:
        program.stop(signal.SIGINT)


def printed_commands(text):
    return re.findall(r"^    ((?:curl|head) .*)$", text, re.M)


def children(pid):
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(p) for p in text.split()]


def test_printed_commands_work_and_ctrl_c_leaves_nothing(demo, folder):
    commands = printed_commands(demo.log_text())
    assert len(commands) == 6
    answers = [subprocess.run(c, shell=True, text=True, check=True,
                              capture_output=True, timeout=30).stdout
               for c in commands]
    root, logon, secure, plain, upload, certificate = answers
    assert re.search(r"(?i)^location: https://localhost:\d+/irj/portal",
                     root, re.M)
    assert re.search(r"(?i)^location: https://localhost:\d+/irj/portal",
                     logon, re.M)
    assert re.search(r"(?i)x-forwarded-proto[:=] ?https", secure)
    assert re.search(r"(?i)x-forwarded-proto[:=] ?http$", plain, re.M)
    assert upload.startswith(str(10 << 20))
    assert "BEGIN CERTIFICATE" in certificate
    assert "BEGIN CERTIFICATE" not in secure
    https, http = (re.search(rf" {scheme}://localhost:(\d+)",
                             demo.log_text())[1] for scheme in
                   ("https", "http"))
    if "Tomcat" in demo.log_text():
        answer = fetch(int(http), "/irj/secure", None, "localhost")
        assert answer.get("Location") == (
            f"https://localhost:{https}/irj/secure")

    # the portal, tlsd and rproxy, each the leader of a session of its own
    sessions = children(demo.pid)
    assert len(sessions) == 3
    assert all(map(session_pids, sessions))
    assert demo.stop(signal.SIGINT) == 0
    assert wait_for(lambda: not any(map(session_pids, sessions)), 5)
    assert [p.name for p in folder.iterdir()] == ["demo.log"]


def test_port_in_use_is_said_with_the_way_out(demo):
    https = re.search(r"https://localhost:(\d+)", demo.log_text())[1]
    run = subprocess.run(
        [sys.executable, ROOT / "tests/tools/demo.py"], text=True,
        capture_output=True, env=dict(os.environ, HTTPS=https))
    assert run.returncode != 0
    assert f"port {https}: Address already in use" in run.stderr
    assert "HTTPS=PORT" in run.stderr
