"""Charts for a page, as SVG that takes its colours from the page."""

from __future__ import annotations

import math
from html import escape

WIDTH = 400
"""Of a drawing: as wide as a telephone, so that its letters can be read there."""


def _svg(height: int, description: str, parts: list[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(description)}">'
        f"<title>{escape(description)}</title>{''.join(parts)}</svg>"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", kind: str = "") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" class="{kind}">{escape(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, kind: str, width: float = 1.0) -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"'
        f' stroke-width="{width}"/>'
    )


def yardstick_chart(
    rows: list[tuple[str, float, float]], yardsticks: list[tuple[str, float]], description: str
) -> str:
    """Draw figures along one scale of dB, among yardsticks that are the same for all.

    Parameters
    ----------
    rows : list of (str, float, float)
        What it is, its mean, and what nine of ten sounds stay below.
    yardsticks : list of (str, float)
        What it is, and its mean.
    description : str
        Alternative text.
    """
    highest = 1.05 * max([high for _, _, high in rows] + [value for _, value in yardsticks])
    scale = (WIDTH - 20) / highest
    top = 18 * len(yardsticks) + 14
    height = top + 44 * len(rows) + 22
    parts: list[str] = []
    for number, (name, value) in enumerate(sorted(yardsticks, key=lambda pair: -pair[1])):
        x, y = 10 + scale * value, 12 + 18 * number
        parts.append(_line(x, y + 4, x, height - 20, "other", 1.5))
        left = x > WIDTH / 2
        parts.append(
            _text(
                x + (-4 if left else 4),
                y + 2,
                f"{name} {value:.2f}",
                "end" if left else "start",
                "soft",
            )
        )
    for number, (name, mean, high) in enumerate(rows):
        y = top + 44 * number + 28
        parts.append(_text(10, y - 12, f"{name} {mean:.2f}"))
        parts.append(_line(10, y, WIDTH - 10, y, "line"))
        parts.append(_line(10, y, 10 + scale * high, y, "map", 2))
        parts.append(f'<circle cx="{10 + scale * mean:.1f}" cy="{y}" r="6" class="map"/>')
    parts.append(_text(10, height - 4, "0 dB: the same sound", kind="soft"))
    parts.append(_text(WIDTH - 10, height - 4, f"{highest:.1f} dB", "end", "soft"))
    return _svg(height, description, parts)


def curve_chart(
    counts: list[int], curves: dict[str, list[float]], description: str, x_label: str
) -> str:
    """Draw curves over counts, on a logarithmic scale; the first is the map's.

    Parameters
    ----------
    counts : list of int
        Where along the scale.
    curves : dict of str to list of float
        Values at each count, in dB.
    description : str
        Alternative text.
    x_label : str
        What is counted.
    """
    height, left, right, top, bottom = 230, 34, 12, 26, 40
    highest = 1.1 * max(max(values) for values in curves.values())
    logs = [math.log(count) for count in counts]
    across = max(logs[-1] - logs[0], 1e-9)

    def x(log: float) -> float:
        return left + (WIDTH - left - right) * (log - logs[0]) / across

    def y(value: float) -> float:
        return height - bottom - (height - top - bottom) * value / highest

    parts: list[str] = []
    step = max(1, math.ceil(highest / 5))
    for tick in range(0, math.floor(highest) + 1, step):
        parts.append(_line(left, y(tick), WIDTH - right, y(tick), "line"))
        parts.append(_text(left - 6, y(tick) + 4, str(tick), "end", "soft"))
    for count, log in zip(counts, logs, strict=True):
        anchor = "end" if log == logs[-1] else "middle"
        parts.append(_text(x(log), height - bottom + 16, f"{count:,}", anchor, "soft"))
    parts.append(_text(WIDTH - right, height - 6, x_label, "end", "soft"))
    parts.append(_text(4, 12, "dB", kind="soft"))
    for number, (name, values) in enumerate(curves.items()):
        kind = "map" if number == 0 else "other"
        way = " ".join(f"{x(log):.1f},{y(v):.1f}" for log, v in zip(logs, values, strict=True))
        parts.append(f'<polyline points="{way}" fill="none" class="{kind}" stroke-width="2.5"/>')
        parts.append(f'<circle cx="{60 + 170 * number}" cy="8" r="5" class="{kind}"/>')
        parts.append(_text(70 + 170 * number, 12, name))
    return _svg(height, description, parts)
