"""What a grid promises, for every grid that Hypothesis can think of."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tinyzip.quant.grids.grid import LARGEST, Grid

TINY = Fraction(1, 2**53)
SCALES = st.floats(1e-6, 1e6)
REALS = st.floats(-1e9, 1e9, width=32)


@st.composite
def grids(draw, channels=None):
    """Any grid, per tensor or with so many channels; signed or not, of 2 … 8 bits."""
    bits = draw(st.integers(2, 8))
    lo, hi = draw(st.sampled_from([(0, 2**bits - 1), (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)]))
    lo += draw(st.integers(0, 1))
    if channels is None:
        return Grid(draw(SCALES), draw(st.integers(lo, hi)), lo, hi)
    scale = draw(st.lists(SCALES, min_size=channels, max_size=channels))
    zero = draw(st.lists(st.integers(lo, hi), min_size=channels, max_size=channels))
    return Grid(scale, zero, lo, hi)


def inside(grid, fractions):
    """Real numbers between the ends of the grid, as float32 that did not leave it."""
    x = np.float32(grid.low + fractions * (grid.high - grid.low))
    return np.clip(
        x, np.nextafter(np.float32(grid.low), np.inf), np.nextafter(np.float32(grid.high), -np.inf)
    )


@given(grids(), arrays(np.float64, 50, elements=st.floats(0, 1)))
def test_round_trip_error_is_at_most_half_a_step_and_the_derived_slack(grid, fractions):
    """(G4)"""
    x = inside(grid, fractions).astype(np.float64)
    error = np.abs(x - grid.round_trip(x))
    assert (error <= grid.scale / 2 + 2.0**-24 * (np.abs(x) + grid.scale)).all()


@given(grids(), arrays(np.float32, 20, elements=REALS))
def test_codes_and_what_they_mean_are_the_printed_formulas(grid, x):
    """(G1), (G2), in fractions: clamp(rint(x/scale) + zero) but for the float64 quotient's 2⁻⁵³ at a half."""
    scale, zero = Fraction(float(grid.scale)), int(grid.zero)
    for real, code in zip(x.tolist(), grid.quantize(x).tolist(), strict=True):
        steps = Fraction(real) / scale
        near = [min(max(round(steps * (1 + e)) + zero, grid.lo), grid.hi) for e in (-TINY, 0, TINY)]
        assert code in near, f"found code {code} for {real}, needed {near[1]}"
    codes = np.arange(grid.lo, grid.hi + 1)
    wanted = [np.float32(float(scale * (code - zero))) for code in codes.tolist()]
    np.testing.assert_array_equal(grid.dequantize(codes), wanted)


def test_the_slack_is_needed():
    grid = Grid(0.1, 0, 0, 255)
    x = grid.scale * np.arange(255) + grid.scale / 2
    assert (np.abs(x - grid.round_trip(x)) > grid.scale / 2).any()


@given(st.integers(1, 5).flatmap(lambda C: st.tuples(grids(C), st.just(C))))
def test_every_code_comes_back_as_itself(grid_and_channels):
    grid, C = grid_and_channels
    codes = np.broadcast_to(np.arange(grid.lo, grid.hi + 1), (C, grid.hi - grid.lo + 1))
    back = grid.quantize(grid.dequantize(codes))
    assert back.dtype == grid.dtype == (np.uint8 if grid.lo >= 0 else np.int8)
    assert (back == codes).all()


@given(st.integers(1, 5).flatmap(grids))
def test_zero_is_exact(grid):
    zeros = np.zeros((len(grid.zero), 2))
    assert (grid.quantize(zeros) == grid.zero[:, None]).all()
    assert (grid.round_trip(zeros) == 0).all()


@given(grids(), arrays(np.float32, 30, elements=REALS))
def test_quantize_is_monotone(grid, x):
    codes = grid.quantize(np.sort(x)).astype(int)
    assert (np.diff(codes) >= 0).all()


@given(grids(), st.floats(0, 1e30))
def test_what_lies_outside_takes_the_nearest_end(grid, beyond):
    assert grid.quantize(float(grid.high) + beyond) == grid.hi
    assert grid.quantize(float(grid.low) - beyond) == grid.lo


@given(grids(), arrays(np.float32, array_shapes(max_dims=4, max_side=4), elements=REALS))
def test_round_trip_is_idempotent_and_keeps_the_shape(grid, x):
    once = grid.round_trip(x)
    assert once.shape == x.shape and once.dtype == np.float32
    assert (grid.round_trip(once) == once).all()


