"""Ranges: each rule against its definition, and what all of them have in common."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyzip.quant import histogram
from tinyzip.quant.grid import Grid
from tinyzip.quant.histogram import Histogram
from tinyzip.quant.ranges import METHODS, MovingAverage, laplace_cut, normal_cut, observer

SPANS = (st.floats(-100, 100, width=32), st.floats(-1, 1, width=32))
VALUES = st.one_of(st.just(0.0), *SPANS).map(lambda x: x if abs(x) > 1e-30 else 0.0)
STREAMS = st.lists(arrays(np.float32, st.integers(1, 60), elements=VALUES), min_size=1, max_size=4)


def range_of(method, bits, *batches):
    watching = observer(method, bits)
    for batch in batches:
        watching.observe(batch)
    return watching.range()


def squared_error(x, low, high, bits):
    return ((x - Grid.affine(low, high, bits).round_trip(x).astype(np.float64)) ** 2).sum()


def samples(name, count=100_000):
    rng = np.random.default_rng(7)
    return {
        "laplace": lambda: rng.laplace(size=count),
        "normal": lambda: rng.normal(size=count),
        "rectified normal": lambda: np.maximum(rng.normal(size=count), 0),
        "rectified laplace": lambda: np.maximum(rng.laplace(size=count), 0),
    }[name]()


@given(STREAMS)
def test_min_max_is_the_smallest_and_the_largest(batches):
    x = np.concatenate(batches)
    assert range_of("minmax", 8, *batches) == (x.min(), x.max())


@given(st.lists(arrays(np.float32, 5, elements=VALUES), min_size=2, max_size=5), st.floats(0, 0.99))
def test_moving_average_is_the_printed_recursion(batches, momentum):
    watching = MovingAverage(momentum)
    low, high = batches[0].min(), batches[0].max()
    watching.observe(batches[0])
    for batch in batches[1:]:
        watching.observe(batch)
        low = momentum * low + (1 - momentum) * batch.min()
        high = momentum * high + (1 - momentum) * batch.max()
    assert watching.range() == pytest.approx((low, high), rel=1e-6, abs=1e-6)


@settings(max_examples=30)
@given(STREAMS, st.integers(2, 8))
def test_least_squares_is_never_worse_than_min_max(batches, bits):
    x = np.concatenate(batches)
    found = squared_error(x, *range_of("mse", bits, *batches), bits)
    assert found <= squared_error(x, x.min(), x.max(), bits) * (1 + 1e-6) + 1e-12


@pytest.mark.parametrize("seed", [0, 219, 287])
def test_least_squares_is_never_worse_even_where_a_bin_is_nearly_a_step_wide(seed, monkeypatch):
    monkeypatch.setattr(histogram, "HALF", 8)
    rng = np.random.default_rng(seed)
    x = np.append(rng.integers(0, 8, 60) / 7 * 0.99 + rng.normal(0, 0.01, 60), 1).clip(0, 1)
    found = squared_error(x, *range_of("mse", 3, x), 3)
    assert found <= squared_error(x, x.min(), x.max(), 3) * (1 + 1e-6)


@pytest.mark.parametrize("name", ["laplace", "normal", "rectified normal", "rectified laplace"])
@pytest.mark.parametrize("bits", [2, 3, 4])
def test_least_squares_clearly_beats_min_max_at_few_bits(name, bits):
    x = samples(name)
    found = squared_error(x, *range_of("mse", bits, *np.split(x, 10)), bits)
    assert found < 0.65 * squared_error(x, x.min(), x.max(), bits)


@pytest.mark.parametrize("name", ["laplace", "normal", "rectified normal", "rectified laplace"])
@pytest.mark.parametrize("bits", [3, 4, 6])
@pytest.mark.parametrize("method", ["aciq", "octav"])
def test_analytic_optima_come_close_to_the_search(name, bits, method):
    x = samples(name)
    best = squared_error(x, *range_of("mse", bits, x), bits)
    assert squared_error(x, *range_of(method, bits, x), bits) < 1.2 * best


def test_cuts_of_laplace_and_normal_are_the_published_ones():  # which are cut off after two decimals
    assert [laplace_cut(bits) for bits in (2, 3, 4)] == pytest.approx([2.83, 3.89, 5.03], abs=0.01)
    assert [normal_cut(bits) for bits in (2, 3, 4)] == pytest.approx([1.71, 2.15, 2.55], abs=0.01)


def test_aciq_tells_laplace_from_normal():
    """The other density's cut is a quarter off or more; the samples' centre is 0 only to within 0.3%."""
    x = samples("laplace")
    assert range_of("aciq", 4, x)[1] == pytest.approx(5.03 * np.abs(x).mean(), rel=0.02)
    x = samples("normal")
    assert range_of("aciq", 4, x)[1] == pytest.approx(2.56 * x.std(), rel=0.02)


def test_half_a_density_is_a_whole_one_with_one_bit_more():
    x = samples("laplace")
    half = np.abs(x)  # has no centre to subtract; that of x is 0 only to within 0.3%
    for method in ("aciq", "octav"):
        assert range_of(method, 3, half)[1] == pytest.approx(range_of(method, 4, x)[1], rel=0.02)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_octav_is_a_fixed_point_of_its_recursion(bits):
    x = np.abs(samples("laplace", 20_000))
    low, cut = range_of("octav", bits, np.concatenate([x, -x]))
    beyond = np.abs(x) > cut
    again = x[beyond].sum() / (4.0**-bits / 3 * (~beyond).sum() + beyond.sum())
    assert -low == cut == pytest.approx(again, rel=1e-3)  # x is known to a bin, 1/16,384 of max |x|


@given(STREAMS)
def test_percentile_leaves_out_its_share_and_no_more_and_holds_zero(batches):
    x = np.concatenate(batches)
    low, high = range_of("percentile", 8, *batches)
    width = np.abs(x).max() / 2**13
    assert min(x.min(), 0) <= low <= min(np.quantile(x, 0.0001, method="inverted_cdf") + width, 0)
    assert max(np.quantile(x, 0.9999, method="inverted_cdf") - width, 0) <= high <= max(x.max(), 0)


def test_percentile_drops_one_outlier_of_many():
    x = np.append(np.linspace(0, 1, 30_000), 1e3)
    assert range_of("percentile", 8, x)[1] < 1.1


def test_entropy_drops_outliers_and_keeps_what_fills_its_range():
    rng = np.random.default_rng(3)
    full = rng.uniform(0, 1, 50_000)
    assert range_of("entropy", 8, full)[1] > 0.95
    assert range_of("entropy", 8, np.append(full, [5.0, 8.0]))[1] < 1.5
    low, high = range_of("entropy", 4, rng.normal(size=50_000))
    # One cut for both sides, unless the values of a side end before it: normal ones end anywhere near 4.
    assert 1.5 < high < 5 and low == pytest.approx(-high, rel=0.3)


def test_entropy_falls_for_a_spike_where_least_squares_does_not():
    x = np.append(np.full(50_000, 0.05), np.random.default_rng(4).uniform(0, 2, 5000))
    assert range_of("entropy", 4, x)[1] < 0.1
    assert range_of("mse", 4, x)[1] > 1.5


@pytest.mark.parametrize("method", METHODS)
@given(batches=STREAMS, bits=st.integers(2, 8))
@settings(max_examples=8)
def test_every_range_lies_within_what_was_seen_and_makes_a_grid(method, batches, bits):
    x = np.concatenate(batches)
    low, high = range_of(method, bits, *batches)
    Grid.affine(low, high, bits)
    assert low <= high
    assert min(x.min(), 0) <= low + 1e-6 and high <= max(x.max(), 0) + 1e-6


@pytest.mark.parametrize("method", [method for method in METHODS if method != "average"])
def test_cutting_the_stream_differently_changes_no_more_than_a_bin(method):
    x = samples("normal", 8000)
    x = x[np.argsort(np.abs(x))]
    whole, pieces = range_of(method, 4, x), range_of(method, 4, *np.split(x, 80))
    # Entropy tries cuts 1/256 of the extent apart, and bins of another width move the least by a few.
    assert pieces == pytest.approx(whole, rel=0.03)


@pytest.mark.parametrize("method", METHODS)
def test_all_zeros_have_the_range_of_zero(method):
    assert range_of(method, 8, np.zeros(5), np.zeros(3)) == (0, 0)


@pytest.mark.parametrize("method", METHODS)
def test_no_values_and_bad_values_are_refused(method):
    with pytest.raises(ValueError, match="at least one batch"):
        observer(method, 8).range()
    for bad in (np.array([1.0, np.nan]), np.array([np.inf]), np.zeros(0)):
        with pytest.raises(ValueError, match="observe: x"):
            observer(method, 8).observe(bad)


def test_unknown_methods_momenta_and_bits_are_refused():
    with pytest.raises(ValueError, match="method: found 'best'"):
        observer("best", 8)
    with pytest.raises(ValueError, match="bits: found 9"):
        observer("mse", 9)
    with pytest.raises(ValueError, match="momentum"):
        MovingAverage(1.0)


@settings(max_examples=30)
@given(STREAMS, st.integers(-10, 10))
def test_histogram_keeps_counts_sums_and_squares_while_it_grows(batches, exponent):
    seen = Histogram()
    for batch in batches:
        seen.observe(batch * 2.0**exponent)
    x = np.concatenate(batches).astype(np.float64) * 2.0**exponent
    assert seen.zeros == (x == 0).sum()
    if not x.any():
        return
    edges, (counts, sums, squares) = seen.filled()
    assert counts.sum() == (x != 0).sum() == seen.magnitudes().sum()
    assert sums.sum() == pytest.approx(x.sum(), rel=1e-9, abs=1e-9 * np.abs(x).sum())
    assert squares.sum() == pytest.approx((x**2).sum(), rel=1e-9)
    means = sums / counts
    slack = seen.width * 1e-9
    assert ((edges - slack <= means) & (means <= edges + seen.width + slack)).all()
    assert seen.width <= np.abs(x).max() / 2**14 * (1 + 1e-9)
