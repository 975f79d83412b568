"""Train the models that come with the instruments, with the commands anybody would type.

    python patches/make_models.py
    python patches/make_models.py --recipe listen

Data sets go to ``data/``, whole models to ``models/``, both in the current folder. What is small
and worth shipping is copied to ``models/`` beside each instrument, with a page of commands and
figures. A run that was stopped continues where it was.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL import Image  # Matplotlib brings it

from timbremap_jax.data.manifest import manifest_path
from timbremap_runtime.core.model_folder import CONFIG, METRICS

PATCHES = Path(__file__).parent
SHIPPED = (CONFIG, METRICS)
LISTENING = "listening.json"
"""What tm-report finds, without what is long."""
N_EACH = 30
"""Test presets whose own distances are kept, so that they can be rendered again and compared."""
COLOURS = 64
"""Of the shipped pictures: a third of the bytes, with no visible difference."""
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Model:
    """A model that is shipped.

    Attributes
    ----------
    instrument : str
        Its folder under ``patches/``.
    name : str
        Name of the model.
    data : tuple of (str, str or None)
        Folders of the data sets it learns from, each with the variant that is rendered there.
    n_sounds, epochs : int
        Sounds of each data set; times that all are learned from.
    recipe : str
        How it is trained, as ``tm-train --recipe`` takes it.
    """

    instrument: str
    name: str
    data: tuple[tuple[str, str | None], ...]
    n_sounds: int
    epochs: int
    recipe: str = "default"

    @property
    def folder(self) -> Path:
        """Where the whole model goes."""
        return Path("models", Path(self.instrument).name, self.name)

    @property
    def shipped(self) -> Path:
        """Where what is shipped goes."""
        return PATCHES / self.instrument / "models" / self.name

    def commands(self) -> list[str]:
        """Return what makes it, from the root of the repository."""
        lines: list[str] = []
        for data, variant in self.data:
            option = f" --variant {variant}" if variant else ""
            source = f"patches/{self.instrument} {data}{option}"
            lines += [f"tm-generate {source} --examples {self.n_sounds}", f"tm-features {data}"]
        # Several data sets are one in the folder above them.
        data = self.data[0][0] if len(self.data) == 1 else str(Path(self.data[0][0]).parent)
        recipe = "" if self.recipe == "default" else f" --recipe {self.recipe}"
        lines.append(f"tm-train --epochs {self.epochs}{recipe} {data} {self.folder.as_posix()}")
        lines.append(f"tm-plot {self.folder.as_posix()}")
        return lines


VARIANTS = ("fm", "pwm", "fcm", "am")
LFO4 = tuple((f"data/lfo4/{variant}", variant) for variant in VARIANTS)
MODELS = [
    *(Model("subtractive/lfo4", data[1], (data,), 10_000, 20) for data in LFO4),
    Model("subtractive/lfo4", "universal", LFO4, 10_000, 10),
    Model("additive/clonewheel", "clonewheel", (("data/clonewheel", None),), 30_000, 15),
]


def make(model: Model) -> None:
    """Run those of a model's commands that are not done yet, and copy what is shipped."""
    for line in model.commands():
        name, *words = shlex.split(line)
        if name == "tm-generate" and manifest_path(Path(words[1])).exists():
            words.append("--resume")
        if name == "tm-train" and Path(words[-1], CONFIG).exists():
            if Path(words[-1], METRICS).exists():
                continue
            words.append("--resume")
        print("$", name, *words, flush=True)
        subprocess.run([BIN / name, *words], check=True)
    shutil.rmtree(model.shipped, ignore_errors=True)
    shutil.copytree(model.folder / "timbremap", model.shipped / "timbremap")
    for file in SHIPPED:
        shutil.copy(model.folder / file, model.shipped)
    picture = Image.open(model.folder / "latent.png").convert("RGB")
    picture.quantize(COLOURS).save(model.shipped / "latent.png", optimize=True)
    listen(model)


def listen(model: Model) -> None:
    """Judge a shipped model by ear, without the checkpoint that is not shipped."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([BIN / "tm-report", model.shipped, "--output", folder], check=True)
        report = _read(Path(folder, "report.json"))
    figures = report["figures"]
    for name in ("pad", "nearest_point", "nearest_preset"):
        del figures[name]
    figures["each"] = {"preset": figures["each"]["preset"][:N_EACH]}
    text = json.dumps(report, separators=(",", ":"))
    (model.shipped / LISTENING).write_text(text + "\n", encoding="utf-8")


def page(models: list[Model]) -> str:
    """Write the page of an instrument's models."""
    lines = [
        "# Trained models",
        "",
        "Ready to play: give this folder to `tm-serve` and open the patch beside it. Written by",
        "`python patches/make_models.py`. Errors are measured on test sounds, on the scale of 0 to",
        "127; always answering with the mean would be 32 off. The spread ratio is the deviation of",
        "the answers divided by that of the true values: 1 is right. Type the commands in this",
        "order, in the root of the repository.",
        "",
        "| model | sounds | mean squared error | off by | spread ratio |",
        "| --- | --- | --- | --- | --- |",
    ]
    for model in models:
        config, final = (_read(model.shipped / f"{name}.json") for name in ("config", "metrics"))
        final = final["test"]
        off = ", ".join(f"{k} {v['mae']:.0f}" for k, v in final["parameters"].items())
        spreads = [v["spread"] for v in final["parameters"].values()]
        lines.append(
            f"| [{model.name}]({model.name}/latent.png) | {config['data']['n_sounds']} |"
            f" {final['mse']:.0f} | {off} | {min(spreads):.2f} to {max(spreads):.2f} |"
        )
    lines += [
        "",
        "[By ear](../../../../docs/listening.md), as `tm-report` measures it: distances in dB of",
        "random presets, rendered again, beside what would be heard without the map. Steps are of",
        "0.05 of the pad; their size varies by 0 % where it is perfectly even.",
        "",
        "| model | preset found on the pad | middle preset, any other | nearest of 1,500 points"
        " | of 1,500 random presets | steps vary by (x, y, pressure) | dead steps |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *(by_ear(model.name, _read(model.shipped / LISTENING)["figures"]) for model in models),
    ]
    for model in models:
        commands = [line for line in model.commands() if line not in lines]
        lines += ["", f"## {model.name}", "", "```sh", *commands, "```"]
    return "\n".join(lines) + "\n"


def by_ear(name: str, figures: dict[str, Any]) -> str:
    """Write a model's row of the table of what is heard."""
    names = ("preset", "middle", "random_pair", "coverage", "library")
    mean = {key: f"{figures[key]['mean']:.2f}" for key in names}
    steps = figures["steps"]
    axes = ", ".join(f"{axis['evenness']:.0%}" for axis in steps["axes"])
    return (
        f"| {name} | {mean['preset']} | {mean['middle']}, {mean['random_pair']} |"
        f" {mean['coverage']} | {mean['library']} | {steps['evenness']:.0%} ({axes}) |"
        f" {steps['dead']:.1%} |"
    )


def _read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def main() -> None:
    """Make all models and their pages."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("--recipe", default="default", help="how they are trained")
    recipe = arguments.parse_args().recipe
    made = [replace(model, recipe=recipe) for model in MODELS]
    for model in made:
        make(model)
    for instrument in dict.fromkeys(model.instrument for model in made):
        models = [model for model in made if model.instrument == instrument]
        file = PATCHES / instrument / "models" / "README.md"
        file.write_text(page(models), encoding="utf-8")
    # The patches play maps that are exported of the models.
    subprocess.run([sys.executable, PATCHES / "build_patches.py"], check=True)


if __name__ == "__main__":
    main()
