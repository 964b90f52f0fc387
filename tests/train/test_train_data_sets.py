"""A split loses and mixes up nothing; what cannot be learnt from is refused at the door."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.train.data import Dataset, check_labels, check_shape, split, to_input, turned
from tinyzip.train.images_fast import into_workspace


@pytest.mark.parametrize(
    ("images", "labels", "error"),
    [
        (np.zeros((0, 2, 2), np.uint8), np.zeros(0, int), ValueError),
        (np.zeros((2, 2), np.uint8), np.zeros(2, int), ValueError),
        (np.zeros((2, 2, 2), np.int16), np.zeros(2, int), TypeError),
        ([[[0]]], np.zeros(1, int), TypeError),
        (np.append(np.zeros(7), np.nan).reshape(2, 2, 2), np.zeros(2, int), ValueError),
        (np.full((2, 2, 2), np.inf, np.float32), np.zeros(2, int), ValueError),
        (np.zeros((2, 2, 2), np.uint8), np.zeros(3, int), ValueError),
        (np.zeros((2, 2, 2), np.uint8), np.zeros((2, 1), int), ValueError),
        (np.zeros((2, 2, 2), np.uint8), np.zeros(2), TypeError),
        (np.zeros((2, 2, 2), np.uint8), [0, 1], TypeError),
        (np.zeros((2, 2, 2), np.uint8), np.array([0, -1]), ValueError),
    ],
)
def test_a_data_set_refuses_what_cannot_be_learnt_from(images, labels, error):
    with pytest.raises(error, match="Dataset: "):
        Dataset(images, labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_a_data_set_keeps_its_images_as_they_are(dtype):
    images = np.arange(8).reshape(2, 2, 2).astype(dtype)
    assert Dataset(images, np.array([0, 3], np.uint8)).images is images


@given(st.integers(2, 40), st.data())
def test_a_split_loses_and_repeats_no_example(N, data):
    count = data.draw(st.integers(1, N - 1))
    everything = Dataset(np.arange(N, dtype=np.uint8).reshape(N, 1, 1), np.arange(N) * 2)
    training, validation = split(everything, count, np.random.default_rng(N))
    assert len(training) == N - count and len(validation) == count
    for part in (training, validation):
        np.testing.assert_array_equal(part.labels, part.images[:, 0, 0].astype(int) * 2)
    assert sorted([*training.labels, *validation.labels]) == list(everything.labels)


def test_a_split_refuses_impossible_counts_and_generators():
    dataset, rng = Dataset(np.zeros((4, 1, 1), np.uint8), np.zeros(4, int)), np.random.default_rng(0)
    for count in (0, 4, -1, 1.5):
        with pytest.raises(ValueError, match="split: count"):
            split(dataset, count, rng)
    for other in (7, np.random.RandomState(0)):
        with pytest.raises(TypeError, match=r"split: rng: found .*Generator"):
            split(dataset, 1, other)
    with pytest.raises(TypeError, match="split: dataset"):
        split(dataset.images, 1, np.random.default_rng(0))
    with pytest.raises(ValueError, match="split: count: found True"):
        split(dataset, True, np.random.default_rng(0))


def test_labels_beyond_int64_are_refused():
    largest = np.array([0, 2**63 - 1], np.uint64)
    assert Dataset(np.zeros((2, 3, 3), np.uint8), largest).labels.tolist() == [0, 2**63 - 1]
    with pytest.raises(ValueError, match="Dataset: labels"):
        Dataset(np.zeros((2, 3, 3), np.uint8), np.array([0, 2**63], np.uint64))


def test_every_byte_becomes_the_float_nearest_to_k_over_255():
    x = to_input(np.arange(256, dtype=np.uint8).reshape(2, 8, 16))
    assert x.shape == (1, 8, 16, 2) and x.dtype == np.float32
    exact = (np.arange(256) / 255).astype(np.float32)
    np.testing.assert_array_equal(x, np.moveaxis(exact.reshape(2, 8, 16), 0, -1)[None])


@given(hnp.array_shapes(min_dims=3, max_dims=4, max_side=4))
def test_to_input_puts_the_batch_last_and_leaves_floats_alone(shape):
    images = np.arange(np.prod(shape), dtype=np.float64).reshape(shape)
    floats = images.astype(np.float32)
    assert not np.shares_memory(to_input(floats), floats)
    x = to_input(images)
    assert x.dtype == np.float32 and x.flags.c_contiguous and not np.shares_memory(x, images)
    np.testing.assert_array_equal(x if len(shape) == 4 else x[0], np.moveaxis(images, 0, -1))


@given(
    hnp.array_shapes(min_dims=3, max_dims=4, max_side=4),
    st.sampled_from([np.uint8, np.float32, np.float64]),
    st.integers(0, 2**32),
)
def test_images_in_a_workspace_are_the_same_bits(shape, dtype, seed):
    images = np.random.default_rng(seed).integers(0, 256, shape).astype(dtype)
    np.testing.assert_array_equal(into_workspace(images, Workspace()), to_input(images))
    np.testing.assert_array_equal(into_workspace(images, FRESH), to_input(images))


@pytest.mark.parametrize("shape", [(5, 2, 3), (5, 1, 2, 3), (5, 3, 2), (5, 2, 2, 3), (1, 2, 3, 1)])
def test_images_fit_a_model_of_their_shape_only_with_one_channel_where_none_is_said(shape):
    images, model = np.zeros(shape, np.uint8), SimpleNamespace(shape=(1, 2, 3))
    if shape in ((5, 2, 3), (5, 1, 2, 3)):
        return check_shape(model, images, "it")
    with pytest.raises(ValueError, match=r"^it: found examples of shape .*, needed \(1, 2, 3\)"):
        check_shape(model, images, "it")


def test_images_are_checked_before_their_shape():
    for wrong in ([[[0.0]]], np.zeros((2, 2)), np.zeros((2, 2, 2), int)):
        with pytest.raises(
            (TypeError, ValueError), match=r"^it: found .*, needed (an array|uint8|\(N, H, W\))"
        ):
            check_shape(SimpleNamespace(shape=(1, 2, 2)), wrong, "it")


FIRST = ", the examples first: "


@pytest.mark.parametrize(
    ("found", "needed", "hint"),
    [
        ((1, 6, 6, 9), (1, 6, 6), f"{FIRST}np.moveaxis(images, -1, 0)"),
        ((1, 6, 6, 6), (1, 6, 6), f"{FIRST}np.moveaxis(images, -1, 0) if they are last, images[0] if not"),
        ((1, 9, 6, 5), (1, 6, 5), f"{FIRST}images[0]"),
        ((2, 9, 6, 5), (1, 6, 5), ""),
        ((9, 6, 5, 3), (3, 6, 5), ", the channels first: np.moveaxis(images, -1, 1)"),
        ((9, 5, 6, 3), (3, 6, 5), ""),
        ((3, 6, 5), (3, 6, 5), ", of N examples: images[None]"),
        ((9, 6, 5), (3, 6, 5), ""),
        ((9, 6, 5, 2), (3, 6, 5), ""),
    ],
)
def test_images_in_another_order_are_told_what_turns_them(found, needed, hint):
    assert turned(np.zeros(found), needed) == hint


@pytest.mark.parametrize(
    ("labels", "error", "line"),
    [
        (
            np.ma.masked_array([0, 1, 2]),
            TypeError,
            r"a masked array, needed a full one: labels\[~labels.mask\]$",
        ),
        (
            [0, 1, 2],
            TypeError,
            r"a list, needed an array of whole numbers, one class an image: np.asarray\(labels\)$",
        ),
        (
            np.eye(3),
            TypeError,
            r"float64, needed an array of whole .*, one class an image: labels.argmax\(1\)$",
        ),
        (np.zeros(3), TypeError, r"float64, needed an array of whole numbers, one class an image$"),
        (
            np.eye(3, dtype=int),
            ValueError,
            r"shape \(3, 3\), needed \(3,\), one .* image: labels.argmax\(1\)$",
        ),
        (
            np.eye(3, 2, dtype=int),
            ValueError,
            r"shape \(3, 2\), needed \(3,\), one .* image: labels.argmax\(1\)$",
        ),
        (
            np.zeros((3, 1), int),
            ValueError,
            r"shape \(3, 1\), needed \(3,\), one for each image: labels\[:, 0\]$",
        ),
        (np.zeros(4, int), ValueError, r"shape \(4,\), needed \(3,\), one for each image$"),
        (np.zeros((3, 1, 2), int), ValueError, r"shape \(3, 1, 2\), needed \(3,\), one for each image$"),
    ],
)
def test_labels_that_are_none_are_told_what_makes_them_some(labels, error, line):
    with pytest.raises(error, match=f"^it: found {line}"):
        check_labels(labels, np.zeros((3, 2, 2)), "it")


class Tensor:
    shape = (1, 2, 2)

    def __array__(self):
        return np.zeros((1, 2, 2))


@pytest.mark.parametrize(
    ("images", "needed"),
    [
        (
            Dataset(np.zeros((1, 2, 2), np.uint8), np.zeros(1, int)),
            "an array: dataset.images, and dataset.labels fo",
        ),
        (Tensor(), r"an array of NumPy: np.asarray\(images\)"),
        ([[[1.0]]], "an array$"),
        (SimpleNamespace(labels=1), "an array$"),
        (SimpleNamespace(images=1), "an array$"),
        (np.ma.masked_array(np.zeros((1, 2, 2))), r"a full one: images.filled\(0\)"),
    ],
)
def test_near_misses_of_images_are_refused_with_what_makes_an_array_of_them(images, needed):
    with pytest.raises(TypeError, match=rf"^to_input: images: found .*, needed {needed}"):
        to_input(images)


def test_to_input_refuses_what_are_no_images():
    for images, error in (
        (np.zeros((2, 2), np.uint8), ValueError),
        (np.zeros((0, 2, 2), np.uint8), ValueError),
        (np.zeros((2, 0, 2)), ValueError),
        (np.zeros((2, 2, 2), int), TypeError),
        ([[[1.0]]], TypeError),
    ):
        for read in (to_input, lambda images: into_workspace(images, FRESH)):
            with pytest.raises(error, match="to_input: images"):
                read(images)
