import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapes import SEEDS, integral
from shapes import windows as drawn_windows

from tinyzip.base.windows import (
    col2im,
    im2col,
    pad,
    padding_of,
    pair,
    reach_of,
    same_padding,
    strided,
    wider,
    window_count,
    windows,
)


def naive_patches(x, kernel, stride):
    """(W2), one number at a time."""
    C, H, W, N = x.shape
    OH, OW = (H - kernel[0]) // stride[0] + 1, (W - kernel[1]) // stride[1] + 1
    patches = np.zeros((C, *kernel, OH, OW, N), x.dtype)
    for c, i, j, oh, ow, n in np.ndindex(patches.shape):
        patches[c, i, j, oh, ow, n] = x[c, oh * stride[0] + i, ow * stride[1] + j, n]
    return patches.reshape(C * kernel[0] * kernel[1], OH * OW * N)


@given(drawn_windows(), SEEDS)
def test_im2col_is_the_naive_loop(case, seed):
    """(W2)"""
    size, kernel, stride, padding = case
    x = pad(integral(seed, 2, *size, 2), padding, 0)
    expected = naive_patches(x, kernel, stride)
    np.testing.assert_array_equal(im2col(x, kernel, stride), expected)
    out = np.empty(expected.shape, np.float64)
    assert im2col(x, kernel, stride, out) is out
    np.testing.assert_array_equal(out, expected)


@given(drawn_windows(), SEEDS)
def test_col2im_is_the_adjoint_of_im2col(case, seed):
    """(W3)"""
    size, kernel, stride, padding = case
    x = pad(integral(seed, 2, *size, 2), padding, 0)
    patches = im2col(x, kernel, stride)
    gradient = integral(seed + 1, *patches.shape)
    image = np.zeros_like(x)
    col2im(gradient, kernel, stride, image)
    assert np.vdot(patches, gradient) == np.vdot(x, image)


@given(drawn_windows(), SEEDS)
def test_col2im_adds_to_what_is_there(case, seed):
    size, kernel, stride, padding = case
    x = pad(integral(seed, 2, *size, 2), padding, 0)
    gradient = integral(seed + 1, *im2col(x, kernel, stride).shape)
    alone, onto = np.zeros_like(x), x.copy()
    col2im(gradient, kernel, stride, alone)
    col2im(gradient, kernel, stride, onto)
    np.testing.assert_array_equal(onto, x + alone)


@given(drawn_windows())
def test_window_count_is_the_number_of_places_where_a_window_fits(case):
    """(W1)"""
    size, kernel, stride, padding = case
    for axis, count in enumerate(window_count(size, kernel, stride, padding, "x")):
        length = size[axis] + sum(padding[axis])
        assert count == len(range(0, length - kernel[axis] + 1, stride[axis]))


