"""What a benchmark leaves behind, and how it is started.

Each ``bench_*.py`` has a function ``measure(short)`` that returns a `Result` and prints nothing,
and is a program by `run_alone`. ``python benchmarks`` starts them one after the other, each in a
process of its own, and gathers what they leave.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from race import Race

from timbremap_jax.data.workers import n_cores

HERE = Path(__file__).parent
LATEST = HERE / "results" / "latest.json"
UNFINISHED = HERE / "results" / "unfinished.json"

PACKAGES = (
    "timbremap", "numpy", "scipy", "jax", "jaxlib", "flax", "onnx", "onnxruntime", "torch",
    "librosa", "dawdreamer", "python-osc",
)  # fmt: skip


@dataclass(frozen=True)
class Result:
    """Figures of one benchmark.

    Attributes
    ----------
    races : list of Race
        What is held against peers, and from run to run.
    figures : dict
        Everything else that was measured, ready for JSON.
    notes : list of str
        What the reader of the table must know, such as who did not take part.
    """

    races: list[Race]
    figures: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def run_alone(measure: Callable[[bool], Result], description: str | None) -> None:
    """Run one benchmark as a program: print its races, and leave them as JSON where asked to."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--short", action="store_true", help="a fraction of the work")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to leave all figures")
    args = parser.parse_args()
    result = measure(args.short)
    for line in lines_of(result.races):
        print(line)
    for note in result.notes:
        print(f"note: {note}")
    if args.json:
        args.json.write_text(json.dumps(asdict(result)), encoding="utf-8")


def lines_of(races: list[Race]) -> list[str]:
    """Write races for a terminal."""
    width = max((len(f"{race.case}  {race.peer}") for race in races), default=0)
    return [
        f"{race.case}  {race.peer}".ljust(width)
        + f"  {race.multiple:6.2f} x   ours {race.ours:.4g} {race.unit}, theirs {race.theirs:.4g}"
        for race in races
    ]


def machine() -> dict[str, Any]:
    """Say what this was measured on."""
    return {
        "processor": _processor(),
        "cores": n_cores(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def versions() -> dict[str, str | None]:
    """Versions of what took part; None for what is not installed."""
    found: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def now() -> str:
    """Today's date and time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def load(path: Path) -> dict[str, Any]:
    """Read a results file.

    Raises
    ------
    SystemExit
        There is none, or it is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["benchmarks"].items()
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        sys.exit(f"{path}: no results of  make bench")
    return content


def races_of(benchmark: dict[str, Any]) -> list[Race]:
    """Races of one benchmark of a results file."""
    return [Race(**race) for race in benchmark["races"]]
