"""Names of parameters as OSC addresses and messages have them.

In ``/tm/p/WORD`` a WORD of digits alone is a number: it counts the parameters from 0. Any other
is a name, in which ``_`` stands for all that is not a letter of ASCII, a digit, a dot, a dash or
an underscore; a name that is a number itself has ``_`` before it. The same words are sent
(``--named``) and understood.

An accented letter is one character or two (NFC, NFD; macOS writes folder names in the latter).
Names are compared in NFC, so both match.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST_NUMBER = 6
"""Digits; what is longer is no index of anything, and costs time to read."""


class ParameterWords:
    """The words for a model's parameters.

    Parameters
    ----------
    names : sequence of str
        Their names.

    Examples
    --------
    >>> words = ParameterWords(["rate", "5 1/3'", "1"])
    >>> words.words
    ('rate', '5_1_3_', '_1')
    >>> words.index("rate"), words.index("1"), words.index("_1"), words.index("5 1/3'")
    (0, 1, 2, 1)
    """

    def __init__(self, names: Sequence[str]):
        names = [composed(name) for name in names]
        indices: dict[str, int] = {}
        # A name that can stand as it is keeps its word; those that are changed make room for it.
        unchanged = [index for index, name in enumerate(names) if _word(name) == name]
        for index in sorted(range(len(names)), key=lambda index: index not in unchanged):
            word = _word(names[index])
            while word in indices:
                word += f"_{index}"
            indices[word] = index
        self._indices = indices
        self._names = dict(zip(reversed(names), reversed(range(len(names))), strict=True))
        self.words = tuple(sorted(indices, key=indices.__getitem__))
        """In the order of the parameters."""

    def index(self, word: str) -> int | None:
        """Find a parameter by its number or by its name; None if there is no such parameter."""
        if word.isascii() and word.isdigit():
            index = int(word) if len(word) <= LONGEST_NUMBER else -1
            return index if 0 <= index < len(self.words) else None
        word = composed(word)
        for candidates in (self._indices, self._names):
            if word in candidates:
                return candidates[word]
        return self._indices.get(_word(word))


def composed(name: str) -> str:
    """Write every accented letter as one character (NFC)."""
    return unicodedata.normalize("NFC", name)


def _word(name: str) -> str:
    word = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
    return f"_{word}" if word.isdigit() else word
