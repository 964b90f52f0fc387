"""Rounding with the layer's output in view: what a layer's inputs are, and what is gained."""

import numpy as np
import pytest
from quant_networks import grouped_network

from tinyzip.nn.layers import Conv2d, Linear
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.lowbit import lowest_grid
from tinyzip.quant.rounding import layers as module
from tinyzip.quant.rounding.layers import adaround, correct_bias, moments, patches, surgeon
from tinyzip.quant.rounding.quadratic import Rows, best_codes
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import to_input


@pytest.mark.parametrize("layer", [Conv2d(4, 6, 3, 2, 1), Conv2d(4, 4, (1, 3), groups=4), Linear(20, 3)])
def test_a_layer_is_the_product_of_its_weights_and_its_patches(layer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5) if isinstance(layer, Linear) else (4, 5, 6, 3))
    p = layer.initialize(rng, np.float64)
    columns = patches(layer, x)
    rows = p["w"].reshape(len(columns), -1, columns.shape[1])
    y = layer.forward(p, x)[0]
    np.testing.assert_allclose((rows @ columns).reshape(y.shape), y, atol=1e-12)


@pytest.mark.parametrize("dtype, mean", [(np.float64, 0.0), (np.float32, 100.0)])
def test_moments_of_a_stream_are_those_of_the_whole(dtype, mean):
    """Also of float32 around 100: of squares of 10⁴, float64 keeps 10⁻¹²."""
    rng = np.random.default_rng(1)
    x = (mean + rng.normal(size=(5, 40))).astype(dtype)
    seen = (x + 0.1 * rng.normal(size=x.shape)).astype(dtype)
    found = moments(Linear(5, 2), iter([(x[:, :7], seen[:, :7]), (x[:, 7:], seen[:, 7:])]))
    both = np.cov(x, seen, bias=True)
    np.testing.assert_allclose(found.covariance[0], both[5:, 5:], atol=1e-10)
    np.testing.assert_allclose(found.cross[0], both[:5, 5:], atol=1e-10)
    np.testing.assert_allclose(found.mean[0], x.mean(axis=1, dtype=np.float64), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(found.seen[0], seen.mean(axis=1, dtype=np.float64), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.7, 1e6])
def test_inputs_that_never_vary_have_no_covariance_and_those_that_hardly_do_have_theirs(value):
    """Though a difference of two means of squares is hardly ever 0."""
    layer, rng = Conv2d(2, 2, 3, groups=2), np.random.default_rng(0)
    x = np.full((2, 9, 9, 7), value, np.float32)
    x[1] += rng.normal(scale=1e-4 * abs(value) or 1e-9, size=x[1].shape).astype(np.float32)
    found = moments(layer, iter([(x[..., :3], x[..., :3]), (x[..., 3:], x[..., 3:])]))
    assert not found.covariance[0].any() and not found.cross[0].any()
    wanted = np.cov(patches(layer, x)[1].astype(np.float64), bias=True)
    np.testing.assert_allclose(found.covariance[1], wanted, atol=1e-3 * np.diag(wanted).max())
    assert found.cross[1].any()


def test_moments_of_groups_are_those_of_each_group():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(4, 5, 5, 9))
    whole = moments(Conv2d(4, 6, 2, groups=2), iter([(x, 2 * x)]))
    for g in range(2):
        half = x[2 * g : 2 * g + 2]
        part = moments(Conv2d(2, 3, 2), iter([(half, 2 * half)]))
        for name in ("mean", "seen", "covariance", "cross"):
            np.testing.assert_allclose(getattr(whole, name)[g], getattr(part, name)[0], atol=1e-12)


def read(model, images):
    return to_input(images).astype(model.dtype)


