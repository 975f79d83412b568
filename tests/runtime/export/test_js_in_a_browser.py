"""The module is imported by a page in a real browser and held against the runtime."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.browser import real_browser
from tests.support.exports import make_case
from timbremap_runtime.export import write

pytestmark = pytest.mark.slow

WITH_EVERY_STEP = ("normal", "two layers", "leaky", "even")
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
        for name in WITH_EVERY_STEP:
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


LISTEN = """async () => {
  document.querySelector("button").click();
  const heard = new AnalyserNode(context, { fftSize: 32768, smoothingTimeConstant: 0 });
  gains.forEach((gain) => gain.connect(heard));
  sliders.forEach((slider, i) => {
    slider.value = [0.2, 0.8][i];
    slider.dispatchEvent(new Event("input"));
  });
  // Until the window holds nothing of before.
  const end = context.currentTime + 0.5 + 32768 / context.sampleRate;
  while (context.currentTime < end) await new Promise((done) => setTimeout(done, 20));
  const samples = new Float32Array(32768);
  heard.getFloatTimeDomainData(samples);
  return JSON.stringify({
    rate: context.sampleRate,
    samples: [...samples],
    shown: [...document.querySelectorAll("li")].map((item) => item.textContent),
  });
}"""


def test_the_example_page_plays_what_the_sliders_say(tmp_path: Path):
    case = make_case("two layers")
    for name, text in write(case.chain, "js").items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    expected = case.mapping.forward([0.2, 0.8])
    with real_browser() as browser:
        page = browser.new_page()
        # From the disk, as by a double click.
        page.goto((tmp_path / f"{case.chain.identifier}_example.html").as_uri())
        heard = json.loads(page.evaluate(LISTEN))
    # In HTML white space in a name is a space.
    names = [" ".join(name.split()) for name in case.chain.parameter_names]
    shown = [" ".join(text.split()) for text in heard["shown"]]
    assert shown == [f"{name} {p:.1f}" for name, p in zip(names, expected, strict=True)]
    t = 2 * np.pi * 110 * np.arange(32768) / heard["rate"]
    turns = np.exp(-1j * np.outer(np.arange(1, 7), t)) * np.hanning(32768)
    partials = np.abs(turns @ np.array(heard["samples"])) * 4 / 32768
    np.testing.assert_allclose(partials, expected / 127 * 0.3 / 6, rtol=0.01, atol=1e-5)
