"""Workers give each item its own result, however many there are, and leave no setting changed."""

import sys
import threading
from types import SimpleNamespace

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
    assert Workers(threads).map(lambda item, _: item**2, range(items)) == [item**2 for item in range(items)]


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
    monkeypatch.setattr("os.sched_getaffinity", {0: {3, 5, 7}}.get, raising=False)
    assert (thread_count(None), thread_count(1), thread_count(12)) == (3, 1, 12)
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(64)))
    assert thread_count(None) == 8
    monkeypatch.setattr("tinyzip.machine.blas.can_be_held", lambda: False)
    assert (thread_count(None), thread_count(3)) == (1, 3)
    monkeypatch.undo()
    monkeypatch.delattr("os.sched_getaffinity")
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert thread_count(None) == 1


@pytest.mark.parametrize("threads", [0, -1, 1.5, "2", True, 1025])
def test_a_number_of_threads_that_is_none_is_refused(threads):
    with pytest.raises(ValueError, match=r"^threads: found .*, needed a whole number from 1 to 1024"):
        Workers(threads)
    assert Workers(np.int64(3)).threads == len(Workers(3).workspaces) == 3
    assert Workers().threads == 1 and Workers(1024).threads == 1024


def itself(item, workspace):
    return item


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")
def test_copies_are_made_for_who_asks_twice_with_one_key():
    with Workers(2) as crew:
        assert crew.copies("a", itself) is None
        first = crew.copies("a", itself)
        assert first is not None and first is crew.copies("a", itself) and first.map([1, 2]) == [1, 2]
        assert len(first._copies) == 1
        assert crew.copies("b", itself) is None and not first._copies
        assert crew.copies("b", itself) not in (None, first)
        with crew:
            assert crew.can_fork
        assert crew.can_fork
        kept = crew.processes(itself)
        assert kept.map([1, 2]) == [1, 2] and len(kept._copies) == 1
    assert not kept._copies  # they end with the block
    assert not crew.can_fork and crew.copies("b", itself) is None
    with crew:
        assert crew.copies("b", itself) is None


@pytest.mark.skipif(sys.platform != "linux", reason="copies are made on Linux only")
def test_the_process_is_copied_only_by_its_main_thread_and_where_blas_is_held(monkeypatch):
    with Workers(1) as crew:
        assert not crew.can_fork and crew.copies("a", itself) is None is crew.copies("a", itself)
    with Workers(2) as crew:
        found = [crew.can_fork]
        thread = threading.Thread(target=lambda: found.append(crew.can_fork))
        thread.start()
        thread.join()
        with monkeypatch.context() as patch:
            patch.setattr(workers, "current_process", lambda: SimpleNamespace(daemon=True))
            found.append(crew.can_fork)
        with monkeypatch.context() as patch:
            patch.setattr(workers, "can_copy", lambda: False)
            found.append(crew.can_fork)
        with monkeypatch.context() as patch:
            patch.setattr("sys.platform", "darwin")
            found.append(crew.can_fork)
    assert found == [True, False, False, False, False]
    monkeypatch.setattr("tinyzip.machine.blas.hold", lambda: None)
    with Workers(2) as crew:
        assert not crew.can_fork


def test_the_buffer_size_is_what_it_was_even_after_an_error():
    for threads in (1, 2):
        with Workers(threads) as crew:
            assert crew.map(lambda _, __: np.getbufsize(), range(4)) == [workers.BUFFER] * 4
            assert np.getbufsize() == USUAL
            with pytest.raises(ZeroDivisionError):
                crew.map(lambda item, _: 1 / item, range(4))
            assert np.getbufsize() == USUAL


def test_an_error_waits_until_no_thread_uses_the_workspaces():
    for fails in (True, False):  # in the main thread, or in the other
        begun, done = threading.Event(), []

        def work(item, _, fails=fails, begun=begun, done=done):
            if (threading.current_thread() is threading.main_thread()) == fails:
                begun.wait()
                raise ZeroDivisionError
            begun.set()
            for i in range(10**6):  # long enough for the other thread to go on, if it would
                if i == 10**6 - 1:
                    done.append(item)

        with Workers(2) as crew, pytest.raises(ZeroDivisionError):
            crew.map(work, range(2))
        assert len(done) == 1


def test_threads_stay_from_block_to_block():
    met = set()
    with Workers(2) as two:
        pool = two._pool
    for _ in range(3):
        with two:
            met.add(two._pool)
    assert met == {pool} != {None}
