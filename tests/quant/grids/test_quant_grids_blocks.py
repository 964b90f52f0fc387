"""Blocks: which layers belong together, and that what a block is said to give is what it gives."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from quant_networks import networks, randomized

from tinyzip.nn.activations import ByPoints, Clip, Tanh
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
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.fold import fold_batch_norm
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


LATER = (
    *(MaxPool2d(2, 1), AvgPool2d(2, 1), ReLU(), Clip(None, 4), Clip(-1, None), Clip(-1, 0), Clip(-2, 2)),
    *(Clip(0.25, 1), Tanh(), ByPoints((0, 1), (-0.5, 3))),
)


@settings(max_examples=150)
@given(st.lists(st.sampled_from(LATER), max_size=4))
@example([ReLU(), Clip(-1, 0)])  # which leaves a single code
def test_what_is_fused_and_what_comes_after_is_the_network_and_clips_are_fused_where_they_can_be(later):
    """(QB1): Where only maxima were taken before, and the codes still hold 0 and more than it."""
    model = network({"conv": Conv2d(1, 3, 3)} | {f"layer{i}": layer for i, layer in enumerate(later)})
    x = np.random.default_rng(1).normal(0, 3, (1, 16, 16, 2)).astype(np.float32)
    (block,) = blocks_of(model)
    y, _ = block.layer.forward({"w": model.params["conv.w"], "b": model.params["conv.b"]}, x)
    found = block.clamped(y)
    for _, layer in block.after:
        found, _ = layer.forward({}, found)
    np.testing.assert_array_equal(found, model.forward(x)[0])
    assert block.clamp[0] <= 0 <= block.clamp[1] and block.clamp[0] < block.clamp[1]
    for i, (_, layer) in enumerate(block.after):
        if isinstance(layer, ReLU | Clip) and all(
            isinstance(other, MaxPool2d) for _, other in block.after[:i]
        ):
            ends = (0, np.inf) if isinstance(layer, ReLU) else (layer.low, layer.high)
            low = max(block.clamp[0], -np.inf if ends[0] is None else ends[0])
            high = min(block.clamp[1], np.inf if ends[1] is None else ends[1])
            assert not low <= 0 <= high or low == high


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
