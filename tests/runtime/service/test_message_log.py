from __future__ import annotations

from pathlib import Path

import pytest

from timbremap_runtime.errors import FormatError, PathError
from timbremap_runtime.service.message_log import MessageLog, read_messages


def test_a_log_is_read_as_it_was_written(tmp_path: Path):
    now = [0.0]
    with MessageLog(tmp_path / "take.jsonl", clock=lambda: now[0]) as log:
        for address, values in (("/tm/c", (0.25, 1)), ("/tm/load", ("one",)), ("/x", (None,))):
            log.write(address, values)
            now[0] += 0.5
    messages = list(read_messages(tmp_path / "take.jsonl"))
    assert messages == [(0.0, "/tm/c", (0.25, 1)), (0.5, "/tm/load", ("one",))]


def test_a_log_takes_the_place_of_nothing(tmp_path: Path):
    (tmp_path / "file").write_text("a take that nobody can play again")
    with pytest.raises(PathError, match="already exists; choose another name"):
        MessageLog(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "a take that nobody can play again"
    for place in (tmp_path / "missing" / "take", tmp_path / "file" / "take"):
        with pytest.raises(PathError, match="cannot be written"):
            MessageLog(place)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[0.0, "/tm/c", 1]\nnonsense', "line 2: 'nonsense' is not"),
        ("[]", "line 1"),
        ('[1.0, "/a"]\n[0.5, "/a"]', "line 2: timestamps must not decrease"),
        ('[1e9, "/a"]', "line 1: timestamps must not decrease or exceed 1e"),
        ('["x", "/a"]', "line 1"),
    ],
)
def test_a_file_that_is_not_a_log_names_the_line(text: str, said: str, tmp_path: Path):
    (tmp_path / "take.jsonl").write_text(text)
    with pytest.raises(FormatError, match=said):
        list(read_messages(tmp_path / "take.jsonl"))


def test_what_cannot_be_read_is_said(tmp_path: Path):
    (tmp_path / "sound").write_bytes(b"RIFF\xff\xfe")
    with pytest.raises(FormatError, match="not a message log"):
        list(read_messages(tmp_path / "sound"))
    with pytest.raises(PathError, match="cannot be read"):
        list(read_messages(tmp_path / "missing.jsonl"))
