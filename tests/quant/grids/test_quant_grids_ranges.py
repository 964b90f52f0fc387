"""Ranges: each rule against its definition, and what all of them have in common."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from quant_networks import squared_error
from quant_streams import STREAMS, VALUES
from scipy.integrate import quad

from tinyzip.quant.grids import histogram, ranges
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.histogram import Histogram
from tinyzip.quant.grids.ranges import (
    METHODS,
    MovingAverage,
    entropy,
    laplace_cut,
    least_squares,
    normal_cut,
    observer,
)


def range_of(method, bits, *batches):
    watching = observer(method, bits)
    for batch in batches:
        watching.observe(batch)
    return watching.range()


def histogram_of(*batches):
    seen = Histogram()
    for batch in batches:
        seen.observe(batch)
    return seen


def error_of(x, ends, bits):
    return squared_error(x, Grid.affine(*ends, bits))


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
    low, high = (float(end) for end in (batches[0].min(), batches[0].max()))
    watching.observe(batches[0])
    for batch in batches[1:]:
        watching.observe(batch)
        low = momentum * low + (1 - momentum) * float(batch.min())
        high = momentum * high + (1 - momentum) * float(batch.max())
    assert watching.range() == (low, high)


@given(STREAMS)
def test_percentile_leaves_out_less_than_its_share_and_each_end_is_at_its_quantile_or_at_zero(batches):
    """The range holds zero; an end beyond zero is at most a bin further out than the share asks for."""
    x = np.sort(np.concatenate(batches).astype(np.float64))
    low, high = range_of("percentile", 8, *batches)
    share, up_to = 0.9999, np.arange(1, x.size + 1) / x.size
    bottom, top = (x[np.searchsorted(up_to, part)] for part in (1 - share, share))
    width = histogram_of(*batches).width
    assert min(bottom, 0) - width <= low <= min(bottom, 0)
    assert max(top, 0) <= high <= max(top, 0) + width
    assert max((x < low).sum(), (x > high).sum()) < (1 - share + 2**-50) * x.size


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("count, dropped", [(30_000, True), (9_000, False)])
def test_percentile_drops_one_outlier_of_many_and_none_of_few(sign, count, dropped):
    x = sign * np.append(np.linspace(0, 1, count), 1000.0)
    reach = max(range_of("percentile", 8, x), key=abs)
    assert abs(reach) <= 1 + 1000 / 2**14 if dropped else reach == sign * 1000


@settings(max_examples=40)
@given(STREAMS, st.integers(2, 8), st.sampled_from([8, 64, 32768]))
def test_least_squares_is_never_worse_than_min_max(batches, bits, half):
    """Nor where a bin is as wide as a step, so that the bounds of its error are far apart."""
    x = np.concatenate(batches).astype(np.float64)
    with mock.patch.object(histogram, "HALF", half):
        found = error_of(x, range_of("mse", bits, *batches), bits)
    widest = min(x.min(), 0), max(x.max(), 0)
    assert found <= error_of(x, widest, bits) + 2.0**-48 * x.size * np.abs(x).max() ** 2


@settings(max_examples=8)
@given(STREAMS, st.integers(2, 8))
def test_least_squares_is_as_good_as_every_cut_of_both_ends_and_of_one(batches, bits):
    seen, (low, high) = histogram_of(*batches), range_of("mse", bits, *batches)
    bins = seen.filled()
    widest = min(seen.low, 0.0), max(seen.high, 0.0)
    assume((low, high) != widest)
    found, longer = bins.error_at_most(Grid.affine(low, high, bits)), max(-widest[0], widest[1])
    for part in np.arange(1, 129) / 128:
        both = max(widest[0], -part * longer), min(widest[1], part * longer)
        assert found <= bins.error_at_most(Grid.affine(*both, bits))
        assert found <= bins.error_at_most(Grid.affine(part * widest[0], high, bits))


@pytest.mark.parametrize("seed", [6, 7, 12, 15])
def test_least_squares_cuts_both_ends_to_one_length_and_then_each_twice(seed):
    """Of values of which a second and a third comparison find a better cut."""
    rng = np.random.default_rng(seed)
    x = rng.standard_t(2, 300) * np.where(rng.random(300) < 0.5, 1, 3)
    bins, (low, high) = histogram_of(x).filled(), (x.min(), x.max())
    parts = np.arange(1, 129) / 128
    longer, error = max(-low, high), lambda ends: bins.error_at_most(Grid.affine(*ends, 3))
    first = min(((max(low, -part * longer), min(high, part * longer)) for part in parts), key=error)
    best = first
    for _ in range(2):
        best = min(best, *((best[0], part * high) for part in parts), key=error)
        best = min(best, *((part * low, best[1]) for part in parts), key=error)
    assert range_of("mse", 3, x) == best != first


def test_least_squares_goes_no_further_than_the_values_also_where_a_wider_grid_would_suit_them():
    x = np.array([13.0, 9.0, -7.0, -13.0])
    assert error_of(x, (-13, 19.5), 2) < error_of(x, (-13, 13), 2)
    assert least_squares(histogram_of(x), 2, 2) == (-13, 13)


def test_least_squares_gives_back_an_end_that_was_cut():
    """One that a cut of both ends to one length has taken from values of which some lie at a single place."""
    rng = np.random.default_rng(888)
    bell = rng.normal(size=rng.integers(5, 60)) * rng.uniform(0.1, 2)
    x = np.concatenate([bell, np.repeat(rng.uniform([-5, 0.5], [-0.5, 5]), rng.integers(1, 30, 2))])
    low, high = range_of("mse", 3, x)
    assert x.min() < low < -2.5 and high == x.max()


def test_least_squares_cuts_the_two_ends_apart():
    """Values lie from −1 to ¼, and one at 8: no cut of both ends to one length is as good."""
    x = np.append(np.linspace(-1, 0.25, 5000), 8.0)
    alike = min(error_of(x, (max(-1, -8 * part), 8 * part), 4) for part in np.arange(1, 129) / 128)
    for side in (x, -x):
        assert error_of(side, range_of("mse", 4, side), 4) < alike


class Valley:
    """What has the error 2(l + h − 1)² + (h − 0.2)² on the range −l … h: of l = h the least is at a half."""

    low, high, one_sided = -1.0, 1.0, False

    def filled(self):
        return self

    def error_at_most(self, grid):
        return 2 * (grid.high - grid.low - 1) ** 2 + (grid.high - 0.2) ** 2

    def error_at_least(self, grid):
        return np.inf


def test_each_end_is_tried_while_the_other_is_held_and_that_twice():
    """h = 0.4, l = 0.6, then h = 1/3, l = 2/3; on the way to 0.2 and 0.8."""
    assert least_squares(Valley(), 8, 200) == pytest.approx((-2 / 3, 1 / 3), abs=0.01)


@pytest.mark.parametrize("name", ["laplace", "normal", "rectified normal", "rectified laplace"])
@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("method", ["mse", "aciq", "octav"])
def test_rules_for_the_squared_error_beat_min_max_at_few_bits(name, bits, method):
    x = samples(name)
    assert error_of(x, range_of(method, bits, x), bits) < error_of(x, (min(x.min(), 0), x.max()), bits)


@pytest.mark.parametrize("bits", range(2, 9))
@pytest.mark.parametrize(
    "cut, density",
    [
        (laplace_cut, lambda x: np.exp(-x) / 2),
        (normal_cut, lambda x: np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    ],
)
def test_the_cuts_of_laplace_and_normal_are_where_the_expected_error_is_least(cut, density, bits):
    """(R2), (R3): by a numerical integral the derivative of the error is zero, to that integral's 1e-9."""
    r = cut(bits)
    clipping = -4 * quad(lambda x: (x - r) * density(x), r, np.inf, epsabs=1e-12)[0]
    assert clipping + 2 * r / (3 * 4**bits) == pytest.approx(0, abs=1e-9)


