"""The page's voices are run by Node, without a browser, and held against the renderer's sounds."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from mido import Message
from numpy.typing import NDArray

import timbremap_runtime as tm
from tests.support.paths import LFO4, PATCHES
from tests.support.sound import apart, needs_node, run_node
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.engines.faust_wasm import module_of, voice_of
from timbremap_jax.data.patch import SAMPLE_RATE, Note, Patch, load_patch
from timbremap_runtime.export.wasm import instrument
from timbremap_runtime.service.mpe import MpeDecoder

pytestmark = needs_node

MODELS = {
    "fm": ("subtractive/lfo4", "fm"),
    "pwm": ("subtractive/lfo4", "pwm"),
    "fcm": ("subtractive/lfo4", "fcm"),
    "am": ("subtractive/lfo4", "am"),
    "clonewheel": ("additive/clonewheel", None),
}
POINT = (0.2, 0.8, 0.5)

RENDER = """
said = await Promise.all(given.map(async ([instrument, gesture]) => {
  const [samples] = await renderSamples(instrument, gesture);
  return Buffer.from(samples.buffer).toString("base64");
}));
"""

VOICES = """
const [instrument, count, length, runs] = given;
const module = await WebAssembly.compile(bytesOf(instrument.wasm));
said = runs.map(([values, hands]) => {
  const voices = new Voices(module, instrument, 44100, { count, values });
  const samples = new Float32Array(length);
  for (let at = 0; at < length; at += 32) {
    for (const [when, what, ...rest] of hands) if (when === at) voices[what](...rest);
    voices.process([samples.subarray(at, at + 32)]);
  }
  return Buffer.from(samples.buffer).toString("base64");
});
"""


def samples_of(text: str) -> NDArray[np.float32]:
    return np.frombuffer(base64.b64decode(text), np.float32)


def one_note(values: list[float], note: Note) -> dict[str, Any]:
    """Make a gesture of one note."""
    end = note.sustain_ms / 1000
    notes = [{"start": 0.0, "end": end, "note": note.pitch, "velocity": note.velocity}]
    return {"points": [[0.0, values]], "notes": notes, "length": note.duration_ms / 1000}


Run = tuple[list[float], list[list[Any]]]
"""Parameters, and what hands do: (sample, method, arguments)."""


def play(patch: Patch, length: int, *runs: Run, count: int = 4) -> list[NDArray[np.float32]]:
    """Play voices by hand, each run from silence."""
    given = [instrument(voice_of(patch)), count, length, runs]
    return [samples_of(text) for text in run_node(VOICES, given)]


@pytest.mark.slow
def test_every_shipped_model_sounds_as_it_was_learned():
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    given: list[Any] = []
    expected: list[NDArray[np.float32]] = []
    for name, (folder, variant) in MODELS.items():
        patch = load_patch(PATCHES / folder, variant)
        values = tm.load(PATCHES / folder / "models" / name).forward(POINT).tolist()
        given.append([instrument(voice_of(patch)), one_note(values, patch.note)])
        expected.append(FaustEngine(patch).render(values, patch.note))
    for name, text, sound in zip(MODELS, run_node(RENDER, given), expected, strict=True):
        heard = samples_of(text)[: len(sound)]
        # Single precision and two compilers: 80 dB below the sound.
        np.testing.assert_allclose(heard, sound, rtol=0, atol=1e-4, err_msg=name)
        assert apart(heard, sound) < 0.1, name


def test_switches_and_ranges_are_those_of_the_renderer():
    """Half-way between two positions as Python's round has it, to the even one."""
    values = np.linspace(0.0, 127.0, 509).tolist()
    controls = [{"low": -2.0, "high": 6.0, "steps": 9}, {"low": 5.0, "high": 1.0, "steps": None}]
    said = run_node("said = given[1].map((v) => inUnits(given[0], [v, v]));", [controls, values])
    for value, (switch, ramp) in zip(values, said, strict=True):
        assert switch == pytest.approx(-2.0 + round(value / 127 * 8), abs=1e-12)
        assert ramp == pytest.approx(5.0 - 4.0 * value / 127, abs=1e-12)


