"""tm-even: the even scale of a map that has none."""

from __future__ import annotations

import sys
from pathlib import Path

from timbremap_runtime.core.layers.vec_scale import EVEN, VecScale
from timbremap_runtime.core.model_folder import find_map

from ._common import as_typed, bar, command, parser, seed


@command
def main(argv: list[str] | None = None) -> None:
    """Measure the even scale of a finished map."""
    arguments = parser(
        "Measure the even scale of a finished map: the axes of the pad are warped so that equal\n"
        "steps change the sound equally. Some thousand sounds are rendered on the map's\n"
        "instrument. tm-train does this by itself for a model that it trains.",
        "tm-even models/fm\n  tm-even timbremap --patch patches/subtractive/lfo4 --variant am",
    )
    add = arguments.add_argument
    add("model", type=Path, help="a model folder, or its timbremap folder")
    add("--patch", type=Path, metavar="PATCH_DIR", help="the instrument (default: the model's)")
    add("--variant", help="which of its variants (default: the model's)")
    add("--seed", type=seed, default=0, help="the same seed gives the same scale")
    add("--live", action="store_true", help="record an instrument that plays in real time")
    args = arguments.parse_args(argv)

    from timbremap_jax.report.even_scale import give_even_scale

    model: Path = args.model
    subject = give_even_scale(
        model,
        args.patch,
        args.variant,
        seed=args.seed,
        live=args.live,
        announce=lambda sentence: print(f"note: {sentence}", file=sys.stderr, flush=True),
        command=as_typed("tm-even", argv),
        progress=bar("sounds"),
    )
    for notice in subject.notices:
        print(f"note: {notice}", file=sys.stderr)
    file = (find_map(model) or model) / VecScale.folder / EVEN
    print(f"{file}: measured on {subject.patch.name} {subject.patch.variant or ''}".rstrip())


if __name__ == "__main__":
    raise SystemExit(main())
