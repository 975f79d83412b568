"""What is drawn where in a Pure Data patch, computed from its file.

The boxes are measured as Pure Data 0.53 draws them at font size 12 (g_rtext.c and the g_all_guis
family); Pure Data itself is not needed.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from itertools import combinations

LETTER_WIDTH, LINE_HEIGHT = 7, 15
"""Pixels, of the fixed-width font at size 12."""
LONGEST_LINE = 60
"""Letters after which Pure Data breaks the text of a box that has no width of its own."""

Rect = tuple[float, float, float, float]
"""Left, top, right and lower edge in pixels."""


@dataclass
class Box:
    """What is drawn for one line of the file."""

    name: str
    rects: list[Rect]
    """The box and its label."""
    is_ground: bool = False
    """Whether it is a coloured rectangle that others may lie on."""


@dataclass
class Window:
    """A canvas with the boxes that are drawn in it, the earlier beneath the later."""

    name: str
    width: int
    height: int
    shown_in_parent: tuple[int, int] | None = None
    boxes: list[Box] = field(default_factory=list)


def windows_of(text: str) -> list[Window]:
    """Read a patch: its windows, each after the windows inside it."""
    opened: list[Window] = []
    closed: list[Window] = []
    for record in re.split(r"(?<!\\);\s*\n", text):
        kind, *words = re.findall(r"(?:\\.|[^\s\\])+", record) or [""]
        if words[:1] == ["canvas"]:
            opened.append(Window(words[5] if opened else "itself", int(words[3]), int(words[4])))
        elif words[:1] == ["coords"]:
            opened[-1].shown_in_parent = int(words[5]), int(words[6])
        elif words[:1] == ["restore"]:
            inner = opened.pop()
            closed.append(inner)
            box = text_box("restore", record, words)
            if inner.shown_in_parent:
                x, y = map(int, words[1:3])
                width, height = inner.shown_in_parent
                box = Box(box.name, [(x, y, x + width, y + height)])
            opened[-1].boxes.append(box)
        elif kind == "#X" and words[0] == "obj" and words[3] in GUI:
            opened[-1].boxes.append(GUI[words[3]](words))
        elif kind == "#X" and words[0] in ("obj", "msg", "text"):
            opened[-1].boxes.append(text_box(words[0], record, words))
        elif kind == "#X" and words[0] in ("floatatom", "symbolatom"):
            x, y, n_letters = map(int, words[1:4])
            rect = (x, y, x + n_letters * LETTER_WIDTH + 4, y + LINE_HEIGHT + 5)
            opened[-1].boxes.append(Box(" ".join(words[:1] + words[8:10]), [rect]))
        else:
            assert kind in ("", "#N") or words[0] in ("connect", "scalar"), record
    return [*closed, *opened]


def text_box(kind: str, record: str, words: list[str]) -> Box:
    """Measure an object, a message or a comment."""
    x, y = map(int, words[1:3])
    given = re.search(r"(?<!\\), f (\d+)$", record)
    if given:
        words = words[:-2]
    # A separator stands close to the word before it, and a semicolon ends the line.
    shown = " ".join(words[3:]).removesuffix("," if given else "")
    shown = re.sub(r" ?\\,(?= |$)", ",", shown) if kind in ("msg", "text") else shown
    shown = re.sub(r"(^| )\\; ?", ";\n", shown)
    shown = shown.replace("\\$", "$")
    lines = broken(shown, int(given[1]) if given else LONGEST_LINE)
    n_letters = max(map(len, lines))
    if kind != "text":
        n_letters = int(given[1]) if given else max(n_letters, 3)
    width = n_letters * LETTER_WIDTH + 4 + (4 if kind == "msg" else 0)
    return Box(shown, [(x, y, x + width, y + len(lines) * LINE_HEIGHT + 5)])


def broken(text: str, n_letters: int) -> list[str]:
    """Break a text at spaces into lines of at most so many letters."""
    lines: list[str] = []
    for line in text.split("\n"):
        while len(line) > n_letters:
            at = line.rfind(" ", 0, n_letters + 1)
            lines.append(line[: at if at >= 0 else n_letters])
            line = line[at + 1 if at >= 0 else n_letters :]
        lines.append(line)
    return lines


def label_of(x: int, y: int, words: list[str]) -> list[Rect]:
    """Measure a label by LABEL DX DY FONT SIZE; it is centred at DY."""
    label, dx, dy, _, size = words
    if label == "empty":
        return []
    size = int(size)
    x, y = x + int(dx), y + int(dy)
    # A letter of size 20 is 12 pixels wide and a line 24 high.
    width = len(label.replace("\\", "")) * (LETTER_WIDTH if size == 12 else math.ceil(0.6 * size))
    height = 0.6 * size
    return [(x, y - height, x + width, y + height)]


def slider(words: list[str]) -> Box:
    x, y, width, height = (int(words[i]) for i in (1, 2, 4, 5))
    # The knob reaches over both ends.
    if words[3] == "hsl":
        rect = (x - 3, y, x + width + 2, y + height)
    else:
        rect = (x, y - 2, x + width, y + height + 3)
    return Box(words[10], [rect, *label_of(x, y, words[12:17])])


def square(words: list[str]) -> Box:
    x, y, size = (int(words[i]) for i in (1, 2, 4))
    at = {"tgl": 6, "bng": 8, "vradio": 8}[words[3]]
    n = int(words[7]) if words[3] == "vradio" else 1
    rect = (x, y, x + size, y + n * size)
    return Box(words[at], [rect, *label_of(x, y, words[at + 2 : at + 7])])


def rectangle(words: list[str]) -> Box:
    x, y, width, height = (int(words[i]) for i in (1, 2, 5, 6))
    rect = (x, y, x + width, y + height)
    # One that receives shows a text that changes, so nothing may lie on it.
    is_ground = words[8] == "empty"
    label = label_of(x, y, words[9:14])
    return Box(" ".join(words[7:10]), [rect, *label], is_ground)


GUI = {
    "hsl": slider,
    "vsl": slider,
    "tgl": square,
    "bng": square,
    "vradio": square,
    "cnv": rectangle,
}


def overlap(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def lies_in(a: Rect, b: Rect) -> bool:
    return a[0] >= b[0] and a[1] >= b[1] and a[2] <= b[2] and a[3] <= b[3]


def covered(window: Window) -> list[tuple[str, str]]:
    """Pairs of boxes that overlap and are not a ground and what lies wholly on it."""
    pairs: list[tuple[str, str]] = []
    for below, above in combinations(window.boxes, 2):
        rects = below.rects
        if below.is_ground and all(lies_in(rect, rects[0]) for rect in above.rects):
            rects = rects[1:]
        if any(overlap(a, b) for a in rects for b in above.rects):
            pairs.append((below.name, above.name))
    return pairs


def outside(window: Window) -> list[str]:
    """Boxes that do not lie wholly in their window."""
    area = (0, 0, window.width, window.height)
    return [box.name for box in window.boxes for rect in box.rects if not lies_in(rect, area)]
