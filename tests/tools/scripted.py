"""For servers that a test writes byte by byte, with the fixture "backend".

    def serve(link, _):
        read_head(link)
        link.sendall(HEAD + b"2\r\n\r\nok")
"""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: "


def answer_ok(link, _address):
    """A server with one answer, on one connection after the other."""
    while True:
        read_head(link)
        link.sendall(HEAD + b"2\r\n\r\nok")


def leave():
    raise ConnectionError("the connection has ended")


def read_head(link):
    """Until the empty line, and what came with it."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += link.recv(65536) or leave()
    return data
