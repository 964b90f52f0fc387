"""Networks of residual blocks that can be lowered, and images for them."""

from functools import partial

import numpy as np
from hypothesis import strategies as st
from quant_networks import randomized

from tinyzip.nn.activations import Clip, LeakyReLU, Sigmoid
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

SMALL = {
    "conv": Conv2d(1, 4, 3, padding=1),
    "relu": ReLU(),
    "block1": Residual(
        {
            "conv1": Conv2d(4, 6, 3, padding=1, bias=False),
            "norm": BatchNorm(6),
            "relu": ReLU(),
            "conv2": Conv2d(6, 4, 1),
        }
    ),
    "relu1": ReLU(),
    "block2": Residual({"conv": Conv2d(4, 5, 3, 2, 1)}, {"pool": AvgPool2d(2), "conv": Conv2d(4, 5, 1)}),
    "relu2": ReLU(),
    "average": GlobalAvgPool(),
    "flat": Flatten(),
    "out": Linear(5, 3),
}


def small(dtype=np.float32):
    """A convolution, a block that adds its input, one that halves the image, and a linear layer."""
    return randomized(SMALL, (1, 8, 8), np.random.default_rng(3), dtype)


KINDS = [Residual, Concatenation, partial(Concatenation, swapped=True), Product, Product]


@st.composite
def ways(draw, C, F, stride, depth):
    """The layers of one branch from C channels to F."""
    layers = {}
    head = draw(st.sampled_from(["", "", "relu", "pool", "norm"]))
    if head == "relu":
        layers["first"] = ReLU()
    elif head == "norm":
        layers |= {"first": BatchNorm(C), "start": ReLU()}
    elif head == "pool":
        layers["first"] = draw(st.sampled_from([MaxPool2d(3, 1, 1), AvgPool2d(3, 1, 1)]))
    kernel = draw(st.sampled_from([1, 3]))
    layers["conv1"] = Conv2d(C, F, kernel, stride, kernel // 2, bias=draw(st.booleans()))
    if draw(st.booleans()):
        layers["norm"] = BatchNorm(F)
    if draw(st.booleans()):
        layers["mid"] = draw(st.sampled_from([ReLU(), Clip(0, 1.5), Dropout(0.5), LeakyReLU(0.2)]))
    if depth and draw(st.booleans()):
        layers["inner"] = draw(blocks(F, F, 1, depth - 1))
        inner = layers["inner"].output_shape((F, 9, 9))[0]
        if inner != F:
            layers["back"] = Conv2d(inner, F, 1)
    if draw(st.booleans()):
        layers["conv2"] = Conv2d(F, F, 3, 1, 1, groups=draw(st.sampled_from([1, F])))
    return layers


@st.composite
def blocks(draw, C, F, stride, depth=1):
    """A block from C channels to F, whose shortcut is none, pools, or layers; or to more, side by side."""
    body = draw(ways(C, F, stride, depth))
    kind = draw(st.sampled_from(KINDS))
    if kind is Product and draw(st.booleans()):
        gate = {"squeeze": GlobalAvgPool(), "conv": Conv2d(C, F, 1), "gate": Sigmoid()}
        return Product(*draw(st.sampled_from([(body, gate), (gate, body)])))
    plain = (C, stride) == (F, 1)
    match draw(st.sampled_from(["none", "pools", "layers"] if plain else ["layers"])):
        case "none":
            return kind(body)
        case "pools":
            pool = draw(st.sampled_from([MaxPool2d(3, 1, 1), AvgPool2d(3, 1, 1)]))
            return kind(*draw(st.sampled_from([(body, {"pool": pool}), ({"pool": pool}, body)])))
    return kind(body, draw(ways(C, F, stride, 0)))


@st.composite
def residual_networks(draw, dtype=np.float32):
    """(model, images uint8): one block or two, with a clip, a pool or nothing after."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    C = draw(st.integers(1, 3))
    H = 9
    shape, layers = (C, H, H), {}
    if draw(st.booleans()):
        F = draw(st.integers(2, 4))
        layers |= {"conv": Conv2d(C, F, 3, padding=1), "relu": ReLU()}
        C = F
    for i in range(draw(st.integers(1, 2))):
        F, stride = draw(st.sampled_from([(C, 1), (C + 1, 1), (4, 2)]))
        layers[f"block{i}"] = draw(blocks(C, F, stride))
        H = -(-H // stride)
        halves = [MaxPool2d(2), AvgPool2d(2)] if H > 1 else []
        norm = BatchNorm(layers[f"block{i}"].output_shape((C, 9, 9))[0])
        after = draw(st.sampled_from([None, ReLU(), Clip(-1, 2), LeakyReLU(0.1), norm, *halves]))
        if after is not None:
            layers[f"after{i}"] = after
        H //= 2 if after in halves else 1
        C = layers[f"block{i}"].output_shape((C, 9, 9))[0]
    layers |= {"global": GlobalAvgPool(), "flat": Flatten()}
    if draw(st.booleans()):
        layers["out"] = Linear(C, 3)
    images = rng.integers(0, 256, (draw(st.integers(2, 20)), *shape), np.uint8)
    return randomized(layers, shape, rng, dtype), images
