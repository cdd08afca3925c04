"""The samples in conf/."""

import shutil
import subprocess

import pytest

from checker import USER
from gateway import BUILD, ROOT


@pytest.fixture
def samples(folder, ca):
    """conf/ with what the samples name: certificates, users, folders."""
    for source in (ROOT / "conf").rglob("*.ini"):
        target = folder / source.relative_to(ROOT / "conf")
        target.parent.mkdir(exist_ok=True)
        text = source.read_text()
        for old, new in (("= tlsd ", f"= {USER} "), ("= tlsd\n", f"= {USER}\n"),
                         ("= rproxy ", f"= {USER} "),
                         ("/var/log/rproxy", str(folder)),
                         ("/run/rproxy", str(folder)),
                         ("/run/tlsd", str(folder))):
            text = text.replace(old, new)
        target.write_text(text)

    def take(pair, label):
        shutil.copy(pair.cert, folder / "certs" / f"{label}.pem")
        shutil.copy(pair.key, folder / "private" / f"{label}.key")

    for name in ("certs", "private"):
        (folder / name).mkdir()
    for label, names in (("portal", ["portal.example.com"]),
                         ("apps", ["apps.example.com",
                                   "*.apps.example.com"]),
                         ("reports", ["reports.example.com"])):
        take(ca.issue(f"sample-{label}", names), label)
    take(ca.user("sample-gateway", "The gateway"), "gateway-client")
    for name in ("users-ca", "intranet-ca"):
        shutil.copy(ca.cert, folder / "certs" / f"{name}.pem")
    return folder


def test_the_samples_are_good(samples):
    for program in ("tlsd", "rproxy"):
        run = subprocess.run(
            [BUILD / program, "-t", "-c", samples / f"{program}.ini"],
            capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stderr == ""


def test_the_keys_that_the_samples_leave_out_by_comment_exist(samples, ca):
    """A line that is taken in by removing the semicolon must be right."""
    shutil.copy(ca.crl(), samples / "certs" / "users.crl")
    for path in (samples / "sites").glob("*.ini"):
        text = path.read_text().splitlines()
        path.write_text("".join(
            (l[1:] if l.startswith(";client_") else l) + "\n" for l in text))
    run = subprocess.run([BUILD / "tlsd", "-t", "-c", samples / "tlsd.ini"],
                         capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
