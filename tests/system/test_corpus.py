"""The messages of tests/corpus/h1 through a running rproxy: each whole, byte
by byte and split at every offset, and what the other side gets of it.

forwarded.txt and returned.txt say it byte by byte for the good ones; of a bad
one a server must never get a complete request, and a client gets one clean
answer of ours, or sees that the response was cut.
"""

import asyncio
import re
from collections import Counter
from functools import partial

import pytest

from h1_tables import cases, outcomes
from raw_http import SITE, RawServer, ask_all, dechunk, variants

# The answer to each fault; nothing else may come for it.
STATUS = {
    "bad_request_line": 400, "bad_version": 505, "bad_line_end": 400,
    "bad_field_name": 400, "bad_field_value": 400, "folded_field": 400,
    "bad_length": 400, "both_lengths": 400, "bad_coding": 400,
    "unknown_coding": 501, "coding_in_1_0": 400, "bad_chunk": 400,
    "bad_host": 400, "bad_target": 400, "method_refused": 501,
    "ambiguous_path": 400, "bad_connection": 400, "expectation": 417,
    "bad_max_forwards": 400,
    "bad_response": 502, "response_length": 502, "response_coding": 502,
    "response_incomplete": 502, "response_too_large": 502,
    "server_closed": 502, "bad_upgrade": 502,
}


def start(rproxy, port, pool=""):
    rproxy.start(0, site=SITE.format(port=port) + pool,
                 rproxy="log_level = error\n")
    return rproxy.port


def need(condition, case, pieces, *what):
    """An assertion that names case and split."""
    assert condition, (case.name, [len(p) for p in pieces][:-1], *what)


def check_log(rproxy, wanted):
    """wanted: how often each reason."""
    entries = rproxy.entries(wanted.total())
    assert Counter(e["reason"] for e in entries) == wanted


def one_form(data):
    """Chunks may be cut anywhere: their content counts."""
    head, mark, body = data.partition(b"\r\n\r\n")
    if b"\r\nTransfer-Encoding: chunked" not in head:
        return data
    content, rest, is_whole = dechunk(body)
    assert is_whole and rest == b"", data
    return head + mark + content


def field_of(context):
    """The field that frames a body of bodies.txt."""
    if context.startswith("length="):
        return f"Content-Length: {context[7:]}\r\n".encode()
    return {"chunked": b"Transfer-Encoding: chunked\r\n"}.get(context, b"")


# requests -------------------------------------------------------------------


class Recorder:
    """Answers each complete request and keeps it."""

    def __init__(self):
        self.seen = []

    async def __call__(self, link):
        while True:
            data, is_whole = await link.read_message()
            if not is_whole:
                return
            self.seen.append(data)
            body = b"" if data.startswith(b"HEAD ") else b"ok"
            await link.send([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" +
                             body])


def reason_of_request(case):
    """What the access log says; None: there was no exchange."""
    if case.expect == "more":
        return "client_gone" if b"\r\n\r\n" in case.data else None
    return "ok" if case.expect.startswith("ok ") else case.expect


def check_request(case, pieces, answer):
    reason = reason_of_request(case)
    line = answer.data.split(b"\r\n", 1)[0].decode("latin-1")
    need(not answer.aborted or reason == "client_gone", case, pieces,
         "aborted")
    need(len(re.findall(rb"HTTP/1.1 \d+ ", answer.data)) <= 1, case, pieces,
         answer.data)
    if reason is None or reason == "client_gone":
        need(answer.data == b"", case, pieces, answer.data)
    elif reason == "ok":
        need(line == "HTTP/1.1 200 OK", case, pieces, line)
    else:
        need(line.startswith(f"HTTP/1.1 {STATUS[reason]} "), case, pieces,
             line)
        need(b"\r\nConnection: close\r\n" in answer.data, case, pieces,
             answer.data)


async def run_requests(rproxy, work):
    """work: (case, pieces).  What the server saw, its own name as @SERVER."""
    recorder = Recorder()
    async with RawServer(recorder) as server:
        port = start(rproxy, server.port)
        answers = await ask_all(port, [pieces for _, pieces in work])
    for (case, pieces), answer in zip(work, answers):
        check_request(case, pieces, answer)
    check_log(rproxy, Counter(
        filter(None, (reason_of_request(case) for case, _ in work))))
    name = f"127.0.0.1:{server.port}".encode()
    return Counter(one_form(seen).replace(name, b"@SERVER")
                   for seen in recorder.seen)


