from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinyzip.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.lowbit import lowest_grid
from tinyzip.quant.rounding import (
    adaround,
    correct_bias,
    descend,
    learn_rounding,
    moments,
    patches,
    penalty,
    reconstruction,
    soft_step,
)
from tinyzip.train.data import to_input

seeds = st.integers(0, 10**6)


def problem(seed, F=4, K=6):
    """A row problem with correlated inputs: weights, steps, covariance."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(K, 2)) @ rng.normal(size=(2, 60)) + 0.3 * rng.normal(size=(K, 60))
    w = rng.normal(size=(F, K))
    return w, rng.uniform(0.2, 0.8, F), np.cov(x)


def loss(q, w, step, covariance):
    d = q * step[:, None] - w
    return np.einsum("fk,kl,fl->f", d, covariance, d)


@given(seeds, st.sampled_from([1, 3, 7]))
@settings(max_examples=15)
def test_learned_rounding_is_never_worse_than_nearest(seed, hi):
    w, step, covariance = problem(seed)
    codes = learn_rounding(w, step, -hi, hi, covariance, covariance, 100)
    nearest = np.clip(np.rint(w / step[:, None]), -hi, hi)
    assert np.all(loss(codes, w, step, covariance) <= loss(nearest, w, step, covariance) + 1e-12)
    assert codes.min() >= -hi and codes.max() <= hi


@given(seeds)
@settings(max_examples=10)
def test_learned_rounding_comes_near_the_best_of_all_codes(seed):
    w, step, covariance = problem(seed, F=2, K=5)
    everything = np.array(list(product((-1, 0, 1), repeat=5)))
    codes = learn_rounding(w, step, -1, 1, covariance, covariance, 300)
    found = loss(codes, w, step, covariance)
    for f in range(2):
        d = everything * step[f] - w[f]
        best = np.einsum("ik,kl,il->i", d, covariance, d).min()
        assert best - 1e-12 <= found[f] <= 1.5 * best + 0.1


def test_it_gains_much_where_inputs_are_correlated():
    w, step, covariance = problem(0, F=50, K=40)
    codes = learn_rounding(w, step, -7, 7, covariance, covariance)
    nearest = np.clip(np.rint(w / step[:, None]), -7, 7)
    assert loss(codes, w, step, covariance).sum() < 0.3 * loss(nearest, w, step, covariance).sum()


def test_learning_gains_over_descent_from_where_it_starts():
    w, step, covariance = problem(0, F=50, K=40)
    after = {n: learn_rounding(w, step, -7, 7, covariance, covariance, n) for n in (1, 500)}
    assert loss(after[500], w, step, covariance).sum() < 0.85 * loss(after[1], w, step, covariance).sum()


@given(seeds)
def test_descent_only_goes_down_and_ends_where_no_single_change_helps(seed):
    w, step, covariance = problem(seed)
    q = np.clip(np.rint(w / step[:, None]), -3, 3)
    at = step, covariance, w @ covariance
    end = descend(q, step, -3, 3, *at[1:])
    least = reconstruction(end, *at)
    assert np.all(least <= reconstruction(q, *at) + 1e-12)
    for k, change in product(range(w.shape[1]), (-1, 1)):
        other = end.copy()
        other[:, k] = np.clip(other[:, k] + change, -3, 3)
        assert np.all(reconstruction(other, *at) >= least - 1e-6)


@given(seeds)
def test_reconstruction_is_the_squared_error_of_the_output_up_to_a_constant(seed):
    w, step, covariance = problem(seed)
    q = np.rint(w / step[:, None])
    constant = np.einsum("fk,kl,fl->f", w, covariance, w)
    np.testing.assert_allclose(
        reconstruction(q, step, covariance, w @ covariance) + constant,
        loss(q, w, step, covariance),
        atol=1e-9,
    )


def test_derivatives_by_hand_are_differences():
    V = np.linspace(-4, 4, 81) + 0.01
    h, slope = soft_step(V)
    difference = (soft_step(V + 1e-6)[0] - soft_step(V - 1e-6)[0]) / 2e-6
    np.testing.assert_allclose(slope, difference, atol=1e-8)
    assert h.min() == 0 and h.max() == 1
    inner = np.linspace(0.05, 0.95, 10)
    for beta in (2.0, 7.5, 20.0):
        change = [(1 - np.abs(2 * (inner + e) - 1) ** beta) for e in (1e-6, -1e-6)]
        np.testing.assert_allclose(penalty(inner, beta)[1], (change[0] - change[1]) / 2e-6, atol=1e-5)
        assert penalty(np.array([0.0, 1.0]), beta)[0] == 0


@pytest.mark.parametrize("layer", [Conv2d(4, 6, 3, 2, 1), Conv2d(4, 4, (1, 3), groups=4), Linear(20, 3)])
def test_a_layer_is_the_product_of_its_weights_and_its_patches(layer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 5) if isinstance(layer, Linear) else (4, 5, 6, 3))
    p = layer.initialize(rng, np.float64)
    columns = patches(layer, x)
    rows = p["w"].reshape(len(columns), -1, columns.shape[1])
    y = layer.forward(p, x)[0]
    np.testing.assert_allclose((rows @ columns).reshape(y.shape), y, atol=1e-12)


def test_moments_of_a_stream_are_those_of_the_whole():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 40))
    seen = x + 0.1 * rng.normal(size=x.shape)
    at = moments(Linear(5, 2), iter([(x[:, :7], seen[:, :7]), (x[:, 7:], seen[:, 7:])]))
    both = np.cov(x, seen, bias=True)
    np.testing.assert_allclose(at.covariance[0], both[5:, 5:], atol=1e-12)
    np.testing.assert_allclose(at.cross[0], both[:5, 5:], atol=1e-12)
    np.testing.assert_allclose(at.mean[0], x.mean(axis=1))


def network(seed=0):
    rng = np.random.default_rng(seed)
    layers = {
        "conv1": Conv2d(1, 4, 3),
        "relu1": ReLU(),
        "pool1": MaxPool2d(2),
        "conv2": Conv2d(4, 4, 2, groups=2),
        "relu2": ReLU(),
        "flatten": Flatten(),
        "fc1": Linear(16, 5),
    }
    model = Sequential.create(layers, (1, 8, 8), rng)
    params = {k: p + rng.normal(scale=0.2, size=p.shape).astype(p.dtype) for k, p in model.params.items()}
    return model.with_params(params), rng.integers(0, 256, (230, 8, 8)).astype(np.uint8)


def layer_outputs(model, grids, images):
    return FakeQuantized.create(model, grids, "straight-through").activations(to_input(images))


def test_bias_correction_gives_each_block_the_mean_of_the_float_network():
    model, images = network()
    grids = calibrate(model, images, 2, 8)
    corrected = correct_bias(model, grids, images)
    exact = model.activations(to_input(images))
    before, after = (layer_outputs(m, grids, images) for m in (model, corrected))
    for name in ("conv1", "conv2", "fc1"):
        axes = tuple(range(1, exact[name].ndim))
        bad, good = (np.abs((a[name] - exact[name]).mean(axis=axes)).max() for a in (before, after))
        assert good < 0.02 * bad + 1e-3
    assert all(np.array_equal(corrected.params[k], p) for k, p in model.params.items() if k.endswith(".w"))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_adaround_brings_the_logits_nearer_and_puts_weights_on_their_grids(bits):
    model, images = network()
    grids = calibrate(model, images, bits, 8, weight_method="mse")
    rounded = adaround(model, grids, images, 300)
    exact = model.activations(to_input(images))["fc1"]
    errors = [
        ((layer_outputs(m, grids, images)["fc1"] - exact) ** 2).mean()
        for m in (model, correct_bias(model, grids, images), rounded)
    ]
    assert errors[2] < errors[1] < errors[0]
    for name in ("conv1.w", "conv2.w", "fc1.w"):
        np.testing.assert_array_equal(grids[name].round_trip(rounded.params[name]), rounded.params[name])


def test_one_bit_keeps_its_signs():
    model, images = network()
    grids = calibrate(model, images)
    grids |= {k: lowest_grid(p, 1) for k, p in model.params.items() if k.endswith(".w")}
    rounded = adaround(model, grids, images, 10)
    assert all(np.array_equal(rounded.params[k], p) for k, p in model.params.items() if k.endswith(".w"))


def test_what_cannot_be_rounded_is_refused():
    model = seed_net()
    images = np.zeros((3, 28, 28), np.uint8)
    grids = calibrate(model, images)
    with pytest.raises(ValueError, match="images"):
        correct_bias(model, grids, images[:0])
    with pytest.raises(ValueError, match="iterations"):
        adaround(model, grids, images, 0)
    with pytest.raises(ValueError, match="learn_rounding"):
        learn_rounding(np.ones((2, 3)), np.ones(3), -1, 1, np.eye(3), np.eye(3))
    with pytest.raises(ValueError, match="pairs"):
        moments(Linear(5, 2), iter([]))
