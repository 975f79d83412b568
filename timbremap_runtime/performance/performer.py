"""`Performer`: the state of a performance around a map.

One thread writes: it calls `move`, `edit`, `release`, `activate` and `swap`. Any number of
threads read, at any time and without locks: every write makes a new, complete state and puts it
in place with a single assignment.

What a reader gets is the target of the last write, plus what smoothing has left over::

    p(t) = target + rest * exp(-(t - t0) / smoothing) + glide * exp(-(t - t0) / glide_time)

so it goes on moving between writes, and depends on the time alone, never on how often anybody
reads or writes.
"""

from __future__ import annotations

import operator
import time
from math import exp, inf, isfinite
from typing import TYPE_CHECKING, NamedTuple, TypeVar, overload

import numpy as np

from timbremap_runtime.core.layers import rows
from timbremap_runtime.errors import SettingsError, ShapeError
from timbremap_runtime.performance.editing import Editor

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import SupportsIndex

    from numpy.typing import ArrayLike, NDArray

    from timbremap_runtime.core.mapping import TimbreMap
    from timbremap_runtime.core.types import FloatArray

Array = TypeVar("Array", "NDArray[np.float64]", "NDArray[np.bool_]")

GLIDE_MS = 100.0
"""Time constant of a glide where none is given: quick, but no click."""

SETTLED = 1e-9
"""What smoothing has left over is dropped below this: a parameter has 127 steps."""


AUDIBLE = 1e-3
"""Of a step of a parameter; what smoothing has left over is not worth a frame below this."""


class Reading(NamedTuple):
    """A performance at one moment; the arrays are read-only."""

    c: FloatArray
    """Position of the controller, (m,) in [0, 1]."""
    p: FloatArray
    """Parameters, (n,), as they are to be played now."""
    offset: FloatArray
    """What is held on top of the map, (n,): target minus what the map gives at `c`."""
    active: NDArray[np.bool_]
    """Which parameters follow the map, (n,)."""


class _Held(NamedTuple):
    """What the hand set and the map could not reach: p = wanted + (mapped - reached).

    Two vectors rather than their difference, so that `wanted` comes out exactly.
    """

    wanted: FloatArray
    reached: FloatArray


class _Fading(NamedTuple):
    """A difference that vanishes exponentially."""

    values: FloatArray
    time_constant_s: float

    def after(self, seconds: float) -> FloatArray:
        return self.values * exp(-seconds / self.time_constant_s)


class _Grip(NamedTuple):
    """A slider in the hand: where it and the controller were when it was taken.

    A later value of the same slider is solved from here, not from the value before, so that the
    way back leads to where the controller came from.
    """

    slider: int
    c: FloatArray
    value: float


class _State(NamedTuple):
    mapping: TimbreMap
    editor: Editor
    c: FloatArray
    mapped: FloatArray
    """What the map gives at `c`."""
    held: _Held | None
    active: NDArray[np.bool_] | None
    """None for all."""
    target: FloatArray
    """What p comes to: `mapped` with what is held, and the switched off where they stay."""
    fading: tuple[_Fading, ...]
    """p = target + all of these, one for each time constant; empty once settled."""
    time_s: float
    """When the values of `fading` were right."""
    grip: _Grip | None


