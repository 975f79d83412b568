"""The page is opened from a disk in a real browser without a network, played, and listened to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from timbremap_cli import export

import timbremap_runtime as tm
from tests.support.exports import make_case
from tests.support.paths import LFO4, PATCHES
from tests.support.sound import MIDI, aligned, apart, hush, listen
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.engines.faust_wasm import voice_of
from timbremap_jax.data.patch import load_patch
from timbremap_runtime.export import write
from timbremap_runtime.export.page_host import SCRIPT, WORKLET, bundle
from timbremap_runtime.export.wasm import instrument

PAGES = {"fm": LFO4, "clonewheel": PATCHES / "additive" / "clonewheel"}

SECONDS = 0.25
"""Of a note that is listened to."""

PLAYER = "timbremap.player"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the pages."""
    out = tmp_path_factory.mktemp("pages")
    for name, home in PAGES.items():
        arguments = [str(home / "models" / name), "--to", "page", "--out", str(out)]
        variant = ["--variant", "fm"] if name == "fm" else []
        assert export.main([*arguments, "--instrument", str(home), *variant]) == 0
    for name, text in write(make_case("two layers").chain, "page").items():
        (out / name).write_text(text, encoding="utf-8")
    return out


class Opened:
    """A page from the disk, with what it complained about."""

    def __init__(self, browser: Any, file: Path, before: str = "", **options: Any):
        self.context = browser.new_context(offline=True, **options)
        self.page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.add_init_script(MIDI + before)
        self.address = file.as_uri()
        self.page.goto(self.address)
        self.page.wait_for_function("() => window.timbremap")

    def press(self, x: float, y: float) -> list[float]:
        """Press on the pad; return the whole point."""
        pad = self.page.locator("#pad")
        pad.scroll_into_view_if_needed()
        box = pad.bounding_box()
        self.page.mouse.move(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
        self.page.mouse.down()
        return self.page.evaluate("timbremap.performer.c")

    def listen(self, seconds: float) -> NDArray[np.float32]:
        """Listen so long, and return the last 0.74 s."""
        return listen(self.page, PLAYER, seconds)

    def hush(self) -> None:
        """Wait until nothing sounds."""
        hush(self.page, PLAYER)


@pytest.fixture
def opened(browser: Any, folder: Path) -> Iterator[Any]:
    made: list[Opened] = []

    def open_page(name: str, before: str = "", **options: Any) -> Opened:
        made.append(Opened(browser, folder / f"{name}.html", before, **options))
        return made[-1]

    yield open_page
    for each in made:
        assert [text for text in each.complaints if "ScriptProcessorNode" not in text] == []
        assert [url for url in each.asked if not url.startswith("data:")] == [each.address]
        each.context.close()


def expected_at(name: str, points: list[list[float]]) -> list[NDArray[np.float32]]:
    """Render the beginning of the note at points."""
    home = PAGES[name]
    patch = load_patch(home, "fm" if name == "fm" else None)
    mapping = tm.load(home / "models" / name)
    note = patch.note.with_changes(sustain_ms=1000 * SECONDS, release_ms=0)
    engine = FaustEngine(patch)
    return [engine.render(mapping.forward(point).tolist(), note) for point in points]


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_it_sounds_as_the_point_does_in_the_renderer(name: str, opened: Any):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    page = opened(name)
    page.page.evaluate("timbremap.player.setVolume(1)")
    page.listen(0.1)
    heard: list[NDArray[np.float32]] = []
    points: list[list[float]] = []
    for x, y in ((0.2, 0.8), (0.85, 0.3)):
        points.append(page.press(x, y))
        assert points[-1][:2] == pytest.approx([x, y], abs=0.01)
        heard.append(page.listen(SECONDS + 0.15))
        page.page.mouse.up()
        page.hush()
    expected = expected_at(name, points)
    assert apart(expected[0], expected[1]) > 3.0
    for captured, sound in zip(heard, expected, strict=True):
        assert apart(aligned(captured, sound), sound) < 1.0


NO_WORKLET = """
Object.defineProperty(BaseAudioContext.prototype, "audioWorklet", { get: () => undefined });
"""
"""As in a page that comes over plain http from another machine."""


@pytest.mark.slow
def test_it_sounds_without_a_worklet(opened: Any):
    page = opened("fm", NO_WORKLET)
    page.press(0.5, 0.5)
    assert np.abs(page.listen(0.4)[-8192:]).max() > 0.02
    page.page.mouse.up()
    page.hush()


@pytest.mark.slow
def test_another_model_is_faded_to_while_a_note_is_held(opened: Any):
    page = opened("fm")
    patch = load_patch(LFO4, "am")
    page.press(0.5, 0.5)
    before = page.listen(0.5)[-16_384:]
    page.page.evaluate(
        "([instrument, values]) => timbremap.player.load(instrument, values)",
        [instrument(voice_of(patch)), tm.load(LFO4 / "models" / "am").forward([0.5] * 3).tolist()],
    )
    change, after = page.listen(0.3), page.listen(0.5)[-16_384:]
    steady = [np.abs(np.diff(each)).max() for each in (before, after)]
    assert np.abs(np.diff(change)).max() < sum(steady)  # both at once, and nothing more
    assert min(np.abs(before).max(), np.abs(after).max()) > 0.05
    assert apart(after, before) > 3.0  # another sound
    page.page.mouse.up()


SPY = """() => {
  const { player } = window.timbremap;
  window.notes = [];
  for (const method of ["noteOn", "noteOff", "setParameters"]) {
    const play = player[method];
    player[method] = (...given) => { window.notes.push([method, ...given]); play(...given); };
  }
}"""


@pytest.mark.slow
def test_each_further_finger_is_a_note_at_its_own_point(opened: Any):
    page = opened("fm", has_touch=True)
    page.page.evaluate(SPY)
    box = page.page.locator("#pad").bounding_box()
    touch = page.context.new_cdp_session(page.page)

    def fingers(kind: str, *points: tuple[float, float]) -> None:
        places = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + (1 - y) * box["height"], "id": i}
            for i, (x, y) in enumerate(points)
        ]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    fingers("touchStart", (0.25, 0.75))
    fingers("touchStart", (0.25, 0.75), (0.8, 0.2))
    fingers("touchMove", (0.25, 0.75), (0.9, 0.1))
    c = page.page.evaluate("timbremap.performer.c")
    assert c == pytest.approx([0.25, 0.75, 0.5], abs=0.01)
    fingers("touchEnd")
    page.page.wait_for_function("() => !timbremap.player.holding")
    said = page.page.evaluate("notes")
    started = [call[-2:] for call in said if call[0] == "noteOn"]
    assert len(started) == 2 and started[0][1] is None
    mapping = tm.load(LFO4 / "models" / "fm")
    assert started[1][1] == pytest.approx(mapping.forward([0.8, 0.2, 0.5]).tolist(), abs=1.0)
    moved = [given for kind, *given in said if kind == "setParameters" and len(given) > 1]
    assert moved[-1][1] == started[1][0]
    assert moved[-1][0] == pytest.approx(mapping.forward([0.9, 0.1, 0.5]).tolist(), abs=1.0)
    page.hush()


