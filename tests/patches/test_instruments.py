"""What every instrument under ``patches/`` promises, heard in the sounds themselves."""

from __future__ import annotations

import shutil
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.paths import PATCHES
from timbremap_jax.data.engines import open_engine
from timbremap_jax.data.engines.base import Engine
from timbremap_jax.data.engines.faust import FaustEngine
from timbremap_jax.data.patch import PARAMETER_MAX, SAMPLE_RATE, Patch, load_patch

LOUDEST = 0.95
"""Peak of any sound. Nothing clips at 1; half a decibel is left for a resampler's overshoot."""

SOFTEST_AT_RANDOM = 0.1
"""Peak of any random setting (-20 dB): an ear need not reach for the volume between two sounds."""

SOFTEST = 1e-3
"""Peak of any setting at all: the organ with its drawbars in still leaks and clicks at -40 dB. It
is ten times the peak under which a sound counts as silent."""

TAIL_MS = 3
TAIL = 1e-3
"""Peak of the last milliseconds: -60 dB, where the envelopes' times end. A file cut there is not
heard to be cut, even beside a sound at full scale."""

ONSET_MS = 1
ONSET = 0.01
"""First sample, as part of the peak: -40 dB, a hundredth of starting with a step."""

AUDIBLE_DB = 1.0
"""Mean difference of two sounds over time and thirds of an octave. One decibel is the smallest
change of level that ears notice in music; here it is the average over the whole sound, most of
which a parameter may leave alone. Rendering adds no noise: equal settings differ by exactly 0."""

N_RANDOM = 60
N_CORNERS = 16
N_HARDEST = 30


def everything() -> list[tuple[str, str | None]]:
    folders = sorted(file.parent for file in PATCHES.rglob("patch.toml"))
    return [
        (str(folder.relative_to(PATCHES)), variant)
        for folder in folders
        if load_patch(folder).engine != "osc"  # heard in a test of its own
        for variant in (load_patch(folder).variants or (None,))
    ]


@pytest.fixture(scope="module", params=everything(), ids=lambda case: "-".join(filter(None, case)))
def patch(request: pytest.FixtureRequest) -> Patch:
    folder, variant = request.param
    if load_patch(PATCHES / folder).engine == "pd" and shutil.which("pd") is None:
        pytest.skip("Pure Data is not installed (Debian: puredata-core)")
    return load_patch(PATCHES / folder, variant)


@pytest.fixture(scope="module")
def engine(patch: Patch) -> Engine:
    return open_engine(patch)


def random_settings(patch: Patch, n: int, seed: int = 0) -> NDArray[np.int64]:
    shape = (n, len(patch.parameters))
    return np.random.default_rng(seed).integers(0, PARAMETER_MAX, shape, endpoint=True)


def corners(patch: Patch) -> NDArray[np.int64]:
    """Every corner where there are few; else a sample, with the lowest and the highest."""
    every = np.array(list(product((0, PARAMETER_MAX), repeat=len(patch.parameters))))
    if len(every) <= N_CORNERS:
        return every
    between = np.random.default_rng(0).choice(len(every) - 2, N_CORNERS - 2, replace=False) + 1
    return every[[0, *between, -1]]


def render(engine: Engine, patch: Patch, settings: NDArray[np.int64]) -> NDArray[np.float32]:
    return np.stack([engine.render(values.tolist(), patch.note) for values in settings])


@pytest.fixture(scope="module")
def random_sounds(engine: Engine, patch: Patch) -> NDArray[np.float32]:
    return render(engine, patch, random_settings(patch, N_RANDOM))


@pytest.fixture(scope="module")
def corner_sounds(engine: Engine, patch: Patch) -> NDArray[np.float32]:
    return render(engine, patch, corners(patch))


@pytest.fixture(scope="module")
def sounds(
    random_sounds: NDArray[np.float32], corner_sounds: NDArray[np.float32]
) -> NDArray[np.float32]:
    return np.concatenate([random_sounds, corner_sounds])


