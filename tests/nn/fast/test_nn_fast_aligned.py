"""X17–X19: convolution, ReLU and pooling by patches aligned to the pooling."""

import numpy as np
import pytest
from against import arrays, assert_equal, dirty, through
from gradcheck import assert_gradients
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pooled import assert_pooled_within_rounding, chain, far_from_kinks, pooled
from shapes import SEEDS, integral, normal

from tinyzip.machine import products
from tinyzip.nn.fast import aligned, blocks, taller
from tinyzip.nn.fast.aligned import AlignedConvReLUPool
from tinyzip.nn.layers import Conv2d, MaxPool2d, ReLU

BLOCKS = st.sampled_from([1, 600, 2**21])
ROUTES = st.sampled_from([blocks.weight_gradient, taller.weight_gradient])


def stage(layer, shape, route=taller.weight_gradient):
    return AlignedConvReLUPool(layer, aligned.larger(layer, shape), route)


@settings(max_examples=150)
@given(pooled(), st.booleans(), BLOCKS, ROUTES, SEEDS)
def test_aligned_patches_give_the_textbook_bit_for_bit_on_whole_numbers(case, train, size, route, seed):
    """(X18), (X19): of few values, so that there are many ties; and for kernels for which it does not pay."""
    layer, shape, N = case
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", size)
        assert_equal(stage(layer, shape, route), chain(layer), shape, N, seed, train, largest=1)


@given(pooled(), SEEDS)
def test_on_real_numbers_they_are_the_textbook_within_the_rounding_of_the_convolution(case, seed):
    layer, shape, N = case
    assert_pooled_within_rounding(stage(layer, shape), layer, shape, N, seed)


@settings(max_examples=25)
@given(pooled(), SEEDS)
def test_their_backward_is_the_gradient(case, seed):
    layer, shape, N = case
    p, x, dy = arrays(normal, chain(layer), shape, N, seed)
    assume(far_from_kinks(layer.forward(p, x)[0]))
    found = through(stage(layer, shape), p, x, dy)

    def forward():
        return MaxPool2d(2).forward({}, ReLU().forward({}, layer.forward(p, x)[0])[0])[0]

    assert_gradients(forward, {"x": x} | p, {"x": found["dx"]} | {name: found[f"d{name}"] for name in p}, dy)


def test_the_wide_kernel_is_its_equation():
    """(X17)"""
    w = integral(0, 2, 3, 2, 4)
    wide = aligned.widened(w, dirty()).reshape(2, 2, 2, 3, 3, 5)
    expected = np.zeros_like(wide)
    for d, e, f, c, i, j in np.ndindex(2, 2, *w.shape):
        expected[d, e, f, c, i + d, j + e] = w[f, c, i, j]
    np.testing.assert_array_equal(wide, expected)


@pytest.mark.parametrize("train", [False, True])
def test_where_nothing_is_kept_a_block_leaves_room_for_what_its_product_makes(monkeypatch, train):
    layer, room = Conv2d(2, 3, 3), []

    def noted(x, groups, geometry, workspace, beside=0):
        room.append(beside)
        return blocks.patch_blocks(x, groups, geometry, workspace, beside)

    monkeypatch.setattr(aligned, "patch_blocks", noted)
    p, x, _ = arrays(integral, chain(layer), (2, 6, 6), 2, 0)
    stage(layer, (2, 6, 6)).forward(p, x, train=train, rng=None, workspace=dirty())
    assert room == [0 if train else 4 * layer.F]


def test_they_pay_for_dense_kernels_from_five_rows_and_columns_on_where_blas_copies(monkeypatch):
    monkeypatch.setattr(products, "has_small_kernels", lambda: True)
    assert not aligned.pays(Conv2d(1, 2, 5))
    monkeypatch.setattr(products, "has_small_kernels", lambda: False)
    assert aligned.pays(Conv2d(1, 2, 5)) and aligned.pays(Conv2d(1, 2, (4, 6)))
    assert aligned.pays(Conv2d(1, 2, (3, 8))) and not aligned.pays(Conv2d(1, 2, (3, 7)))  # half more, exactly
    for layer in (Conv2d(1, 2, 4), Conv2d(1, 2, 5, stride=(1, 2)), Conv2d(2, 2, 5, groups=2)):
        assert not aligned.pays(layer)


def test_an_image_without_a_pooled_pixel_is_refused():
    with pytest.raises(ValueError, match="window of 4×4"):
        aligned.larger(Conv2d(1, 1, 3), (1, 3, 3))