@pytest.mark.slow
def test_midi_plays_it_and_mpe_moves_it(opened: Any):
    page = opened("fm")
    page.page.get_by_role("button", name="Use MIDI").click()
    page.page.wait_for_function(
        "() => document.querySelector('#status').innerText.includes('Pads')"
    )
    page.page.evaluate("midi.send(0x91, 60, 100); midi.send(0xe1, 0, 96); midi.send(0xd1, 127)")
    assert page.page.evaluate("timbremap.performer.c") == pytest.approx([0.75, 64 / 127, 1.0])
    assert np.abs(page.listen(0.2)[-2048:]).max() > 0.02
    page.page.evaluate("midi.send(0x81, 60, 0)")
    page.hush()


KEY = """([kind, code, key]) =>
  window.dispatchEvent(new KeyboardEvent(kind, { code, key, bubbles: true }))"""

PIXELS = """() => {
  const canvas = document.querySelector("#scope");
  const { width, height } = canvas;
  const copy = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const rows = new Set();
  data.forEach((value, i) => i % 4 === 3 && value && rows.add(Math.floor(i / 4 / width)));
  return rows.size / height;
}"""
"""The share of the scope's height that the wave takes."""


@pytest.mark.slow
def test_keys_and_the_pads_own_keys_play_it(opened: Any):
    page = opened("fm")
    meter = page.page.get_by_role("meter", name="Level")
    assert meter.get_attribute("aria-valuetext") == "silent"
    page.page.evaluate(KEY, ["keydown", "KeyA", "q"])  # as on a French keyboard
    assert np.abs(page.listen(0.3)[-2048:]).max() > 0.02
    page.page.wait_for_function("() => document.querySelector('#meter').ariaValueNow > -40")
    page.page.wait_for_function(f"() => ({PIXELS})() > 0.1")
    page.page.evaluate(KEY, ["keyup", "KeyA", "q"])
    page.hush()
    page.page.wait_for_function("() => document.querySelector('#meter').ariaValueText === 'silent'")
    page.page.locator("#pad").focus()
    for key in ("ArrowRight", "ArrowUp", "PageDown"):
        page.page.keyboard.press(key)
    assert page.page.evaluate("timbremap.performer.c") == pytest.approx([0.52, 0.52, 0.48])
    row = page.page.locator("#parameters input").first
    row.fill("100")
    assert page.page.evaluate("timbremap.performer.p[0]") == pytest.approx(100)
    page.page.get_by_role("button", name="Follow the pad again").click()
    c, p = page.page.evaluate("[timbremap.performer.c, timbremap.performer.p]")
    assert p == pytest.approx(tm.load(LFO4 / "models" / "fm").forward(c).tolist(), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_map_without_an_instrument_plays_a_synth_by_midi(look: str, opened: Any):
    page = opened("a_two_layers_map", color_scheme=look, viewport={"width": 360, "height": 700})
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 360
    assert "plays a synth by MIDI" in page.page.locator("#status").inner_text()
    page.page.get_by_role("button", name="Use MIDI").click()
    page.page.locator("#output").select_option(label="Synth")
    c = page.press(0.3, 0.6)
    page.page.mouse.up()
    sent = page.page.evaluate("midi.sent")
    assert [0x90, 57, 100] in sent and [0x80, 57, 0] in sent
    last = {cc: value for status, cc, value in sent if status == 0xB0}
    p = make_case("two layers").mapping.forward(c)
    assert list(last) == list(range(20, 20 + len(p)))
    np.testing.assert_allclose(list(last.values()), p, atol=0.501)


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark"])
def test_everybody_can_use_it(look: str, folder: Path, browser: Any):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe")
    context = browser.new_context(color_scheme=look, bypass_csp=True)  # axe is put into the page
    page = context.new_page()
    page.goto((folder / "fm.html").as_uri())
    page.wait_for_function("() => window.timbremap")
    assert axe.Axe().run(page).response["violations"] == []
    context.close()


def test_names_do_not_break_the_page_and_the_same_model_gives_the_same_bytes():
    chain = make_case("normal").chain
    (first,), (again,) = write(chain, "page").values(), write(chain, "page").values()
    assert first == again
    assert "Größe" not in first and "\\u003c" not in first
    voice = voice_of(load_patch(LFO4, "fm"))
    with pytest.raises(tm.SettingsError, match="4 learned parameters"):
        write(chain, "page", voice)


def test_the_modules_are_joined_whole():
    for names in (SCRIPT, WORKLET):
        text = bundle(names)
        assert not re.search(r"^(import|export) ", text, re.MULTILINE)
        declared = re.findall(r"^(?:async )?(?:const|function|class) (\w+)", text, re.MULTILINE)
        assert len(declared) > 10 and len(set(declared)) == len(declared)
