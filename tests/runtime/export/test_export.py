from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit, ndtr, ndtri

import timbremap_runtime as tm
from tests.support.exports import MAPS, make_case
from tests.support.paths import LFO4
from timbremap_runtime.core.stages import Stage
from timbremap_runtime.export import HOSTS, describe, describe_model, write


def forward(step: dict[str, Any], x: np.ndarray) -> np.ndarray:
    """Do a step of the JSON, as docs/export/json.md says it is meant."""
    match step["kind"]:
        case "clip":
            return np.clip(x, step["low"], step["high"])
        case "quantile":
            return ndtri(x)
        case "warp":
            grid = np.linspace(-step["reach"], step["reach"], len(step["knots"][0]))
            rows = zip(x.T, step["knots"], strict=True)
            return np.stack([np.interp(c, row, grid) for c, row in rows], axis=1)
        case "affine":
            return x @ np.array(step["matrix"]) + step["offset"]
        case "bounded":
            return step["low"] + (step["high"] - step["low"]) * expit(x)
        case "leaky":
            return np.where(x < 0.0, step["slope"] * x, x)
        case kind:
            raise AssertionError(kind)


def inverse(step: dict[str, Any], y: np.ndarray) -> tuple[np.ndarray, np.ndarray | bool]:
    """Undo a step; say which rows had a number at an end."""
    match step["kind"]:
        case "clip":
            return (np.clip(y, step["low"], step["high"]) if step["both_ways"] else y), False
        case "quantile":
            return ndtr(y), False
        case "warp":
            grid = np.linspace(-step["reach"], step["reach"], len(step["knots"][0]))
            rows = zip(y.T, step["knots"], strict=True)
            return np.stack([np.interp(u, grid, row) for u, row in rows], axis=1), False
        case "affine":
            return y @ np.array(step["inverse_matrix"]) + step["inverse_offset"], False
        case "bounded":
            below, above = y < step["first"], y > step["last"]
            y = np.where(below, step["low_end"], np.where(above, step["high_end"], y))
            span = step["high"] - step["low"]
            return logit((y - step["low"]) / span), (below | above).any(axis=1)
        case "leaky":
            return np.where(y < 0.0, y / step["slope"], y), False
        case kind:
            raise AssertionError(kind)


@pytest.mark.parametrize("name", MAPS)
def test_the_json_says_all_that_the_map_does(name: str):
    case = make_case(name)
    (text,) = write(case.chain, "json").values()
    content = json.loads(text)
    assert content["schema"] == "timbremap-map/1"
    assert content["parameters"]["names"] == list(case.chain.parameter_names)
    p = case.c
    for step in [*content["front"], *content["steps"]]:
        p = forward(step, p)
    np.testing.assert_allclose(p, case.mapping.forward(case.c), rtol=1e-9, atol=1e-9)

    u, at_end = case.p, np.zeros(len(case.p), np.bool_)
    for step in reversed(content["steps"]):
        u, ends = inverse(step, u)
        at_end |= ends
    centre = np.array(content["region"]["centre"])
    distance = np.linalg.norm((u - centre) * content["region"]["deviations"], axis=1)
    share = np.where(at_end, np.minimum(content["region"]["radius"] / distance, 1.0), 1.0)
    c = centre + (u - centre) * share[:, None]
    for step in reversed(content["front"]):
        c, _ = inverse(step, c)
    np.testing.assert_allclose(c, case.mapping.inverse(case.p), rtol=0, atol=1e-9)


@pytest.mark.parametrize("host", HOSTS)
def test_the_same_map_gives_the_same_bytes_and_says_what_it_is(host: str):
    case = make_case("normal")
    files = write(case.chain, host)
    assert files == write(make_case("normal").chain, host)
    assert all(name.startswith(case.chain.identifier) for name in files)
    (main, *_) = files.values()
    # Pure Data has its own way to write a comma and a semicolon.
    assert case.chain.description in main.replace(" \\,", ",").replace(" \\;", ";")
    assert case.chain.identity in main and case.chain.identity != make_case("leaky").chain.identity


def test_an_unknown_host_is_told_which_there_are():
    with pytest.raises(tm.SettingsError, match=r"unknown host 'cobol'; choose one of faust, c"):
        write(make_case("normal").chain, "cobol")


def test_a_stage_without_code_is_named():
    class Odd(Stage):
        def forward(self, x):
            return x

        def inverse(self, y):
            return y, None

        def write_forward(self, x):
            return list(x)

        def write_inverse(self, y):
            return list(y)

    mapping = make_case("normal").mapping
    mapping.front = (*mapping.front, Odd())
    with pytest.raises(tm.SettingsError, match="Odd: this stage of the map has no code"):
        describe(mapping, "x", ["p"] * mapping.parameter_size, "0")


def test_a_model_named_like_no_identifier_gets_one():
    mapping = make_case("one coordinate").mapping
    chain = describe(mapping, "5 maps; *", ["a", "b"], "0.0")
    assert chain.identifier == "map_5_maps___"


def test_a_model_folder_gives_its_name_its_parameters_and_the_day_of_its_training(tmp_path: Path):
    folder = tmp_path / "mine"
    shutil.copytree(LFO4 / "models" / "fm" / "timbremap", folder / "timbremap")
    mapping = tm.load(folder)
    unknown = describe_model(folder, mapping, "0")
    assert (unknown.name, unknown.parameter_names, unknown.day) == (
        "mine",
        ("p0", "p1", "p2", "p3"),
        "",
    )
    names = ["rate", "duty", "shape", "depth"]
    config = {"begun": "2026-11-23", "parameters": names}
    (folder / "config.json").write_text(json.dumps(config))
    chain = describe_model(folder / "timbremap", mapping, "0")
    assert (chain.name, chain.parameter_names) == ("mine", tuple(names))
    for host in HOSTS:
        if host not in ("max", "page"):
            head = next(iter(write(chain, host).values()))
            assert "model of 2026-11-23" in head
    (folder / "config.json").write_text('{"begun": "*/ yesterday"}')
    assert describe_model(folder, mapping, "0").day == ""
