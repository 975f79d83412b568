"""How quick is the studio's page, and what does its server bear?

    python benchmarks/bench_studio.py

A real Chromium, without a graphics card, plays the page: how long it takes from a pointer event to
the parameters, and how many frames a second it draws with 10,000 dots behind the hand. Then the
server is sent 1,000 points a second over a WebSocket, while another page listens: what is lost,
how late the other hears of it, and how much the server's memory grows.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

from playwright.sync_api import ViewportSize, sync_playwright
from websockets.sync.client import connect

N_EVENTS = 4000
N_DOTS = 10_000
FRAMES_S = 5.0
RATE, RATE_S = 1000, 30.0
SIZE = ViewportSize(width=1280, height=900)

DOTS = """(count) => {
  const { controlSize: m, parameterSize: n } = studio.playing.model.map;
  const values = Float32Array.from({ length: count * (m + n + 1) }, () => Math.random());
  const data = { values, count, stride: m + n + 1, controlSize: m, parameterSize: n };
  const began = performance.now();
  studio.dots.show({ ...data, recordings: false, speed: "parameters" });
  studio.dots.canvas.getContext("2d").getImageData(0, 0, 1, 1); // it has been drawn now
  return performance.now() - began;
}"""

FRAMES = """(seconds) => new Promise((resolve) => {
  const times = [];
  const began = performance.now();
  const step = (now) => {
    times.push(now);
    const angle = (now - began) / 300;
    studio.playing.move([0.5 + 0.4 * Math.cos(angle), 0.5 + 0.4 * Math.sin(2 * angle), 0.5]);
    if (now - began < 1000 * seconds) requestAnimationFrame(step);
    else resolve(times);
  };
  requestAnimationFrame(step);
})"""


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a tenth of the work")
    short = parser.parse_args().short
    share = 0.1 if short else 1.0
    with studio() as (url, process):
        lines = [*page(url, int(N_EVENTS * share), FRAMES_S * share)]
        lines += server(url, process, RATE_S * share)
    print("| what | figure |\n| --- | --- |")
    for what, figure in lines:
        print(f"| {what} | {figure} |")


@contextmanager
def studio() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run ``tm-studio``."""
    command = [sys.executable, "-m", "timbremap_cli.studio", "--load", "clonewheel"]
    command += ["--no-browser", "--port", "0", "--osc-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().split()[1], process
    finally:
        process.terminate()
        process.wait()


def page(url: str, n_events: int, seconds: float) -> Iterator[tuple[str, str]]:
    """Measure the page."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
        browser = driver.chromium.launch(executable_path=program, args=options)
        opened = browser.new_page(viewport=SIZE)
        opened.goto(url)
        opened.wait_for_selector("body[data-ready]")
        drag(opened, n_events // 10)  # compiled by now
        opened.evaluate("() => { studio.pad.timed = 0; }")
        drag(opened, n_events)
        times = opened.evaluate("() => [...studio.pad.timings.slice(0, studio.pad.timed)]")
        yield f"pointer to parameters, {len(times)} events", quantiles(times, "ms")
        drawn = [opened.evaluate(DOTS, N_DOTS) for _ in range(5)]
        yield f"drawing {N_DOTS:,} dots once", f"{statistics.median(drawn):.0f} ms"
        at = opened.evaluate(FRAMES, seconds)
        apart = [b - a for a, b in pairwise(at)]
        late = sum(each > 25.0 for each in apart) / len(apart)
        yield (
            f"frames with {N_DOTS:,} dots, the point moving",
            f"{len(apart) / (at[-1] - at[0]) * 1000:.1f} a second, {late:.1%} of them late",
        )
        browser.close()


def drag(page: Any, n_events: int) -> None:
    """Drag the mouse around the pad."""
    box = page.locator("#pad").bounding_box()
    for i in range(n_events):
        x, y = 0.5 + 0.4 * math.cos(0.05 * i), 0.5 + 0.4 * math.sin(0.07 * i)
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
        if i == 0:
            page.mouse.down()
    page.mouse.up()


def server(url: str, process: subprocess.Popen[str], seconds: float) -> Iterator[tuple[str, str]]:
    """Measure the server."""
    address = url.replace("http", "ws") + "play"
    heard: dict[float, float] = {}
    with connect(address) as speaker, connect(address) as listener:
        size = len(json.loads(speaker.recv())["c"])

        def listen() -> None:
            for text in listener:
                heard.setdefault(json.loads(text)["c"][0], time.perf_counter())

        def acknowledge() -> None:
            for text in speaker:
                seen[0] = json.loads(text)["seen"]

        seen = [0]
        threads = [threading.Thread(target=f, daemon=True) for f in (listen, acknowledge)]
        for thread in threads:
            thread.start()
        n_messages = int(RATE * seconds)
        sent: dict[float, float] = {}
        memory = [resident(process)]
        began = time.perf_counter()
        for number in range(1, n_messages + 1):
            time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
            x = number / (n_messages + 1)
            sent[x] = time.perf_counter()
            speaker.send(json.dumps([number, "/tm/c", x, *[0.5] * (size - 1)]))
            if number % (n_messages // 3) == 0:
                memory.append(resident(process))
        took = time.perf_counter() - began
        end = time.monotonic() + 5
        last = n_messages / (n_messages + 1)
        while (seen[0] < n_messages or last not in heard) and time.monotonic() < end:
            time.sleep(0.01)
        yield (
            f"{n_messages / took:,.0f} messages a second for {took:.0f} s",
            f"{n_messages - seen[0]} lost; memory {', '.join(f'{m:.1f}' for m in memory)} MiB",
        )
        late = [1000 * (at - sent[x]) for x, at in heard.items() if x in sent]
        yield f"from one page to another, {len(late)} of them told", quantiles(late, "ms")


def quantiles(times: Sequence[float], unit: str) -> str:
    """Write the median, the 99th of a hundred, and the largest."""
    ordered = sorted(times)
    p99 = ordered[int(0.99 * (len(ordered) - 1))]
    return (
        f"median {statistics.median(ordered):.2g}, p99 {p99:.2g}, largest {ordered[-1]:.2g} {unit}"
    )


def resident(process: subprocess.Popen[str]) -> float:
    """Memory of a process in MiB; 0 where the system does not tell in this way."""
    try:
        pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * 4096 / 2**20


if __name__ == "__main__":
    main()