@given(grids(4), arrays(np.float32, (4, 3, 2), elements=REALS), st.permutations(range(4)))
def test_order_of_channels_does_not_matter(grid, x, order):
    shuffled = Grid(grid.scale[order], grid.zero[order], grid.lo, grid.hi)
    assert (shuffled.quantize(x[order]) == grid.quantize(x)[order]).all()


@given(grids(3), arrays(np.float32, (3, 5), elements=REALS))
def test_per_channel_is_each_channel_per_tensor(grid, x):
    for c in range(3):
        alone = Grid(grid.scale[c], grid.zero[c], grid.lo, grid.hi)
        assert (alone.quantize(x[c]) == grid.quantize(x)[c]).all()
        assert (alone.round_trip(x[c]) == grid.round_trip(x)[c]).all()


@given(st.integers(2, 8), arrays(np.float32, 20, elements=st.floats(-5, 5, width=32)), st.booleans())
def test_symmetric_grid_holds_its_range_and_is_its_mirror_image(bits, x, narrow):
    grid = Grid.symmetric(np.abs(x).max(), bits, narrow)
    assert grid.bits == bits and grid.zero == 0
    assert grid.hi == 2 ** (bits - 1) - 1 and grid.lo == (-grid.hi if narrow else -grid.hi - 1)
    assert (grid.quantize(-x) == -grid.quantize(x).astype(int)).all()
    assert (np.abs(x - grid.round_trip(x)) <= grid.scale * (0.5 + 2**-16)).all()


@given(st.integers(2, 8), st.floats(-1e4, 1e4), st.floats(-1e4, 1e4))
def test_affine_grid_holds_its_range_to_half_a_step_at_each_end(bits, a, b):
    low, high = min(a, b), max(a, b)
    grid = Grid.affine(low, high, bits)
    assert (grid.lo, grid.hi, grid.bits) == (0, 2**bits - 1, bits)
    assert grid.round_trip(0.0) == 0
    slack = grid.scale * (0.5 + 2**-16)
    assert grid.low <= min(low, 0) + slack and grid.high >= max(high, 0) - slack
    x = np.linspace(low, high, 100)
    assert (np.abs(x - grid.round_trip(x)) <= grid.scale * (1 + 2**-16)).all()


def test_a_range_without_extent_has_scale_one_and_codes_of_zero():
    grid = Grid.symmetric([2.0, 0.0], 8)
    assert grid.scale[1] == 1 and (grid.quantize(np.zeros((2, 3))) == 0).all()
    grid = Grid.affine(0.0, 0.0, 4)
    assert grid.scale == 1 and grid.zero == 0 and grid.quantize(0.0) == 0


def test_the_smallest_and_largest_float32_have_a_grid():
    for most in (np.finfo(np.float32).max, np.finfo(np.float32).smallest_subnormal):
        for bits in range(2, 9):
            grid = Grid.symmetric(most, bits)
            codes = np.arange(grid.lo, grid.hi + 1)
            assert (grid.quantize(grid.dequantize(codes)) == codes).all()


@pytest.mark.parametrize("bits", range(4, 9))
def test_noise_is_a_twelfth_of_the_squared_step(bits):
    """(G3)"""
    x = np.random.default_rng(0).normal(size=200_000)
    grid = Grid.symmetric(np.abs(x).max(), bits)
    noise = np.mean((x - grid.round_trip(x)) ** 2)
    deviation = np.sqrt(4 / 5 / x.size)  # of a mean of squares of uniform errors, as a part of it: 0.2%
    assert abs(noise / (grid.scale**2 / 12) - 1) <= 5 * deviation


def test_each_bit_is_six_decibels():
    x = np.random.default_rng(1).uniform(-1, 1, 200_000)
    noise = [np.mean((x - Grid.symmetric(1.0, bits).round_trip(x)) ** 2) for bits in range(3, 9)]
    gains = 10 * np.log10(np.divide(noise[:-1], noise[1:]))
    steps = [20 * np.log10((2**bits - 1) / (2 ** (bits - 1) - 1)) for bits in range(3, 8)]
    # Each noise deviates by 0.2%, a quotient of two by 0.012 dB; 0.06 is five times that.
    assert gains == pytest.approx(steps, abs=0.06)
    # A symmetric grid leaves a code out: its step shrinks to 63/127, not a half, which is 0.07 dB more.
    assert gains[-1] == pytest.approx(6.02, abs=0.07 + 0.06)


