"""tm-generate: render random parameter settings of an instrument."""

from __future__ import annotations

from pathlib import Path

from ._common import bar, command, parser


@command
def main(argv: list[str] | None = None) -> None:
    """Render a data set."""
    arguments = parser(
        "Set an instrument's parameters at random and record each setting as a short WAV.",
        "tm-generate patches/subtractive/lfo4 data/fm --variant fm --examples 1000",
    )
    add = arguments.add_argument
    add("patch_dir", type=Path, help="the instrument's folder, with its patch.toml")
    add("data_dir", type=Path, help="where labels.csv and wavs/ go")
    add("--variant", help="which of the instrument's variants (default: its first)")
    add("--examples", type=int, default=10_000, help="how many sounds")
    add("--seed", type=int, default=0, help="the same seed gives the same sounds")
    add("--sustain", type=float, metavar="MS", help="note on to note off (default: the patch's)")
    add("--release", type=float, metavar="MS", help="note off to the end (default: the patch's)")
    add("--resume", action="store_true", help="go on where an interrupted run stopped")
    args = arguments.parse_args(argv)

    from timbremap_jax.data.generate import GenerateSettings, generate
    from timbremap_jax.data.patch import load_patch

    patch = load_patch(args.patch_dir, args.variant)
    generate(
        patch,
        args.data_dir,
        GenerateSettings(args.examples, args.seed),
        patch.note.with_changes(sustain_ms=args.sustain, release_ms=args.release),
        resume=args.resume,
        progress=bar("sounds"),
    )
    print(f"{args.data_dir}: {args.examples} sounds of {', '.join(patch.parameter_names)}")
