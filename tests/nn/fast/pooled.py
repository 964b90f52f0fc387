"""Convolutions that are followed by a ReLU and a 2×2 max pooling."""

from math import prod

import numpy as np
from against import arrays, printed, through
from hypothesis import assume
from hypothesis import strategies as st
from rounding import assert_same_sums
from shapes import normal

from tinyzip.nn.layers import Conv2d, MaxPool2d, ReLU


@st.composite
def pooled(draw, stride=1, groups=1):
    """(Conv2d, shape of an image with a pooled pixel or more, N), up to this stride and many groups"""
    stride, groups = draw(st.integers(1, stride)), draw(st.integers(1, groups))
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    end = st.integers(0, 2)
    padding = (draw(st.tuples(end, end)), draw(st.tuples(end, end)))
    least = [max(1, k + stride - sum(p)) for k, p in zip(kernel, padding, strict=True)]
    size = tuple(draw(st.integers(low, low + 4)) for low in least)
    C, F, N = (draw(st.integers(1, 3)) for _ in range(3))
    layer = Conv2d(C * groups, F * groups, kernel, stride, padding, groups, bias=draw(st.booleans()))
    return layer, (C * groups, *size), N


def chain(layer):
    return [layer, ReLU(), MaxPool2d(2)]


def far_from_kinks(z, apart=1e-3):
    """No two of the values that compete in a pooling window, zero among them, are closer than that."""
    F, H, W, N = z.shape
    fours = z[:, : H // 2 * 2, : W // 2 * 2].reshape(F, H // 2, 2, W // 2, 2, N)
    fours = np.moveaxis(fours, (2, 4), (0, 1)).reshape(4, -1)
    rivals = np.sort(np.concatenate([fours, np.zeros((1, fours.shape[1]))]), axis=0)
    return np.min(np.diff(rivals, axis=0)) > apart


def assert_pooled_within_rounding(stage, layer, shape, N, seed):
    """The three layers as one stage, on real numbers of which none is near a tie.

    A maximum moves by no more than what it chooses from; so the bound of y is the largest of the bounds of
    four. Backward the same pixels win, and what is left is the backward of the convolution.
    """
    p, x, dy = arrays(normal, chain(layer), shape, N, seed, dtype=np.float32)
    sizes = {name: np.abs(array) for name, array in p.items()}
    z, _ = layer.forward(p, x)
    assume(far_from_kinks(z))
    found, expected = through(stage, p, x, dy), printed(chain(layer), p, x, dy)
    of_z = layer.forward(sizes, np.abs(x))[0]
    of_y = MaxPool2d(2).forward({}, of_z)[0]
    assert_same_sums(found["y"], expected["y"], of_y, prod(p["w"].shape[1:]) + 1, "y")
    dz = printed([ReLU(), MaxPool2d(2)], {}, z, dy)["dx"]
    dx, dp = layer.backward(sizes, np.abs(dz), np.abs(x))
    many = z[0].size  # terms of an entry of dw and db: every output
    assert_same_sums(found["dx"], expected["dx"], dx, p["w"].size, "dx")
    for name, size in dp.items():
        assert_same_sums(found[f"d{name}"], expected[f"d{name}"], size, many, f"d{name}")