def test_two_notes_are_the_sum_of_each():
    values = [60.0, 64.0, 20.0, 30.0]
    low, high = [0, "noteOn", "low", 45, 100, None], [640, "noteOn", "high", 57, 80, None]
    runs = ([low, high], [low], [high])
    both, first, second = play(load_patch(LFO4, "fm"), 6400, *((values, run) for run in runs))
    assert np.abs(second[640:]).max() > 0.05 and not second[:640].any()
    np.testing.assert_allclose(both, first + second, atol=1e-6)


def test_a_note_may_have_parameters_of_its_own():
    shared, own = [60.0, 64.0, 20.0, 30.0], [100.0, 20.0, 127.0, 110.0]
    plain_note, own_note = [0, "noteOn", "a", 45, 100, None], [0, "noteOn", "a", 45, 100, own]
    plain, expected, mine, unmoved, moved, elsewhere = play(
        load_patch(LFO4, "fm"),
        6400,
        (shared, [plain_note]),
        (own, [plain_note]),
        (shared, [own_note]),
        (shared, [own_note, [32, "setParameters", shared]]),
        (shared, [plain_note, [32, "setParameters", own]]),
        (shared, [plain_note, [32, "setParameters", own, "b"]]),
    )
    assert apart(plain, expected) > 3.0
    np.testing.assert_array_equal(mine, expected)
    # What moves the others does not move it, and what moves it does not move them.
    np.testing.assert_array_equal(unmoved, mine)
    np.testing.assert_array_equal(elsewhere, plain)
    assert apart(moved, plain) > 3.0


def test_parameters_of_another_instrument_change_nothing():
    values, start = [60.0, 64.0, 20.0, 30.0], [0, "noteOn", "a", 45, 100]
    plain, other = play(
        load_patch(LFO4, "fm"),
        3200,
        (values, [[*start, None]]),
        (values, [[*start, [1.0] * 9], [640, "setParameters", [1.0, 2.0]]]),
    )
    np.testing.assert_array_equal(other, plain)


def largest_jump(samples: NDArray[np.float32]) -> float:
    return float(np.abs(np.diff(samples)).max())


def test_a_parameter_that_leaps_does_not_click():
    calm, loud = [64.0, 64.0, 0.0, 0.0], [64.0, 64.0, 0.0, 127.0]
    start = [0, "noteOn", "a", 45, 100, None]
    leaps = [[4_000 + 3_200 * i, "setParameters", [loud, calm][i % 2]] for i in range(5)]
    runs = (calm, [start]), (calm, [start, *leaps])
    still, leaping = map(largest_jump, play(load_patch(LFO4, "am"), 22_048, *runs))
    assert leaping < 1.3 * still


def test_a_voice_that_is_needed_elsewhere_fades_out_first():
    values = [60.0, 64.0, 20.0, 0.0]
    hands = [[640 * i, "noteOn", i, 45 + i, 100, None] for i in range(6)]
    off = [[16_000, "noteOff", 4], [16_000, "noteOff", 5]]
    runs = (values, hands[4:]), (values, [*hands, *off])
    alone, heard = play(load_patch(LFO4, "fm"), 32_000, *runs, count=2)
    assert largest_jump(heard) < 1.3 * largest_jump(alone)
    # The latest two are what goes on, and they end.
    assert np.abs(heard[15_000:16_000]).max() > 0.1 and np.abs(heard[-320:]).max() < 1e-4
    later = 6 * 32  # blocks in which the voice fades that they take the place of
    np.testing.assert_allclose(heard[12_000 + later : 16_000], alone[12_000 : 16_000 - later])


def test_a_note_that_ends_while_it_waits_for_a_voice_does_not_stay():
    hands = [
        [0, "noteOn", "a", 45, 100, None],
        [3_200, "noteOn", "b", 57, 100, None],
        [3_232, "noteOff", "b"],
    ]
    run = [60.0, 64.0, 20.0, 0.0], hands
    (heard,) = play(load_patch(LFO4, "fm"), 6_400, run, count=1)
    assert np.abs(heard[:3_200]).max() > 0.1 and not heard[3_520:].any()


