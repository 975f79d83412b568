"""What becomes of a call in a copy of this process."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from timbremap_jax.data.engines.base import NoSound
from timbremap_jax.data.engines.forked import ForkedEngine, can_fork, in_fork
from timbremap_jax.data.patch import Note
from timbremap_runtime.errors import FormatError

pytestmark = pytest.mark.skipif(not can_fork(), reason="this system has no fork")


def crash() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def fail() -> None:
    raise FormatError("the preset cannot be read")


@pytest.mark.parametrize(
    ("call", "patience_s", "error", "said"),
    [
        (crash, 60, NoSound, "could not be made: its process was ended by SIGTERM"),
        (lambda: os._exit(3), 60, NoSound, "could not be made: its process ended with status 3"),
        (lambda: time.sleep(600), 0.1, NoSound, "could not be made: its process did not answer"),
        (fail, 60, FormatError, "the preset cannot be read"),
    ],
)
def test_what_goes_wrong_is_said_here(
    call: Callable[[], Any],
    patience_s: float,
    error: type[Exception],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
):
    made: list[int] = []
    fork = os.fork
    monkeypatch.setattr(os, "fork", lambda: made.append(fork()) or made[-1])
    with pytest.raises(error, match=said):
        in_fork(call, patience_s)
    # Nothing is left: neither a process nor a zombie.
    with pytest.raises(ProcessLookupError):
        os.kill(made[0], 0)


def test_every_sound_comes_from_what_never_played():
    class Counter:
        """Each sound of it is louder than the last one, and there are many samples."""

        sample_rate = 44_100
        n_played = 0
        held = 0

        def hold(self) -> None:
            self.held += 1

        def render(self, values: Any, note: Note) -> np.ndarray:
            self.n_played += 1
            return np.full(100_000, self.n_played * values[0], np.float32)

    counter = Counter()
    engine = ForkedEngine(counter, 60)
    for value in (1, 2, 3):
        assert np.array_equal(engine.render([value], Note()), np.full(100_000, value, np.float32))
    assert (counter.n_played, counter.held) == (0, 1)
