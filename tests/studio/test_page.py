"""The page in a real browser."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.osc_client import Client
from tests.support.paths import LFO4
from tests.support.studio import Running, running_studio, until

pytestmark = pytest.mark.slow

SAME = 1e-9
"""Python and JavaScript compute the same to a few roundings of numbers up to 127."""

N_PARAMETERS = 4


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """A synthesizer that is sent parameters."""
    opened = Client()
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def studio(client: Client) -> Iterator[Running]:
    with running_studio("--load", "fm", "--to", str(client.port)) as running:
        yield running


@pytest.fixture
def open_page(studio: Running, browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens pages of browsers of their own; none of them may have had anything to complain of."""
    contexts: list[Any] = []
    said: list[str] = []

    def open_one(url: str = studio.url, **options: Any) -> Any:
        contexts.append(
            browser.new_context(**{"viewport": {"width": 1280, "height": 900}} | options)
        )
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(url)
        page.wait_for_selector("body[data-ready]")
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def page(open_page: Callable[..., Any]) -> Any:
    """A page with the point in the middle and nothing held or locked."""
    opened = open_page()
    opened.evaluate("() => studio.choose('fm', 'here')")
    until(opened, "() => studio.playing.model.name === 'fm'")
    opened.evaluate("""() => {
        studio.playing.activate([1, 1, 1, 1]);
        studio.playing.release();
        studio.playing.move([0.5, 0.5, 0.5]);
    }""")
    return opened


def state(page: Any) -> dict[str, Any]:
    return page.evaluate("() => studio.playing.state()")


def touch(page: Any, *points: tuple[float, float], up: bool = True) -> None:
    """Drag the mouse through points of the pad, from its left and its bottom."""
    box = page.locator("#pad").bounding_box()
    for i, (x, y) in enumerate(points):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
        if i == 0:
            page.mouse.down()
    if up:
        page.mouse.up()


def saved(page: Any, name: str) -> str:
    """Press the button that saves a file; return what is in it."""
    with page.expect_download() as download:
        page.get_by_role("button", name=name, exact=True).click()
    return Path(download.value.path()).read_text(encoding="utf-8")


@contextmanager
def choosing(page: Any, button: str, file: Path) -> Iterator[None]:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=button, exact=True).click()
    chooser.value.set_files(file)
    yield


def test_the_point_follows_the_pad_and_the_parameters_the_map(page: Any):
    touch(page, (0.25, 0.75))
    now = state(page)
    assert now["c"] == pytest.approx([0.25, 0.75, 0.5], abs=0.01)
    mapping = tm.load(LFO4 / "models" / "fm")
    np.testing.assert_allclose(now["p"], mapping.forward(now["c"]), rtol=0, atol=SAME)


def test_keys_and_the_wheel_move_every_coordinate(page: Any):
    page.locator("#pad").focus()
    for key in ("ArrowLeft", "Shift+ArrowUp", "PageUp", "PageUp"):
        page.keyboard.press(key)
    assert state(page)["c"] == pytest.approx([0.48, 0.6, 0.54])
    page.locator("#pad").hover()
    page.mouse.wheel(0, 100)
    until(page, "() => studio.playing.c[2] < 0.5")
    page.keyboard.press("Home")
    assert state(page)["c"] == [0.5, 0.5, 0.5]


