"""An OSC service around a `Performer`: what a patch sends moves it, what it plays is sent out.

In::

    /tm/c X Y Z            move the point            /tm/c/0 X      one coordinate
    /tm/p P0 P1 ...        set all sliders           /tm/p/3 V, /tm/p/NAME V      one
    /tm/load NAME          another model             /tm/scale uniform|normal
    /tm/active 1 0 1 ...   which parameters follow   /tm/smooth MS
    /tm/hold 0|1           keep what sliders add     /tm/release MS  let go of it
    /tm/get                everything, to who asks   /tm/ping       answered by /tm/pong
    /tm/subscribe PORT [named] [z]                   /tm/unsubscribe PORT
    /wek/inputs X Y Z      as Wekinator's

Out, to every target::

    /tm/p P0 P1 ...        after every change        /tm/p/NAME V   (``named``)
    /tm/c X Y Z            after a slider moved      /tm/z Z0 ...   (``z``)
    /tm/loaded NAME M N NAME0 ...                    /tm/error TEXT
    /wek/outputs ...       0 to 1, to Wekinator's targets

The latest value wins: what comes in faster than it can be sent is passed over.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from timbremap_runtime.core.layers import check_scale
from timbremap_runtime.core.types import Scale
from timbremap_runtime.errors import MissingExtra, SettingsError, ShapeError, TimbreMapError
from timbremap_runtime.performance.performer import GLIDE_MS, Performer
from timbremap_runtime.service.library import Library, NamedMap
from timbremap_runtime.service.traffic import Traffic

try:
    from pythonosc.dispatcher import Dispatcher
    from pythonosc.osc_message_builder import build_msg
    from pythonosc.osc_server import AsyncIOOSCUDPServer
except ImportError:
    raise MissingExtra("python-osc", "osc") from None

Address = tuple[str, int]
"""Host and port."""

LOG = logging.getLogger("timbremap.osc")
TICK_S = 0.002
"""Between two frames while the parameters glide by themselves."""
MOST_SUBSCRIBERS = 32
ERRORS_PER_SECOND = 10


@dataclass(frozen=True)
class Target:
    """Where parameters are sent.

    Attributes
    ----------
    address : (str, int)
        Host and port.
    named : bool
        Whether each parameter is sent by its name too.
    z : bool
        Whether the point in the latent space is sent too.
    wekinator : bool
        Whether to speak as Wekinator does: ``/wek/outputs``, 0 to 1, and nothing else.
    """

    address: Address
    named: bool = False
    z: bool = False
    wekinator: bool = False


class OscService:
    """Plays a library of models over OSC.

    Parameters
    ----------
    library : Library
        The models.
    name : str, optional
        The first model; by default the first of the library.
    targets : sequence of Target
        Where parameters are sent from the start.
    scale : {"normal", "uniform"}
        Of the control space.
    smoothing_ms : float
        Time constant of smoothing.
    on_message : callable, optional
        Is given address and values of every message that came in.
    on_play : callable, optional
        Is given the parameters after every change.
    clock : callable, optional
        Seconds; for the performer.
    """

    def __init__(
        self,
        library: Library,
        name: str | None = None,
        targets: Sequence[Target] = (),
        scale: Scale = "normal",
        smoothing_ms: float = 0.0,
        on_message: Callable[[str, Sequence[Any]], None] | None = None,
        on_play: Callable[[np.ndarray], None] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ):
        self.library = library
        self.targets = list(targets)
        self.traffic = Traffic()
        self._scale: Scale = scale
        self._hold = True
        self._model = library.load(name or library.names()[0], scale)
        self._clock = clock
        self._performer = Performer(self._model.mapping, smoothing_ms, clock)
        self._index = _indices(self._model)
        self._on_message = on_message
        self._on_play = on_play
        self._pending: dict[tuple[str, int], Any] = {}
        self._oldest = 0.0
        self._dirty: set[str] = set()
        self._scheduled = False
        self._transport: asyncio.DatagramTransport | None = None
        self._own: Address = ("", 0)
        self._tick: asyncio.TimerHandle | None = None
        self._loading: asyncio.Task[None] | None = None
        self._wanted: tuple[str, Scale] | None = None
        self._errors: list[float] = []
        self._commands: dict[str, Callable[[Sequence[Any], Address | None], None]] = {
            "/tm/c": self._move,
            "/wek/inputs": self._move,
            "/tm/p": self._edit,
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
        return self._model

    async def serve(self, host: str = "127.0.0.1", port: int = 9000) -> Address:
        """Listen for packets, and tell the targets what is loaded.

        Returns
        -------
        (str, int)
            Where it listens; a port of 0 takes a free one.
        """
        loop = asyncio.get_running_loop()
        dispatcher = _SafeDispatcher(self)
        server = AsyncIOOSCUDPServer((host, port), dispatcher, loop)  # pyright: ignore[reportArgumentType]
        try:
            transport, _ = await server.create_serve_endpoint()
        except OSError as error:
            raise SettingsError(
                f"{host}:{port} cannot be listened on ({error.strerror}): is another tm-serve"
                " running? give another --port"
            ) from None
        self._transport = cast("asyncio.DatagramTransport", transport)
        # Packets wait here while a model's first frame or Python's memory takes its time.
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        address = transport.get_extra_info("sockname")[:2]
        self._own = address
        family = transport.get_extra_info("socket").family
        try:
            self.targets = [await _resolved(target, family) for target in self.targets]
        except SettingsError:
            self.close()
            raise
        if any(self._is_own(target.address) for target in self.targets):
            self.close()
            raise SettingsError(f"port {address[1]} is listened on: it cannot be sent to as well")
        self._announce([target.address for target in self.targets if not target.wekinator])
        self._schedule({"p"})
        return address

    async def drained(self) -> None:
        """Wait until all that came in was played, models read and glides over."""
        while self._scheduled or self._tick or (self._loading and not self._loading.done()):
            await asyncio.sleep(TICK_S)

    def _is_own(self, address: Address) -> bool:
        """Whether what is sent there would come back."""
        host, port = self._own
        return address[1] == port and address[0] in (host, "127.0.0.1", "localhost")

    def close(self) -> None:
        """Stop listening."""
        if self._tick:
            self._tick.cancel()
        if self._transport:
            self._transport.close()

    # What comes in.

    def handle(self, address: str, values: Sequence[Any], sender: Address | None = None) -> None:
        """Do what a message says; errors go to the targets as ``/tm/error``.

        To be called in the event loop's thread.
        """
        try:
            if self._on_message:
                self._on_message(address, values)
        except OSError as error:  # a full disk must not stop the music
            self._on_message = None
            self._report(f"recording ended: {error}")
        try:
            self._route(address, values, sender)
        except TimbreMapError as error:
            self._report(f"{address}: {error}")
        except (TypeError, ValueError, OverflowError):
            self._report(f"{address}: {list(values)!r:.200} is not what it takes")

    def _route(self, address: str, values: Sequence[Any], sender: Address | None) -> None:
        command = self._commands.get(address)
        if command:
            command(values, sender)
            return
        for prefix, kind in (("/tm/c/", "c"), ("/tm/p/", "p")):
            if address.startswith(prefix):
                self._set_one(kind, address[len(prefix) :], values)
                return
        raise SettingsError(f"no such address: there are {', '.join(self._commands)}")

    def _move(self, values: Sequence[Any], sender: Address | None) -> None:
        self._queue(("c", -1), _numbers(values, self._performer.c.size))

    def _edit(self, values: Sequence[Any], sender: Address | None) -> None:
        self._queue(("p", -1), _numbers(values, self._performer.mapping.parameter_size))

    def _set_one(self, kind: str, which: str, values: Sequence[Any]) -> None:
        (value,) = _numbers(values, 1)
        size = self._performer.c.size if kind == "c" else len(self._model.parameter_names)
        if which.isascii() and which.isdigit() and len(which) < 6:
            index = int(which)
        else:
            index = self._index.get(which, -1) if kind == "p" else -1
        if not 0 <= index < size:
            known = ", ".join(self._index) if kind == "p" else f"0 to {size - 1}"
            raise SettingsError(f"there is none of that name or number: there are {known}")
        self._queue((kind, index), value)

    def _load(self, values: Sequence[Any], sender: Address | None) -> None:
        (name,) = values
        self._swap_to(str(name), self._wanted[1] if self._wanted else self._scale)

    def _rescale(self, values: Sequence[Any], sender: Address | None) -> None:
        (scale,) = values
        check_scale(scale)
        name = self._wanted[0] if self._wanted else self._model.name
        self._swap_to(name, scale)

    def _activate(self, values: Sequence[Any], sender: Address | None) -> None:
        self._settle()
        self._performer.activate(_numbers(values, len(self._model.parameter_names)))
        self._schedule({"p"})

    def _smooth(self, values: Sequence[Any], sender: Address | None) -> None:
        (self._performer.smoothing_ms,) = _numbers(values, 1)

    def _set_hold(self, values: Sequence[Any], sender: Address | None) -> None:
        (hold,) = _numbers(values, 1)
        self._settle()
        self._hold = bool(hold)
        if not self._hold:
            self._performer.release(GLIDE_MS)
            self._schedule({"p"})

    def _release(self, values: Sequence[Any], sender: Address | None) -> None:
        (glide_ms,) = _numbers(values, 1) if values else (GLIDE_MS,)
        self._settle()
        self._performer.release(glide_ms)
        self._schedule({"p"})

    def _get(self, values: Sequence[Any], sender: Address | None) -> None:
        self._settle()
        if sender:
            reading = self._performer.read()
            self._announce([sender])
            self._send(sender, "/tm/c", reading.c.tolist())
            self._send(sender, "/tm/p", reading.p.tolist())

    def _ping(self, values: Sequence[Any], sender: Address | None) -> None:
        if sender:
            self._send(sender, "/tm/pong", list(values[:1]))

    def _subscribe(self, values: Sequence[Any], sender: Address | None) -> None:
        if sender is None:
            return
        address = (sender[0], _port(values[:1]))
        others = [target for target in self.targets if target.address != address]
        if len(others) >= MOST_SUBSCRIBERS:
            raise SettingsError(f"{MOST_SUBSCRIBERS} subscribers are the most")
        if self._is_own(address):
            raise SettingsError(f"{address[1]} is where messages come in: subscribe another port")
        self.targets = [*others, Target(address, "named" in values[1:], "z" in values[1:])]
        self._announce([address])
        self._schedule({"p", "c"})

    def _unsubscribe(self, values: Sequence[Any], sender: Address | None) -> None:
        if sender is not None:
            address = (sender[0], _port(values))
            self.targets = [target for target in self.targets if target.address != address]

    # Values wait here until all that has arrived is read; the latest of each kind wins.

    def _queue(self, key: tuple[str, int], value: Any) -> None:
        if not self._pending:
            self._oldest = time.perf_counter()
        self.traffic.passed_over += self._pending.pop(key, None) is not None
        self._pending[key] = value  # at the end: the order of the latest values counts
        self._schedule(set())

    def _schedule(self, changed: set[str]) -> None:
        self._dirty |= changed
        if not self._scheduled and self._transport:
            self._scheduled = True
            # Two turns of the loop, so that a packet that waits is read before this is played.
            loop = asyncio.get_running_loop()
            loop.call_soon(loop.call_soon, self._play)

    def _settle(self) -> None:
        """Give the performer what waits."""
        pending, self._pending = self._pending, {}
        performer = self._performer
        for (kind, index), value in pending.items():
            if kind == "c" and index < 0:
                performer.move(value)
            elif kind == "c":
                one = np.full(performer.c.size, np.nan)  # what is no number stays as it is
                one[index] = value
                performer.move(one)
            else:
                if index < 0:
                    performer.recall(value)
                else:
                    performer.set(index, value)
                if not self._hold:
                    performer.release(GLIDE_MS)
                self._dirty.add("c")
            self._dirty.add("p")

    def _play(self) -> None:
        """Send what has changed."""
        self._scheduled = False
        arrived = self._oldest if self._pending else None
        self._settle()
        dirty, self._dirty = self._dirty, set()
        reading = self._performer.read()
        if "p" in dirty:
            self._send_parameters(reading.p)
        if "c" in dirty:
            c = reading.c.tolist()
            for target in self.targets:
                if not target.wekinator:
                    self._send(target.address, "/tm/c", c)
        if arrived is not None:
            self.traffic.latencies.append(time.perf_counter() - arrived)
        if self._tick is None and self._performer.gliding:
            loop = asyncio.get_running_loop()
            self._tick = loop.call_later(TICK_S, self._glide_on)

    def _glide_on(self) -> None:
        self._tick = None
        self._schedule({"p"})

    # What goes out.

    def _send_parameters(self, p: np.ndarray) -> None:
        values = p.tolist()
        packet = build_msg("/tm/p", values).dgram
        for target in self.targets:
            if target.wekinator:
                self._send(target.address, "/wek/outputs", (p / 127.0).tolist())
                continue
            self._transmit(target.address, packet)
            if target.named:
                for name, value in zip(self._index, values, strict=True):
                    self._send(target.address, f"/tm/p/{name}", [value])
            if target.z:
                z = self._performer.mapping.trace(self._performer.c).z
                self._send(target.address, "/tm/z", z.tolist())
        if self._on_play:
            self._on_play(p)

    def _announce(self, addresses: Sequence[Address]) -> None:
        name, mapping, names = self._model
        content = [name, mapping.control_size, mapping.parameter_size, *names]
        for address in addresses:
            self._send(address, "/tm/loaded", content)

    def _report(self, text: str) -> None:
        """Send an error, unless there were too many in the last second."""
        now = time.monotonic()
        self._errors = [at for at in self._errors if now - at < 1.0]
        self.traffic.errors += 1
        if len(self._errors) >= ERRORS_PER_SECOND:
            return
        self._errors.append(now)
        LOG.warning("%s", text)
        for target in self.targets:
            if not target.wekinator:
                self._send(target.address, "/tm/error", [text[:500]])

    def _send(self, address: Address, path: str, values: Sequence[Any]) -> None:
        self._transmit(address, build_msg(path, list(values)).dgram)

    def _transmit(self, address: Address, packet: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.sendto(packet, address)
            self.traffic.packets_out += 1

    # Models are read in the background.

    def _swap_to(self, name: str, scale: Scale) -> None:
        self._wanted = (name, scale)
        if self._loading is None or self._loading.done():
            self._loading = asyncio.get_running_loop().create_task(self._read_wanted())

    async def _read_wanted(self) -> None:
        """Read the model wanted last; while it is read another may be wanted."""
        while self._wanted:
            name, scale = self._wanted
            try:
                model = await asyncio.to_thread(self.library.load, name, scale)
            except (TimbreMapError, OSError) as error:
                model = None
                self._report(f"/tm/load: {error}")
            if self._wanted == (name, scale):
                self._wanted = None
                if model:
                    self._scale = scale
                    self._swap(model)

    def _swap(self, model: NamedMap) -> None:
        self._settle()
        try:
            self._performer.swap(model.mapping)
        except ShapeError:  # of other sizes: there is nothing to glide from
            smoothing_ms = self._performer.smoothing_ms
            self._performer = Performer(model.mapping, smoothing_ms, self._clock)
        self._model = model
        self._index = _indices(model)
        self._announce([target.address for target in self.targets if not target.wekinator])
        self._schedule({"p", "c"})


class _SafeDispatcher(Dispatcher):
    """Hands every message to a service; no packet raises."""

    def __init__(self, service: OscService):
        # Without strict timing a bundle from the future is played now, and blocks nothing.
        super().__init__(strict_timing=False)
        self._service = service
        self.set_default_handler(  # pyright: ignore[reportUnknownMemberType]
            self._handle, needs_reply_address=True
        )

    def _handle(self, sender: Address, address: str, *values: Any) -> None:
        self._service.handle(address, values, sender)

    def call_handlers_for_packet(self, data: bytes, client_address: Address) -> list[Any]:
        self._service.traffic.packets_in += 1
        try:
            super().call_handlers_for_packet(  # pyright: ignore[reportUnknownMemberType]
                data, client_address
            )
        except Exception as error:  # whatever a hostile packet makes the parser do
            self._service.traffic.errors += 1
            LOG.debug("packet from %s: %r", client_address, error)
        return []  # answers are sent by the service


def _indices(model: NamedMap) -> dict[str, int]:
    """Index of each parameter by its name as an OSC address can have it."""
    indices: dict[str, int] = {}
    for index, name in enumerate(model.parameter_names):
        word = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        while word in indices:
            word += f"_{index}"
        indices[word] = index
    return indices


def _numbers(values: Sequence[Any], size: int) -> list[float]:
    """Check that a message holds so many numbers."""
    if len(values) != size:
        raise ShapeError(f"{len(values)} values given, it takes {size}")
    for value in values:
        if not isinstance(value, (int, float)):
            raise SettingsError(f"{value!r:.80} is not a number")
    return [float(value) for value in values]


async def _resolved(target: Target, family: int) -> Target:
    """Look its host up once, and not again for every packet."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(*target.address, family=family, type=socket.SOCK_DGRAM)
    except OSError as error:
        raise SettingsError(
            f"{target.address[0]} cannot be sent to ({error.strerror}): give another --to"
        ) from None
    return replace(target, address=found[0][4][:2])


def _port(values: Sequence[Any]) -> int:
    (port,) = _numbers(values, 1)
    if not 1 <= port <= 65535:
        raise SettingsError(f"{port} is not a port: give 1 to 65535")
    return int(port)
