"""Codes that are no classes yet: an array like any other, which refuses to be compared with labels."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyzip.integer import Argmax, Codes, Linear, Program, run
from tinyzip.integer.scores import Scores

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def drawn(shape: tuple[int, ...], seed: int) -> Any:
    return np.random.default_rng(seed).integers(-5, 6, shape).astype(np.int8)


@given(SHAPES, st.integers(0, 99))
def test_what_is_computed_of_scores_is_what_is_computed_of_the_array(
    shape: tuple[int, ...], seed: int
) -> None:
    y = drawn(shape, seed)
    scores, out = y.view(Scores), np.empty(shape, np.int64).view(Scores)
    for axis in (None, *range(-len(shape), len(shape))):
        for found, wanted in (
            (scores.argmax(axis), y.argmax(axis)),
            (scores.argmax(axis=axis), y.argmax(axis)),
            (np.maximum.reduce(scores, axis), np.maximum.reduce(y, axis)),
        ):
            np.testing.assert_array_equal(found, wanted)
            assert not isinstance(found, Scores)
    assert type(scores + 1) is type(1 - scores) is type(np.add(scores, scores)) is np.ndarray
    np.testing.assert_array_equal(np.add(scores, scores, out=out), 2 * y.astype(int))
    np.testing.assert_array_equal(np.asarray(out), 2 * y.astype(int))
    np.testing.assert_array_equal(np.subtract.outer(scores, y), np.subtract.outer(y, y))
    np.testing.assert_array_equal(np.equal.outer(scores, drawn((3,), 0)), np.equal.outer(y, drawn((3,), 0)))
    for other in (y, drawn(shape, seed + 1), 3, np.int8(0), scores):
        plain = np.asarray(other)
        np.testing.assert_array_equal(scores == other, y == plain)
        np.testing.assert_array_equal(scores != other, y != plain)
        np.testing.assert_array_equal(np.equal(other, scores), y == plain)
        np.testing.assert_array_equal(np.less(scores, other), y < plain)


@given(SHAPES, st.booleans())
def test_one_number_an_example_is_refused_beside_codes_of_several_axes(
    shape: tuple[int, ...], swapped: bool
) -> None:
    y, labels = drawn(shape, 0).view(Scores), np.zeros(shape[-1], np.int64)
    one, other = (labels, y) if swapped else (y, labels)
    for compare in (lambda: one == other, lambda: one != other, lambda: np.equal(one, other)):
        if len(shape) == 1:
            assert compare().shape == shape
        else:
            with pytest.raises(ValueError, match=r"^==, of codes and classes: found shapes .*argmax\(0\)$"):
                compare()
    np.testing.assert_array_equal(one < other, np.asarray(one) < np.asarray(other))


def test_a_program_gives_scores_or_classes() -> None:
    codes = np.arange(12, dtype=np.uint8).reshape(3, 4)
    layer = Linear(np.eye(3, dtype=int), None, 2**30, 30, Codes(0, 255, 0))
    y = run(Program((layer,), (3,), Codes(0, 255, 0)), codes)
    assert type(y) is Scores and y.tolist() == codes.tolist()
    classes = run(Program((layer, Argmax()), (3,), Codes(0, 255, 0)), codes)
    assert type(classes) is np.ndarray and classes.tolist() == y.argmax(0).tolist() == [2] * 4
