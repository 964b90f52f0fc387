"""The two textbook formulas do what is printed, and what is printed is wrong in four ways."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tinyzip.nn.models import seed_net
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.textbook import (
    byte_decode,
    byte_encode,
    min_max_decode,
    min_max_encode,
    through_bytes,
)

BITS = st.integers(2, 8)
SPREAD = arrays(np.float64, 20, elements=st.floats(-100, 100)).filter(lambda x: np.ptp(x) > 1e-3)


@given(BITS, SPREAD)
def test_min_max_is_the_printed_formula(bits, x):
    """(T1)"""
    y = min_max_encode(x, bits)
    printed = [round((v - min(x)) / (max(x) - min(x)) * (2**bits - 1) + 1) for v in x.tolist()]
    assert y.tolist() == printed


@given(BITS, SPREAD)
def test_min_max_is_right_to_half_a_step(bits, x):
    step = np.ptp(x) / (2**bits - 1)
    back = min_max_decode(min_max_encode(x, bits), bits, float(x.min()), float(x.max()))
    assert (np.abs(back - x) <= step / 2 * (1 + 1e-9) + 2**-23 * np.abs(x).max()).all()


@given(BITS, SPREAD)
def test_codes_run_from_one_to_two_to_the_bits_and_the_top_one_does_not_fit(bits, x):
    y = min_max_encode(x, bits)
    assert y.min() == 1 and y.max() == 2**bits
    assert int(y.max()).bit_length() == bits + 1


def test_in_a_byte_the_largest_value_becomes_the_smallest():
    y = min_max_encode(np.array([-1.0, 0.0, 1.0]), 8).astype(np.uint8)
    assert y[2] == 0
    assert min_max_decode(y, 8, -1, 1)[2] < -1


def test_zero_comes_back_as_something_else_where_a_grid_is_exact():
    x = np.array([-1.0, 0.0, 1.3])
    assert min_max_decode(min_max_encode(x, 8), 8, x.min(), x.max())[1] != 0
    assert Grid.affine(x.min(), x.max(), 8).round_trip(x)[1] == 0


def test_a_constant_divides_by_zero_and_is_refused_where_a_grid_answers():
    with pytest.raises(ValueError, match=r"max = min = 3.0, a division by zero"):
        min_max_encode(np.full(4, 3.0), 8)
    assert Grid.affine(3.0, 3.0, 8).round_trip(3.0) == 3


@given(arrays(np.float64, 20, elements=st.floats(0, 100)).filter(lambda x: x.max() > 1e-3))
def test_bytes_are_right_for_positive_values(x):
    """(T2)"""
    y = byte_encode(x)
    assert y.tolist() == [round(255 * v / max(x)) for v in x.tolist()]
    assert (np.abs(byte_decode(y, x.max()) - x) <= x.max() / 255 * 0.501).all()


@given(st.floats(0.01, 0.9))
def test_bytes_wrap_negative_values_around(share):
    y = byte_encode(np.array([1.0, -share]))
    assert y[1] == (256 - round(255 * share)) % 256
    back = byte_decode(y, 1.0)[1]
    assert back >= 0 and back == pytest.approx(256 / 255 - share, abs=0.501 / 255)  # half a step, as above


def test_bytes_of_a_maximum_of_zero_are_refused():
    with pytest.raises(ValueError, match="max = 0"):
        byte_encode(np.array([-1.0, 0.0]))


def test_a_whole_network_through_bytes_has_no_negative_weight_left():
    model = seed_net(np.random.default_rng(0))
    ruined = through_bytes(model)
    for name, value in model.params.items():
        after = ruined.params[name]
        if value.ndim == 1:
            assert (after == value).all()
        else:
            assert value.min() < 0 and after.min() >= 0
            positive = value >= 0
            assert np.abs(after - value)[positive].max() <= value.max() / 255 * 0.501
    assert ruined.shape == model.shape


def test_a_layer_whose_largest_weight_is_zero_is_named():
    model = seed_net(np.random.default_rng(0))
    name = next(name for name, value in model.params.items() if value.ndim == 2)
    with pytest.raises(ValueError, match=name):
        through_bytes(model.with_params({**model.params, name: -np.abs(model.params[name]) * 0}))


def test_nan_and_bits_out_of_range_are_refused():
    with pytest.raises(ValueError, match="NaN"):
        min_max_encode(np.array([0.0, np.nan]), 8)
    with pytest.raises(ValueError, match="NaN"):
        byte_encode(np.array([0.0, np.nan]))
    with pytest.raises(ValueError, match="bits"):
        min_max_encode(np.array([0.0, 1.0]), 9)


def test_decoders_refuse_what_are_no_codes_and_no_ends():
    codes = np.array([1, 2])
    for bad in (None, np.nan, np.inf, "1"):
        with pytest.raises(ValueError, match="least: found"):
            min_max_decode(codes, 8, bad, 1.0)
        with pytest.raises(ValueError, match="most: found"):
            byte_decode(codes, bad)
    with pytest.raises(TypeError, match="min_max_decode: y: found dtype float64"):
        min_max_decode(codes / 2, 8, 0.0, 1.0)
    with pytest.raises(TypeError, match="byte_decode: y: found dtype float64"):
        byte_decode(codes / 2, 1.0)
