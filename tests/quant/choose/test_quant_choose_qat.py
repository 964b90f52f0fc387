"""Quantization-aware training in one call is the same as by hand, and worth it."""

from functools import cache

import numpy as np
import pytest

from tinyzip import archive, integer
from tinyzip.distill import student
from tinyzip.nn.activations import SiLU
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose import qat as module
from tinyzip.quant.choose.auto import grids_for, quantize
from tinyzip.quant.choose.qat import CALIBRATION, qat
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit

LAYERS = {
    "conv1": Conv2d(1, 4, 3),
    "norm1": BatchNorm(4),
    "relu1": ReLU(),
    "pool1": MaxPool2d(2),
    "flatten": Flatten(),
    "fc1": Linear(36, 8),
    "act2": SiLU(),
    "fc2": Linear(8, 8),
}


def drawn(count, seed):
    """Images of noise in which one of eight places is a little brighter, and which one."""
    rng = np.random.default_rng(seed)
    images, labels = (rng.random((count, 8, 8)) * 90).astype(np.uint8), rng.integers(0, 8, count)
    for image, label in zip(images, labels, strict=True):
        image[2 * (label // 2) : 2 * (label // 2) + 2, 4 * (label % 2) : 4 * (label % 2) + 4] += 60
    return images, labels


IMAGES, LABELS = drawn(1200, 0)
OTHERS, ANSWERS = drawn(1000, 1)


@cache
def trained():
    net = Sequential.create(LAYERS, (1, 8, 8), np.random.default_rng(0))
    return fit(net, IMAGES, LABELS, rng=np.random.default_rng(0), epochs=20, batch=40, progress=False)[0]


@cache
def retrained(threads=None, **options):
    options = {"epochs": 4, "batch": 40, "progress": False, "threads": threads} | options
    return qat(trained(), IMAGES, LABELS, rng=np.random.default_rng(1), **options)


def errors(program, grids):
    codes = grids["input"].quantize(to_input(OTHERS))
    return int((integer.run(program, codes).argmax(0) != ANSWERS).sum())


@cache
def trained_longer():
    """The network in float after as many epochs more as `qat` trains for: what they alone are worth."""
    options = {"epochs": 4, "batch": 40, "progress": False}
    return fit(trained(), IMAGES, LABELS, rng=np.random.default_rng(1), **options)[0]


@pytest.mark.parametrize("bits", [1, pytest.param(2, marks=pytest.mark.long)])
def test_at_the_fewest_bits_it_beats_the_best_rounding_also_of_a_network_that_was_trained_as_long(bits):
    small = retrained(weights=bits, activations=4)
    for model, least in ((trained(), 10), (trained_longer(), 0)):
        rounded = quantize(model, IMAGES[:300], bits, 4)
        assert errors(small.program, small.grids) < errors(rounded.program, rounded.grids) - least
    assert [o.weight_bits for o in small.program.operators if hasattr(o, "w")] == [bits] * 3


@pytest.mark.parametrize("bits", [3, 4])
def test_where_rounding_is_near_enough_it_is_as_good_as_the_float_network_to_a_hundredth(bits):
    small = retrained(weights=bits, activations=4)
    in_float = int((predict(trained(), OTHERS) != ANSWERS).sum())
    assert errors(small.program, small.grids) <= in_float + len(OTHERS) // 100


def test_one_call_is_the_steps_by_hand():
    model = fold_batch_norm(trained())
    simulation = FakeQuantized.create(model, grids_for(model, IMAGES[::2], 3, 8))
    rng = np.random.default_rng(1)
    by_hand, history = student.train(
        simulation, None, IMAGES, LABELS, rng=rng, epochs=4, batch=40, progress=False, soft=0.7
    )
    small = retrained(weights=3, soft=0.7)
    assert len(IMAGES[::2]) <= CALIBRATION < len(IMAGES)
    assert small.program == lower(by_hand.model(), by_hand.grids()) == lower(small.model, small.grids)
    assert small.history.loss == history.loss
    assert (predict(small.simulation, OTHERS) == predict(by_hand, OTHERS)).all()


def test_the_same_generator_gives_the_same_file_on_one_core_and_on_two():
    one, two = (archive.pack(retrained(threads, weights=2).program) for threads in (1, 2))
    assert one == two


def test_without_a_teacher_and_with_the_options_of_fit(tmp_path):
    path = tmp_path / "run"
    options = {"weights": {"conv1": 8, "fc1": 2, "fc2": 4}, "epochs": 2, "batch": 40, "progress": False}
    small = qat(
        trained(),
        IMAGES,
        LABELS,
        rng=np.random.default_rng(1),
        soft=0,
        schedule=1e-3,
        checkpoint=path,
        **options,
    )
    assert small.history.lr == [1e-3] * 2 and path.exists()
    assert [small.grids[f"{name}.w"].bits for name in ("conv1", "fc1", "fc2")] == [8, 2, 4]
    again = qat(
        trained(), IMAGES, LABELS, rng=np.random.default_rng(1), soft=0, schedule=1e-3, resume=path, **options
    )
    assert again.program == small.program


@pytest.mark.parametrize(
    ("error", "message", "options"),
    [
        (
            TypeError,
            "qat: model: found a tinyzip.*FakeQuantized|qat: model: found a FakeQuantized",
            {"model": 0},
        ),
        (ValueError, "qat: labels", {"labels": LABELS[:3]}),
        (ValueError, "qat: images: found float64 from 0 to .* seen in training", {"images": IMAGES * 1.0}),
        (ValueError, "weights of conv1: found 9", {"weights": 9}),
        (ValueError, "activations: found 1", {"activations": 1}),
        (ValueError, "fit: epochs", {"epochs": 0}),
    ],
)
def test_what_cannot_be_trained_is_refused(error, message, options):
    options = {
        "model": trained(),
        "images": IMAGES,
        "labels": LABELS,
        "epochs": 1,
        "progress": False,
    } | options
    if options["model"] == 0:
        options["model"] = retrained(weights=2).simulation
    model, images, labels = (options.pop(name) for name in ("model", "images", "labels"))
    with pytest.raises(error, match=message):
        qat(model, images, labels, rng=np.random.default_rng(0), **options)


def test_dark_images_are_warned_of_once():
    with pytest.warns(UserWarning, match="qat: images: found float64 .* seen in training") as met:
        small = qat(trained(), IMAGES / 1e5, LABELS, rng=np.random.default_rng(0), epochs=1, progress=False)
    assert len(met) == 1 and small.model.input_range == (0, IMAGES.max() / 1e5)


def test_the_way_by_hand_names_the_functions_that_were_forgotten():
    with pytest.raises(ValueError, match=r"'norm1': found a batch norm, .*fold_batch_norm\(model\)"):
        FakeQuantized.create(trained(), {})
    model = fold_batch_norm(trained())
    for call in (FakeQuantized.create, lower):
        with pytest.raises(ValueError, match=r"\['input'\]: found \w+, needed .*calibrate\(model, images\)"):
            call(model, {})


def test_what_is_not_said_is_four_bits_of_weights_eight_of_activations_and_half_of_the_teacher():
    told = {"weights": 4, "activations": 8, "soft": 0.5}
    one, other = (
        qat(
            trained(),
            IMAGES[:40],
            LABELS[:40],
            rng=np.random.default_rng(0),
            epochs=1,
            progress=False,
            **some,
        )
        for some in ({}, told)
    )
    assert one.program == other.program and one.history.loss == other.history.loss


@pytest.mark.parametrize(("count", "every"), [(999, 1), (1000, 1), (1001, 2), (1200, 2)])
def test_at_most_a_thousand_images_calibrate_spread_evenly_over_all(count, every, monkeypatch):
    seen = []

    def stop(model, images, *bits):
        seen.append(images)
        raise StopIteration

    monkeypatch.setattr(module, "grids_for", stop)
    with pytest.raises(StopIteration):
        qat(trained(), IMAGES[:count], LABELS[:count], rng=np.random.default_rng(0), epochs=1)
    np.testing.assert_array_equal(*seen, IMAGES[:count:every])