def test_cuts_of_laplace_and_normal_are_the_published_ones():  # which are cut off after two decimals
    assert [laplace_cut(bits) for bits in (2, 3, 4)] == pytest.approx([2.83, 3.89, 5.03], abs=0.01)
    assert [normal_cut(bits) for bits in (2, 3, 4)] == pytest.approx([1.71, 2.15, 2.55], abs=0.01)


@given(STREAMS, st.integers(2, 8))
def test_aciq_cuts_at_the_optimum_of_the_density_whose_ratio_of_deviations_is_nearer(batches, bits):
    x = np.concatenate(batches).astype(np.float64)
    x, width = x[x != 0], histogram_of(*batches).width
    assume(x.size)
    half = x.min() > 0 or x.max() < 0 or not (x.min() < 0 < x.max())
    center = 0.0 if half else x.mean()
    mean, deviation = np.abs(x - center).mean(), np.sqrt(((x - center) ** 2).mean())
    assume(deviation > 1e-6 * np.abs(x).max())
    apart = np.abs(mean / deviation - np.array([np.sqrt(1 / 2), np.sqrt(2 / np.pi)]))
    assume(abs(apart[0] - apart[1]) > 1e-3)
    cut = laplace_cut(bits + half) * mean if apart[0] < apart[1] else normal_cut(bits + half) * deviation
    low, high = max(center - cut, x.min(), -np.inf), min(center + cut, x.max())
    # In the one bin that holds the centre, distances are known to a bin.
    found = range_of("aciq", bits, *batches)
    slack = laplace_cut(bits + half) * width + 1e-9 * np.abs(x).max()
    assert found == pytest.approx((min(low, 0), max(high, 0)), abs=slack)


