"""tlsd -t and rproxy -t: what is wrong with a configuration, all of it at
once, each with its own message."""

import subprocess

import pytest

from checker import RPROXY, USER, one_fault
from gateway import BUILD


def test_a_good_configuration_passes_without_a_word_of_complaint(check, good):
    check.site(good.cert, good.key)
    for program in ("tlsd", "rproxy"):
        status, lines = check.run(program)
        assert status == 0
        assert not [l for l in lines if "error" in l or "warning" in l]


@pytest.mark.parametrize("line,words", [
    ("ciphers = AES128-SHA", "none of these can be used, ECDHE"),
    ("ciphers = NO-SUCH-CIPHER", "OpenSSL knows no such cipher"),
    ("ciphers = HIGH:@SECLEVEL=0", "no @ is allowed"),
    ("ciphers = AECDH-AES256-SHA:eNULL", "none of these"),
    ("ciphersuites = TLS_AES_512_GCM", "OpenSSL knows no such suite"),
    ("groups = X25519:brainpoolP256r1", '"brainpoolP256r1" is not allowed'),
    ("groups = X25519:", '"" is not allowed'),
])
def test_a_list_that_cannot_be_spoken_is_refused(check, good, line, words):
    check.site(good.cert, good.key, line + "\n")
    one_fault(check.run(), "error", "site.ini:8", words)


@pytest.mark.parametrize("line", [
    "ciphers = HIGH:!aNULL", "ciphersuites = TLS_AES_256_GCM_SHA384",
    "groups = P-256:X25519", "min_version = 1.3"])
def test_a_list_that_can_be_spoken_is_taken(check, good, line):
    check.site(good.cert, good.key, line + "\n")
    assert check.run() == (0, ["tlsd.ini: configuration is good"])


def test_a_group_that_openssl_lacks_is_refused(check, good):
    known = subprocess.run(["openssl", "version"], capture_output=True,
                           text=True, check=True).stdout.split()[1]
    check.site(good.cert, good.key, "groups = X25519MLKEM768:X25519\n")
    if tuple(map(int, known.split(".")[:2])) < (3, 5):
        one_fault(check.run(), "error", "site.ini:8",
                  f"{known} does not have all of them")
    else:
        assert check.run()[0] == 0


def test_old_versions_are_allowed_with_a_warning(check, good):
    check.site(good.cert, good.key, "min_version = 1.0\n")
    one_fault(check.run(), "warning", "site.ini:8", "RFC 8996")


def test_certificates_are_checked_beside_errors_in_the_ini(check, good):
    check.site("nowhere.pem", good.key, "min_verison = 1.2\n")
    status, lines = check.run()
    assert status == 1
    assert any("site.ini:8: tls.min_verison" in l for l in lines)
    assert any("nowhere.pem" in l for l in lines)
    check.site(good.cert, "nowhere.key", "min_verison = 1.2\n")
    assert any("nowhere.key" in l for l in check.run()[1])


def test_all_faults_at_once_with_suggestions(check, good):
    check.site(good.cert, good.key, "min_verison = 1.2\n")
    check.write("tlsd.ini", "[tlsd]\nsites = site.ini\nsites = no*.ini\n"
                "handshake_timeout = 10\nlog_levle = info\n"
                "[listen a]\naddress = localhost:443\nfoo\n")
    status, lines = check.run()
    assert status == 1
    wanted = [
        'error: site.ini:8: tls.min_verison: unknown key, did you mean '
        '"min_version"?',
        "error: tlsd.ini:1: tlsd.backend: missing",
        "error: tlsd.ini:3: sites: no file matches no*.ini",
        "error: tlsd.ini:4: tlsd.handshake_timeout: \"10\" is not a duration",
        'error: tlsd.ini:5: tlsd.log_levle: unknown key, did you mean '
        '"log_level"?',
        'error: tlsd.ini:7: listen.address: "localhost:443" is not an',
        "error: tlsd.ini:8: neither a [section] nor",
    ]
    for text in wanted:
        assert any(l.startswith(text) for l in lines), (text, lines)
    assert len([l for l in lines if l.startswith("error: ")]) == len(wanted)


def test_both_daemons_check_the_whole_site(check, good):
    check.site(good.cert, good.key, "min_verison = 1.2\n")
    for program in ("tlsd", "rproxy"):
        one_fault(check.run(program), "error", "site.ini:8", "min_version")


def test_a_missing_file_is_named(check):
    status, lines = check.run("rproxy", "nothing.ini")
    assert status == 1
    assert lines[0].startswith("error: nothing.ini: cannot be read: No such")


def test_version_and_usage():
    for program in ("tlsd", "rproxy"):
        run = subprocess.run([BUILD / program, "-V"], capture_output=True,
                             text=True)
        assert run.returncode == 0
        assert run.stdout.startswith(f"{program} ")
        run = subprocess.run([BUILD / program, "-x"], capture_output=True,
                             text=True)
        assert run.returncode == 2
        assert "usage:" in run.stderr
