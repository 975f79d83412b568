"""The papers' distances on sounds whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from timbremap_jax.report import paper_measures
from timbremap_runtime.errors import ShapeError

RATE = 44_100
TIME_S = np.arange(RATE // 2) / RATE


def tone(frequency_hz: float, level: float = 0.5) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency_hz * TIME_S)).astype(np.float32)


@pytest.mark.parametrize("measure", paper_measures.MEASURES.values(), ids=paper_measures.MEASURES)
def test_a_sound_is_itself(measure: Callable[..., float]):
    rich = tone(220.0) + tone(1870.0, 0.2)
    same = 1.0 if measure is paper_measures.envelope_cosine else 0.0
    assert measure(rich, rich, RATE) == pytest.approx(same, abs=1e-6)
    with pytest.raises(ShapeError, match="mono sounds of one length"):
        measure(rich, rich[:-1], RATE)
    with pytest.raises(ShapeError, match="mono sounds of one length"):
        measure(np.zeros((2, 9)), np.zeros((2, 9)), RATE)


def test_transport_is_the_way_between_two_tones():
    # All energy moves from 2000 to 5000 Hz, of 22050.
    moved = paper_measures.spectral_transport(tone(2000.0), tone(5000.0), RATE)
    assert moved == pytest.approx(3000.0 / 22_050.0, rel=0.02)


def test_transport_does_not_hear_loudness_and_silence_is_nothing():
    assert paper_measures.spectral_transport(tone(400.0), tone(400.0, 0.1), RATE) < 1e-6
    silence = np.zeros_like(tone(400.0))
    assert paper_measures.spectral_transport(silence, silence, RATE) == 0.0


def test_envelopes_that_never_meet_have_a_cosine_of_nearly_nothing():
    first, second = tone(440.0), tone(440.0)
    first[: len(first) // 2] = 0.0
    second[len(second) // 2 :] = 0.0
    assert paper_measures.envelope_cosine(first, second, RATE) < 0.1
    # Half as loud is the same course of loudness.
    assert paper_measures.envelope_cosine(first, 0.5 * first, RATE) == pytest.approx(1.0)
    silence = np.zeros_like(first)
    assert paper_measures.envelope_cosine(first, silence, RATE) == 0.0
    assert paper_measures.envelope_cosine(silence, silence, RATE) == 1.0


def test_alignment_forgives_a_late_note():
    note = tone(440.0)[:8820]
    early, late = np.zeros_like(TIME_S, np.float32), np.zeros_like(TIME_S, np.float32)
    early[2205 : 2205 + 8820] = note
    late[8820 : 8820 + 8820] = note
    higher = np.zeros_like(early)
    higher[2205 : 2205 + 8820] = tone(3520.0)[:8820]
    aligned = paper_measures.mfcc_alignment(early, late, RATE)
    assert aligned < 0.2 * paper_measures.mfcc_alignment(early, higher, RATE)
    assert paper_measures.multi_scale_log_mel(early, late, RATE) > 5.0


@pytest.mark.parametrize("measure", paper_measures.MEASURES.values(), ids=paper_measures.MEASURES)
def test_a_sound_may_be_shorter_than_a_frame(measure: Callable[..., float]):
    short = tone(700.0)[:900]  # 20 ms, of windows up to 100 ms
    assert np.isfinite(measure(short, tone(300.0)[:900], RATE))


def test_multi_scale_log_mel_is_under_each_sounds_own_peak():
    assert paper_measures.multi_scale_log_mel(tone(400.0), tone(400.0, 0.1), RATE) < 0.5
    far = paper_measures.multi_scale_log_mel(tone(400.0), tone(4000.0), RATE)
    assert far > paper_measures.multi_scale_log_mel(tone(400.0), tone(420.0), RATE)