@pytest.mark.parametrize("method", ["aciq", "octav"])
@pytest.mark.parametrize("bits", [2, 3, 7])
@pytest.mark.parametrize("sign", [1, -1])
def test_half_a_density_is_a_whole_one_with_one_bit_more(method, bits, sign):
    """(R1)"""
    half = sign * np.abs(samples("laplace", 10_000))
    whole = range_of(method, bits + 1, np.concatenate([half, -half]))
    ends = (0, whole[1]) if sign > 0 else (whole[0], 0)
    assert range_of(method, bits, half) == pytest.approx(ends, rel=1e-9)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("name", ["laplace", "normal"])
def test_octav_is_a_fixed_point_of_its_recursion(bits, name):
    """(R4), to a bin's width for the size of values, and for their number to those in the bin of the cut."""
    x = np.abs(samples(name, 20_000))
    both = np.concatenate([x, -x])
    low, cut = range_of("octav", bits, both)
    beyond, width = x > cut, histogram_of(both).width
    weight = 4.0**-bits / 3 * (~beyond).sum() + beyond.sum()
    at_the_cut = (np.abs(x - cut) <= width).sum()
    assert -low == cut == pytest.approx(x[beyond].sum() / weight, abs=width + at_the_cut * 2 * cut / weight)


def test_where_octav_goes_to_and_fro_it_ends_after_fifty_rounds():
    """(R4), for numbers of which one lies between two cuts that lead to each other."""
    x = np.array([-5.4, 1.7, -3.1, 5.1])
    sizes, cuts = np.abs(x), [np.abs(x).mean()]
    for _ in range(52):
        beyond = sizes > cuts[-1]
        cuts.append(sizes[beyond].sum() / (4.0**-2 / 3 * (~beyond).sum() + beyond.sum()))
    assert cuts[52] == cuts[50] != pytest.approx(cuts[51], rel=1e-2)
    assert range_of("octav", 2, x) == pytest.approx((-cuts[50], cuts[50]), abs=histogram_of(x).width)


