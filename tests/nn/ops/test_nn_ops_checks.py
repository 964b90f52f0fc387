"""What every operation asks of its arrays is asked of each part, and said in one line."""

import numpy as np
import pytest

from tinyzip.nn.ops.checks import check_activations, check_array, check_groups, check_lengths, check_weights

X = np.zeros((2, 3, 1, 4), np.float32)
FLOAT32 = np.dtype(np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_activations_are_floats_of_two_or_four_axes_or_of_as_many_as_were_said(dtype):
    x = X.astype(dtype)
    check_activations(x, None, "x")
    check_activations(x[0, 0], None, "x")
    for axes, shape in ((1, (2,)), (2, (2, 3)), (4, (2, 3, 1, 4))):
        check_activations(np.zeros(shape, dtype), axes, "x")


@pytest.mark.parametrize(
    ("x", "axes", "error", "line"),
    [
        (X.tolist(), None, TypeError, "a list, needed a NumPy array"),
        (None, 4, TypeError, "None, needed a NumPy array"),
        (X.astype(int), None, TypeError, "dtype int64, needed a floating-point dtype"),
        (X.astype(complex), 4, TypeError, "dtype complex128, needed a floating-point dtype"),
        (X[0], None, ValueError, r"shape (3, 1, 4), needed two axes (C, N) or four axes (C, H, W, N)"),
        (X[0, 0, 0], None, ValueError, r"shape (4,), needed two axes (C, N) or four axes (C, H, W, N)"),
        (X, 2, ValueError, "shape (2, 3, 1, 4), needed two axes (C, N)"),
        (X[0, 0], 4, ValueError, "shape (1, 4), needed four axes (C, H, W, N)"),
        (X[0, 0], 1, ValueError, "shape (1, 4), needed (C,)"),
        (X[:, :0], None, ValueError, "shape (2, 0, 1, 4), needed at least one example, and no empty axis"),
        (X[..., :0], 4, ValueError, "shape (2, 3, 1, 0), needed at least one example, and no empty axis"),
    ],
)
def test_what_are_no_activations_is_refused(x, axes, error, line):
    with pytest.raises(error) as caught:
        check_activations(x, axes, "it")
    assert str(caught.value) == f"it: found {line}"


@pytest.mark.parametrize(
    ("a", "error", "line"),
    [
        (None, TypeError, "None, needed a NumPy array"),
        (np.ma.masked_array(X), TypeError, "a numpy.MaskedArray of shape (2, 3, 1, 4), needed a NumPy array"),
        (X.astype(float), TypeError, "dtype float64, needed float32, as its partner has"),
        (X[:1], ValueError, "shape (1, 3, 1, 4), needed shape (2, 3, 1, 4)"),
    ],
)
def test_an_array_has_one_shape_and_one_dtype(a, error, line):
    check_array(X, (2, 3, 1, 4), FLOAT32, "it")
    with pytest.raises(error) as caught:
        check_array(a, (2, 3, 1, 4), FLOAT32, "it")
    assert str(caught.value) == f"it: found {line}"


@pytest.mark.parametrize(
    ("w", "axes", "line"),
    [
        (X, "(F, C)", "shape (2, 3, 1, 4), needed axes (F, C), none empty"),
        (X[0, 0], "(F, C, kh, kw)", "shape (1, 4), needed axes (F, C, kh, kw), none empty"),
        (X[:0], "(F, C, kh, kw)", "shape (0, 3, 1, 4), needed axes (F, C, kh, kw), none empty"),
        ([[1.0]], "(F, C)", "list, needed axes (F, C), none empty"),
    ],
)
def test_weights_have_the_axes_that_are_named(w, axes, line):
    check_weights(X, "(F, C, kh, kw)", "it")
    check_weights(X[0, 0], "(F, C)", "it")
    with pytest.raises(ValueError) as caught:
        check_weights(w, axes, "it")
    assert str(caught.value) == f"it: found {line}"


def test_lengths_are_whole_numbers_from_one_up():
    for shape in ((1,), (2, 3), (np.int64(4), 1, 1)):
        assert check_lengths(shape, "it") is shape is check_lengths(shape, "it", len(shape))
    for wrong, count in (
        *(
            ((), None),
            ((0,), None),
            ((2, -1), None),
            ([2], None),
            (2, None),
            ((3, 2.0), None),
            (("2",), None),
        ),
        *((None, None), ((2, 3), 1), ((2, 3), 3), ((2, 0), 2)),
    ):
        with pytest.raises(ValueError) as caught:
            check_lengths(wrong, "it", count)
        assert (
            str(caught.value)
            == f"it: found {wrong}, needed a tuple of {count or 'some'} whole numbers from 1 up"
        )


def test_groups_share_channels_and_maps_evenly():
    for groups, C, F in ((1, 3, 5), (2, 4, 6), (4, 4, 4), (3, 3, 6)):
        check_groups(groups, C, F, "conv")
    for groups, C, F in ((0, 4, 4), (-2, 4, 4), (2, 3, 4), (2, 4, 3), (True, 4, 4), (2.0, 4, 4), (8, 4, 8)):
        with pytest.raises(ValueError) as caught:
            check_groups(groups, C, F, "conv")
        line = f"conv: groups: found {groups}, needed a divisor of C = {C} and of F = {F}"
        assert str(caught.value) == line
