"""nginx and Apache as servers behind the gateway.

Both serve folder/htdocs and take a POST at /cgi or /post; where they can, they
answer it with size and SHA-256 of the body.
"""

import getpass
import grp
import os
import stat

from processes import Program, free_port, listens

NGINX = """\
daemon off; worker_processes 1; pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log; {user}
events {{ worker_connections 512; }}
http {{
    access_log off; keepalive_timeout 2s;
    client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2;
    fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4;
    scgi_temp_path {dir}/t5;
    client_max_body_size 100m;
    gzip on; gzip_min_length 100; gzip_types text/plain; gzip_proxied any;
    server {{
        listen 127.0.0.1:{port}; root {dir}/htdocs;
        error_page 405 =200 /taken;
        location /limited {{ client_max_body_size 1k; }}
        location /auth {{ return 401 "who are you"; }}
    }}
}}
"""

APACHE = """\
ServerRoot {dir}
PidFile {dir}/apache.pid
DefaultRuntimeDir {dir}
Mutex pthread
ServerName server.test
Listen 127.0.0.1:{port}
User {user}
Group {group}
{modules}
ErrorLog {dir}/apache-error.log
DocumentRoot {dir}/htdocs
KeepAliveTimeout 2
ScriptSock {dir}/cgi.sock
ScriptAlias /cgi {dir}/cgi.sh
ScriptAlias /limited {dir}/cgi.sh
<Location /limited>
LimitRequestBody 1024
</Location>
<Directory />
Require all granted
</Directory>
"""
MODULES = ("mpm_event", "authz_core", "alias", "cgid")

CGI = """\
#!/bin/sh
printf 'Content-Type: text/plain\\r\\n\\r\\n'
tee {dir}/body.$$ | wc -c | tr -d '\\n'
printf ' '
sha256sum < {dir}/body.$$ | cut -d ' ' -f 1
rm {dir}/body.$$
"""


def user_and_group():
    if os.geteuid() == 0:
        return "www-data", "www-data"
    return getpass.getuser(), grp.getgrgid(os.getgid()).gr_name


class WebServer:
    def __init__(self, folder):
        self.dir = folder
        self.dir.chmod(0o777)
        self.port = free_port()
        (self.dir / "htdocs").mkdir(exist_ok=True)

    def run(self, argv, name):
        self.program = Program(argv, self.dir / f"{name}.log")
        self.program.wait_ready(lambda: listens(self.port))
        return self

    def stop(self):
        self.program.stop()


class Nginx(WebServer):
    post = "/post"

    def start(self):
        user = "user www-data;" if os.geteuid() == 0 else ""
        (self.dir / "htdocs" / "taken").write_text("taken")
        (self.dir / "htdocs" / "post").write_text("")
        (self.dir / "htdocs" / "limited").write_text("")
        (self.dir / "nginx.conf").write_text(
            NGINX.format(dir=self.dir, port=self.port, user=user))
        return self.run(["/usr/sbin/nginx", "-c", self.dir / "nginx.conf",
                         "-e", self.dir / "nginx-error.log"], "nginx")


class Apache(WebServer):
    post = "/cgi"

    def start(self):
        user, group = user_and_group()
        script = self.dir / "cgi.sh"
        script.write_text(CGI.format(dir=self.dir))
        script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP |
                     stat.S_IXOTH)
        modules = "\n".join(
            f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so"
            for m in MODULES)
        (self.dir / "apache.conf").write_text(APACHE.format(
            dir=self.dir, port=self.port, user=user, group=group,
            modules=modules))
        return self.run(["/usr/sbin/apache2", "-X", "-f",
                         self.dir / "apache.conf"], "apache")