@given(st.integers(2, 8), arrays(np.float32, (4, 12), elements=st.floats(-3, 3, width=32)))
def test_scale_of_a_channel_is_never_larger_than_that_of_the_tensor(bits, w):
    per_tensor = Grid.symmetric(np.abs(w).max(), bits)
    per_channel = Grid.symmetric(np.abs(w).max(axis=1), bits)
    alive = np.abs(w).max(axis=1) > 0
    assert (per_channel.scale[alive] <= per_tensor.scale).all()


@pytest.mark.parametrize("bits", range(2, 9))
def test_per_channel_has_no_more_squared_error_than_per_tensor(bits):
    rng = np.random.default_rng(bits)
    w = rng.normal(size=(16, 200)) * 10 ** rng.uniform(-2, 0, (16, 1))
    per_tensor = np.sum((w - Grid.symmetric(np.abs(w).max(), bits).round_trip(w)) ** 2)
    per_channel = np.sum((w - Grid.symmetric(np.abs(w).max(axis=1), bits).round_trip(w)) ** 2)
    assert per_channel < per_tensor


def test_ties_go_to_the_even_code():
    grid = Grid(1.0, 0, -8, 7)
    np.testing.assert_array_equal(grid.quantize(np.array([0.5, 1.5, 2.5, -0.5, -1.5])), [0, 2, 2, 0, -2])


def test_with_scale_keeps_the_codes():
    grid = Grid([1.0, 2.0], [0, 1], 0, 7).with_scale([3.0, 4.0])
    assert grid.scale.tolist() == [3, 4] and grid.zero.tolist() == [0, 1] and (grid.lo, grid.hi) == (0, 7)


def test_a_grid_is_frozen():
    grid = Grid([1.0, 2.0], 0, 0, 7)
    with pytest.raises(AttributeError):
        grid.lo = 1
    for part in (grid.scale, grid.zero):
        assert not part.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        grid.scale[0] = 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((1.0, 16, 0, 15), "zero: found 16"),
        ((1.0, -1, 0, 15), "zero: found -1"),
        (([1.0, 1.0], [0, 16], 0, 15), "zero: found 0 … 16"),
        (([1.0, 1.0], [-1, 3], 0, 15), "zero: found -1 … 3"),
        ((1.0, 0.5, 0, 15), "zero: found 0.5"),
        ((0.0, 0, 0, 15), "scale: found 0.0"),
        ((-1.0, 0, 0, 15), "scale: found -1.0"),
        ((np.nan, 0, 0, 15), "scale: found 1 NaN"),
        ((np.inf, 0, 0, 15), "scale: found 1 NaN or infinite"),
        ((1e-42, 0, 0, 15), "scale: found 1e-42"),
        ((1e38, 0, 0, 15), "scale: found 1e"),
        (([[1.0]], 0, 0, 15), "scale: found shape"),
        (([1.0, 2.0], [0, 0, 0], 0, 15), "zero: found shape"),
        ((1.0, 0, 0, 256), "lo, hi: found 0 … 256"),
        ((1.0, 0, -129, 0), "lo, hi"),
        ((1.0, 0, -1, 128), "lo, hi"),
        ((1.0, 0, -1, 200), "lo, hi"),
        ((1.0, 3, 3, 3), "lo, hi"),
        ((1e308, 0, 0, 255), "scale: found 1e"),
        ((2.5e37, 0, 0, 15), "scale: found 2.5e"),
        ((1.0, 1e300, 0, 255), "zero: found 1e"),
    ],
)
def test_impossible_grids_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Grid(*arguments)


@pytest.mark.parametrize("bits", [0, 1, 9, 2.0, True, None])
def test_bits_out_of_range_are_refused(bits):
    for make in (lambda: Grid.symmetric(1.0, bits), lambda: Grid.affine(0.0, 1.0, bits)):
        with pytest.raises(ValueError, match="bits: found"):
            make()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused(bad):
    x = np.zeros(5, np.float32)
    x[3] = bad
    with pytest.raises(ValueError, match=r"quantize: x: found 1 NaN or infinite of 5"):
        Grid(1.0, 0, 0, 15).quantize(x)
    with pytest.raises(ValueError, match="max_abs"):
        Grid.symmetric(bad, 8)
    with pytest.raises(ValueError, match="low"):
        Grid.affine(bad, 1.0, 8)


