"""X7, X13 and X14: poolings over shifted images."""

import numpy as np
import pytest
from against import arrays, assert_equal, dirty, through
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import assert_same_sums
from shapes import SEEDS, integral, normal, windows

from tinyzip.nn.fast import pools
from tinyzip.nn.fast.pools import FastAvgPool2d, FastGlobalAvgPool, FastMaxPool2d
from tinyzip.nn.layers import AvgPool2d, GlobalAvgPool, MaxPool2d

BATCH = st.integers(1, 3)


@st.composite
def disjoint(draw):
    """Windows of which no two overlap."""
    size, kernel, _, padding = draw(windows(pooling=True))
    return size, kernel, tuple(k + draw(st.integers(0, 2)) for k in kernel), padding


WINDOWS = windows(pooling=True) | disjoint()


@settings(max_examples=150)
@given(WINDOWS, BATCH, st.booleans(), SEEDS)
def test_a_running_maximum_is_the_textbook_bit_for_bit_with_many_ties(case, N, train, seed):
    """(X7), (X13), (X14): in training, where winners are noted, and else, where backward finds them."""
    size, *rest = case
    layer = MaxPool2d(*rest)
    stage = FastMaxPool2d(layer, (2, *size))
    assert_equal(stage, [layer], (2, *size), N, seed, train, largest=1)


@given(WINDOWS, BATCH, SEEDS)
def test_the_winners_are_those_of_the_textbook(case, N, seed):
    """(X13)"""
    size, *rest = case
    layer, x = MaxPool2d(*rest), integral(seed, 2, *size, N, largest=1)
    y, arg = pools.largest_and_winners(x, layer.geometry(x.shape[:3]), dirty())
    expected, (winners, _) = layer.forward({}, x)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(arg, winners)
    assert arg.dtype == winners.dtype


@given(WINDOWS, SEEDS)
def test_windows_are_disjoint_where_no_pixel_is_in_two(case, seed):
    size, *rest = case
    geometry = MaxPool2d(*rest).geometry((1, *size))
    seen = pools.shared_out(np.ones((1, *geometry.outputs, 1)), (1, *size, 1), geometry, dirty()) > 0
    times = np.zeros((1, *size, 1))
    for _, _, _, inside in pools.shifts(geometry):
        times[:, *inside] += 1
    np.testing.assert_array_equal(seen, times > 0)
    if pools.are_disjoint(geometry):
        assert times.max() <= 1


@given(disjoint())
def test_windows_are_disjoint_where_strides_are_no_smaller_than_the_kernel(case):
    """(X14)"""
    size, *rest = case
    assert pools.are_disjoint(MaxPool2d(*rest).geometry((1, *size)))


@given(WINDOWS, BATCH, SEEDS)
def test_running_sums_are_the_averages_of_the_textbook(case, N, seed):
    """(X7): sums of whole numbers are exact, so that one division is the only rounding, the same in both."""
    size, *rest = case
    layer = AvgPool2d(*rest)
    stage = FastAvgPool2d(layer, (2, *size))
    p, x, dy = arrays(integral, [layer], (2, *size), N, seed)
    y, cache = layer.forward(p, x)
    found = through(stage, p, x, dy)
    np.testing.assert_array_equal(found["y"], y)
    sizes = layer.backward(p, np.abs(dy), cache)[0]
    many = stage.geometry.kernel[0] * stage.geometry.kernel[1] + 1  # terms, each of them rounded once before
    assert_same_sums(found["dx"], layer.backward(p, dy, cache)[0], sizes, many, "dx")


@given(WINDOWS, BATCH, SEEDS)
def test_on_real_numbers_they_are_the_same_sums_in_another_order(case, N, seed):
    size, *rest = case
    layer = AvgPool2d(*rest)
    p, x, dy = arrays(normal, [layer], (2, *size), N, seed, dtype=np.float32)
    found = through(FastAvgPool2d(layer, (2, *size)), p, x, dy)
    many = layer.kernel[0] * layer.kernel[1] + 1
    assert_same_sums(found["y"], layer.forward(p, x)[0], layer.forward(p, np.abs(x))[0], many, "y")


@settings(max_examples=30)
@given(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)), BATCH, SEEDS)
def test_the_global_average_is_a_product_with_equal_weights(shape, N, seed):
    layer = GlobalAvgPool()
    p, x, dy = arrays(normal, [layer], shape, N, seed, dtype=np.float32)
    y, cache = layer.forward(p, x)
    found = through(FastGlobalAvgPool(layer, shape), p, x, dy)
    sizes = layer.forward(p, np.abs(x))[0]
    assert_same_sums(found["y"], y, sizes, shape[1] * shape[2] + 2, "y")  # and the weight, and the division
    np.testing.assert_array_equal(found["dx"], layer.backward(p, dy, cache)[0])


@pytest.mark.parametrize("kernel", [(1, 256), (257, 1)])
def test_places_in_large_windows_are_counted_in_as_few_bytes_as_do(kernel):
    layer, x = MaxPool2d(kernel), np.arange(np.prod(kernel), dtype=np.float32).reshape(1, *kernel, 1)
    _, arg = pools.largest_and_winners(x, layer.geometry(x.shape[:3]), dirty())
    _, (winners, _) = layer.forward({}, x)
    assert arg.item() == winners.item() == x.size - 1 and arg.dtype == winners.dtype


def test_rows_that_no_window_reaches_are_not_read_and_get_no_gradient():
    x = normal(0, 1, 5, 5, 1)
    x[:, 4], x[:, :, 4] = np.inf, np.inf
    dy = np.ones((1, 2, 2, 1))
    for layer, stage in ((MaxPool2d(2), FastMaxPool2d), (AvgPool2d(2), FastAvgPool2d)):
        found = through(stage(layer, (1, 5, 5)), {}, x, dy)
        assert np.isfinite(found["y"]).all()
        assert not found["dx"][:, 4].any() and not found["dx"][:, :, 4].any()


@pytest.mark.parametrize("train", [False, True])
def test_minus_infinity_in_the_image_wins_over_padding(train):
    layer = MaxPool2d(2, 1, 1)
    stage, x = FastMaxPool2d(layer, (1, 2, 2)), np.full((1, 2, 2, 1), -np.inf)
    dx = through(stage, {}, x, np.ones((1, 3, 3, 1)), train)["dx"]
    np.testing.assert_array_equal(dx[0, :, :, 0], [[4, 2], [2, 1]])