class Performer:
    """A performance: a map, where the controller is, and what the hands changed.

    Numbers that are not finite are ignored one by one: that control or slider stays as it was.
    Controls outside [0, 1] and parameters outside the range of the map count as the nearer end.

    Parameters
    ----------
    mapping : TimbreMap
        The map to play.
    smoothing_ms : float
        Time constant in ms with which the parameters follow the controller: 63 % of the way
        after this time. 0 follows at once. What a hand sets on a slider is never smoothed.
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
    >>> performer = Performer(TimbreMap(VecScale([0.0], [1.0], [-3.0], [6.0]), None, [dense]))
    >>> performer.move([0.5])
    array([63.5, 63.5])
    >>> performer.edit(0, 100.0)
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
        c = _frozen(np.full(mapping.control_size, 0.5))
        mapped = _frozen(mapping.forward(c))
        self._state = _State(mapping, editor, c, mapped, None, None, mapped, (), clock(), None)

    # Reading: any thread. Each takes the state once, and a state never changes.

    def read(self) -> Reading:
        """Read everything at one moment."""
        state = self._state
        active = _mask(state)
        offset = _frozen(np.where(active, state.target - state.mapped, 0.0))
        return Reading(state.c, _play(state, self._clock()), offset, active)

    @property
    def p(self) -> FloatArray:
        """Parameters as they are to be played now, (n,), read-only."""
        return _play(self._state, self._clock())

    @property
    def c(self) -> FloatArray:
        """Position of the controller, (m,) in [0, 1], read-only."""
        return self._state.c

    @property
    def gliding(self) -> bool:
        """Whether the parameters still move by themselves, so much that anybody could tell."""
        fading = _faded(self._state, self._clock())
        return any(np.abs(part.values).max() > AUDIBLE for part in fading)

    @property
    def mapping(self) -> TimbreMap:
        """The map that is played."""
        return self._state.mapping

    # Writing: one thread.

    @property
    def smoothing_ms(self) -> float:
        """Time constant in ms with which the parameters follow the controller."""
        return self._smoothing_s * 1000.0

    @smoothing_ms.setter
    def smoothing_ms(self, smoothing_ms: float) -> None:
        self._smoothing_s = _seconds("smoothing_ms", smoothing_ms)

    def move(self, c: ArrayLike) -> FloatArray:
        """Move the controller.

        Parameters
        ----------
        c : array_like, shape (m,)
            Its position in [0, 1].

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
        position = _frame("move", c, state.c.size).tolist()
        for index, value in enumerate(position):
            if not 0.0 <= value <= 1.0:
                position[index] = min(max(value, 0.0), 1.0) if isfinite(value) else state.c[index]
        moved = _frozen(np.array(position))
        mapped = _frozen(state.mapping.forward(moved))
        target = _target(state, mapped, state.held)
        now = self._clock()
        fading = _faded(state, now)
        if self._smoothing_s > 0.0:
            fading = _with(fading, state.target - target, self._smoothing_s)
        return self._publish(
            state._replace(
                c=moved, mapped=mapped, target=target, fading=fading, time_s=now, grip=None
            )
        )

    @overload
    def edit(self, index: SupportsIndex, value: float) -> FloatArray: ...
    @overload
    def edit(self, p: ArrayLike, /) -> FloatArray: ...
    def edit(self, index: SupportsIndex | ArrayLike, value: float | None = None) -> FloatArray:
        """Set one slider, or all of them: ``edit(index, value)`` or ``edit(p)``.

        The sliders are where the hand put them, at once and exactly, and the controller moves to
        where the map comes nearest. The difference is held as an offset: the parameters stay as
        they were set, and move around that as the controller goes on. A slider that is switched
        off is set too, and the controller stays.

        Parameters
        ----------
        index : int
            The slider, 0 to n - 1.
        value : float
            Its value.
        p : array_like, shape (n,)
            All values.

        Returns
        -------
        ndarray, shape (n,)
            The parameters now, read-only.

        Raises
        ------
        ShapeError
            If `p` has another shape.
        SettingsError
            If there is no slider `index`.
        """
        if value is None:
            return self._edit_all(index)  # pyright: ignore[reportArgumentType]
        return self._edit_one(index, value)  # pyright: ignore[reportArgumentType]

    def release(self, glide_ms: float = 0.0) -> FloatArray:
        """Let go of the offset that edits hold: the parameters return to what the map gives.

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
        target = _target(state, state.mapped, None)
        return self._glide(state._replace(held=None, target=target), self._clock(), glide_s)

    def activate(self, mask: ArrayLike, glide_ms: float = GLIDE_MS) -> FloatArray:
        """Choose the parameters that follow the map; the others stay where they are now.

        Edits are then solved for the active parameters only. Where fewer than m are active many
        positions fit, and the nearest to where the controller is gets taken.

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
        chosen = _frozen(_frame("activate", mask, state.target.size) != 0.0)
        active = None if chosen.all() else chosen
        held = state.held
        if held is not None:
            # What comes back to the map comes without an offset.
            back = chosen & ~_mask(state)
            held = _Held(_frozen(np.where(back, held.reached, held.wanted)), held.reached)
        # What goes off stops where it is, in the middle of a glide too.
        now = self._clock()
        stopped = state._replace(active=active, target=_play(state, now))
        target = _target(stopped, state.mapped, held)
        editor = Editor(state.mapping, active)
        state = stopped._replace(editor=editor, held=held, target=target)
        return self._glide(state, now, glide_s)

    def swap(self, mapping: TimbreMap, glide_ms: float = GLIDE_MS) -> FloatArray:
        """Play another map: the controller stays, the parameters glide from where they are.

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
                f"swap: the map has {new.control_size} controls and {new.parameter_size} "
                f"parameters, the performance {sizes[0]} and {sizes[1]}: start another Performer"
            )
        mapped = _frozen(mapping.forward(state.c))
        return self._glide(
            state._replace(
                mapping=mapping,
                editor=Editor(mapping, state.active),
                mapped=mapped,
                held=None,
                target=_target(state, mapped, None),
            ),
            self._clock(),
            glide_s,
        )

    def _edit_one(self, index: SupportsIndex, value: float) -> FloatArray:
        state = self._state
        index = operator.index(index)
        if not 0 <= index < state.target.size:
            raise SettingsError(
                f"edit: no parameter {index}: expected 0 to {state.target.size - 1}"
            )
        if not isfinite(value):
            return self.p
        wanted = state.target.copy()
        wanted[index] = value
        wanted = _in_range(state.mapping, wanted)
        grip = state.grip
        if grip is None or grip.slider != index:
            grip = _Grip(index, state.c, state.target.item(index))
        c = state.c
        if state.active is None or state.active[index]:
            c = state.editor.drag(grip.c, index, grip.value, wanted.item(index))
        touched = np.arange(wanted.size) == index
        return self._set(c, wanted, touched, grip)

    def _edit_all(self, p: ArrayLike) -> FloatArray:
        state = self._state
        given = _frame("edit", p, state.target.size)
        touched = np.isfinite(given)
        wanted = _in_range(state.mapping, np.where(touched, given, state.target))
        return self._set(state.editor.nearest(state.c, wanted), wanted, touched, None)

    def _set(
        self, c: FloatArray, wanted: FloatArray, touched: NDArray[np.bool_], grip: _Grip | None
    ) -> FloatArray:
        """Hold `wanted` at the controls `c`; what the hand touched is there without smoothing."""
        state = self._state
        now = self._clock()
        c = np.where(np.isfinite(c), c, state.c)
        mapped = _frozen(state.mapping.forward(c))
        fading = _only(_faded(state, now), ~touched)
        return self._publish(
            state._replace(
                c=_frozen(c),
                mapped=mapped,
                held=_Held(_frozen(wanted), mapped),
                target=wanted,
                fading=fading,
                time_s=now,
                grip=grip,
            )
        )

    def _glide(self, state: _State, now: float, glide_s: float) -> FloatArray:
        """Publish a state whose target is new, gliding there from where the parameters are.

        Without a glide the step is taken at once, and what was fading before goes on.
        """
        if glide_s > 0.0:
            fading = (_Fading(_play(self._state, now) - state.target, glide_s),)
        else:
            fading = _only(_faded(self._state, now), _mask(state))
        return self._publish(state._replace(fading=fading, time_s=now, grip=None))

    def _publish(self, state: _State) -> FloatArray:
        self._state = state
        return _play(state, state.time_s)


def _play(state: _State, now: float) -> FloatArray:
    """Parameters at a time: the target, and what has not yet faded."""
    if not state.fading:
        return state.target
    elapsed_s = max(now - state.time_s, 0.0)
    p = state.target + sum(part.after(elapsed_s) for part in state.fading)
    return _frozen(_in_range(state.mapping, p))


def _target(state: _State, mapped: FloatArray, held: _Held | None) -> FloatArray:
    """Where the parameters go when the map gives `mapped`."""
    target = mapped
    if held is not None:
        target = _in_range(state.mapping, held.wanted + (mapped - held.reached))
    if state.active is not None:
        target = np.where(state.active, target, state.target)
    return _frozen(target)


def _mask(state: _State) -> NDArray[np.bool_]:
    if state.active is not None:
        return state.active
    return _frozen(np.ones(state.target.size, dtype=np.bool_))


def _in_range(mapping: TimbreMap, p: FloatArray) -> FloatArray:
    return p if mapping.parameter_range is None else np.clip(p, *mapping.parameter_range)


def _faded(state: _State, now: float) -> tuple[_Fading, ...]:
    """Bring what fades up to `now`, without what has vanished."""
    if not state.fading:
        return ()
    elapsed_s = max(now - state.time_s, 0.0)
    parts = (_Fading(part.after(elapsed_s), part.time_constant_s) for part in state.fading)
    return tuple(part for part in parts if np.abs(part.values).max() > SETTLED)


def _only(fading: tuple[_Fading, ...], where: NDArray[np.bool_]) -> tuple[_Fading, ...]:
    """Keep what fades of some parameters."""
    return tuple(part._replace(values=np.where(where, part.values, 0.0)) for part in fading)


def _with(
    fading: tuple[_Fading, ...], values: FloatArray, time_constant_s: float
) -> tuple[_Fading, ...]:
    """Add `values` to the part with this time constant."""
    others: list[_Fading] = []
    for part in fading:
        if part.time_constant_s == time_constant_s:
            values = values + part.values
        else:
            others.append(part)
    return (*others, _Fading(values, time_constant_s))


def _frame(method: str, values: ArrayLike, size: int) -> FloatArray:
    array = rows(method, values, size)
    if array.ndim != 1:
        raise ShapeError(f"{method}: expected shape ({size},), got {array.shape}")
    return array


def _frozen(array: Array) -> Array:
    array.setflags(write=False)
    return array


def _seconds(name: str, milliseconds: float) -> float:
    if not 0.0 <= milliseconds < inf:
        raise SettingsError(f"{name}: expected 0 or more, got {milliseconds}")
    return milliseconds / 1000.0
