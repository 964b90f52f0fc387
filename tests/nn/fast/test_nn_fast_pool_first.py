"""X15, X16 and X18: pooling before the rectifier, as a tournament of four."""

import numpy as np
from against import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from pooled import assert_pooled_within_rounding, chain, pooled
from shapes import SEEDS, integral

from tinyzip.nn.fast import choose, pool_first
from tinyzip.nn.fast.pool_first import ConvReLUPool
from tinyzip.nn.layers import MaxPool2d

POOLED = pooled(stride=2, groups=2)


def stage(layer, shape):
    return ConvReLUPool(choose.one_stage(layer, shape))


@settings(max_examples=150)
@given(POOLED, st.booleans(), SEEDS)
def test_pooling_first_gives_the_textbook_bit_for_bit_on_whole_numbers(case, train, seed):
    """(X15): of few values, so that there are many ties."""
    layer, shape, N = case
    assert_equal(stage(layer, shape), chain(layer), shape, N, seed, train, largest=1)


@settings(max_examples=20)
@given(POOLED, st.sampled_from([1, 2, pool_first.FEW, pool_first.FEW + 1]), st.booleans(), SEEDS)
def test_from_copies_in_one_piece_the_same_pixels_win(case, N, train, seed):
    """(X18)"""
    layer, shape, _ = case
    assert_equal(stage(layer, shape), chain(layer), shape, N, seed, train, largest=1)


@given(POOLED, SEEDS)
def test_on_real_numbers_it_is_the_textbook_within_the_rounding_of_the_convolution(case, seed):
    layer, shape, N = case
    assert_pooled_within_rounding(stage(layer, shape), layer, shape, N, seed)


@given(st.integers(2, 5), st.integers(2, 5), SEEDS)
def test_a_tournament_of_four_has_the_winners_of_the_pooling(H, W, seed):
    """(X16)"""
    z = integral(seed, 2, H, W, 3, largest=1)
    expected, (arg, _) = MaxPool2d(2).forward({}, z)
    best, winners = np.empty_like(expected), np.empty((3, *expected.shape), np.bool_)
    pool_first.compete(pool_first.fours_of(z.copy()), best, winners)
    np.testing.assert_array_equal(best, expected)
    upper, left_above, left_below = winners
    np.testing.assert_array_equal(
        np.where(upper, np.where(left_above, 0, 1), np.where(left_below, 2, 3)), arg
    )

    dz = np.zeros_like(z)
    dy = integral(seed + 1, *best.shape)
    pool_first.return_to_winners(dy, winners, pool_first.fours_of(dz))
    np.testing.assert_array_equal(dz, MaxPool2d(2).backward({}, dy, (arg, z.shape))[0])
