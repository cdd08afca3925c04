"""A real browser: Chromium trusts the test CA as a user's browser does, has
the user's certificate in its store, and visits the portal on Tomcat."""

import json
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from ca import P12_PASSWORD
from gateway import ROOT
from portal_site import HOST, how_to_site

HERE = Path(__file__).resolve().parent
DRIVER = ROOT / "build" / "browser" / "node_modules" / "playwright-core"
CHROMIUM = "/usr/bin/chromium"

# Which certificate to show is a question to the user; a policy answers it.
# Policies have one place on the machine.  The browser gets a view of its own
# of that place (a mount namespace); where that is not allowed, as in most
# containers, root puts the file there for as long as the visit lasts.
POLICIES = Path("/etc/chromium/policies/managed")
WRAPPER = """#!/bin/sh
exec {unshare} sh -c '
	mount -t tmpfs none /etc/chromium || exit 1
	mkdir -p {policies}
	cp "{policy}" {policies}/
	exec {chromium} "$@"' chromium "$@"
"""


def fill_store(home, ca, user):
    """The certificate store of a browser whose home this is."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    db = f"sql:{store}"
    for command in (
            ["certutil", "-N", "-d", db, "--empty-password"],
            ["certutil", "-A", "-d", db, "-n", "test CA", "-t", "C,,",
             "-i", str(ca.cert)],
            ["pk12util", "-i", str(user.p12), "-d", db, "-W", P12_PASSWORD,
             "-K", ""]):
        subprocess.run(command, check=True, capture_output=True)


def unshare_command():
    command = ["unshare", "--mount"]
    if os.geteuid() != 0:
        command.insert(1, "--map-root-user")
    run = subprocess.run([*command, "mount", "-t", "tmpfs", "none", "/mnt"],
                         capture_output=True)
    return " ".join(command) if run.returncode == 0 else None


@contextmanager
def browser_with_policy(folder, origin):
    """Chromium that shows the certificate in its store to the site."""
    text = json.dumps({"AutoSelectCertificateForUrls": [
        json.dumps({"pattern": origin, "filter": {}})]})
    unshare = unshare_command()
    if not unshare:
        if os.geteuid() != 0:
            pytest.skip("neither root nor allowed to make a mount namespace")
        POLICIES.mkdir(parents=True, exist_ok=True)
        policy = POLICIES / f"gateway-test-{os.getpid()}.json"
        policy.write_text(text)
        try:
            yield CHROMIUM
        finally:
            policy.unlink()
        return
    policy = folder / "policy.json"
    policy.write_text(text)
    wrapper = folder / "chromium"
    wrapper.write_text(WRAPPER.format(
        policy=policy, policies=POLICIES, chromium=CHROMIUM, unshare=unshare))
    wrapper.chmod(0o755)
    yield wrapper


def visit(folder, origin, program):
    settings = {"driver": str(DRIVER), "program": str(program),
                "home": str(folder / "home"),
                "profile": str(folder / "profile"), "origin": origin,
                "rules": f"MAP {HOST} 127.0.0.1"}
    run = subprocess.run(
        ["node", HERE / "browser" / "portal.js", json.dumps(settings)],
        capture_output=True, text=True, timeout=110)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.fixture(scope="module")
def site(tomcat, pair, ca):
    return how_to_site(pair, ca, tomcat.port)


def check_visit(seen, origin):
    """What holds for every visit."""
    assert seen["complaints"] == []
    assert seen["failed"] == []
    assert seen["logonUrl"] == origin + "/logon/logon.jsp"
    assert seen["portalUrl"] == origin + "/irj/portal"
    assert seen["user"] == "ann"
    assert seen["secureContext"] and seen["scriptRan"]
    assert seen["visits"] == "2"
    assert seen["images"] == 200
    elsewhere = [url for _, url in seen["responses"]
                 if not url.startswith((origin + "/", "data:"))]
    assert elsewhere == []
    bad = [r for r in seen["responses"] if r[0] >= 400]
    assert bad == []
    assert seen["certificate"]["issuer"] == "Throw-away test CA"
    assert {c["name"] for c in seen["cookies"]} == \
        {"MYSAPSSO2", "JSESSIONID", "saplb_*"}
    assert all(c["secure"] for c in seen["cookies"])
    headers = {n.lower(): v for n, v in seen["headers"]}
    assert headers["x-forwarded-proto"] == "https"
    assert headers["host"] == origin.removeprefix("https://")


def test_browser_logs_on_and_presents_its_certificate(
        gateway, site, ca, user, folder):
    gw = gateway(site=site)
    origin = f"https://{HOST}:{gw.https_port}"
    fill_store(folder / "home", ca, user)
    with browser_with_policy(folder, origin) as browser:
        seen = visit(folder, origin, browser)
    check_visit(seen, origin)
    assert "CN=Test User" in seen["clientCertificate"]


def test_browser_without_certificate_is_served_too(
        gateway, site, ca, user, folder):
    gw = gateway(site=site.replace("client_verify = optional",
                                   "client_verify = none"))
    origin = f"https://{HOST}:{gw.https_port}"
    fill_store(folder / "home", ca, user)
    seen = visit(folder, origin, CHROMIUM)
    check_visit(seen, origin)
    assert seen["clientCertificate"] == "none"


def test_browser_that_does_not_know_the_ca_refuses(
        gateway, site, folder):
    """The visits above prove something only if this one fails."""
    gw = gateway(site=site)
    (folder / "home").mkdir()
    with pytest.raises(AssertionError, match="ERR_CERT_AUTHORITY_INVALID"):
        visit(folder, f"https://{HOST}:{gw.https_port}", CHROMIUM)


def test_tools_of_this_test_are_there():
    assert DRIVER.is_dir()
    for program in ("certutil", "pk12util", "node", CHROMIUM):
        assert shutil.which(program), program
