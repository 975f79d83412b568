"""Compiles the Faust voices of the instruments to WebAssembly, for pages that play them.

    python patches/make_voices.py

Each module lies beside its source and holds that source's digest, so a module that is out of date
is never played. The modules are kept, as trained models are: pages then sound where no compiler is.
"""

from __future__ import annotations

from pathlib import Path

from timbremap_jax.data.engines.faust_wasm import compile_module
from timbremap_jax.data.files import save_bytes
from timbremap_jax.data.patch import load_patch


def build() -> dict[Path, bytes]:
    """Return every module's file with its content."""
    files: dict[Path, bytes] = {}
    for file in sorted(Path(__file__).parent.glob("*/*/patch.toml")):
        patch = load_patch(file.parent)
        if patch.engine == "faust":
            files[Path(patch.source).with_suffix(".wasm")] = compile_module(patch)
    return files


if __name__ == "__main__":
    for file, content in build().items():
        save_bytes(file, content)
        print(file)
