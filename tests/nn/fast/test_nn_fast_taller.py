"""X5: the product with its factors turned is the product turned."""

import pytest
from against import assert_equal, assert_within_rounding, conv_layers
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS

from tinyzip.nn.fast import blocks, taller
from tinyzip.nn.fast.conv import FastConv2d

BLOCKS = st.sampled_from([1, 600, 2**21])


def stage(layer, shape):
    routes = blocks.multiply, taller.weight_gradient, blocks.input_gradient
    return FastConv2d(layer, shape, *routes)


@settings(max_examples=100)
@given(conv_layers(), BLOCKS, SEEDS)
def test_the_taller_factor_first_gives_the_textbook_bit_for_bit_on_whole_numbers(case, size, seed):
    """(X5): whichever is the taller."""
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        assert_equal(stage(layer, shape), [layer], shape, N, seed)


@given(conv_layers(), BLOCKS, SEEDS)
def test_on_real_numbers_they_are_the_same_sums_in_another_order(case, size, seed):
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        assert_within_rounding(stage(layer, shape), layer, shape, N, seed)


def test_it_pays_where_a_kernel_has_more_weights_than_there_are_kernels():
    assert taller.pays(20, 25) and not taller.pays(25, 25)
