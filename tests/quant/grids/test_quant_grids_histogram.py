"""Histograms: what they hold while they grow, and between which bounds they know a grid's error."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quant_networks import squared_error
from quant_streams import STREAMS

from tinyzip.quant.grids import histogram
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.histogram import Histogram


def seen(*batches):
    found = Histogram()
    for batch in batches:
        found.observe(batch)
    return found


@settings(max_examples=30)
@given(STREAMS, st.integers(-10, 10))
def test_histogram_keeps_counts_sums_and_squares_while_it_grows(batches, exponent):
    found = seen(*(batch * 2.0**exponent for batch in batches))
    x = np.concatenate(batches).astype(np.float64) * 2.0**exponent
    assert found.zeros == (x == 0).sum()
    assert (found.low, found.high) == (x.min(), x.max())
    if not x.any():
        return
    bins = found.filled()
    assert bins.width == found.width
    assert bins.counts.sum() == (x != 0).sum() == found.magnitudes().sum()
    assert bins.sums.sum() == pytest.approx(x.sum(), rel=1e-9, abs=1e-9 * np.abs(x).sum())
    assert bins.squares.sum() == pytest.approx((x**2).sum(), rel=1e-9)
    means, slack = bins.sums / bins.counts, found.width * 1e-9
    assert ((bins.left - slack <= means) & (means <= bins.left + found.width + slack)).all()
    assert found.width <= np.abs(x).max() / 2**14 * (1 + 1e-9)


@given(STREAMS, st.integers(1, 12))
def test_bins_that_grew_hold_what_they_would_have_held_from_the_start(batches, doublings):
    """Exactly, where the first value's magnitude is the largest one's divided by a power of two."""
    most = np.float32(max(np.abs(batch).max() for batch in batches) or 1)
    start = np.array([most / 2**doublings])
    grown, direct = seen(start, *batches, [most]), seen([most], start, *batches)
    assert grown.width == direct.width
    for name in ("left", "counts", "sums", "squares"):
        one, other = (getattr(found.filled(), name) for found in (grown, direct))
        np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_array_equal(grown.magnitudes(), direct.magnitudes())


def test_what_lies_at_the_very_end_of_the_bins_is_in_the_last():
    for end in (1 + 2.0**-50, 4 * (1 + 2.0**-50)):
        seen = Histogram()
        seen.observe([1.0])
        seen.observe([end, -end])
        assert seen.width * histogram.HALF == end
        assert seen.magnitudes()[-1] == (3 if end < 2 else 2) and seen.magnitudes().sum() == 3
        assert (seen.filled().left[0], seen.filled().left[-1]) == (-end, end - seen.width)


def test_magnitudes_put_both_signs_into_one_bin_by_their_distance_from_zero():
    with mock.patch.object(histogram, "HALF", 4):
        counts = seen([-0.9, -0.1, 0.1, 0.2, 0.9, 1.0, 0.0]).magnitudes()
    assert counts.tolist() == [3, 0, 0, 3]


GRIDS = st.builds(
    lambda low, high, bits: Grid.affine(-low, high, bits),
    st.floats(0, 100),
    st.floats(0, 100),
    st.integers(2, 8),
)


@given(STREAMS, GRIDS, st.sampled_from([2, 8, 64, 32768]))
def test_the_error_of_any_grid_lies_between_its_two_bounds(batches, grid, half):
    """(H1), (H2)"""
    x = np.concatenate(batches).astype(np.float64)
    with mock.patch.object(histogram, "HALF", half):
        found = seen(*batches).filled()
        least, most = found.error_at_least(grid), found.error_at_most(grid)
    exact = squared_error(x, grid)
    largest = max(np.abs(x).max(), -grid.low, grid.high)
    rounding = 2.0**-48 * x.size * largest**2  # each bound sums ten terms of no more than that a value
    assert least - rounding <= exact <= most + rounding


@pytest.mark.parametrize("left, right", [(7, 7), (3, 9), (9, 3)])
def test_the_lower_bound_is_attained_by_values_at_the_ends_of_a_bin(left, right):
    """(H2), for one bin from 1 to 2, a grid of step 1 and so a threshold in its middle."""
    grid, tiny = Grid(1.0, 0, 0, 4), 2.0**-40
    x = np.concatenate([[4.0], np.full(left, 1 + tiny), np.full(right, 2 - tiny)])
    with mock.patch.object(histogram, "HALF", 4):
        found = seen(x).filled()
        least, most = found.error_at_least(grid), found.error_at_most(grid)
    # Of the ends' values the fewer are a step of 1 from d, the code of the mean; all of them are codes.
    assert most == pytest.approx(min(left, right), abs=1e-9)
    assert least == pytest.approx(squared_error(x, grid), abs=1e-9)


def test_both_bounds_are_the_error_where_no_threshold_cuts_a_bin():
    x = np.random.default_rng(0).integers(1, 255, 1000) / 255 + 0.1 / 255
    grid, found = Grid(1 / 255, 0, 0, 255), seen(x).filled()
    assert found.error_at_least(grid) == pytest.approx(squared_error(x, grid), rel=1e-9)
    assert found.error_at_most(grid) == pytest.approx(squared_error(x, grid), rel=1e-9)


def test_zeros_alone_cost_nothing_and_nothing_seen_has_no_answer():
    grid, nothing = Grid(1.0, 0, 0, 3), seen(np.zeros(3)).filled()
    assert nothing.error_at_most(grid) == nothing.error_at_least(grid) == 0
    for ask in (Histogram().filled, Histogram().magnitudes):
        with pytest.raises(ValueError, match="at least one batch"):
            ask()


@pytest.mark.parametrize("x, one_sided", [([0, 1], True), ([-1, 0], True), ([-1, 1], False), ([2], True)])
def test_one_sided_is_what_has_zero_at_an_end(x, one_sided):
    assert seen(np.array(x)).one_sided is one_sided
