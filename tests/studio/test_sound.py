"""The studio's page is heard in a real browser, and held against the renderer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

import timbremap_runtime as tm
from tests.support.paths import LFO4, PATCHES
from tests.support.sound import MIDI, aligned, apart, hush, listen
from tests.support.studio import Running, running_studio
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.patch import SAMPLE_RATE, load_patch

pytestmark = pytest.mark.slow

PLAYER = "studio.sounding.player"
SECONDS = 0.25
"""Of a note that is listened to."""


@pytest.fixture(scope="module")
def studio() -> Iterator[Running]:
    with running_studio("--load", "fm") as running:
        yield running


def choose(page: Any, name: str) -> None:
    """Play a model, from the middle of the pad."""
    page.evaluate(
        """async (name) => {
          await studio.choose(name, "here");
          await studio.sounding.load();
          studio.playing.release();
          studio.playing.move([0.5, 0.5, 0.5]);
        }""",
        name,
    )


@pytest.fixture
def page(studio: Running, browser: Any) -> Iterator[Any]:
    """A page that is ready to be played, with MIDI ports; it must have had no complaint."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.add_init_script(MIDI)
    opened.goto(studio.url)
    opened.wait_for_selector("body[data-ready]")
    opened.evaluate("studio.sounding.ready")
    choose(opened, "fm")
    opened.evaluate("studio.sounding.player.setVolume(1)")
    listen(opened, PLAYER, 0.1)
    yield opened
    assert said == []
    context.close()


