import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from shapes import SEEDS, integral

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.sums import dot, total

SHAPES = st.lists(st.integers(1, 5), min_size=2, max_size=3).map(tuple)


@given(SHAPES, SEEDS)
def test_total_and_dot_are_sums_over_the_last_axis(shape, seed):
    """(X1)"""
    a, b = integral(seed, *shape), integral(seed + 1, *shape)
    np.testing.assert_array_equal(total(a, Workspace()), a.sum(axis=-1))
    np.testing.assert_array_equal(dot(a, b), (a * b).sum(axis=-1))


def test_sums_of_a_million_numbers_are_right_to_five_digits():
    a = np.random.default_rng(0).random((2, 10**6), np.float32)
    exact = a.astype(np.float64)
    np.testing.assert_allclose(total(a, Workspace()), exact.sum(axis=1), rtol=1e-5)
    np.testing.assert_allclose(dot(a, a), (exact * exact).sum(axis=1), rtol=1e-5)


def test_nothing_to_add_up_is_zero():
    nothing = np.empty((3, 0), np.float32)
    np.testing.assert_array_equal(dot(nothing, nothing), np.zeros(3, np.float32))
