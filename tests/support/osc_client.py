"""A service to play with in tests: a library of maps, the running service, a client."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pythonosc.osc_message_builder import build_msg
from pythonosc.osc_packet import OscPacket

import timbremap_runtime as tm
from timbremap_runtime import DenseLayer, PCALayer, TimbreMap, VecScale
from timbremap_runtime.service.library import Library
from timbremap_runtime.service.osc import OscService
from timbremap_runtime.service.settings import ServiceSettings
from timbremap_runtime.service.targets import Target

NAMES = ("rate", "duty", "shape", "5 1/3'")


def make_map(seed: int, n: int = 4, m: int = 3) -> TimbreMap:
    generator = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(generator.normal(size=(m, m)))
    scale = VecScale(np.zeros(m), np.ones(m), np.full(m, -3.0), np.full(m, 6.0))
    dense = DenseLayer(generator.normal(size=(m, n)), generator.normal(size=n), "sigmoid")
    return TimbreMap(scale, [dense], PCALayer(axes, generator.normal(size=m)))


def make_library(folder: Path) -> Path:
    """Write models one, two (of the same sizes) and wide (of nine parameters)."""
    for seed, (name, n) in enumerate([("one", 4), ("two", 4), ("wide", 9)]):
        tm.save(make_map(seed, n), folder / name / "timbremap")
        names = NAMES if n == 4 else [f"db{i}" for i in range(n)]
        (folder / name / "config.json").write_text(json.dumps({"parameters": list(names)}))
    return folder


def free_port() -> int:
    """A UDP port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """A UDP socket that speaks OSC."""

    def __init__(self, to: tuple[str, int] | None = None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2**20)
        self.socket.bind(("127.0.0.1", 0))
        self.to = to
        self._pings = 0

    @property
    def port(self) -> int:
        return self.socket.getsockname()[1]

    def send(self, address: str, *values: Any) -> None:
        assert self.to
        self.socket.sendto(build_msg(address, list(values)).dgram, self.to)

    def receive(self, timeout_s: float = 5.0) -> tuple[str, list[Any]]:
        self.socket.settimeout(timeout_s)
        (timed,) = OscPacket(self.socket.recv(65536)).messages
        return timed.message.address, list(timed.message)

    def wait_for(self, address: str, timeout_s: float = 5.0) -> list[Any]:
        """Receive until a message of this address comes."""
        end = time.monotonic() + timeout_s
        while True:
            got, values = self.receive(max(end - time.monotonic(), 1e-3))
            if got == address:
                return values

    def drain(self, quiet_s: float = 0.2) -> list[tuple[str, list[Any]]]:
        """Receive until nothing comes any more."""
        got: list[tuple[str, list[Any]]] = []
        try:
            while True:
                got.append(self.receive(quiet_s))
        except TimeoutError:
            return got

    def settle(self) -> list[tuple[str, list[Any]]]:
        """Receive all that a service sends for what it was sent before: a ping comes back last."""
        got: list[tuple[str, list[Any]]] = []
        self._pings += 1
        self.send("/tm/ping", self._pings)
        while (message := self.receive()) != ("/tm/pong", [self._pings]):
            got.append(message)
        return got

    def close(self) -> None:
        self.socket.close()


class Clock:
    """Time for a service, which the test moves."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def hostile(generator: np.random.Generator, address: tuple[str, int]) -> bytes:
    """A packet that nobody should send."""
    good = build_msg("/tm/c", [0.1, 0.2, 0.3]).dgram
    kind = generator.integers(8)
    if kind == 0:
        return generator.bytes(int(generator.integers(0, 200)))
    if kind == 1:
        return good[: int(generator.integers(0, len(good)))]
    if kind == 2:
        packet = bytearray(good)
        for _ in range(3):
            packet[int(generator.integers(len(packet)))] = int(generator.integers(256))
        return bytes(packet)
    if kind == 3:  # a bundle from the far future, or of any time
        tag = generator.bytes(8) if generator.integers(2) else b"\xff" * 8
        return b"#bundle\0" + tag + struct.pack(">i", len(good)) + good
    if kind == 4:  # bundles in bundles
        packet = good
        for _ in range(int(generator.integers(1, 120))):
            packet = b"#bundle\0" + b"\0" * 7 + b"\1" + struct.pack(">i", len(packet)) + packet
        return packet
    if kind == 5:  # sizes that lie
        size = int(generator.integers(-(2**31), 2**31))
        return b"#bundle\0" + b"\xff" * 8 + struct.pack(">i", size) + good
    if kind == 6:
        values = [float("nan"), float("inf"), -1e38, 2**31 - 1, "x" * 100, b"blob", True, None]
        chosen = [values[int(i)] for i in generator.integers(0, len(values), 3)]
        where = ("/tm/c", "/tm/p/0", "/tm/load", "/tm/active", "/tm/smooth", "/tm/get", "/tm/x")
        return build_msg(where[int(generator.integers(len(where)))], chosen).dgram
    return b"/tm/c\0\0\0," + b"[" * int(generator.integers(1, 300))


@contextmanager
def serving(
    folder: Path,
    name: str | None = None,
    targets: Sequence[Target] = (),
    loop: asyncio.AbstractEventLoop | None = None,
    **options: Any,
) -> Iterator[tuple[OscService, tuple[str, int], Callable[..., Any]]]:
    """Run a service in a thread; give it, where it listens, and what calls a function in it."""
    loop = loop or asyncio.new_event_loop()
    settings = ServiceSettings(port=0, targets=targets, model=name)
    service = OscService(Library(folder), settings, **options)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def call(function: Callable[..., Any], *arguments: Any) -> Any:
        async def run() -> Any:
            result = function(*arguments)
            return await result if asyncio.iscoroutine(result) else result

        return asyncio.run_coroutine_threadsafe(run(), loop).result(10)

    try:
        call(service.start)
        yield service, service.address, call
    finally:
        call(service.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