def peaks(sounds: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.abs(sounds).max(axis=1)


def test_every_instrument_and_variant_is_found():
    known = {("subtractive/lfo4", variant) for variant in ("fm", "pwm", "fcm", "am")}
    assert known | {("additive/clonewheel", None)} <= set(everything())


def test_no_setting_clips_or_is_silent(
    random_sounds: NDArray[np.float32], corner_sounds: NDArray[np.float32]
):
    assert np.isfinite(random_sounds).all() and np.isfinite(corner_sounds).all()
    assert peaks(random_sounds).min() > SOFTEST_AT_RANDOM
    assert peaks(corner_sounds).min() > SOFTEST
    assert max(peaks(random_sounds).max(), peaks(corner_sounds).max()) < LOUDEST


@pytest.mark.parametrize("pitch", [33, 57, 81])
def test_the_hardest_note_does_not_clip_at_any_pitch(patch: Patch, engine: Engine, pitch: int):
    note = replace(patch.note, pitch=pitch, velocity=127)
    settings = np.concatenate([corners(patch), random_settings(patch, N_HARDEST, seed=1)])
    sounds = np.stack([engine.render(values.tolist(), note) for values in settings])
    assert np.isfinite(sounds).all()
    assert peaks(sounds).max() < LOUDEST


def test_a_sound_has_ended_when_its_file_does(sounds: NDArray[np.float32]):
    assert np.abs(sounds[:, -TAIL_MS * SAMPLE_RATE // 1000 :]).max() < TAIL


def test_a_sound_starts_from_nothing(sounds: NDArray[np.float32]):
    assert (np.abs(sounds[:, 0]) / peaks(sounds)).max() < ONSET


def test_the_onset_moves_no_faster_than_the_sound_itself(
    patch: Patch, random_sounds: NDArray[np.float32]
):
    if patch.name == "clonewheel":
        pytest.skip("its key click is wanted, and has a test of its own")
    steps = np.abs(np.diff(random_sounds, axis=1))
    first = steps[:, : ONSET_MS * SAMPLE_RATE // 1000].max(axis=1)
    # From 10 ms, when the attack is over, to the note's end.
    later = steps[:, SAMPLE_RATE // 100 : SAMPLE_RATE // 4].max(axis=1)
    assert (first < later).all()


def test_a_setting_sounds_the_same_in_any_engine_and_order(patch: Patch, engine: Engine):
    first, second = random_settings(patch, 2).tolist()
    fresh = open_engine(patch).render(first, patch.note)
    engine.render(second, patch.note)
    assert np.array_equal(engine.render(first, patch.note), fresh)


def third_octaves_db(sound: NDArray[np.float32]) -> NDArray[np.float64]:
    """Energy in 10 ms frames (rows) and thirds of an octave from 50 Hz (columns), in decibels.

    Nothing counts below -70 dB, a whisper beside sounds of this loudness.
    """
    size, hop = 2048, 441
    frames = np.lib.stride_tricks.sliding_window_view(sound, size)[::hop] * np.hanning(size)
    power = np.abs(np.fft.rfft(frames)) ** 2 / (size / 4) ** 2
    edges_hz = 50 * 2.0 ** (np.arange(27) / 3)
    band = np.digitize(np.fft.rfftfreq(size, 1 / SAMPLE_RATE), edges_hz)
    sums = np.stack([power[:, band == i].sum(axis=1) for i in np.unique(band)], axis=1)
    return 10 * np.log10(np.maximum(sums, 1e-7))


def test_a_glide_passes_the_sounds_on_its_way_and_leaves_nothing_behind():
    patch = load_patch(PATCHES / "subtractive" / "lfo4", "fm")
    engine = FaustEngine(patch)
    low, high = [10.0, 20.0, 30.0, 40.0], [100.0, 90.0, 80.0, 70.0]
    before = engine.render(high, patch.note)
    still = engine.glide(np.array([low, low]), patch.note)
    assert np.array_equal(still, engine.render(low, patch.note))
    moving = engine.glide(np.array([low, high]), patch.note)
    assert np.abs(moving[:64] - still[:64]).max() < 1e-3  # they start alike
    assert np.abs(moving - still).max() > 0.05 < np.abs(moving - before).max()
    # What moved does not go on moving.
    assert np.array_equal(engine.render(high, patch.note), before)


def audibility_db(engine: Engine, patch: Patch, index: int) -> float:
    """Largest difference that one parameter makes, the others staying at some random setting."""
    largest = 0.0
    for setting in random_settings(patch, 3, seed=index):
        sweep = np.repeat(setting[None], 4, axis=0)
        sweep[:, index] = (0, 43, 85, PARAMETER_MAX)
        heard = [third_octaves_db(sound) for sound in render(engine, patch, sweep)]
        differences = [np.abs(a - b).mean() for a in heard for b in heard]
        largest = max(largest, *differences)
    return largest


def test_every_parameter_is_audible(engine: Engine, patch: Patch):
    found = {
        name: audibility_db(engine, patch, index)
        for index, name in enumerate(patch.parameter_names)
    }
    assert {name: db for name, db in found.items() if db < AUDIBLE_DB} == {}


# ---------------------------------------------------------------- the organ


@pytest.fixture(scope="module")
def organ() -> tuple[Patch, Engine]:
    patch = load_patch(PATCHES / "additive" / "clonewheel")
    return patch, open_engine(patch)


def level_db(organ: tuple[Patch, Engine], index: int, value: int, ratio: float) -> float:
    """Level of one tonewheel with only its drawbar out, over the steady part of the note."""
    patch, engine = organ
    settings = [0] * 9
    settings[index] = value
    sound = engine.render(settings, patch.note)[2000:10_000]
    time_s = np.arange(len(sound)) / SAMPLE_RATE
    turn = np.exp(-2j * np.pi * ratio * patch.note.frequency_hz * time_s)
    return 20 * np.log10(abs(np.mean(sound * np.hanning(len(sound)) * turn)))


# Twelve-tone equal temperament, from the 8' pipe.
RATIOS = [2.0 ** (semitones / 12) for semitones in (-12, 7, 0, 12, 19, 24, 28, 31, 36)]


def test_each_drawbar_sounds_its_own_tonewheel(organ: tuple[Patch, Engine]):
    for index, ratio in enumerate(RATIOS):
        # Full out against fully in, where only leakage is left (-46 dB): well over 30 dB.
        rise = level_db(organ, index, 127, ratio) - level_db(organ, index, 0, ratio)
        assert rise > 30, organ[0].parameter_names[index]


def test_a_drawbar_step_is_3_db(organ: tuple[Patch, Engine]):
    levels = [level_db(organ, 2, round(step * 127 / 8), 1.0) for step in range(2, 9)]
    # 0.4 dB: values are integers (0.2 dB), and the leakage of the same wheel (0.1 dB).
    assert np.diff(levels)[:4] == pytest.approx(np.full(4, 3.0), abs=0.4)
    # The loudest two come a little softer out of the amplifier: up to 0.8 dB by x / sqrt(1 + x^2).
    assert np.diff(levels)[4:] == pytest.approx(np.full(2, 2.6), abs=0.4)


def test_keys_click(organ: tuple[Patch, Engine]):
    patch, engine = organ
    sound = engine.render([0, 0, 127, 0, 0, 0, 0, 0, 0], patch.note)
    spectra = [np.abs(np.fft.rfft(sound[a : a + 512] * np.hanning(512))) for a in (0, 4096)]
    above_5_khz = np.fft.rfftfreq(512, 1 / SAMPLE_RATE) > 5000
    click, steady = (np.sum(s[above_5_khz] ** 2) for s in spectra)
    # A single tonewheel has nothing up there: 20 dB more is the click's.
    assert click > 100 * steady
