from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import timbremap_runtime as tm
from tests.support.osc_client import Client, free_port, hostile, make_library, make_map, serving
from timbremap_runtime.errors import PathError, SettingsError
from timbremap_runtime.service.library import Library
from timbremap_runtime.service.osc import MOST_SUBSCRIBERS, OscService, Target

SINGLE = 1e-4
"""OSC carries single precision, of values up to 127."""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_library(tmp_path_factory.mktemp("library"))


@pytest.fixture
def client(library: Path) -> Iterator[Client]:
    """A client that model one is sent to."""
    client = Client()
    with serving(library, "one", [Target(("127.0.0.1", client.port))]) as (_, address, _):
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


def test_a_slider_moves_the_point(client: Client):
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
    assert client.wait_for("/tm/p") == pytest.approx(p, abs=SINGLE)
    while (c := client.wait_for("/tm/c")) != pytest.approx([0.3, 0.6, 0.7], abs=1e-3):
        pass


def test_a_point_that_moves_is_not_sent_back(client: Client):
    client.send("/tm/c", 0.2, 0.5, 0.9)
    assert {address for address, _ in client.drain()} == {"/tm/p"}


def test_a_model_is_loaded_by_name(client: Client):
    client.send("/tm/load", "two")
    assert client.wait_for("/tm/loaded") == ["two", 3, 4, "rate", "duty", "shape", "5 1/3'"]
    *_, (_, last) = [message for message in client.drain() if message[0] == "/tm/p"]
    assert last == pytest.approx(make_map(1).forward([0.5] * 3), abs=0.01)
    client.send("/tm/load", "wide")
    assert client.wait_for("/tm/loaded")[:3] == ["wide", 3, 9]
    assert len(client.wait_for("/tm/p")) == 9


def test_the_scale_changes_without_a_step(client: Client):
    client.send("/tm/c", 0.1, 0.2, 0.3)
    first = client.wait_for("/tm/p")
    client.send("/tm/scale", "uniform")
    heard = [values for address, values in client.drain() if address == "/tm/p"]
    assert np.abs(np.array(heard[0]) - first).max() < 10
    mapping = make_map(0)
    scale = mapping.vec_scale
    scale = tm.VecScale(scale.mean, scale.std, scale.minimum, scale.range, "uniform")
    uniform = tm.TimbreMap(scale, mapping.pca, mapping.dense)
    assert heard[-1] == pytest.approx(uniform.forward([0.1, 0.2, 0.3]), abs=0.01)


def test_parameters_switched_off_stay(client: Client):
    client.send("/tm/c", 0.2, 0.5, 0.9)
    before = client.wait_for("/tm/p")
    client.send("/tm/active", 1, 0, 1, 1)
    client.drain()
    client.send("/tm/c", 0.9, 0.1, 0.1)
    after = client.wait_for("/tm/p")
    assert after[1] == before[1]
    assert all(abs(after[i] - before[i]) > 1 for i in (0, 2, 3))


def test_smoothing_glides(client: Client):
    client.send("/tm/smooth", 50.0)
    client.send("/tm/c", 0.95, 0.1, 0.9)
    frames = np.array([values for address, values in client.drain(0.5) if address == "/tm/p"])
    assert len(frames) > 20
    assert frames[-1] == pytest.approx(make_map(0).forward([0.95, 0.1, 0.9]), abs=0.01)
    largest = np.abs(np.diff(frames, axis=0)).max()
    assert largest < 0.5 * np.abs(frames[-1] - frames[0]).max()


def test_what_a_slider_adds_is_held_or_let_go(client: Client):
    mapped = make_map(0).forward([0.5] * 3)
    far = [0.0 if value > 64 else 127.0 for value in mapped]
    client.send("/tm/p", *far)
    assert client.wait_for("/tm/p") == pytest.approx(far)
    client.drain()
    client.send("/tm/release", 0)
    p = client.wait_for("/tm/p")
    client.send("/tm/get")
    assert p == pytest.approx(make_map(0).forward(client.wait_for("/tm/c")), abs=0.01)
    client.drain()
    client.send("/tm/hold", 0)
    client.send("/tm/p", *far)
    *_, (_, last) = [message for message in client.drain() if message[0] == "/tm/p"]
    client.send("/tm/get")
    assert last == pytest.approx(make_map(0).forward(client.wait_for("/tm/c")), abs=0.01)


