"""A network as it is printed trains, and is the network that runs fast."""

import numpy as np
import pytest
from gradcheck import assert_gradients
from shapes import distinct, normal
from test_nn_sequential import SHAPE, everything

from tinyzip.machine import products
from tinyzip.nn.layers import AvgPool2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.network import Network
from tinyzip.nn.sequential import Sequential
from tinyzip.train.fit import fit

LAYERS = {
    "dense": Conv2d(1, 2, 5, padding=1),  # aligned to the pooling, where BLAS has no small kernels
    "relu1": ReLU(),
    "pool1": MaxPool2d(2),
    "rows": Conv2d(2, 2, 3, padding=1),  # by rows of the kernel, and dx by turned kernels
    "relu2": ReLU(),
    "depthwise": Conv2d(2, 2, 3, padding=1, groups=2),
    "average": AvgPool2d(2),
    "scattered": Conv2d(2, 3, (1, 2), bias=False),
    "pool2": MaxPool2d((2, 1)),
    "flatten": Flatten(),
    "out": Linear(3, 2),
}


def whole_numbers(cls):
    """The same network of small whole numbers, printed or fast."""
    rng = np.random.default_rng(0)
    net = Sequential.create(LAYERS, (1, 10, 10), rng, np.float64)
    params = {key: rng.integers(-1, 2, array.shape).astype(np.float64) for key, array in net.params.items()}
    return cls(LAYERS, params, net.shape)


class Signs:
    """Each entry down or up by the rate: weights stay whole numbers [Bernstein et al. 2018, algorithm 1]."""

    def init(self, params):
        return {}

    def step(self, params, grads, state, lr, workers=None):
        for name, g in grads.items():
            params[name] -= lr * np.sign(g)


def objective(z, batch):
    """The mean over the batch of half the squared distance to the right answer."""
    apart = z - np.eye(2)[:, batch.labels]
    return float((apart**2).sum()) / 2 / z.shape[1], apart / z.shape[1]


@pytest.mark.parametrize("small_kernels", [False, True])
@pytest.mark.filterwarnings("ignore:fit. loss:UserWarning")  # a step of 1 is large, and meant
def test_a_training_leaves_the_same_bits_printed_and_fast(small_kernels, monkeypatch):
    """Weights and pixels are whole numbers. So all that is added up is a multiple of 1/32: 1/8 for the mean
    over the batch, 1/4 for the average of four pixels. And float64 rounds none of these below 2⁵³/32; no sum
    is larger than with all pixels 1 and all weights 4, as ±1 is after three steps of 1."""
    monkeypatch.setattr(products, "has_small_kernels", lambda: small_kernels)
    rng = np.random.default_rng(1)
    images, labels = rng.integers(0, 2, (8, 10, 10)).astype(np.float64), rng.integers(0, 2, 8)

    def train(cls):
        options = {"epochs": 3, "batch": 8, "threads": 1, "progress": False}
        recipe = {"optimizer": Signs(), "schedule": lambda t: 1.0, "objective": objective}
        return fit(whole_numbers(cls), images, labels, rng=np.random.default_rng(2), **recipe, **options)

    (fast, history), (printed, slow_history) = train(Sequential), train(Network)
    assert type(printed) is Network
    assert history.loss == slow_history.loss
    for key, first in whole_numbers(Sequential).params.items():
        np.testing.assert_array_equal(fast.params[key], printed.params[key], key)
        assert (fast.params[key] != first).any(), key
    sizes = fast.with_params({key: np.full_like(a, 4) for key, a in fast.params.items()})
    z, caches = sizes.forward(np.ones((1, 10, 10, 8)))
    largest = [array.max() for array in sizes.backward((z + 1) / 8, caches).values()]
    assert max(largest) < 2**53 / 32


@pytest.mark.parametrize("train", [False, True])
def test_its_backward_is_the_gradient_of_the_whole_network(train):
    """(CH2)"""
    net = everything(np.float64).printed()
    for key, array in net.params.items():
        array += 0.5 * (key == "conv1.b")  # away from where rectifiers and maxima have their kinks
    x = distinct(1, *SHAPE, 3) / 100

    def forward():
        return net.forward(x, train=train, rng=np.random.default_rng(2))

    z, caches = forward()
    dz = normal(3, *z.shape)
    grads = net.backward(dz, caches)
    assert_gradients(lambda: forward()[0], {key: net.params[key] for key in grads}, grads, dz)


def test_every_step_is_a_layer_as_it_is_printed():
    """(CH1)"""
    net = whole_numbers(Network)
    assert net.steps is net.layers
    x = normal(0, 1, 10, 10, 3)
    seen = net.activations(x)
    for name, (layer, p) in {"rows": (LAYERS["rows"], "rows"), "out": (LAYERS["out"], "out")}.items():
        before = list(LAYERS)[list(LAYERS).index(name) - 1]
        arrays = {part: net.params[f"{p}.{part}"] for part in layer.parameter_shapes()}
        np.testing.assert_array_equal(seen[name], layer.forward(arrays, seen[before])[0])


@pytest.mark.parametrize("train", [False, True])
def test_statistics_and_answers_are_those_of_the_network_that_runs(train):
    net = everything(np.float64)
    x = normal(1, *SHAPE, 4)
    printed = net.printed()
    (z, caches), (fast_z, fast_caches) = (n.forward(x, train=train) for n in (printed, net))
    # A dozen layers of a few hundred terms each, whose rounding no layer here enlarges more than tenfold.
    np.testing.assert_allclose(z, fast_z, rtol=1e-9, atol=1e-9)
    statistics, fast_statistics = printed.statistics(caches), net.statistics(fast_caches)
    assert statistics.keys() == fast_statistics.keys() == ({"norm.mean", "norm.var"} if train else set())
    for key, array in statistics.items():
        np.testing.assert_allclose(array, fast_statistics[key], rtol=1e-9, atol=1e-9)
