"""make demo: the whole path, from an instrument to sounds played through its map.

Everything goes to ``demo/``; what is already there is not made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import timbremap_runtime as tm
from timbremap_jax.data.folder import DataFolder
from timbremap_jax.data.manifest import manifest_path
from timbremap_runtime.core.model_folder import CONFIG, METRICS

from . import features, generate, plot, report, train
from ._common import command, parser

PATCH = "patches/subtractive/lfo4"
VARIANT = "fm"
N_EXAMPLES = 1000
HOP = 256
"""Samples from one frame to the next: half as many frames as usual. Of a thousand sounds the model
learns as much from them, and the epochs take two thirds of the time."""

EPOCHS = 40
POINTS = {"left": (0.1, 0.5, 0.5), "middle": (0.5, 0.5, 0.5), "right": (0.9, 0.5, 0.5)}
GLIDE_SECONDS = 12
"""How long it takes to go once around the control space."""


@command
def main(argv: list[str] | None = None) -> None:
    """Run the demo."""
    arguments = parser("Try the whole path on one instrument.", "python -m timbremap_cli.demo")
    arguments.add_argument(
        "--folder", type=Path, default=Path("demo"), help="where everything is written"
    )
    folder: Path = arguments.parse_args(argv).folder
    data, model = folder / "data", folder / "model"

    say("1. Render", f"{N_EXAMPLES} sounds of the synth {PATCH}, each with random parameters.")
    arguments = [PATCH, str(data), "--variant", VARIANT, "--examples", str(N_EXAMPLES)]
    begun = manifest_path(data).exists()
    run("tm-generate", generate.main, [*arguments, *(["--resume"] if begun else [])])

    say("2. Features", "What each sound looks like: a mel spectrogram.")
    arguments = [str(data), "--hop", str(HOP)]
    step("tm-features", features.main, arguments, DataFolder(data).features)

    say("3. Train", "Find three dimensions of the sounds, and how to play the synth from them.")
    arguments = ["--epochs", str(EPOCHS)]
    again = ["--resume"] if (model / CONFIG).exists() else []
    arguments += [*again, str(data), str(model)]
    step("tm-train", train.main, arguments, model / METRICS)

    say("4. Look", "Every dot is a sound; its colour is one synth parameter.")
    step("tm-plot", plot.main, [str(model)], model / "latent.html")

    say("5. Play", "Three points of the pad, from left to right along its main axis.")
    sounds = play(model, folder)

    say("6. What came out")
    for line in summary(model, sounds):
        print(f"   {line}")

    say("7. How it sounds", "Each figure beside what it would be without the map.")
    run("tm-report", report.main, ["--quick", str(model)])

    say("8. Play it yourself", "A pad in the browser, with these sounds behind it. Type:")
    print("   source .venv/bin/activate")
    print(f"   tm-studio {model}")


def say(title: str, text: str = "") -> None:
    """Print a heading."""
    print(f"\n{title}" + (f": {text}" if text else ""), flush=True)


def step(name: str, main: Callable[[list[str]], int], arguments: list[str], result: Path) -> None:
    """Run a command unless its result is there."""
    if result.exists():
        print(f"   {result} is already there")
    else:
        run(name, main, arguments)


def run(name: str, main: Callable[[list[str]], int], arguments: list[str]) -> None:
    """Run a command as it would be typed, and stop when it fails."""
    print(f"   $ {name} {' '.join(arguments)}", flush=True)
    status = main(arguments)
    if status:
        raise SystemExit(status)


def play(model: Path, folder: Path) -> list[Path]:
    """Map the demo's points to parameters and back; render their sounds, and a way around."""
    from timbremap_jax.data.engines.faust import FaustEngine
    from timbremap_jax.data.patch import load_patch
    from timbremap_jax.data.render.audition import keep_sound

    mapping = tm.load(model / "timbremap", None)  # on the scale that tm-serve plays
    patch = load_patch(PATCH, VARIANT)
    engine = FaustEngine(patch)
    note = patch.note.with_changes(sustain_ms=1500, release_ms=100)
    print("   point (x, y, pressure)   " + "".join(f"{n:>8}" for n in patch.parameter_names))
    files: list[Path] = []
    for name, point in POINTS.items():
        p = mapping.forward(np.array(point))
        back = mapping.inverse(p)
        print(f"   {point!s:24} " + "".join(f"{v:8.1f}" for v in p), end="")
        print(f"   and back: {', '.join(f'{v:.3f}' for v in back)}")
        files.append(folder / f"{name}.wav")
        keep_sound(files[-1], engine.render(p.tolist(), note), engine.sample_rate)
    note = patch.note.with_changes(sustain_ms=1000 * GLIDE_SECONDS, release_ms=100)
    glide = engine.glide(mapping.forward(way_around(100 * GLIDE_SECONDS)), note)
    files.append(folder / "glide.wav")
    keep_sound(files[-1], glide, engine.sample_rate)
    return files


def way_around(n_points: int) -> NDArray[np.float64]:
    """Return a closed way through the control space, shape (n_points, 3).

    A circle of x and y, while the pressure rises and falls twice.
    """
    angle = np.linspace(0, 2 * np.pi, n_points)
    ways = (np.cos(angle), np.sin(angle), np.sin(2 * angle))
    return 0.5 + 0.4 * np.stack(ways, axis=-1)


def summary(model: Path, sounds: list[Path]) -> list[str]:
    """Say in plain words what was made and how good it is."""
    metrics = json.loads((model / METRICS).read_text(encoding="utf-8"))
    test = metrics["test"]
    errors = ", ".join(f"{n} {e['mae']:.0f}" for n, e in test["parameters"].items())
    labels = np.load(model / "labels.npy")
    guess = np.abs(labels - labels.mean(axis=0)).mean()
    return [
        f"From the sound alone the model guesses a parameter to within {test['mae']:.0f} of 127 on",
        f"average ({errors}), for sounds it had not heard;",
        f"always answering with the mean would be {guess:.0f} off.",
        f"Its answers vary {test['spread']:.0%} as much as the true values.",
        f"Going from a point to parameters and back moves the point by at most"
        f" {metrics['round_trip']['normal']:.0e}.",
        "",
        f"Look at    {model / 'latent.png'}, and turn it in a browser: {model / 'latent.html'}",
        f"Listen to  {', '.join(str(sound) for sound in sounds[:-1])}",
        f"       and  {sounds[-1]}: once around the pad, in one note",
        f"Play with  {model / 'timbremap'}  (jg.timbremap loads this folder in Max/MSP)",
        "",
        "Try next, for a map of your own:",
        f"  hear another point     tm-map {model} 0.2 0.8 0.5 --wav point.wav --sustain 1500",
        "  nearer the truth       tm-generate with --examples 10000 (10 times the sounds)",
        "  another character      tm-generate with --variant am, or --sustain 500 --release 200",
    ]


if __name__ == "__main__":
    raise SystemExit(main())
