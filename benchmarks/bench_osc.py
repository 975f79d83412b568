"""How long does a control frame take from packet in to packet out, and what is lost under load?

    python benchmarks/bench_osc.py

`tm-serve` runs as its own process, and a client on the loopback sends it control frames: 1,000 a
second from one socket and 250 from each of four more. Latency is from just before a frame is sent
to just after the parameters it made, or those of a later frame, are received: of frames that wait
together `tm-serve` plays the latest, and the ones it passes over count until then. Beside it in
turn, under the same load: a bare python-osc server that sends every message back, and as the limit
a loop of the system's two calls, receive and send, that does not look at what it sends back.
"""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import make_map
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg
from race import Race
from results import Result, run_alone

import timbremap_runtime as tm
from timbremap_runtime.service.packet import decode, encode_frame

RATES = (1000, 250, 250, 250, 250)
"""Frames a second of each socket; those of the first are timed."""
SECONDS, SECONDS_SHORT = 5.0, 2.0
N_ROUNDS = 2

Find = Callable[[bytes], int | None]
"""Index of the timed frame that an answer is to."""

ECHO = """
import asyncio, sys
from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import AsyncIOOSCUDPServer

async def main():
    dispatcher = Dispatcher(strict_timing=False)
    dispatcher.set_default_handler(lambda address, *values: (address, *values))
    server = AsyncIOOSCUDPServer(("127.0.0.1", 0), dispatcher, asyncio.get_running_loop())
    transport, _ = await server.create_serve_endpoint()
    print(transport.get_extra_info("sockname")[1], flush=True)
    await asyncio.sleep(3600)

asyncio.run(main())
"""


LIMIT = """
import socket
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.bind(("127.0.0.1", 0))
print(bound.getsockname()[1], flush=True)
while True:
    bound.sendto(*bound.recvfrom(4096))
"""


@dataclass(frozen=True)
class Load:
    """How a server stood its load: latencies of its frames, and what it took."""

    latencies_ms: NDArray[np.float64]
    n_sent: int
    n_passed_over: int
    grown_kib: int


def measure(short: bool) -> Result:
    """Load both servers, in turn."""
    seconds = SECONDS_SHORT if short else SECONDS
    n_timed = int(RATES[0] * seconds)
    mapping = make_map(3, 9)

    def nearest(x: float) -> int | None:
        index = round((x - 0.2) / 0.6 * n_timed)
        near = 0 <= index < n_timed and abs(x_of(index, n_timed) - x) < 0.2 * 0.6 / n_timed
        return index if near else None

    def echoed(packet: bytes) -> int | None:
        return nearest(OscMessage(packet).params[0])

    def mapped(packet: bytes) -> int | None:
        message = OscMessage(packet)
        return nearest(mapping.inverse(message.params)[0]) if message.address == "/tm/p" else None

    loads: dict[str, list[Load]] = {"echo": [], "ours": [], "limit": []}
    with tempfile.TemporaryDirectory() as folder:
        tm.save(mapping, Path(folder) / "model" / "timbremap")
        serve = ["-m", "timbremap_cli.serve", folder, "--port", "0", "--to", "TARGET"]
        serve += ["--scale", "normal"]  # the one by which answers are known again
        for _ in range(N_ROUNDS):
            loads["echo"].append(run_load([sys.executable, "-c", ECHO], seconds, echoed))
            loads["ours"].append(run_load([sys.executable, *serve], seconds, mapped))
            loads["limit"].append(run_load([sys.executable, "-c", LIMIT], seconds, echoed))
    figures = {name: summary(each) for name, each in loads.items()}
    frames = f"{sum(RATES)} frames/s from {len(RATES)} sockets"
    races = [
        Race(f"{frames}, {statistic}", "python-osc echo", float(np.median(
            [at(theirs, q) / at(ours, q)
             for theirs, ours in zip(loads["echo"], loads["ours"], strict=True)]
        )), figures["ours"][statistic], figures["echo"][statistic], "ms",
            figures["limit"][statistic])
        for statistic, q in (("median", 50), ("p99", 99))
    ]  # fmt: skip
    note = (
        f"tm-serve passed over {figures['ours']['passed over']} of {figures['ours']['sent']} timed"
        f" frames for a later one, the echo lost {figures['echo']['passed over']}; the largest"
        f" latency was {figures['ours']['max']:.2f} and {figures['echo']['max']:.2f} ms; memory"
        f" grew by {figures['ours']['grown KiB']} and {figures['echo']['grown KiB']} KiB"
    )
    steps = steps_us()
    costs = (
        f"a frame of three coordinates and nine parameters takes tm-serve {steps['read']:.1f} µs to"
        f" read, {steps['play']:.1f} to play ({steps['map']:.1f} of them the map itself) and"
        f" {steps['write']:.1f} to write; python-osc takes {steps['their read']:.1f} to read and"
        f" dispatch it and {steps['their write']:.1f} to write the answer"
    )
    return Result(races, {**figures, "steps, µs": steps}, [note, costs])


