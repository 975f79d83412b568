"""The module is run by Node and held against the runtime, and its performance against ours."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.exports import MAPS, Case, make_case
from timbremap_runtime.export import write

SAME_P, SAME_C = 1e-9, 1e-12

PROGRAM = """\
import {{ map, Performer }} from "./{name}.mjs";
import {{ readFileSync }} from "fs";
import {{ createRequire }} from "module";

const script = createRequire(import.meta.url)("./{name}.js");
const given = JSON.parse(readFileSync("given.json"));
const performer = new Performer(map);
const performance = given.hands.map(([what, ...values]) => {{
  performer[what](...values);
  return {{ c: performer.c, p: performer.p }};
}});
console.log(
  JSON.stringify({{
    p: given.c.map((c) => map.forward(c)),
    c: given.p.map((p) => map.inverse(p)),
    names: map.parameterNames,
    required: given.c.every((c) => String(script.map.forward(c)) === String(map.forward(c))),
    performance,
  }})
);
"""

pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs Node.js (node)")


def run(case: Case, folder: Path, hands: list[list[Any]]) -> dict[str, Any]:
    """Map all of a case in Node, and play."""
    for name, text in write(case.chain, "js").items():
        (folder / name).write_text(text, encoding="utf-8")
    given = {"c": case.c.tolist(), "p": case.p.tolist(), "hands": hands}
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "program.mjs").write_text(PROGRAM.format(name=case.chain.identifier))
    said = subprocess.run(
        ["node", "program.mjs"], cwd=folder, capture_output=True, text=True, check=True
    )
    return json.loads(said.stdout)


@pytest.mark.parametrize("name", MAPS)
def test_the_module_maps_as_the_runtime_does(name: str, tmp_path: Path):
    case = make_case(name)
    said = run(case, tmp_path, [])
    np.testing.assert_allclose(said["p"], case.mapping.forward(case.c), rtol=0, atol=SAME_P)
    np.testing.assert_allclose(said["c"], case.mapping.inverse(case.p), rtol=0, atol=SAME_C)
    assert said["names"] == list(case.chain.parameter_names)
    assert said["required"]  # the script's map is the same


def test_the_performance_is_that_of_the_runtime(tmp_path: Path):
    case = make_case("normal")
    generator = np.random.default_rng(2)
    m, n = case.mapping.control_size, case.mapping.parameter_size
    hands: list[list[Any]] = []
    for _ in range(300):
        hands.append(
            [
                ["move", generator.uniform(-0.1, 1.1, m).tolist()],
                ["set", int(generator.integers(n)), float(generator.uniform(-5, 132))],
                ["recall", generator.uniform(0, 127, n).tolist()],
                ["release"],
                ["activate", (generator.uniform(size=n) < generator.uniform()).tolist()],
                [
                    "place",
                    generator.uniform(0, 1, m).tolist(),
                    generator.uniform(0, 127, n).tolist(),
                ],
            ][generator.choice(6, p=[0.3, 0.35, 0.1, 0.1, 0.1, 0.05])]
        )
    performer = tm.Performer(case.mapping)
    said = run(case, tmp_path, hands)["performance"]
    for (what, *values), then in zip(hands, said, strict=True):
        getattr(performer, what)(*values, *([0.0] if what == "activate" else []))
        np.testing.assert_allclose(then["c"], performer.c, rtol=0, atol=1e-9, err_msg=what)
        np.testing.assert_allclose(then["p"], performer.p, rtol=0, atol=1e-8, err_msg=what)
