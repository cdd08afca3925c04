"""Exact counts per request: the same load with few and with many requests,
and the difference between the two divided by the requests more that the
origin has seen.  Start, handshakes and end are in both and cancel out;
neither other load nor the clock has any influence."""

from measure import LoadFailed, run_load

# A load that hangs ends by this.
LIMIT_S = 100


def amounts(workload):
    """(few, many): requests of the two runs."""
    if workload.unit == "MiB":
        return 5, 5 + max(10, int(30 / workload.units_per_request))
    return (50, 250) if workload.handshakes else (100, 1100)


def load_of(workload, requests):
    """Bulk goes over one connection: what is under way on many when the last
    answer comes would be a good part of all."""
    single = " -c 1" if workload.unit == "MiB" else ""
    return (f"{workload.arguments}{single} -w 0 -d {LIMIT_S} "
            f"-n {requests}")


def served_by(stage, system, workload, requests):
    """Runs the load; how many requests the origin has seen of it."""
    before = stage.origin_counts()["requests"]
    run_load(stage, system, load_of(workload, requests))
    return stage.origin_counts()["requests"] - before


def per_request(workload, counted_run):
    """program -> name -> count per request.

    counted_run(requests) gives (served, program -> name -> count).
    """
    few, base = counted_run(amounts(workload)[0])
    many, total = counted_run(amounts(workload)[1])
    if many <= few:
        raise LoadFailed(f"{workload.name}: {few} and {many} requests served")
    return {program: {name: (n - base.get(program, {}).get(name, 0)) /
                      (many - few) for name, n in counts.items()}
            for program, counts in total.items()}


def add(counts, more):
    for name, n in more.items():
        counts[name] = counts.get(name, 0) + n


def listed(counts, at_least):
    """(name, count), the largest first."""
    return sorted(((name, n) for name, n in counts.items() if n >= at_least),
                  key=lambda item: -item[1])
