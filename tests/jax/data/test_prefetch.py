from __future__ import annotations

import threading

import pytest

from timbremap_jax.data.prefetch import prefetch


@pytest.mark.parametrize("n", [0, 1, 2, 7])
def test_items_come_in_order(n: int):
    assert list(prefetch(lambda i: i * i, range(n))) == [i * i for i in range(n)]


def test_the_next_item_is_prepared_while_one_is_used():
    begun = [threading.Event() for _ in range(3)]

    def prepare(i: int) -> int:
        begun[i].set()
        return i

    for i in prefetch(prepare, range(3)):
        assert begun[min(i + 1, 2)].wait(10)
        if i == 0:
            assert not begun[2].is_set()


def test_an_error_comes_where_its_item_would():
    def prepare(i: int) -> int:
        if i == 2:
            raise OSError("gone")
        return i

    seen: list[int] = []
    with pytest.raises(OSError, match="gone"):
        for i in prefetch(prepare, range(5)):
            seen.append(i)
    assert seen == [0, 1]
