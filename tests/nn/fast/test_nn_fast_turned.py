"""X6: dx is a convolution of dy with turned kernels."""

from functools import partial

import pytest
from against import arrays, assert_equal, assert_within_rounding, conv_layers, through
from gradcheck import assert_gradients
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from shapes import SEEDS, normal

from tinyzip.nn.fast import blocks, rows, turned
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.layers import Conv2d

PRODUCTS = st.sampled_from([blocks.multiply, rows.multiply])
APPLIES = conv_layers(stride=st.just((1, 1)), pooling=True)  # a padding smaller than the kernel


def stage(layer, shape, multiply):
    gather = partial(turned.input_gradient, multiply=multiply)
    return FastConv2d(layer, shape, blocks.multiply, blocks.weight_gradient, gather)


@settings(max_examples=200)
@given(APPLIES, PRODUCTS, SEEDS)
def test_turned_kernels_give_the_textbook_bit_for_bit_on_whole_numbers(case, multiply, seed):
    """(X6): also where they pay nothing, and for a kernel of one pixel."""
    layer, shape, N = case
    assert_equal(stage(layer, shape, multiply), [layer], shape, N, seed)


@given(APPLIES, PRODUCTS, SEEDS)
def test_on_real_numbers_they_are_the_same_sums_in_another_order(case, multiply, seed):
    layer, shape, N = case
    assert_within_rounding(stage(layer, shape, multiply), layer, shape, N, seed)


@settings(max_examples=30)
@given(APPLIES, SEEDS)
def test_what_they_gather_is_the_gradient(case, seed):
    layer, shape, N = case
    assume(turned.applies(layer.geometry(shape)))
    p, x, dy = arrays(normal, [layer], shape, N, seed)
    dx = through(stage(layer, shape, blocks.multiply), p, x, dy)["dx"]
    assert_gradients(lambda: layer.forward(p, x)[0], {"x": x}, {"x": dx}, dy)


@pytest.mark.parametrize(
    ("layer", "applies"),
    [
        (Conv2d(1, 1, 3, padding=2), True),
        (Conv2d(1, 1, (1, 2)), True),
        (Conv2d(1, 1, 3, padding=3), False),
        (Conv2d(1, 1, 3, padding=((0, 3), (0, 0))), False),
        (Conv2d(1, 1, 3, padding=((0, 0), (3, 0))), False),
        (Conv2d(1, 1, 3, (1, 2)), False),
        (Conv2d(1, 1, 1), False),
    ],
)
def test_they_apply_at_stride_1_to_a_padding_smaller_than_the_kernel(layer, applies):
    assert turned.applies(layer.geometry((1, 7, 7))) == applies


def test_they_pay_while_they_gather_no_more_than_twice_what_would_be_scattered():
    inner, same = Conv2d(1, 1, 3).geometry((1, 8, 8)), Conv2d(1, 1, 3, padding=1).geometry((1, 8, 8))
    assert turned.pays(8, 4, same) and not turned.pays(9, 4, same)
    assert turned.pays(72, 64, inner) and not turned.pays(73, 64, inner)  # 36 windows over 64 pixels
