from __future__ import annotations

import base64
import json
import shutil
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread
from matplotlib.patches import StepPatch
from timbremap_cli import plot

from timbremap_jax.pictures.errors import errors_figure, plot_errors
from timbremap_jax.pictures.latent import latent_figure, plot_latent
from timbremap_jax.pictures.latent_page import write_latent_page
from timbremap_jax.pictures.points import LatentPoints
from timbremap_runtime.errors import SettingsError, ShapeError

pytestmark = pytest.mark.slow

AWKWARD = ("cutoff_hz", "$\\frac$ & </script> <b>", "naïve 5⅓'")


def make_points(n_points: int = 50, n_latent: int = 3, names: tuple[str, ...] = AWKWARD):
    generator = np.random.default_rng(0)
    latent = generator.normal(size=(n_points, n_latent)).astype(np.float32)
    parameters = generator.integers(0, 128, (n_points, len(names))).astype(np.float32)
    rows = 10 * np.arange(n_points)
    return LatentPoints({"Z": latent, "Z*": latent - latent.mean(0)}, parameters, names, rows)


def make_errors(n_sounds: int, n: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Predictions that pull every parameter to the middle, the last one the most."""
    generator = np.random.default_rng(1)
    true = generator.uniform(0, 127, (n_sounds, n))
    pull = np.linspace(0.1, 0.8, n)
    return true + pull * (63.5 - true), true, tuple(f"p{i}" for i in range(n))


def steps(panel: Axes) -> tuple[Any, Any]:
    """Return the band and the line of a panel."""
    band, line = (patch for patch in panel.patches if isinstance(patch, StepPatch))
    return band.get_data(), line.get_data()


def texts(figure: Figure) -> str:
    """Return what a person reads around the panels."""
    return " ".join([figure.get_suptitle(), figure.get_supxlabel()]).replace("\n", " ")


# Pictures of errors


def test_errors_show_every_pair_of_few_parameters():
    predicted, true, names = make_errors(300, 4)
    figure = errors_figure(predicted, true, names)
    panels = np.array(figure.axes).reshape(4, 5)
    assert [panel.get_ylabel().split("\n")[0] for panel in panels[:, 0]] == list(names)
    assert [panel.get_xlabel() for panel in panels[-1, :-1]] == [f"true {name}" for name in names]
    assert len({panel.get_ylim() for panel in figure.axes}) == 1
    assert texts(figure).startswith("How far off is each parameter")
    assert "300 sounds" in texts(figure)


def test_errors_lie_where_they_are():
    predicted, true, names = make_errors(3000, 2)
    panels = errors_figure(predicted, true, names).axes
    # The error of the last is 0.8 (63.5 - true): a line of that slope over its own value ...
    (high, edges, low), (middle, *_) = steps(panels[4])
    centres = (edges[1:] + edges[:-1]) / 2
    # Half a bin of 127 / 12 at that slope is 4.2.
    assert middle == pytest.approx(0.8 * (63.5 - centres), abs=1.5)
    assert (low < middle).all()
    assert (middle < high).all()
    # ... and about the same everywhere over the other's.
    (high, _, low), _ = steps(panels[3])
    assert high == pytest.approx(np.full(12, 0.8 * 63.5 * 0.8), abs=6)
    assert low == pytest.approx(np.full(12, -0.8 * 63.5 * 0.8), abs=6)
    mae = np.abs(predicted - true).mean(0)
    blind = np.abs(true - true.mean(0)).mean(0)
    said = [panels[k].get_title(loc="left") for k in (2, 5)]
    assert said == [f"{mae[i]:.1f} off (blind {blind[i]:.1f})" for i in (0, 1)]


@pytest.mark.parametrize(("values", "n_bins"), [([0, 127], 2), ([0, 0, 0, 127], 2), ([64], 1)])
def test_a_switch_has_a_bin_for_each_position(values: list[float], n_bins: int):
    true = np.resize(np.array(values, np.float64), (400, 1))
    (_, edges, _), (middle, *_) = steps(errors_figure(true + 5, true, ("switch",)).axes[0])
    assert len(edges) == n_bins + 1
    assert edges[0] < edges[-1]
    assert middle == pytest.approx(np.full(n_bins, 5))


@pytest.mark.slow
@pytest.mark.parametrize(("n", "n_panels"), [(1, 2), (9, 90), (11, 11), (64, 64), (70, 64)])
def test_errors_of_any_number_of_parameters_fit_a_page(n: int, n_panels: int):
    figure = errors_figure(*make_errors(30, n))
    assert len(figure.axes) == n_panels
    assert max(figure.get_size_inches()) < 18


@pytest.mark.slow
def test_of_many_parameters_the_worst_come_first():
    figure = errors_figure(*make_errors(60, 70))
    titles = [panel.get_title().split("\n")[0] for panel in figure.axes]
    assert titles[0] == "p69"
    assert "p0" not in titles
    assert "64 of 70 parameters, the worst first" in texts(figure)


@pytest.mark.parametrize("n_sounds", [1, 3, 24, 50])
def test_a_few_sounds_are_enough_to_draw(n_sounds: int, tmp_path: Path):
    predicted, true, names = make_errors(n_sounds, 2)
    plot_errors(tmp_path / "err_dist.png", predicted, true, names)
    assert is_drawn(tmp_path / "err_dist.png")


def test_errors_that_cannot_be_drawn_are_refused(tmp_path: Path):
    predicted, true, names = make_errors(10, 2)
    with pytest.raises(ShapeError, match="do not fit"):
        plot_errors(tmp_path / "x.png", predicted[:5], true, names)
    with pytest.raises(ShapeError, match="do not fit"):
        plot_errors(tmp_path / "x.png", predicted, true, names[:1])
    with pytest.raises(ShapeError, match="at least one"):
        plot_errors(tmp_path / "x.png", predicted[:0], true[:0], names)
    predicted[3, 1] = np.nan
    with pytest.raises(SettingsError, match="NaN or infinite values"):
        plot_errors(tmp_path / "x.png", predicted, true, names)
    assert not list(tmp_path.iterdir())


# Pictures of the latent space


def is_drawn(file: Path) -> bool:
    """Whether a PNG opens and each quarter of it shows more than its background."""
    pixels = imread(file)
    halves = (slice(None, len(pixels) // 2), slice(len(pixels) // 2, None))
    middle = pixels.shape[1] // 2
    return all(
        np.ptp(pixels[half, side, :3]) > 0.5
        for half in halves
        for side in (slice(None, middle), slice(middle, None))
    )


@pytest.mark.parametrize(("n_latent", "n_axes"), [(1, 2), (2, 2), (3, 3), (5, 3)])
def test_a_panel_shows_the_points_of_a_space_in_a_parameter_s_colours(n_latent: int, n_axes: int):
    points = make_points(n_latent=n_latent)
    figure = latent_figure(points)
    *panels, bar = figure.axes
    assert len(panels) == 2 * len(AWKWARD)
    assert bar.get_ylabel() == "true value"
    for panel in panels:
        name, space = panel.get_title().split(", in ")
        (scatter,) = panel.collections
        short = [f"{n[:8]}…{n[-9:]}" if len(n) > 18 else n for n in AWKWARD]
        values = points.parameters[:, short.index(name)]
        flat = np.asarray(scatter.get_offsets()).T
        drawn = np.array(getattr(scatter, "_offsets3d", flat))
        if n_axes == 3:
            assert hasattr(panel, "get_zlabel")
            assert drawn == pytest.approx(points.spaces[space][:, :3].T)
        else:
            height = values if n_latent == 1 else points.spaces[space][:, 1]
            assert drawn == pytest.approx(np.array([points.spaces[space][:, 0], height]))
        assert np.asarray(scatter.get_array()) == pytest.approx(values)
        assert panel.get_xlabel() == f"{space} 1"


def test_one_parameter_has_a_panel_a_space():
    figure = latent_figure(make_points(), AWKWARD[2])
    titles = [panel.get_title() for panel in figure.axes[:-1]]
    assert titles == [f"{AWKWARD[2]}, in Z", f"{AWKWARD[2]}, in Z*"]


def test_many_parameters_are_cut_to_a_page_and_it_says_so():
    names = tuple(f"p{i}" for i in range(30))
    figure = latent_figure(make_points(names=names))
    assert len(figure.axes) == 2 * 12 + 1
    assert max(figure.get_size_inches()) < 20
    assert "The first 12 of 30 parameters" in texts(figure)


@pytest.mark.parametrize("n_latent", [1, 2, 3])
def test_a_latent_picture_opens(n_latent: int, tmp_path: Path):
    plot_latent(tmp_path / "latent.png", make_points(n_latent=n_latent))
    assert is_drawn(tmp_path / "latent.png")


def test_points_that_do_not_fit_are_refused():
    points = make_points()
    with pytest.raises(ShapeError, match=r"Z: shape \(50, 3\) does not fit 49 rows"):
        LatentPoints(points.spaces, points.parameters, points.names, points.rows[1:])
    with pytest.raises(ShapeError, match="does not fit 2 names"):
        LatentPoints(points.spaces, points.parameters, points.names[:2], points.rows)


def test_points_are_thinned_evenly_with_their_rows():
    points = make_points(1001)
    few = points.thinned(101)
    assert few.rows == pytest.approx(np.arange(0, 10001, 100))
    assert few.parameters == pytest.approx(points.parameters[::10])
    assert few.spaces["Z*"] == pytest.approx(points.spaces["Z*"][::10])
    assert points.thinned(1001) is points


# The page


class Tags(HTMLParser):
    """All tags of a page with their attributes, and its title."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.title = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "title":
            self.title += data.strip()


def page_content(file: Path) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Read traces and layout out of a page."""
    traces, layout, _ = page_values(file)
    return traces, layout


def page_values(file: Path) -> list[Any]:
    """Read traces, layout and configuration out of a page."""
    page = file.read_text(encoding="utf-8")
    begin = page.rindex("Plotly.newPlot(")
    begin = page.index('"latent",', begin) + len('"latent",')
    decoder = json.JSONDecoder()
    content = []
    for _ in range(3):
        while page[begin] in " \n,":
            begin += 1
        value, begin = decoder.raw_decode(page, begin)
        content.append(value)
    return content


def array(value: Any) -> np.ndarray:
    """Read an array as plotly writes it: a list, or base64 with its type and shape."""
    if isinstance(value, list):
        return np.array(value)
    flat = np.frombuffer(base64.b64decode(value["bdata"]), value["dtype"])
    shape = [int(size) for size in value.get("shape", str(len(flat))).split(",")]
    return flat.reshape(shape)


def test_the_page_loads_nothing_from_elsewhere(tmp_path: Path):
    write_latent_page(tmp_path / "latent.html", make_points(), "Latent space of <mine>")
    page = Tags((tmp_path / "latent.html").read_text(encoding="utf-8"))
    assert page.title == "Latent space of <mine>"
    for tag, attributes in page.tags:
        assert tag not in {"link", "iframe", "img", "object", "embed"}
        assert not {"src", "href", "srcset"} & set(attributes)
    (policy,) = [attributes["content"] for _, attributes in page.tags if "http-equiv" in attributes]
    assert policy
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy
    config = page_values(tmp_path / "latent.html")[2]
    assert config["showSendToCloud"] is False
    assert "plotlyServerURL" not in config


@pytest.mark.parametrize("n_latent", [1, 2, 3, 5])
def test_the_page_holds_every_point_with_its_row_and_parameters(n_latent: int, tmp_path: Path):
    points = make_points(n_latent=n_latent)
    write_latent_page(tmp_path / "latent.html", points, "mine", AWKWARD[1])
    traces, layout = page_content(tmp_path / "latent.html")
    assert [trace["name"] for trace in traces] == ["Z", "Z*"]
    for trace in traces:
        latent = points.spaces[trace["name"]]
        assert trace["type"] == ("scatter3d" if n_latent >= 3 else "scatter")
        drawn = [array(trace[axis]) for axis in "xyz" if axis in trace]
        assert drawn[0] == pytest.approx(latent[:, 0])
        assert drawn[1] == pytest.approx(latent[:, 1] if n_latent > 1 else points.parameters[:, 1])
        assert len(drawn) == (3 if n_latent >= 3 else 2)
        assert array(trace["marker"]["color"]) == pytest.approx(points.parameters[:, 1])
        hover = array(trace["customdata"])
        assert hover == pytest.approx(np.column_stack([points.rows, points.parameters]))
        for k, name in enumerate(AWKWARD, 1):
            assert f"{name} %{{customdata[{k}]}}" in unescape(trace["hovertemplate"])
    if n_latent >= 3:
        assert layout["scene2"]["zaxis"]["title"]["text"] == "Z* 3"
    else:
        assert layout["xaxis2"]["title"]["text"] == "Z* 1"


@pytest.mark.parametrize("n_latent", [1, 3])
def test_the_menu_colours_both_spaces_by_any_parameter(n_latent: int, tmp_path: Path):
    points = make_points(n_latent=n_latent)
    write_latent_page(tmp_path / "latent.html", points, "mine", AWKWARD[1])
    _, layout = page_content(tmp_path / "latent.html")
    (menu,) = layout["updatemenus"]
    assert menu["active"] == 1
    assert [unescape(button["label"]) for button in menu["buttons"]] == list(AWKWARD)
    assert unescape(layout["coloraxis"]["colorbar"]["title"]["text"]) == AWKWARD[1]
    assert (layout["coloraxis"]["cmin"], layout["coloraxis"]["cmax"]) == (0, 127)
    for k, button in enumerate(menu["buttons"]):
        data, texts = button["args"]
        # One array in a list: plotly gives it to every trace.
        assert array(data["marker.color"]) == pytest.approx(points.parameters[None, :, k])
        assert ("y" in data) == (n_latent == 1)
        assert texts == {"coloraxis.colorbar.title.text": button["label"]}


def test_the_page_stays_light(tmp_path: Path):
    points = make_points(20_000, names=tuple(f"parameter {k}" for k in range(64)))
    write_latent_page(tmp_path / "latent.html", points, "mine")
    traces, _ = page_content(tmp_path / "latent.html")
    assert [len(array(trace["x"])) for trace in traces] == [3000, 3000]
    assert traces[0]["hovertemplate"].count("<br>") == 16
    page = (tmp_path / "latent.html").read_text(encoding="utf-8")
    assert "3000 of 20000 are drawn" in page
    # Of which plotly.js is 5 MB.
    assert len(page) < 12e6


def test_the_same_points_make_the_same_page(tmp_path: Path):
    for name in ("a", "b"):
        write_latent_page(tmp_path / name, make_points(), "mine")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# The command


def test_tm_plot_writes_a_picture_and_a_page(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "fm"
    shutil.copytree(model_dir, folder)
    assert plot.main([str(folder)]) == 0
    files = [folder / "latent.png", folder / "latent.html"]
    assert capsys.readouterr().out.splitlines() == [str(file) for file in files]
    assert is_drawn(files[0])
    traces, layout = page_content(files[1])
    labels = np.load(folder / "labels.npy")
    assert [trace["name"] for trace in traces] == ["Z", "Z*"]
    assert array(traces[1]["x"]) == pytest.approx(np.load(folder / "latent_pca.npy")[:, 0])
    assert array(traces[0]["customdata"])[:, 1:] == pytest.approx(labels, abs=0.051)
    names = [button["label"] for button in layout["updatemenus"][0]["buttons"]]
    assert names == ["rate", "duty", "shape", "depth"]
    assert "<title>Latent space of fm</title>" in files[1].read_text(encoding="utf-8")


def test_tm_plot_takes_rows_from_the_model_and_does_without_pca(model_dir: Path, tmp_path: Path):
    folder = tmp_path / "fm"
    shutil.copytree(model_dir, folder)
    (folder / "latent_pca.npy").unlink()
    n_points = len(np.load(folder / "labels.npy"))
    np.save(folder / "latent_rows.npy", np.arange(n_points)[::-1].copy())
    assert plot.main([str(folder), "--parameter", "depth"]) == 0
    (trace,), layout = page_content(folder / "latent.html")
    assert array(trace["customdata"])[:, 0] == pytest.approx(np.arange(n_points)[::-1])
    assert layout["updatemenus"][0]["active"] == 3


@pytest.mark.parametrize("output", ["look.png", "look.html", "look", "look.v2"])
def test_tm_plot_output_goes_with_both_endings(output: str, model_dir: Path, tmp_path: Path):
    assert plot.main([str(model_dir), "--output", str(tmp_path / output)]) == 0
    stem = "look.v2" if output == "look.v2" else "look"
    assert {file.name for file in tmp_path.iterdir()} == {f"{stem}.png", f"{stem}.html"}


def test_tm_plot_names_the_parameters_there_are(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    arguments = [str(model_dir), "--parameter", "raet", "--output", str(tmp_path / "look")]
    assert plot.main(arguments) == 1
    message = "parameter 'raet': unknown; choose one of rate, duty, shape, depth"
    assert capsys.readouterr().err == f"error: {message}\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["latent.npy", "latent_pca.npy", "latent_rows.npy"])
def test_tm_plot_refuses_arrays_that_do_not_fit(
    name: str, model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    folder = tmp_path / "fm"
    shutil.copytree(model_dir, folder)
    np.save(folder / name, np.zeros((7, 3) if name != "latent_rows.npy" else 7))
    assert plot.main([str(folder)]) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {folder}: ")
    assert message.count("\n") == 1
    assert "train the model again" in message


@pytest.mark.parametrize(("content", "message"), [(None, "no such file"), (b"", "not an array")])
def test_tm_plot_names_an_array_that_is_missing_or_broken(
    content: bytes | None,
    message: str,
    model_dir: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
):
    shutil.copytree(model_dir, tmp_path / "model")
    file = tmp_path / "model" / "latent.npy"
    file.unlink()
    if content is not None:
        file.write_bytes(content)
    assert plot.main([str(tmp_path / "model")]) == 1
    assert f"error: {file}: {message}" in capsys.readouterr().err


def test_tm_plot_names_a_picture_that_cannot_be_written(
    model_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    output = tmp_path / "nowhere" / "latent.png"
    assert plot.main([str(model_dir), "--output", str(output)]) == 1
    assert f"error: {output}: there is no folder {output.parent}\n" == capsys.readouterr().err
