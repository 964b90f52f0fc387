"""Workers give each item its own result, however many there are, and leave no setting changed."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine import workers
from tinyzip.machine.workers import Workers, thread_count

USUAL = np.getbufsize()  # noted before any test has run


@given(st.integers(1, 4), st.integers(0, 9))
def test_workers_give_every_item_its_own_result_in_order(threads, items):
    with Workers(threads) as crew:
        assert crew.map(lambda item, _: item**2, range(items)) == [item**2 for item in range(items)]


def test_whoever_is_free_takes_the_next_item_and_each_has_a_workspace():
    all_others, used = threading.Event(), {}

    def work(item, workspace):
        used[item] = workspace
        if item == 0:
            assert all_others.wait(20)
        elif len(used) == 7:
            all_others.set()

    with Workers(2) as crew:
        crew.map(work, range(7))
        assert {id(used[item]) for item in range(1, 7)} == {id(w) for w in crew.workspaces} - {id(used[0])}


@pytest.mark.parametrize("failing", [0, 1, 5])
def test_an_error_in_any_thread_comes_out_after_all_have_stopped(failing):
    finished = []

    def work(item, _):
        if item == failing:
            raise ArithmeticError(item)
        finished.append(item)

    with Workers(2) as crew:
        with pytest.raises(ArithmeticError):
            crew.map(work, range(6))
        many = len(finished)
        assert crew.map(lambda item, _: item, range(3)) == [0, 1, 2]
        assert len(finished) == many


def test_there_are_no_more_threads_than_cores_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {3, 5, 7}, raising=False)
    assert (thread_count(None), thread_count(1), thread_count(12)) == (3, 1, 12)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))
    assert thread_count(None) == 8
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert thread_count(None) == 1


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2"])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(ValueError, match="threads: found"):
        Workers(threads)


def test_the_buffer_size_is_what_it_was_even_after_an_error():
    for threads in (1, 2):
        with Workers(threads) as crew:
            assert crew.map(lambda _, __: np.getbufsize(), range(4)) == [workers.BUFFER] * 4
            assert np.getbufsize() == USUAL
            with pytest.raises(ZeroDivisionError):
                crew.map(lambda item, _: 1 / item, range(4))
            assert np.getbufsize() == USUAL


def test_an_error_waits_until_no_thread_uses_the_workspaces():
    begun, done = threading.Event(), []

    def work(item, _):
        if item == 0:
            begun.wait()
            raise ZeroDivisionError
        begun.set()
        for i in range(10**5):
            if i == 10**5 - 1:
                done.append(item)

    with Workers(2) as crew, pytest.raises(ZeroDivisionError):
        crew.map(work, range(2))
    assert done == [1]
