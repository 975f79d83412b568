from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from timbremap_jax.data.labels import read_labels
from timbremap_runtime.errors import FormatError, PathError

ROWS = [[12, 34.5, 127], [0, 64, 3], [99, 1, 60]]


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "labels.csv"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    "content",
    [
        "12,34.5,127\n0,64,3\n99,1,60\n",
        "12,34.5,127\n0,64,3\n99,1,60",
        "12, 34.5, 127\r\n0,64,3\r\n99,1,60\r\n\r\n",
        "12,34.5,127\r0,64,3\r99,1,60\r",
        "rate,duty,shape\n12,34.5,127\n0,64,3\n99,1,60\n",
        "# rate; duty, shape\n12,34.5,127\n0,64,3\n99,1,60\n",
        '"12","34.5","127"\n"0","64","3"\n"99","1","60"\n',
        "12;34,5;127\n0;64;3\n99;1;60\n",
        "12,00;34,50;127,00\n0,00;64,00;3,00\n99,00;1,00;60,00\n",
        "12\t34.5\t127\n0\t64\t3\n99\t1\t60\n",
        "1.2e1,+34.5,127.\n0,64,3\n99,1,60\n\n\n",
        "\ufeff12,34.5,127\r\n0,64,3\r\n99,1,60\r\n",
        "12,34.5,127\n0,64,3\n99,1,60\n".encode("utf-16"),
    ],
)
def test_every_way_to_write_a_table_gives_its_rows(tmp_path: Path, content: str | bytes):
    labels = read_labels(written(tmp_path, content))
    assert labels.dtype == np.float32
    assert np.array_equal(labels, np.array(ROWS, np.float32))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", r"labels\.csv: is empty"),
        ("\n\n", r"labels\.csv: is empty"),
        ("rate,duty\n", r"labels\.csv: is empty"),
        ("1,2\n\n3,4\n", "line 2: is blank"),
        ("\n1,2\n3,4\n", "line 1: is blank"),
        ("1,2\n , \n3,4\n", "line 2: is blank"),
        ("1,2\n# brighter\n3,4\n", "line 2: is a comment"),
        ("1,2\n#3,4\n5,6\n", "line 2: is a comment"),
        ("# 1,2\n3,4\n", "line 1: is a comment"),
        ("1,2\n3,two\n", "line 2: 'two' is not a number"),
        ("rate,2\n3,4\n", "line 1: 'rate' is not a number"),
        ("1,nan\n", "line 1: 'nan' is not a number"),
        ("1,1_0\n", "line 1: '1_0' is not a number"),
        ("1,٣\n", "line 1: '٣' is not a number"),
        ("1,2,\n", "line 1: value 3 is missing"),
        ("1,2\n3\n", "line 2: number of values is 1, but 2 in the first row"),
        ("64,00,12,50\n", "line 1: '00' looks like the decimals"),
        (b"1,2\n3,\xf6\n", "line 2: is not UTF-8 text"),
        ("1,2\n3,128\n", r"parameter 1 of row 1 is 128; parameters run from 0 to 127"),
        ("1,2\n-1,1\n", r"parameter 0 of row 1 is -1; parameters run"),
        ("1,1e999\n", r"parameter 1 of row 0 is inf; parameters run"),
        ("0.5,0.25\n1,0\n", r"no parameter is above 1.*multiply them by 127"),
        (
            "".join(f"{i},{i * i % 90}\n" for i in range(12)),
            r"first column numbers the rows \(0, 1",
        ),
        ("".join(f"{i},7\n" for i in range(1, 13)), r"first column numbers the rows \(1, 2"),
        ('1,"' + "9" * 140_000 + '"\n', "not rows of numbers"),
    ],
)
def test_what_could_move_a_row_or_is_no_parameter_is_refused(
    tmp_path: Path, content: str | bytes, said: str
):
    with pytest.raises(FormatError, match=said) as refused:
        read_labels(written(tmp_path, content))
    assert "\n" not in str(refused.value)


def test_one_parameter_may_count(tmp_path: Path):
    content = "".join(f"{i}\n" for i in range(20))
    assert np.array_equal(read_labels(written(tmp_path, content)), np.arange(20)[:, None])


def test_a_file_that_is_not_there_says_what_writes_it(tmp_path: Path):
    with pytest.raises(PathError, match=r"labels\.csv: no such file; tm-generate writes it"):
        read_labels(tmp_path / "labels.csv")


def test_a_damaged_table_is_one_line_or_keeps_every_row_in_its_place(tmp_path: Path):
    """Change a table anywhere; whatever is still read must be the rows of its lines."""
    generator = np.random.default_rng(0)
    good = "".join(f"{a},{b},{c}\n" for a, b, c in generator.integers(2, 128, (12, 3)).tolist())
    snippets = [
        "\n",
        ",",
        ";",
        "#",
        "\r",
        '"',
        "-",
        "e",
        "9",
        " ",
        "\0",
        "x",
        "\ufeff",
        "\x85",
    ]
    n_read = 0
    for _ in range(1500):
        text = list(good)
        for _ in range(generator.integers(1, 4)):
            at = int(generator.integers(len(text)))
            kind = generator.integers(3)
            snippet = snippets[int(generator.integers(len(snippets)))]
            if kind == 0:
                text.insert(at, snippet)
            elif kind == 1:
                text[at] = snippet
            else:
                del text[at]
        damaged = "".join(text)
        try:
            labels = read_labels(written(tmp_path, damaged))
        except FormatError as error:
            assert "\n" not in str(error)
            assert "labels.csv" in str(error)
            continue
        n_read += 1
        # Row i is what line i says, read in the plainest way there is.
        lines = damaged.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        lines = [line for line in lines if line.strip()]
        if len(labels) == len(lines) - 1:
            lines = lines[1:]  # the first became a header
        assert len(lines) == len(labels)
        for line, row in zip(lines, labels, strict=True):
            cells = line.strip("\ufeff").replace('"', "").replace(";", ",")
            assert [float(cell) for cell in cells.split(",")] == row.tolist()
    assert n_read > 100
