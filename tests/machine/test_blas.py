"""BLAS is held to one thread with threadpoolctl and without it, and where it cannot be, that is said."""

import pytest

from tinyzip.machine import blas
from tinyzip.machine.workers import Workers, thread_count


@pytest.fixture
def bare(monkeypatch):
    """As where threadpoolctl is not installed."""
    monkeypatch.setattr(blas, "controller", lambda: None)


def test_without_threadpoolctl_the_blas_in_numpys_wheel_is_held_and_let_go(bare, monkeypatch):
    count = [2]
    monkeypatch.setattr(blas, "own_openblas", lambda: (lambda: count[0], lambda n: count.__setitem__(0, n)))
    with Workers(2) as outer:
        with outer:
            assert count == [1]
        assert count == [1]
    assert count == [2] and blas.can_be_held()


def test_the_functions_found_in_numpys_wheel_do_what_their_names_say(bare):
    found = blas.own_openblas()
    if found is None:
        return  # another BLAS: the next test is about it
    get_threads, set_threads = found
    before = get_threads()
    set_threads(2)
    release = blas.hold()
    assert release is not None and get_threads() == 1
    release()
    assert get_threads() == 2
    set_threads(before)


def test_where_blas_cannot_be_held_one_line_says_what_to_install_and_one_thread_works(bare, monkeypatch):
    monkeypatch.setattr(blas, "own_openblas", lambda: None)
    assert thread_count(None) == 1 and not blas.can_be_held()
    with pytest.warns(RuntimeWarning, match="`pip install threadpoolctl` brings what is missing"), Workers(2):
        pass
