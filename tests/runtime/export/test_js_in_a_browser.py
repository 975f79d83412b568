"""The module is imported by a page in a real browser and held against the runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.browser import real_browser
from tests.support.exports import MAPS, make_case
from timbremap_runtime.export import write

pytestmark = pytest.mark.slow

SAME_P, SAME_C = 1e-9, 1e-12
TYPES = {".html": "text/html", ".mjs": "text/javascript", ".json": "application/json"}

EVALUATE = """async (name) => {
  const { map, Performer } = await import(`./${name}.mjs`);
  const given = await (await fetch(`${name}.json`)).json();
  const performer = new Performer(map);
  performer.move(given.c[3]);
  return JSON.stringify({
    p: given.c.map((c) => map.forward(c)),
    c: given.p.map((p) => map.inverse(p)),
    played: performer.p,
  });
}"""


def test_the_module_maps_in_a_browser_as_the_runtime_does(tmp_path: Path):
    (tmp_path / "index.html").write_text("<!doctype html><title>A map</title>")

    def answer(route: Any) -> None:
        file = tmp_path / (route.request.url.rpartition("/")[2] or "index.html")
        route.fulfill(body=file.read_bytes(), content_type=TYPES[file.suffix])

    with real_browser() as browser:
        page = browser.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.route("**/*", answer)
        page.goto("http://map.test/")
        for name in MAPS:
            case = make_case(name)
            word = case.chain.identifier
            (module,) = (text for file, text in write(case.chain, "js").items() if ".mjs" in file)
            (tmp_path / f"{word}.mjs").write_text(module, encoding="utf-8")
            given = {"c": case.c.tolist(), "p": case.p.tolist()}
            (tmp_path / f"{word}.json").write_text(json.dumps(given))
            found = json.loads(page.evaluate(EVALUATE, word))
            p, c = case.mapping.forward(case.c), case.mapping.inverse(case.p)
            np.testing.assert_allclose(found["p"], p, rtol=0, atol=SAME_P, err_msg=name)
            np.testing.assert_allclose(found["c"], c, rtol=0, atol=SAME_C, err_msg=name)
            np.testing.assert_allclose(
                found["played"], case.mapping.forward(np.clip(case.c[3], 0, 1)), atol=SAME_P
            )
        assert said == []
