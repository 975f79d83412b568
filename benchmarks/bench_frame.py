"""How long does one frame take, and how many a second does a batch do, beside the same chain in
JAX, ONNX Runtime, PyTorch, SciPy and plain NumPy?

    python benchmarks/bench_frame.py

All get a NumPy array and give one back, in the same process, in rounds that alternate. Every peer's
answers are held against ours before it is timed. Every frame is timed by itself: 100,000 of ours in
each case, and as many of every peer in the cases of the picture, a twentieth of that elsewhere. Two
floors run along: an empty call, and one `np.dot` of the frame's size.

    python benchmarks/bench_frame.py --memory 10000000

runs so many frames and prints how the memory of the process grew.
"""

from __future__ import annotations

import sys
from itertools import product
from typing import Any

import batch_profile
import frame_profile
import numpy as np
from limits import c_frames_per_second, in_c, memory_frames_per_second
from peers import Peer, check, make_map, make_peers
from race import FRAMES_A_ROUND, Call, Race, Times, alternate, race_of, time_calls
from results import Result, run_alone

from timbremap_runtime import TimbreMap
from timbremap_runtime.core.stages import split_at_last_affine
from timbremap_runtime.core.types import Scale

SIZES = ((2, 4), (3, 4), (3, 9), (3, 64), (8, 256))
SCALES: tuple[Scale, ...] = ("normal", "even")
SIZES_SHORT = ((3, 9), (3, 64))
PICTURED = (3, 9, "normal", True)
N_FRAMES, N_FRAMES_SHORT = 100_000, 5_000
PEERS_SHARE = 0.05
N_CHECKED = 20
BATCHES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
LARGEST_RESULT = 2**26
"""Numbers in the largest batch: half a GiB, of which peers hold several at a time."""
EMPTY, DOT, OURS = "empty call", "np.dot", "TimbreMap"


def measure(short: bool) -> Result:
    """Run all cases."""
    n_frames = N_FRAMES_SHORT if short else N_FRAMES
    result = Result([])
    cells: list[dict[str, Any]] = []
    absent: list[str] = []
    sizes, with_or_without = (SIZES_SHORT, (True,)) if short else (SIZES, (True, False))
    for (m, n), scale, with_pca in product(sizes, ("normal", "uniform"), with_or_without):
        mapping = make_map(m, n, scale, with_pca)
        peers, absent = make_peers(mapping)
        pictured = (m, n, scale, with_pca) == PICTURED
        for direction in ("forward", "inverse"):
            times = time_frames(mapping, peers, direction, n_frames, pictured)
            ours = times[OURS].summary()
            case = f"{m}-{n} {scale}{' pca' if with_pca else ''} {direction}"
            cell = {"m": m, "n": n, "scale": scale, "pca": with_pca, "direction": direction}
            cell["us"] = {name: each.summary() for name, each in times.items()}
            cell["multiple"] = {
                name: each.multiple_of(times[OURS]) for name, each in times.items() if name != OURS
            }
            cells.append(cell)
            for name in peers:
                multiple = cell["multiple"][name]
                theirs = cell["us"][name]["median"]
                result.races.append(Race(case, name, multiple, ours["median"], theirs, "us"))
            if pictured:
                note_limit(result, mapping, direction, ours["median"])
                result.figures[f"distribution {direction}"] = {
                    name: distribution(each) for name, each in times.items()
                }
    result.notes.extend(absent)
    result.figures["even over normal"] = even_over_normal(result, n_frames)
    result.figures["frames"] = cells
    result.figures["batches"] = batches(result, short)
    result.figures["profile"] = frame_profile.profile(make_map(*PICTURED[:2]))
    result.figures["batch profile"] = batch_profile.profile(make_map(*PICTURED[:2]))
    return result


def even_over_normal(result: Result, n_frames: int) -> dict[str, float]:
    """Time a frame of the even scale beside the normal scale's; no peer has that scale."""
    m, n, _, with_pca = PICTURED
    maps = {scale: make_map(m, n, scale, with_pca) for scale in SCALES}
    c = np.random.default_rng(1).uniform(0.02, 0.98, (FRAMES_A_ROUND, m))
    found: dict[str, float] = {}
    for direction in ("forward", "inverse"):
        inputs = list(c if direction == "forward" else maps["normal"].forward(c))
        calls: dict[str, Call] = {
            scale: getattr(mapping, direction) for scale, mapping in maps.items()
        }
        times = time_calls(calls, inputs, dict.fromkeys(calls, n_frames))
        found[direction] = times["even"].multiple_of(times["normal"])
        result.notes.append(
            f"a frame of the even scale takes {found[direction]:.2f} times the normal scale's,"
            f" {m}-{n} {direction}"
        )
    return found


