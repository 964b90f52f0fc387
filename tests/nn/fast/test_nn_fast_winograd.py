"""X20 and X21: two columns of outputs from four multiplications, and how far off they are."""

from functools import partial

import numpy as np
import pytest
from against import assert_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import gamma
from shapes import SEEDS, normal

from tinyzip.base.windows import pad
from tinyzip.machine.workspace import FRESH
from tinyzip.nn.fast import blocks, rows, turned, winograd
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.layers import Conv2d

BLOCKS = st.sampled_from([1, 600, 2**21])
LONG = st.sampled_from([1, 6])


@st.composite
def three_wide(draw):
    """(Conv2d with kernels three wide and stride 1, shape of an image that it fits, N)"""
    groups, C, F = (draw(st.integers(1, 3)) for _ in range(3))
    padding = tuple(tuple(draw(st.integers(0, 2)) for _ in range(2)) for _ in range(2))
    kernel = draw(st.integers(1, 3)), 3
    least = [max(1, k - sum(ends)) for k, ends in zip(kernel, padding, strict=True)]
    H, W = (draw(st.integers(size, size + 5)) for size in least)
    layer = Conv2d(groups * C, groups * F, kernel, padding=padding, groups=groups)
    return layer, (groups * C, H, W), draw(st.integers(1, 3))


def stage(layer, shape):
    gather = partial(turned.input_gradient, multiply=winograd.multiply)
    backward = gather if turned.applies(layer.geometry(shape)) else blocks.input_gradient
    return FastConv2d(layer, shape, winograd.multiply, blocks.weight_gradient, backward)


@settings(max_examples=200)
@given(three_wide(), BLOCKS, LONG, SEEDS)
def test_two_columns_from_four_are_the_textbook_bit_for_bit_on_whole_numbers(case, size, long, seed):
    """(X20): even and odd widths, any border, where runs are too short; and dx, a convolution of its own."""
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        patch.setattr(winograd, "LONG", long)
        assert_equal(stage(layer, shape), [layer], shape, N, seed)


@given(three_wide(), SEEDS, st.sampled_from([1.0, 1e3]))
def test_on_real_numbers_they_are_off_by_no_more_than_was_derived(case, seed, far):
    """(X21), where neighbours are as different as can be, too: terms that nearly cancel."""
    layer, shape, N = case
    w = normal(seed, *layer.parameter_shapes()["w"], dtype=np.float32)
    x = normal(seed + 1, *shape, N, dtype=np.float32)
    x[:, :, ::2] *= np.float32(far)
    geometry, G = layer.geometry(shape), layer.groups
    OH, OW = geometry.outputs
    y = np.empty((G, len(w) // G, OH * OW * N), np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "LONG", 1)
        winograd.multiply(w.reshape(G, len(w) // G, -1), x, geometry, y, FRESH)
    found = y.reshape(len(w), OH, OW, N)
    exact = layer.forward({"w": w.astype(float), "b": np.zeros(len(w))}, x.astype(float))[0]

    C, kh = w.shape[1], w.shape[2]
    size = np.abs(pad(x.astype(float), (geometry.padding[0], (geometry.padding[1][0], 3)), 0))
    u, v, t = np.abs(w.astype(float)).transpose(3, 0, 1, 2)
    for f, oh, ow in np.ndindex(len(w), OH, OW):
        channels = slice(f // (len(w) // G) * C, (f // (len(w) // G) + 1) * C)
        a, b, c, d = (size[channels, oh : oh + kh, ow - ow % 2 + k] for k in range(4))
        outer = t[f][..., None] * (b + d) if ow % 2 else u[f][..., None] * (a + c)
        terms = ((u[f] + v[f] + t[f])[..., None] * (b + c) + outer).sum((0, 1))
        assert (np.abs(found[f, oh, ow] - exact[f, oh, ow]) <= gamma(kh * C + 5, np.float32) * terms).all()


@pytest.mark.parametrize(("N", "long"), [(191, False), (192, True)])
def test_runs_of_384_numbers_are_long_enough(N, long, monkeypatch):
    """Of three columns, two even ones: 382 numbers, and 384."""
    layer, met = Conv2d(1, 1, 3), []
    monkeypatch.setattr(rows, "multiply", lambda *_: met.append(N))
    x, w = normal(0, 1, 3, 5, N, dtype=np.float32), normal(1, 1, 1, 9, dtype=np.float32)
    winograd.multiply(w, x, layer.geometry((1, 3, 5)), np.empty((1, 1, 3 * N), np.float32), FRESH)
    assert met == ([] if long else [N])


def test_they_pay_for_many_channels_and_maps():
    def pays(C, F, *window):
        geometry = Conv2d(C, F, *window).geometry((C, 9, 9))
        return winograd.applies(geometry) and winograd.pays(F, C, geometry)

    assert pays(16, 16, 3) and pays(16, 32, 3) and pays(32, 32, (5, 3))
    assert not pays(12, 16, 3) and not pays(1, 64, 3)
    assert not pays(32, 32, (1, 3)) and not pays(32, 32, (3, 5)) and not pays(32, 32, 3, 2)
