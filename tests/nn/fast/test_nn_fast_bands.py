"""X8 and X9: products with band matrices are the depthwise convolution."""

import numpy as np
import pytest
from against import arrays, assert_equal, assert_within_rounding, conv_layers, dirty, printed, through
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


@settings(max_examples=150)
@given(conv_layers(groups=DEPTHWISE, pooling=True), SEEDS)
def test_in_tiles_of_one_column_an_infinite_number_reaches_its_windows_only(case, seed):
    layer, shape, N = case
    p, x, dy = arrays(integral, [layer], shape, N, seed)
    rng = np.random.default_rng(seed)
    for array in (x, dy):
        array[tuple(rng.integers(0, array.shape))] = np.inf
    p["w"][p["w"] == 0] = 1
    with pytest.MonkeyPatch.context() as patch, np.errstate(invalid="ignore"):
        patch.setattr(bands, "TILE", 1)
        found, expected = through(FastDepthwise(layer, shape), p, x, dy), printed([layer], p, x, dy)
        seen = printed([layer], p, x, np.ones_like(dy))["dx"] != 0
    np.testing.assert_array_equal(np.isfinite(found["y"]), np.isfinite(expected["y"]))
    some = np.isfinite(expected["dx"]) & seen
    np.testing.assert_array_equal(np.isfinite(found["dx"])[seen], some[seen])


@settings(max_examples=10)
@given(SEEDS)
def test_a_wide_image_is_cut_into_tiles_of_about_one_width(seed):
    layer = Conv2d(2, 2, 3, padding=1, groups=2)
    assert [t.stop - t.start for t in bands.tiles(50)] == [12, 13, 12, 13]
    assert_equal(FastDepthwise(layer, (2, 3, 50)), [layer], (2, 3, 50), 2, seed)


@given(st.integers(1, 7), st.integers(1, 3), st.integers(1, 30), st.integers(1, 4000))
def test_parts_hold_as_many_channels_as_may_be_and_every_map_once(C, maps, pixels, most):
    x, y = np.zeros((C, 1, 1, 1), np.float32), np.zeros((C * maps, 1, pixels, 1), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bands, "PART", most)
        parts = list(bands.channel_parts(x, y))
    met = [
        (c, f)
        for channels, own in parts
        for c, f in zip(range(C)[channels], range(C * maps)[own], strict=True)
    ]
    assert sorted(met) == [(f // maps, f) for f in range(C * maps)]
    largest = max(channels.stop - channels.start for channels, _ in parts)
    assert largest == min(C, max(1, most // (4 * pixels)))


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
