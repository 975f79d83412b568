from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from timbremap_cli import encode, train

from tests.support.paths import REPOSITORY
from timbremap_jax.model import encoders


@pytest.mark.slow
def test_an_encoder_is_added_as_the_page_says(
    data_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## Adding an encoder\n")[2].partition("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", section, re.S)
    (name, kind) = re.findall(r'`"(\w+)": (\w+)`', section)[0]
    namespace = dict(vars(encoders))
    exec(code, namespace)
    monkeypatch.setitem(encoders.BODIES, name, namespace[kind])
    assert f"tm-train --encoder {name}" in section
    model = tmp_path / "model"
    assert train.main(["--encoder", name, "--epochs", "1", str(data_dir), str(model)]) == 0
    assert json.loads((model / "config.json").read_text())["training"]["encoder"] == name
    assert encode.main([str(model), str(data_dir / "wavs" / "ex_0.wav")]) == 0
