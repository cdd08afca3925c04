"""A server that tells what it was sent, and answers as it is asked to.

    port = backend(mirror)                       see tests/system/conftest.py
    line, fields = sent(fetch(gw.http_port))     what the server got
    ... headers=[("X-Answer", "Location: /x")]   a field of its answer
"""

import json

from scripted import read_head


def mirror(connection, _address):
    head = read_head(connection).decode("latin-1").split("\r\n\r\n")[0]
    line, *fields = head.split("\r\n")
    pairs = [f.split(": ", 1) for f in fields]
    body = json.dumps({"line": line, "fields": pairs}).encode()
    extra = "".join(v + "\r\n" for n, v in pairs if n.lower() == "x-answer")
    connection.sendall(
        f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n"
        f"Connection: close\r\n{extra}\r\n".encode("latin-1") + body)


def sent(answer):
    """What the server got: request line, fields as pairs in order."""
    assert answer.status == 200, answer
    told = json.loads(answer.body)
    return told["line"], [tuple(pair) for pair in told["fields"]]