def press(page: Any, x: float, y: float) -> None:
    box = page.locator("#pad").bounding_box()
    page.mouse.move(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
    page.mouse.down()


def render(variant: str, values: list[float]) -> NDArray[np.float32]:
    """Render the beginning of the note that the model was trained on."""
    patch = load_patch(LFO4, variant)
    note = patch.note.with_changes(sustain_ms=1000 * SECONDS, release_ms=0)
    return FaustEngine(patch).render(values, note)


def test_the_pad_sounds_as_its_point_does_in_the_renderer(page: Any):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    mapping = tm.load(LFO4 / "models" / "fm")
    sounds: list[NDArray[np.float32]] = []
    for x, y in ((0.2, 0.8), (0.85, 0.3)):
        press(page, x, y)
        captured = listen(page, PLAYER, SECONDS + 0.15)
        page.mouse.up()
        hush(page, PLAYER)
        c = page.evaluate("studio.playing.c")
        assert c[:2] == pytest.approx([x, y], abs=0.01)
        sounds.append(render("fm", mapping.forward(c).tolist()))
        assert apart(aligned(captured, sounds[-1]), sounds[-1]) < 1.0
    assert apart(sounds[0], sounds[1]) > 3.0


def test_a_parameter_that_is_moved_is_heard(page: Any):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    page.evaluate("studio.playing.set(0, 120)")
    page.keyboard.down("KeyA")
    captured = listen(page, PLAYER, SECONDS + 0.15)
    page.keyboard.up("KeyA")
    p = page.evaluate("studio.playing.p")
    assert p[0] == pytest.approx(120.0)
    patch = load_patch(LFO4, "fm")
    note = patch.note.with_changes(pitch=48, sustain_ms=1000 * SECONDS, release_ms=0)
    sound = FaustEngine(patch).render(p, note)
    assert apart(aligned(captured, sound), sound) < 1.0


def test_what_is_typed_does_not_sound(page: Any):
    page.locator("input[type=text]").first.press_sequentially("ad")
    assert not page.evaluate("studio.sounding.player.holding")
    assert not listen(page, PLAYER, 0.1)[-2048:].any()


def test_another_model_is_faded_to_while_a_note_is_held(page: Any):
    page.get_by_label("Hold").check()
    before = listen(page, PLAYER, 0.5)[-16_384:]
    choose(page, "clonewheel")
    change, after = listen(page, PLAYER, 0.3), listen(page, PLAYER, 0.5)[-16_384:]
    steady = [np.abs(np.diff(each)).max() for each in (before, after)]
    assert np.abs(np.diff(change)).max() < sum(steady)  # both at once, and nothing more
    assert min(np.abs(before).max(), np.abs(after).max()) > 0.02
    assert apart(after, before) > 3.0
    page.get_by_label("Hold").uncheck()
    hush(page, PLAYER)


def test_mpe_moves_the_point_and_a_synth_gets_notes_and_ccs(page: Any):
    page.get_by_role("button", name="MIDI").click()
    page.wait_for_selector("button[aria-pressed=true]:has-text('MIDI')")
    page.evaluate("midi.send(0x91, 45, 100); midi.send(0xe1, 0, 96); midi.send(0xb1, 74, 0)")
    assert page.evaluate("studio.playing.c") == pytest.approx([0.75, 0.0, 0.0])
    assert np.abs(listen(page, PLAYER, 0.2)[-2048:]).max() > 0.02
    page.evaluate("midi.send(0x81, 45, 0)")
    hush(page, PLAYER)
    page.locator("#sound-bar select").select_option(label="Synth")
    page.evaluate("midi.send(0x90, 60, 90); midi.send(0x80, 60, 0)")
    sent = page.evaluate("midi.sent")
    assert sent[-2:] == [[0x90, 60, 90], [0x80, 60, 0]]
    assert {cc for status, cc, _ in sent if status == 0xB0} == {20, 21, 22, 23}


def test_a_model_without_a_sound_says_why(page: Any):
    notice = page.locator("#notice")
    page.evaluate("studio.sounding.fetched({ name: 'drums', playing: { engine: 'osc' } })")
    assert notice.inner_text() == (
        "drums is silent here: its engine is osc; play it over OSC or MIDI."
    )
    page.evaluate("studio.sounding.fetched({ name: 'drums', playing: null })")
    assert "its instrument was not found; start tm-studio in the folder" in notice.inner_text()


def test_a_gesture_becomes_a_sound_file(page: Any, tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    page.evaluate(
        """() => {
          const { playing, gestures } = studio;
          const row = (t, c) => ({ t, c, p: playing.model.map.forward(c) });
          const rows = [row(0, [0.2, 0.8, 0.5]), row(1, [0.9, 0.1, 0.5])];
          gestures.keep({ rows, notes: [], length: 1.3 });
        }"""
    )
    with page.expect_download() as download:
        page.get_by_role("button", name="Save sound").click()
    assert download.value.suggested_filename == "fm gesture.wav"
    download.value.save_as(tmp_path / "gesture.wav")
    samples, rate = soundfile.read(tmp_path / "gesture.wav", dtype="float32")
    assert rate == SAMPLE_RATE
    start = render("fm", tm.load(LFO4 / "models" / "fm").forward([0.2, 0.8, 0.5]).tolist())
    later = samples[round(1.02 * rate) :][: len(start)]
    assert apart(samples[: len(start)], start) < 1.0 < 3.0 < apart(later, start)


def test_a_recorded_gesture_has_its_notes(page: Any):
    page.get_by_role("button", name="Record").click()
    press(page, 0.3, 0.3)
    listen(page, PLAYER, 0.1)
    page.mouse.up()
    hush(page, PLAYER)
    page.locator("#gestures").get_by_role("button", name="Stop").click()
    notes = page.evaluate("studio.gestures.gesture.notes")
    assert [note["on"] for note in notes] == [True, False]
    page.locator("#gestures").get_by_role("button", name="Play").click()
    page.wait_for_function("() => studio.sounding.player.holding")
    assert np.abs(listen(page, PLAYER, 0.05)).max() > 0.02
    page.locator("#gestures").get_by_role("button", name="Stop").click()
    hush(page, PLAYER)


def test_a_model_of_every_shipped_instrument_sounds(page: Any):
    for folder, name in (("additive/clonewheel", "clonewheel"), ("subtractive/lfo4", "universal")):
        assert (PATCHES / folder / "models" / name).is_dir()
        page.evaluate(
            "(name) => studio.choose(name, 'here').then(() => studio.sounding.load())", name
        )
        press(page, 0.5, 0.5)
        assert np.abs(listen(page, PLAYER, 0.3)[-2048:]).max() > 0.02, name
        page.mouse.up()
        hush(page, PLAYER)
