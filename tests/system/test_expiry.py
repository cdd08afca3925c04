"""Certificates that expire soon: what tlsd says of them, and how often."""

import os
import signal
import subprocess
import time

import pytest

from conftest import NAMES, site_text
from gateway import ADMIN, BUILD, ROOT
from processes import Program, ReadySocket


def test_expiry_is_a_gauge_for_each_site_and_a_warning_in_time(
        gateway, pairs, origin, ca):
    soon = time.time() + 5 * 86400 + 3600
    end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(soon))
    short = ca.issue("short", ["short.example.com"], end=end)
    text = site_text(short, origin.port).replace(
        "names = localhost\nnames = 127.0.0.1\nnames = portal.example.com\n"
        "default = yes\n", "names = short.example.com\n")
    gw = gateway(sites={"a": site_text(pairs[0], origin.port),
                        "b": text}, **ADMIN)
    assert abs(gw.metric("tlsd", 'tlsd_certificate_expiry_seconds'
                         '{site="short.example.com"}') - soon) < 2
    assert gw.metric("tlsd", 'tlsd_certificate_expiry_seconds'
                     '{site="localhost"}') > time.time() + 29 * 86400
    log = gw.tlsd.log_text()
    assert "certificate of site short.example.com expires in 5 days" in log
    assert "certificate of site localhost" not in log


def test_a_list_of_revoked_certificates_expires_as_well(gateway, pairs,
                                                        origin, ca):
    soon = time.time() + 86400 + 3600
    text = site_text(pairs[0], origin.port).replace(
        "[tls]\n", "[tls]\nclient_verify = optional\n"
        f"client_ca = {ca.cert}\nclient_crl = {ca.crl(86400 + 3600)}\n")
    gw = gateway(site=text, **ADMIN)
    assert abs(gw.metric("tlsd", 'tlsd_crl_expiry_seconds'
                         '{site="localhost"}') - soon) < 5
    assert "client_crl of site localhost expires in 1 days" in \
        gw.tlsd.log_text()


@pytest.mark.skipif(BUILD.name != "build",
                    reason="sanitizers want to be preloaded themselves")
def test_the_warning_of_expiry_comes_once_a_day(
        gateway, pairs, origin, ca, folder):
    shim, added = folder / "clock_shim.so", folder / "seconds"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", shim,
                    ROOT / "tests/tools/clock_shim.c"], check=True)
    end = time.strftime("%Y%m%d%H%M%SZ",
                        time.gmtime(time.time() + 5 * 86400 + 3600))
    pair = ca.issue("daily", NAMES, end=end)
    gw = gateway(site=site_text(pair, origin.port), start=False)
    added.write_text("0")
    with ReadySocket(gw.dir / "tlsd.notify") as ready:
        gw.tlsd = Program(
            [BUILD / "tlsd", "-c", gw.tlsd_ini], gw.dir / "tlsd.log",
            env=dict(os.environ, NOTIFY_SOCKET=ready.path,
                     LD_PRELOAD=str(shim), CLOCK_SHIM_FILE=str(added)))
        gw.tlsd.wait_ready(ready.is_up)

    def warnings_at(seconds):
        """The log file is opened anew: the master looks at its clock."""
        added.write_text(str(seconds))
        for _ in range(3):
            gw.tlsd.send(signal.SIGUSR1)
            time.sleep(0.3)
        return gw.tlsd.log_text().count("expires in 5 days")

    assert warnings_at(0) == 1
    assert warnings_at(86400 - 600) == 1
    assert warnings_at(86400 + 60) == 2
    assert warnings_at(86400 + 3600) == 2
    assert warnings_at(2 * 86400 + 600) == 3
