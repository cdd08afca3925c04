"""Rows into Markdown: a summary with ratios, then a table per workload.

A ratio is the median, over the rounds, of this system's figure divided by the
base's figure of the same round, so that a slow drift of the machine cancels
out.
"""

from statistics import median

from workloads import WORKLOADS

BASE = "nginx"
# Above this share of foreign load a row says so.
FOREIGN_LIMIT = 0.10


class Results:
    """Rows of one or several runs, by workload, system and part."""

    def __init__(self, rows, identities):
        self.rows = rows
        self.identities = identities

    def systems(self):
        """In the order of the run, the base first."""
        names = list(dict.fromkeys(r["system"] for r in self.rows))
        return sorted(names, key=lambda n: n != BASE)

    def workloads(self):
        seen = {r["workload"] for r in self.rows}
        return [w for w in WORKLOADS if w.name in seen]

    def label(self, system):
        return self.identities.get(system, {}).get("label", system)

    def select(self, workload, system, part):
        return [r for r in self.rows if r["workload"] == workload and
                r["system"] == system and r["part"] == part]

    def parts(self, workload):
        return list(dict.fromkeys(r["part"] for r in self.rows
                                  if r["workload"] == workload))

    def value(self, workload, system, part, key):
        rows = self.select(workload, system, part)
        return median(r[key] for r in rows) if rows else None

    def ratio(self, workload, system, part, key, base=BASE):
        """To the base, round by round; None where there is no pair."""
        of_base = {(r["run"], r["round"]): r[key]
                   for r in self.select(workload, base, part)}
        pairs = [(r[key], of_base[r["run"], r["round"]])
                 for r in self.select(workload, system, part)
                 if (r["run"], r["round"]) in of_base]
        ratios = [mine / other for mine, other in pairs if other]
        return median(ratios) if ratios else None

    def rounds(self, workload):
        return len({(r["run"], r["round"]) for r in self.rows
                    if r["workload"] == workload})


def number(value):
    if value is None:
        return ""
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def ratio_text(value):
    return "" if value is None else f"{value:.2f}"


def markdown(head, lines, left=1):
    """left: so many columns are text, the others numbers."""
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    rows = [head, rule, *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows) + "\n"


def summary(results):
    """One line per figure: the base's value, the others as ratios to it."""
    systems = results.systems()
    others = [s for s in systems if s != BASE]
    head = ["workload", "figure", results.label(BASE)]
    head += [f"{results.label(s)} (x)" for s in others]
    lines = []
    for workload in results.workloads():
        for figure in workload.figures:
            better = " (more is better)" if figure.more_is_better else ""
            at = (workload.name, BASE, figure.part, figure.key)
            lines.append(
                [f"{workload.name} {workload.text}", figure.text + better,
                 number(results.value(*at))] +
                [ratio_or_value(results, workload, s, figure)
                 for s in others])
    return markdown(head, lines, left=2)


def ratio_or_value(results, workload, system, figure):
    """The ratio; without the base the value itself, marked with '='."""
    at = (workload.name, system, figure.part, figure.key)
    ratio = results.ratio(*at)
    if ratio is not None:
        return ratio_text(ratio)
    value = results.value(*at)
    return "" if value is None else "= " + number(value)


def percent(share):
    return f"{share * 100:.0f}%"


def limit(rows):
    """Which core was full: quote requests/s only where it was the system's."""
    if rows[0]["is_shared"]:
        return "shared"
    full = tuple(median(r[k] for r in rows) >= 0.95
                 for k in ("system_share", "load_share"))
    return {(True, False): "system", (True, True): "both",
            (False, True): "load", (False, False): "neither"}[full]


def foreign_text(rows):
    groups = zip(*(r["foreign"] for r in rows))
    shares = [median(group) for group in groups]
    text = "/".join(map(percent, shares))
    return f"**{text}**" if max(shares) > FOREIGN_LIMIT else text


def roles_text(rows):
    names = sorted({n for r in rows for n in r["roles"]})
    if len(names) < 2:
        return ""
    return ", ".join(
        f"{n} {number(median(r['roles'].get(n, 0) for r in rows))}"
        for n in names)


def load_table(results, workload):
    unit = workload.unit
    head = ["system", "by process", "limit", f"CPU us/{unit}", "min..max",
            f"{unit}s/s", "p50 us", "p99 us", "p99.9 us", "system core",
            "load core", "foreign", "failed", "wrong handshakes",
            "new upstream", "CPU x", "rate x"]
    has_parts = results.parts(workload.name) != [""]
    lines = [
        load_line(results, workload, system, part, has_parts)
        for part in results.parts(workload.name)
        for system in results.systems()
        if results.select(workload.name, system, part)]
    return markdown(["part"] * has_parts + head, lines, left=3 + has_parts)


