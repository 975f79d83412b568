"""What all pages share: one file, no network, no script; light and dark, wide and narrow."""

from __future__ import annotations

from html import escape

STYLE = """
:root { color-scheme: light dark; --paper: #faf9f7; --card: #ffffff; --ink: #22252a;
  --soft: #686d76; --line: #dcdad5; --map: #1f6f78; --other: #b4652a; }
@media (prefers-color-scheme: dark) { :root { --paper: #16181b; --card: #1f2226; --ink: #e6e4df;
  --soft: #9aa0a8; --line: #363a40; --map: #62c4cf; --other: #e2a06a; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 46rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.2rem; margin: 2.6rem 0 .4rem; }
p { margin: .4rem 0 .9rem; }
.lead, .note, figcaption, .small { color: var(--soft); }
.small, figcaption, table { font-size: .88rem; }
.note { border-left: 3px solid var(--other); padding-left: .7rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: .9rem; margin: 0 0 1rem; }
.card h3 { font-size: 1rem; margin: 0 0 .6rem; display: flex; justify-content: space-between; }
.card h3 span { font-weight: 400; color: var(--soft); }
figure { margin: 0; min-width: 0; }
.pair, .three { display: grid; gap: .9rem; grid-template-columns: 1fr 1fr; }
.three { grid-template-columns: repeat(3, 1fr); }
@media (max-width: 34rem) { .pair { grid-template-columns: 1fr; } .three { gap: .4rem; } }
img, svg { display: block; width: 100%; height: auto; border-radius: .3rem; }
svg { max-width: 34rem; margin: 0 auto; }
img.spectrogram { height: 8rem; object-fit: fill; }
img.pad { image-rendering: pixelated; aspect-ratio: 1; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); paint-order: stroke;
  stroke: var(--card); stroke-width: 4px; }
svg text.soft { fill: var(--soft); }
svg .line { stroke: var(--line); } svg .map { stroke: var(--map); }
svg .other { stroke: var(--other); }
svg circle.map { fill: var(--map); } svg circle.other { fill: var(--other); stroke: none; }
audio { display: block; width: 100%; margin: .4rem 0 .2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: right; padding: .35rem .5rem; border-bottom: 1px solid var(--line);
  font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-weight: 600; vertical-align: bottom; }
th:first-child, td:first-child { text-align: left; padding-left: 0; white-space: nowrap; }
.wide { margin: 0 0 1.2rem; }
td.best { font-weight: 700; color: var(--map); }
.bars { width: 30%; min-width: 5rem; }
.bar { display: block; height: .5rem; border-radius: .25rem; background: var(--map);
  min-width: 2px; margin: 1px 0; }
.bar.mean { background: var(--line); }
.legend { display: flex; justify-content: space-between; }
.ramp { height: .6rem; border-radius: .3rem; margin: .6rem 0 .2rem;
  background: linear-gradient(90deg, #313695, #abd9e9, #fffebe, #fdae61, #a50026); }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 style-src 'unsafe-inline'; img-src data:; media-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def page(title: str, parts: list[str]) -> str:
    """Return a whole page of some parts."""
    return PAGE.format(title=escape(title), style=STYLE, body="\n".join(parts))


def section(title: str, *parts: str) -> str:
    """Return a part of a page with its heading."""
    return "\n".join([f"<section>\n<h2>{escape(title)}</h2>", *parts, "</section>"])


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def picture(uri: str, description: str, kind: str) -> str:
    """Return a picture with its alternative text."""
    return f'<img class="{kind}" src="{uri}" alt="{escape(description)}">'


def sound(uri: str, description: str) -> str:
    """Return a sound to play, with what it is."""
    label = escape(description)
    return f'<audio controls preload="metadata" src="{uri}" aria-label="{label}"></audio>'


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table of cells that are HTML already; a cell may be a whole ``<td>``."""
    lines = ["".join(f'<th scope="col">{escape(word)}</th>' for word in head)]
    lines += [
        "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in row)
        for row in rows
    ]
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="wide"><table>\n{body}\n</table></div>'