@pytest.mark.deadline(150)
def test_requests_however_they_are_split(rproxy):
    table = [*cases("requests.txt"), *cases("gateway.txt")]
    assert len(table) >= 200
    work = [(c, pieces) for c in table for pieces in variants(c.data)]
    forwarded = outcomes("forwarded.txt")
    assert set(forwarded) == {c.name for c in table
                              if reason_of_request(c) == "ok"}
    seen = asyncio.run(run_requests(rproxy, work))
    wanted = Counter(forwarded[c.name] for c, _ in work
                     if c.name in forwarded)
    del wanted[b""]  # answered by the gateway itself
    assert seen - wanted == Counter()
    assert wanted - seen == Counter()


@pytest.mark.deadline(120)
def test_request_bodies_however_they_are_split(rproxy):
    table = [c for c in cases("bodies.txt") if c.context != "until_close"]
    assert len(table) > 60
    head = b"POST /body HTTP/1.1\r\nHost: h.example\r\n"
    work = []
    for number, case in enumerate(table):
        case.name = f"{number}: {case.name}"
        start_ = head + b"X-Case: %d\r\n" % number + \
            field_of(case.context) + b"\r\n"
        work += [(case, [start_ + pieces[0], *pieces[1:]])
                 for pieces in variants(case.data)]
        case.data = start_ + case.data
    seen = asyncio.run(run_requests(rproxy, work))
    wanted = Counter((number, c.content)
                     for number, c in enumerate(table)
                     if reason_of_request(c) == "ok"
                     for w in work if w[0] is c)
    assert Counter(
        (int(re.search(rb"X-Case: (\d+)", data)[1]),
         data.partition(b"\r\n\r\n")[2])
        for data in seen.elements()) == wanted


# responses ------------------------------------------------------------------


async def answer_by_number(work, link):
    """The request for /N gets the N-th way to send a response."""
    data, is_whole = await link.read_message()
    if is_whole:
        await link.send(work[int(re.match(rb"\w+ /(\d+) ", data)[1])][1])


async def run_responses(rproxy, work, method=None):
    requests = [[f"{method or case.context} /{i} HTTP/1.1\r\n"
                 "Host: h.example\r\nConnection: close\r\n\r\n".encode()]
                for i, (case, _) in enumerate(work)]
    async with RawServer(partial(answer_by_number, work)) as server:
        # what a bad server sends behind a response must not meet the next
        port = start(rproxy, server.port, "upstream_keepalive = off\n")
        return await ask_all(port, requests, end=False)


def reason_of_response(case, returned):
    if case.name in returned:
        return "ok"
    if case.expect == "ok none":
        return "bad_upgrade" if b" 101 " in case.data \
            else "response_incomplete"
    if case.expect == "more":
        return "response_incomplete" if case.data else "server_closed"
    return case.expect


def same_date(data):
    return re.sub(rb"\r\nDate: [^\r]* GMT\r\n", b"\r\nDate: @\r\n", data)


def check_fault(case, pieces, answer, status):
    """A clean answer of ours, or a response that is seen to be cut."""
    parts = answer.data.split(b"HTTP/1.1 ")[1:]
    last = parts[-1] if parts else b""
    if not last.startswith(b"%d " % status):
        need(answer.aborted, case, pieces, "looks whole", answer.data)
        return
    need(not answer.aborted, case, pieces, "aborted")
    need(all(p.startswith(b"1") for p in parts[:-1]), case, pieces,
         answer.data)
    if case.context != "HEAD":
        need(b"application server" in last, case, pieces, "not our page")


@pytest.mark.deadline(150)
def test_responses_however_they_are_split(rproxy):
    table = list(cases("responses.txt"))
    assert len(table) >= 80
    work = [(c, pieces) for c in table for pieces in variants(c.data)]
    returned = outcomes("returned.txt")
    answers = asyncio.run(run_responses(rproxy, work))
    for (case, pieces), answer in zip(work, answers):
        reason = reason_of_response(case, returned)
        if reason != "ok":
            check_fault(case, pieces, answer, STATUS[reason])
            continue
        need(not answer.aborted, case, pieces, "aborted")
        need(one_form(same_date(answer.data)) == returned[case.name], case,
             pieces, answer.data)
    check_log(rproxy, Counter(reason_of_response(c, returned)
                              for c, _ in work))


@pytest.mark.deadline(120)
def test_response_bodies_however_they_are_split(rproxy):
    table = [c for c in cases("bodies.txt") if c.context != "none"]
    assert len(table) > 60
    work = []
    for case in table:
        head = b"HTTP/1.1 200 OK\r\n" + field_of(case.context) + b"\r\n"
        work += [(case, [head + pieces[0], *pieces[1:]])
                 for pieces in variants(case.data)]
    answers = asyncio.run(run_responses(rproxy, work, "GET"))
    for (case, pieces), answer in zip(work, answers):
        if not case.expect.startswith("ok "):
            check_fault(case, pieces, answer, 502)
            continue
        need(not answer.aborted, case, pieces, "aborted")
        need(one_form(answer.data).partition(b"\r\n\r\n")[2] ==
             case.content, case, pieces, answer.data)
