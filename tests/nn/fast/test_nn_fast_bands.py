"""X8 and X9: products with band matrices are the depthwise convolution."""

import numpy as np
import pytest
from against import assert_equal, assert_within_rounding, conv_layers, dirty
from hypothesis import given, settings
from hypothesis import strategies as st
from shapes import DEPTHWISE, SEEDS, integral

from tinyzip.nn.fast import bands
from tinyzip.nn.fast.bands import FastDepthwise
from tinyzip.nn.layers import Conv2d

TILES = st.sampled_from([1, 2, 16])
PARTS = st.sampled_from([1, 2**19])


@settings(max_examples=200)
@given(conv_layers(groups=DEPTHWISE), TILES, PARTS, SEEDS)
def test_bands_give_the_textbook_bit_for_bit_on_whole_numbers(case, tile, part, seed):
    """(X9)"""
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "TILE", tile)
        patch.setattr(bands, "PART", part)
        assert_equal(FastDepthwise(layer, shape), [layer], shape, N, seed)


@given(conv_layers(groups=DEPTHWISE), TILES, SEEDS)
def test_on_real_numbers_they_are_the_same_sums_in_another_order(case, tile, seed):
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "TILE", tile)
        assert_within_rounding(FastDepthwise(layer, shape), layer, shape, N, seed)


@settings(max_examples=10)
@given(SEEDS)
def test_a_wide_image_is_cut_into_tiles_of_about_one_width(seed):
    layer = Conv2d(2, 2, 3, padding=1, groups=2)
    assert [t.stop - t.start for t in bands.tiles(50)] == [12, 13, 12, 13]
    assert_equal(FastDepthwise(layer, (2, 3, 50)), [layer], (2, 3, 50), 2, seed)


def test_a_band_is_its_equation():
    """(X8)"""
    layer = Conv2d(2, 2, (2, 3), (1, 2), (0, 1), groups=2)
    geometry, w = layer.geometry((2, 4, 7)), integral(0, 2, 1, 2, 3)
    band = bands.band_matrices(w, geometry, slice(0, geometry.outputs[1]), slice(0, 7), dirty())
    expected = np.zeros((2, geometry.outputs[1], 2, 7), np.float32)
    for f, ow, i, j in np.ndindex(2, geometry.outputs[1], 2, 3):
        if 0 <= 2 * ow + j - 1 < 7:
            expected[f, ow, i, 2 * ow + j - 1] = w[f, 0, i, j]
    np.testing.assert_array_equal(band, expected)
