"""The page says how a layer is added to the map; here that is done, with the page's own code."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.maps import TOLERANCE, random_map
from tests.support.paths import REPOSITORY
from timbremap_runtime.core import layers

PAGE = REPOSITORY / "docs" / "architecture.md"


@pytest.fixture
def power_layer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the code of the section: the layer's file, then the table with it."""
    section = PAGE.read_text(encoding="utf-8").split("## Adding a layer to the map\n")[1]
    layer, table = re.findall(r"```python\n(.*?)```", section.split("\n## ")[0], re.DOTALL)
    names: dict[str, Any] = {}
    exec(layer, names)
    names |= vars(layers)
    exec(table, names)
    monkeypatch.setattr(layers, "LAYERS", names["LAYERS"])
    return names["PowerLayer"]


@pytest.mark.parametrize("scale", ["normal", "uniform"])
@pytest.mark.parametrize("n", [9, 64])  # written out, and by NumPy calls
def test_the_layer_of_the_page_works_everywhere(
    power_layer: Any, tmp_path: Path, scale: Any, n: int
):
    inner = random_map(np.random.default_rng(0), (3, n), scale=scale)
    exponents = np.array([0.5, 1.0, 2.5])
    mapping = tm.TimbreMap.of(power_layer(exponents), *inner.layers)
    c = np.random.default_rng(1).uniform(0.01, 0.99, (50, 3))
    p = mapping.forward(c)

    np.testing.assert_allclose(p, inner.forward(c**exponents), rtol=0, atol=TOLERANCE["same_p"])
    np.testing.assert_allclose(mapping.inverse(p), c, rtol=0, atol=TOLERANCE["round_trip_c"])
    np.testing.assert_allclose(mapping.trace(c).p, p, rtol=0, atol=TOLERANCE["same_p"])
    for one, expected in zip(c, p, strict=True):
        np.testing.assert_allclose(mapping.forward(one), expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            mapping.inverse(expected), one, rtol=0, atol=TOLERANCE["round_trip_c"]
        )
    assert "** 2.5" in mapping.frame_source("forward")

    tm.save(mapping, tmp_path / "timbremap")
    assert (tmp_path / "timbremap" / "power_layer" / "exponents").is_file()
    loaded = tm.load(tmp_path / "timbremap", scale=scale)
    np.testing.assert_allclose(loaded.forward(c), p, rtol=0, atol=TOLERANCE["same_p"])
    (tmp_path / "timbremap" / "power_layer" / "exponents").write_text("1.0\n")
    (tmp_path / "timbremap" / "power_layer" / "exponents.npy").unlink()
    with pytest.raises(tm.FormatError, match=r"takes 3 values, but|expected 1 values, found 3"):
        tm.load(tmp_path / "timbremap")


def test_the_layer_of_the_page_has_its_place(power_layer: Any):
    inner = random_map(np.random.default_rng(0))
    with pytest.raises(tm.ShapeError, match="power_layer: in the wrong place"):
        tm.TimbreMap.of(*inner.layers, power_layer([1.0, 1.0, 1.0]))
    assert tm.TimbreMap.of(*inner.layers).control_size == 3  # it may be left out
