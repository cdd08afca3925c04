"""The workloads: what is asked, of which setup, and which figures count."""

from dataclasses import dataclass

from system import Setup

MIB = 1048576
ONE = "-u /1k -e 1024"


@dataclass(frozen=True)
class Figure:
    """A number of a workload that the summary and the picture show.

    part selects among the rows of workloads that measure several things.
    """

    key: str
    text: str
    part: str = ""
    more_is_better: bool = False
    is_drawn: bool = False


CPU_REQUEST = Figure("us", "CPU us per request", is_drawn=True)
CPU_CONNECTION = Figure("us", "CPU us per connection", is_drawn=True)
CPU_MIB = Figure("us", "CPU us per MiB", is_drawn=True)
LATENCY = (Figure("p50", "p50 us"), Figure("p99", "p99 us"))


@dataclass(frozen=True)
class Workload:
    """kind: load, memory, crowd, sites, growth or rates (measure.py)."""

    name: str
    title: str                  # for the picture
    text: str
    arguments: str
    figures: tuple
    kind: str = "load"
    setup: Setup = Setup()
    unit: str = "request"
    units_per_request: float = 1.0
    handshakes: str = ""        # full or resumed: the other kind is an error


def bulk(name, text, arguments, size_bytes):
    return Workload(name, text.split(",")[0], text, arguments, (CPU_MIB,),
                    unit="MiB", units_per_request=size_bytes / MIB)


def handshakes(name, text, arguments, kind):
    return Workload(name, text, f"new connections, {text}, 32 at a time",
                    f"-c 32 {ONE} {arguments}", (CPU_CONNECTION,),
                    unit="connection", handshakes=kind)


GROWTH = (1, 10, 100, 1000, 5000)
# Beside those of W8 and W8h: at some of them the even beat of the open loop
# meets the time that an answer takes, in every system at others.
RATES = (5000, 6500, 9300, 12000)
CROWD = 10000
MANY_SITES = 500
IDLE = 2000

WORKLOADS = [
    Workload("W1", "keep-alive, 1 KiB",
             "keep-alive, 1 KiB, 64 connections",
             f"-m keep -c 64 {ONE}", (CPU_REQUEST,)),
    Workload("W1c1", "one connection, 1 KiB",
             "keep-alive, 1 KiB, 1 connection (no batching at all)",
             f"-m keep -c 1 {ONE}", (CPU_REQUEST,)),
    handshakes("W2", "full handshake, ECDSA P-256",
               "-m full -H ec.bench.test", "full"),
    handshakes("W3", "full handshake, RSA-2048",
               "-m full -H rsa.bench.test", "full"),
    handshakes("W4", "resumed by ticket",
               "-m resume -H ec.bench.test", "resumed"),
    bulk("W5", "download 1 MiB, 16 connections",
         f"-m keep -c 16 -u /1m -e {MIB}", MIB),
    bulk("W5s", "download 64 KiB, 16 connections",
         "-m keep -c 16 -u /64k -e 65536", 65536),
    bulk("W5x", "download 10 MiB, 4 connections",
         f"-m keep -c 4 -u /10m -e {10 * MIB}", 10 * MIB),
    bulk("W6", "upload 1 MiB, 16 connections",
         f"-m keep -c 16 -u /ok -b {MIB} -e 2", MIB),
    Workload("W7", "idle connection",
             f"memory of {IDLE:,} idle keep-alive connections",
             f"-m hold {ONE}",
             (Figure("kib", "KiB per idle connection", is_drawn=True),),
             kind="memory"),
    Workload("W8", "2,000 requests/s",
             "2,000 requests/s (open loop), 1 KiB, 64 connections",
             f"-m keep -c 64 -r 2000 {ONE}", LATENCY),
    Workload("W8h", "8,000 requests/s",
             "8,000 requests/s (open loop), 1 KiB, 64 connections",
             f"-m keep -c 64 -r 8000 {ONE}", LATENCY),
    Workload("W8r", "latency by rate",
             "as W8, latency as the rate grows",
             f"-m keep -c 64 {ONE}",
             tuple(Figure(key, f"{key} us, {n:,} requests/s", f"{n}")
                   for n in RATES for key in ("p50", "p99")),
             kind="rates"),
    Workload("W9", "8 KiB of cookies, 30 fields",
             "requests with 8 KiB of cookies and 30 header fields",
             f"-m keep -c 64 -k 8192 -f 30 {ONE}", (CPU_REQUEST,)),
    Workload("W10", "chunked, 20 KiB",
             "chunked responses of 20 KiB in three chunks",
             "-m keep -c 64 -u /chunked -e 20480", (CPU_REQUEST,)),
    Workload("W11", "access log on",
             "as W1, access log (combined) written to a file",
             f"-m keep -c 64 {ONE}", (CPU_REQUEST,),
             setup=Setup(access_log=True)),
    Workload("W12", "2 workers on 2 cores",
             "as W1, 2 workers on 2 cores",
             f"-m keep -c 64 {ONE}",
             (CPU_REQUEST,
              Figure("rate", "requests/s", more_is_better=True)),
             setup=Setup(workers=2)),
    Workload("W13", "beside 10,000 idle connections",
             f"as W1, beside {CROWD:,} idle connections",
             f"-m keep -c 64 {ONE}",
             (Figure("us", "CPU us per request, crowd", "crowd",
                     is_drawn=True),
              Figure("p99", "p99 us, crowd", "crowd"),
              Figure("us", "CPU us per request, alone", "alone")),
             kind="crowd"),
    Workload("W14", "500 sites, full handshakes",
             f"{MANY_SITES} sites with a certificate each, full "
             "handshakes over all names", f"-m full -c 32 {ONE}",
             (Figure("us", "CPU us per connection", f"{MANY_SITES} sites",
                     is_drawn=True),
              Figure("us", "CPU us per connection, 2 sites", "2 sites"),
              Figure("start_ms", "start-up ms", f"{MANY_SITES} sites"),
              Figure("pss_kib", "memory KiB", f"{MANY_SITES} sites")),
             kind="sites", unit="connection", handshakes="full"),
    Workload("W15", "5,000 connections",
             "as W1, cost as connections grow", f"-m keep {ONE}",
             tuple(Figure("us", f"CPU us per request, {n:,} connections",
                          f"{n}", is_drawn=n == GROWTH[-1]) for n in GROWTH),
             kind="growth"),
]
BY_NAME = {w.name: w for w in WORKLOADS}
