"""The pictures of docs/benchmarks.md, drawn from a results file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from bench_frame import OURS, SHARES
from matplotlib.axes import Axes
from matplotlib.figure import Figure

DPI = 120
WIDTH = 9.0
COLOURS = {
    OURS: "#b2182b",
    "NumPy": "#7f8c9a",
    "SciPy": "#2166ac",
    "ONNX Runtime": "#8c6bb1",
    "JAX jit": "#1b9e77",
    "PyTorch": "#e08214",
    "np.dot": "#bdbdbd",
    "empty call": "#d9d9d9",
}


def draw_latency(figures: dict[str, Any], file: Path) -> None:
    """Draw what share of single frames takes longer than so many microseconds."""
    figure = Figure((WIDTH, 4.0), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, direction in zip(panels, ("forward", "inverse"), strict=True):
        for name, times_us in figures[f"distribution {direction}"].items():
            width = 2.5 if name == OURS else 1.3
            axes.loglog(times_us, SHARES, color=COLOURS[name], linewidth=width, label=name)
        axes.set_title("C to P" if direction == "forward" else "P to C", fontsize=10)
        axes.set_xlabel("one frame takes longer than ... µs")
        axes.set_ylim(1e-5, 1.2)
        _tidy(axes)
    panels[0].set_ylabel("share of frames")
    panels[0].set_yticks([1, 0.1, 0.01, 1e-3, 1e-4, 1e-5])
    panels[0].set_yticklabels(
        ["all", "1 in 10", "1 in 100", "1 in 1,000", "1 in 10,000", "1 in 100,000"]
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(file, dpi=DPI)


def draw_scaling(figures: dict[str, Any], file: Path) -> None:
    """Draw time and memory over sounds, parameters and frames, beside straight growth."""
    figure = Figure((WIDTH * 1.2, 6.5), layout="constrained")
    panels = figure.subplots(2, 3)
    for column, quantity in enumerate(("sounds", "parameters", "frames")):
        for row, kind in enumerate(("seconds", "MiB")):
            axes = panels[row][column]
            for index, (name, curve) in enumerate(figures[quantity].get(kind, {}).items()):
                x, y = np.array(curve["x"]), np.array(curve["y"])
                colour = f"C{index}"
                axes.loglog(x, y, "o-", color=colour, markersize=3.5, label=name)
                axes.loglog(x, y[-1] * x / x[-1], ":", color=colour, linewidth=1)
            axes.set_xlabel(quantity if row else "")
            if axes.lines:
                axes.legend(fontsize=7.5, frameon=False)
            _tidy(axes)
        panels[0][column].set_title(f"number of {quantity}", fontsize=10)
    panels[0][0].set_ylabel("seconds")
    panels[1][0].set_ylabel("MiB")
    figure.savefig(file, dpi=DPI)


def _tidy(axes: Axes) -> None:
    axes.grid(which="major", color="#e5e5e5", linewidth=0.7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
