"""Blocks: which layers belong together, and that what a block is said to give is what it gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from quant_networks import networks, randomized

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
from tinyzip.quant.blocks import blocks_of
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.train.data import to_input

LAYERS = {
    "shrink": AvgPool2d(2),
    "conv": Conv2d(1, 3, 3),
    "norm": BatchNorm(3),
    "pool": MaxPool2d(2),
    "late": ReLU(),
    "point": Conv2d(3, 2, 1),
    "relu": ReLU(),
    "mean": GlobalAvgPool(),
    "flat": Flatten(),
    "drop": Dropout(0.5),
    "out": Linear(2, 4),
}


def network(layers):
    return randomized(layers, (1, 16, 16), np.random.default_rng(0))


def test_layers_are_gathered_in_blocks():
    blocks = blocks_of(fold_batch_norm(network(LAYERS)))
    assert [name for name, _ in blocks.head] == ["shrink"]
    found = [(b.name, b.clamp, b.output, [name for name, _ in b.after]) for b in blocks]
    assert found == [
        ("conv", (0, np.inf), "conv", ["pool"]),
        ("point", (0, np.inf), "relu", ["mean", "flat"]),
        ("out", (-np.inf, np.inf), "out", []),
    ]
    assert len(blocks) == 3


@settings(max_examples=25)
@given(networks())
def test_blocks_run_one_after_the_other_are_the_network(model_and_images):
    """(QB1)"""
    model, images = fold_batch_norm(model_and_images[0]), model_and_images[1]
    outputs = model.activations(to_input(images))
    x = to_input(images)
    blocks = blocks_of(model)
    for _, layer in blocks.head:
        x, _ = layer.forward({}, x)
    for block in blocks:
        p = {part: model.params.get(f"{block.name}.{part}") for part in ("w", "b")}
        before, _ = block.layer.forward(p, x)
        x = block.clamped(outputs[block.output])
        assert np.allclose(block.clamped(before), x, atol=1e-5)
        for _, layer in block.after:
            x, _ = layer.forward({}, x)
    assert (x == outputs[list(model.layers)[-1]]).all()


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ({"conv": Conv2d(1, 2, 3), "norm": BatchNorm(2)}, "layer 'norm': found BatchNorm, .* norms folded"),
        ({"pool": MaxPool2d(2)}, "at least one convolution or linear layer"),
    ],
)
def test_what_belongs_to_no_block_is_refused_by_name(layers, message):
    with pytest.raises(ValueError, match=message):
        blocks_of(network(layers))


def test_an_unknown_layer_is_refused_by_name():
    class Stranger:
        def output_shape(self, shape):
            return shape

        def parameter_shapes(self):
            return {}

        def initialize(self, rng, dtype):
            return {}

    with pytest.raises(ValueError, match="layer 'odd': found Stranger"):
        blocks_of(network({"conv": Conv2d(1, 2, 3), "odd": Stranger()}))