def layer_outputs(model, grids, images):
    return FakeQuantized.create(model, grids, "straight-through").activations(read(model, images))


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_bias_correction_gives_each_block_the_mean_of_the_float_network(bits):
    """(QR2), to half a unit s_x·s_w, in which a bias is rounded, and what float64 leaves."""
    model, images = grouped_network(np.float64)
    grids = calibrate(model, images, max(bits, 2), 8)
    if bits == 1:
        grids |= {k: lowest_grid(p, 1) for k, p in model.params.items() if k.endswith(".w")}
    corrected = correct_bias(model, grids, images)
    exact, found = model.activations(read(model, images)), layer_outputs(corrected, grids, images)
    for source, name in (("input", "conv1"), ("conv1", "conv2"), ("conv2", "fc1")):
        axes = tuple(range(1, exact[name].ndim))
        unit = grids[source].scale * grids[f"{name}.w"].scale
        assert (np.abs((found[name] - exact[name]).mean(axis=axes)) <= unit / 2 + 1e-9).all()
    assert all(np.array_equal(corrected.params[k], p) for k, p in model.params.items() if k.endswith(".w"))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_adaround_puts_weights_on_their_grids_and_brings_outputs_nearer(bits):
    """The first block's by its own measure, since what comes in is the same; the logits in the event."""
    model, images = grouped_network()
    grids = calibrate(model, images, bits, 8, weight_method="mse")
    exact = model.activations(read(model, images))
    kinds = model, correct_bias(model, grids, images), adaround(model, grids, images, 300)
    for name in ("conv1", "fc1"):
        nearest, shifted, rounded = (
            ((layer_outputs(kind, grids, images)[name] - exact[name]) ** 2).mean() for kind in kinds
        )
        assert rounded < shifted < nearest
    for name in ("conv1.w", "conv2.w", "fc1.w"):
        params = kinds[-1].params
        np.testing.assert_array_equal(grids[name].round_trip(params[name]), params[name])


@pytest.mark.parametrize("name, source", [("conv1", "input"), ("conv2", "pool1"), ("fc1", "flatten")])
def test_adaround_solves_each_layers_own_problem_group_by_group(name, source):
    """Of what the layers before give once they are rounded, scaled by each row's own step."""
    model, images = grouped_network()
    grids = calibrate(model, images, 3, 8)
    rounded = adaround(model, grids, images, 30)
    layer, w, grid = model.layers[name], model.params[f"{name}.w"], grids[f"{name}.w"]
    exact = {"input": read(model, images)} | model.activations(read(model, images))
    simulated = layer_outputs(rounded, grids, images)
    before = {"input": "input", "pool1": "conv1.round", "flatten": "conv2.round"}[source]
    seen = moments(layer, iter([(exact[source], simulated[before])]))
    G, K = seen.mean.shape
    codes = [
        best_codes(Rows(*group, grid.lo, grid.hi, seen.covariance[g], seen.cross[g]), 30)
        for g, group in enumerate(zip(w.reshape(G, -1, K), grid.scale.reshape(G, -1), strict=True))
    ]
    wanted = np.concatenate(codes).reshape(w.shape)
    np.testing.assert_array_equal(grid.quantize(rounded.params[f"{name}.w"]), wanted)


def test_one_bit_keeps_its_signs():
    model, images = grouped_network()
    grids = calibrate(model, images)
    grids |= {k: lowest_grid(p, 1) for k, p in model.params.items() if k.endswith(".w")}
    rounded = adaround(model, grids, images, 10)
    assert all(np.array_equal(rounded.params[k], p) for k, p in model.params.items() if k.endswith(".w"))


def test_what_cannot_be_rounded_is_refused():
    model, images = grouped_network()
    grids = calibrate(model, images)
    for other in (images[:0], images[:, 1:], images * 1.0):
        with pytest.raises(ValueError, match=r"^images: found"):
            correct_bias(model.with_input_range((0.0, 1.0), 0.5), grids, other)
    for iterations in (0, -1, 2.5, True, None):
        with pytest.raises(ValueError, match=r"^adaround: iterations: found"):
            adaround(model, grids, images, iterations)
    assert adaround(model, grids, images[:3], 1).shape == model.shape
    with pytest.raises(ValueError, match="pairs"):
        moments(Linear(5, 2), iter([]))


def test_what_is_no_network_is_refused_before_anything_is_rounded():
    for rounding in (correct_bias, adaround, surgeon):
        with pytest.raises(TypeError, match=r"^model: found a dict, needed a Sequential"):
            rounding({}, {}, np.zeros((2, 6, 6)))


def test_adaround_takes_a_thousand_iterations_where_none_are_said(monkeypatch):
    model, images = grouped_network()
    grids, told = calibrate(model, images, 3, 8), []

    def choose(rows, iterations):
        told.append(iterations)
        return rows.nearest().astype(np.int64)

    monkeypatch.setattr(module, "best_codes", choose)
    adaround(model, grids, images[:3])
    assert told == [1000] * 4