def note_limit(result: Result, mapping: TimbreMap, direction: str, ours: float) -> None:
    """Note how long the frame takes in the header that tm-export writes."""
    compiled = in_c(mapping)
    if compiled is None:
        result.notes.append("no C compiler here: the exported header was not measured")
        return
    c = np.random.default_rng(1).uniform(0.02, 0.98, (1000, mapping.control_size))
    x = c if direction == "forward" else mapping.forward(c)
    ns = 1e9 / c_frames_per_second(compiled[direction], x)
    result.notes.append(
        f"the pictured frame in the exported C header, {direction}, one core, no call counted: "
        f"{ns:.0f} ns; ours: {1000 * ours:.0f} ns"
    )


def time_frames(
    mapping: TimbreMap, peers: dict[str, Peer], direction: str, n_frames: int, all_alike: bool
) -> dict[str, Times]:
    """Time single frames of everybody, for `FRAMES_A_ROUND` points of the control space."""
    c = np.random.default_rng(1).uniform(0.02, 0.98, (FRAMES_A_ROUND, mapping.control_size))
    for name, peer in peers.items():
        for row in c[:N_CHECKED]:
            check(mapping, name, peer, row)
    _, stage, _ = split_at_last_affine(mapping.stages)
    if direction == "forward":
        inputs, ours, matrix = list(c), mapping.forward, stage.matrix
    else:
        inputs, ours, matrix = list(mapping.forward(c)), mapping.inverse, stage.inverse_matrix
    contestants: dict[str, Call] = {
        OURS: ours,
        EMPTY: lambda x: None,
        DOT: lambda x: x.dot(matrix),
        **{name: getattr(peer, direction) for name, peer in peers.items()},
    }
    few = n_frames if all_alike else round(n_frames * PEERS_SHARE)
    return time_calls(
        contestants, inputs, {name: n_frames if name == OURS else few for name in contestants}
    )


def distribution(times: Times) -> list[float]:
    """Microseconds at the points of `SHARES`: enough to draw the tail."""
    return [float(value) for value in np.quantile(times.us, 1.0 - SHARES)]


SHARES = np.geomspace(1.0, 1e-5, 100)
"""Share of frames that take longer."""


def batches(result: Result, short: bool) -> list[dict[str, Any]]:
    """Time batches: of us for all sizes, beside the peers and the limits for the pictured one."""
    cells: list[dict[str, Any]] = []
    for m, n in [PICTURED[:2]] if short else SIZES:
        mapping = make_map(m, n)
        contestants: dict[str, Peer] = {OURS: Peer(mapping.forward, mapping.inverse)}
        if (m, n) == PICTURED[:2]:
            contestants |= make_peers(mapping)[0]
        compiled = in_c(mapping) if (m, n) == PICTURED[:2] else None
        if compiled is not None:
            contestant = Peer(compiled["forward"], compiled["inverse"])
            check(mapping, "C", contestant, np.random.default_rng(2).uniform(0.02, 0.98, (1000, m)))
        for name, each in contestants.items():
            check(mapping, name, each, np.random.default_rng(2).uniform(0.02, 0.98, (1000, m)))
        for size in BATCHES[:5] if short else BATCHES:
            if size * n > LARGEST_RESULT:
                continue
            c = np.random.default_rng(1).uniform(0.02, 0.98, (size, m))
            inputs = {"forward": c, "inverse": mapping.forward(c)}
            for direction, x in inputs.items():
                # So often that what the others left in the cache counts for little.
                per_round = min(max(20_000 // size, 1), 2_000)
                calls = {
                    name: _repeat(getattr(each, direction), x, per_round)
                    for name, each in contestants.items()
                }
                alternate(calls, 1)
                seconds = alternate(calls, 3 if size >= 100_000 else 7)
                frames = size * per_round
                rates = {name: frames / float(np.median(s)) for name, s in seconds.items()}
                limits = {"memory": memory_frames_per_second(mapping, size)}
                if compiled is not None:
                    limits["C, one core"] = c_frames_per_second(compiled[direction], x)
                cells.append(
                    {
                        "m": m,
                        "n": n,
                        "direction": direction,
                        "size": size,
                        "frames/s": rates,
                        "limits": limits,
                    }
                )
                case = f"{m}-{n} batch of {size} {direction}"
                result.races.extend(
                    race_of(case, name, seconds[OURS], seconds[name], frames, "frames/s")
                    for name in contestants
                    if name != OURS
                )
    return cells


def _repeat(call: Call, x: np.ndarray, n_times: int) -> Any:
    def run() -> None:
        for _ in range(n_times):
            call(x)

    return run


def watch_memory(n_frames: int) -> None:
    """Print by how much the memory of this process grows over so many frames."""
    try:
        import resource
    except ImportError:
        sys.exit("--memory needs the standard library's resource module: Linux or macOS")
    mapping = make_map(3, 9)
    c = np.random.default_rng(1).uniform(0.1, 0.9, 3)

    def run(n: int) -> int:
        for _ in range(n):
            mapping.inverse(mapping.forward(c))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    before = run(n_frames // 100)
    unit = "bytes" if sys.platform == "darwin" else "KiB"
    print(
        f"{n_frames} frames forward and back: peak memory grew by {run(n_frames) - before} {unit}"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--memory"]:
        watch_memory(int(sys.argv[2]))
    else:
        run_alone(measure, __doc__)
