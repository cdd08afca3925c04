"""OCSP staples: served while they are good, renewed without a reload."""

import re
import subprocess

import pytest

from processes import wait_for


@pytest.fixture
def stapled(tlsd, ca, folder):
    """A tlsd whose staple is to be at .staple, and its certificate."""
    pair = ca.issue("stapled", ["localhost"], key="ec")
    staple = folder / "portal.ocsp"
    text = f"""\
[site]
names = localhost
default = yes
[tls]
certificate = {ca.chain(pair)}
key = {pair.key}
ocsp_staple = {staple}
[route all]
prefix = /
pool = origin
[pool origin]
server = http://127.0.0.1:1
"""

    def start(prepare=lambda: None):
        prepare()
        t = tlsd(site=text)
        t.pair, t.staple = pair, staple
        return t

    start.pair, start.staple = pair, staple
    return start


def status(t, option="-tls1_3"):
    """What a client that asks is told: "good", "revoked" or None."""
    run = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{t.port}", "-status",
         "-servername", "localhost", option], input=b"Q\n",
        capture_output=True, timeout=20)
    said = run.stdout.decode(errors="replace")
    match = re.search(r"Cert Status: (\w+)", said)
    assert match or "OCSP response: no response sent" in said
    return match and match[1]


def test_a_staple_is_there_for_the_first_client(stapled, ca):
    t = stapled(lambda: ca.staple(stapled.pair, stapled.staple))
    assert status(t) == "good"
    assert status(t, "-tls1_2") == "good"
    assert t.reaches(2, "ocsp_staples_total")


def test_a_new_staple_is_served_without_a_reload(stapled, ca):
    t = stapled()
    assert status(t) is None
    assert t.logs(r"portal\.ocsp: No such file")
    ca.staple(t.pair, t.staple)
    assert wait_for(lambda: status(t) == "good", 6, 0.3)
    ca.revoke(t.pair)
    ca.staple(t.pair, t.staple)
    assert wait_for(lambda: status(t) == "revoked", 6, 0.3)
    assert t.status()["generation"] == 1


def test_what_is_no_staple_of_ours_is_logged_and_not_served(stapled, ca):
    t = stapled(lambda: ca.staple(stapled.pair, stapled.staple))
    other = ca.issue("foreign", ["localhost"], key="ec")
    ca.staple(other, t.staple)
    assert t.logs(r"portal\.ocsp is not served: it speaks of no certificate")
    t.staple.write_text("HTTP/1.1 500 Oops\n")
    assert t.logs(r"portal\.ocsp is not served: it is no OCSP response")
    assert status(t) == "good"
    assert t.reaches(2, "ocsp_staples_rejected_total")


def test_a_worker_that_is_started_again_has_the_newest(stapled, ca):
    t = stapled()
    ca.staple(t.pair, t.staple)
    assert wait_for(lambda: status(t) == "good", 6, 0.3)
    worker = t.worker
    subprocess.run(["kill", "-9", str(worker)], check=True)
    assert wait_for(lambda: t.gw.pids("tlsd: worker") not in ([], [worker]))
    assert t.logs(r"worker 0 is back")
    assert status(t) == "good"
