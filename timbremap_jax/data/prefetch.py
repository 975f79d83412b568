"""The next batch is prepared while the last one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")


def prefetch(prepare: Callable[[Item], Prepared], items: Iterable[Item]) -> Iterator[Prepared]:
    """Give ``prepare(item)`` of each item in order, made one ahead in a thread.

    An exception of ``prepare`` is raised where its result would have come.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        upcoming: Future[Prepared] | None = None
        for item in items:
            current, upcoming = upcoming, pool.submit(prepare, item)
            if current is not None:
                yield current.result()
        if upcoming is not None:
            yield upcoming.result()
