"""Equalization: the same function, and what it is for."""

import numpy as np
import pytest
from hypothesis import given, settings
from quant_networks import assert_same, networks, randomized

from tinyzip.nn.layers import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.equalize import equalize
from tinyzip.quant.grids.grid import Grid
from tinyzip.train.evaluate import logits


def separable(spread=100.0, factor=1.0):
    """A depthwise-separable network whose channels' ranges differ by `spread`, and some images.

    The first convolution's weights are multiplied by `factor`, and the bias with them.
    """
    rng = np.random.default_rng(0)
    layers = {
        "conv": Conv2d(1, 8, 3, padding=1),
        "relu1": ReLU(),
        "depth": Conv2d(8, 8, 3, groups=8),
        "relu2": ReLU(),
        "point": Conv2d(8, 6, 1),
        "relu3": ReLU(),
        "pool": MaxPool2d(2),
        "flat": Flatten(),
        "out": Linear(6 * 25, 5),
    }
    model = randomized(layers, (1, 12, 12), rng, np.float64)
    params = dict(model.params)
    for first, second, axis in (("conv", "depth", 0), ("depth", "point", 1)):
        s = spread ** rng.uniform(-0.5, 0.5, 8)
        params[f"{first}.w"] = params[f"{first}.w"] * s.reshape(-1, 1, 1, 1)
        params[f"{first}.b"] = params[f"{first}.b"] * s
        shape = (-1, 1, 1, 1) if axis == 0 else (1, -1, 1, 1)
        params[f"{second}.w"] = params[f"{second}.w"] / s.reshape(shape)
    for part in ("w", "b"):
        params[f"conv.{part}"] = params[f"conv.{part}"] * factor
    return model.with_params(params), rng.integers(0, 256, (40, 12, 12), np.uint8)


@settings(max_examples=20)
@given(networks(np.float64))
def test_equalization_leaves_the_logits_the_same(model_and_images):
    """(QE1)"""
    model, images = model_and_images
    assert_same(logits(model, images, threads=1), logits(equalize(model), images, threads=1))


@settings(max_examples=10)
@given(networks(np.float64))
def test_equalization_does_not_change_the_model_it_was_given(model_and_images):
    model, _ = model_and_images
    before = {name: value.copy() for name, value in model.params.items()}
    equalize(model)
    for name, value in before.items():
        assert (model.params[name] == value).all()


@pytest.mark.parametrize("order", [(1e-4, 1.0, 1.0), (1.0, 1.0, 1e-4)])
def test_sweeps_go_on_while_the_factor_of_any_channel_is_far_from_one(order):
    """(QE2): the first channel is even from the start, and the factors of the other are all below 1, or all
    above: along a chain each channel's ranges end as their geometric mean."""
    layers = {f"fc{k}": Linear(2, 2) for k in range(3)}
    params = {}
    for k, value in enumerate(order):
        params |= {f"fc{k}.w": np.diag([1.0, value]), f"fc{k}.b": np.zeros(2)}
    equal = equalize(Sequential(layers, params, (2,))).params
    for k in range(3):
        np.testing.assert_allclose(np.diag(equal[f"fc{k}.w"]), [1, 1e-4 ** (1 / 3)], rtol=2e-3)


@pytest.mark.parametrize("factor", [1e-6, 1.0, 1e6])
def test_equalized_channels_have_the_same_range_on_both_ends(factor):
    """(QE2), to the thousandth at which sweeps end: a pair moves what the last one left by no more."""
    model, _ = separable(factor=factor)
    params = equalize(model).params
    conv, depth, point = (params[f"{name}.w"] for name in ("conv", "depth", "point"))
    largest = [np.abs(w).reshape(8, -1).max(axis=1) for w in (conv, depth, point.swapaxes(0, 1))]
    assert largest[0] == pytest.approx(largest[1], rel=1.01e-3)
    assert largest[1] == pytest.approx(largest[2], rel=1.01e-3)


