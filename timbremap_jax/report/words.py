"""The ten lines of a report: each figure beside its yardsticks, in a musician's words."""

from __future__ import annotations

from typing import Any


def ten_lines(report: dict[str, Any]) -> list[str]:
    """Say what a report found, for a terminal.

    Parameters
    ----------
    report : dict
        The content of ``report.json``.

    Returns
    -------
    list of str
        Ten lines.
    """
    figures = report["figures"]
    rows = [
        ("a sound heard and played back", *_against_presets(figures, "reconstruction")),
        ("a preset found on the pad", *_against_presets(figures, "preset")),
        ("the pad's nearest sound", *reach(report)),
        ("steps of the hand vary by", *evenness(figures)),
        ("steps that change nothing", *dead(figures)),
        ("detours on straight ways", *detours(figures)),
        ("larger moves sound larger", f"{figures['proportion']:.2f}", "1: always; 0: by chance"),
        (
            f"parameters it cannot {'hear' if 'reconstruction' in figures else 'find'}",
            *blind(figures),
        ),
        ("with other notes", *elsewhere(figures)),
    ]
    width = max(len(label) for label, _, _ in rows)
    figure_width = max(len(figure) for _, figure, _ in rows)
    return [
        heading(report),
        *(
            f"  {label:<{width}}  {figure:>{figure_width}}   {beside}".rstrip()
            for label, figure, beside in rows
        ),
    ]


def heading(report: dict[str, Any]) -> str:
    """Say what was listened to."""
    instrument = report["instrument"]
    on = " ".join(filter(None, (instrument["name"], instrument["variant"])))
    origin = "random presets" if report["presets"] == "drawn" else "sounds kept back for test"
    return f"{report['name']} on {on}: {report['n_test']} {origin}; in dB, 0 is the same sound"


def _against_presets(figures: dict[str, Any], name: str) -> tuple[str, str]:
    if name not in figures:
        return "-", "only a model with its encoder can listen"
    yardsticks = f"the middle preset {_db(figures, 'middle')}, any other sound"
    return f"{_db(figures, name)} dB", f"{yardsticks} {_db(figures, 'random_pair')}"


def reach(report: dict[str, Any]) -> tuple[str, str]:
    """Coverage beside the library."""
    figures, n_points = report["figures"], report["settings"]["n_points"]
    return (
        f"{_db(figures, 'coverage')} dB",
        f"of {n_points:,} points; of {n_points:,} random presets {_db(figures, 'library')}",
    )


def evenness(figures: dict[str, Any]) -> tuple[str, str]:
    """Evenness of all axes, and of each."""
    steps = figures["steps"]
    each = ", ".join(f"{axis['name']} {_percent(axis['evenness'])}" for axis in steps["axes"])
    return _percent(steps["evenness"]), f"{each}; 0 % is perfectly even"


def dead(figures: dict[str, Any]) -> tuple[str, str]:
    """Dead steps of all axes, and of each."""
    steps = figures["steps"]
    each = ", ".join(f"{axis['name']} {_percent(axis['dead'])}" for axis in steps["axes"])
    return _percent(steps["dead"]), f"{each}; a step is {steps['mean_db']:.2f} dB on average"


def detours(figures: dict[str, Any]) -> tuple[str, str]:
    """Non-linearity and smoothness."""
    return (
        f"{figures['nonlinearity']:.2f} dB",
        f"and a roughness of {figures['smoothness']:.2f} dB; 0 is a straight change",
    )


def blind(figures: dict[str, Any]) -> tuple[str, str]:
    """Blind parameters, and the most and least audible."""
    parameters = figures["parameters"]
    names = [parameter["name"] for parameter in parameters if parameter["blind"]]
    ordered = sorted(parameters, key=lambda parameter: parameter["audibility"])
    least, most = ordered[0], ordered[-1]
    audible = f"{most['name']} changes the sound most ({most['audibility']:.1f} dB)"
    if least is not most:
        audible += f", {least['name']} least ({least['audibility']:.1f})"
    if not names:
        return "none", audible
    return f"{len(names)} of {len(parameters)}", f"{', '.join(names)}; {audible}"


def elsewhere(figures: dict[str, Any]) -> tuple[str, str]:
    """Figures with other notes over those with the data set's own."""
    parts: list[str] = []
    for name, found in figures["elsewhere"].items():
        ratio = found.get("reconstruction_ratio") or found["evenness_ratio"]
        parts.append(f"{name} {ratio:.2f}" if ratio else f"{name} -")
    heard = any("reconstruction" in found for found in figures["elsewhere"].values())
    what = "as far off" if heard else "as uneven"
    return "", f"times {what}: {', '.join(parts)}"


def _db(figures: dict[str, Any], name: str) -> str:
    return f"{figures[name]['mean']:.2f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.0f} %"
