"""Float networks as .onnx files: onnxruntime's logits beside ours, and what is refused."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from known_texts import network, network_text, recorded
from onnx_sessions import batch_first, batch_last, session
from quant_networks import networks, randomized, small_network
from shapes import SEEDS, convolutions, normal, windows

from tinyzip.exchange import onnx
from tinyzip.nn import models
from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.joins import Concatenation, Product
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
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential

FILES = pytest.mark.needs("onnx", "onnxruntime")


@st.composite
def activations(draw):
    """One of each kind; points up to 64 of any heights."""
    rng = np.random.default_rng(draw(SEEDS))
    count = draw(st.integers(2, 64))
    points = np.cumsum(rng.uniform(0.1, 1, count)) - count / 4, rng.normal(size=count) * 9
    return draw(
        st.sampled_from(
            [
                *(ReLU(), Sigmoid(), Tanh(), SiLU(), HardSwish(), GELU()),
                *(LeakyReLU(slope) for slope in (0.01, 0.5, 2.0)),
                *(Clip(0, 6), Clip(-1.5, None), Clip(None, 0.25)),
                ByPoints(*map(tuple, points)),
            ]
        )
    )


def near(network, x, folder):
    """Whether onnxruntime's logits are ours, but for 10⁻⁵ of the largest."""
    onnx.write_network(network, folder / "network.onnx")
    (found,) = session(folder / "network.onnx").run(["logits"], {"images": batch_first(x)})
    expected, _ = network.forward(x)
    assert found.dtype == np.float32 and batch_last(found).shape == expected.shape
    return np.abs(batch_last(found) - expected).max() <= 1e-5 * np.abs(expected).max()


@FILES
def test_a_known_network_gives_the_graph_that_it_gave(tmp_path) -> None:
    """With a layer of each kind; and onnxruntime's logits are ours."""
    assert network_text().splitlines() == recorded("network.txt").splitlines()
    assert near(network(), normal(1, *network().shape, 5, dtype=np.float32), tmp_path)


@FILES
@settings(max_examples=25)
@given(networks())
def test_logits_of_drawn_networks_are_ours_but_for_rounding(tmp_path_factory, drawn) -> None:
    network, images = drawn
    x = np.moveaxis(images[:5] / np.float32(255), 0, -1)
    assert near(network, x, tmp_path_factory.mktemp("onnx"))


@FILES
@settings(max_examples=25)
@given(convolutions(), st.booleans(), SEEDS)
def test_any_convolution_is_ours(tmp_path_factory, geometry, bias, seed) -> None:
    """Windows of all shapes, strides, uneven paddings and groups; with a bias and without."""
    (C, *size, N), (F, _, *kernel), stride, padding, groups = geometry
    layer = Conv2d(C, F, tuple(kernel), stride, padding, groups, bias)
    network = randomized({"conv": layer}, (C, *size), np.random.default_rng(seed))
    x = normal(seed, C, *size, N, dtype=np.float32)
    assert near(network, x, tmp_path_factory.mktemp("onnx"))


@FILES
@settings(max_examples=25)
@given(windows(pooling=True), st.sampled_from([MaxPool2d, AvgPool2d]), SEEDS)
def test_any_pooling_is_ours(tmp_path_factory, window, kind, seed) -> None:
    size, kernel, stride, padding = window
    network = Sequential({"pool": kind(kernel, stride, padding)}, {}, (2, *size))
    x = normal(seed, 2, *size, 3, dtype=np.float32)
    assert near(network, x, tmp_path_factory.mktemp("onnx"))


@FILES
@pytest.mark.parametrize("make", [models.lenet5, models.separable_net, models.wide_mlp])
def test_named_networks_are_ours(make, tmp_path) -> None:
    network = make(np.random.default_rng(0))
    assert near(network, normal(1, *network.shape, 8, dtype=np.float32), tmp_path)


@FILES
@settings(max_examples=30)
@given(activations(), SEEDS)
def test_any_activation_is_ours(tmp_path_factory, layer, seed) -> None:
    """(OA1) and the functions that have names, beyond their kinks and far out."""
    network = Sequential({"f": layer}, {}, (2, 3, 5))
    x = normal(seed, 2, 3, 5, 4, dtype=np.float32) * np.float32(4)
    x[0, 0, 0] = [0, -200, 200, 1]
    assert near(network, x, tmp_path_factory.mktemp("onnx"))


