"""The results as one SVG picture: cost relative to nginx, a group of bars per
workload.  Readable on light and dark pages: it brings its own background,
which follows the reader's colour scheme.
"""

from xml.sax.saxutils import escape

from table import BASE

WIDTH = 860
LEFT, RIGHT, TOP, BOTTOM = 240, 70, 76, 28
BAR, GAP, GROUP_GAP = 9, 2, 11
MAX_RATIO = 2.0     # longer bars are cut and carry their number
COLOURS = ["#2f6fde", "#7d8590", "#c0722d", "#a04fb5", "#3c9a6d", "#b8a028",
           "#c94f5d"]

STYLE = """\
  .page { fill: #ffffff; stroke: #d0d7de }
  text { font: 12px system-ui, sans-serif; fill: #1f2328 }
  .title { font-size: 15px; font-weight: 600 }
  .small { font-size: 10.5px; fill: #59636e }
  .grid { stroke: #d8dee4 }
  .base { stroke: #59636e; stroke-width: 1.5 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117; stroke: #3d444d }
    text { fill: #f0f6fc }
    .small { fill: #9198a1 }
    .grid { stroke: #262c36 }
    .base { stroke: #9198a1 }
  }
"""


def text(x, y, words, css="", anchor="start"):
    kind = f' class="{css}"' if css else ""
    return (f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{kind}>'
            f"{escape(words)}</text>")


def line(x1, y1, x2, y2, css):
    return (f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'class="{css}"/>')


def x_of(ratio):
    return LEFT + (WIDTH - LEFT - RIGHT) * min(ratio, MAX_RATIO) / MAX_RATIO


def bar(ratio, y, colour):
    more = "" if ratio <= MAX_RATIO else " and more"
    return (f'<rect x="{LEFT}" y="{y:.1f}" width="{x_of(ratio) - LEFT:.1f}" '
            f'height="{BAR}" fill="{colour}">'
            f"<title>{ratio:.2f}{more}</title></rect>" +
            text(x_of(ratio) + 4, y + BAR - 0.5, f"{ratio:.2f}", "small"))


def groups(results):
    """[(workload's name, text, [(system, ratio)])], the drawn figures."""
    others = [s for s in results.systems() if s != BASE]
    # ours on top, where the eye is
    others.sort(key=lambda s: s != "ours")
    found = []
    for workload in results.workloads():
        for figure in (f for f in workload.figures if f.is_drawn):
            at = (figure.part, figure.key)
            bars = [(s, results.ratio(workload.name, s, *at)) for s in others]
            bars = [(s, r) for s, r in bars if r is not None]
            if bars:
                found.append((workload, figure, bars))
    return found


def legend(results, colours):
    x, parts = 20, []
    for system, colour in colours.items():
        label = results.label(system)
        parts.append(f'<rect x="{x}" y="40" width="11" height="11" '
                     f'fill="{colour}"/>')
        parts.append(text(x + 16, 50, label))
        x += 34 + 7 * len(label)
    parts.append(text(x, 50, f"| {results.label(BASE)} = 1.00", ""))
    return parts


def grid(height):
    parts = []
    for step in range(0, int(MAX_RATIO * 4) + 1):
        ratio = step / 4
        css = "base" if ratio == 1 else "grid"
        parts.append(line(x_of(ratio), TOP - 6, x_of(ratio),
                          height - BOTTOM, css))
        if step % 2 == 0:
            parts.append(text(x_of(ratio), height - BOTTOM + 14,
                              f"{ratio:.1f}", "small", "middle"))
    return parts


def draw(results):
    """The SVG's text; None when no figure can be compared."""
    drawn = groups(results)
    if not drawn:
        return None
    order = list(dict.fromkeys(s for _, _, bars in drawn for s, _ in bars))
    colours = dict(zip(order, COLOURS))
    height = TOP + BOTTOM + sum(
        max(len(bars) * (BAR + GAP), 24) + GROUP_GAP for _, _, bars in drawn)
    parts = [f'<rect x="0.5" y="0.5" width="{WIDTH - 1}" '
             f'height="{height - 1}" rx="6" class="page"/>',
             text(20, 26, "Cost relative to "
                  f"{results.label(BASE)} (shorter is better)", "title")]
    parts += legend(results, colours) + grid(height)
    y = TOP
    for workload, figure, bars in drawn:
        tall = max(len(bars) * (BAR + GAP), 24)
        parts.append(text(LEFT - 10, y + 10, workload.title, "", "end"))
        parts.append(text(LEFT - 10, y + 23,
                          f"{workload.name}: {figure.text}", "small", "end"))
        for number, (system, ratio) in enumerate(bars):
            parts.append(bar(ratio, y + number * (BAR + GAP),
                             colours[system]))
        y += tall + GROUP_GAP
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
            f'height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
            f'aria-label="Cost relative to {results.label(BASE)}">\n'
            f"<style>\n{STYLE}</style>\n" + "\n".join(parts) + "\n</svg>\n")
