"""`Canvas`: the file of a Pure Data patch, written box by box."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Plug: TypeAlias = int | tuple[int, int]
"""A box, or a box and the number of its outlet or inlet."""


@dataclass
class Canvas:
    """A Pure Data canvas that boxes are put on, one after the other.

    Parameters
    ----------
    size : (int, int)
        Width and height of the window in pixels.
    name : str, optional
        Of a canvas inside another one.
    """

    size: tuple[int, int]
    name: str = ""
    lines: list[str] = field(default_factory=list[str])
    structs: list[str] = field(default_factory=list[str])
    cords: list[str] = field(default_factory=list[str])
    n_boxes: int = 0

    def put(self, kind: str, x: int, y: int, text: str, *inputs: Plug | None) -> int:
        """Put a box, its inlets connected to ``inputs`` in turn; return its number."""
        for sign in ",;$":
            # In a message the comma is a word of its own.
            space = " " if kind == "msg" and sign == "," else ""
            text = text.replace(sign, space + "\\" + sign)
        self.lines.append(f"#X {kind} {x} {y} {text};")
        self.n_boxes += 1
        for inlet, source in enumerate(inputs):
            if source is not None:
                self.cord(source, (self.n_boxes - 1, inlet))
        return self.n_boxes - 1

    def obj(self, x: int, y: int, text: str, *inputs: Plug | None) -> int:
        """Put an object."""
        return self.put("obj", x, y, text, *inputs)

    def msg(self, x: int, y: int, text: str, *inputs: Plug | None) -> int:
        """Put a message."""
        return self.put("msg", x, y, text, *inputs)

    def cord(self, source: Plug, target: Plug) -> None:
        """Connect an outlet to an inlet."""
        (a, outlet), (b, inlet) = (p if isinstance(p, tuple) else (p, 0) for p in (source, target))
        self.cords.append(f"#X connect {a} {outlet} {b} {inlet};")

    def text(self, x: int, y: int, words: str, width: int = 0) -> int:
        """Put a comment, ``width`` letters wide; by default one line."""
        text = words.replace("\\", "\\\\").replace("$", "\\$")
        text = text.replace(",", " \\,").replace(";", " \\;")
        self.lines.append(f"#X text {x} {y} {text}, f {width or len(words) + 2};")
        self.n_boxes += 1
        return self.n_boxes - 1

    def sub(self, x: int, y: int, canvas: Canvas, *inputs: Plug | None) -> int:
        """Put a canvas inside this one."""
        self.lines.append(
            f"#N canvas 80 80 {canvas.size[0]} {canvas.size[1]} {canvas.name} 0;\n"
            + "\n".join([*canvas.lines, *canvas.cords])
            + f"\n#X restore {x} {y} pd {canvas.name};"
        )
        self.structs += canvas.structs
        self.n_boxes += 1
        for inlet, source in enumerate(inputs):
            if source is not None:
                self.cord(source, (self.n_boxes - 1, inlet))
        return self.n_boxes - 1

    def content(self) -> str:
        """Return the file's content."""
        head = f"#N canvas 60 60 {self.size[0]} {self.size[1]} 12;"
        return "\n".join([*self.structs, head, *self.lines, *self.cords]) + "\n"
