"""Tables in Markdown from a results file, put between the marks of the documents.

A document keeps what people wrote: only what stands between ``<!-- begin NAME -->`` and
``<!-- end NAME -->`` is written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from bench_frame import DOT, EMPTY, OURS, PICTURED
from comparison import place
from pictures import draw_latency, draw_scaling
from race import Race
from reasons import reason
from results import HERE, races_of

ROOT = HERE.parent
DOCUMENTS = (ROOT / "docs" / "benchmarks.md", ROOT / "README.md")
LATENCY, SCALING = ROOT / "docs" / "frame_latency.png", ROOT / "docs" / "scaling.png"
PEERS = ("NumPy", "SciPy", "ONNX Runtime", "JAX jit", "PyTorch")


def write_documents(results: dict[str, Any]) -> None:
    """Write tables into the documents, and draw the pictures."""
    blocks = make_blocks(results)
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        document.write_text(fill(text, blocks), encoding="utf-8")
        print(f"{document}: tables of {results['made']}")
    draw_latency(results["benchmarks"]["frame"]["figures"], LATENCY)
    draw_scaling(results["benchmarks"]["scaling"]["figures"], SCALING)


def fill(text: str, blocks: dict[str, str]) -> str:
    """Put blocks between their marks; marks of other names keep what they have."""

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        if name not in blocks:
            return found[0]
        return f"<!-- begin {name} -->\n{blocks[name]}\n<!-- end {name} -->"

    return re.sub(
        r"<!-- begin (?P<name>[\w-]+) -->\n.*?<!-- end (?P=name) -->", block, text, flags=re.S
    )


def tables(results: dict[str, Any]) -> str:
    """All tables of some results, one under the other."""
    return "\n\n".join(f"### {name}\n\n{text}" for name, text in make_blocks(results).items())


def make_blocks(results: dict[str, Any]) -> dict[str, str]:
    """Make every table that the results have figures for, by the name of its marks."""
    benchmarks = results["benchmarks"]
    blocks = {"machine": about(results)}
    for name, benchmark in benchmarks.items():
        if name == "frame":
            figures = benchmark["figures"]
            blocks["headline"] = headline(figures["frames"])
            blocks["frame"] = frames(figures["frames"])
            blocks["tail"] = tail(figures["frames"])
            blocks["profile"] = frame_profile(figures["profile"])
            blocks["batch"] = batches(figures["batches"])
            if "batch profile" in figures:  # results of earlier versions have none
                blocks["batch_profile"] = batch_profile(figures["batch profile"])
        elif name == "scaling":
            blocks["scaling"] = scaling(benchmark["figures"])
        else:
            blocks[name] = races(races_of(benchmark))
        if benchmark["notes"]:
            last = "frame" if name == "frame" else list(blocks)[-1]
            blocks[last] += "\n\n" + "\n".join(f"- {note}" for note in benchmark["notes"])
    blocks["beaten"] = beaten(benchmarks)
    return blocks


def about(results: dict[str, Any]) -> str:
    """Say where and when, and with what."""
    known = {name: text for name, text in results["versions"].items() if text}
    absent = [name for name, text in results["versions"].items() if not text]
    lines = [
        f"Measured {results['made'][:10]} in {results['seconds']:.0f} s on: {place(results)}.",
        "Versions: " + ", ".join(f"{name} {text}" for name, text in known.items()) + ".",
    ]
    return " ".join(lines) + (f" Not installed: {', '.join(absent)}." if absent else "")


def table(heads: Sequence[str], rows: Iterable[Sequence[str]], n_words: int = 1) -> str:
    """Write a Markdown table: ``n_words`` columns to the left, then numbers to the right."""
    marks = ["---"] * n_words + ["---:"] * (len(heads) - n_words)
    return "\n".join(f"| {' | '.join(row)} |" for row in (heads, marks, *rows))


def times(multiple: float) -> str:
    """Write a multiple; where the peer is faster, in bold."""
    text = f"{multiple:.2f}" if multiple < 10 else f"{multiple:.0f}"
    return f"**{text}**" if multiple < 1 else text


def number(value: float) -> str:
    """Write three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def headline(cells: list[dict[str, Any]]) -> str:
    """Write the pictured case in two rows."""
    chosen = [cell for cell in cells if key(cell) == PICTURED]
    peers = [name for name in PEERS if name in chosen[0]["us"]]
    rows = [
        [
            "C to P" if cell["direction"] == "forward" else "P to C",
            *(times(cell["multiple"][name]) for name in peers),
            f"{cell['us'][OURS]['median']:.1f} µs",
        ]
        for cell in chosen
    ]
    heads = ["one frame, 3 controls, 9 parameters", *peers, "TimbreMap itself"]
    return table(heads, rows)


