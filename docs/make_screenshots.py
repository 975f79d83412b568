"""Take the pictures of the studio in the documents: needs Chromium and Playwright.

python docs/make_screenshots.py
"""

from __future__ import annotations

import io
import math
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image  # Matplotlib brings it
from playwright.sync_api import sync_playwright

DOCS = Path(__file__).parent
SIZE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
MODEL = "clonewheel"
QUALITY = 82
"""Of WebP: no artefact can be seen, and each picture stays under 150 KB."""


def main() -> None:
    """Take a picture of each theme, and one of a phone."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    studio = [sys.executable, "-m", "timbremap_cli.studio", "--load", MODEL, "--no-browser"]
    server = subprocess.Popen(
        [*studio, "--port", "0", "--osc-port", "0"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout
    url = server.stdout.readline().split()[1]
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
            for name, theme, size in (
                ("studio_light", "light", SIZE),
                ("studio_dark", "dark", SIZE),
                ("studio_phone", "light", PHONE),
            ):
                page = browser.new_page(color_scheme=theme, viewport=size, device_scale_factor=1.5)
                page.goto(url)
                page.wait_for_selector("body[data-ready]")
                play(page)
                picture = Image.open(io.BytesIO(page.screenshot()))
                picture.save(DOCS / f"{name}.webp", quality=QUALITY, method=6)
                page.close()
            browser.close()
    finally:
        server.terminate()
        server.wait()


def play(page: Any) -> None:
    """Store a snapshot, set a parameter by hand, lock another, draw a way on the pad."""
    page.evaluate("""() => {
        studio.playing.activate(studio.playing.p.map(() => true));
        studio.playing.release();
        studio.playing.move([0.3, 0.7, 0.5]);
    }""")
    page.locator(".knob input").nth(2).fill("110")
    page.evaluate("() => studio.playing.activate(studio.playing.p.map((_, i) => i !== 5))")
    for name in ("hollow", "full, with a click"):
        page.get_by_label("Name of the next snapshot").fill(name)
        page.get_by_role("button", name="Store").click()
    page.get_by_role("button", name="Draw").click()
    box = page.locator("#pad").bounding_box()
    for i in range(60):
        angle = 0.1 * i
        x = box["x"] + box["width"] * (0.5 + 0.28 * math.cos(angle))
        y = box["y"] + box["height"] * (0.5 - 0.22 * math.sin(2 * angle))
        page.mouse.move(x, y)
        if i == 0:
            page.mouse.down()
        page.wait_for_timeout(10)
    page.mouse.up()
    page.evaluate("() => scrollTo(0, 0)")
    page.wait_for_timeout(400)


if __name__ == "__main__":
    main()