def test_wrong_arrays_are_refused():
    grid = Grid([1.0, 2.0], 0, 0, 15)
    with pytest.raises(ValueError, match=r"found shape \(3, 2\), needed \(2, …\)"):
        grid.quantize(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="empty"):
        grid.quantize(np.zeros((2, 0)))
    with pytest.raises(TypeError, match="dtype complex128"):
        grid.quantize(np.zeros(2, complex))
    with pytest.raises(TypeError, match="dtype float64"):
        grid.dequantize(np.zeros(2))
    with pytest.raises(ValueError, match="found 0 … 16, needed codes of the grid"):
        grid.dequantize(np.array([0, 16]))
    with pytest.raises(ValueError, match="0 or more"):
        Grid.symmetric(-1.0, 8)
    with pytest.raises(ValueError, match="two of one shape"):
        Grid.affine([0.0, 0.0], 1.0, 8)
    for lo, hi in ((0.0, 15), (False, 15), (0, True), (0, 15.0)):
        with pytest.raises(TypeError, match=r"Grid: (lo|hi): found"):
            Grid(1.0, 0, lo, hi)
    with pytest.raises(ValueError, match=r"found shape \(\), needed \(2, …\)"):
        grid.quantize(3.0)
    with pytest.raises(ValueError, match=r"low: found 2.0, with a high of 1.0"):
        Grid.affine(2.0, 1.0, 8)
    with pytest.raises(ValueError, match="scale"):
        Grid.affine(-1e308, 1e308, 8)
    with pytest.raises(ValueError, match="with_scale: scale: found shape"):
        grid.with_scale(1.0)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda one: Grid([1, 1, 1], [0, 0, 0.5 * one], 0, 15), "Grid: zero: .*whole numbers"),
        (lambda one: Grid([1, 1, 1], [0, 0, 16 * one], 0, 15), "Grid: zero: found 0 … 16"),
        (lambda one: Grid([1, 1, 1], [0, 0, -one], 0, 15), "Grid: zero: found -1 … 0"),
        (lambda one: Grid([1, 1, 1 - one], 0, 0, 15), "Grid: scale"),
        (lambda one: Grid([1, 1, 1 + one * 1e38], 0, 0, 15), "Grid: scale"),
        (lambda one: Grid.symmetric([1, 1, 1 - 2 * one], 8), "symmetric: max_abs: found -1"),
        (lambda one: Grid.affine([0, 0, 2 * one], [1, 1, 1], 8), "affine: low: .*low ≤ high"),
    ],
)
def test_one_channel_that_does_not_fit_is_enough_to_be_refused(make, said):
    grid = make(0)
    assert grid.scale.shape == grid.zero.shape == (3,)
    assert (grid.scale.dtype, grid.zero.dtype) == (np.float64, np.int64)
    with pytest.raises(ValueError, match=said):
        make(1)


def test_scales_reach_from_the_smallest_normal_float32_to_where_a_multiple_would_overflow():
    least, most = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
    assert Grid(least, 0, 0, 255).dequantize(np.array([1])).item() == least
    assert most * (1 + 2.0**-30) == LARGEST
    assert Grid(LARGEST, 0, 0, 1).dequantize(np.array([1])).item() == most
    for scale, codes in ((np.nextafter(least, 0), 255), (np.nextafter(LARGEST, np.inf), 1)):
        with pytest.raises(ValueError, match="Grid: scale"):
            Grid(scale, 0, 0, codes)
    for zero, lo, hi, codes in (
        (5, 0, 255, 250),
        (200, 0, 255, 200),
        (-100, -128, 127, 227),
        (90, -128, 127, 218),
    ):
        Grid(LARGEST / codes, zero, lo, hi)
        with pytest.raises(ValueError, match="Grid: scale"):
            Grid(LARGEST / codes * (1 + 2**-50), zero, lo, hi)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_grid_fits_the_weights_it_was_made_for_and_those_that_all_lie_on_it(dtype):
    w = np.array([[0.3, -1.2], [0.9, 0.4]], dtype)
    grid = Grid([0.1, 0.25], 0, -7, 7)
    on_it = grid.round_trip(w).astype(dtype)
    made = grid.for_weights(w)
    assert grid.fits(w) and made.fits(w) and made.fits(on_it) and made.fits(w.astype(np.float64))
    assert not made.fits(w * 1.01) and (made.scale == grid.scale).all() and made.made_for is not None
    for place in np.ndindex(2, 2):
        other = on_it.copy()
        other[place] += 0.01
        assert not made.fits(other)


def test_a_masked_array_is_refused():
    x = np.ma.masked_array([1.0, 2.0], [False, True])
    with pytest.raises(TypeError, match=r"found a masked array, needed a full one: x.filled\(0\)"):
        Grid.affine(0, 1, 8).quantize(x)
