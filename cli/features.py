"""tm-features: mel spectrograms of a data set."""

from __future__ import annotations

from pathlib import Path

from ._common import bar, command, parser


@command
def main(argv: list[str] | None = None) -> None:
    """Compute the features of a data set."""
    arguments = parser(
        "Turn every WAV of a data set into a mel spectrogram: features.npy and labels.npy.",
        "tm-features data/fm",
    )
    arguments.add_argument("data_dir", type=Path, help="a folder that tm-generate wrote")
    args = arguments.parse_args(argv)

    from timbremap_jax.data.features import compute_features

    n_sounds, n_mels, n_frames = compute_features(args.data_dir, progress=bar("sounds"))
    print(f"{args.data_dir}: {n_sounds} spectrograms of {n_mels} mel bands x {n_frames} frames")