def key(cell: dict[str, Any]) -> tuple[Any, ...]:
    """Everything of a cell but its direction."""
    return cell["m"], cell["n"], cell["scale"], cell["pca"]


def frames(cells: list[dict[str, Any]]) -> str:
    """Multiples of the median in all cases; times of ours beside them."""
    names = [name for name in (EMPTY, DOT, *PEERS) if name in cells[0]["us"]]
    rows = []
    for cell in cells:
        ours = cell["us"][OURS]
        rows.append(
            [
                f"{cell['m']}, {cell['n']}",
                cell["scale"] + (", PCA" if cell["pca"] else ""),
                cell["direction"],
                *(times(cell["multiple"][name]) for name in names),
                *(f"{ours[part]:.2f}" for part in ("median", "p99", "p99.9")),
                f"{ours['max']:.0f}",
            ]
        )
    heads = ["m, n", "scale", "direction", *names, "ours, µs", "p99", "p99.9", "max"]
    return table(heads, rows, 3)


def tail(cells: list[dict[str, Any]]) -> str:
    """Median and tail of everybody in the pictured case."""
    rows = []
    for cell in cells:
        if key(cell) != PICTURED:
            continue
        ours = cell["us"][OURS]
        for name, theirs in cell["us"].items():
            parts = ("median", "p99", "p99.9", "max")
            multiples = [
                times(theirs[part] / ours[part]) if name != OURS else "1" for part in parts
            ]
            absolute = [number(theirs[part]) for part in parts]
            rows.append([cell["direction"], name, *multiples, *absolute])
    parts = ["median", "p99", "p99.9", "max"]
    return table(["direction", "who", *parts, *(f"{part}, µs" for part in parts)], rows, 2)


def frame_profile(profiles: dict[str, list[list[Any]]]) -> str:
    """Write what each part of a frame adds, in hundredths of a microsecond."""
    written: list[str] = []
    for direction, heads in (("forward", "C to P"), ("inverse", "P to C")):
        steps = profiles[direction]
        whole = sum(ns for _, ns in steps)
        rows = [[name, f"{ns / 1e3:.2f}", f"{ns / whole:.0%}"] for name, ns in steps]
        rows.append(["all of it", f"{whole / 1e3:.2f}", ""])
        written.append(table([heads, "µs", "share"], rows))
    return "\n\n".join(written)


