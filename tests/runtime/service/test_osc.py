from __future__ import annotations

import asyncio
import json
import logging
import shutil
import struct
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from itertools import count, pairwise
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pythonosc.osc_message_builder import build_msg

import timbremap_runtime as tm
from tests.support.maps import random_knots
from tests.support.osc_client import (
    Client,
    Clock,
    free_port,
    hostile,
    make_library,
    make_map,
    serving,
)
from timbremap_runtime.core.textformat import save_even
from timbremap_runtime.errors import ConnectionFailed, SettingsError
from timbremap_runtime.service import sending
from timbremap_runtime.service.library import Library
from timbremap_runtime.service.osc import OscService
from timbremap_runtime.service.settings import ServiceSettings
from timbremap_runtime.service.targets import MOST_SUBSCRIBERS, Target
from timbremap_runtime.service.udp import MOST_AT_ONCE

SINGLE = 1e-4
"""OSC carries single precision, of values up to 127."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("library"))


def leaping() -> Callable[[], float]:
    """Return a clock by which every glide is over when it is looked at again."""
    return count(0.0, 60.0).__next__


@pytest.fixture
def client(library: Path) -> Iterator[Client]:
    """A client that model one is sent to."""
    client = Client()
    targets = [Target(("127.0.0.1", client.port))]
    with serving(library, "one", targets, clock=leaping()) as (_, address, _):
        client.to = address
        assert client.wait_for("/tm/loaded")[:3] == ["one", 3, 4]
        client.wait_for("/tm/p")
        yield client
    client.close()


def test_a_point_gives_parameters(client: Client):
    client.send("/tm/c", 0.2, 0.5, 0.9)
    expected = make_map(0).forward([0.2, 0.5, 0.9])
    assert client.wait_for("/tm/p") == pytest.approx(expected, abs=SINGLE)
    client.send("/tm/c/1", 0.25)
    expected = make_map(0).forward([0.2, 0.25, 0.9])
    assert client.wait_for("/tm/p") == pytest.approx(expected, abs=SINGLE)
    client.send("/tm/c", 1, 0, 1)  # whole numbers are numbers
    assert len(client.wait_for("/tm/p")) == 4


def test_a_parameter_moves_the_point(client: Client):
    client.send("/tm/p/2", 100.0)
    assert client.wait_for("/tm/p")[2] == 100.0
    c = client.wait_for("/tm/c")
    # The point comes near; what it cannot reach is held on top.
    before = make_map(0).forward([0.5] * 3)[2]
    assert abs(make_map(0).forward(c)[2] - 100.0) < 0.2 * abs(before - 100.0)
    client.send("/tm/p/duty", 30.0)
    assert client.wait_for("/tm/p")[1] == 30.0
    client.send("/tm/p/5_1_3_", 31.0)
    assert client.wait_for("/tm/p")[3] == 31.0
    p = make_map(0).forward([0.3, 0.6, 0.7])
    client.send("/tm/p", *p.tolist())
    got = dict(client.settle())
    assert got["/tm/p"] == pytest.approx(p, abs=SINGLE)
    assert got["/tm/c"] == pytest.approx([0.3, 0.6, 0.7], abs=1e-3)


def test_a_point_and_its_parameters_are_put_where_they_were(client: Client):
    client.send("/tm/place", 0.25, 0.5, 0.75, 10, 20, 30, 40)
    got = dict(client.settle())
    assert got["/tm/c"] == [0.25, 0.5, 0.75]
    assert got["/tm/p"] == pytest.approx([10, 20, 30, 40], abs=SINGLE)
    client.send("/tm/release", 0)
    expected = make_map(0).forward([0.25, 0.5, 0.75])
    assert client.wait_for("/tm/p") == pytest.approx(expected, abs=SINGLE)
    client.send("/tm/place", 0.25, 0.5, 0.75)
    assert client.wait_for("/tm/error") == ["/tm/place: got 3 values; send 7"]


def test_a_point_that_moves_is_not_sent_back(client: Client):
    client.send("/tm/c", 0.2, 0.5, 0.9)
    assert [address for address, _ in client.settle()] == ["/tm/p"]


def test_a_model_is_loaded_by_name(client: Client):
    client.send("/tm/load", "two")
    assert client.wait_for("/tm/loaded") == ["two", 3, 4, "rate", "duty", "shape", "5 1/3'"]
    assert client.wait_for("/tm/p") == pytest.approx(make_map(1).forward([0.5] * 3), abs=0.01)
    client.send("/tm/load", "wide")
    assert client.wait_for("/tm/loaded")[:3] == ["wide", 3, 9]
    assert len(client.wait_for("/tm/p")) == 9


def test_the_scale_changes_without_a_step(library: Path):
    clock = Clock()
    frames: list[np.ndarray] = []
    with serving(library, "one", clock=clock, on_play=frames.append) as (service, _, call):
        call(service.handle, "/tm/c", [0.1, 0.2, 0.3])
        first = call(lambda: service.performer.p)
        call(service.handle, "/tm/scale", ["uniform"])
        while service.performer.mapping.scale != "uniform":
            call(asyncio.sleep, 0.001)
        assert call(lambda: service.performer.p) == pytest.approx(first)
        clock.now_s += 60.0
        call(service.drained)
    mapping = make_map(0)
    scale = mapping.vec_scale
    scale = tm.VecScale(scale.mean, scale.std, scale.minimum, scale.range, "uniform")
    uniform = tm.TimbreMap(scale, mapping.dense, mapping.pca)
    assert frames[-1] == pytest.approx(uniform.forward([0.1, 0.2, 0.3]), abs=0.01)


def test_parameters_switched_off_stay(client: Client):
    client.send("/tm/c", 0.2, 0.5, 0.9)
    before = client.wait_for("/tm/p")
    client.send("/tm/active", 1, 0, 1, 1)
    client.settle()
    client.send("/tm/c", 0.9, 0.1, 0.1)
    after = client.wait_for("/tm/p")
    assert after[1] == before[1]
    assert all(abs(after[i] - before[i]) > 1 for i in (0, 2, 3))


def test_smoothing_glides(library: Path):
    clock = Clock()
    frames: list[np.ndarray] = []

    def keep(p: np.ndarray) -> None:
        frames.append(p)
        clock.now_s += 0.005

    with serving(library, "one", clock=clock, on_play=keep) as (service, _, call):
        call(service.drained)
        start = frames.pop()
        call(service.handle, "/tm/smooth", [50.0])
        call(service.handle, "/tm/c", [0.95, 0.1, 0.9])
        call(service.drained)  # it goes on by itself until the rest cannot be heard
    goal = make_map(0).forward([0.95, 0.1, 0.9])
    for index, frame in enumerate(frames):
        assert frame == pytest.approx(goal + (start - goal) * exp(-index * 0.005 / 0.05))
    assert frames[-1] == pytest.approx(goal, abs=0.01)


def test_what_is_set_by_hand_is_held_or_let_go(client: Client):
    mapped = make_map(0).forward([0.5] * 3)
    far = [0.0 if value > 64 else 127.0 for value in mapped]
    client.send("/tm/p", *far)
    assert client.wait_for("/tm/p") == pytest.approx(far)
    client.settle()
    client.send("/tm/release", 0)
    p = client.wait_for("/tm/p")
    client.send("/tm/get")
    assert p == pytest.approx(make_map(0).forward(client.wait_for("/tm/c")), abs=0.01)
    client.settle()
    client.send("/tm/hold", 0)
    client.send("/tm/p", *far)
    got = dict(client.settle())
    assert got["/tm/p"] == pytest.approx(make_map(0).forward(got["/tm/c"]), abs=0.01)


@pytest.mark.parametrize(
    ("address", "values", "said"),
    [
        ("/tm/c", (0.1,), "got 1 value; send 3"),
        ("/tm/c", (0.1, 0.2, 0.3, 0.4), "got 4 values; send 3"),
        ("/tm/p", (0.1, 0.2, 0.3), "got 3 values; send 4"),
        ("/tm/active", (1, 0), "got 2 values; send 4"),
        ("/tm/c", ("a", "b", "c"), "'a' is not a number"),
        ("/tm/c/7", (0.1,), "unknown coordinate; use 0 to 2"),
        ("/tm/p/cutoff", (1.0,), "use rate, duty, shape, 5_1_3_, or 0 to 3"),
        ("/tm/p/99999999999999999999", (1.0,), "unknown parameter"),
        ("/tm/load", ("../one",), "no model '../one'; choose one of one, two, wide"),
        ("/tm/load", ("",), "no model ''"),
        ("/tm/load", (7.0,), "no model '7'"),
        ("/tm/scale", ("log",), "log"),
        ("/tm/smooth", (-1.0,), "-1.0"),
        ("/tm/smooth", (float("nan"),), "nan"),
        ("/tm/load", (), "invalid arguments []"),
        ("/tm/subscribe", (0,), "is not a port"),
        ("/tm/subscribe", (9001.5,), "9001.5 is not a port"),
        ("/nothing", (), "unknown address"),
    ],
)
def test_what_cannot_be_done_is_said_to_the_sender_and_the_targets(
    address: str, values: tuple[object, ...], said: str, client: Client
):
    sender = Client(client.to)
    sender.send(address, *values)
    for hearer in (sender, client):
        (text,) = hearer.wait_for("/tm/error")
        assert said in text
        assert text.startswith(f"{address}: ")
    client.send("/tm/ping", 5)
    assert client.wait_for("/tm/pong") == [5]
    sender.close()


FLOATS = struct.pack(">4f", 0.1, 0.2, 0.3, 0.4)


@pytest.mark.parametrize(
    "packet",
    [
        b"/tm/c\0\0\0,cfff\0\0\0" + FLOATS,
        b"/tm/c\0\0\0,fff\0\0\0\0" + FLOATS,
        b"/tm/c\0\0\0,ffff\0\0\0" + FLOATS,
        b"/tm/c\0\0\0,fff\0\0\0\0" + FLOATS[:8],
        b"/tm/c\0\0\0" + FLOATS[:12],
        b"#bundle\0" + bytes(8) + struct.pack(">i", 16) + b"/tm/c/0\0,f\0\0",
        b"nonsense",
    ],
    ids=["an unknown type", "too many", "too many said", "too few", "no types", "bundle", "text"],
)
def test_a_packet_that_cannot_be_read_moves_nothing_and_its_sender_is_told(
    packet: bytes, library: Path
):
    with serving(library, "one") as (service, address, call):
        sender = Client(address)
        sender.socket.sendto(packet, address)
        assert sender.wait_for("/tm/error")[0]
        call(service.drained)
        assert service.performer.c == pytest.approx([0.5] * 3)
        assert service.traffic.errors == 1
        assert ", 1 errors" in service.traffic.line()
        sender.close()


def test_the_status_counts_what_could_not_be_read(library: Path):
    with serving(library, "one") as (service, address, _):
        sender = Client(address)
        sender.socket.sendto(b"nonsense", address)
        sender.send("/nothing")
        for _ in range(2):
            sender.wait_for("/tm/error")
        assert service.traffic.line().endswith(", 2 errors (1 malformed packets)")
        sender.close()


C = struct.pack(">3f", 0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("packet", "c"),
    [
        (build_msg("/tm/c", [0, 1, 0]).dgram, [0.0, 1.0, 0.0]),
        (b"/tm/c\0\0\0,ddd\0\0\0\0" + struct.pack(">3d", 0.1, 0.2, 0.3), [0.1, 0.2, 0.3]),
        (b"/tm/c\0\0\0,hhh\0\0\0\0" + struct.pack(">3q", 0, 1, 0), [0.0, 1.0, 0.0]),
        (b"/tm/c/0\0,T\0\0", [1.0, 0.5, 0.5]),
        (b"#bundle\0" + b"\xff" * 8 + struct.pack(">i", 28) + b"/tm/c\0\0\0,fff\0\0\0\0" + C,
         [0.1, 0.2, 0.3]),
        (b"/tm/c\0\0\0,fff\0\0\0\0" + struct.pack(">3f", 0.1, 0.2, 0.5)[:-3], [0.1, 0.2, 0.5]),
        (b"/wek/inputs\0,fff\0\0\0\0" + C, [0.1, 0.2, 0.3]),
    ],
    ids=["ints", "doubles", "longs", "a toggle", "a bundle of the future", "Reaktor", "Wekinator"],
)  # fmt: skip
def test_points_are_taken_as_devices_send_them(packet: bytes, c: list[float], library: Path):
    with serving(library, "one") as (service, address, _):
        sender = Client(address)
        sender.socket.sendto(packet, address)
        assert sender.settle() == []
        assert service.performer.c == pytest.approx(c)
        sender.close()


@pytest.mark.parametrize(
    "packet",
    [b"/tm/get\0", b"/tm/get\0,\0\0\0", b"/tm/get\0,I\0\0", b"/tm/get\0,f\0\0\x3f\x80\0\0"],
    ids=["without types", "with none", "an impulse", "a button"],
)
def test_questions_are_taken_as_devices_send_them(packet: bytes, client: Client):
    client.socket.sendto(packet, client.to or ("", 0))
    assert [path for path, _ in client.settle()] == ["/tm/loaded", "/tm/c", "/tm/p"]


def test_an_error_is_never_answered_by_one(library: Path):
    # Two services that send to each other would go on for ever.
    with serving(library, "one") as (service, address, _):
        other = Client(address)
        other.send("/tm/error", "/tm/loaded: unknown address")
        assert other.settle() == []
        assert service.traffic.errors == 0
        other.close()


def test_errors_are_limited_in_number(library: Path, monkeypatch: pytest.MonkeyPatch):
    now = [100.0]
    monkeypatch.setattr(sending, "monotonic", lambda: now[0])
    with serving(library, "one") as (service, address, _):
        client = Client(address)
        heard: list[int] = []
        for _ in range(2):
            for _ in range(200):
                client.send("/tm/c", 0.1)
            heard.append(sum(address == "/tm/error" for address, _ in client.settle()))
            now[0] += 1.0
        assert heard == [sending.ERRORS_PER_SECOND] * 2
        assert service.traffic.errors == 400
        client.close()


def test_several_clients_subscribe(client: Client):
    other = Client(client.to)
    other.send("/tm/subscribe", other.port, "named", "z")
    assert other.wait_for("/tm/loaded")[0] == "one"
    other.settle()
    client.settle()
    client.send("/tm/c", 0.2, 0.5, 0.9)
    expected = make_map(0).trace(np.array([0.2, 0.5, 0.9]))
    assert client.wait_for("/tm/p") == pytest.approx(expected.p, abs=SINGLE)
    got = dict(other.settle())
    assert got["/tm/p"] == pytest.approx(expected.p, abs=SINGLE)
    assert got["/tm/z"] == pytest.approx(expected.z, abs=SINGLE)
    assert [got[f"/tm/p/{name}"][0] for name in ("rate", "duty", "shape", "5_1_3_")] == got["/tm/p"]
    other.send("/tm/unsubscribe", other.port)
    other.settle()
    client.send("/tm/c", 0.3, 0.5, 0.9)
    client.wait_for("/tm/p")
    assert not other.settle()
    other.close()


def test_it_speaks_as_wekinator_does(library: Path):
    wekinator = Client()
    target = Target(("127.0.0.1", wekinator.port), wekinator=True)
    with serving(library, "one", [target]) as (_, address, _):
        wekinator.to = address
        wekinator.settle()
        wekinator.send("/wek/inputs", 0.2, 0.5, 0.9)
        ((path, got),) = wekinator.settle()
        assert path == "/wek/outputs"
        assert got == pytest.approx(make_map(0).forward([0.2, 0.5, 0.9]) / 127, abs=1e-6)
    wekinator.close()


def test_the_latest_value_wins_and_nothing_else_is_lost(library: Path):
    heard: list[np.ndarray] = []
    with serving(library, "one", on_play=heard.append) as (service, address, call):
        call(service.drained)
        heard.clear()
        clients = [Client(address) for _ in range(3)]
        n = MOST_AT_ONCE // 4  # of each: all are read in one go

        def burst() -> None:  # in the service's own thread: it reads when all has been sent
            for i in range(n):
                clients[0].send("/tm/c/0", i / n)
                clients[1].send("/tm/c/1", 1 - i / n)
                clients[2].send("/tm/p/3", 100.0 + i / n)

        call(burst)
        call(service.drained)
        assert len(heard) == 1
        assert service.passed_over == 3 * (n - 1)
        # The order of the latest counts: the parameter was set last.
        played = tm.Performer(make_map(0))
        played.move([1 - 1 / n, np.nan, np.nan])
        played.move([np.nan, 1 / n, np.nan])
        assert heard[0] == pytest.approx(played.set(3, 101.0 - 1 / n), abs=SINGLE)
        assert service.performer.c == pytest.approx(played.c, abs=1e-6)
        for client in clients:
            client.close()


def test_what_comes_one_by_one_is_answered_one_by_one(client: Client):
    for x in np.linspace(0.0, 1.0, 300).tolist():
        client.send("/tm/c/0", x)
        expected = make_map(0).forward([x, 0.5, 0.5])
        assert client.receive() == ("/tm/p", pytest.approx(expected, abs=SINGLE))


def test_a_flood_is_read_to_its_end(library: Path):
    with serving(library, "one") as (service, address, call):
        client = Client(address)

        def burst() -> None:
            for i in range(3 * MOST_AT_ONCE):
                client.send("/tm/c/0", i / (3 * MOST_AT_ONCE))

        call(burst)
        client.settle()
        assert service.traffic.packets_in == 3 * MOST_AT_ONCE + 1
        assert service.performer.c[0] == pytest.approx(1 - 1 / (3 * MOST_AT_ONCE))
        client.close()


class LoopWithoutReaders(asyncio.SelectorEventLoop):
    """As the loop of Windows is."""

    def add_reader(self, fd: Any, callback: Any, *args: Any) -> Any:
        raise NotImplementedError


def test_a_loop_that_cannot_watch_sockets_serves_as_well(library: Path):
    client = Client()
    targets = [Target(("127.0.0.1", client.port))]
    with serving(library, "one", targets, loop=LoopWithoutReaders()) as (_, address, _):
        client.to = address
        client.settle()
        for x in (0.2, 0.7):
            client.send("/tm/c/0", x)
            expected = make_map(0).forward([x, 0.5, 0.5])
            assert client.settle() == [("/tm/p", pytest.approx(expected, abs=SINGLE))]
    client.close()


@pytest.mark.slow
def test_swapping_under_load_never_jumps(library: Path):
    clock = Clock()
    frames: list[tuple[float, np.ndarray]] = []

    def keep(p: np.ndarray) -> None:
        frames.append((clock.now_s, p))

    with serving(library, "one", clock=clock, on_play=keep) as (service, _, call):

        def play() -> None:
            clock.now_s += 0.001
            service.handle("/tm/c", [0.9, 0.9, 0.1])

        call(play)
        call(asyncio.sleep, 0.001)
        frames.clear()  # a point that moves does not glide
        for i in range(40):
            name = ("two", "one")[i % 2]
            call(service.handle, "/tm/load", [name])
            while service.model.name != name:
                call(play)
            for _ in range(20):
                call(play)
        assert service.traffic.errors == 0
    assert len({p[0].round(1) for _, p in frames}) > 50  # it did swap
    for (then, before), (now, after) in pairwise(frames):
        most = 127 * (1 - exp(-(now - then) / 0.1))  # a glide goes at most so far in that time
        assert np.abs(after - before).max() <= most + 1e-6


def test_any_packet_leaves_it_running(library: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(logging.root, "level", logging.CRITICAL)  # not to keep 50,000 warnings
    monkeypatch.setattr(logging.getLogger("timbremap.osc"), "disabled", True)
    generator = np.random.default_rng(0)
    with serving(library, "one") as (service, address, call):
        client = Client(address)
        pool = [hostile(generator, address) for _ in range(5000)]
        for i in range(10_000):
            client.socket.sendto(pool[int(generator.integers(len(pool)))], address)
            if i % 50 == 49:  # not faster than they are read
                client.send("/tm/ping", i)
                while client.wait_for("/tm/pong") != [i]:
                    pass
        client.send("/tm/smooth", 0.0)
        client.send("/tm/load", "one")
        client.send("/tm/ping", "still here")
        while client.wait_for("/tm/pong") != ["still here"]:
            pass
        call(service.drained)
        assert service.traffic.packets_in >= 10_000
        assert len(service.targets) == 0
        client.close()


def test_a_scale_that_was_just_asked_for_is_kept_by_a_model_that_is_loaded(library: Path):
    with serving(library, "one", clock=leaping()) as (service, _, call):
        call(service.handle, "/tm/scale", ["uniform"])
        call(service.handle, "/tm/load", ["two"])
        call(service.drained)
        assert service.model.name == "two"
        assert service.performer.mapping.scale == "uniform"


def test_a_model_is_played_on_the_even_scale_where_it_has_one(library: Path, tmp_path: Path):
    folder = shutil.copytree(library, tmp_path / "library")
    save_even(random_knots(3), folder / "two")
    with serving(folder, "one", clock=leaping()) as (service, _, call):

        def after(address: str, value: str) -> str:
            call(service.handle, address, [value])
            call(service.drained)
            return f"{service.model.name} {service.performer.mapping.scale}"

        assert service.performer.mapping.scale == "normal"
        assert after("/tm/load", "two") == "two even"
        assert after("/tm/load", "one") == "one normal"
        assert after("/tm/load", "two") == "two even"
        assert after("/tm/scale", "normal") == "two normal"
        # From now on the choice holds, and a model that has no such scale is not played.
        assert after("/tm/scale", "even") == "two even"
        assert after("/tm/load", "one") == "two even"


def test_a_full_list_still_takes_who_is_on_it_already(library: Path):
    with serving(library, "one") as (service, _, call):
        me = ("127.0.0.1", 4000)
        for port in range(9100, 9100 + MOST_SUBSCRIBERS):
            call(service.handle, "/tm/subscribe", [port], me)
        call(service.handle, "/tm/subscribe", [9100, "named"], me)
        call(service.handle, "/tm/subscribe", [9099], me)
        assert len(service.targets) == MOST_SUBSCRIBERS
        assert list(service.targets)[-1] == Target(("127.0.0.1", 9100), named=True)
        assert service.traffic.errors == 1


async def start(library: Path, **settings: Any) -> None:
    async with OscService(Library(library), ServiceSettings(**settings)):
        pass


def test_it_never_sends_to_itself(library: Path):
    with serving(library, "one") as (service, address, call):
        call(service.handle, "/tm/subscribe", [address[1]], ("127.0.0.1", 4000))
        assert len(service.targets) == 0
        assert service.traffic.errors == 1
    for host in ("127.0.0.1", "0.0.0.0"):
        port = free_port()
        targets = [Target(("localhost", port))]
        with pytest.raises(SettingsError, match=f"port {port} is where messages come in"):
            asyncio.run(start(library, host=host, port=port, targets=targets))


def test_hosts_and_ports_that_cannot_be_are_connections_that_fail(library: Path):
    nowhere = [Target(("no-such-host.invalid", 9001))]
    with pytest.raises(ConnectionFailed, match=r"cannot send to no-such-host\.invalid:9001"):
        asyncio.run(start(library, port=0, targets=nowhere))
    with pytest.raises(ConnectionFailed, match="unknown host"):
        asyncio.run(start(library, host="no-such-host.invalid", port=0))
    with pytest.raises(ConnectionFailed, match="takes an address of this machine"):
        asyncio.run(start(library, host="192.0.2.1", port=0))
    taken = Client()
    with pytest.raises(ConnectionFailed, match=f"cannot listen on 127.0.0.1:{taken.port}"):
        asyncio.run(start(library, port=taken.port))
    taken.close()


def test_a_port_is_free_again_when_a_service_has_ended_or_has_not_begun(library: Path):
    port = free_port()
    with pytest.raises(ConnectionFailed):
        asyncio.run(start(library, port=port, targets=[Target(("no-such-host.invalid", 1))]))
    for _ in range(2):
        asyncio.run(start(library, port=port))


def test_a_target_without_a_way_to_it_does_not_stop_the_others(library: Path):
    client = Client()
    targets = [Target(("127.0.0.1", 0)), Target(("127.0.0.1", client.port))]
    with serving(library, "one", targets) as (service, address, _):
        client.to = address
        client.settle()
        client.send("/tm/c", 0.4, 0.5, 0.6)
        assert [path for path, _ in client.settle()] == ["/tm/p"]
        assert service.traffic.unsent > 0
        assert service.traffic.line().endswith(" packets not sent")
    client.close()


def test_names_that_are_alike_as_addresses_stay_apart(tmp_path: Path):
    tm.save(make_map(0, 4), tmp_path / "m" / "timbremap")
    names = ["a", "a_2", "a", "a b"]
    (tmp_path / "m" / "config.json").write_text(json.dumps({"parameters": names}))
    client = Client()
    with serving(tmp_path, "m", [Target(("127.0.0.1", client.port), named=True)]):
        heard = {client.receive()[0] for _ in range(6)}
    client.close()
    assert len([path for path in heard if path.startswith("/tm/p/")]) == 4


def test_parameters_named_by_numbers_are_set_by_what_is_sent_for_them(tmp_path: Path):
    tm.save(make_map(0, 4), tmp_path / "m" / "timbremap")
    (tmp_path / "m" / "config.json").write_text(json.dumps({"parameters": ["1", "2", "3", "4"]}))
    client = Client()
    with serving(tmp_path, "m", [Target(("127.0.0.1", client.port), named=True)]) as (_, to, _):
        client.to = to
        sent = [(path, *values) for path, values in client.settle() if path.startswith("/tm/p/")]
        assert [path for path, _ in sent] == ["/tm/p/_1", "/tm/p/_2", "/tm/p/_3", "/tm/p/_4"]
        for index, (path, _) in enumerate(sent):
            for address in (path, f"/tm/p/{index}"):
                client.send(address, 20.0 + index)
                heard = dict(client.settle())
                assert heard["/tm/p"][index] == heard[path][0] == 20.0 + index
    client.close()


@pytest.mark.parametrize("folder", ["NFC", "NFD"])
@pytest.mark.parametrize("sent", ["NFC", "NFD"])
def test_accents_match_in_folders_and_parameters(folder: Any, sent: Any, tmp_path: Path):
    name = unicodedata.normalize(folder, "Glöckchen")
    tm.save(make_map(0, 4), tmp_path / name / "timbremap")
    tm.save(make_map(1, 4), tmp_path / "other" / "timbremap")
    names = [unicodedata.normalize(folder, each) for each in ("Höhe", "a", "b", "c")]
    (tmp_path / name / "config.json").write_text(json.dumps({"parameters": names}))
    with serving(tmp_path, "other", clock=leaping()) as (service, _, call):
        call(service.handle, "/tm/load", [unicodedata.normalize(sent, "Glöckchen")])
        call(service.drained)
        assert service.model.name == "Glöckchen"
        call(service.handle, "/tm/p/" + unicodedata.normalize(sent, "Höhe"), [12.0])
        call(service.drained)
        assert service.performer.p[0] == 12.0
        assert service.traffic.errors == 0


@pytest.mark.parametrize(("sent", "loaded"), [(2.0, "2"), (2, "2"), (0.1, "0.1"), ("2", "2")])
def test_a_model_named_by_a_number_is_loaded_as_pure_data_sends_it(
    sent: Any, loaded: str, tmp_path: Path
):
    for seed, name in enumerate(("first", "2", "0.1", "20")):
        tm.save(make_map(seed), tmp_path / name / "timbremap")
    client = Client()
    with serving(tmp_path, "first", [Target(("127.0.0.1", client.port))]) as (_, address, _):
        client.to = address
        client.settle()
        client.send("/tm/load", sent)
        assert client.wait_for("/tm/loaded")[0] == loaded
    client.close()


def test_a_log_that_cannot_go_on_does_not_stop_the_music(library: Path):
    def full_disk(address: str, values: Sequence[Any]) -> None:
        raise OSError(28, "No space left on device")

    with serving(library, "one", on_message=full_disk) as (service, _, call):
        call(service.handle, "/tm/c", [0.1, 0.2, 0.3])
        call(service.handle, "/tm/c", [0.4, 0.5, 0.6])
        call(service.drained)
        assert service.performer.c == pytest.approx([0.4, 0.5, 0.6])
        assert service.traffic.errors == 1


def test_an_instrument_that_was_unplugged_does_not_stop_the_others(library: Path):
    def unplugged(p: np.ndarray) -> None:
        raise ConnectionFailed("MIDI output ended")

    client = Client()
    targets = [Target(("127.0.0.1", client.port))]
    with serving(library, "one", targets, on_play=unplugged) as (service, address, _):
        client.to = address
        client.settle()
        client.send("/tm/c", 0.4, 0.5, 0.6)
        assert [path for path, _ in client.settle()] == ["/tm/p"]
        assert service.traffic.errors == 1
    client.close()
