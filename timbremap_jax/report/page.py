"""The page of a report, on which a map is heard and seen."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np

from timbremap_jax.data.features.mel import FeatureSettings, MelSpectrogram
from timbremap_jax.report import shell
from timbremap_jax.report.charts import curve_chart, yardstick_chart
from timbremap_jax.report.clips import common_gain, sound_uri
from timbremap_jax.report.examples import Example
from timbremap_jax.report.glides import Glide
from timbremap_jax.report.images import spectrogram_uri, speeds_uri
from timbremap_jax.report.measures import DEAD, FLOOR_DB
from timbremap_jax.report.words import ten_lines

Report = dict[str, Any]


def report_page(
    report: Report, examples: list[Example], glides: list[Glide], features: FeatureSettings
) -> str:
    """Write the page of one report.

    Parameters
    ----------
    report : dict
        The content of ``report.json``.
    examples : list of Example
        Test sounds beside what the map answers.
    glides : list of Glide
        The sound of each axis.
    features : FeatureSettings
        How spectrograms are computed.

    Returns
    -------
    str
        HTML.
    """
    gain = common_gain(
        [sound for example in examples for sound in example.sounds] + [g.sound for g in glides]
    )
    listens = "reconstruction" in report["figures"]
    parts = [
        f"<h1>{escape(report['name'])}: how it plays</h1>",
        shell.paragraph(_lead(report), "lead"),
        *(shell.paragraph(notice, "note") for notice in report["notices"]),
        _near(report, listens),
        _hear(examples, gain, listens),
        _glides(glides, report["axes"], gain, features),
        _pad(report),
        _coverage(report),
        _parameters(report, listens),
        _elsewhere(report, listens),
        _all_figures(report),
        _how(report),
    ]
    return shell.page(f"{report['name']}: how it plays", parts)


def _lead(report: Report) -> str:
    instrument = report["instrument"]
    on = " ".join(filter(None, (instrument["name"], instrument["variant"])))
    n = len(instrument["parameters"])
    return (
        f"{len(report['axes'])} axes of the pad play {n} parameters of {on}."
        f" {report['n_rendered']:,} sounds were rendered again by the instrument and compared, in"
        " dB: 0 is the same sound."
    )


def _near(report: Report, listens: bool) -> str:
    figures = report["figures"]
    rows = [
        ("a preset found on the pad", "preset"),
        ("the nearest sound of the pad", "coverage"),
    ]
    if listens:
        rows.insert(0, ("a sound heard and played back", "reconstruction"))
    yardsticks = [
        ("nearest random preset", "library"),
        ("middle preset", "middle"),
        ("any other sound", "random_pair"),
    ]
    best = figures[rows[0][1]]["mean"]
    gained = 1.0 - best / figures["random_pair"]["mean"]
    nearer = f"{abs(gained):.0%} {'nearer' if gained >= 0 else 'farther'} than"
    what = "What it hears it plays back" if listens else "A preset looked up on the pad comes out"
    described = ", ".join(
        f"{name} {figures[key]['mean']:.2f} dB" for name, key in rows + yardsticks
    )
    return shell.section(
        "How near it comes",
        shell.paragraph(
            f"{what} {best:.1f} dB off, {nearer} any other sound of the instrument would be. The"
            " dot is the mean; nine of ten sounds lie within the line."
        ),
        '<div class="card">'
        + yardstick_chart(
            [(name, figures[key]["mean"], figures[key]["p90"]) for name, key in rows],
            [(name, figures[key]["mean"]) for name, key in yardsticks],
            f"Distances on one scale: {described}.",
        )
        + "</div>",
    )


def _hear(examples: list[Example], gain: float, listens: bool) -> str:
    loudest = max(float(power.max()) for example in examples for power in example.power)
    answer = "what the map plays back" if listens else "where the pad comes nearest to its preset"
    cards: list[str] = []
    for example in examples:
        sides: list[str] = []
        for name, samples, power, preset in zip(
            ("the sound", answer), example.sounds, example.power, example.presets, strict=True
        ):
            values = ", ".join(f"{value:.0f}" for value in preset[:12])
            description = (
                f"Spectrogram of {name}, {example.title.lower()} example: time from left to right,"
                " pitch upwards, brightness is loudness"
            )
            sides.append(
                "<figure>"
                + shell.picture(spectrogram_uri(power, loudest), description, "spectrogram")
                + shell.sound(sound_uri(gain * samples), f"{example.title}: {name}")
                + f"<figcaption>{escape(name)}<br>{values}{' …' if len(preset) > 12 else ''}"
                "</figcaption></figure>"
            )
        cards.append(
            f'<div class="card"><h3>{example.title}<span>{example.distance_db:.2f} dB apart</span>'
            f'</h3><div class="pair">{"".join(sides)}</div></div>'
        )
    return shell.section(
        "Hear it",
        shell.paragraph(
            "Listen to the pair of each card one after the other: the nearer the two, the more a"
            " sound that you bring comes back from the pad. The numbers are the parameters, 0 to"
            " 127."
        ),
        *cards,
    )


def _glides(glides: list[Glide], axes: list[str], gain: float, features: FeatureSettings) -> str:
    if not glides:
        return ""
    transform = MelSpectrogram(features)
    powers = [transform(glide.sound) for glide in glides]
    loudest = max(float(power.max()) for power in powers)
    cards: list[str] = []
    for name, glide, power in zip(axes, glides, powers, strict=False):
        way = "in one note" if glide.in_one_note else "in a row of notes"
        description = f"Spectrogram of a glide along {name}: time from left to right, pitch upwards"
        cards.append(
            f'<div class="card"><h3>{escape(name)}<span>end to end, {way}</span></h3><figure>'
            + shell.picture(spectrogram_uri(power, loudest), description, "spectrogram")
            + shell.sound(sound_uri(gain * glide.sound), f"A glide along {name}")
            + "</figure></div>"
        )
    return shell.section(
        "Glide along each axis",
        shell.paragraph(
            "One axis moves from end to end while the others rest in the middle. On a good pad the"
            " sound changes all the way, and each axis changes something else."
        ),
        *cards,
    )


def _pad(report: Report) -> str:
    pad, figures = report["figures"]["pad"], report["figures"]
    tables = [np.array(table) for table in pad["speeds"]]
    every = np.concatenate([table.ravel() for table in tables])
    mean = float(every.mean())
    if not mean > 0.0:
        return shell.section("How fast the sound changes", shell.paragraph("It changes nowhere."))
    pressures = pad["pressures"] or [None]
    shown: list[str] = []
    for pressure, table in zip(pressures, tables, strict=True):
        slow, fast = (np.unravel_index(at, table.shape) for at in (table.argmin(), table.argmax()))
        at = "" if pressure is None else f" at pressure {pressure:g}"
        description = (
            f"Map of speeds{at}, mean {table.mean():.1f} dB a unit: slowest {table.min():.1f} near"
            f" {_place(slow, table, pad)}, fastest {table.max():.1f} near"
            f" {_place(fast, table, pad)}"
        )
        shown.append(
            "<figure>"
            + shell.picture(speeds_uri(table, mean), description, "pad")
            + f"<figcaption>{escape(at.strip() or 'x')}</figcaption></figure>"
        )
    dead = float(np.mean(every < DEAD * mean))
    racing = float(np.mean(every > 2.0 * mean))
    steps = figures["steps"]
    varies = (
        f"Steps of {steps.get('length', 0.05)} vary by {steps['evenness']:.0%}."
        if steps["evenness"]
        else ""
    )
    return shell.section(
        "How fast the sound changes",
        shell.paragraph(
            f"x runs to the right, y upwards. {dead:.0%} of the pad is dead (blue: the hand moves"
            f" and the sound hardly does), {racing:.0%} races at more than twice the mean (red),"
            f" where a finger's breadth is a large step. {varies}"
        ),
        f'<div class="card"><div class="{"three" if len(shown) == 3 else "pair"}">{"".join(shown)}'
        '</div><div class="ramp"></div><div class="legend small"><span>a quarter of the mean</span>'
        f"<span>{mean:.0f} dB a unit</span><span>four times</span></div></div>",
    )


def _place(cell: tuple[Any, ...], table: np.ndarray, pad: dict[str, Any]) -> str:
    low, high = pad["range"]
    places = [low + (high - low) * (i + 0.5) / n for i, n in zip(cell, table.shape, strict=True)]
    return ", ".join(f"{axis} {place:.2f}" for axis, place in zip("xy", places, strict=True))


def _coverage(report: Report) -> str:
    figures = report["figures"]
    curve = figures["coverage_curve"]
    pad, presets = curve["points"][-1], curve["library"][-1]
    n = curve["n"][-1]
    verdict = (
        "as far as"
        if abs(pad - presets) < 0.05 * presets
        else ("less far than" if pad > presets else "farther than")
    )
    return shell.section(
        "How much of the instrument the pad reaches",
        shell.paragraph(
            f"The more places you try, the nearer one of them comes to a given sound. With {n:,}"
            f" places the pad comes within {pad:.2f} dB, {n:,} random presets within"
            f" {presets:.2f} dB: the pad reaches {verdict} browsing presets would."
        ),
        '<div class="card">'
        + curve_chart(
            curve["n"],
            {"points of the pad": curve["points"], "random presets": curve["library"]},
            f"Mean distance to the nearest of so many: {n:,} points of the pad {pad:.2f} dB,"
            f" {n:,} random presets {presets:.2f} dB",
            "how many are tried",
        )
        + "</div>",
    )


def _parameters(report: Report, listens: bool) -> str:
    parameters = report["figures"]["parameters"]
    loudest = max(max(p["audibility"] for p in parameters), 1e-9)
    rows = [
        [
            escape(p["name"]),
            f"{p['error']:.0f}",
            _bars(_bar(p["error"] / 64.0), _bar(p["error_of_mean"] / 64.0, "mean")),
            f"{p['audibility']:.2f}",
            _bars(_bar(p["audibility"] / loudest)),
            "blind" if p["blind"] else "",
        ]
        for p in sorted(parameters, key=lambda p: -p["audibility"])
    ]
    blind = [p["name"] for p in parameters if p["blind"]]
    how = "by its sound" if listens else "on the pad"
    said = (
        f"It cannot find {', '.join(blind)} {how}: it does no better there than always answering"
        " the mean."
        if blind
        else f"Every parameter is found {how} better than by always answering the mean (grey)."
    )
    return shell.section(
        "The parameters, the most audible first",
        shell.paragraph(
            f"{said} A parameter that changes the sound little may well be off: nobody hears it."
        ),
        shell.table(["", "off by", "", "changes the sound, dB", "", ""], rows),
    )


def _bars(*bars: str) -> str:
    return f'<td class="bars">{"".join(bars)}</td>'


def _bar(share: float, kind: str = "") -> str:
    return f'<span class="bar {kind}" style="width:{100 * min(max(share, 0.0), 1.0):.0f}%"></span>'


def _elsewhere(report: Report, listens: bool) -> str:
    rows = [
        [
            escape(name),
            *([_times(found.get("reconstruction_ratio"))] if listens else []),
            _times(found["evenness_ratio"]),
        ]
        for name, found in report["figures"]["elsewhere"].items()
    ]
    head = ["", *(["as far off"] if listens else []), "as uneven"]
    return shell.section(
        "With other notes",
        shell.paragraph(
            "The map was learned from one note. Played elsewhere it is so many times as far off,"
            " and its steps so many times as uneven; 1 is as good as at home."
        ),
        shell.table(head, rows),
    )


def _times(ratio: float | None) -> str:
    return "-" if ratio is None else f"{ratio:.2f}"


def _all_figures(report: Report) -> str:
    figures = report["figures"]
    names = ("reconstruction", "preset", "coverage", "library", "middle", "random_pair")
    rows = [
        [
            name.replace("_", " "),
            *(f"{figures[name][key]:.2f}" for key in ("mean", "median", "p90")),
        ]
        for name in names
        if name in figures
    ]
    papers = figures["papers"]
    heads = list(next(iter(papers.values())))
    more = [
        [escape(name.replace("_", " ")), *(f"{values[key]:.4g}" for key in heads)]
        for name, values in papers.items()
    ]
    lines = "\n".join(escape(line) for line in ten_lines(report))
    return shell.section(
        "All figures",
        shell.paragraph("Distances in dB over the test sounds."),
        shell.table(["", "mean", "median", "90 %"], rows),
        shell.paragraph(
            "The same pairs by the measures of papers (means of the first test sounds)."
        ),
        shell.table(["", *(head.replace("_", " ") for head in heads)], more),
        shell.paragraph("As the terminal prints them:"),
        f'<div class="wide card"><pre class="small">{lines}</pre></div>',
    )


def _how(report: Report) -> str:
    floor, settings, note = (
        report["figures"]["floor"],
        report["settings"],
        report["instrument"]["note"],
    )
    at = (
        f"{FLOOR_DB:.0f} dB below the loudest mel value of the test sounds"
        if floor["below_db"]
        else f"a mel power of {floor['mel_power']:g}"
    )
    origin = (
        "presets drawn at random, as the data set that the model was trained on is not here"
        if report["presets"] == "drawn"
        else "sounds that were kept back from training"
    )
    return shell.section(
        "How this was measured",
        shell.paragraph(
            f"On {report['n_test']} {origin}, rendered again at note {note['pitch']}, velocity"
            f" {note['velocity']}, {note['sustain_ms']:g} ms held and {note['release_ms']:g} ms to"
            " ring. A distance is the mean difference of two log-mel spectrograms over bands and"
            f" frames, in dB; what lies below {at} counts as silence. Seed {settings['seed']},"
            f" {settings['scale']} scale, {settings['n_points']:,} points. The same figures, with"
            " every sound's own, are in report.json.",
            "small",
        ),
    )
