from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread
from timbremap_cli import plot  # pyright: ignore[reportMissingImports]

from timbremap_jax.plots import N_POINTS, plot_errors, plot_latent, write_latent_page

NAMES = ("rate", "duty", "shape", "depth")


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    saved: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: Any, **options: Any) -> None:
        saved.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return saved


def parameters(n_sounds: int, n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 128, (n_sounds, n)).astype(np.float32)


def test_errors_are_drawn_for_each_pair_of_parameters(tmp_path: Path, figures: list[Figure]):
    true = parameters(500, 4)
    predicted = true.copy()
    predicted[:, 1] = 64  # always the mean: off by 64 - true
    plot_errors(tmp_path / "e.png", predicted, true, NAMES)
    panels = figures[0].axes
    assert len(panels) == 16
    for index, panel in enumerate(panels):
        row, column = divmod(index, 4)
        x, median = (np.asarray(v, float) for v in panel.lines[1].get_data())
        if row != 1:
            assert np.all(median == 0)
        elif column == 1:
            assert median == pytest.approx(64 - x, abs=3)
        else:
            assert np.abs(median).max() < 40
    assert imread(tmp_path / "e.png").std() > 0.05


@pytest.mark.parametrize(("n", "n_panels"), [(1, 1), (9, 81), (10, 10), (70, 64)])
def test_an_error_picture_stays_on_a_page(
    n: int, n_panels: int, tmp_path: Path, figures: list[Figure]
):
    true = parameters(100, n)
    names = tuple(f"p{i}" for i in range(n))
    plot_errors(tmp_path / "e.png", true + np.arange(n), true, names)
    assert sum(bool(panel.lines) for panel in figures[0].axes) == n_panels
    assert max(figures[0].get_size_inches()) < 16.6
    titles = " ".join(panel.get_title() for panel in figures[0].axes)
    assert ("p69\n" in titles) == (n == 70)  # the worst is shown, the best six are not
    assert "p5\n" not in titles or n == 10


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_latent_points_of_any_size_are_drawn(m: int, tmp_path: Path, figures: list[Figure]):
    points = np.random.default_rng(1).normal(size=(N_POINTS + 500, m))
    labels = parameters(len(points), 4)
    plot_latent(tmp_path / "l.png", {"Z": points, "Z*": points}, labels, NAMES)
    panels = [axes for axes in figures[0].axes if axes.get_title()]
    assert len(panels) == 8
    assert panels[0].get_title() == "Z, coloured by rate"
    scatter = panels[-1].collections[0]
    colours = np.asarray(scatter.get_array())
    chosen = np.linspace(0, len(points) - 1, N_POINTS).astype(int)
    assert np.array_equal(colours, labels[chosen, 3])


def read_page(page: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Data and layout of a page's figure."""
    text = page.read_text(encoding="utf-8")
    start = text.rindex("Plotly.newPlot(")
    decoder = json.JSONDecoder()
    data, end = decoder.raw_decode(text, text.index("[", start))
    layout, _ = decoder.raw_decode(text, text.index("{", end))
    return data, layout


def numbers(array: Any) -> np.ndarray:
    """What plotly wrote as numbers, or packed in base64."""
    if isinstance(array, dict):
        import base64

        values = np.frombuffer(base64.b64decode(array["bdata"]), np.dtype(array["dtype"]))
        shape = [int(n) for n in array.get("shape", str(len(values))).split(",")]
        return values.reshape(shape)
    return np.asarray(array, float)


@pytest.mark.parametrize("m", [1, 2, 3])
def test_the_page_colours_points_by_any_parameter(m: int, tmp_path: Path):
    points = np.random.default_rng(1).normal(size=(50, m))
    labels = parameters(50, 4)
    rows = np.arange(50) * 2
    spaces = {"Z": points, "Z*": points + 1}
    write_latent_page(tmp_path / "l.html", spaces, labels, NAMES, rows, first="shape")
    data, layout = read_page(tmp_path / "l.html")
    assert [trace["type"] for trace in data] == ["scatter3d" if m == 3 else "scatter"] * 2
    assert numbers(data[1]["x"]) == pytest.approx(points[:, 0] + 1)
    assert numbers(data[0]["marker"]["color"]) == pytest.approx(labels[:, 2])
    assert numbers(data[0]["customdata"]) == pytest.approx(np.column_stack([rows, labels]))
    buttons = layout["updatemenus"][0]["buttons"]
    assert [button["label"] for button in buttons] == list(NAMES)
    for button, values in zip(buttons, labels.T, strict=True):
        for colours in button["args"][0]["marker.color"]:
            assert colours == pytest.approx(values)


def test_the_page_needs_no_network(model_dir: Path, tmp_path: Path):
    assert plot.main([str(model_dir), "--output", str(tmp_path / "x.png")]) == 0
    assert imread(tmp_path / "x.png").std() > 0.05
    text = (tmp_path / "x.html").read_text(encoding="utf-8")
    tags = re.findall(r"<(?:script|link|img|iframe)\b[^>]*>", text.replace("\\", ""))
    assert not [tag for tag in tags if re.search(r"(?:src|href)=\"?https?:", tag)]
    assert "<title>TimbreMap: latent space</title>" in text


def test_one_parameter_may_be_asked_for(
    model_dir: Path, tmp_path: Path, figures: list[Figure], capsys: pytest.CaptureFixture[str]
):
    output = ["--output", str(tmp_path / "x.png")]
    assert plot.main([str(model_dir), "--parameter", "depth", *output]) == 0
    titles = [axes.get_title() for axes in figures[0].axes if axes.get_title()]
    assert titles == ["Z, coloured by depth", "Z*, coloured by depth"]
    assert read_page(tmp_path / "x.html")[1]["updatemenus"][0]["active"] == 3
    assert plot.main([str(model_dir), "--parameter", "cutoff", *output]) == 1
    said = capsys.readouterr().err
    assert said == "error: no parameter 'cutoff': there are rate, duty, shape, depth\n"