def test_equalization_reaches_through_pooling_and_flatten():
    layers = {
        "c": Conv2d(1, 3, 2),
        "r": ReLU(),
        "p": MaxPool2d(2),
        "a": AvgPool2d(2, 1),
        "f": Flatten(),
        "l": Linear(27, 4),
    }
    model = randomized(layers, (1, 9, 9), np.random.default_rng(0))
    params = equalize(model).params
    reader = np.abs(params["l.w"].reshape(4, 3, 9)).max(axis=(0, 2))
    assert np.abs(params["c.w"]).reshape(3, -1).max(axis=1) == pytest.approx(reader, rel=1.01e-3)


def test_equalization_leaves_dead_channels_alone():
    model, images = separable()
    params = {name: value.copy() for name, value in model.params.items()}
    params["conv.w"][2] = 0
    params["point.w"][:, 5] = 0
    model = model.with_params(params)
    equal = equalize(model)
    assert (equal.params["conv.w"][2] == 0).all() and (equal.params["point.w"][:, 5] == 0).all()
    assert equal.params["conv.b"][2] == params["conv.b"][2]
    assert_same(logits(model, images), logits(equal, images))


def weight_noise(model):
    """Squared error of 8-bit per-tensor weights, as a share of the weights' energy, the worst channel's."""
    worst = 0.0
    for block in blocks_of(model):
        w = model.params[f"{block.name}.w"]
        noise = (w - Grid.symmetric(np.abs(w).max(), 8).round_trip(w)) ** 2
        rows = noise.reshape(len(w), -1).sum(axis=1) / (w**2).reshape(len(w), -1).sum(axis=1)
        worst = max(worst, rows.max())
    return worst


def test_equalization_makes_one_scale_for_the_tensor_do():
    model, images = separable(spread=1000.0)
    assert weight_noise(model) > weight_noise(equalize(model))
    exact = logits(model, images)

    def error(network):
        params = dict(network.params)
        for name, grid in calibrate(network, images, per_channel=False).items():
            if name in params:
                params[name] = grid.round_trip(params[name]).astype(np.float64)
        return np.abs(logits(network.with_params(params), images) - exact).max()

    assert error(model) > error(equalize(model))


@pytest.mark.parametrize("spread", [1.0, 3.0, 100.0])
def test_pairs_are_equalized_in_turn_until_no_factor_differs_by_more_than_a_thousandth(spread):
    """(QE2), by loops over channels."""
    model, _ = separable(spread)
    found, p = equalize(model).params, {name: value.copy() for name, value in model.params.items()}
    furthest = 2.0
    while furthest >= 1.001:
        furthest = 1.0
        for name, reader in (("conv", "depth"), ("depth", "point"), ("point", "out")):
            for c in range(len(p[f"{name}.w"])):
                read = p[f"{reader}.w"][c : c + 1]  # of a depthwise one a group, else what is read from c
                if reader == "point":
                    read = p["point.w"][:, c]
                elif reader == "out":
                    read = p["out.w"].reshape(5, 6, -1)[:, c]
                s = np.sqrt(np.abs(p[f"{name}.w"][c]).max() / np.abs(read).max())
                p[f"{name}.w"][c] /= s
                p[f"{name}.b"][c] /= s
                read *= s
                furthest = max(furthest, s, 1 / s)
    for name, value in found.items():
        np.testing.assert_allclose(value, p[name], rtol=1e-9)


def test_one_sweep_leaves_the_function_as_it_is_and_more_go_on_from_there(monkeypatch):
    model, images = separable()
    monkeypatch.setattr("tinyzip.quant.grids.equalize.SWEEPS", 1)
    once = equalize(model)
    assert_same(logits(model, images, threads=1), logits(once, images, threads=1))
    monkeypatch.undo()
    all_at_once, later = equalize(model), equalize(once)
    # The same sweeps one after another; between the two calls lies one rounding to float32.
    np.testing.assert_allclose(later.params["conv.w"], all_at_once.params["conv.w"], rtol=1e-5)
    assert not np.allclose(once.params["conv.w"], all_at_once.params["conv.w"], rtol=1e-2)