@FILES
def test_residual_blocks_are_ours_however_they_are_nested(tmp_path) -> None:
    inner = Residual({"conv": Conv2d(4, 4, 3, padding=1), "norm": BatchNorm(4)})
    layers = {
        "first": Residual({"conv": Conv2d(2, 4, 1), "relu": ReLU(), "more": inner}, {"way": Conv2d(2, 4, 1)}),
        "relu": ReLU(),
        "second": Residual({"drop": Dropout(0.5)}),
        "product": Product({"conv": Conv2d(4, 4, 1)}, {"mean": GlobalAvgPool(), "gate": Sigmoid()}),
        "side": Concatenation({"conv": Conv2d(4, 2, 1)}, swapped=True),
        "more": Concatenation({"conv": Conv2d(6, 1, 1)}, {"conv": Conv2d(6, 3, 1)}),
        "flat": Flatten(),
        "out": Linear(4 * 36, 3),
    }
    network = randomized(layers, (2, 6, 6), np.random.default_rng(3))
    assert near(network, normal(1, 2, 6, 6, 5, dtype=np.float32), tmp_path)


@FILES
def test_a_network_on_vectors_and_in_float64_is_written_in_float32(tmp_path) -> None:
    layers = {
        "drop": Dropout(0.5),
        "norm": BatchNorm(6),
        "relu": ReLU(),
        "flat": Flatten(),
        "fc": Linear(6, 3),
    }
    network = randomized(layers, (6,), np.random.default_rng(0), np.float64)
    onnx.write_network(network, tmp_path / "network.onnx")
    x = normal(2, 6, 9)
    (found,) = session(tmp_path / "network.onnx").run(None, {"images": batch_first(x).astype(np.float32)})
    assert np.abs(batch_last(found) - network.forward(x)[0]).max()


@FILES
def test_any_name_of_a_layer_can_be_written(tmp_path) -> None:
    for number, name in enumerate([" ", "a/b", "images", "logits", "ß \n\0", "\ud800", "conv1/Conv"]):
        network = randomized({name: Linear(2, 2), "z": ReLU()}, (2,), np.random.default_rng(0))
        onnx.write_network(network, tmp_path / f"{number}.onnx")
        session(tmp_path / f"{number}.onnx")


@FILES
def test_what_cannot_be_written_is_refused_and_leaves_no_file(tmp_path) -> None:
    class Own(ReLU):
        """It could compute anything."""

    class OwnBlock(Residual):
        """So could this."""

    path = tmp_path / "network.onnx"
    network = small_network()
    large = network.with_params(network.params | {"out.b": np.full(3, np.inf, np.float32)})
    with pytest.raises(ValueError, match=r"out\.b: found values that are not finite in float32"):
        onnx.write_network(large, path)
    with pytest.raises(TypeError, match=r"layer 'own': found Own, needed one of .*AvgPool2d, .*ReLU"):
        onnx.write_network(Sequential({"own": Own()}, {}, (3,)), path)
    chains = {"body": {"relu": ReLU()}, "shortcut": {}}
    with pytest.raises(TypeError, match=r"layer 'block': found OwnBlock, needed one of "):
        onnx.write_network(Sequential({"block": OwnBlock(**chains)}, {}, (3,)), path)
    with pytest.raises(TypeError, match="network: found 'digits', needed a Sequential"):
        onnx.write_network("digits", path)
    with pytest.raises(FileNotFoundError, match="no folder"):
        onnx.write_network(network, tmp_path / "none" / "network.onnx")
    assert list(tmp_path.iterdir()) == []


def test_without_the_package_the_words_say_how_to_have_it(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(
        ImportError, match=r"n\.onnx: found no package onnx, needed it: pip install 'tinyzip\[onnx\]'"
    ):
        onnx.write_network(small_network(), tmp_path / "n.onnx")
    assert list(tmp_path.iterdir()) == []
