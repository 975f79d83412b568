"""What the server answers, of a model that has all that belongs to one."""

from __future__ import annotations

import io
import json
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import numpy as np
import pytest
import soundfile

from tests.support.studio import Running, running_studio, until
from timbremap_jax.data.folder import DataFolder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained model with a report, beside one whose map cannot be read."""
    models = tmp_path_factory.mktemp("models")
    shutil.copytree(model_dir, models / "whole one", ignore=shutil.ignore_patterns("checkpoint"))
    (models / "whole one" / "report.html").write_text(
        "<!doctype html><title>Report</title><script>document.title = 'It runs'</script>"
    )
    shutil.copytree(models / "whole one", models / "broken")
    (models / "broken" / "timbremap" / "vec_scale" / "mean.npy").write_bytes(b"no array")
    return models


@pytest.fixture(scope="module")
def studio(folder: Path) -> Iterator[Running]:
    with running_studio(str(folder), "--load", "whole one") as running:
        yield running


def get(studio: Running, path: str) -> tuple[bytes, Any]:
    with urllib.request.urlopen(studio.url + path, timeout=20) as answer:
        return answer.read(), answer.headers


def test_a_broken_model_does_not_hide_the_others(studio: Running):
    listed = json.loads(get(studio, "models.json")[0])
    assert [each["name"] for each in listed] == ["broken", "whole one"]
    assert "mean.npy" in listed[0]["error"]
    assert listed[1]["report"]
    with pytest.raises(HTTPError, match="404"):
        get(studio, "models/broken/model.json")


def test_every_dot_has_its_recording(studio: Running, data_dir: Path):
    content, headers = get(studio, "models/whole%20one/dots")
    labels = np.load(DataFolder(data_dir).labels)
    assert (headers["X-Dots"], headers["X-Recordings"]) == (str(len(labels)), "1")
    assert headers["X-Speed"] == "sound"
    dots = np.frombuffer(content, "<f4").reshape(len(labels), 3 + 4 + 1)
    np.testing.assert_allclose(dots[:, 3:7], labels, rtol=1e-6)
    sound, headers = get(studio, "models/whole%20one/sounds/5.wav")
    assert headers["Content-Type"] == "audio/wav"
    expected = soundfile.read(DataFolder(data_dir).wav(5))[0]
    np.testing.assert_array_equal(soundfile.read(io.BytesIO(sound))[0], expected)


def test_a_report_is_shown_without_rights(studio: Running, browser: Any):
    policy = get(studio, "models/whole%20one/report")[1]["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-scripts;")
    assert "default-src 'none'" in policy
    page = browser.new_page()
    page.goto(studio.url + "models/whole%20one/report")
    until(page, "() => document.title === 'It runs'")
    reach = "() => fetch('/models.json').then(() => 'reached', () => 'refused')"
    assert page.evaluate(reach) == "refused"
    page.close()


def test_a_touched_dot_is_heard(studio: Running, browser: Any):
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(studio.url)
    page.wait_for_selector("body[data-ready='whole one']")
    link = page.get_by_role("link", name="Report of this model")
    assert link.get_attribute("href") == "/models/whole%20one/report"
    page.get_by_role("button", name="Listen").click()
    x, y, *_ = page.evaluate("() => studio.dots.point(9)")
    box = page.locator("#pad").bounding_box()
    page.evaluate("""() => {
        window.heard = [];
        const play = Audio.prototype.play;
        Audio.prototype.play = function () {
            this.addEventListener("ended", () => heard.push(this.duration));
            return play.call(this);
        };
    }""")
    page.mouse.click(box["x"] + x * box["width"], box["y"] + (1 - y) * box["height"])
    until(page, "() => heard.length > 0")
    assert page.evaluate("() => heard") == [pytest.approx(0.3, abs=0.01)]
    assert [url for url in asked if url.endswith(".wav")]
    page.close()