def test_what_runs_away_is_silenced(tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    (tmp_path / "wild.dsp").write_text(
        'freq = nentry("freq", 100, 20, 4000, 1); gain = nentry("gain", 1, 0, 1, 0.01);\n'
        'wild = nentry("wild", 0, 0, 127, 1);\n'
        'process = button("gate") * gain * freq / 1000 : + ~ *(wild);\n'
    )
    (tmp_path / "patch.toml").write_text(
        'name = "wild"\nengine = "faust"\nsource = "wild.dsp"\nparameters = [{name = "wild"}]\n'
    )
    hands = [[0, "noteOn", 1, 45, 100, None]]
    (heard,) = play(load_patch(tmp_path), 3_200, ([127.0], hands), count=1)
    assert np.isfinite(heard).all() and not heard[-640:].any()


@pytest.mark.slow
def test_every_function_of_faust_is_that_of_the_renderer(tmp_path: Path):
    """Over -2 to 2 and in steps of a quarter, where rounding has to choose."""
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    functions = [
        "sin(x)", "cos(x)", "tan(x / 2)", "asin(x / 2)", "acos(x / 2)", "atan(x)", "atan2(x, 0.5)",
        "exp(x)", "log(x + 3)", "log10(x + 3)", "pow(x + 3, 1.5)", "sqrt(x + 3)", "fmod(x, 0.7)",
        "remainder(x, 0.7)", "rint(x)", "floor(x)", "ceil(x)", "abs(x)", "ma.tanh(x)", "ma.sinh(x)",
        "ma.cosh(x)", "ma.asinh(x)", "ma.acosh(x + 3)", "ma.atanh(x / 3)", "ma.copysign(0.5, x)",
        "ma.isnan(x)", "ma.isinf(x)", "round(x)",
    ]  # fmt: skip
    cases = ",\n".join(f"(which == {i}) * ({each})" for i, each in enumerate(functions))
    (tmp_path / "all.dsp").write_text(
        'import("stdfaust.lib");\nfreq = nentry("freq", 100, 20, 4000, 1);\n'
        'gain = nentry("gain", 1, 0, 1, 0.01);\n'
        'which = nentry("which", 0, 0, 127, 1); x = nentry("x", 0, -2, 2, 0.01);\n'
        f'process = button("gate") * freq * gain * 1e-9, {cases} :> _;\n'
    )
    (tmp_path / "patch.toml").write_text(
        'name = "all"\nengine = "faust"\nsource = "all.dsp"\n'
        'parameters = [{ name = "which" }, { name = "x", range = [-2, 2] }]\n'
    )
    patch = load_patch(tmp_path)
    engine = FaustEngine(patch)
    note = Note(69, 127, 10, 0)
    rows = [[float(i), x] for i in range(len(functions)) for x in np.linspace(0.0, 127.0, 17)]
    hands = [[0, "noteOn", 1, 69, 127, None]]
    heard = play(patch, 32, *((row, hands) for row in rows), count=1)
    for row, samples in zip(rows, heard, strict=True):
        expected = engine.render(row, note)[31]
        what = functions[int(row[0])]
        assert samples[31] == pytest.approx(expected, abs=2e-6, rel=2e-6), (what, row[1])


def test_a_voice_of_two_channels_is_heard_in_two(tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    (tmp_path / "wide.dsp").write_text(
        'freq = nentry("freq", 100, 20, 4000, 1); gain = nentry("gain", 1, 0, 1, 0.01);\n'
        'side = nentry("side", 0, 0, 1, 0.01);\n'
        'process = button("gate") * gain * freq / 1000 <: *(1 - side), *(side);\n'
    )
    (tmp_path / "patch.toml").write_text(
        'name = "wide"\nengine = "faust"\nsource = "wide.dsp"\n'
        'parameters = [{ name = "side", range = [0, 1] }]\n'
    )
    patch = load_patch(tmp_path)
    gesture = one_note([127 * 0.25], patch.note)
    program = "said = (await renderSamples(...given)).map((channel) => channel[1000]);"
    left, right = run_node(program, [instrument(voice_of(patch)), gesture])
    level = patch.note.velocity / 127 * patch.note.frequency_hz / 1000
    assert [left, right] == pytest.approx([0.75 * level, 0.25 * level], rel=1e-5)


def test_the_limiter_leaves_what_is_soft_and_bounds_what_is_loud():
    generator = np.random.default_rng(0)
    time = np.arange(0, 44_160) / SAMPLE_RATE
    soft = 0.9 * np.sin(700 * time)
    loud = np.sin(700 * time) * generator.uniform(0, 6, len(time) // 32).repeat(32)
    program = """
    said = given.map((signal) => {
      const limiter = new Limiter(44100);
      const samples = Float32Array.from(signal);
      const out = new Float32Array(samples.length);
      for (let at = 0; at < samples.length; at += 128) {
        limiter.process([samples.subarray(at, at + 128)], [out.subarray(at, at + 128)]);
      }
      return Array.from(out);
    });
    """
    quiet, bounded = np.array(run_node(program, [soft.tolist(), loud.tolist()]))
    np.testing.assert_allclose(quiet[32:], soft[:-32], atol=1e-7)
    assert 0.94 < np.abs(bounded).max() <= 0.95 + 1e-6


@pytest.mark.slow
def test_a_gesture_becomes_a_wav():
    patch = load_patch(LFO4, "fm")
    values = [60.0, 64.0, 20.0, 30.0]
    program = """
    const blob = await renderGesture(...given);
    said = [blob.type, Buffer.from(await blob.arrayBuffer()).toString("base64")];
    """
    gesture = one_note(values, Note(45, 100, 250, 100))
    kind, text = run_node(program, [instrument(voice_of(patch)), gesture])
    samples, rate = soundfile.read(BytesIO(base64.b64decode(text)), dtype="float32")
    assert (kind, rate, samples.ndim) == ("audio/wav", SAMPLE_RATE, 1)
    exact = samples_of(run_node(RENDER, [[instrument(voice_of(patch)), gesture]])[0])
    np.testing.assert_allclose(samples, exact, atol=1 / 32_000)
    # The note rings until it is silent.
    assert len(samples) > 0.35 * SAMPLE_RATE and np.abs(samples[-441:]).max() < 1e-4


def messages(seed: int, n: int) -> list[Any]:
    """Make messages of a wild MPE controller, with zones and ranges that change."""
    generator = np.random.default_rng(seed)

    def below(high: int) -> int:
        return int(generator.integers(high))

    made: list[Any] = []
    for _ in range(n):
        channel = below(16) if below(4) else [0, 1, 2][below(3)]
        note = 60 + below(3)
        cc = [74, 6, 38, 98, 100, 101, 120, 123, 1][below(9)]
        value = below(7) if cc in (6, 98, 100, 101) else below(128)
        if cc == 101 or (cc in (120, 123) and below(4)):
            cc, value = 101, 0
        kinds = [
            Message("note_on", channel=channel, note=note, velocity=below(2) * below(128)),
            Message("note_off", channel=channel, note=note),
            Message("pitchwheel", channel=channel, pitch=below(16384) - 8192),
            Message("aftertouch", channel=channel, value=below(128)),
            Message("polytouch", channel=channel, note=note, value=below(128)),
            Message("control_change", channel=channel, control=cc, value=value),
            Message("program_change", channel=channel, program=3),
        ]
        made.append(kinds[generator.choice(7, p=[0.3, 0.1, 0.15, 0.1, 0.1, 0.23, 0.02])])
    return made


@pytest.mark.parametrize("zone", ["lower", "upper"])
def test_the_point_of_the_latest_note_is_that_of_the_runtime(zone: Any):
    sent = messages(7, 2_000)
    program = """
    const decoder = new MpeDecoder({ zone: given.zone });
    said = given.messages.map((bytes) => decoder.decode(bytes));
    """
    said = run_node(program, {"zone": zone, "messages": [each.bytes() for each in sent]})
    decoder = MpeDecoder(zone)
    n_followed = 0
    sounding: set[str] = set()
    for message, events in zip(sent, said, strict=True):
        frame = decoder.decode(message)
        follows = [each["point"] for each in events if each["kind"] == "follow"]
        if message.type.startswith("note") and message.channel == decoder.master:
            frame = None  # where the master's note ends the runtime repeats itself
        assert len(follows) == (frame is not None), message
        if frame is not None:
            assert follows[0] == pytest.approx(frame, abs=1e-12), message
            n_followed += 1
        for each in events:
            if each["kind"] == "on":
                assert each["id"] not in sounding
                sounding.add(each["id"])
            elif each["kind"] != "follow":
                assert each["id"] in sounding
                if each["kind"] == "off":
                    sounding.remove(each["id"])
    assert n_followed > 150


def test_each_note_of_mpe_has_a_point_of_its_own_and_other_channels_play_plain():
    program = """
    const decoder = new MpeDecoder();
    said = given.map((bytes) => decoder.decode(bytes).filter(({ kind }) => kind !== "follow"));
    """
    first = Message("note_on", channel=1, note=60, velocity=90)
    second = Message("note_on", channel=2, note=64, velocity=70)
    bend = Message("pitchwheel", channel=1, pitch=4096)
    master = Message("pitchwheel", channel=0, pitch=-8192)
    plain = Message("note_on", channel=0, note=40, velocity=50)
    over = Message("note_off", channel=0, note=40)
    said = run_node(program, [m.bytes() for m in (first, second, bend, master, plain, over)])
    middle = [0.5, 64 / 127, 0.0]
    assert said[0] == [{"kind": "on", "id": "1:60", "note": 60, "velocity": 90, "point": middle}]
    assert said[2] == [{"kind": "move", "id": "1:60", "point": [0.75, 64 / 127, 0.0]}]
    assert [(each["id"], each["point"][0]) for each in said[3]] == [
        ("1:60", 0.75 - 2 / 96),
        ("2:64", 0.5 - 2 / 96),
    ]
    assert said[4] == [{"kind": "on", "id": "0:40", "note": 40, "velocity": 50, "point": None}]
    assert said[5] == [{"kind": "off", "id": "0:40"}]


def test_a_synth_gets_each_cc_once():
    program = """
    const sent = [];
    const synth = createMidiOut({ send: (bytes) => sent.push(bytes) }, { firstCc: 20 });
    synth.setParameters([0, 63.4, 140]);
    synth.setParameters([0.2, 64, 127]);
    synth.setParameters([1, 1, 1], "a note of its own");
    synth.noteOn(60, 100, "a");
    synth.noteOn(62, 100, "a");
    synth.allOff();
    said = sent;
    """
    ccs = [[0xB0, 20, 0], [0xB0, 21, 63], [0xB0, 22, 127], [0xB0, 21, 64]]
    notes = [[0x90, 60, 100], [0x80, 60, 0], [0x90, 62, 100], [0x80, 62, 0]]
    assert run_node(program, None) == [*ccs, *notes]


@pytest.mark.slow
def test_the_module_beside_a_source_is_taken_while_it_fits(tmp_path: Path):
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    for name in ("patch.toml", "lfo4.dsp", "lfo4.wasm"):
        (tmp_path / name).write_bytes((LFO4 / name).read_bytes())
    patch = load_patch(tmp_path)
    shipped = (LFO4 / "lfo4.wasm").read_bytes()
    assert module_of(patch) == shipped
    source = tmp_path / "lfo4.dsp"
    source.write_bytes(source.read_bytes().replace(b"\n", b"\r\n"))  # as git may on Windows
    assert module_of(patch) == shipped
    source.write_text(source.read_text().replace("1.0000049", "1.0000050"))
    assert module_of(patch) != shipped