def naive_entropy(counts, levels):
    """The KL divergence of [Migacz 2017] for every cut, in plain loops: {number of bins: divergence}."""
    found = {}
    for size in range(min(levels, len(counts)), len(counts) + 1, max(len(counts) // 256, 1)):
        p = counts[:size]
        q = [1e-4] * size
        for level in range(levels):
            bins = [i for i in range(size) if i * levels // size == level and p[i]]
            for i in bins:
                q[i] = sum(p[j] for j in bins) / len(bins)
        p = [*p[:-1], p[-1] + sum(counts[size:])]
        seen = [(a / sum(p), b) for a, b in zip(p, q, strict=True) if a]
        total = sum(q)
        found[size] = sum(a * np.log(a * total / b) for a, b in seen)
    return found


@settings(max_examples=30)
@given(STREAMS, st.integers(2, 4), st.sampled_from([5, 64]))
def test_entropy_takes_the_cut_of_least_divergence(batches, bits, bins):
    x = np.concatenate(batches)
    assume(x.any())
    with mock.patch.object(histogram, "HALF", 64):
        seen = histogram_of(*batches)
        low, high = entropy(seen, bits, bins)
        counts = seen.magnitudes().tolist()
    while not counts[-1]:
        counts.pop()
    merge = -(-len(counts) // bins)
    counts = [sum(counts[i : i + merge]) for i in range(0, len(counts), merge)]
    divergences = naive_entropy(counts, 2**bits if seen.one_sided else 2 ** (bits - 1))
    ends = {
        size: (max(seen.low, -size * merge * seen.width), min(seen.high, size * merge * seen.width))
        for size in divergences
    }
    least = min(divergences.values())
    best = [ends[size] for size, value in divergences.items() if value <= least + 1e-12]
    assert (low, high) in best


@pytest.mark.parametrize("name", ["laplace", "normal"])
@pytest.mark.parametrize("bits", [3, 4])
def test_entropy_tries_every_256th_of_2048_bins_at_least(name, bits):
    """From as many bins on as there are levels."""
    seen = histogram_of(samples(name, 20_000))
    used = int(np.flatnonzero(seen.magnitudes())[-1]) + 1
    merge = -(-used // 2048)
    count, levels = -(-used // merge), 2 ** (bits - (not seen.one_sided))
    size = entropy(seen, bits)[1] / (merge * seen.width)
    assert count >= 1024 and size == pytest.approx(round(size), abs=1e-9)
    assert levels <= round(size) < count and (round(size) - levels) % (count // 256) == 0


def test_entropy_falls_for_a_spike_where_least_squares_does_not():
    x = np.append(np.full(50_000, 0.05), np.random.default_rng(4).uniform(0, 2, 5000))
    cut, better = range_of("entropy", 4, x), range_of("mse", 4, x)
    assert cut[1] < 0.1 and error_of(x, cut, 4) > error_of(x, (0, 2), 4) > error_of(x, better, 4)


@pytest.mark.parametrize("method", METHODS)
@given(batches=STREAMS, bits=st.integers(2, 8))
@settings(max_examples=8)
def test_every_range_lies_within_what_was_seen_and_makes_a_grid(method, batches, bits):
    x = np.concatenate(batches)
    low, high = range_of(method, bits, *batches)
    Grid.affine(low, high, bits)
    slack = 1e-12 * float(np.abs(x).max())  # of the moving average's sums
    assert min(x.min(), 0) - slack <= low <= high <= max(x.max(), 0) + slack


@pytest.mark.parametrize("method", [method for method in METHODS if method != "average"])
@given(batches=STREAMS)
@settings(max_examples=5)
def test_the_order_of_what_is_seen_changes_nothing(method, batches):
    """Where the largest comes first, so that the bins have their width from the start."""
    first = max((float(x) for batch in batches for x in batch), key=abs)
    one, other = ([np.array([first], np.float32), *order] for order in (batches, batches[::-1]))
    assert range_of(method, 4, *one) == pytest.approx(range_of(method, 4, *other), rel=1e-9)


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
    for momentum in (1.0, -0.1):
        with pytest.raises(ValueError, match="momentum"):
            MovingAverage(momentum)


def test_a_rule_that_is_not_known_is_refused():
    with pytest.raises(ValueError, match=r"^method: found 'other', needed one of percentile, mse"):
        ranges.range_of(histogram_of(np.arange(9.0)), "other", 8)


def test_ends_are_tried_at_each_fraction_from_the_first_to_the_whole():
    """Of two candidates one is the half: an outlier that is one of many is cut there."""
    seen = histogram_of(np.append(np.linspace(-0.5, 0.5, 4001), 1.0), np.full(1, -1.0))
    assert least_squares(seen, 3, 2) == pytest.approx((-0.5, 0.5), rel=1e-2)
    seen = histogram_of(np.append(np.linspace(-1, 1, 2001), [0.0]))
    assert least_squares(seen, 8, 2) == (-1.0, 1.0)
