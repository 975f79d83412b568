"""tm-plot: the latent space of a model, as a picture and as a page."""

from __future__ import annotations

from pathlib import Path

from ._common import command, parser


@command
def main(argv: list[str] | None = None) -> None:
    """Draw the latent space of a model."""
    arguments = parser(
        "Draw the latent space of a model: latent.png to look at, and latent.html to turn and zoom"
        " in a browser.",
        "tm-plot models/fm --parameter rate",
    )
    arguments.add_argument("model_dir", type=Path, help="a folder that tm-train wrote")
    arguments.add_argument(
        "--parameter",
        metavar="NAME",
        help="draw this one, and open the page with it (default: all of them)",
    )
    arguments.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write FILE.png and FILE.html; either ending may be given (default: MODEL_DIR/latent)",
    )
    args = arguments.parse_args(argv)
    model_dir: Path = args.model_dir

    import numpy as np

    from timbremap_jax.model_folder import layout
    from timbremap_jax.model_folder.layout import load_array
    from timbremap_jax.pictures.latent import plot_latent
    from timbremap_jax.pictures.latent_page import write_latent_page
    from timbremap_jax.pictures.points import LatentPoints
    from timbremap_runtime.core.model_folder import parameter_names
    from timbremap_runtime.errors import FormatError, ShapeError

    spaces = {"Z": load_array(model_dir, layout.LATENT)}
    if (model_dir / layout.LATENT_PCA).exists():
        spaces["Z*"] = load_array(model_dir, layout.LATENT_PCA)
    labels = load_array(model_dir, layout.LABELS)
    names = parameter_names(model_dir, labels.shape[1] if labels.ndim == 2 else 0)
    # Folders of early versions have no such file, and hold the whole data set.
    listed = (model_dir / layout.LATENT_ROWS).exists()
    rows = load_array(model_dir, layout.LATENT_ROWS) if listed else np.arange(len(labels))
    try:
        points = LatentPoints(spaces, labels, names, rows.astype(np.int64))
    except ShapeError as error:
        raise FormatError(f"{model_dir}: {error}; train the model again") from None

    output: Path = args.output or model_dir / "latent"
    if output.suffix in (".png", ".html"):
        output = output.with_suffix("")
    # Not with_suffix: the name may hold dots of its own.
    picture, page = (output.with_name(output.name + ending) for ending in (".png", ".html"))
    plot_latent(picture, points, args.parameter)
    print(picture)
    write_latent_page(page, points, f"Latent space of {model_dir.resolve().name}", args.parameter)
    print(page)
