"""How long does a control frame take from packet in to packet out, and what is lost under load?

    python benchmarks/bench_osc.py

`tm-serve` runs as its own process, and a client on the loopback sends it control frames: 1,000 a
second from one socket and 250 from each of four more. Latency is from just before a frame is sent
to just after the parameters it made are received. Beside it in the same run, under the same load: a
bare python-osc server that sends every message back. The multiple is the service's latency over
the echo's: what mapping, subscribers and the latest-value rule cost.
"""

from __future__ import annotations

import argparse
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import build_msg

import timbremap_runtime as tm
from timbremap_runtime import DenseLayer, PCALayer, TimbreMap, VecScale

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


def main() -> None:
    parser = argparse.ArgumentParser(description="Latency of a control frame over OSC.")
    parser.add_argument("--seconds", type=float, default=10.0, help="of load")
    seconds: float = parser.parse_args().seconds
    rates = [1000, 250, 250, 250, 250]
    n_timed = int(rates[0] * seconds)
    mapping = make_map()

    def nearest(x: float) -> int | None:
        index = round((x - 0.2) / 0.6 * n_timed)
        near = 0 <= index < n_timed and abs(x_of(index, n_timed) - x) < 0.2 * 0.6 / n_timed
        return index if near else None

    def echoed(packet: bytes) -> int | None:
        return nearest(OscMessage(packet).params[0])

    def mapped(packet: bytes) -> int | None:
        message = OscMessage(packet)
        return nearest(mapping.inverse(message.params)[0]) if message.address == "/tm/p" else None

    print(f"{sum(rates)} frames a second from {len(rates)} sockets, {seconds:g} s")
    with tempfile.TemporaryDirectory() as folder:
        tm.save(mapping, Path(folder) / "model" / "timbremap")
        serve = ["-m", "timbremap_cli.serve", folder, "--port", "0", "--to", "TARGET"]
        echo = run_load([sys.executable, "-c", ECHO], rates, seconds, echoed, "bare echo")
        ours = run_load([sys.executable, *serve], rates, seconds, mapped, "tm-serve")
    p50, p99 = (np.percentile(ours, q) / np.percentile(echo, q) for q in (50, 99))
    print(f"tm-serve / bare echo: p50 {p50:.2f}, p99 {p99:.2f}")


def make_map() -> TimbreMap:
    generator = np.random.default_rng(0)
    axes, _ = np.linalg.qr(generator.normal(size=(3, 3)))
    scale = VecScale(np.zeros(3), np.ones(3), np.full(3, -3.0), np.full(3, 6.0))
    dense = DenseLayer(generator.normal(size=(3, 9)), generator.normal(size=9), "sigmoid")
    return TimbreMap(scale, PCALayer(axes, np.zeros(3)), [dense])


def run_load(command: list[str], rates: list[int], seconds: float, find: Find, name: str):
    """Load a server; return the latencies of the first socket's frames, in seconds."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in rates]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
        each.setblocking(False)
    command = [word.replace("TARGET", str(sockets[0].getsockname()[1])) for word in command]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert server.stdout
    line = server.stdout.readline()
    found = re.search(r"listening on [\d.]+:(\d+)|^(\d+)$", line)
    assert found, line
    port = int(found[1] or found[2])
    to = ("127.0.0.1", port)
    frames = schedule(rates, seconds)
    sent_at = np.zeros(int(rates[0] * seconds))
    heard_at = np.full(len(sent_at), np.nan)
    memory = [memory_kib(server.pid)]
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
                memory[0] = memory_kib(server.pid)  # after it has warmed up
        for which, each in enumerate(sockets):
            try:
                answer = each.recv(4096)
            except BlockingIOError:
                continue
            now = clock()
            if which == 0 and (index := find(answer)) is not None:
                heard_at[index] = np.fmin(heard_at[index], now)
    grown = memory_kib(server.pid) - memory[0]
    server.terminate()
    server.wait()
    latencies = heard_at - sent_at
    answered = latencies[~np.isnan(latencies)]
    p50, p99, most = np.percentile(answered, [50, 99, 100]) * 1e3
    print(
        f"{name:14} p50 {p50:.3f} ms, p99 {p99:.3f} ms, max {most:.2f} ms;"
        f" {len(answered)} of {len(latencies)} frames answered; memory grew by {grown} KiB"
    )
    return answered


def schedule(rates: list[int], seconds: float) -> list[tuple[float, int, int, bytes]]:
    """When which socket sends what. The first moves x through values that tell the frame."""
    n_timed = int(rates[0] * seconds)
    generator = np.random.default_rng(0)
    frames = [
        (i / rates[0], 0, i, build_msg("/tm/c/0", [x_of(i, n_timed)]).dgram) for i in range(n_timed)
    ]
    for which, rate in enumerate(rates[1:], start=1):
        for i in range(int(rate * seconds)):
            value = float(generator.uniform(0.2, 0.8))
            packet = build_msg(f"/tm/c/{1 + which % 2}", [value]).dgram
            frames.append(((i + which / 7) / rate, which, i, packet))
    return sorted(frames)


def x_of(index: int, n_frames: int) -> float:
    return 0.2 + 0.6 * index / n_frames


def memory_kib(pid: int) -> int:
    """Resident memory; 0 where the system does not tell it by a file."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return int(status.split("VmRSS:")[1].split()[0])


if __name__ == "__main__":
    main()
