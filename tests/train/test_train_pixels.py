"""A network is asked with numbers like those that it was trained on, or somebody says so."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import IMAGES, LABELS, bytes_of, jitter, network, train

from tinyzip.distill.student import train as distil
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.choose.explain import explain
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import float_twin
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.rounding.layers import adaround, correct_bias
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import load, save
from tinyzip.train.evaluate import evaluate, logits, predict
from tinyzip.train.pixels import FACTOR, check_range, check_validation, mean_of, range_of

FLOATS = IMAGES.astype(np.float32)
NET = train()[0]


def said(call):
    """(error, warnings) as text."""
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        try:
            call()
        except ValueError as refusal:
            return str(refusal), [str(warning.message) for warning in met]
    return None, [str(warning.message) for warning in met]


@given(st.floats(0.01, 100), st.floats(0, 1), st.floats(1e-5, 1e5), st.booleans())
def test_numbers_more_than_ten_times_as_large_are_refused_and_as_small_are_warned_of(R, share, r, negative):
    """(PX1)"""
    seen = (-R, share * R) if negative else (-share * R, R)
    images = np.array([[[r, -r / 2]]])
    error, warned = said(lambda: check_range(images, seen, "it"))
    assert (error is not None) == (r > FACTOR * R)
    sign = share * R == 0 and not negative and r / 2 > R / FACTOR and error is None
    assert len(warned) == (r * FACTOR < R or sign)
    for line in [error or "", *warned]:
        assert not line or (f"{seen[0]:.3g} to {seen[1]:.3g}" in line and f"{-r / 2:g} to {r:g}" in line)


@pytest.mark.parametrize(
    ("seen", "low", "high", "told"),
    [
        ((0, 1), -1, 1, True),  # x/127.5 − 1 for x/255
        ((0, 1), -0.09, 1, False),
        ((0, 1), -0.11, 1, True),
        ((-1, 1), 0, 1, True),  # and the other way about
        ((-1, 1), -0.01, 1, False),
        ((-0.42, 2.82), 0, 1, True),
        ((-0.05, 1), 0, 1, False),
        ((-0.1, 1), 0, 1, False),
        ((0, 1), -0.1, 1, False),
    ],
)
def test_numbers_of_another_sign_are_warned_of(seen, low, high, told):
    error, warned = said(lambda: check_range(np.array([[[low, high]]]), seen, "it"))
    assert error is None and len(warned) == told


@given(st.floats(-2, 2), st.floats(0.1, 4), st.floats(0, 1), st.integers(0, 2**32))
def test_images_that_would_fit_turned_round_are_warned_of_and_turned_round_they_are_not(low, width, m, seed):
    """(PX2)"""
    high = low + width
    images = np.random.default_rng(seed).uniform(low, high, (3, 4, 4))
    images[0, 0, :2] = low, high
    mean, own = low + m * width, images.mean()
    off, other = abs(own - mean), abs(low + high - own - mean)
    for x, fits in ((images, off <= max(width / 4, 3 * other)), (low + high - images, True)):
        error, warned = said(lambda x=x: check_range(x, (low, high), "it", mean))
        assert error is None
        if x is images:
            assert len(warned) == (not fits)
            assert not warned or f"images of mean {own:.2g}, needed " in warned[0]
        elif off > max(width / 4, 3 * other):
            assert not warned


def test_images_exactly_as_far_off_as_may_be_are_not_warned_of():
    """(PX2): a quarter of the range, where they would fit exactly when turned round; and (PX1)."""
    images = np.array([[[-1.0, 1.0], [0.25, 0.75]]])
    assert said(lambda: check_range(images, (-1, 1), "it", -0.25)) == (None, [])
    assert len(said(lambda: check_range(images, (-1, 1), "it", -0.2501))[1]) == 1
    assert said(lambda: check_range(np.ones((1, 2, 2)), (0, 1), "it", 0.0)) == (None, [])  # no ink at all
    for factor in (0.1, 10.0):
        assert said(lambda factor=factor: check_range(factor * np.ones((1, 1, 2)), (0, 1), "it")) == (
            None,
            [],
        )


def test_bytes_that_stay_dark_and_floats_that_are_bytes_are_warned_of():
    for most, told in ((9, True), (31, True), (32, False), (255, False)):
        images = np.array([[[0, most]]], np.uint8)
        error, warned = said(lambda images=images: check_range(images, None, "it"))
        assert error is None and len(warned) == told
        assert (
            not told
            or f"from 0 to {most}, which mean 0 to {most / 255:.3g}, needed bytes up to 255" in warned[0]
        )
    for most, told in ((0.09, True), (0.1, False), (10, False), (10.1, True)):
        error, warned = said(lambda most=most: check_range(np.array([[[0, most]]]), None, "it"))
        assert error is None and len(warned) == told and (not told or "which mean" not in warned[0])
    assert "nothing but 7" in said(lambda: check_range(np.full((1, 2, 2), 7, np.uint8), None, "it"))[1][0]


@pytest.mark.parametrize(
    ("low", "high", "told"),
    [
        (0, 0.05, "those seen in training"),
        (0, 0.1, "near that of the images"),
        (0, 0.49, "near that of the images"),
        (0, 0.5, None),
        (-0.1, 1.5, None),
        (0, 1.51, "near that of the images"),
        (-1.6, 1, "those seen in training"),
        (-0.11, 0.4, "those seen in training"),
        (-0.1, 0.4, "near that of the images"),
    ],
)
def test_images_for_validation_are_closer_to_those_that_are_trained_on(low, high, told):
    error, warned = said(lambda: check_validation(np.array([[[low, high]]]), (0.0, 1.0)))
    assert error is None and len(warned) == (told is not None) and (told is None or told in warned[0])
    negative = np.array([[[-0.4, 0.4]]])
    assert "near that" in said(lambda: check_validation(negative, (-1.0, 1.0)))[1][0]
    few = np.array([[[-0.05, 0.4]]])
    assert "near that" in said(lambda: check_validation(few, (-0.1, 1.0)))[1][0]
    assert "fit: validation: found" in said(lambda: check_validation(negative * 30, (-1.0, 1.0)))[0]


def test_the_mean_is_that_of_some_images_from_first_to_last():
    images = np.arange(1024, dtype=np.float64).reshape(1024, 1, 1)
    for N, step in ((1, 1), (511, 1), (512, 2), (513, 2), (767, 2), (768, 3), (1024, 4)):
        assert mean_of(images[:N]) == images[:N:step].mean()
    assert mean_of(np.full((3, 2, 2), 51, np.uint8)) == 0.2


@pytest.mark.parametrize("shape", [(30,), (1, 30), (1, 1, 30)])
def test_one_row_has_no_ground_and_so_no_ink(shape):
    rows = RNG().uniform(0.9, 1, (8, *shape))
    assert said(lambda: check_range(rows, (0.0, 1.0), "it", 0.0)) == (None, [])


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_white_pages_for_a_network_of_dark_ones_and_the_other_way_about(kind):
    """(PX2)"""
    dark = np.where(RNG().random((24, 6, 6)) < 0.8, 0, IMAGES[:24] | 128).astype(np.uint8)
    dark[0, 0, :2] = 0, 255
    light = 255 - dark
    asked, turned = ((x if kind is np.uint8 else x / kind(255)) for x in (dark, light))
    for net, fits, other in (
        (train(images=dark, labels=LABELS[:24])[0], asked, turned),
        (train(images=light, labels=LABELS[:24])[0], turned, asked),
    ):
        program = quantize(net, fits).program
        assert said(lambda net=net, fits=fits: predict(net, fits)) == (None, [])
        for call in (predict, logits, lambda net, x: quantize(net, x), lambda net, x: calibrate(net, x)):
            error, warned = said(lambda net=net, other=other, call=call: call(net, other))
            assert error is None and len(warned) == 1 and "images of mean" in warned[0]
        if fits is asked:  # a program remembers no mean
            error, warned = said(lambda program=program, other=other: classify(program, other))
            assert error is None and len(warned) == 1 and "needed a dark ground" in warned[0]
            assert said(lambda program=program, fits=fits: classify(program, fits)) == (None, [])


def test_the_mean_goes_where_the_range_goes(tmp_path):
    fake = FakeQuantized.create(fold_batch_norm(NET), GRIDS)
    save(NET, tmp_path / "net")
    models = [NET, NET.printed(), NET.probed(["conv"]), fold_batch_norm(NET), fake, load(tmp_path / "net")]
    models.append(quantize(NET, IMAGES).model)
    assert [model.input_mean for model in models] == [pytest.approx(IMAGES.mean() / 255)] * len(models)
    assert NET.with_input_range(NET.input_range, 0.7) == NET  # a checkpoint from before goes on


@pytest.mark.parametrize(
    ("scale", "told"), [(1, False), (255, True), (9, False), (11, True), (0.11, False), (0.09, True)]
)
def test_floats_far_from_one_are_warned_of_where_nothing_was_trained(scale, told):
    images = (FLOATS / FLOATS.max() * scale).astype(np.float32)
    error, warned = said(lambda: train(images=images))
    assert error is None and len(warned) == told
    assert not told or "needed bytes (uint8), or numbers about 1: images / 255" in warned[0]


@pytest.mark.parametrize(
    ("turn", "words"),
    [
        (lambda x: x / 127.5, "needed a range near that of the images, 0"),
        (lambda x: x / 255 / 4, "needed a range near that of the images, 0"),
        (lambda x: x / 127.5 - 1, "needed numbers like those seen in training"),
        (lambda x: x / 255, ""),
        (lambda x: x / 255 * 1.4, ""),
    ],
)
def test_validation_in_another_scale_is_warned_of(turn, words):
    error, warned = said(lambda: train(validation=(turn(FLOATS), LABELS)))
    assert error is None and len(warned) == bool(words) and (not words or words in warned[0])


def test_what_a_network_has_seen_goes_wherever_it_goes(tmp_path):
    seen = range_of(IMAGES)
    assert seen == (IMAGES.min() / 255, IMAGES.max() / 255)
    train(checkpoint=tmp_path / "run")
    grids = calibrate(NET, IMAGES)
    fake = FakeQuantized.create(fold_batch_norm(NET), grids)
    save(NET, tmp_path / "net")
    save(fake, tmp_path / "fake")
    models = [
        NET,
        fold_batch_norm(NET),
        NET.with_params(NET.params),
        NET.probed(["conv"]),
        fake,
        fake.model(),
    ]
    models += [load(tmp_path / name) for name in ("run", "net", "fake")]
    models += [quantize(NET, IMAGES).model, distil(network(), NET, IMAGES, LABELS, rng=RNG(), epochs=1)[0]]
    assert [model.input_range for model in models] == [seen] * len(models)
    untrained = FakeQuantized.create(fold_batch_norm(network()), grids)
    assert untrained.input_range == float_twin(lower(NET, grids)).input_range == (0, 1)
    assert network().input_range is None and NET.with_input_range(None).input_range is None


def RNG():
    return np.random.default_rng(0)


GRIDS = calibrate(NET, IMAGES)
FAKE = FakeQuantized.create(fold_batch_norm(NET), GRIDS)
PROGRAM = lower(NET, GRIDS)
DOORS = {
    "predict": lambda images: predict(NET, images),
    "logits": lambda images: logits(NET, images),
    "evaluate": lambda images: evaluate(NET, images, LABELS[: len(images)]),
    "fake-quantized": lambda images: predict(FAKE, images),
    "fit": lambda images: train(model=NET, images=images),
    "validation": lambda images: train(validation=(images, LABELS[: len(images)])),
    "calibrate": lambda images: calibrate(NET, images),
    "quantize": lambda images: quantize(NET, images),
    "explain": lambda images: explain(NET, PROGRAM, images),
    "bias": lambda images: correct_bias(fold_batch_norm(NET), GRIDS, images),
    "adaround": lambda images: adaround(fold_batch_norm(NET), GRIDS, images, 5),
    "twin": lambda images: explain(None, PROGRAM, images),
}


@pytest.mark.parametrize("door", DOORS)
def test_every_door_refuses_0_to_255_for_0_to_1_with_both_ranges(door):
    """(PX1)"""
    error, warned = said(lambda: DOORS[door](FLOATS))
    assert (error and "images" in error) or door == "validation"
    assert (f"{FLOATS.min():g} to {FLOATS.max():g}" in error and " to 0.9" in error) or " to 1" in error
    assert not warned
    assert said(lambda: DOORS[door](FLOATS / 255)) == (None, [])
    assert said(lambda: DOORS[door](IMAGES)) == (None, [])


@pytest.mark.parametrize("door", DOORS)
def test_every_door_warns_once_of_bytes_that_were_divided_and_of_black_images(door):
    """(PX1)"""
    for images in ((IMAGES / 255).round().astype(np.uint8), np.zeros_like(IMAGES), FLOATS / 255 / 255):
        error, warned = said(lambda images=images: DOORS[door](images))
        assert (
            error is None and len(warned) == 1 and "needed numbers like those seen in training" in warned[0]
        )


def test_the_reverse_trained_on_floats_and_asked_with_bytes():
    """(PX1)"""
    with pytest.warns(UserWarning, match="needed bytes"):
        net = train(images=FLOATS)[0]
    assert net.input_range == (FLOATS.min(), FLOATS.max())
    error, warned = said(lambda: predict(net, IMAGES))
    assert error is None and len(warned) == 1
    assert f"uint8 from {IMAGES.min()} to {IMAGES.max()}, which mean" in warned[0]
    assert said(lambda: predict(net, FLOATS[:3])) == (None, [])


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (
            (IMAGES / 255).round().astype(np.uint8),
            "fit: images: found uint8 from 0 to 1, which mean 0 to 0.00392",
        ),
        ((IMAGES / 16).astype(np.uint8), "fit: images: found uint8 from 0 to 1"),
        (np.zeros_like(IMAGES), "fit: images: found nothing but 0"),
        (np.full_like(FLOATS, 3), "fit: images: found nothing but 3"),
    ],
)
def test_training_warns_of_images_that_show_little(images, words):
    error, warned = said(lambda: train(images=images))
    assert error is None and len(warned) == 1 and words in warned[0]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_augmentation_that_returns_floats_for_bytes_is_refused(threads):
    def careless(images, rng):
        return jitter(images, rng).astype(np.float32)

    def careful(images, rng):
        return jitter(images, rng) / 255

    error, _ = said(lambda: train(augment=careless, threads=threads))
    assert error.startswith("fit: augment: found float32 from ") and "like those it was given" in error
    assert said(lambda: train(augment=careful, threads=threads)) == (None, [])


@pytest.mark.parametrize("recorded", [True, False])
def test_a_teacher_is_asked_with_what_it_has_seen(recorded):
    def student_of(teacher, images, soft=0.5):
        options = {"epochs": 1, "progress": False, "recorded": recorded, "soft": soft}
        return distil(network(), teacher, images, LABELS, rng=RNG(), **options)

    error, _ = said(lambda: student_of(NET, FLOATS))
    assert error and error.startswith("logits: images" if recorded else "train: teacher: images")
    assert said(lambda: student_of(NET, IMAGES)) == (None, [])
    error, warned = said(lambda: student_of(NET, FLOATS, soft=0))
    assert error is None and len(warned) == 1 and "fit: images" in warned[0]  # of the student


def test_who_asks_again_and_again_is_warned_once():
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("default")
        for _ in range(3):
            predict(NET, FLOATS / 1e4)
    assert len(met) == 1 and met[0].filename == __file__


def test_a_range_changes_no_bit():
    other = NET.with_input_range((-1e6, 1e6))
    assert bytes_of(train(model=network())[0]) == bytes_of(train(model=network().with_input_range((0, 1)))[0])
    with pytest.warns(UserWarning, match="numbers like those seen"):
        np.testing.assert_array_equal(logits(other, IMAGES), logits(NET, IMAGES))
    flat = Sequential.create({"f": Flatten(), "l": Linear(36, 3)}, (1, 6, 6), RNG(), np.float64)
    assert train(model=flat)[0].input_range == NET.input_range


@pytest.mark.parametrize("wrong", [(1, 0), (0, np.inf), (np.nan, 1)])
def test_what_is_no_range_is_refused(wrong):
    with pytest.raises(ValueError, match="input_range"):
        NET.with_input_range(wrong)
