"""Runs of what is printed, small and through all of it, for test_printed: each gives arrays by name."""

import numpy as np

from tinyzip.nn.activations import GELU, ByPoints, Clip, HardSwish, LeakyReLU, Sigmoid, SiLU, Tanh
from tinyzip.nn.inspected import Inspected
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
from tinyzip.nn.losses import cross_entropy, log_softmax
from tinyzip.nn.residual import Residual
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.grid import Grid
from tinyzip.quant.textbook import min_max_decode, min_max_encode, through_bytes


def every_layer():
    """A chain with every kind of layer, for images (2, H, W)."""
    body = {"conv": Conv2d(4, 4, 3, padding=1, groups=2), "norm": BatchNorm(4), "drop": Dropout(0.3)}
    return {
        "conv": Conv2d(2, 4, 3, padding=1, bias=False),
        "norm": BatchNorm(4),
        "relu": ReLU(),
        "max": MaxPool2d(2, 1, 1),
        "block": Residual(body, {"conv": Conv2d(4, 4, 1)}),
        "average": AvgPool2d(2),
        "same": Residual({"relu": ReLU()}),
        **{"clip": Clip(-2, 2), "leaky": LeakyReLU(0.3), "sigmoid": Sigmoid(), "tanh": Tanh()},
        **{"silu": SiLU(), "swish": HardSwish(), "gelu": GELU(), "points": ByPoints((-4, 0, 4), (-1, 2, 9))},
        "global": GlobalAvgPool(),
        "flatten": Flatten(),
        "drop": Dropout(0.2),
        "out": Linear(4, 3),
    }


def refused(call):
    """What a call is refused with."""
    try:
        call()
    except (TypeError, ValueError) as error:
        return np.array(str(error))
    raise AssertionError("not refused")


def network_step():
    """A training step of a network with every layer, and what is asked of it then."""
    rng = np.random.default_rng(0)
    first = Inspected.create(every_layer(), (2, 6, 5), rng, np.float64).with_input_range((-3, 3))
    net = first.with_params({key: a + rng.uniform(0.1, 0.3, a.shape) for key, a in first.params.items()})
    x, labels = rng.normal(size=(2, 6, 5, 4)), np.array([2, 0, 1, 2])
    z, caches = net.forward(x, train=True, rng=np.random.default_rng(1))
    loss, dz = cross_entropy(z, labels, smoothing=0.1, weights=np.array([0.5, 1, 2, 0]))
    grads, statistics = net.backward(dz, caches), net.statistics(caches)
    stepped = {key: net.params[key] - 0.1 * grads[key] for key in net.trainable()}
    after = net.with_params(stepped | statistics).printed()
    z, caches = after.forward(x)
    probed = after.probed(["block.body.conv"])
    _, seen = probed.forward(x)
    probed.probes(seen)["block.body.conv"].dy = np.ones((4, 7, 6, 4))
    return {
        **{f"first {key}": array for key, array in first.params.items()},
        **{f"after {key}": array for key, array in after.params.items()},
        **{f"inference {key}": array for key, array in after.backward(np.sin(z), caches).items()},
        **{f"probed {key}": array for key, array in probed.backward(np.sin(z), seen).items()},
        **{f"output {name}": array for name, array in after.activations(x).items()},
        "dx": after.image_gradient(np.sin(z), caches),
        "loss": np.array(loss),
        "log p": log_softmax(z),
        "range": np.array(after.input_range),
        "products": np.array(
            [layer.multiplications(given) for layer, given, *_ in after.every_layer.values()]
        ),
        "shapes": np.array([shape[0] for shape in after.output_shapes().values()]),
        "refusals": np.array(
            [refused(lambda: cross_entropy(z, labels[:1])), refused(lambda: Conv2d("2", 1, 1))]
        ),
    }


def quantized_step():
    """Grids and what they cost, the formulas that are no grids, and a training step through grids."""
    rng = np.random.default_rng(0)
    layers = {"conv": Conv2d(2, 3, 3), "relu": ReLU(), "flatten": Flatten(), "out": Linear(36, 3)}
    net = Inspected.create(layers, (2, 6, 5), rng)
    x, w = rng.normal(size=(2, 6, 5, 4)).astype(np.float32), net.params["conv.w"]
    grids = {"input": Grid.affine(-2, 2, 8), "conv": Grid.affine(0, 3, 4), "out": Grid.affine(-3, 3, 8)}
    for name in ("conv.w", "out.w"):
        weights = net.params[name]
        grids[name] = Grid.symmetric(np.abs(weights).reshape(len(weights), -1).max(axis=1), 3)
    fake = FakeQuantized.create(net, grids)
    z, caches = fake.forward(x, train=True)
    codes = {name: grid.for_weights(net.params[name]) for name, grid in grids.items() if name in net.params}
    still = FakeQuantized.create(net, grids, "straight-through")
    return {
        "z": z,
        **{f"d {name}": array for name, array in fake.backward(np.cos(z), caches).items()},
        **{f"still {name}": a for name, a in still.backward(z, still.forward(x)[1]).items()},
        **{f"codes {name}": grid.quantize(net.params[name]) for name, grid in codes.items()},
        **{f"meant {name}": grid.round_trip(net.params[name]) for name, grid in codes.items()},
        **{f"ends {name}": np.array([grid.low.min(), grid.high.max()]) for name, grid in grids.items()},
        "grids": np.array([f"{grid} {grid.bits} {grid.dtype}" for grid in grids.values()]),
        "made for": np.array([grid.made_for for grid in codes.values()]),
        "fits": np.array([grid.fits(w) for grid in codes.values()]),
        "wider": grids["input"].with_scale(2).low,
        "min, max": min_max_decode(min_max_encode(w, 4), 4, w.min(), w.max()),
        "bytes": through_bytes(net).params["conv.w"],
        "refusals": np.array([refused(lambda: Grid(1, 0, 0, 0)), refused(lambda: Grid.affine(0, 1, 9))]),
    }