@pytest.mark.parametrize(
    ("address", "values", "said"),
    [
        ("/tm/c", (0.1,), "1 values given, it takes 3"),
        ("/tm/c", ("a", "b", "c"), "'a' is not a number"),
        ("/tm/c/7", (0.1,), "there are 0 to 2"),
        ("/tm/p/cutoff", (1.0,), "there are rate, duty, shape, 5_1_3_"),
        ("/tm/p/99999999999999999999", (1.0,), "none of that name or number"),
        ("/tm/load", ("../one",), "no model '../one': there are one, two, wide"),
        ("/tm/load", ("",), "no model ''"),
        ("/tm/scale", ("log",), "log"),
        ("/tm/smooth", (-1.0,), "-1.0"),
        ("/tm/smooth", (float("nan"),), "nan"),
        ("/tm/load", (), "is not what it takes"),
        ("/tm/subscribe", (0,), "is not a port"),
        ("/nothing", (), "no such address"),
    ],
)
def test_what_cannot_be_done_is_said(
    address: str, values: tuple[object, ...], said: str, client: Client
):
    client.send(address, *values)
    (text,) = client.wait_for("/tm/error")
    assert said in text
    assert text.startswith("/tm/load" if address == "/tm/load" else address)
    client.send("/tm/ping", 5)
    assert client.wait_for("/tm/pong") == [5]


def test_errors_are_limited_in_number(client: Client):
    for _ in range(200):
        client.send("/tm/c", 0.1)
    assert 1 <= sum(address == "/tm/error" for address, _ in client.drain()) <= 20


def test_several_clients_subscribe(client: Client):
    other = Client(client.to)
    other.send("/tm/subscribe", other.port, "named", "z")
    assert other.wait_for("/tm/loaded")[0] == "one"
    other.drain()
    client.drain()
    client.send("/tm/c", 0.2, 0.5, 0.9)
    expected = make_map(0).trace(np.array([0.2, 0.5, 0.9]))
    assert client.wait_for("/tm/p") == pytest.approx(expected.p, abs=SINGLE)
    got = dict(other.drain())
    assert got["/tm/p"] == pytest.approx(expected.p, abs=SINGLE)
    assert got["/tm/z"] == pytest.approx(expected.z, abs=SINGLE)
    assert [got[f"/tm/p/{name}"][0] for name in ("rate", "duty", "shape", "5_1_3_")] == got["/tm/p"]
    other.send("/tm/unsubscribe", other.port)
    other.drain()
    client.send("/tm/c", 0.3, 0.5, 0.9)
    client.wait_for("/tm/p")
    assert not other.drain()
    other.close()


def test_it_speaks_as_wekinator_does(library: Path):
    wekinator = Client()
    with serving(library, "one", [Target(("127.0.0.1", wekinator.port), wekinator=True)]) as (
        _,
        address,
        _,
    ):
        wekinator.to = address
        wekinator.drain()
        wekinator.send("/wek/inputs", 0.2, 0.5, 0.9)
        got = wekinator.wait_for("/wek/outputs")
        assert got == pytest.approx(make_map(0).forward([0.2, 0.5, 0.9]) / 127, abs=1e-6)
        assert {address for address, _ in wekinator.drain()} <= {"/wek/outputs"}
    wekinator.close()


def test_only_what_lies_in_the_folder_is_a_model(tmp_path: Path):
    folder = make_library(tmp_path / "library")
    outside = make_library(tmp_path / "outside")
    try:
        (folder / "linked").symlink_to(outside / "one", target_is_directory=True)
        (folder / "deep").mkdir()
        (folder / "deep" / "timbremap").symlink_to(outside / "one" / "timbremap")
    except OSError:
        pytest.skip("this system does not let a user make links")
    library = Library(folder)
    assert library.names() == ["one", "two", "wide"]
    for name in ("linked", "deep", "../outside/one", str(outside / "one"), "one/timbremap", "."):
        with pytest.raises(SettingsError, match="no model"):
            library.load(name)


def test_a_library_is_a_folder_of_models_or_one(library: Path, tmp_path: Path):
    assert Library(library).names() == ["one", "two", "wide"]
    assert Library(library / "one").names() == ["one"]
    assert Library(library / "one" / "timbremap").names() == ["one"]
    assert Library(library / "one" / "timbremap").load("one").parameter_names[0] == "rate"
    with pytest.raises(PathError, match="no model in it"):
        Library(tmp_path)


def test_the_latest_value_wins_and_nothing_else_is_lost(library: Path):
    listener = Client()
    with serving(library, "one", [Target(("127.0.0.1", listener.port))]) as (
        service,
        address,
        _,
    ):
        listener.drain()
        before = service.traffic.packets_in
        heard: list[list[float]] = []
        done = threading.Event()

        def listen() -> None:
            while not done.is_set():
                heard.extend(v for a, v in listener.drain(0.3) if a == "/tm/p")

        thread = threading.Thread(target=listen)
        thread.start()

        def play(frames_per_second: int, seconds: float) -> None:
            client = Client(address)
            start = time.perf_counter()
            for i in range(int(frames_per_second * seconds)):
                client.send("/tm/c", *np.random.default_rng(i).uniform(0, 1, 3).tolist())
                time.sleep(max(0.0, start + (i + 1) / frames_per_second - time.perf_counter()))
            client.close()

        seconds = 10.0
        players = [threading.Thread(target=play, args=(1000, seconds))]
        players += [threading.Thread(target=play, args=(250, seconds)) for _ in range(4)]
        for player in players:
            player.start()
        for player in players:
            player.join()
        listener.to = address
        listener.send("/tm/c", 0.2, 0.5, 0.9)
        time.sleep(0.5)
        done.set()
        thread.join()
        sent = int(2000 * seconds) + 1
        assert service.traffic.packets_in - before == sent
        assert len(heard) == sent - service.traffic.passed_over
        assert heard[-1] == pytest.approx(make_map(0).forward([0.2, 0.5, 0.9]), abs=SINGLE)
    listener.close()


