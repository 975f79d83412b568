"""Why a peer can be faster: what the table of such races says of each."""

from __future__ import annotations

import re
from typing import Any

from batch_profile import ADDITION
from race import Race

OURS = "TimbreMap"
CALLS = (
    "a call of NumPy takes some 0.4 µs however little it does, and a batch takes about 40 of them;"
    " theirs are 4 to 8"
)
ENDS = "it does not look for parameters at their ends, which may have to be kept inside the region"
NEARER_END = "it rounds once more near 127, which spares the choice of the nearer end"
PASSES = "it takes one pass over the numbers for a function{passes}"
CORES = (
    "it shares the batch among the cores (threads made ours slower: a call of NumPy is over before"
    " the next thread has the interpreter's lock)"
)

REASONS = (
    ("frame", r"batch of 10+ inverse", "ONNX Runtime",
     "its Erf is in single precision: seven digits of c, where the others have fifteen"),
    ("frame", r"batch of 10{0,2} ", "SciPy|ONNX Runtime|JAX jit|PyTorch", CALLS),
    ("frame", r"batch of 10+ forward", "NumPy", NEARER_END),
    ("frame", r"batch of 10+ inverse", "NumPy", ENDS),
    ("frame", r"batch of 10{4,} ", "JAX jit|ONNX Runtime|PyTorch", f"{PASSES}, and {CORES}"),
    ("frame", r"batch", "SciPy|ONNX Runtime|JAX jit|PyTorch", PASSES),
    ("frame", r"-(64|256) .*forward", "SciPy",
     "its sigmoid is one call, ours eight that keep the digits at both ends"),
    ("frame", r"-(64|256) .*inverse", "SciPy", ENDS),
    ("osc", r"", "python-osc echo", "it sends back what it received, and ours maps it"),
    ("render", r"", "engine alone, nothing written", "it checks and writes nothing"),
    ("render", r"", "one process", "so few sounds take less time than a process to start"),
    ("training", r"", "PyTorch",
     "its products of 32 rows come closer to the limit than XLA's, on one core"),
    ("whole_way", r": train", "PyTorch",
     "ours counts start-up, compilation, tests and checkpoints, and by the default recipe a proxy"
     " of the synth and twice the steps; theirs counts its steps alone"),
)  # fmt: skip
"""Benchmark, case, peer and reason; the first that fits counts. The pattern of the case is searched
for, that of the peer is the whole name."""

UNKNOWN = "no reason is known"


def reason(benchmark: str, race: Race, figures: dict[str, Any]) -> str:
    """Say why the peer of a race can be faster.

    Parameters
    ----------
    benchmark : str
        Its name.
    race : Race
        The race.
    figures : dict
        The other figures of the benchmark.
    """
    for name, case, peer, why in REASONS:
        if name == benchmark and re.search(case, race.case) and re.fullmatch(peer, race.peer):
            return why.replace("{passes}", passes(race, figures))
    return UNKNOWN


def passes(race: Race, figures: dict[str, Any]) -> str:
    """Say what the passes of NumPy come to, by the steps of a batch."""
    direction = race.case.split()[-1]
    steps = figures.get("batch profile", {}).get(direction)
    if steps is None:  # results of an earlier version
        return ""
    ours, theirs = (
        sum(ns.get(who, 0.0) for step, ns in steps if step != ADDITION) for who in (OURS, race.peer)
    )
    (added,) = (ns[OURS] for step, ns in steps if step == ADDITION)
    said = f", NumPy some 30, each {added:.1f} ns a frame at the least: {ours:.0f} ns in all"
    # Who has only some of the functions leaves the rest to NumPy.
    whole = all(race.peer in ns for step, ns in steps if step != ADDITION)
    return said + (f", and theirs {theirs:.0f} on one core" if whole else "")
