"""What other libraries call a thing is answered with what it is called here."""

from types import SimpleNamespace

import numpy as np
import pytest

import tinyzip.nn
from tinyzip.distill.transplant import by_norm
from tinyzip.nn import calls, layers, models
from tinyzip.nn.activations import Tanh
from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.network import Network
from tinyzip.nn.sequential import Sequential

LAYERS = {"flat": Flatten(), "fc": Linear(4, 3)}
NET = Sequential.create(LAYERS, (1, 2, 2), np.random.default_rng(0))


def test_the_names_of_others_are_known():
    sizes = "in_channels out_channels in_features out_features kernel_size filters units pool_size strides"
    assert calls.SIZES.keys() == set(sizes.split())
    kinds = "Softmax LogSoftmax Conv1d Conv1D Dense ReLU6 MaxPooling2D AveragePooling2D AdaptiveAvgPool2d"
    kinds += " GlobalAveragePooling2D BatchNorm1d BatchNorm2d BatchNormalization"
    assert calls.LAYERS.keys() == set(kinds.split())
    methods = "score load_state_dict train eval add compile parameters state_dict weights"
    assert calls.NETWORK.keys() == set(methods.split())


@pytest.mark.parametrize("kind", [Conv2d, Linear, MaxPool2d, AvgPool2d])
@pytest.mark.parametrize("other", calls.SIZES)
def test_sizes_have_other_names(kind, other):
    with pytest.raises(TypeError, match=f"^{other}: found 3, needed {calls.SIZES[other]}$"):
        kind(**{other: 3})


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: BatchNorm(num_features=3), "num_features: found 3, needed C"),
        (lambda: Dropout(p=0.5), "p: found 0.5, needed rate"),
        (lambda: ReLU(inplace=True), r"inplace: found True, needed ReLU\(\): a network decides"),
        (lambda: Flatten(start_dim=1), r"start_dim: found 1, needed Flatten\(\), of all axes"),
        (lambda: GlobalAvgPool(1), "GlobalAvgPool: found 1 arguments without a name, needed none"),
        (lambda: Sequential.create(LAYERS, input_shape=(4,)), r"input_shape: found a tuple, needed shape="),
        (
            lambda: Network.create(LAYERS, (1, 2, 2), seed=0),
            r"seed: found 0, needed rng=np.random.default_rng",
        ),
        (lambda: NET["fc"], r"Sequential: \[\]: found 'fc', needed net.layers\[…\] or net.params\[…\]"),
        (lambda: NET(3), "Sequential: call: found 3, needed its forward: z, caches = net.forward"),
        (lambda: Tanh()(3), r"Tanh: call: found 3, needed it in a network: Sequential.create"),
        (lambda: Sequential(ReLU()), r"Sequential: layers: found a ReLU, needed layers by name: Sequential"),
        (
            lambda: Sequential(LAYERS),
            r"Sequential: layers: found a dict and what does not fit, needed layers",
        ),
    ],
)
def test_calls_that_others_have_are_answered_with_what_to_write(call, line):
    with pytest.raises(TypeError, match=f"^{line}"):
        call()


@pytest.mark.parametrize("net", [NET, NET.printed(), Network(NET.layers, NET.params, NET.shape)])
@pytest.mark.parametrize("name", calls.NETWORK)
def test_methods_that_others_have_are_answered_with_what_to_write(net, name):
    with pytest.raises(AttributeError) as caught:
        getattr(net, name)
    assert str(caught.value) == f"{type(net).__name__}: found no '{name}', needed {calls.NETWORK[name]}"


@pytest.mark.parametrize("name", calls.LAYERS)
def test_layers_that_others_have_are_answered_with_what_to_write(name):
    with pytest.raises(AttributeError, match=r"^tinyzip\.nn\.layers: found no ") as caught:
        getattr(layers, name)
    assert str(caught.value).endswith(f", needed {calls.LAYERS[name]}")


def test_a_room_says_where_its_names_are():
    with pytest.raises(AttributeError, match=r"from tinyzip.nn.sequential import Sequential"):
        tinyzip.nn.Sequential  # noqa: B018


class Simulated(SimpleNamespace):
    def grids(self):
        return {}


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (models.seed_net, r"the function seed_net, needed a Sequential, which a call may give: seed_net\(\)"),
        (Sequential, r"the class Sequential, needed a Sequential, which a call may give: Sequential\(\)"),
        ("net.npz", r"'net.npz', needed a Sequential: tinyzip.quant.training.saved.load\(path\)"),
        (Simulated(), r"a test_nn_calls.Simulated, needed a Sequential: its .model\(\)"),
        (SimpleNamespace(grids={}), r"a types.SimpleNamespace, needed a Sequential: its .model$"),
        (SimpleNamespace(operators=()), r"a types.SimpleNamespace, needed a Sequential of floats; a program"),
        (Network(NET.layers, NET.params, NET.shape), r"a Network of shape \(1, 2, 2\), needed a Sequential$"),
        (3, "3, needed a Sequential$"),
        (models, r"a module.*, needed a Sequential$"),
    ],
)
def test_what_is_no_network_is_refused_with_what_makes_one_of_it(model, line):
    with pytest.raises(TypeError, match=f"^model: found {line}"):
        calls.check_network(model, "model")
    assert by_norm(NET).keys() == {"fc"}
