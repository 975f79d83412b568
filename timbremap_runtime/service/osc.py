"""An OSC service around a `Performer`: what a patch sends moves it, what it plays is sent out.

In::

    /tm/c X Y Z            move the point            /tm/c/0 X      one coordinate
    /tm/p P0 P1 ...        set all parameters        /tm/p/3 V, /tm/p/NAME V      one
    /tm/place X Y Z P0 P1 ...                        both, as they were together once
    /tm/load NAME          another model             /tm/scale even|normal|uniform
    /tm/active 1 0 1 ...   which parameters follow   /tm/smooth MS
    /tm/hold 0|1           hold what is set by hand  /tm/release MS  let go of it
    /tm/get                everything, to who asks   /tm/ping       answered by /tm/pong
    /tm/subscribe PORT [named] [z]                   /tm/unsubscribe PORT
    /wek/inputs X Y Z      as Wekinator's

Out, to every target::

    /tm/p P0 P1 ...        after every change        /tm/p/NAME V   (``named``)
    /tm/c X Y Z            after a parameter was set /tm/z Z0 ...   (``z``)
    /tm/loaded NAME M N NAME0 ...                    /tm/error TEXT (to the sender too)
    /wek/outputs ...       0 to 1, to Wekinator's targets

The latest value wins: what comes in faster than it can be sent is passed over.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from timbremap_runtime.core.layers.vec_scale import check_scale
from timbremap_runtime.errors import (
    ConnectionFailed,
    FormatError,
    SettingsError,
    ShapeError,
    TimbreMapError,
)
from timbremap_runtime.performance.performer import GLIDE_MS, Performer
from timbremap_runtime.service.latest import LatestValues, Place
from timbremap_runtime.service.library import Library, NamedMap
from timbremap_runtime.service.loading import ModelLoader
from timbremap_runtime.service.names import ParameterWords
from timbremap_runtime.service.packet import decode
from timbremap_runtime.service.sending import Sender
from timbremap_runtime.service.settings import ServiceSettings
from timbremap_runtime.service.targets import Target, Targets
from timbremap_runtime.service.traffic import Traffic
from timbremap_runtime.service.udp import Address, UdpSocket, bind

LOG = logging.getLogger("timbremap.osc")
TICK_S = 0.002
"""Between two frames while the parameters glide by themselves."""

DEFAULTS = ServiceSettings()
ALL_C, ALL_P, ALL = Place("c", None), Place("p", None), Place("cp", None)


class OscService:
    """Plays a library of models over OSC.

    An async context manager, which starts it and closes it.

    Parameters
    ----------
    library : Library
        The models.
    settings : ServiceSettings
        Where to listen, where to send, what to play.
    on_message : callable, optional
        Is given address and values of every message that came in.
    on_play : callable, optional
        Is given the parameters, (n,), after every change.
    on_error : callable, optional
        Is given the text of every error that is sent as ``/tm/error``.
    clock : callable, optional
        Seconds; for the performer.

    Raises
    ------
    SettingsError
        There is no such model or scale, or the smoothing is negative.
    FormatError
        The model cannot be read.
    """

    def __init__(
        self,
        library: Library,
        settings: ServiceSettings = DEFAULTS,
        *,
        on_message: Callable[[str, Sequence[Any]], None] | None = None,
        on_play: Callable[[np.ndarray], None] | None = None,
        on_error: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.settings = settings
        self.targets = Targets(settings.targets)
        self.traffic = Traffic()
        self._on_message = on_message
        self._on_play = on_play
        self._on_error = on_error
        self._clock = clock
        model = library.load(settings.model or library.names()[0], settings.scale)
        self._loader = ModelLoader(library, model, settings.scale, self._swap, self._report)
        self._performer = Performer(model.mapping, settings.smoothing_ms, clock)
        self._words = ParameterWords(model.parameter_names)
        self._sender = Sender(self.targets, self.traffic)
        self._socket: UdpSocket | None = None
        self._latest = LatestValues()
        self._hold = True
        self._dirty: set[str] = set()
        self._scheduled = False
        self._tick: asyncio.TimerHandle | None = None
        self._commands: dict[str, Callable[[Sequence[Any], Address | None], None]] = {
            "/tm/c": self._move,
            "/wek/inputs": self._move,
            "/tm/p": self._recall,
            "/tm/place": self._place,
            "/tm/load": self._load,
            "/tm/scale": self._rescale,
            "/tm/active": self._activate,
            "/tm/smooth": self._smooth,
            "/tm/hold": self._set_hold,
            "/tm/release": self._release,
            "/tm/get": self._get,
            "/tm/ping": self._ping,
            "/tm/subscribe": self._subscribe,
            "/tm/unsubscribe": self._unsubscribe,
        }

    @property
    def performer(self) -> Performer:
        """What is played; another one after a model of other sizes was loaded."""
        return self._performer

    @property
    def model(self) -> NamedMap:
        """The model that is played."""
        return self._loader.current

    @property
    def words(self) -> Sequence[str]:
        """The parameters' names as addresses have them."""
        return self._words.words

    @property
    def passed_over(self) -> int:
        """Values that a later one replaced before they were played."""
        return self._latest.passed_over

    @property
    def address(self) -> Address:
        """Where it listens.

        Raises
        ------
        ConnectionFailed
            It has not been started.
        """
        if self._socket is None:
            raise ConnectionFailed("the service is not listening; start it first")
        return self._socket.address

    async def start(self) -> None:
        """Listen for packets, and tell the targets what is loaded.

        Raises
        ------
        ConnectionFailed
            The port cannot be listened on, or the host of a target is unknown.
        SettingsError
            A target is where it listens.
        """
        bound = await bind(self.settings.host, self.settings.port)
        try:
            await self.targets.resolve(bound.getsockname()[:2], bound.family)
        except TimbreMapError:
            bound.close()
            raise
        self._socket = self._sender.socket = UdpSocket(bound, self._take, self._play_if_changed)
        self._sender.loaded(self.model)
        self._schedule("p")

    def close(self) -> None:
        """Stop listening."""
        self._loader.close()
        if self._tick:
            self._tick.cancel()
        if self._socket:
            self._socket.close()
            self._sender.socket = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    def play_now(self) -> None:
        """Play all that came in, instead of soon. To be called in the event loop's thread."""
        self._play_if_changed()

    async def drained(self) -> None:
        """Wait until all that came in was played, models read and glides over."""
        while self._scheduled or self._tick or self._loader.busy:
            await asyncio.sleep(TICK_S)

    # What comes in.

    def _take(self, packet: bytes, sender: Address) -> None:
        """Do what a packet says, or nothing of it and say why."""
        self.traffic.packets_in += 1
        try:
            messages = decode(packet)
        except FormatError as error:
            self.traffic.malformed += 1
            self._report(f"packet from {sender[0]}:{sender[1]}: {error}", sender)
            return
        for address, values in messages:
            self.handle(address, values, sender)

    def handle(self, address: str, values: Sequence[Any], sender: Address | None = None) -> None:
        """Do what a message says; errors go to the targets and the sender as ``/tm/error``.

        To be called in the event loop's thread.
        """
        try:
            if self._on_message:
                self._on_message(address, values)
        except OSError as error:  # a full disk must not stop the music
            self._on_message = None
            self._report(f"message log ended: {error.strerror or error}; make room and start again")
        try:
            self._route(address, values, sender)
        except TimbreMapError as error:
            self._report(f"{address:.80}: {error}", sender)
        except (TypeError, ValueError, OverflowError):
            self._report(f"{address:.80}: invalid arguments {list(values)!r:.200}", sender)

    def _route(self, address: str, values: Sequence[Any], sender: Address | None) -> None:
        command = self._commands.get(address)
        if command:
            command(values, sender)
        elif address.startswith("/tm/c/"):
            index = _coordinate(address[6:], self._performer.c.size)
            self._queue(Place("c", index), _numbers(values, 1))
        elif address.startswith("/tm/p/"):
            index = self._words.index(address[6:])
            if index is None:
                raise SettingsError(
                    f"unknown parameter; use {', '.join(self.words)}, or 0 to {len(self.words) - 1}"
                )
            self._queue(Place("p", index), _numbers(values, 1))
        elif address == "/tm/error":  # never answered: two services would go on for ever
            LOG.warning("%s:%s says: %.200s", *(sender or ("", 0)), " ".join(map(str, values)))
        else:
            raise SettingsError(f"unknown address; use one of {', '.join(self._commands)}")

    def _move(self, values: Sequence[Any], sender: Address | None) -> None:
        self._queue(ALL_C, _numbers(values, self._performer.c.size))

    def _recall(self, values: Sequence[Any], sender: Address | None) -> None:
        self._queue(ALL_P, _numbers(values, len(self.words)))

    def _place(self, values: Sequence[Any], sender: Address | None) -> None:
        self._queue(ALL, _numbers(values, self._performer.c.size + len(self.words)))

    def _load(self, values: Sequence[Any], sender: Address | None) -> None:
        (name,) = values
        # Pure Data sends a name that looks like a number as one.
        self._loader.want(name=name if isinstance(name, str) else float(name), sender=sender)

    def _rescale(self, values: Sequence[Any], sender: Address | None) -> None:
        (scale,) = values
        check_scale(scale)
        self._loader.want(scale=scale, sender=sender)

    def _activate(self, values: Sequence[Any], sender: Address | None) -> None:
        mask = _numbers(values, len(self.words))
        self._settle()
        self._performer.activate(mask)
        self._schedule("p")

    def _smooth(self, values: Sequence[Any], sender: Address | None) -> None:
        (self._performer.smoothing_ms,) = _numbers(values, 1)

    def _set_hold(self, values: Sequence[Any], sender: Address | None) -> None:
        (hold,) = _numbers(values, 1)
        self._settle()
        self._hold = bool(hold)
        if not self._hold:
            self._performer.release(GLIDE_MS)
            self._schedule("p")

    def _release(self, values: Sequence[Any], sender: Address | None) -> None:
        (glide_ms,) = _numbers(values, 1) if values else (GLIDE_MS,)
        self._settle()
        self._performer.release(glide_ms)
        self._schedule("p")

    def _get(self, values: Sequence[Any], sender: Address | None) -> None:
        self._settle()
        if sender:
            self._sender.loaded(self.model, sender)
            self._sender.state(self._performer, sender)

    def _ping(self, values: Sequence[Any], sender: Address | None) -> None:
        self.play_now()  # so that the answer says: all that came before was played
        if sender:
            self._sender.answer(sender, "/tm/pong", values[:1])

    def _subscribe(self, values: Sequence[Any], sender: Address | None) -> None:
        if sender is None:
            return
        address = (sender[0], _port(values[:1]))
        self.targets.subscribe(Target(address, "named" in values[1:], "z" in values[1:]))
        self._sender.loaded(self.model, address)
        self._schedule("p", "c")

    def _unsubscribe(self, values: Sequence[Any], sender: Address | None) -> None:
        if sender is not None:
            self.targets.unsubscribe((sender[0], _port(values)))

    # What is played, and when.

    def _queue(self, place: Place, values: list[float]) -> None:
        self._latest.put(place, values)
        self._schedule()

    def _schedule(self, *changed: str) -> None:
        """Play soon, if what waits in the socket does not do so sooner."""
        self._dirty.update(changed)
        if not self._scheduled and self._socket:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._play_if_changed)

    def _settle(self) -> None:
        """Give the performer what waits."""
        if self._latest:
            self._dirty |= self._latest.play(self._performer, None if self._hold else GLIDE_MS)

    def _play_if_changed(self) -> None:
        if self._scheduled:
            self._scheduled = False
            self._play()

    def _play(self) -> None:
        """Send what has changed."""
        arrived_s = self._latest.oldest_s if self._latest else None
        self._settle()
        dirty, self._dirty = self._dirty, set()
        performer = self._performer
        if "p" in dirty:
            self._sender.parameters(performer, self.words)
            self._tell_player(performer.p)
        if "c" in dirty:
            self._sender.point(performer)
        if arrived_s is not None:
            self.traffic.latencies.append(time.perf_counter() - arrived_s)
        if self._tick is None and performer.gliding:
            self._tick = asyncio.get_running_loop().call_later(TICK_S, self._glide_on)

    def _tell_player(self, p: np.ndarray) -> None:
        try:
            if self._on_play:
                self._on_play(p)
        except OSError as error:  # an instrument that was unplugged must not stop the others
            self._on_play = None
            self._report(str(error))

    def _glide_on(self) -> None:
        self._tick = None
        self._schedule("p")

    def _report(self, text: str, sender: Address | None = None) -> None:
        self._sender.error(text, sender)
        if self._on_error:
            self._on_error(text)

    def _swap(self, model: NamedMap) -> None:
        """Play a model that was read."""
        self._settle()
        try:
            self._performer.swap(model.mapping)
        except ShapeError:  # of other sizes: there is nothing to glide from
            smoothing_ms = self._performer.smoothing_ms
            self._performer = Performer(model.mapping, smoothing_ms, self._clock)
        self._words = ParameterWords(model.parameter_names)
        self._sender.loaded(model)
        self._schedule("p", "c")


def _numbers(values: Sequence[Any], size: int) -> list[float]:
    """Check that a message holds so many numbers."""
    if len(values) != size:
        raise ShapeError(f"got {_counted(len(values))}; send {size}")
    for value in values:
        if not isinstance(value, (int, float)):
            raise SettingsError(f"{value!r:.80} is not a number")
    return [float(value) for value in values]


def _counted(n: int) -> str:
    return "1 value" if n == 1 else f"{n} values"


def _coordinate(word: str, size: int) -> int:
    if word.isascii() and word.isdigit() and len(word) < 6 and int(word) < size:
        return int(word)
    raise SettingsError(f"unknown coordinate; use 0 to {size - 1}")


def _port(values: Sequence[Any]) -> int:
    (port,) = _numbers(values, 1)
    if not (1 <= port <= 65535 and port == int(port)):
        raise SettingsError(f"{port:g} is not a port; use 1 to 65535")
    return int(port)
