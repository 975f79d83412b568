"""Hold new results against earlier ones, by what outlasts a change of machine: multiples.

A multiple is the time of a peer over ours in the same run. Machines differ and are noisy, and so do
multiples, but less than times do; what got worse by more than a third is worth a look, and never
more than a warning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from race import Race
from results import races_of

WORSE_BY = 4 / 3
"""How many times as long as before we may take, as measured by the same peer."""


@dataclass(frozen=True)
class Change:
    """A race of both results.

    Attributes
    ----------
    benchmark : str
        Its name.
    before, after : Race
        The same case with the same peer.
    """

    benchmark: str
    before: Race
    after: Race

    @property
    def factor(self) -> float:
        """How many times as long as before we take, as measured by the peer."""
        return self.before.multiple / self.after.multiple

    @property
    def is_worse(self) -> bool:
        """Whether that is worth a warning."""
        return self.factor > WORSE_BY


def compare(before: dict[str, Any], after: dict[str, Any]) -> list[Change]:
    """Pair the races that are in both results.

    Parameters
    ----------
    before, after : dict
        Results files, as read.

    Returns
    -------
    list of Change
        The worst first.
    """
    changes: list[Change] = []
    for name, benchmark in after["benchmarks"].items():
        earlier = {
            (race.case, race.peer): race
            for race in races_of(before["benchmarks"].get(name, {"races": []}))
        }
        for race in races_of(benchmark):
            same = earlier.get((race.case, race.peer))
            if same is not None:
                changes.append(Change(name, same, race))
    return sorted(changes, key=lambda change: -change.factor)


def summarize(changes: list[Change], before: dict[str, Any], after: dict[str, Any]) -> str:
    """Say in Markdown what became worse."""
    lines = [
        f"### Beside the results of {before['made'][:10]}",
        "",
        f"Then: {place(before)}. Now: {place(after)}.",
        "",
    ]
    if not changes:
        return "\n".join([*lines, "No race is in both: there is nothing to compare."])
    worse = [change for change in changes if change.is_worse]
    if not worse:
        worst = changes[0]
        lines.append(
            f"Of {len(changes)} multiples none is worse by more than a third; the worst is"
            f" {worst.benchmark}, {worst.after.case}, {worst.after.peer}:"
            f" {worst.before.multiple:.2f} then, {worst.after.multiple:.2f} now."
        )
        return "\n".join(lines)
    lines += [
        f"⚠️ Warning: {len(worse)} of {len(changes)} multiples are worse by more than a third.",
        "Another machine, other versions or noise may be why.",
        "",
        "| benchmark | case | peer | then | now | we take |",
        "| --- | --- | --- | ---: | ---: | ---: |",
    ]
    lines += [
        f"| {change.benchmark} | {change.after.case} | {change.after.peer}"
        f" | {change.before.multiple:.2f} | {change.after.multiple:.2f} | {change.factor:.2f} x |"
        for change in worse
    ]
    return "\n".join(lines)


def place(results: dict[str, Any]) -> str:
    """Say where results were made."""
    machine, versions = results["machine"], results["versions"]
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']},"
        f" Python {versions['python']}, NumPy {versions['numpy']}"
    )
