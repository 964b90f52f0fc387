"""X4: rows of the kernel, added up one row apart, are the convolution."""

import pytest
from against import assert_equal, assert_within_rounding, conv_layers
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS

from tinyzip.nn.fast import blocks, rows
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.layers import Conv2d

STRIDES = st.tuples(st.just(1), st.integers(1, 3))  # down, and across
BLOCKS = st.sampled_from([1, 600, 2**21])


def stage(layer, shape):
    routes = rows.multiply, blocks.weight_gradient, blocks.input_gradient
    return FastConv2d(layer, shape, *routes)


@settings(max_examples=200)
@given(conv_layers(stride=STRIDES), BLOCKS, SEEDS)
def test_rows_of_the_kernel_give_the_textbook_bit_for_bit_on_whole_numbers(case, size, seed):
    """(X4): also for more maps than it pays for."""
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        assert_equal(stage(layer, shape), [layer], shape, N, seed)


@given(conv_layers(stride=STRIDES), BLOCKS, SEEDS)
def test_on_real_numbers_they_are_the_same_sums_in_another_order(case, size, seed):
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        assert_within_rounding(stage(layer, shape), layer, shape, N, seed)


def test_they_pay_at_vertical_stride_1_for_kernels_of_two_rows_and_few_maps():
    def pays(F, C, kernel=3, stride=1):
        return rows.pays(F, C, Conv2d(C, F, kernel, stride).geometry((C, 9, 9)))

    assert pays(4, 4) and pays(3, 4, stride=(1, 2)) and pays(4, 4, kernel=(2, 1))
    assert pays(16, 20) and not pays(17, 20) and not pays(5, 4)
    assert not pays(4, 4, stride=(2, 1)) and not pays(4, 4, kernel=(1, 3))
