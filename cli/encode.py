"""tm-encode: where recorded sounds lie in a model's control space."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from timbremap_jax.data.patch import Note
from timbremap_runtime.errors import FormatError, PathError, SettingsError

from ._common import add_scale, command, parser, pitch

if TYPE_CHECKING:
    import argparse

    from timbremap_jax.data.audio.recordings import Recording
    from timbremap_jax.model_folder.read import OpenModel


@command
def main(argv: list[str] | None = None) -> None:
    """Encode sounds."""
    arguments = parser(
        "Say where recorded sounds lie in a model's control space, and which parameters come\n"
        "nearest to them. Any format, sample rate and number of channels. A model hears only the\n"
        "beginning of a recording: as much as the sounds that it was trained on were long.",
        "tm-encode models/fm recordings/bell.wav",
    )
    add = arguments.add_argument
    add("model_dir", type=Path, help="a folder that tm-train wrote")
    add("sounds", type=Path, nargs="+", metavar="SOUND", help="a sound file")
    add(
        "--trim",
        action="store_true",
        help="begin where the sound begins: drop the silence before it",
    )
    add_scale(arguments)
    add(
        "--note",
        type=pitch,
        help="what the recordings play, for a model of several notes: 0 to 127 or like A2",
    )
    add("--velocity", type=int, help="the same, 1 to 127 (default: the model's first)")
    add("--csv", action="store_true", help="print a table for other programs")
    args = arguments.parse_args(argv)

    from timbremap_jax.data.audio.recordings import read_recording
    from timbremap_jax.data.features.mel import spectrograms
    from timbremap_jax.model.inference import BATCH_SIZE
    from timbremap_jax.model_folder.read import open_model

    model = open_model(args.model_dir, args.scale)
    if model.features is None:
        raise SettingsError(
            f"{args.model_dir}: was trained on features of unknown settings (no features.json), so"
            " no sound can be brought to their form; run tm-features on its data and train again"
        )
    played = note_of(model, args)
    names = model.parameter_names
    controls = [f"c{i}" for i in range(model.mapping.control_size)]
    table = csv.writer(sys.stdout, lineterminator="\n")
    if args.csv:
        table.writerow(["sound", *controls, *names])
    n_samples = model.features.n_samples(model.input_shape[1])
    unread: list[FormatError | PathError] = []
    for start in range(0, len(args.sounds), BATCH_SIZE):
        files: list[Path] = []
        recordings: list[Recording] = []
        for file in args.sounds[start : start + BATCH_SIZE]:
            try:
                recordings.append(
                    read_recording(file, model.features.sample_rate, n_samples, trim=args.trim)
                )
                files.append(file)
            except (FormatError, PathError) as error:
                unread.append(error)
        if not files:
            continue
        sounds = [recording.samples for recording in recordings]
        power = spectrograms(sounds, model.features, model.input_shape[1])
        power, restored = model.restore(power)
        said = model.encode(power, played)
        for file, recording, more, c, p in zip(
            files, recordings, restored, model.controls(said), said.parameters, strict=True
        ):
            notes = [*recording.notes, *more]
            if args.csv:
                table.writerow([file, *(f"{v:.6g}" for v in c), *(f"{v:.6g}" for v in p)])
                for note in notes:
                    print(f"note: {file}: {note}", file=sys.stderr)
                continue
            print(file)
            print("  at  " + "  ".join(f"{v:.3f}" for v in c))
            print("  is  " + "  ".join(f"{n} {v:.1f}" for n, v in zip(names, p, strict=True)))
            for note in notes:
                print(f"  ({note})")
    for error in unread[:-1]:
        print(f"error: {error}", file=sys.stderr)
    if unread:
        raise unread[-1]


def note_of(model: OpenModel, args: argparse.Namespace) -> Note | None:
    """Return the note that a model is to be told; None for one that is told none."""
    if model.notes is None:
        for name in ("note", "velocity"):
            if getattr(args, name) is not None:
                raise SettingsError(
                    f"{args.model_dir}: was trained on one note and is not told it; leave out"
                    f" --{name}"
                )
        return None
    if args.note is None:
        pitches = ", ".join(map(str, model.notes["pitches"]))
        raise SettingsError(
            f"{args.model_dir}: was trained on several notes ({pitches}) and has to be told which"
            " the recordings play; add --note"
        )
    return (model.home or Note()).with_changes(pitch=args.note, velocity=args.velocity)
