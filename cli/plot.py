"""tm-plot: the latent space of a model, as a picture and as a page."""

from __future__ import annotations

from pathlib import Path

from timbremap_runtime.errors import SettingsError

from ._common import command, parser


@command
def main(argv: list[str] | None = None) -> None:
    """Draw the latent space of a model."""
    arguments = parser(
        "Draw the latent space of a model: a picture, and a page to turn it about in a browser.",
        "tm-plot models/fm",
    )
    add = arguments.add_argument
    add("model_dir", type=Path, help="a folder that tm-train wrote")
    add("--parameter", metavar="NAME", help="colour the points by this parameter alone")
    add(
        "--output",
        type=Path,
        help="the picture; the page is beside it (default: MODEL_DIR/latent.png, latent.html)",
    )
    args = arguments.parse_args(argv)

    from timbremap_jax.artifacts import load_array, read_json
    from timbremap_jax.plots import plot_latent, write_latent_page

    names = tuple(read_json(args.model_dir, "config.json")["parameters"])
    if args.parameter and args.parameter not in names:
        raise SettingsError(f"no parameter '{args.parameter}': there are {', '.join(names)}")
    spaces = {"Z": load_array(args.model_dir, "latent.npy")}
    if (args.model_dir / "latent_pca.npy").exists():
        spaces["Z*"] = load_array(args.model_dir, "latent_pca.npy")
    labels = load_array(args.model_dir, "labels.npy")
    rows = load_array(args.model_dir, "latent_rows.npy")
    picture = args.output or args.model_dir / "latent.png"
    chosen = [names.index(args.parameter)] if args.parameter else list(range(len(names)))
    plot_latent(picture, spaces, labels[:, chosen], tuple(names[i] for i in chosen))
    page = picture.with_suffix(".html")
    write_latent_page(page, spaces, labels, names, rows, args.parameter)
    print(picture)
    print(page)
