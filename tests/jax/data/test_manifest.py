from __future__ import annotations

import json
from pathlib import Path

import pytest
from timbremap_cli import generate as tm_generate  # pyright: ignore[reportMissingImports]

from tests.support.paths import LFO4
from timbremap_jax.data.manifest import next_command, ranges, read_manifest
from timbremap_jax.data.patch import load_patch
from timbremap_jax.data.render.generate import generate
from timbremap_jax.data.render.sampling import GenerateSettings
from timbremap_runtime.errors import FormatError


def test_rows_are_written_briefly():
    assert ranges([3, 17, 40, 41, 42, 50]) == "3,17,40-42,50"


def test_a_folder_without_a_manifest_says_nothing(tmp_path: Path):
    assert read_manifest(tmp_path) is None
    assert next_command(tmp_path, "--resume") is None


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "not what tm-generate writes"),
        (b"{}", "not what tm-generate writes"),
    ],
)
def test_what_is_not_a_manifest_is_named(tmp_path: Path, content: bytes, problem: str):
    (tmp_path / "generate.json").write_bytes(content)
    with pytest.raises(FormatError, match=rf"generate\.json: {problem}"):
        read_manifest(tmp_path)


def test_a_value_of_another_type_is_not_taken(data_dir: Path, tmp_path: Path):
    manifest = json.loads((data_dir / "generate.json").read_text())
    assert read_manifest(data_dir) == manifest
    (tmp_path / "generate.json").write_text(json.dumps({**manifest, "n_examples": "many"}))
    with pytest.raises(FormatError, match="not what tm-generate writes"):
        read_manifest(tmp_path)


@pytest.mark.slow
def test_the_command_is_kept_as_it_was_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    run = [str(LFO4), "my data", "--examples=3"]
    typed = f"tm-generate {LFO4} 'my data' --examples=3"
    folder = Path("my data")
    for more in ([], ["--resume"], ["--only", "1"], ["--res", "2"], ["--only=0-1"]):
        assert tm_generate.main([*run, *more]) == 0
        assert next_command(folder) == typed
    assert next_command(folder, "--only", "1,2") == f"{typed} --only 1,2"
    # Grown, it is the command that made it grow.
    assert tm_generate.main([str(LFO4), "my data", "--resume", "--examples", "4"]) == 0
    assert next_command(folder) == f"tm-generate {LFO4} 'my data' --examples 4"
    assert tm_generate.main([str(LFO4), "my data", "--only", "2"]) == 0
    assert next_command(folder) == f"tm-generate {LFO4} 'my data' --examples 4"


def test_made_from_python_there_is_no_command(tmp_path: Path):
    patch, settings = load_patch(LFO4, "fm"), GenerateSettings(1)
    generate(patch, tmp_path, settings)
    assert next_command(tmp_path) is None
    # What is typed next is kept.
    generate(patch, tmp_path, settings, resume=True, command=["tm-generate", "a", "b"])
    assert next_command(tmp_path) == "tm-generate a b"


def test_a_folder_that_was_moved_is_named_as_it_is_now(tmp_path: Path):
    patch, settings = load_patch(LFO4, "fm"), GenerateSettings(1)
    made = tmp_path / "made"
    generate(patch, made, settings, command=["tm-generate", "lfo4", f"{made}/", "--seed", "0"])
    moved = made.rename(tmp_path / "moved")
    assert next_command(moved) == f"tm-generate lfo4 {moved} --seed 0"
