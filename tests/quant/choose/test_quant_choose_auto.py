from functools import cache

import numpy as np
import pytest

from tinyzip import integer
from tinyzip.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.models import separable_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose import auto as module
from tinyzip.quant.choose.auto import METHODS, grids_for, quantize
from tinyzip.quant.grids.calibrate import weight_grids
from tinyzip.quant.grids.lowbit import lowest_grid
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits, predict
from tinyzip.train.fit import fit


@cache
def trained():
    """A small network that tells where the light is, and its images."""
    rng = np.random.default_rng(0)
    images = (rng.random((400, 8, 8)) * 60).astype(np.uint8)
    labels = rng.integers(0, 4, 400)
    for image, label in zip(images, labels, strict=True):
        image[4 * (label // 2) : 4 * (label // 2) + 4, 4 * (label % 2) : 4 * (label % 2) + 4] += 80
    layers = {
        "conv1": Conv2d(1, 4, 3),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "flatten": Flatten(),
        "fc1": Linear(36, 12),
        "relu2": ReLU(),
        "fc2": Linear(12, 4),
    }
    model = Sequential.create(layers, (1, 8, 8), rng)
    return fit(model, images, labels, rng=rng, epochs=6, batch=20, progress=False)[0], images


def test_one_call_at_eight_bits_stops_at_the_first_rung():
    model, images = trained()
    quantized = quantize(model, images)
    assert quantized.method == "minmax" and len(quantized.trials) == 1
    assert "less than 0.001 nats" in quantized.why
    codes = integer.run(quantized.program, quantized.grids["input"].quantize(to_input(images)))
    assert np.mean(codes.argmax(0) == predict(model, images)) > 0.99


def test_where_bits_are_few_it_climbs_and_takes_the_nearest():
    model, images = trained()
    quantized = quantize(model, images, weights=2, activations=3)
    assert [trial.method for trial in quantized.trials] == list(METHODS)
    assert min(quantized.trials, key=lambda trial: trial.nats).method == quantized.method
    assert quantized.method != "minmax"
    assert "training" in quantized.why
    lines = str(quantized).splitlines()
    assert len(lines) == len(METHODS) + 1 and lines[-1].startswith(f"chosen: {quantized.method}")


@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_is_asked_for_is_taken(method):
    model, images = trained()
    quantized = quantize(model, images, 4, 8, method)
    assert quantized.method == method and quantized.why == "as you asked"
    assert [operator.weight_bits for operator in quantized.program.operators if hasattr(operator, "w")] == [
        4
    ] * 3


def test_bits_by_name_and_down_to_one_and_logits_at_eight():
    model, images = trained()
    quantized = quantize(model, images, {"conv1": 8, "fc1": 1, "fc2": 2}, 4, "bias")
    assert [quantized.grids[f"{name}.w"].bits for name in ("conv1", "fc1", "fc2")] == [8, 1, 2]
    assert [quantized.grids[name].bits for name in ("input", "conv1", "fc1", "fc2")] == [4, 4, 4, 8]
    by_name = dict.fromkeys(("input", "conv1", "fc1", "fc2"), 5)
    assert grids_for(model, images, 8, by_name)["fc2"].bits == 5


@pytest.mark.parametrize("method", ["minmax", "mse"])
def test_each_block_has_the_grid_of_its_bits_whatever_those_of_the_others(method):
    model, images = trained()
    bits = {"conv1": 8, "fc1": 1, "fc2": 2}
    grids = quantize(model, images, bits, method=method).grids
    rest = weight_grids(model, 8, method)
    for name in bits:
        w = model.params[f"{name}.w"]
        wanted = rest[f"{name}.w"] if bits[name] > 2 else lowest_grid(w, bits[name])
        np.testing.assert_array_equal(grids[f"{name}.w"].scale, wanted.scale)
        assert (grids[f"{name}.w"].hi, grids[f"{name}.w"].bits) == (wanted.hi, bits[name])


def test_two_images_are_enough_one_to_calibrate_on_and_one_to_judge_by():
    model, images = trained()
    assert quantize(model, images[:2]).images == 1
    assert quantize(model, images[:100]).images == 25


def test_bits_may_be_numpys_whole_numbers():
    model, images = trained()
    one, other = (quantize(model, images, kind(4), kind(6), "mse") for kind in (int, np.int64))
    assert one.program == other.program


def test_batch_norms_are_folded_on_the_way():
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28)).astype(np.uint8)
    quantized = quantize(separable_net(), images, method="minmax")
    assert not any("norm" in name for name in quantized.model.layers)


def test_what_cannot_be_quantized_is_refused():
    model, images = trained()
    with pytest.raises(ValueError, match="method"):
        quantize(model, images, method="best")
    with pytest.raises(ValueError, match="images"):
        quantize(model, images[:1])
    for method in ("minmax", "mse"):
        with pytest.raises(ValueError, match="weights of conv1: found 9, needed a whole number from 1 to 8"):
            quantize(model, images, 9, method=method)
    with pytest.raises(ValueError, match="activations"):
        quantize(model, images, activations=1)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"model": {}}, TypeError, "model: found a dict"),
        ({"images": np.full((3, 8, 8), np.nan)}, ValueError, "images: found 192 NaN"),
        ({"images": np.zeros((3, 8, 9), np.uint8)}, ValueError, "images: found examples of shape"),
        ({"images": np.full((3, 8, 8), 255.0)}, ValueError, "images: found float64"),
        ({"method": "best"}, ValueError, "method: found 'best'"),
        ({"weights": 1, "prune": 0.5}, ValueError, "prune: found weights of 1 bit"),
        ({"weights": {"conv1": 8, "fc1": 1, "fc2": 2}, "prune": 0.5}, ValueError, "prune: found weights"),
    ],
)
def test_what_is_refused_is_named(change, error, said):
    model, images = trained()
    with pytest.raises(error, match=rf"^quantize: {said}"):
        quantize(**{"model": model, "images": images} | change)


def test_the_network_that_was_lowered_remembers_the_range_and_the_mean_of_its_images():
    model, images = trained()
    lowered = quantize(model, images, method="minmax").model
    assert lowered.input_range == model.input_range
    assert lowered.input_mean == pytest.approx(images.mean() / 255, rel=1e-5)


def test_a_trial_says_how_far_probabilities_move_and_how_many_classes_change_on_the_images_held_out():
    model, images = trained()
    found = quantize(model, images, 3, 3, "mse")
    fake = FakeQuantized.create(found.model, found.grids, "straight-through")
    z, other = (logits(one, images[300:]).astype(np.float64) for one in (model, fake))
    log_p, log_q = (each - np.log(np.exp(each).sum(axis=0)) for each in (z, other))
    (trial,) = found.trials
    assert trial.nats == pytest.approx((np.exp(log_p) * (log_p - log_q)).sum(axis=0).mean(), rel=1e-4)
    assert trial.changed == (z.argmax(axis=0) != other.argmax(axis=0)).sum()


def test_a_method_that_moves_probabilities_by_just_as_much_as_may_be_left_is_not_enough(monkeypatch):
    model, images = trained()
    monkeypatch.setattr(module, "NOTHING_LEFT", 0.0)
    first, second, *others = (trial.nats for trial in quantize(model, images).trials)
    assert len(others) == 3 and second < first
    for enough, tried in ((first, 2), (min(others), 5)):
        monkeypatch.setattr(module, "NOTHING_LEFT", enough)
        found = quantize(model, images)
        assert len(found.trials) == tried and ("training" in found.why) == (tried == 5)