def test_fingers_play_points_of_their_own_and_press(page: Any):
    """The first leads; a screen that measures how hard they press gives the third coordinate."""
    box = page.locator("#pad").bounding_box()
    session = page.context.new_cdp_session(page)

    def fingers(kind: str, *places: tuple[float, float, float]) -> None:
        points = [
            {
                "x": box["x"] + x * box["width"],
                "y": box["y"] + (1 - y) * box["height"],
                "force": force,
                "id": number,
            }
            for number, (x, y, force) in enumerate(places)
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    page.evaluate("""() => {
        studio.told = [];
        studio.sounding.onNote((note) => studio.told.push(note));
    }""")
    fingers("touchStart", (0.2, 0.3, 0.25))
    assert state(page)["c"] == pytest.approx([0.2, 0.3, 0.25], abs=0.01)
    fingers("touchStart", (0.2, 0.3, 0.25), (0.8, 0.7, 0.75))
    fingers("touchMove", (0.25, 0.3, 0.9), (0.7, 0.6, 0.75))
    assert state(page)["c"] == pytest.approx([0.25, 0.3, 0.9], abs=0.01)
    fingers("touchEnd")
    told = page.evaluate("() => studio.told")
    begun = [note for note in told if note.get("on")]
    assert len({note["id"] for note in begun}) == 2
    assert len([note for note in told if note.get("on") is False]) == 2
    mapping = tm.load(LFO4 / "models" / "fm")
    second = next(note["p"] for note in begun if note["p"])
    np.testing.assert_allclose(mapping.inverse(second), [0.8, 0.7, 0.75], atol=0.01)


def test_a_pen_presses_and_a_mouse_does_not(page: Any):
    send = """([kind, pressure]) => {
        const box = studio.pad.element.getBoundingClientRect();
        const [x, y] = [box.left + box.width / 4, box.top + box.height / 4];
        const event = { pointerId: 1, pointerType: kind, pressure, clientX: x, clientY: y };
        const pad = studio.pad.element;
        pad.setPointerCapture = () => {}; // there is no such pointer
        pad.dispatchEvent(new PointerEvent("pointerdown", event));
        pad.dispatchEvent(new PointerEvent("pointerup", event));
    }"""
    page.evaluate(send, ["mouse", 0.5])
    assert state(page)["c"] == pytest.approx([0.25, 0.75, 0.5], abs=0.01)
    page.evaluate(send, ["pen", 0.875])
    assert state(page)["c"] == pytest.approx([0.25, 0.75, 0.875], abs=0.01)


def test_a_knob_leads_the_point_and_back(page: Any):
    """As the runtime's own performance does, held offset and all."""
    performer = tm.Performer(tm.load(LFO4 / "models" / "fm"))
    knob = page.get_by_label("rate", exact=True)
    before = state(page)
    for value in (100, 5):
        knob.fill(str(value))
        performer.set(0, value)
        now = state(page)
        np.testing.assert_allclose(now["c"], performer.c, rtol=0, atol=SAME)
        np.testing.assert_allclose(now["p"], performer.p, rtol=0, atol=SAME)
    assert now["p"][0] == 5
    for index in range(N_PARAMETERS):  # more than three coordinates reach
        page.locator(".knob input").nth(index).fill("20")
    until(page, "() => document.querySelector('.knob.held') !== null")
    page.get_by_role("button", name="Let go").click()
    now = state(page)
    np.testing.assert_allclose(now["p"], performer.mapping.forward(now["c"]), rtol=0, atol=SAME)
    for _ in range(2 + N_PARAMETERS + 1):
        page.keyboard.press("Control+z")
    assert state(page) == before
    page.get_by_role("button", name="Redo").click()
    assert state(page)["p"][0] == 100


def test_a_locked_parameter_stays(page: Any):
    lock = page.get_by_role("button", name="Lock duty")
    lock.click()
    before = state(page)["p"]
    touch(page, (0.1, 0.9))
    now = state(page)["p"]
    assert now[1] == before[1]
    assert abs(now[0] - before[0]) > 1
    assert lock.get_attribute("aria-pressed") == "true"
    lock.click()
    assert state(page)["p"][1] != before[1]


def test_values_are_in_the_unit_of_the_instrument(page: Any):
    said = page.evaluate("""async () => {
        const { worded } = await import("/page/knobs.js");
        const hertz = { low: 20, high: 20000, steps: null, unit: "Hz" };
        const wave = { low: 1, high: 5, steps: 5, unit: "" };
        const share = { low: 1, high: 0.3, steps: null, unit: "" };
        return [worded(63.5, hertz), worded(127, hertz), worded(40, wave), worded(127, share),
                worded(12.34, null)];
    }""")
    assert said == ["10010 Hz", "20000 Hz", "2", "0.300", "12.3"]


def test_snapshots_survive_a_reload_and_can_be_shared(page: Any, tmp_path: Path):
    touch(page, (0.2, 0.3))
    page.get_by_label("duty", exact=True).fill("99")
    first = state(page)
    page.get_by_label("Name of the next snapshot").fill("dark <b>one</b>")
    page.get_by_role("button", name="Store").click()
    touch(page, (0.8, 0.6))
    page.get_by_role("button", name="Store").click()
    second = state(page)
    shared = tmp_path / "shared.json"
    shared.write_text(saved(page, "Save"))

    page.reload()
    page.wait_for_selector("body[data-ready]")
    names = page.locator(".snapshots .name")
    assert names.all_text_contents() == ["dark <b>one</b>", "Snapshot 2"]
    names.nth(0).click()
    assert state(page)["c"] == first["c"]
    assert state(page)["p"] == first["p"]

    # A way between them leads through the middle, and ends where the other is, to the bit.
    page.evaluate("""() => {
        studio.passed = [];
        studio.playing.onChange(({ c, p }) => studio.passed.push({ c: [...c], p: [...p] }));
    }""")
    page.get_by_label("Morph over").fill("0.5")
    names.nth(1).click()
    until(page, "() => studio.playing.c[0] > 0.7999 && studio.passed.length > 3")
    until(page, f"() => studio.playing.p[0] === {second['p'][0]!r}")
    passed = page.evaluate("() => studio.passed")
    shares = [(each["c"][0] - first["c"][0]) / (second["c"][0] - first["c"][0]) for each in passed]
    assert shares == sorted(shares)
    assert any(0.1 < share < 0.9 for share in shares)

    page.get_by_role("button", name="Remove Snapshot 2").click()
    with choosing(page, "Open", shared):
        until(page, "() => document.querySelectorAll('.snapshots li').length === 3")
    shared.write_text(json.dumps({"format": "timbremap-snapshots/1", "snapshots": [{"c": [1]}]}))
    with choosing(page, "Open", shared):
        page.get_by_text("cannot be used").wait_for()


def test_two_pages_agree_whoever_plays(page: Any, open_page: Callable[..., Any]):
    other = open_page()
    touch(page, (0.9, 0.2))
    page.get_by_label("shape", exact=True).fill("11")
    agree(page, other)
    other.get_by_label("depth", exact=True).fill("120")
    agree(other, page)
    other.get_by_role("button", name="Lock rate").click()
    agree(other, page)
    page.locator("#model").select_option("clonewheel")
    until(other, "() => studio.playing.model.name === 'clonewheel'")
    touch(other, (0.3, 0.3), (0.4, 0.4))
    agree(other, page)
    # Both at once: who was last is followed by the other.
    for one in (page, other):
        one.evaluate("""() => {
            let n = 0;
            const timer = setInterval(() => {
                studio.playing.move([Math.random(), Math.random(), 0.5]);
                if (++n === 40) clearInterval(timer);
            }, 5);
        }""")
    page.wait_for_timeout(400)
    agree(page, other)
    for one, name in ((page, "pwm"), (other, "am")):
        one.evaluate(f"() => {{ studio.choose('{name}', 'here'); }}")
    agree(page, other)


WHERE = """() => studio.link.unsent.size || studio.link.served.seen !== studio.link.sent
    ? null : JSON.stringify([studio.playing.model.name, studio.playing.state()])"""


HELD = "() => studio.playing.p.map((x, i) => x - studio.playing.mapped[i])"


def agree(*pages: Any) -> None:
    """Wait until all have sent all, and are at the same place with the same model."""
    end = time.monotonic() + 10
    while True:
        where = {page.evaluate(WHERE) for page in pages}
        if len(where) == 1 and None not in where:
            return
        assert time.monotonic() < end, where
        pages[0].wait_for_timeout(10)


def test_the_page_plays_synthesizers_and_is_played(page: Any, studio: Running, client: Client):
    touch(page, (0.6, 0.7))
    expected = state(page)["p"]
    while client.wait_for("/tm/p") != pytest.approx(expected, abs=1e-4):
        pass
    client.to = ("127.0.0.1", studio.osc_port)
    client.send("/tm/c", 0.125, 0.25, 0.75)
    until(page, "() => studio.playing.c[0] === 0.125 && studio.playing.c[2] === 0.75")
    for scale in ("uniform", "normal"):
        client.send("/tm/scale", scale)
        until(page, f"() => studio.playing.model.map.scale === '{scale}'")
        agree(page)
        mapping = tm.load(LFO4 / "models" / "fm", scale=scale)
        expected = mapping.forward([0.125, 0.25, 0.75])
        np.testing.assert_allclose(state(page)["p"], expected, rtol=0, atol=1e-6)


def test_a_touched_dot_tells_how_it_is_made(page: Any):
    page.get_by_role("button", name="Listen").click()
    point = page.evaluate("() => studio.dots.point(7)")
    before = state(page)
    touch(page, (point[0], point[1]))
    text = page.locator("#heard").inner_text()
    assert text.startswith("Sound ")
    assert "rate" in text
    assert state(page) == before  # to listen is not to play
    page.get_by_role("button", name="Play from here").click()
    dot = int(text.split()[1].rstrip(":"))
    assert state(page)["p"] == page.evaluate(f"() => studio.dots.parameters({dot})")


def test_dots_take_the_colours_of_what_is_chosen(page: Any):
    seen: set[str] = set()
    for choice in ("0", "3", "speed"):
        page.get_by_label("Colour").select_option(choice)
        seen.add(page.evaluate("() => studio.dots.canvas.toDataURL()"))
    assert len(seen) == 3


def test_a_gesture_is_recorded_saved_opened_and_played(page: Any, tmp_path: Path):
    page.get_by_role("button", name="Record").click()
    touch(page, (0.2, 0.2), (0.3, 0.4), (0.7, 0.8))
    page.get_by_role("button", name="Stop").click()
    text = saved(page, "Save CSV")
    lines = text.splitlines()
    assert lines[0] == "time_s,x,y,pressure,rate,duty,shape,depth"
    rows = np.array([[float(x) for x in line.split(",")] for line in lines[1:]])
    assert (np.diff(rows[:, 0]) >= 0).all()
    np.testing.assert_allclose(rows[-1, 1:3], [0.7, 0.8], atol=0.01)
    mapping = tm.load(LFO4 / "models" / "fm")
    np.testing.assert_allclose(mapping.forward(rows[:, 1:4]), rows[:, 4:], atol=1e-2)

    file = tmp_path / "way.csv"
    file.write_text("t,x,y,z\n0,0.1,0.1,0.5\n0.5,0.9,0.1,0.5\n")
    with choosing(page, "Open CSV", file):
        page.get_by_text("A gesture of 2 steps").wait_for()
    page.get_by_label("Loop").uncheck()
    page.evaluate("""() => {
        studio.passed = [];
        studio.playing.onChange(({ c }) => studio.passed.push(c[0]));
    }""")
    page.get_by_role("button", name="Play", exact=True).last.click()
    until(page, "() => studio.gestures.run === null")
    passed = page.evaluate("() => studio.passed")
    assert passed == sorted(passed)
    assert any(0.2 < x < 0.8 for x in passed)
    file.write_text("0,0.1,0.1,0.5\n0.2,0.9,oops,0.5\n")
    with choosing(page, "Open CSV", file):
        page.get_by_text("line 2").wait_for()


def test_a_drawn_way_is_played_in_its_time(page: Any):
    page.get_by_role("button", name="Draw").click()
    page.get_by_label("depth", exact=True).fill("127")
    page.get_by_label("rate", exact=True).fill("127")
    before = state(page)
    held = page.evaluate(HELD)
    touch(page, (0.1, 0.5), (0.5, 0.9), (0.9, 0.5), up=False)
    assert state(page) == before
    page.mouse.up()
    until(page, "() => studio.gestures.run !== null")
    page.get_by_label("Lasts").fill("0.5")
    page.keyboard.press("Enter")
    assert page.evaluate("() => studio.gestures.gesture.length") == 0.5
    until(page, "() => studio.playing.c[0] > 0.6 && studio.playing.c[1] > 0.5")
    until(page, "() => studio.playing.c[0] < 0.4")  # around again
    page.get_by_role("button", name="Stop").click()
    assert page.evaluate("() => studio.gestures.run") is None
    # What is held by hand stays held, as far as parameters go.
    assert any(abs(offset) > 1 for offset in held)
    now = np.add(page.evaluate("() => studio.playing.mapped"), held)
    np.testing.assert_allclose(state(page)["p"], np.clip(now, 0, 127), rtol=0, atol=SAME)


def test_two_models_are_compared_at_the_same_point(page: Any):
    touch(page, (0.3, 0.8))
    point = state(page)["c"]
    page.locator("#other").select_option("am")
    page.get_by_role("button", name="Swap").click()
    until(page, "() => studio.playing.model.name === 'am'")
    assert state(page)["c"] == point
    assert page.locator("#other").input_value() == "fm"
    page.get_by_role("button", name="Swap").click()
    until(page, "() => studio.playing.model.name === 'fm'")
    assert state(page)["c"] == point


@pytest.mark.parametrize("size", [(360, 740), (1440, 900)], ids=["phone", "desktop"])
@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_page_fits_and_can_be_read(
    size: tuple[int, int], look: str, open_page: Callable[..., Any]
):
    from axe_playwright_python.sync_playwright import Axe

    width, height = size
    page = open_page(viewport={"width": width, "height": height}, color_scheme=look)
    page.get_by_role("button", name="Store").click()
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    box = page.locator("#pad").bounding_box()
    assert box["width"] == pytest.approx(box["height"], abs=1)
    assert box["width"] > 300
    found = Axe().run(page).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    assert [(each["id"], each["nodes"][0]["html"]) for each in serious] == []


def test_playing_goes_on_when_the_server_is_gone(browser: Any):
    with running_studio("--load", "am") as first:
        context = browser.new_context()
        page = context.new_page()
        page.goto(first.url)
        page.wait_for_selector("body[data-ready]")
    page.get_by_text("The server is gone").wait_for()
    touch(page, (0.2, 0.7))
    assert state(page)["c"] == pytest.approx([0.2, 0.7, 0.5], abs=0.01)
    port = first.url.split(":")[2].rstrip("/")
    with running_studio("--load", "am", "--port", port):
        page.get_by_text("The server is gone").wait_for(state="hidden", timeout=10_000)
        until(page, "() => studio.link.served?.c[0] === studio.playing.c[0]")
        assert state(page)["c"] == pytest.approx([0.2, 0.7, 0.5], abs=0.01)
        context.close()
