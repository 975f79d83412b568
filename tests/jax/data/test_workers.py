from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from timbremap_jax.data.workers import MAX_DEATHS_IN_A_ROW, WorkerDied, map_rows
from timbremap_runtime.errors import MissingExtra, PathError, TimbreMapError


def squares() -> Callable[[int], int]:
    return lambda row: row * row


def dying_at(rows: tuple[int, ...], once: Path | None) -> Callable[[int], int]:
    """Kill the process at some rows; only the first time where ``once`` is a folder for marks."""

    def task(row: int) -> int:
        if row in rows and not (once and (once / str(row)).exists()):
            if once:
                (once / str(row)).touch()
            os._exit(3)
        return row

    return task


def failing_at(row_that_fails: int) -> Callable[[int], int]:
    def task(row: int) -> int:
        if row == row_that_fails:
            raise PathError("the disk is full")
        return row

    return task


def missing() -> Callable[[int], int]:
    raise MissingExtra("dawdreamer", "render")


def dying_at_once(status: int) -> Callable[[int], int]:
    os._exit(status)


@pytest.mark.parametrize("n_workers", [1, 3])
def test_every_row_is_answered_once(n_workers: int):
    answers = list(map_rows(squares, range(5, 105), n_workers))
    assert sorted(answers) == [(row, row * row) for row in range(5, 105)]


def test_no_rows_need_no_workers():
    assert list(map_rows(squares, [])) == []


def test_a_worker_that_dies_is_replaced_and_its_row_tried_once_more(tmp_path: Path):
    task = partial(dying_at, (0, 20, 39), tmp_path)
    assert sorted(map_rows(task, range(40), 2)) == [(row, row) for row in range(40)]


def test_a_row_that_kills_two_workers_costs_only_itself():
    answers = dict(map_rows(partial(dying_at, (7, 8), None), range(40), 2))
    assert sorted(answers) == list(range(40))
    died = [row for row, answer in answers.items() if isinstance(answer, WorkerDied)]
    assert sorted(died) == [7, 8]
    assert str(answers[7]) == "its process ended with status 3"


@pytest.mark.slow
def test_rows_beside_one_that_kills_are_tried_as_often_as_others(tmp_path: Path):
    # All in one chunk, and each kills a worker once.
    task = partial(dying_at, tuple(range(5)), tmp_path)
    assert sorted(map_rows(task, range(40), 1)) == [(row, row) for row in range(40)]


@pytest.mark.slow
def test_workers_that_all_die_are_given_up():
    every = tuple(range(200))
    with pytest.raises(TimbreMapError, match=f"{MAX_DEATHS_IN_A_ROW} processes died one after"):
        list(map_rows(partial(dying_at, every, None), every, 2))


def test_an_error_of_the_task_ends_the_work():
    with pytest.raises(PathError, match="the disk is full"):
        list(map_rows(partial(failing_at, 30), range(60), 2))


def test_an_error_of_making_the_task_ends_the_work():
    with pytest.raises(MissingExtra, match=r"timbremap\[render\]"):
        list(map_rows(missing, range(60), 2))


def hanging_at(row_that_hangs: int) -> Callable[[int], int]:
    def task(row: int) -> int:
        if row == row_that_hangs:
            time.sleep(600)
        return row

    return task


@pytest.mark.slow
def test_a_worker_that_hangs_is_ended_and_costs_only_its_row():
    answers = dict(map_rows(partial(hanging_at, 3), range(6), 2, patience_s=1.5))
    assert isinstance(answers[3], WorkerDied)
    assert "did not answer any more" in str(answers[3])
    assert [answers[row] for row in (0, 1, 2, 4, 5)] == [0, 1, 2, 4, 5]


def test_what_a_task_needs_is_there_before_a_row_is_handed_out(tmp_path: Path):
    made = tmp_path / "made"
    answers = map_rows(partial(existing, made), range(200), 2, opened=made.touch)
    assert dict(answers) == dict.fromkeys(range(200), True)


def existing(file: Path) -> Callable[[int], bool]:
    return lambda _: file.exists()


@pytest.mark.parametrize("task", [missing, partial(dying_at_once, 7)])
def test_a_task_that_cannot_be_made_opens_nothing(task: Callable[[], Callable[[int], int]]):
    opened: list[bool] = []
    answers = map_rows(task, range(4), 2, opened=lambda: opened.append(True))
    try:
        assert all(isinstance(answer, WorkerDied) for _, answer in answers)
    except MissingExtra:
        pass
    assert not opened