def steps_us() -> dict[str, float]:
    """Time the steps of one frame, without the network and the event loop."""
    mapping = make_map(3, 9)
    performer = tm.Performer(mapping)
    c = [0.2, 0.5, 0.9]
    point, packet = np.array(c), build_msg("/tm/c", c).dgram
    p = mapping.forward(c).tolist()
    dispatcher = Dispatcher(strict_timing=False)
    dispatcher.set_default_handler(lambda *message: None)
    steps: dict[str, Callable[[], Any]] = {
        "read": lambda: decode(packet),
        "play": lambda: performer.move(c),
        "map": lambda: mapping.forward(point),
        "write": lambda: encode_frame("/tm/p", p),
        "their read": lambda: dispatcher.call_handlers_for_packet(packet, ("127.0.0.1", 0)),
        "their write": lambda: build_msg("/tm/p", p).dgram,
    }
    return {name: min(timeit.repeat(step, number=500, repeat=40)) / 500 * 1e6
            for name, step in steps.items()}  # fmt: skip


def at(load: Load, q: float) -> float:
    """Take a percentile of the latencies."""
    return float(np.percentile(load.latencies_ms, q))


def summary(loads: list[Load]) -> dict[str, Any]:
    """Put the rounds together."""
    all_ms = np.concatenate([load.latencies_ms for load in loads])
    median, p99, p999, most = np.percentile(all_ms, [50.0, 99.0, 99.9, 100.0])
    sent = sum(load.n_sent for load in loads)
    return {
        "median": float(median),
        "p99": float(p99),
        "p99.9": float(p999),
        "max": float(most),
        "sent": sent,
        "passed over": sum(load.n_passed_over for load in loads),
        "grown KiB": max(load.grown_kib for load in loads),
    }


def run_load(command: list[str], seconds: float, find: Find) -> Load:
    """Start a server, load it, stop it."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in RATES]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
    command = [word.replace("TARGET", str(sockets[0].getsockname()[1])) for word in command]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        line = server.stdout.readline()
        found = re.search(r"listening on [\d.]+:(\d+)|^(\d+)$", line)
        assert found, line
        return drive(sockets, int(found[1] or found[2]), server.pid, seconds, find)
    finally:
        server.terminate()
        server.wait()
        for each in sockets:
            each.close()


def drive(sockets: list[socket.socket], port: int, pid: int, seconds: float, find: Find) -> Load:
    """Send all frames when they are due, and take the answers."""
    to = ("127.0.0.1", port)
    frames = schedule(seconds)
    sent_at = np.zeros(int(RATES[0] * seconds))
    heard_at = np.full(len(sent_at), np.nan)
    heard: list[tuple[float, bytes]] = []
    memory = memory_kib(pid)
    clock = time.perf_counter
    start = clock() + 0.2
    end = start + seconds + 0.3
    due = 0
    while (now := clock()) < end:
        if due < len(frames) and now >= start + frames[due][0]:
            _, which, index, packet = frames[due]
            if which == 0:
                sent_at[index] = clock()
            sockets[which].sendto(packet, to)
            due += 1
            if due == len(frames) // 5:
                memory = memory_kib(pid)  # after it has warmed up
        for which, each in enumerate(sockets):
            try:
                answer = each.recv(4096)
            except BlockingIOError:
                continue
            if which == 0:
                heard.append((clock(), answer))
    for now, answer in heard:  # read only now: what the client does, a server waits for
        index = find(answer)
        if index is not None and now > sent_at[index]:  # where the point was before is no answer
            heard_at[index] = np.fmin(heard_at[index], now)
    n_passed_over = int(np.isnan(heard_at).sum())
    heard_at = np.fmin.accumulate(heard_at[::-1])[::-1]  # by it or a later one
    latencies_ms = (heard_at - sent_at) * 1e3
    answered = latencies_ms[~np.isnan(latencies_ms)]
    return Load(answered, len(latencies_ms), n_passed_over, memory_kib(pid) - memory)


def schedule(seconds: float) -> list[tuple[float, int, int, bytes]]:
    """When which socket sends what. The first moves x through values that tell the frame."""
    n_timed = int(RATES[0] * seconds)
    generator = np.random.default_rng(0)
    frames = [
        (i / RATES[0], 0, i, build_msg("/tm/c/0", [x_of(i, n_timed)]).dgram) for i in range(n_timed)
    ]
    for which, rate in enumerate(RATES[1:], start=1):
        for i in range(int(rate * seconds)):
            value = float(generator.uniform(0.2, 0.8))
            packet = build_msg(f"/tm/c/{1 + which % 2}", [value]).dgram
            frames.append(((i + which / 7) / rate, which, i, packet))
    return sorted(frames)


def x_of(index: int, n_frames: int) -> float:
    """Position of the first control in a timed frame."""
    return 0.2 + 0.6 * index / n_frames


def memory_kib(pid: int) -> int:
    """Resident memory; 0 where the system does not tell it by a file."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    run_alone(measure, __doc__)
