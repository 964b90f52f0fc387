"""A probe changes nothing, shows what passes, and adds what is left in it to what comes back."""

import numpy as np
import pytest
from gradcheck import TOLERANCE, numerical_gradient
from hypothesis import given
from hypothesis import strategies as st
from shapes import SEEDS, normal

from tinyzip.nn.activations import Tanh
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential

LAYERS = {
    "conv1": Conv2d(2, 3, 3),
    "norm1": BatchNorm(3),
    "relu1": ReLU(),
    "conv2": Conv2d(3, 4, 5, padding=2),
    "relu2": ReLU(),
    "pool2": MaxPool2d(2),
    "flatten": Flatten(),
    "drop": Dropout(0.3),
    "fc": Linear(16, 3),
}
SHAPE = (2, 6, 6)
NAMES = st.sets(st.sampled_from(list(LAYERS)))


def network(dtype=np.float64, seed=0, layers=LAYERS):
    return Sequential.create(layers, SHAPE, np.random.default_rng(seed), dtype)


@given(NAMES, SEEDS)
def test_a_probed_network_is_the_same_function_and_shows_its_layers(names, seed):
    net, x = network(seed=seed), normal(seed, *SHAPE, 3)
    probed = net.probed(names)
    assert probed.params is net.params and probed.trainable() == net.trainable()
    z, caches = probed.forward(x)
    np.testing.assert_allclose(z, net.forward(x)[0], rtol=1e-12, atol=1e-12)
    seen, expected = probed.probes(caches), net.activations(x)
    assert seen.keys() == names
    for name in names:
        np.testing.assert_allclose(seen[name].y, expected[name], rtol=1e-12, atol=1e-12)


@given(NAMES, SEEDS)
def test_without_a_derivative_left_in_them_probes_change_no_gradient(names, seed):
    net, x, dz = network(seed=seed), normal(seed, *SHAPE, 3), normal(seed + 1, 3, 3)
    gradients = []
    for model in (net, net.probed(names)):
        caches = model.forward(x, train=True, rng=np.random.default_rng(1))[1]
        gradients.append(model.backward(dz, caches))
    for name, gradient in gradients[0].items():
        np.testing.assert_allclose(gradients[1][name], gradient, rtol=1e-9, atol=1e-12)


SMOOTH = {name: layer for name, layer in LAYERS.items() if not isinstance(layer, ReLU)}
SMOOTH["pool2"] = AvgPool2d(2)  # no difference step meets a kink


@given(st.sets(st.sampled_from(list(SMOOTH))), SEEDS)
def test_a_derivative_that_is_left_is_added_where_it_arises(names, seed):
    """(PR1): the loss is Σ dz·z + Σ dy·y over the outputs y that are watched."""
    net = network(seed=seed, layers=SMOOTH).probed(names)
    x, dz = normal(seed, *SHAPE, 2), normal(seed + 1, 3, 2)
    seen = net.probes(net.forward(x)[1])
    left = {name: normal(seed + 2 + n, *probe.y.shape) for n, (name, probe) in enumerate(seen.items())}

    def loss():
        z, caches = net.forward(x)
        probes = net.probes(caches)
        return float(np.sum(dz * z)) + sum(float(np.sum(left[name] * probes[name].y)) for name in names)

    _, caches = net.forward(x)
    for name, probe in net.probes(caches).items():
        probe.dy = left[name]
    gradients = net.backward(dz, caches)
    for name in ("conv1.b", "norm1.gamma", "conv2.b", "fc.b"):
        expected = numerical_gradient(loss, net.params[name])
        assert np.abs(gradients[name] - expected).max() <= TOLERANCE * max(1, np.abs(expected).max())


def test_what_passes_inside_a_block_is_seen_by_the_way_to_it():
    inner = Residual({"tanh": Tanh(), "conv": Conv2d(3, 3, 1)})
    block = Residual({"conv": Conv2d(2, 3, 1), "inner": inner}, {"conv": Conv2d(2, 3, 1)})
    layers = {"block": block, "flatten": Flatten(), "fc": Linear(108, 3)}
    net, x = network(layers=layers), normal(0, *SHAPE, 3)
    names = {"block.body.inner.body.tanh", "block.body.inner", "block.shortcut.conv", "fc"}
    probed, expected = net.probed(names), net.activations(x)
    seen = probed.probes(probed.forward(x)[1])
    assert seen.keys() == names
    for name in names:
        np.testing.assert_allclose(seen[name].y, expected[name], rtol=1e-12, atol=1e-12)


def test_layers_that_are_not_there_and_derivatives_that_do_not_fit_are_refused():
    net = network()
    with pytest.raises(ValueError, match=r"^probed: names: found \['conv3'\], needed layers among conv1, "):
        net.probed(["conv1", "conv3"])
    probed = net.probed(["relu2"])
    _, caches = probed.forward(normal(0, *SHAPE, 2))
    for odd, error in ((np.zeros((4, 4, 4, 3)), ValueError), (np.zeros((4, 4, 4, 2), np.float32), TypeError)):
        probed.probes(caches)["relu2"].dy = odd
        with pytest.raises(error, match=r"^Probe: the derivative that was left: found .*, needed "):
            probed.backward(np.zeros((3, 2)), caches)
