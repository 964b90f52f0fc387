"""X4: products with slices of the same lines are the convolution."""

import numpy as np
import pytest
from against import arrays, assert_equal, assert_within_rounding, conv_layers, dirty, printed, through
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, integral

from tinyzip.nn.fast import blocks, rows
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.layers import Conv2d

BLOCKS = st.sampled_from([1, 600, 2**21])


def stage(layer, shape):
    routes = rows.multiply, rows.weight_gradient, blocks.input_gradient
    return FastConv2d(layer, shape, *routes)


@settings(max_examples=200)
@given(conv_layers(), BLOCKS, SEEDS, st.sampled_from([1, 12]))
def test_rows_that_share_patches_give_the_textbook_bit_for_bit_on_whole_numbers(case, size, seed, alone):
    """(X4): also where no rows overlap, and where there are too few columns; y, and dw by (MP2)."""
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(rows, "ALONE", alone)
        assert_equal(stage(layer, shape), [layer], shape, N, seed)


@given(conv_layers(), BLOCKS, SEEDS, st.sampled_from([1, 12]))
def test_on_real_numbers_they_are_the_same_sums_in_another_order(case, size, seed, alone):
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(rows, "ALONE", alone)
        assert_within_rounding(stage(layer, shape), layer, shape, N, seed)


@given(conv_layers(), BLOCKS, SEEDS, st.permutations(range(4)))
def test_how_images_lie_in_memory_makes_no_difference(case, size, seed, order):
    """As channels last, for one: the product looks into the image itself where there is no border."""
    layer, shape, N = case
    p, x, dy = arrays(integral, [layer], shape, N, seed, largest=4)
    lying = np.ascontiguousarray(x.transpose(order)).transpose(np.argsort(order))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(rows, "ALONE", 1)
        found = through(stage(layer, shape), p, lying, dy)
    for name, array in printed([layer], p, x, dy).items():
        np.testing.assert_array_equal(found[name], array, name)


@given(conv_layers(), st.integers(1, 4000), SEEDS)
def test_lines_take_as_much_memory_as_a_block_may_and_no_more(case, most, seed):
    layer, shape, N = case
    geometry, x = layer.geometry(shape), integral(seed, *shape, N)
    OH, sh, kh = geometry.outputs[0], geometry.stride[0], geometry.kernel[0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", most)
        parts = [rows for rows, _ in rows_of(x, layer.groups, geometry)]
    assert [oh for part in parts for oh in range(OH)[part]] == list(range(OH))
    if not blocks.is_pointwise(geometry):
        line = geometry.kernel[1] * shape[0] * geometry.outputs[1] * N * 4
        fits = [n for n in range(1, OH + 1) if ((n - 1) * sh + kh) * line <= most]
        assert parts[0].stop == max(fits, default=1)


@pytest.mark.parametrize(("N", "alone"), [(31, False), (32, True)])
def test_a_row_of_64_columns_is_enough_for_a_product_of_its_own(N, alone, monkeypatch):
    """Of two windows: 62 columns, and 64."""
    layer, met = Conv2d(1, 2, 2), []
    monkeypatch.setattr(blocks, "multiply", lambda *_: met.append("y"))
    monkeypatch.setattr(blocks, "weight_gradient", lambda *_: met.append("dw"))
    p, x, dy = arrays(integral, [layer], (1, 3, 3), N, 0)
    through(stage(layer, (1, 3, 3)), p, x, dy)
    assert met == ([] if alone else ["y", "dw"])


def rows_of(x, groups, geometry):
    return rows.patch_rows(x, groups, geometry, dirty())


def test_they_pay_where_rows_of_windows_overlap():
    def pays(kernel, stride):
        return rows.pays(Conv2d(3, 4, kernel, stride).geometry((3, 9, 9)))

    assert pays(3, 1) and pays(3, 2) and pays((2, 1), (1, 2))
    assert not pays(3, 3) and not pays((1, 3), 1) and not pays(2, (3, 1))


def test_gradients_of_few_weights_pay_for_windows_of_one_pixel_too():
    def pays(F, K, *window):
        return rows.pays_for_weights(F, K, Conv2d(3, 4, *window).geometry((3, 9, 9)))

    assert pays(100, 100, 3) and not pays(73, 137, 3)  # 10,000 weights, and one more
    assert pays(32, 288, 3) and pays(64, 128, 1) and not pays(64, 576, 3)
    assert not pays(4, 27, 3, 3) and not pays(4, 3, 1, 2) and not pays(4, 9, (1, 3))