def batches(cells: list[dict[str, Any]]) -> str:
    """Multiples and frames a second by size of the batch."""
    raced = [cell for cell in cells if len(cell["frames/s"]) > 1]
    names = [name for name in PEERS if name in raced[0]["frames/s"]]
    limits = list(raced[0].get("limits", {}))  # results of earlier versions have none
    rows = [
        [
            f"{cell['size']:,}",
            cell["direction"],
            *(times(cell["frames/s"][OURS] / cell["frames/s"][name]) for name in names),
            *(times(cell["frames/s"][OURS] / cell["limits"][name]) for name in limits),
            f"{cell['frames/s'][OURS]:,.0f}",
        ]
        for cell in raced
    ]
    heads = [*names, *(f"limit: {name}" for name in limits), "ours, frames/s"]
    first = table(["frames, m, n = 3, 9", "direction", *heads], rows, 2)
    sizes = sorted({cell["size"] for cell in cells})
    by_map: dict[tuple[int, int, str], dict[int, float]] = {}
    for cell in cells:
        row = by_map.setdefault((cell["m"], cell["n"], cell["direction"]), {})
        row[cell["size"]] = cell["frames/s"][OURS]
    rows = [
        [f"{m}, {n}", direction, *(number(row[s]) if s in row else "" for s in sizes)]
        for (m, n, direction), row in by_map.items()
    ]
    heads = ["ours, frames/s; m, n", "direction", *(f"{size:,} frames" for size in sizes)]
    return first + "\n\n" + table(heads, rows, 2)


def races(all_races: list[Race]) -> str:
    """Write a row a race; what the machine allows is a column where any limit is known."""
    limited = any(race.limit is not None for race in all_races)
    rows = [
        [
            race.case,
            race.peer,
            times(race.multiple),
            number(race.ours),
            number(race.theirs),
            *([number(race.limit) if race.limit is not None else ""] if limited else []),
            race.unit,
        ]
        for race in all_races
    ]
    limit = ["limit"] if limited else []
    return table(["what", "beside", "multiple", "ours", "theirs", *limit, "unit"], rows, 2)


def scaling(figures: dict[str, Any]) -> str:
    """Write how far every curve goes, and how the last step of it grew."""
    rows = []
    for quantity, kinds in figures.items():
        for kind, curves in kinds.items():
            for name, curve in curves.items():
                x, y = curve["x"], curve["y"]
                rows.append(
                    [
                        quantity,
                        name,
                        f"{x[0]:,} to {x[-1]:,}",
                        f"{amount(y[0], kind)} to {amount(y[-1], kind)}",
                        f"{y[-1] / y[-2] / (x[-1] / x[-2]):.2f}",
                    ]
                )
    return table(["of", "what", "from, to", "takes", "last step"], rows, 3)


def amount(value: float, kind: str) -> str:
    """Write seconds or MiB in a unit that suits it."""
    units = {"seconds": ("s", "ms", "µs", "ns"), "MiB": ("MiB", "KiB", "B")}[kind]
    step = 1000 if kind == "seconds" else 1024
    for unit in units[:-1]:
        if value >= 1:
            return f"{number(value)} {unit}"
        value *= step
    return f"{number(value)} {units[-1]}"


def batch_profile(profiles: dict[str, list[list[Any]]]) -> str:
    """Write what each step of a batch takes, in nanoseconds a frame."""
    written: list[str] = []
    for direction, heads in (("forward", "C to P"), ("inverse", "P to C")):
        steps = profiles[direction]
        who = [OURS, *(name for name in PEERS if any(name in ns for _, ns in steps))]
        rows = [
            [step, *(f"{ns[name]:.1f}" if name in ns else "" for name in who)] for step, ns in steps
        ]
        written.append(table([f"{heads}, ns a frame", *who], rows))
    return "\n\n".join(written)


def beaten(benchmarks: dict[str, Any]) -> str:
    """Every race that a peer won, by its benchmark, its reason and the peer."""
    rows = []
    for name, benchmark in benchmarks.items():
        groups: dict[tuple[str, str], list[Race]] = {}
        for race in races_of(benchmark):
            groups.setdefault((race.peer, reason(name, race, benchmark["figures"])), []).append(
                race
            )
        for (peer, why), group in groups.items():
            lost = [race for race in group if race.multiple < 1]
            if lost:
                worst = min(lost, key=lambda race: race.multiple)
                by = f"{1 / worst.multiple:.2f} ({worst.case})"
                rows.append([name, peer, f"{len(lost)} of {len(group)}", by, why])
    if not rows:
        return "Nowhere in this run."
    return table(["benchmark", "who", "cases", "at most by", "why"], rows, 5)
