"""Chunks cover arrays, and whoever works on them does so under the caller's settings."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.machine import packed as machine
from tinyzip.machine.packed import ENOUGH, chunks, run
from tinyzip.machine.workers import Workers


@given(st.integers(0, 40), st.integers(1, 9), st.integers(1, 3))
def test_an_update_meets_every_entry_once_on_any_number_of_threads(size, chunk, threads):
    a, b = 1 + np.arange(2.0 * size).reshape(2, size), np.zeros((2, size))

    def update(scratch, factor, a, b):
        np.multiply(a, factor, out=scratch)
        b += scratch

    with pytest.MonkeyPatch.context() as patch, Workers(threads) as workers:
        patch.setattr(machine, "CHUNK", chunk)
        run(update, [(3.0, *pair) for pair in chunks(a, b)], workers)
        assert [part.size for (part,) in chunks(a)] == [part.size for part, _ in chunks(a, b)]
    np.testing.assert_array_equal(b, 3 * a)


@pytest.mark.parametrize("threads", [1, 2])
def test_what_the_caller_ignores_is_ignored_on_every_thread(threads):
    huge = [np.full(2, 1e38, np.float32) for _ in range(ENOUGH)]
    with Workers(threads) as workers:
        with np.errstate(over="ignore"):
            run(lambda scratch, a: np.multiply(a, a, out=scratch), [(a,) for a in huge], workers)
        with np.errstate(over="raise"), pytest.raises(FloatingPointError):
            run(lambda scratch, a: np.multiply(a, a, out=scratch), [(a,) for a in huge], workers)


@pytest.mark.parametrize("first, second", [(0, 1), (1, 0)])
def test_a_thread_that_comes_late_allocates_nothing_then(monkeypatch, first, second):
    """Which one works is known to nobody: here one does all the first time, the other the second."""
    items = [(array,) for array in np.zeros((ENOUGH, machine.CHUNK), np.float32)]
    with Workers(2) as workers:
        for thread in (first, second):
            mine = workers.workspaces[thread]
            monkeypatch.setattr(
                workers, "map", lambda function, items, mine=mine: [function(item, mine) for item in items]
            )
            tracemalloc.start()
            run(lambda scratch, a: scratch.fill(1), items, workers)
            allocated = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert allocated < machine.CHUNK  # a quarter of the scratch vector
