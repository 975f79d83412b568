"""The latent space as a page to turn and zoom in a browser, without a network."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from timbremap_jax.data.files import save_bytes
from timbremap_jax.pictures.points import LatentPoints
from timbremap_runtime.core.types import PARAMETER_MAX

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';
 script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:">
<title>{title}</title>
<style>
html, body {{ height: 100%; margin: 0; font-family: sans-serif; }}
body {{ display: flex; flex-direction: column; }}
h1 {{ font-size: 1.2rem; margin: 0.8rem 1rem 0; }}
p {{ margin: 0.4rem 1rem; max-width: 60rem; }}
#picture {{ flex: 1; min-height: 26rem; }}
</style>
</head>
<body>
<h1>{title}</h1>
<p>Each dot is a sound{some}; dots near each other sound alike to the model. The colour is the true
value of one parameter: choose which in the menu. Drag to {drag}, scroll to zoom, and point at a dot
to read its row in the data set and all its parameters.</p>
<div id="picture">{picture}</div>
</body>
</html>
"""
# The policy above lets a browser load nothing from outside the page, whatever plotly.js has in it.

CONFIG = {
    "displaylogo": False,
    # A button of plotly's that opens its web site and hands it the data.
    "showSendToCloud": False,
    "scrollZoom": True,
    "typesetMath": False,
    "responsive": True,
}


def write_latent_page(
    file: Path,
    points: LatentPoints,
    title: str,
    parameter: str | None = None,
    n_points: int = 3000,
) -> None:
    """Write a page with each space beside the other and a menu of parameters that colour it.

    Parameters
    ----------
    file : Path
        Where the page goes.
    points : LatentPoints
        What to draw.
    title : str
        Title of the page.
    parameter : str, optional
        The parameter that colours the points at first; by default the first.
    n_points : int
        The most points that are drawn, evenly spaced in row order.

    Raises
    ------
    SettingsError
        There is no such parameter.

    Examples
    --------
    >>> write_latent_page(Path("latent.html"), points, "Latent space of fm")
    """
    from plotly.io import to_html

    n_all = len(points.rows)
    first = 0 if parameter is None else points.index_of(parameter)
    points = points.thinned(n_points)
    picture = to_html(
        page_figure(points, first),
        config=CONFIG,
        include_plotlyjs=True,
        full_html=False,
        div_id="latent",
    )
    n_drawn = len(points.rows)
    some = f" ({n_drawn} of {n_all} are drawn)" if n_drawn < n_all else ""
    drag = "turn" if _n_axes(points) == 3 else "move"
    page = PAGE.format(title=escape(title), some=some, drag=drag, picture=picture)
    save_bytes(file, page.encode())


def page_figure(points: LatentPoints, first: int) -> Any:
    """Make the plotly figure of the page, coloured by the parameter at index ``first``."""
    from plotly.graph_objects import Figure
    from plotly.subplots import make_subplots

    solid = _n_axes(points) == 3
    # Plotly takes texts for HTML.
    names = [escape(name) for name in points.names]
    values = np.round(points.parameters.astype(np.float64), 1).T
    figure: Figure = make_subplots(
        cols=len(points.spaces),
        specs=[[{"type": "scene" if solid else "xy"}] * len(points.spaces)],
        subplot_titles=list(points.spaces),
        horizontal_spacing=0.03 if solid else 0.1,
    )
    hover = np.column_stack([points.rows.astype(np.float64), values.T])
    for column, (space, latent) in enumerate(points.spaces.items(), 1):
        figure.add_trace(_trace(space, latent, values[first], hover, names), row=1, col=column)
        titles = {
            f"{axis}axis": {"title": {"text": f"{space} {k}"}}
            for k, axis in enumerate("xyz"[: _n_axes(points)], 1)
        }
        if solid:
            figure.update_scenes(titles, row=1, col=column)
        else:
            figure.update_xaxes(titles["xaxis"], row=1, col=column)
            figure.update_yaxes(titles.get("yaxis", {}), row=1, col=column)
    if solid:
        # Equal steps look equal, unless one axis is so short that it would vanish. The first axis
        # goes to the right, the second away, the third up, as on a pad with pressure.
        figure.update_scenes(aspectmode="auto", camera={"eye": {"x": 0.8, "y": -2.6, "z": 1.0}})
    figure.update_layout(
        template="plotly_white",
        showlegend=False,
        dragmode="turntable" if solid else "pan",
        margin={"l": 20, "r": 20, "t": 70, "b": 20},
        coloraxis={
            "cmin": 0,
            "cmax": PARAMETER_MAX,
            "colorscale": "Viridis",
            "colorbar": {
                "title": {"text": names[first]},
                "tickvals": [0, 32, 64, 96, PARAMETER_MAX],
            },
        },
        updatemenus=[
            {
                "buttons": [
                    _button(name, of_one, height=_n_axes(points) == 1)
                    for name, of_one in zip(names, values, strict=True)
                ],
                "active": first,
                "x": 0,
                "xanchor": "left",
                "y": 1.02,
                "yanchor": "bottom",
            }
        ],
    )
    return figure


def _n_axes(points: LatentPoints) -> int:
    return min(3, *(latent.shape[1] for latent in points.spaces.values()))


def _trace(
    space: str,
    latent: NDArray[np.floating],
    values: NDArray[np.float64],
    hover: NDArray[np.float64],
    names: list[str],
) -> dict[str, Any]:
    """Return the points of one space as plotly's trace; `hover` has shape (N, 1 + n)."""
    axes = latent.astype(np.float32).T
    lines = [f"{name} %{{customdata[{k}]}}" for k, name in enumerate(names, 1)]
    per_line = 1 if len(lines) <= 16 else 4  # all must find room beside the dot
    table = [" · ".join(lines[k : k + per_line]) for k in range(0, len(lines), per_line)]
    trace = {
        "type": "scatter3d" if len(axes) >= 3 else "scatter",
        "mode": "markers",
        "name": space,
        "x": axes[0],
        # One axis alone leaves room to show the value by height too.
        "y": axes[1] if len(axes) > 1 else values,
        "marker": {"color": values, "coloraxis": "coloraxis", "size": 2.5 if len(axes) > 2 else 5},
        "customdata": hover,
        "hovertemplate": "<br>".join(["<b>row %{customdata[0]}</b>", *table]) + "<extra></extra>",
    }
    if len(axes) >= 3:
        trace["z"] = axes[2]
    return trace


def _button(name: str, values: NDArray[np.float64], height: bool) -> dict[str, Any]:
    """Return the menu's entry that colours all spaces by a parameter's values, shape (N,)."""
    # A list of one array: plotly gives it to each trace.
    colours = [values.tolist()]
    data = {"marker.color": colours, **({"y": colours} if height else {})}
    layout = {"coloraxis.colorbar.title.text": name}
    return {"label": name, "method": "update", "args": [data, layout]}
