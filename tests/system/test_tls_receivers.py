"""Other programs as receivers of what tlsd announces."""

import signal

import pytest

from client import tls_context
from processes import Program

HAPROXY = """\
global
    log stderr format raw daemon
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 10s
frontend tlsd
    bind unix@{socket} accept-proxy mode 666
    http-request return status 200 content-type text/plain lf-string \
"%[src] %[src_port] %[dst_port] %[fc_pp_authority] %[fc_pp_unique_id]"
"""

# nginx reads the PROXY header into the buffer for requests: 1k by default
NGINX = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log;
events {{ }}
http {{
    access_log off;
    client_header_buffer_size 16k;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    server {{
        listen unix:{socket} proxy_protocol;
        location / {{
            return 200 "$proxy_protocol_addr $proxy_protocol_port";
        }}
    }}
}}
"""


def run_receiver(t, template, command):
    folder = t.gw.dir
    config = folder / "receiver.conf"
    config.write_text(template.format(socket=t.gw.socket, folder=folder))
    receiver = Program([*command, config], folder / "receiver.log")
    receiver.wait_ready(t.gw.socket.exists)
    t.gw.socket.chmod(0o666)
    return receiver


def fetch_through(t, context):
    with t.connect(context) as c:
        c.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n"
               b"Connection: close\r\n\r\n")
        answer = c.read_all()
        return answer.split(b"\r\n\r\n", 1)[1].decode(), c.address


@pytest.mark.parametrize("with_cert", [False, True])
def test_haproxy_understands_the_header(tlsd, ca, user, with_cert):
    t = tlsd(away=True, tlsd="backend_end = close\n",
             tls=f"client_verify = optional\nclient_ca = {ca.cert}")
    haproxy = run_receiver(t, HAPROXY, ["haproxy", "-db", "-f"])
    try:
        context = tls_context(ca.cert, cert=user if with_cert else None)
        said, address = fetch_through(t, context)
    finally:
        haproxy.stop(signal.SIGUSR1)
    source, port, our_port, name, unique_id = said.split()
    assert (source, int(port)) == address
    assert int(our_port) == t.port
    assert name == "localhost"
    assert unique_id


@pytest.mark.parametrize("with_cert", [False, True])
def test_nginx_understands_the_header(tlsd, ca, user, with_cert):
    t = tlsd(away=True, tlsd="backend_end = close\n",
             tls=f"client_verify = optional\nclient_ca = {ca.cert}")
    nginx = run_receiver(t, NGINX, ["nginx", "-c"])
    try:
        context = tls_context(ca.cert, cert=user if with_cert else None)
        said, address = fetch_through(t, context)
    finally:
        nginx.stop(signal.SIGQUIT)
    source, port = said.split()
    assert (source, int(port)) == address
