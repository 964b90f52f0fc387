"""Folding batch norms: the same function without them."""

import numpy as np
import pytest
from hypothesis import given, settings
from quant_networks import assert_same, networks, pictures, randomized, small_network

from tinyzip.nn.fold import folded
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, Linear, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.quant.grids.calibrate import weight_grids
from tinyzip.quant.grids.fold import checked_and_folded, fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits


@settings(max_examples=20)
@given(networks(np.float64))
def test_folding_leaves_the_logits_the_same(model_and_images):
    """(QF1)"""
    model, images = model_and_images
    without = fold_batch_norm(model)
    assert not any(isinstance(layer, BatchNorm) for layer in without.layers.values())
    x = to_input(images).astype(np.float64)
    z = model.forward(x)[0]
    assert_same(z, without.forward(x)[0])
    assert_same(z, logits(model, images, threads=1))


def test_for_an_answer_norms_go_into_layers_before_them_alone():
    """(QF1)"""
    layers = {
        "first": BatchNorm(1),
        "block": Residual({"conv": Conv2d(1, 1, 1, bias=False), "norm": BatchNorm(1), "late": BatchNorm(1)}),
        "again": BatchNorm(1),
        "flat": Flatten(),
        "out": Linear(16, 3),
        "last": BatchNorm(3),
    }
    model = randomized(layers, (1, 4, 4), np.random.default_rng(0))
    left = folded(model, dict(model.params), model.dtype, False)
    assert list(left.layers) == ["first", "block", "again", "flat", "out"]
    assert left.layers["block"].body == {"conv": Conv2d(1, 1, 1)}
    x = np.random.default_rng(1).normal(size=(1, 4, 4, 5)).astype(np.float32)
    np.testing.assert_allclose(left.forward(x)[0], model.forward(x)[0], rtol=0, atol=1e-5)


@settings(max_examples=10)
@given(networks(np.float64))
def test_folding_does_not_change_the_model_it_was_given(model_and_images):
    model, _ = model_and_images
    before = {name: value.copy() for name, value in model.params.items()}
    fold_batch_norm(model)
    for name, value in before.items():
        assert (model.params[name] == value).all()


def test_a_batch_norm_elsewhere_is_a_layer_of_one_weight_a_channel():
    layers = {"c": Conv2d(1, 2, 2), "r": ReLU(), "n": BatchNorm(2), "again": BatchNorm(2)}
    model = randomized(layers, (1, 4, 4), np.random.default_rng(0))
    assert fold_batch_norm(model).layers == {
        "c": Conv2d(1, 2, 2),
        "r": ReLU(),
        "n": Conv2d(2, 2, 1, groups=2),
    }
    alone = randomized({"n": BatchNorm(5), "r": ReLU()}, (5,), np.random.default_rng(0), np.float64)
    without = fold_batch_norm(alone)
    assert without.layers == {"n": Linear(5, 5), "r": ReLU()}
    x = np.random.default_rng(1).normal(size=(5, 7))
    assert_same(alone.forward(x)[0], without.forward(x)[0])


def test_a_channel_that_hardly_varies_takes_no_bits_from_the_others():
    """A batch norm by itself has a scale for each channel; in the matrix after it these would share one."""
    layers = {
        "fc": Linear(8, 8),
        "relu": ReLU(),
        "norm": BatchNorm(8),
        "flat": Flatten(),
        "out": Linear(8, 4),
    }
    model = randomized(layers, (8,), np.random.default_rng(0))
    var = np.where(np.arange(8) < 2, 1e-8, 1).astype(np.float32)
    model = model.with_params(model.params | {"norm.var": var})
    grids = weight_grids(model, 2)
    folded = fold_batch_norm(model)
    w, grid = folded.params["norm.w"], grids["norm.w"]
    assert np.diag(w).max() > 50 * np.abs(np.diag(w)[2:]).max()
    np.testing.assert_allclose(grid.round_trip(w), w, rtol=1e-6)
    np.testing.assert_array_equal(folded.params["out.w"], model.params["out.w"])


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"^fold_batch_norm: model: found a dict"):
        fold_batch_norm({})


def test_what_is_no_network_or_sees_other_images_is_refused_for_who_asks():
    model = small_network()
    assert checked_and_folded(model, pictures(), "me").layers == model.layers
    for other in ("file", None, Grid(1.0, 0, 0, 255)):
        with pytest.raises(TypeError, match=r"^me: model: found .*, needed "):
            checked_and_folded(other, pictures(), "me")
    with pytest.raises(ValueError, match=r"^me: images: found examples of shape \(1, 9, 9\), needed"):
        checked_and_folded(model, pictures(3, 9), "me")