@given(drawn_windows())
def test_same_padding_gives_size_over_stride_windows_and_the_smaller_half_first(case):
    size, kernel, stride, _ = case
    padding = same_padding(size, kernel, stride)
    counts = window_count(size, kernel, stride, padding, "x")
    assert counts == tuple(-(-length // s) for length, s in zip(size, stride, strict=True))
    assert all(before in (after, after - 1) for before, after in padding)


@given(drawn_windows(), SEEDS)
def test_pad_puts_the_image_inside_a_border_of_one_value(case, seed):
    size, _, _, padding = case
    x = integral(seed, 2, *size, 3)
    whole = np.pad(x, ((0, 0), *padding, (0, 0)), constant_values=7)
    np.testing.assert_array_equal(pad(x, padding, 7), whole)
    np.testing.assert_array_equal(pad(x, padding, 7, np.empty_like(whole)), whole)


def test_without_a_border_pad_copies_nothing_and_windows_never_do():
    x = integral(0, 2, 4, 4, 3)
    assert pad(x, ((0, 0), (0, 0)), 0) is x
    view = windows(x, (2, 2), (1, 1))
    assert np.shares_memory(view, x) and not view.flags.writeable


def test_two_paddings_together_are_as_wide_as_both():
    assert wider(((1, 2), (3, 4)), ((10, 20), (30, 40))) == ((11, 22), (33, 44))


@given(drawn_windows(), st.tuples(st.integers(1, 3), st.integers(1, 3)), SEEDS)
def test_places_of_a_dilated_window_lie_apart(case, dilation, seed):
    """(W2) with i·dh and j·dw for i and j, as far as `reach_of` says."""
    size, kernel, stride, _ = case
    reach = reach_of(kernel, dilation)
    assert reach == tuple(len(range(0, k * d, d)) * d - d + 1 for k, d in zip(kernel, dilation, strict=True))
    x = integral(seed, 2, *(max(pair) for pair in zip(size, reach, strict=True)), 3)
    view = windows(x, kernel, stride, dilation)
    assert view.shape[3:5] == window_count(x.shape[1:3], reach, stride, ((0, 0), (0, 0)), "x")
    for c, i, j, oh, ow, n in np.ndindex(view.shape):
        row, column = oh * stride[0] + i * dilation[0], ow * stride[1] + j * dilation[1]
        assert view[c, i, j, oh, ow, n] == x[c, row, column, n]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("row", "column"), [(0, 0), (1, 0), (0, 2), (1, 2)])
def test_a_strided_view_begins_where_it_is_told_however_the_image_lies(turned, row, column):
    x = integral(0, 2, 4, 5, 3)
    x = x[:, ::-1] if turned else x
    c, h, w, n = x.strides
    shape, strides = (2, 2, 3, 3), (c, 2 * h if row == 0 else h, w, n)
    found = strided(x, shape, strides, row, column)
    step = 2 if row == 0 else 1
    np.testing.assert_array_equal(found, x[:, row : row + 2 * step : step, column : column + 3])
    assert np.shares_memory(found, x)
    np.testing.assert_array_equal(strided(x, shape, strides), strided(x, shape, strides, 0, 0))

    class Own(np.ndarray):
        pass

    assert type(strided(x.view(Own), shape, strides, row, column)) is Own


def test_pairs_and_paddings_come_in_every_usual_form():
    assert pair(3, "k") == pair((3, 3), "k") == pair([3, np.int64(3)], "k") == (3, 3)
    assert padding_of(1) == padding_of((1, 1)) == padding_of(((1, 1), (1, 1))) == ((1, 1), (1, 1))
    assert padding_of((1, 2)) == ((1, 1), (2, 2))
    assert padding_of(((0, 1), (2, 3))) == ((0, 1), (2, 3))


@pytest.mark.parametrize("value", [0, -1, 1.5, "3", None, True, (1,), (1, 2, 3), (1, 2.0), (True, 1)])
def test_a_pair_that_is_none_is_refused_by_name(value):
    with pytest.raises(ValueError, match="stride: found"):
        pair(value, "stride")


@pytest.mark.parametrize("value", [-1, 0.5, (1, -1), ((1, 2), 3), ((1, 2), (3, -4)), ((1,), (2, 3))])
def test_a_padding_that_is_none_is_refused_by_name(value):
    with pytest.raises(ValueError, match="padding: found"):
        padding_of(value)


@given(st.integers(1, 4), st.integers(0, 1))
def test_a_window_beyond_the_padded_image_is_refused(size, border):
    with pytest.raises(ValueError, match="conv: found a window of"):
        window_count((9, size), (1, size + 2 * border + 1), (1, 1), padding_of(border), "conv")


def test_windows_that_lie_on_no_image_are_refused():
    x = np.zeros((1, 3, 4, 2))
    for read in (windows, im2col):
        for image, kernel, stride in (
            (x[0], (2, 2), (1, 1)),
            (x, (4, 2), (1, 1)),
            (x, (2, 2), (0, 1)),
            (x, 0, 1),
        ):
            with pytest.raises(ValueError, match=r": found .*, needed "):
                read(image, kernel, stride)
    with pytest.raises(ValueError, match=r"col2im: patches: found shape \(4, 11\), needed \(4, 12\)"):
        col2im(np.zeros((4, 11)), (2, 2), (1, 1), x)
    with pytest.raises(ValueError, match="same_padding: stride"):
        same_padding((3, 4), (2, 2), (0, 1))
