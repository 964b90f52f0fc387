"""BLAS is held to one thread with threadpoolctl and without it, and where it cannot be, that is said."""

import sys
from itertools import permutations

import numpy as np
import pytest
from hostile import few_weights

from tinyzip.integer import prepare, run
from tinyzip.machine import blas
from tinyzip.machine.workers import Workers, thread_count


@pytest.fixture
def openblas(monkeypatch):
    """An OpenBLAS of two threads; how many it has from then on."""
    counts = [2]
    monkeypatch.setattr(blas, "openblas", lambda: blas.OpenBLAS(lambda: counts[-1], counts.append, "none"))
    return counts


def test_blas_is_held_to_one_thread_until_the_outermost_block_ends(openblas):
    for _ in range(2):
        with Workers(2) as crew:
            with crew:
                assert openblas[-1] == 1
            assert openblas[-1] == 1
        assert openblas[-1] == 2


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_who_holds_it_side_by_side_lets_go_in_any_order_and_the_last_gives_all_threads_back(openblas, order):
    releases = [blas.hold() for _ in range(3)]
    for i in order:
        assert openblas[-1] == 1
        releases[i]()
    assert openblas[-1] == 2


def test_held_to_two_threads_and_then_to_one_it_is_let_go_to_two(openblas):
    first, second = blas.hold(3), blas.hold()
    second()
    assert openblas[-1] == 3
    first()
    assert openblas[-1] == 2


def test_runs_and_planned_runs_hold_blas_and_let_it_go_also_after_an_error(openblas, monkeypatch):
    program = few_weights()
    codes = np.zeros((*program.shape, 3), np.uint8)
    planned = prepare(program, 3, "blas")
    for answer in (lambda: run(program, codes, "blas"), lambda: planned(codes)):
        del openblas[1:]
        answer()
        assert openblas == [2, 1, 2]
    (recorded,) = planned.recorded.values()
    monkeypatch.setattr(recorded, "bound", (None,))
    with pytest.raises(TypeError):
        planned(codes)
    assert openblas == [2, 1, 2, 1, 2]


def test_the_functions_found_in_numpys_blas_do_what_their_names_say():
    found = blas.openblas()
    if found is None:
        return  # another BLAS: the tests below are about it
    before = found.get_threads()
    found.set_threads(2)
    try:
        release = blas.hold()
        assert release is not None and found.get_threads() == 1
        release()
        assert found.get_threads() == 2
    finally:
        found.set_threads(before)


@pytest.mark.needs("threadpoolctl")
def test_threadpoolctl_sees_the_same_library_with_the_same_kernels():
    import threadpoolctl

    def threads_and_kernels():
        rows = [row for row in threadpoolctl.threadpool_info() if "numpy" in row["filepath"]]
        return {(row["num_threads"], row["architecture"]) for row in rows if row["user_api"] == "blas"}

    found = blas.openblas()
    if found is None or not threads_and_kernels():
        return
    with Workers(2):
        assert threads_and_kernels() == {(1, found.kernels)}


@pytest.mark.needs("threadpoolctl")
def test_another_blas_is_held_by_threadpoolctl(monkeypatch):
    import threadpoolctl

    monkeypatch.setattr(blas, "openblas", lambda: None)
    blas.controller.cache_clear()

    def found():
        return {row["num_threads"] for row in threadpoolctl.threadpool_info() if row["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = found()
        with Workers(2):
            assert found() <= {1}
        assert found() == before


@pytest.mark.parametrize("found", [None, "openblas"])
@pytest.mark.parametrize("known", [None, "threadpoolctl"])
def test_either_way_to_hold_blas_is_enough(monkeypatch, found, known):
    monkeypatch.setattr(blas, "openblas", lambda: found)
    monkeypatch.setattr(blas, "controller", lambda: known)
    assert blas.can_be_held() == bool(found or known)


def test_where_blas_cannot_be_held_one_line_says_what_to_install_and_one_thread_works(monkeypatch):
    monkeypatch.setattr(blas, "openblas", lambda: None)
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    blas.controller.cache_clear()
    try:
        assert thread_count(None) == 1 and thread_count(2) == 2 and not blas.can_be_held()
        what = "`pip install threadpoolctl` brings what is missing"
        with pytest.warns(RuntimeWarning, match=what) as met, Workers(2) as crew:
            assert not crew.can_fork
        assert met[0].filename == __file__
    finally:
        blas.controller.cache_clear()
