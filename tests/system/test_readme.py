"""What README.md says can be done as it stands there."""

import re
import subprocess

from gateway import BUILD, ROOT

README = (ROOT / "README.md").read_text()


def ini_files():
    """File name (the comment in the first line) -> text."""
    blocks = re.findall(r"```ini\n; (\S+)\n(.*?)```", README, re.S)
    return dict(blocks)


def test_configuration_in_the_readme_is_accepted(ca, folder):
    pair = ca.issue("readme", ["portal.example.com"])
    for name in ("certs", "private", "sites", "run"):
        (folder / name).mkdir()
    (folder / "certs/portal.pem").write_bytes(pair.cert.read_bytes())
    key = folder / "private/portal.key"
    key.touch(0o600)
    key.write_bytes(pair.key.read_bytes())
    files = ini_files()
    assert set(files) == {"sites/portal.ini", "tlsd.ini", "rproxy.ini"}
    for name, text in files.items():
        (folder / name).write_text(text)
    for daemon in ("tlsd", "rproxy"):
        run = subprocess.run(
            [BUILD / daemon, "-t", "-c", folder / f"{daemon}.ini"],
            capture_output=True, text=True)
        assert run.returncode == 0, run.stdout + run.stderr


def test_files_and_targets_named_in_the_readme_exist():
    for target in re.findall(r"^    make ([a-z]+)", README, re.M):
        run = subprocess.run(["make", "-n", target], cwd=ROOT,
                             capture_output=True)
        assert run.returncode == 0, target
    for path in re.findall(r"`((?:tests|tlsd|rproxy|common|conf)/[^`*\s]*)`",
                           README):
        assert (ROOT / path).exists(), path
