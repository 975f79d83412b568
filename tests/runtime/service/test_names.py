from __future__ import annotations

import unicodedata
from typing import Any

import pytest

from timbremap_runtime.service.names import ParameterWords


@pytest.mark.parametrize(
    "names",
    [
        ("rate", "duty", "5 1/3'"),
        ("1", "2", "3"),
        ("0", "_0", "__0"),
        ("a", "a_2", "a", "a b"),
        ("a b", "a_b", "a/b", "a.b"),
        ("Größe", "音", "量", ""),
        ("10", "9", "8", "7", "6", "5", "4", "3", "2", "1", "0"),
    ],
)
def test_what_is_sent_for_a_parameter_sets_the_same_one(names: tuple[str, ...]):
    words = ParameterWords(names)
    assert [words.index(word) for word in words.words] == list(range(len(names)))


def test_a_number_counts_from_0_whatever_the_parameters_are_called():
    words = ParameterWords(("1", "2", "cutoff"))
    assert words.words == ("_1", "_2", "cutoff")
    assert [words.index(word) for word in ("0", "1", "2", "3")] == [0, 1, 2, None]
    assert words.index("9" * 5000) is None
    assert words.index("²") is None


def test_a_name_may_be_sent_as_it_is():
    words = ParameterWords(("5 1/3'", "a b", "a_b"))
    assert [words.index(name) for name in ("5 1/3'", "a b", "a_b")] == [0, 1, 2]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("sent", ["NFC", "NFD"])
def test_accents_match_in_both_forms(form: Any, sent: Any):
    names = ("Höhe", "Fülle")
    words = ParameterWords([unicodedata.normalize(form, name) for name in names])
    assert words.words == ("H_he", "F_lle")
    assert [words.index(unicodedata.normalize(sent, name)) for name in names] == [0, 1]
