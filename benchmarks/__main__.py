"""All benchmarks under one face.

python benchmarks                       run all, write results/latest.json, docs and pictures
python benchmarks --resume              finish a run of all that was stopped, or of which one failed
python benchmarks frame osc             run some and print their tables
python benchmarks frame osc --short --output new.json --table new.md
python benchmarks report                write docs and pictures from results/latest.json again
python benchmarks compare benchmarks/results/latest.json new.json --table new.md
                                        say in front of the tables what became worse
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from comparison import compare, summarize
from results import HERE, LATEST, UNFINISHED, load, machine, now, versions

NAMES = ("frame", "osc", "features", "render", "training", "scaling", "whole_way")


def main(argv: list[str]) -> int:
    """Run what was asked for."""
    if isinstance(sys.stdout, TextIOWrapper):  # Windows prints no Greek where it is not asked to
        sys.stdout.reconfigure(encoding="utf-8", errors="replace")
    if argv[:1] == ["compare"]:
        parser = argparse.ArgumentParser(prog="benchmarks compare")
        parser.add_argument("before", type=Path, help="results to compare with")
        parser.add_argument("after", type=Path, help="results that are new")
        parser.add_argument("--table", type=Path, help="Markdown file to put the answer into")
        args = parser.parse_args(argv[1:])
        before, after = load(args.before), load(args.after)
        said = summarize(compare(before, after), before, after)
        print(said)
        if args.table:
            tables = args.table.read_text(encoding="utf-8") if args.table.exists() else ""
            args.table.write_text(f"{said}\n\n{tables}", encoding="utf-8")
        return 0
    if argv == ["report"]:
        from report import write_documents

        write_documents(load(LATEST))
        return 0
    parser = argparse.ArgumentParser(
        prog="benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", help=f"of {', '.join(NAMES)}; all if none is said")
    parser.add_argument("--short", action="store_true", help="a fraction of the work")
    parser.add_argument(
        "--resume", action="store_true", help="keep what an unfinished run of all has measured"
    )
    parser.add_argument("--output", type=Path, help="JSON file for the figures")
    parser.add_argument("--table", type=Path, help="Markdown file to put the tables into")
    args = parser.parse_args(argv)
    unknown = [name for name in args.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark '{unknown[0]}': there are {', '.join(NAMES)}")
    if args.resume and (args.names or args.short):
        parser.error("--resume is for a run of all: leave out names and --short")
    return run(args.names or list(NAMES), args.short, args.resume, args.output, args.table)


def run(
    names: list[str], short: bool, resume: bool, output: Path | None, table: Path | None
) -> int:
    """Run benchmarks one after the other, and leave what they found."""
    benchmarks: dict[str, Any] = load(UNFINISHED)["benchmarks"] if resume else {}
    whole = len(names) == len(NAMES) and not short
    failed: list[str] = []
    for name in names:
        if name in benchmarks:
            continue
        print(f"{name} ...", flush=True)
        found = run_one(name, short)
        if found is None:
            print(f"{name} failed", file=sys.stderr)
            failed.append(name)
            continue
        print(f"{name}: {len(found['races'])} races in {found['seconds']:.0f} s", flush=True)
        benchmarks[name] = found
        if whole:
            write(gathered(benchmarks, short), UNFINISHED)
    if failed:
        again = "; python benchmarks --resume  runs them again" if whole else ""
        print(f"{', '.join(failed)} failed{again}", file=sys.stderr)
        return 1
    results = gathered(benchmarks, short)
    target = output or (LATEST if whole else None)
    if target:
        write(results, target)
        print(f"{target}: figures of {', '.join(benchmarks)}")
    if whole:
        UNFINISHED.unlink()

    from report import tables, write_documents

    if whole and not output:
        write_documents(load(LATEST))
    else:
        print(tables(results))
    if table:
        table.write_text(tables(results) + "\n", encoding="utf-8")
    return 0


def gathered(benchmarks: dict[str, Any], short: bool) -> dict[str, Any]:
    """Put the figures of benchmarks together, with where they were made and when."""
    return {
        "made": now(),
        "short": short,
        "seconds": round(sum(each["seconds"] for each in benchmarks.values()), 1),
        "machine": machine(),
        "versions": versions(),
        "benchmarks": {name: benchmarks[name] for name in NAMES if name in benchmarks},
    }


def write(results: dict[str, Any], file: Path) -> None:
    """Write a results file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(to_json(results), encoding="utf-8")


def run_one(name: str, short: bool) -> dict[str, Any] | None:
    """Run a benchmark in a process of its own; None if it failed."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        command = [sys.executable, str(HERE / f"bench_{name}.py"), "--json", str(file)]
        start = time.perf_counter()
        done = subprocess.run(
            [*command, *(["--short"] if short else [])],
            stdout=subprocess.DEVNULL,
            # Threads of PyTorch that wait would take the cores from everybody else.
            env={"GOMP_SPINCOUNT": "0", **os.environ},
            check=False,
        )
        seconds = round(time.perf_counter() - start, 1)
        if done.returncode or not file.exists():
            return None
        return {"seconds": seconds, **json.loads(file.read_text(encoding="utf-8"))}


def to_json(results: dict[str, Any]) -> str:
    """Write results so that a person can read them: what holds nothing else on one line."""
    text = json.dumps(rounded(results), indent=1)
    return re.sub(r"[\[{][^\[\]{}]+[\]}]", lambda found: " ".join(found[0].split()), text) + "\n"


def rounded(value: Any) -> Any:
    """Keep four digits of every number: there are no more in a time."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: rounded(each) for key, each in value.items()}
    return [rounded(each) for each in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
