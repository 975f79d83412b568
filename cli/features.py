"""tm-features: mel spectrograms of a data set."""

from __future__ import annotations

import sys
from pathlib import Path

from timbremap_jax.data.features.settings import FeatureSettings

from ._common import bar, command, parser, positive


@command
def main(argv: list[str] | None = None) -> None:
    """Compute the features of a data set."""
    arguments = parser(
        "Turn every WAV of a data set into a mel spectrogram: features.npy and labels.npy.\n"
        "A second run computes only the sounds that changed.",
        "tm-features data/fm",
    )
    add = arguments.add_argument
    add("data_dir", type=Path, help="a folder with labels.csv and wavs/ex_0.wav ...")
    add(
        "--n-fft",
        type=int,
        default=FeatureSettings.n_fft,
        metavar="SAMPLES",
        help="length of an STFT frame",
    )
    add(
        "--hop",
        type=int,
        default=FeatureSettings.hop_length,
        metavar="SAMPLES",
        help="from one STFT frame to the next",
    )
    add("--mels", type=int, default=FeatureSettings.n_mels, metavar="N", help="mel bands")
    add(
        "--sample-rate",
        type=int,
        default=FeatureSettings.sample_rate,
        metavar="HZ",
        help="sample rate of the sounds",
    )
    add(
        "--f-min",
        type=float,
        default=FeatureSettings.f_min_hz,
        metavar="HZ",
        help="lower end of the lowest band",
    )
    add(
        "--f-max",
        type=float,
        metavar="HZ",
        help="upper end of the highest band (default: half the sample rate)",
    )
    add("--skip-broken", action="store_true", help="leave broken sounds out, instead of stopping")
    add("--workers", type=positive, help="number of processes (default: one for each processor)")
    args = arguments.parse_args(argv)

    from timbremap_jax.data.features.compute import BrokenSounds, compute_features
    from timbremap_jax.data.manifest import next_command, ranges

    settings = FeatureSettings(
        args.sample_rate, args.n_fft, args.hop, args.mels, args.f_min, args.f_max
    )
    try:
        report = compute_features(
            args.data_dir,
            settings,
            skip_broken=args.skip_broken,
            n_workers=args.workers,
            progress=bar("sounds"),
            command=["tm-features", *(sys.argv[1:] if argv is None else argv)],
        )
    except BrokenSounds as error:
        list_broken(error.broken)
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; nothing was written, run it again") from None
    list_broken(report.broken)
    if report.without_sound:
        rows = report.without_sound
        print(
            f"{len(rows)} rows of labels.csv have no sound and are left out: {ranges(rows)}",
            file=sys.stderr,
        )
        again = next_command(args.data_dir, "--resume")
        if again:
            print(f"to render them:  {again}", file=sys.stderr)
    if report.broken:
        print(f"{len(report.broken)} broken sounds are left out", file=sys.stderr)
    n_sounds, n_mels, n_frames = report.shape
    print(
        f"{args.data_dir}: {n_sounds} spectrograms of {n_mels} mel bands x {n_frames} frames,"
        f" {report.n_computed} computed now"
    )


def list_broken(broken: dict[int, str]) -> None:
    """Print what is wrong with each sound."""
    for row, fault in broken.items():
        print(f"row {row}: {fault}", file=sys.stderr)
