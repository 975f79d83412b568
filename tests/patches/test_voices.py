"""The compiled voices beside the instruments are those of their sources."""

from __future__ import annotations

import sys

import pytest

from tests.support.paths import PATCHES
from timbremap_jax.data.engines.faust_wasm import digest_of
from timbremap_jax.data.patch import load_patch
from timbremap_runtime.export.wasm import unpack

sys.path.insert(0, str(PATCHES))

from make_voices import build

SHIPPED = sorted(PATCHES.glob("*/*/*.wasm"))


def test_each_is_of_its_source_as_it_is():
    assert [file.stem for file in SHIPPED] == ["clonewheel", "lfo4"]
    for file in SHIPPED:
        patch = load_patch(file.parent)
        again = "run  python patches/make_voices.py"
        assert unpack(file.read_bytes()).source == digest_of(patch), f"{file}: out of date; {again}"


def test_the_same_compiler_makes_the_same_bytes():
    pytest.importorskip("dawdreamer", reason="needs DawDreamer")
    built = build()
    assert sorted(built) == SHIPPED
    for file, module in built.items():
        shipped = file.read_bytes()
        if unpack(shipped).faust == unpack(module).faust:
            assert module == shipped, file
        else:
            assert unpack(module).controls.keys() == unpack(shipped).controls.keys(), file
