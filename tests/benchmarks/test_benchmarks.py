"""What the benchmarks say of their figures. Nothing here is timed: the figures are made up."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.paths import REPOSITORY

sys.path.insert(0, str(REPOSITORY / "benchmarks"))

import batch_profile
import frame_profile
import peers
import reasons
import report
import results
from comparison import compare, summarize
from race import Race, Times, race_of

LATEST = REPOSITORY / "benchmarks" / "results" / "latest.json"


def results_of(*races: Race, benchmark: str = "frame") -> dict[str, Any]:
    machine = {"processor": "one", "cores": 2, "system": "Linux"}
    return {
        "made": "2026-01-02T03:04:05+00:00",
        "short": False,
        "seconds": 1.0,
        "machine": machine,
        "versions": {"python": "3.11", "numpy": "2.0", "torch": None},
        "benchmarks": {
            benchmark: {
                "seconds": 1.0,
                "races": [vars(r) for r in races],
                "figures": {},
                "notes": [],
            }
        },
    }


def race(multiple: float, case: str = "3-9 forward", peer: str = "SciPy") -> Race:
    return Race(case, peer, multiple, 2.0, 2.0 * multiple, "us")


# Comparing


def test_the_same_figures_are_no_warning():
    before = results_of(race(3.0), race(0.5, peer="NumPy"))
    said = summarize(compare(before, before), before, before)
    assert "Of 2 multiples none is worse" in said
    assert "Warning" not in said


def test_worse_by_more_than_a_third_is_a_warning_that_names_both_figures():
    before, after = results_of(race(3.0)), results_of(race(2.0))
    (change,) = compare(before, after)
    assert change.is_worse
    assert change.factor == pytest.approx(1.5)
    said = summarize([change], before, after)
    assert "Warning: 1 of 1" in said
    assert "| frame | 3-9 forward | SciPy | 3.00 | 2.00 | 1.50 x |" in said


@pytest.mark.parametrize("multiple", [2.3, 3.0, 9.0])
def test_a_little_worse_or_better_is_no_warning(multiple: float):
    (change,) = compare(results_of(race(3.0)), results_of(race(multiple)))
    assert not change.is_worse


def test_another_machine_that_is_twice_as_slow_all_over_is_no_warning():
    before = race(3.0)
    after = Race(before.case, before.peer, 3.0, 2 * before.ours, 2 * before.theirs, before.unit)
    (change,) = compare(results_of(before), results_of(after))
    assert not change.is_worse


def test_only_the_same_case_with_the_same_peer_is_compared():
    before = results_of(race(3.0))
    for other in (
        results_of(race(1.0, case="3-64 forward")),
        results_of(race(1.0, peer="NumPy")),
        results_of(race(1.0), benchmark="osc"),
    ):
        assert compare(before, other) == []
        assert "nothing to compare" in summarize([], before, other)


def test_the_worst_comes_first():
    before = results_of(race(3.0), race(3.0, peer="NumPy"), race(3.0, peer="JAX jit"))
    after = results_of(race(2.0), race(1.0, peer="NumPy"), race(3.0, peer="JAX jit"))
    assert [c.after.peer for c in compare(before, after)] == ["NumPy", "SciPy", "JAX jit"]


def test_a_file_that_holds_no_results_is_refused_by_name(tmp_path: Path):
    for content in ("", "[1, 2]", '{"made": "today"}'):
        file = tmp_path / "new.json"
        file.write_text(content)
        with pytest.raises(SystemExit, match=r"new\.json: no results"):
            results.load(file)


# Races


def test_a_multiple_is_taken_round_by_round():
    """The machine was ten times slower in the second round: the multiple is the same in both."""
    ours = Times(np.array([[1.0, 1.0], [10.0, 10.0], [1.0, 1.0]]), np.array([0, 1, 2]))
    theirs = Times(np.array([[30.0, 30.0], [3.0, 3.0]]), np.array([1, 2]))
    assert theirs.multiple_of(ours) == pytest.approx(3.0)
    found = race_of("case", "peer", ours.us[:, 0], 2 * ours.us[:, 0], 100.0, "sounds/s")
    assert found.multiple == pytest.approx(2.0)
    assert (found.ours, found.theirs) == (pytest.approx(100.0), pytest.approx(50.0))


@pytest.mark.parametrize("scale", ["normal", "uniform"])
@pytest.mark.parametrize("with_pca", [True, False])
def test_every_peer_that_is_installed_agrees_with_the_map(scale: Any, with_pca: bool):
    mapping = peers.make_map(3, 9, scale, with_pca)
    c = np.random.default_rng(0).uniform(0.001, 0.999, (20, 3))
    for make in (peers.in_numpy, peers.in_scipy):
        peers.check(mapping, make.__name__, make(mapping), c)
        peers.check(mapping, make.__name__, make(mapping), c[0])


def test_a_peer_with_another_answer_is_not_raced():
    mapping = peers.make_map(3, 9)
    other = peers.in_numpy(peers.make_map(3, 9, with_pca=False))
    with pytest.raises(AssertionError, match="NumPy, forward"):
        peers.check(mapping, "NumPy", other, np.full(3, 0.4))


def test_the_graph_for_onnx_runtime_agrees_with_the_map():
    pytest.importorskip("onnx", reason="a peer of the benchmarks")
    pytest.importorskip("onnxruntime", reason="a peer of the benchmarks")
    mapping = peers.make_map(3, 9)
    # The far tail has a formula of its own.
    c = np.array([[0.5, 1e-3, 1.0 - 1e-6], [1e-12, 0.08, 0.93]])
    peer = peers.in_onnx(mapping)
    for values in (c, c[0], c[1]):
        np.testing.assert_allclose(
            peer.forward(values), mapping.forward(values), rtol=0, atol=peer.forward_tolerance
        )


def test_the_steps_of_the_profile_end_in_the_whole_frame():
    mapping = peers.make_map(3, 9)
    c = np.array([0.2, 0.5, 0.9])
    for steps, x in (
        (frame_profile.forward_steps(mapping), c),
        (frame_profile.inverse_steps(mapping), mapping.forward(c)),
    ):
        (_, frame), (_, method) = steps[-2:]
        np.testing.assert_array_equal(frame(x), method(x))


# All under one face


def test_a_run_of_all_goes_on_where_one_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    spec = importlib.util.spec_from_file_location("all_of_them", LATEST.parents[1] / "__main__.py")
    assert spec and spec.loader
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    latest = json.loads(LATEST.read_text(encoding="utf-8"))["benchmarks"]
    nothing = {"seconds": 1.0, "races": [], "figures": {}, "notes": []}
    ran: list[str] = []
    fails = {"osc"}

    def run_one(name: str, short: bool) -> Any:
        ran.append(name)
        return None if name in fails else latest.get(name, nothing)

    monkeypatch.setattr(program, "run_one", run_one)
    monkeypatch.setattr(program, "UNFINISHED", tmp_path / "unfinished.json")
    output = tmp_path / "all.json"
    assert program.main(["--output", str(output)]) == 1
    assert ran == list(program.NAMES)
    assert not output.exists()
    ran.clear()
    fails.clear()
    assert program.main(["--resume", "--output", str(output)]) == 0
    assert ran == ["osc"]
    assert list(json.loads(output.read_text())["benchmarks"]) == list(program.NAMES)
    assert not (tmp_path / "unfinished.json").exists()


# Documents


def test_tables_go_between_their_marks_and_words_stay():
    text = "mine\n<!-- begin a -->\nold\n<!-- end a -->\nyours\n<!-- begin b -->\n<!-- end b -->\n"
    filled = report.fill(text, {"a": "| new |"})
    assert filled == text.replace("old", "| new |")
    assert report.fill(filled, {"a": "| new |"}) == filled


def test_a_multiple_below_one_is_shown_as_such():
    written = report.races([race(0.456), race(12.3)])
    assert "| **0.46** |" in written
    assert "| 12 |" in written
    beaten = report.beaten(results_of(race(0.5), race(2.0, case="other"))["benchmarks"])
    assert f"| frame | SciPy | 1 of 2 | 2.00 (3-9 forward) | {reasons.UNKNOWN} |" in beaten


def test_every_race_that_a_peer_won_has_its_reason():
    won = [
        race(0.5, case="3-9 batch of 1000 forward", peer="PyTorch"),
        race(0.4, case="3-9 batch of 10 forward"),
    ]
    lines = report.beaten(results_of(*won)["benchmarks"]).splitlines()[2:]
    assert [reasons.UNKNOWN in line for line in lines] == [False, False]
    steps = {
        "forward": [
            ["3 times Φ⁻¹", {"TimbreMap": 30.0, "PyTorch": 20.0}],
            [batch_profile.ADDITION, {"TimbreMap": 2.0}],
        ]
    }
    said = reasons.reason("frame", won[0], {"batch profile": steps})
    assert "each 2.0 ns a frame at the least: 30 ns in all, and theirs 20 on one core" in said


def test_the_steps_of_a_batch_are_those_of_the_map():
    """Nothing is timed: each step is done once."""
    mapping = peers.make_map(3, 9)
    for steps in (batch_profile.forward_steps(mapping), batch_profile.inverse_steps(mapping)):
        assert all("TimbreMap" in ways for ways in steps.values())
        for ways in steps.values():
            for way in ways.values():
                way()


def test_a_limit_that_is_known_is_a_column():
    limited = Race("case", "NumPy", 2.0, 50.0, 25.0, "sounds/s", limit=80.0)
    heads, _, first, second = report.races([limited, race(3.0)]).splitlines()
    assert heads == "| what | beside | multiple | ours | theirs | limit | unit |"
    assert first == "| case | NumPy | 2.00 | 50 | 25 | 80 | sounds/s |"
    assert second.endswith(" | 2 | 6 |  | us |")
    assert "limit" not in report.races([race(3.0)])


def test_amounts_have_a_unit_that_suits_them():
    assert report.amount(1.7e-6, "seconds") == "1.7 µs"
    assert report.amount(12.5, "seconds") == "12.5 s"
    assert report.amount(3e-4, "MiB") == "315 B"


def test_the_documents_show_the_committed_figures():
    """Marks for every table, and nothing in them but what ``latest.json`` says."""
    blocks = report.make_blocks(json.loads(LATEST.read_text(encoding="utf-8")))
    for document in report.DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert report.fill(text, blocks) == text, f"{document}: run  python benchmarks report"
    page = report.DOCUMENTS[0].read_text(encoding="utf-8")
    assert [name for name in blocks if name != "headline" and f"begin {name} " not in page] == []