def test_swapping_under_load_never_jumps(library: Path):
    frames: list[tuple[float, np.ndarray]] = []

    def keep(p: np.ndarray) -> None:
        frames.append((time.perf_counter(), p))

    with serving(library, "one", on_play=keep) as (service, address, _):
        client = Client(address)
        for i in range(100):
            client.send("/tm/load", ("two", "one")[i % 2])
            for _ in range(20):
                client.send("/tm/c", 0.9, 0.9, 0.1)
                time.sleep(0.001)
        time.sleep(0.2)
        assert service.traffic.errors == 0
        client.close()
    moments = frames[1:]  # the first is before the point was moved
    start = next(i for i, (_, p) in enumerate(moments) if abs(p - frames[0][1]).max() > 1e-9)
    moments = moments[start:]
    assert len({p[0].round(1) for _, p in moments}) > 50  # it did swap
    for (then, before), (now, after) in pairwise(moments):
        # A glide goes at most so far in that time, with a margin for when the clock was read.
        most = 127 * (1 - exp(-(now - then + 0.002) / 0.1))
        assert np.abs(after - before).max() <= most


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
        assert client.wait_for("/tm/pong") == ["still here"]
        call(service.drained)
        assert service.traffic.packets_in >= 10_000
        assert len(call(lambda: service.targets)) == 0
        client.close()


def test_a_scale_that_was_just_asked_for_is_kept_by_a_model_that_is_loaded(library: Path):
    with serving(library, "one") as (service, _, call):
        call(service.handle, "/tm/scale", ["uniform"])
        call(service.handle, "/tm/load", ["two"])
        call(service.drained)
        assert service.model.name == "two"
        assert service.performer.mapping.scale == "uniform"


def test_a_full_list_still_takes_who_is_on_it_already(library: Path):
    with serving(library, "one") as (service, _, call):
        me = ("127.0.0.1", 4000)
        for port in range(9100, 9100 + MOST_SUBSCRIBERS):
            call(service.handle, "/tm/subscribe", [port], me)
        call(service.handle, "/tm/subscribe", [9100, "named"], me)
        call(service.handle, "/tm/subscribe", [9099], me)
        assert len(service.targets) == MOST_SUBSCRIBERS
        assert service.targets[-1] == Target(("127.0.0.1", 9100), named=True)
        assert service.traffic.errors == 1


def test_it_never_sends_to_itself(library: Path):
    with serving(library, "one") as (service, address, call):
        call(service.handle, "/tm/subscribe", [address[1]], ("127.0.0.1", 4000))
        assert service.targets == []
        assert service.traffic.errors == 1
    port = free_port()
    service = OscService(Library(library), "one", [Target(("127.0.0.1", port))])
    with pytest.raises(SettingsError, match=f"port {port} "):
        asyncio.run(service.serve("127.0.0.1", port))


def test_a_target_that_is_no_host_is_said(library: Path):
    service = OscService(Library(library), "one", [Target(("no-such-host.invalid", 9001))])
    with pytest.raises(SettingsError, match=r"no-such-host\.invalid cannot be sent to"):
        asyncio.run(service.serve("127.0.0.1", 0))


def test_names_that_are_alike_as_addresses_stay_apart(tmp_path: Path):
    tm.save(make_map(0, 4), tmp_path / "m" / "timbremap")
    names = ["a", "a_2", "a", "a b"]
    (tmp_path / "m" / "config.json").write_text(json.dumps({"parameters": names}))
    client = Client()
    with serving(tmp_path, "m", [Target(("127.0.0.1", client.port), named=True)]):
        heard = {client.receive()[0] for _ in range(6)}
    client.close()
    assert len([path for path in heard if path.startswith("/tm/p/")]) == 4


def test_a_recording_that_cannot_go_on_does_not_stop_the_music(library: Path):
    def full_disk(address: str, values: Sequence[Any]) -> None:
        raise OSError(28, "No space left on device")

    with serving(library, "one", on_message=full_disk) as (service, _, call):
        call(service.handle, "/tm/c", [0.1, 0.2, 0.3])
        call(service.handle, "/tm/c", [0.4, 0.5, 0.6])
        call(service.drained)
        assert service.performer.c == pytest.approx([0.4, 0.5, 0.6])
        assert service.traffic.errors == 1