def load_line(results, workload, system, part, has_parts):
    rows = results.select(workload.name, system, part)
    named = part
    if "held" in rows[0]:
        named += f" ({min(r['held'] for r in rows):,} idle)"
    costs = [r["us"] for r in rows]

    def mid(key):
        return median(r[key] for r in rows)

    return [named] * has_parts + [
        results.label(system), roles_text(rows),
        limit(rows),
        f"**{number(mid('us'))}**",
        f"{number(min(costs))}..{number(max(costs))}",
        number(mid("rate")), number(mid("p50")), number(mid("p99")),
        number(mid("p999")), percent(mid("system_share")),
        percent(mid("load_share")), foreign_text(rows),
        str(sum(r["failed"] for r in rows)),
        str(sum(r["wrong_handshakes"] for r in rows)),
        number(mid("upstream")),
        ratio_text(results.ratio(workload.name, system, part, "us")),
        ratio_text(results.ratio(workload.name, system, part, "rate"))]


def memory_table(results, workload):
    head = ["system", "processes", "KiB per connection", "empty KiB",
            "full KiB", "after they left KiB", "not held", "x"]
    lines = []
    for system in results.systems():
        rows = results.select(workload.name, system, "")
        if not rows:
            continue
        lines.append(
            [results.label(system), str(rows[0]["processes"])] +
            [number(median(r[k] for r in rows)) for k in
             ("kib", "empty_kib", "full_kib", "after_kib")] +
            [str(sum(r["failed"] for r in rows)),
             ratio_text(results.ratio(workload.name, system, "", "kib"))])
    return markdown(head, lines)


def growth_table(results, workload):
    """CPU per request by number of connections; last: most to second
    fewest (a single connection has no batching at all)."""
    parts = results.parts(workload.name)
    head = ["system", *(f"{int(p):,}" for p in parts), "growth"]
    lines = []
    for system in results.systems():
        costs = [results.value(workload.name, system, p, "us") for p in parts]
        if None in costs:
            continue
        lines.append([results.label(system), *map(number, costs),
                      ratio_text(costs[-1] / costs[min(1, len(costs) - 1)])])
    return markdown(head, lines) + "\n"


def detail(results, workload):
    if workload.kind == "memory":
        return memory_table(results, workload)
    text = growth_table(results, workload) if workload.kind == "growth" else ""
    return text + load_table(results, workload)


def facts_text(facts, identities):
    lines = [f"{facts['cpu']}, {facts['cores']} cores, "
             f"Linux {facts['kernel']}, {facts['time']}; "
             f"{facts['cores_text']}; TLS as negotiated: "
             f"{facts['cipher']}.\n"]
    head = ["system", "version", "libssl in its memory"]
    lines.append(markdown(
        head, [[i["label"], i["version"], i["libssl"]]
               for i in identities.values()], left=3))
    return "\n".join(lines)


def warnings(results):
    """What a reader must know before quoting a figure."""
    found = []
    for workload in results.workloads():
        rows = [r for r in results.rows if r["workload"] == workload.name]
        for r in rows:
            place = f"{r['workload']} {results.label(r['system'])}"
            if r["failed"]:
                found.append(f"{place}: {r['failed']} failed "
                             f"({r.get('error') or 'no text'})")
            if r.get("wrong_handshakes"):
                found.append(f"{place}: {r['wrong_handshakes']} handshakes "
                             "of the other kind")
        foreign = [max(r["foreign"]) for r in rows if "foreign" in r]
        if foreign and median(foreign) > FOREIGN_LIMIT:
            found.append(f"{workload.name}: {percent(median(foreign))} "
                         "foreign load: do not quote")
    return list(dict.fromkeys(found))


def report(results, facts):
    """The whole Markdown text."""
    text = facts_text(facts, results.identities) + "\n" + summary(results)
    found = facts["problems"] + warnings(results)
    if found:
        text += "\nTo be known before quoting:\n\n" + "".join(
            f"* {line}\n" for line in found)
    for workload in results.workloads():
        rounds = results.rounds(workload.name)
        text += (f"\n### {workload.name}: {workload.text}\n\n"
                 f"{rounds} round{'s' * (rounds > 1)}, medians.\n\n"
                 f"{detail(results, workload)}")
    return text

