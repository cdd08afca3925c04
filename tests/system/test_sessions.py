"""TLS sessions are resumed after reloads and deaths, and on another host."""

import os
import signal
import socket
import ssl

from conftest import site_text
from gateway import ADMIN
from processes import wait_for
from resumption import Resumption


def reload_tlsd(gw):
    number = gw.status("tlsd")["generation"]
    gw.tlsd.send(signal.SIGHUP)
    assert wait_for(lambda: gw.status("tlsd")["generation"] > number)


def test_sessions_resume_after_a_reload_and_the_death_of_the_signer(
        served, ca):
    resumption = Resumption(served, ca, served.dir / "session")
    resumption.assert_resumes()
    reload_tlsd(served)
    resumption.assert_resumes()
    signer, = served.pids("tlsd: signer")
    os.kill(signer, signal.SIGKILL)
    assert wait_for(lambda: served.pids("tlsd: signer") not in ([], [signer]))
    resumption.assert_resumes()


def test_a_resumed_session_of_tls_1_3_brings_a_new_ticket_each_time(
        served, ca):
    """A chain of resumptions, each by the ticket of the one before."""
    context = ssl.create_default_context(cafile=str(ca.cert))
    session = None
    for number in range(6):
        with socket.create_connection(("127.0.0.1", served.https_port),
                                      5) as s, \
                context.wrap_socket(s, server_hostname="localhost",
                                    session=session) as t:
            t.sendall(b"GET /1k HTTP/1.1\r\nHost: localhost\r\n"
                      b"Connection: close\r\n\r\n")
            while t.recv(4096):
                pass
            assert t.version() == "TLSv1.3"
            assert t.session_reused == (number > 0), number
            session = t.session
    assert served.metric("tlsd", 'tlsd_handshakes_total'
                         '{version="TLSv1.3",resumed="yes"}') == 5


def test_hosts_share_sessions_by_a_file_of_ticket_keys(
        gateway, pairs, origin, ca, folder):
    keys = folder / "tickets.key"
    newer = os.urandom(80)
    keys.write_bytes(os.urandom(80))
    keys.chmod(0o600)
    text = site_text(pairs[0], origin.port)
    first, second = (gateway(site=text, tlsd=f"{ADMIN['tlsd']}"
                             f"ticket_keys = {keys}\n") for _ in range(2))
    stranger = gateway(site=text)
    resumption = Resumption(first, ca, folder / "session")
    resumption.assert_resumes(second)
    resumption.assert_resumes(stranger, "New")
    # a new key in front: the one before it is still good
    keys.write_bytes(newer + keys.read_bytes())
    for gw in (first, second):
        reload_tlsd(gw)
    resumption.assert_resumes(second)
    resumption = Resumption(second, ca, folder / "session")
    keys.write_bytes(newer)
    reload_tlsd(first)
    resumption.assert_resumes(first)
