"""X3: blocks of patches give what all patches at once would, whatever the size of a block."""

import numpy as np
import pytest
from against import assert_equal, assert_within_rounding, conv_layers, dirty
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import SEEDS, integral

from tinyzip.nn.fast import blocks
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.layers import Conv2d
from tinyzip.nn.ops.conv import by_group
from tinyzip.nn.ops.patches import to_image, to_patches

BLOCKS = st.sampled_from([1, 600, 2**21])  # bytes: a row at a time, a few rows, all at once


def stage(layer, shape):
    routes = blocks.multiply, blocks.weight_gradient, blocks.input_gradient
    return FastConv2d(layer, shape, *routes)


@settings(max_examples=200)
@given(conv_layers(), BLOCKS, SEEDS)
def test_products_in_blocks_are_those_of_the_textbook_bit_for_bit_on_whole_numbers(case, size, seed):
    """(X3)"""
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


@given(conv_layers(), BLOCKS, SEEDS)
def test_the_blocks_side_by_side_are_the_patches(case, size, seed):
    layer, shape, N = case
    x, geometry = integral(seed, *shape, N), layer.geometry(shape)
    workspace = dirty()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        cut = blocks.patch_blocks(x, layer.groups, geometry, workspace)
        whole = np.concatenate([block.copy() for _, block in cut], axis=2)
    np.testing.assert_array_equal(whole, by_group(to_patches(x, geometry), layer.groups))


@given(conv_layers(), SEEDS)
def test_adding_a_stride_of_elements_at_once_is_col2im(case, seed):
    layer, shape, N = case
    geometry = layer.geometry(shape)
    patches = to_patches(integral(seed, *shape, N), geometry)
    (top, bottom), (left, right) = geometry.padding
    image = np.zeros((shape[0], top + shape[1] + bottom, left + shape[2] + right, N), np.float32)
    blocks.scatter(patches, geometry, image)
    inside = image[:, top : top + shape[1], left : left + shape[2]]
    np.testing.assert_array_equal(inside, to_image(patches, geometry))


@settings(max_examples=20)
@given(st.integers(0, 1), st.sampled_from([1, 2]), SEEDS)
def test_a_kernel_of_one_pixel_needs_no_patches(padding, groups, seed):
    layer = Conv2d(4, 6, 1, padding=padding, groups=groups)
    assert_equal(stage(layer, (4, 3, 5)), [layer], (4, 3, 5), 2, seed)
    if not padding:
        x = integral(seed, 4, 3, 5, 2)
        ((_, block),) = blocks.patch_blocks(x, groups, layer.geometry((4, 3, 5)), dirty())
        assert np.shares_memory(block, x)


@given(conv_layers(), st.integers(1, 4000))
def test_blocks_hold_as_many_rows_as_fit_and_the_last_what_is_left(case, most):
    layer, shape, N = case
    geometry = layer.geometry(shape)
    (OH, OW), K = geometry.outputs, shape[0] * geometry.kernel[0] * geometry.kernel[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", most)
        cut = list(blocks.blocks(np.zeros((*shape, N), np.float32), geometry))
    assert [oh for rows, _ in cut for oh in range(OH)[rows]] == list(range(OH))
    assert [p for _, columns in cut for p in range(OH * OW * N)[columns]] == list(range(OH * OW * N))
    if not blocks.is_pointwise(geometry):
        assert cut[0][0].stop == min(OH, max(1, most // (K * OW * N * 4)))


def test_a_block_is_two_megabytes_where_nothing_is_patched():
    geometry = Conv2d(1, 1, 1, (2, 1)).geometry((1, 2**13, 1))
    x = np.broadcast_to(np.float32(0), (1, 2**13, 1, 2**9))  # a row of windows is 2 KB
    assert [rows.stop - rows.start for rows, _ in blocks.blocks(x, geometry)] == [2**10] * 4


def test_a_block_holds_no_more_than_it_may():
    layer = Conv2d(3, 4, 3)
    geometry = layer.geometry((3, 20, 10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", 27 * 8 * 5 * 4 * 4)  # four rows of 8 windows, 5 images, float32
        x = integral(0, 3, 20, 10, 5)
        rows = [rows.stop - rows.start for rows, _ in blocks.blocks(x, geometry)]
        assert rows == [4, 4, 4, 4, 2]
