"""The portal as the Apache how-to has it, as a site file."""

HOST = "portal.example.com"


def how_to_site(pair, ca, port):
    return f"""\
[site]
names = {HOST}
names = localhost
app = tomcat

[tls]
certificate = {pair.cert}
key = {pair.key}
client_verify = optional
client_ca = {ca.cert}

[http]
via = on
timeout = 600s
root_redirect = /irj/portal

[route portal]
prefix = /irj
prefix = /logon
pool = j2ee

[pool j2ee]
server = http://127.0.0.1:{port}
"""
