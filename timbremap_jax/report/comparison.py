"""Several models side by side: one table, one page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from timbremap_jax.report import shell
from timbremap_jax.report.charts import curve_chart
from timbremap_jax.report.images import speeds_uri

Report = dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A figure that models are compared by.

    Attributes
    ----------
    label : str
        What it is.
    value : callable
        Its value in the ``figures`` of a report; None where it was not measured.
    form : str
        How it is written.
    better : int
        -1 when less is better, 1 when more is, 0 for a yardstick.
    """

    label: str
    value: Callable[[dict[str, Any]], float | None]
    form: str = ".2f"
    better: int = -1


def _mean(name: str) -> Callable[[dict[str, Any]], float | None]:
    return lambda figures: figures[name]["mean"] if name in figures else None


def _axis(i: int) -> Callable[[dict[str, Any]], float | None]:
    def value(figures: dict[str, Any]) -> float | None:
        axes = figures["steps"]["axes"]
        return axes[i]["evenness"] if i < len(axes) else None

    return value


def _elsewhere(name: str) -> Callable[[dict[str, Any]], float | None]:
    def value(figures: dict[str, Any]) -> float | None:
        found = figures["elsewhere"].get(name, {})
        return found.get("reconstruction_ratio", found.get("evenness_ratio"))

    return value


ROWS = (
    Row("heard and played back, dB", _mean("reconstruction")),
    Row("preset found on the pad, dB", _mean("preset")),
    Row("nearest sound of the pad, dB", _mean("coverage")),
    Row("nearest random preset, dB", _mean("library"), better=0),
    Row("middle preset, dB", _mean("middle"), better=0),
    Row("any other sound, dB", _mean("random_pair"), better=0),
    Row("steps vary by", lambda figures: figures["steps"]["evenness"]),
    Row("  along x", _axis(0)),
    Row("  along y", _axis(1)),
    Row("  along pressure", _axis(2)),
    Row("dead steps", lambda figures: figures["steps"]["dead"]),
    Row("detours on straight ways, dB", lambda figures: figures["nonlinearity"]),
    Row("roughness, dB", lambda figures: figures["smoothness"]),
    Row("larger moves sound larger", lambda figures: figures["proportion"], better=1),
    Row(
        "parameters it cannot hear",
        lambda figures: sum(parameter["blind"] for parameter in figures["parameters"]),
        "d",
    ),
    Row("times as far off, octave up", _elsewhere("octave up"), better=0),
    Row("times as far off, octave down", _elsewhere("octave down"), better=0),
)
"""The table, from the top."""

OTHER_INSTRUMENTS = (
    "The models play different instruments or notes, or were judged with other settings: compare"
    " each figure with the yardsticks of its own column, not with its neighbour."
)


def names_of(reports: list[Report], models: list[Path]) -> list[str]:
    """Return what to call each model: its name, or its path where two have one name."""
    names = [report["name"] for report in reports]
    return [
        name if names.count(name) == 1 else str(model)
        for name, model in zip(names, models, strict=True)
    ]


def alike(reports: list[Report]) -> bool:
    """Whether the reports are about one instrument and note, with the same settings."""
    return all(
        (report["instrument"], report["settings"], report["features"])
        == (reports[0]["instrument"], reports[0]["settings"], reports[0]["features"])
        for report in reports
    )


def _cells(row: Row, reports: list[Report]) -> tuple[list[str], list[bool]]:
    """Write a row, and say which of its values are the best."""
    values = [row.value(report["figures"]) for report in reports]
    there = [value for value in values if value is not None]
    best = None
    if row.better and len(there) > 1 and alike(reports) and min(there) < max(there):
        best = max(there) if row.better > 0 else min(there)
    written = ["-" if value is None else format(value, row.form) for value in values]
    return written, [value is not None and value == best for value in values]


def comparison_lines(reports: list[Report], names: list[str]) -> list[str]:
    """Write the table for a terminal; a star marks the best of a row.

    Parameters
    ----------
    reports : list of dict
        Contents of ``report.json``.
    names : list of str
        What to call each.
    """
    rows = [["", *names]]
    for row in ROWS:
        written, best = _cells(row, reports)
        if any(value != "-" for value in written):
            marked = [v + ("*" if b else " ") for v, b in zip(written, best, strict=True)]
            rows.append([row.label, *marked])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        f"{row[0]:<{widths[0]}}"
        + "".join(f"  {cell:>{width}}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]
    return [line.rstrip() for line in lines] + ([] if alike(reports) else [OTHER_INSTRUMENTS])


def comparison_page(reports: list[Report], names: list[str]) -> str:
    """Write the page: the table, the curves of coverage, and the pads beside each other.

    Parameters
    ----------
    reports : list of dict
        Contents of ``report.json``.
    names : list of str
        What to call each.

    Returns
    -------
    str
        HTML.
    """
    rows: list[list[str]] = []
    for row in ROWS:
        written, best = _cells(row, reports)
        if any(value != "-" for value in written):
            cells = [
                f'<td class="best">{v}</td>' if b else v for v, b in zip(written, best, strict=True)
            ]
            rows.append([escape(row.label), *cells])
    title = "Maps side by side"
    return shell.page(
        title,
        [
            f"<h1>{title}</h1>",
            shell.paragraph(
                "Every map was rendered again by its instrument. Distances are in dB, 0 is the same"
                " sound; the best of a row is bold.",
                "lead",
            ),
            *([] if alike(reports) else [shell.paragraph(OTHER_INSTRUMENTS, "note")]),
            shell.table(["", *names], rows),
            _curves(reports, names),
            _pads(reports, names),
        ],
    )


def _curves(reports: list[Report], names: list[str]) -> str:
    charts: list[str] = []
    for name, report in zip(names, reports, strict=True):
        curve = report["figures"]["coverage_curve"]
        description = (
            f"{name}: mean distance to the nearest of {curve['n'][-1]:,} points"
            f" {curve['points'][-1]:.2f} dB, of as many random presets {curve['library'][-1]:.2f}"
        )
        drawn = curve_chart(
            curve["n"],
            {"points of the pad": curve["points"], "random presets": curve["library"]},
            description,
            "how many are tried",
        )
        charts.append(f"<figure>{drawn}<figcaption>{escape(name)}</figcaption></figure>")
    return shell.section(
        "How much of its instrument each pad reaches",
        shell.paragraph(
            "The lower the curve, the nearer the pad comes to any sound of the instrument."
        ),
        f'<div class="card pair">{"".join(charts)}</div>',
    )


def _pads(reports: list[Report], names: list[str]) -> str:
    shown: list[str] = []
    for name, report in zip(names, reports, strict=True):
        pad = report["figures"]["pad"]
        tables = [np.array(table) for table in pad["speeds"]]
        mean = float(np.mean(np.concatenate([table.ravel() for table in tables])))
        middle = tables[len(tables) // 2]
        description = (
            f"{name}: speeds over the pad, from {middle.min():.1f} to {middle.max():.1f} dB a unit,"
            f" mean {mean:.1f}"
        )
        shown.append(
            "<figure>"
            + shell.picture(speeds_uri(middle, max(mean, 1e-9)), description, "pad")
            + f"<figcaption>{escape(name)}: {mean:.0f} dB a unit</figcaption></figure>"
        )
    return shell.section(
        "How fast the sound changes",
        shell.paragraph(
            "x to the right, y upwards, at half pressure; each in its own mean. The more of one"
            " colour, the more evenly it plays; blue is dead, red races."
        ),
        f'<div class="card {"three" if len(shown) > 2 else "pair"}">{"".join(shown)}</div>',
    )
