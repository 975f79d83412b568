"""What is written for Max, without Max: by its structure, and its code in Node.

GenExpr, the language of gen~'s codebox, is JavaScript but for how a function begins.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.exports import MAPS, make_case
from tests.support.max_layout import check_boxes, check_cords, check_room
from tests.support.max_player import MaxPatch, needs_node
from timbremap_runtime.export import write
from timbremap_runtime.export.chain import Chain

PROGRAM = """\
const {{ abs, exp, log, max, min, sqrt }} = Math;
const clamp = (x, low, high) => min(max(x, low), high);
{functions}
const found = JSON.parse(require("fs").readFileSync("given.json")).map(([{inputs}]) => {{
{statements}
return [{outputs}];
}});
console.log(JSON.stringify(found));
"""


def save(chain: Chain, folder: Path) -> dict[str, Any]:
    """Write the files; return the patchers."""
    files = write(chain, "max")
    assert sorted(files) == [f"{chain.identifier}.{kind}" for kind in ("gendsp", "js", "maxpat")]
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return {
        kind: json.loads(files[f"{chain.identifier}.{kind}"])["patcher"]
        for kind in ("gendsp", "maxpat")
    }


def code(patcher: dict[str, Any]) -> str:
    (text,) = (item["box"]["code"] for item in patcher["boxes"] if "code" in item["box"])
    return text.replace("\r\n", "\n")


@needs_node
@pytest.mark.slow
@pytest.mark.parametrize("name", MAPS)
def test_the_codebox_maps_as_the_runtime_does(name: str, tmp_path: Path):
    case = make_case(name)
    m, n = case.chain.control_size, case.chain.parameter_size
    # Every function ends with a brace at the beginning of a line.
    text = code(save(case.chain, tmp_path)["gendsp"])
    functions, _, statements = text.rpartition("\n}\n")
    assert not re.search(r"\d[eE]", statements)  # an exponent
    program = PROGRAM.format(
        functions=re.sub(r"^(\w+\(c\) \{)", r"function \1", functions, flags=re.M) + "\n}"
        if functions
        else "",
        inputs=", ".join(f"in{i + 1}" for i in range(m)),
        statements=statements,
        outputs=", ".join(f"out{i + 1}" for i in range(n)),
    )
    (tmp_path / "program.cjs").write_text(program, encoding="utf-8")
    (tmp_path / "given.json").write_text(json.dumps(case.c.tolist()))
    said = subprocess.run(
        ["node", "program.cjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    expected = case.mapping.forward(case.c)
    np.testing.assert_allclose(json.loads(said.stdout), expected, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MAPS)
def test_its_patchers_are_whole(name: str, tmp_path: Path):
    case = make_case(name)
    m, n = case.chain.control_size, case.chain.parameter_size
    patchers = save(case.chain, tmp_path)
    for patcher in patchers.values():
        check_boxes(patcher, of_the_map=("gen~", "codebox"))
        check_cords(patcher)
        check_room(patcher, "patching_rect")
        for item in patcher["boxes"]:
            box = item["box"]
            if box.get("text", "").startswith("gen~") or box["maxclass"] == "codebox":
                assert (box["numinlets"], box["numoutlets"]) == (m, n)
    texts = [item["box"].get("text") for item in patchers["gendsp"]["boxes"]]
    assert {f"in {i + 1}" for i in range(m)} | {f"out {i + 1}" for i in range(n)} < set(texts)
    assert patchers["gendsp"]["classnamespace"] == "dsp.gen"


@needs_node
def test_the_patch_shows_what_the_map_gives(tmp_path: Path):
    case = make_case("normal")
    save(case.chain, tmp_path)
    patch = MaxPatch(tmp_path / f"{case.chain.identifier}.maxpat")
    sliders = [patch.box("slider", i) for i in range(3)]
    numbers = [patch.box("flonum", i) for i in range(9)]
    steps = [(slider, 0, [x]) for slider, x in zip(sliders, (0.2, 0.8, 0.4), strict=True)]
    *_, moved, hand = patch.play([*steps, (numbers[1], 0, [64.0])], tmp_path)
    performer = tm.Performer(case.mapping)
    performer.move([0.2, 0.8, 0.4])
    for then in (moved, hand):
        p = [then["shown"][number][0] for number in numbers]
        c = [then["shown"][slider][0] for slider in sliders]
        np.testing.assert_allclose(p, performer.p, atol=1e-9)
        np.testing.assert_allclose(c, performer.c, atol=1e-9)
        performer.set(1, 64.0)
