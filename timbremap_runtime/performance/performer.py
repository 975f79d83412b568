"""`Performer`: a map being played, by the point and by hand.

One thread writes: it calls `move`, `set`, `recall`, `place`, `release`, `activate` and `swap`. Any
number of threads read, at any time and without locks: every write makes a new, complete state and
puts it in place with a single assignment.

What a reader gets is the target of the last write, plus what smoothing has left over::

    p(t) = target + rest * exp(-(t - t0) / smoothing) + glide * exp(-(t - t0) / glide_time)

so it goes on moving between writes, and depends on the time alone, never on how often anybody
reads or writes.
"""

from __future__ import annotations

import operator
import time
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from timbremap_runtime.core.layers.base import as_frames
from timbremap_runtime.errors import SettingsError, ShapeError
from timbremap_runtime.performance.editing import Editor
from timbremap_runtime.performance.state import (
    Fading,
    Grip,
    Held,
    State,
    frozen,
    in_range,
    joined,
    only,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex

    from numpy.typing import ArrayLike, NDArray

    from timbremap_runtime.core.mapping import TimbreMap
    from timbremap_runtime.core.types import FloatArray

GLIDE_MS = 100.0
"""Time constant of a glide where none is given: quick, but no click."""

AUDIBLE = 1e-3
"""Of a step of a parameter; what smoothing has left over is not worth a frame below this."""


class Reading(NamedTuple):
    """A performance at one moment; the arrays are read-only."""

    c: FloatArray
    """The point, (m,) in [0, 1]."""
    p: FloatArray
    """Parameters, (n,), as they are to be played now."""
    offset: FloatArray
    """What is held on top of the map, (n,): target minus what the map gives at `c`."""
    active: NDArray[np.bool_]
    """Which parameters follow the map, (n,)."""


class Performer:
    """A performance: a map, where the point is, and what was set by hand.

    Numbers that are not finite are ignored one by one: that coordinate or parameter stays as it
    was. Coordinates outside [0, 1] and parameters outside the range of the map count as the
    nearer end.

    Parameters
    ----------
    mapping : TimbreMap
        The map to play.
    smoothing_ms : float
        Time constant in ms with which the parameters follow the point: 63 % of the way after this
        time. 0 follows at once. What is set by hand is never smoothed.
    clock : callable, optional
        Returns the time in seconds; `time.perf_counter` by default.

    Raises
    ------
    SettingsError
        If a time is negative or not finite.

    Examples
    --------
    >>> from timbremap_runtime import DenseLayer, TimbreMap, VecScale
    >>> dense = DenseLayer([[1.0, -1.0]], [0.0, 0.0])
    >>> performer = Performer(TimbreMap(VecScale([0.0], [1.0], [-3.0], [6.0]), [dense]))
    >>> performer.move([0.5])
    array([63.5, 63.5])
    >>> performer.set(0, 100.0)
    array([100. ,  63.5])
    """

    def __init__(
        self,
        mapping: TimbreMap,
        smoothing_ms: float = 0.0,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.smoothing_ms = smoothing_ms
        self._clock = clock
        editor = Editor(mapping, None)
        c = frozen(np.full(mapping.control_size, 0.5))
        mapped = frozen(mapping.forward(c))
        self._state = State(mapping, editor, c, mapped, None, None, mapped, (), clock(), None)

    # Reading: any thread. Each takes the state once, and a state never changes.

    def read(self) -> Reading:
        """Read everything at one moment."""
        state = self._state
        active = state.mask
        offset = frozen(np.where(active, state.target - state.mapped, 0.0))
        return Reading(state.c, state.played(self._clock()), offset, active)

    @property
    def p(self) -> FloatArray:
        """Parameters as they are to be played now, (n,), read-only."""
        return self._state.played(self._clock())

    @property
    def c(self) -> FloatArray:
        """The point, (m,) in [0, 1], read-only."""
        return self._state.c

    @property
    def gliding(self) -> bool:
        """Whether the parameters still move by themselves, by an audible amount."""
        state = self._state
        return bool(state.fading) and any(
            np.abs(part.values).max() > AUDIBLE for part in state.faded(self._clock())
        )

    @property
    def mapping(self) -> TimbreMap:
        """The map that is played."""
        return self._state.mapping

    # Writing: one thread.

    @property
    def smoothing_ms(self) -> float:
        """Time constant in ms with which the parameters follow the point."""
        return self._smoothing_s * 1000.0

    @smoothing_ms.setter
    def smoothing_ms(self, smoothing_ms: float) -> None:
        self._smoothing_s = _seconds("smoothing_ms", smoothing_ms)

    def move(self, c: ArrayLike) -> FloatArray:
        """Move the point.

        Parameters
        ----------
        c : array_like, shape (m,)
            Where to, in [0, 1].

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        ShapeError
            If `c` has another shape; nothing has changed then.
        """
        state = self._state
        point = _frame("move", c, state.c.size).tolist()
        for index, value in enumerate(point):
            if not 0.0 <= value <= 1.0:
                point[index] = min(max(value, 0.0), 1.0) if isfinite(value) else state.c[index]
        moved = frozen(np.array(point))
        mapped = frozen(state.mapping.forward(moved))
        target = state.aimed(mapped, state.held)
        now = self._clock()
        fading = state.faded(now)
        if self._smoothing_s > 0.0:
            fading = joined(fading, state.target - target, self._smoothing_s)
        return self._publish(
            state._replace(
                c=moved, mapped=mapped, target=target, fading=fading, time_s=now, grip=None
            )
        )

    def set(self, index: SupportsIndex, value: float) -> FloatArray:
        """Set one parameter by hand.

        The parameter is where the hand put it, at once and exactly, and the point moves to where
        the map comes nearest. The difference is held as an offset: the parameters stay as they
        were set, and move around that as the point goes on. A parameter that is switched off is
        set too, and the point stays.

        As long as the same parameter is set again and again, the point is solved from where both
        were at first: the way back leads to where it came from.

        Parameters
        ----------
        index : int
            The parameter, 0 to n - 1.
        value : float
            Its value.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        SettingsError
            If there is no parameter `index`.
        """
        state = self._state
        index = operator.index(index)
        if not 0 <= index < state.target.size:
            raise SettingsError(f"set: no parameter {index}; use 0 to {state.target.size - 1}")
        if not isfinite(value):
            return self.p
        wanted = state.target.copy()
        wanted[index] = value
        wanted = in_range(state.mapping, wanted)
        grip = state.grip
        if grip is None or grip.parameter != index:
            grip = Grip(index, state.c, state.target.item(index))
        c = state.c
        if state.active is None or state.active[index]:
            c = state.editor.drag(grip.c, index, grip.value, wanted.item(index))
        touched = np.arange(wanted.size) == index
        return self._hold(c, wanted, touched, grip)

    def recall(self, p: ArrayLike) -> FloatArray:
        """Set all parameters by hand, as when a stored sound is recalled.

        They are taken over at once and exactly, and the point moves to where the map comes
        nearest; what it cannot reach is held as an offset, as by `set`.

        Parameters
        ----------
        p : array_like, shape (n,)
            All values; one that is not finite leaves its parameter as it is.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        ShapeError
            If `p` has another shape.
        """
        state = self._state
        given = _frame("recall", p, state.target.size)
        touched = np.isfinite(given)
        wanted = in_range(state.mapping, np.where(touched, given, state.target))
        return self._hold(state.editor.nearest(state.c, wanted), wanted, touched, None)

    def place(self, c: ArrayLike, p: ArrayLike) -> FloatArray:
        """Put the point and all parameters where they were once.

        The difference between the parameters and what the map gives at the point is held as an
        offset, as by `set`. A `Reading` that is placed is played again as it was.

        Parameters
        ----------
        c : array_like, shape (m,)
            The point, in [0, 1].
        p : array_like, shape (n,)
            All parameters. Numbers that are not finite leave what they stand for as it is.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        ShapeError
            If `c` or `p` has another shape; nothing has changed then.
        """
        state = self._state
        point = _frame("place", c, state.c.size)
        point = np.where(np.isfinite(point), np.clip(point, 0.0, 1.0), nan)
        given = _frame("place", p, state.target.size)
        touched = np.isfinite(given)
        wanted = in_range(state.mapping, np.where(touched, given, state.target))
        return self._hold(point, wanted, touched, None)

    def release(self, glide_ms: float = 0.0) -> FloatArray:
        """Let go of the offset that is held: the parameters return to what the map gives.

        Parameters
        ----------
        glide_ms : float
            Time constant of the way there in ms; 0 is at once.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.
        """
        glide_s = _seconds("glide_ms", glide_ms)
        state = self._state
        target = state.aimed(state.mapped, None)
        return self._glide(state._replace(held=None, target=target), self._clock(), glide_s)

    def activate(self, mask: ArrayLike, glide_ms: float = GLIDE_MS) -> FloatArray:
        """Choose the parameters that follow the map; the others stay where they are now.

        What is set by hand is then solved for the active parameters only. Where fewer than m are
        active many points fit, and the nearest to where the point is gets taken.

        Parameters
        ----------
        mask : array_like of bool, shape (n,)
            True for what follows the map.
        glide_ms : float
            Time constant in ms with which those switched on glide to the map; 0 is at once.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        ShapeError
            If `mask` has another shape.
        """
        glide_s = _seconds("glide_ms", glide_ms)
        state = self._state
        chosen = frozen(_frame("activate", mask, state.target.size) != 0.0)
        active = None if chosen.all() else chosen
        held = state.held
        if held is not None:
            # What comes back to the map comes without an offset.
            back = chosen & ~state.mask
            held = Held(frozen(np.where(back, held.reached, held.wanted)), held.reached)
        # What goes off stops where it is, in the middle of a glide too.
        now = self._clock()
        stopped = state._replace(active=active, target=state.played(now))
        target = stopped.aimed(state.mapped, held)
        editor = Editor(state.mapping, active)
        state = stopped._replace(editor=editor, held=held, target=target)
        return self._glide(state, now, glide_s)

    def swap(self, mapping: TimbreMap, glide_ms: float = GLIDE_MS) -> FloatArray:
        """Play another map: the point stays, the parameters glide from where they are.

        An offset that was held is let go, as it belongs to the map before. What is switched off
        stays where it is.

        Parameters
        ----------
        mapping : TimbreMap
            The new map, of the same sizes.
        glide_ms : float
            Time constant of the glide in ms; 0 is at once.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        ShapeError
            If the sizes differ; the map before is still played then.
        """
        glide_s = _seconds("glide_ms", glide_ms)
        state = self._state
        old, new = state.mapping, mapping
        sizes = (old.control_size, old.parameter_size)
        if (new.control_size, new.parameter_size) != sizes:
            raise ShapeError(
                f"swap: the map has {new.control_size} coordinates and {new.parameter_size} "
                f"parameters, the performance {sizes[0]} and {sizes[1]}; start another Performer"
            )
        mapped = frozen(mapping.forward(state.c))
        return self._glide(
            state._replace(
                mapping=mapping,
                editor=Editor(mapping, state.active),
                mapped=mapped,
                held=None,
                target=state.aimed(mapped, None),
            ),
            self._clock(),
            glide_s,
        )

    def _hold(
        self, c: FloatArray, wanted: FloatArray, touched: NDArray[np.bool_], grip: Grip | None
    ) -> FloatArray:
        """Hold `wanted` with the point at `c`; what the hand touched is there without smoothing."""
        state = self._state
        now = self._clock()
        c = np.where(np.isfinite(c), c, state.c)
        mapped = frozen(state.mapping.forward(c))
        fading = only(state.faded(now), ~touched)
        return self._publish(
            state._replace(
                c=frozen(c),
                mapped=mapped,
                held=Held(frozen(wanted), mapped),
                target=wanted,
                fading=fading,
                time_s=now,
                grip=grip,
            )
        )

    def _glide(self, state: State, now: float, glide_s: float) -> FloatArray:
        """Publish a state whose target is new, gliding there from where the parameters are.

        Without a glide the step is taken at once, and what was fading before goes on.
        """
        if glide_s > 0.0:
            fading = (Fading(self._state.played(now) - state.target, glide_s),)
        else:
            fading = only(self._state.faded(now), state.mask)
        return self._publish(state._replace(fading=fading, time_s=now, grip=None))

    def _publish(self, state: State) -> FloatArray:
        self._state = state
        return state.played(state.time_s)


def _frame(method: str, values: ArrayLike, size: int) -> FloatArray:
    """Make one control frame (size,) of `values`."""
    array = as_frames(method, values, size)
    if array.ndim != 1:
        raise ShapeError(f"{method}: expected shape ({size},), got {array.shape}")
    return array


def _seconds(name: str, milliseconds: float) -> float:
    if not 0.0 <= milliseconds < inf:
        raise SettingsError(f"{name}: expected 0 or more, got {milliseconds}")
    return milliseconds / 1000.0
