"""Buffers are short inside a block, as they were behind it, and change no number."""

import numpy as np
import pytest

from tinyzip.machine.buffers import SHORT, ShortBuffers


def test_buffers_are_short_for_several_examples_and_as_before_behind_the_block() -> None:
    before = np.getbufsize()
    with ShortBuffers(2):
        assert np.getbufsize() == SHORT < before
        with ShortBuffers(9):
            assert np.getbufsize() == SHORT
        assert np.getbufsize() == SHORT
    assert np.getbufsize() == before
    with ShortBuffers(1):
        assert np.getbufsize() == before


def test_they_are_as_before_behind_an_error_too() -> None:
    before = np.getbufsize()
    with pytest.raises(ZeroDivisionError), ShortBuffers(2):
        raise ZeroDivisionError
    assert np.getbufsize() == before


@pytest.mark.parametrize("P", [3, 500, 513, 5000])
def test_numbers_do_not_depend_on_them(P: int) -> None:
    rng = np.random.default_rng(0)
    rows, column = rng.normal(size=(7, P)).astype(np.float32), rng.normal(size=(7, 1))
    long = rows * column + column
    with ShortBuffers(2):
        assert np.array_equal(rows * column + column, long)
