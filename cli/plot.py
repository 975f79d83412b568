"""tm-plot: the latent space of a model, as a picture."""

from __future__ import annotations

from pathlib import Path

from ._common import command, parser


@command
def main(argv: list[str] | None = None) -> None:
    """Draw the latent space of a model."""
    arguments = parser("Draw the latent space of a model.", "tm-plot models/fm")
    arguments.add_argument("model_dir", type=Path, help="a folder that tm-train wrote")
    arguments.add_argument(
        "--output", type=Path, help="the picture (default: MODEL_DIR/latent.png)"
    )
    args = arguments.parse_args(argv)

    from timbremap_jax.artifacts import load_array, read_json
    from timbremap_jax.plots import plot_latent

    names = tuple(read_json(args.model_dir, "config.json")["parameters"])
    spaces = {"Z": load_array(args.model_dir, "latent.npy")}
    if (args.model_dir / "latent_pca.npy").exists():
        spaces["Z*"] = load_array(args.model_dir, "latent_pca.npy")
    output = args.output or args.model_dir / "latent.png"
    plot_latent(output, spaces, load_array(args.model_dir, "labels.npy"), names)
    print(output)
