"""What is handed to others: the wheel and the source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
from email.parser import Parser
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.support.paths import REPOSITORY

pytestmark = pytest.mark.slow

PACKAGES = {"timbremap_runtime", "timbremap_jax", "timbremap_studio", "timbremap_cli"}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a wheel and a source distribution, built from what git would give away."""
    folder = tmp_path_factory.mktemp("dist")
    source = folder / "source"
    source.mkdir()
    files = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, capture_output=True, check=True,
    ).stdout.split(b"\0")  # fmt: skip
    for file in filter(None, files):
        path = REPOSITORY / file.decode()
        if path.is_file():
            target = source / file.decode()
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist")]
    subprocess.run([*build, str(source)], check=True, capture_output=True)
    return folder / "dist"


def test_both_pass_the_checks_of_the_package_index(dist: Path):
    files = sorted(map(str, dist.iterdir()))
    assert [Path(f).suffix for f in files] == [".whl", ".gz"]
    run = [sys.executable, "-m", "twine", "check", "--strict", *files]
    done = subprocess.run(run, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_holds_the_packages_and_nothing_else(dist: Path):
    wheel = ZipFile(next(dist.glob("*.whl")))
    names = wheel.namelist()
    tops = {n.split("/")[0] for n in names if ".dist-info/" not in n}
    assert tops == {*PACKAGES, "timbremap_patches"}
    modules = {n for n in names if n.endswith(".py")}
    for package in PACKAGES:
        folder = REPOSITORY / package.replace("timbremap_cli", "cli")
        here = {f.relative_to(folder).as_posix() for f in folder.rglob("*.py")}
        assert {f"{package}/{f}" for f in here} <= modules
    assert "timbremap_runtime/py.typed" in names
    assert "timbremap_runtime/export/page/sound/worklet.js" in names
    page = REPOSITORY / "timbremap_studio" / "page"
    here = {f.relative_to(page).as_posix() for f in page.rglob("*") if f.is_file()}
    assert here
    assert {f"timbremap_studio/page/{f}" for f in here} <= set(names)
    metadata = Parser().parsestr(
        wheel.read(next(n for n in names if n.endswith("/METADATA"))).decode()
    )
    assert metadata["License-Expression"] == "MIT"
    base = [r for r in metadata.get_all("Requires-Dist") or [] if "extra ==" not in r]
    assert [r.split(">")[0] for r in base] == ["numpy"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert set(metadata.get_all("Provides-Extra") or []) == set(project["optional-dependencies"])


def test_the_wheel_has_instruments_to_play(dist: Path, tmp_path: Path):
    """Those that tm-studio shows, without what is read or looked at."""
    with ZipFile(next(dist.glob("*.whl"))) as wheel:
        inside = [n for n in wheel.namelist() if n.startswith("timbremap_patches/")]
        wheel.extractall(tmp_path, [n for n in wheel.namelist() if ".dist-info/" not in n])
    assert not [n for n in inside if n.endswith((".py", ".png", ".md", ".pd", ".maxpat"))]
    run = [sys.executable, "-m", "timbremap_cli.studio", "--list"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.split() == ["am", "clonewheel", "fcm", "fm", "pwm", "universal"]
    shown = [sys.executable, "-c", "import timbremap_studio as s; print(s.__file__)"]
    done = subprocess.run(shown, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.startswith(str(tmp_path))  # and not the checkout


def test_the_commands_of_the_wheel_are_there(dist: Path, tmp_path: Path):
    """Installed beside nothing but the packages that are here already."""
    wheel = str(next(dist.glob("*.whl")))
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(tmp_path / "site"), wheel], check=True)
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["scripts"]
    for name in project["scripts"]:
        (script,) = (tmp_path / "site").glob(f"*/{name}*")
        run = [*([] if script.suffix == ".exe" else [sys.executable]), str(script), "--help"]
        environment = {"PYTHONPATH": str(tmp_path / "site"), "PATH": ""}
        done = subprocess.run(run, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert "example:" in done.stdout


def test_the_source_distribution_can_be_built_from(dist: Path):
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        names = {n.partition("/")[2] for n in archive.getnames()}
    assert {"pyproject.toml", "LICENSE", "README.md", "cli/train.py"} <= names
