"""A network and data so small that a training run takes milliseconds, with all that a run can meet."""

import numpy as np

from tinyzip.nn.layers import BatchNorm, Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.fit import fit

RNG = np.random.default_rng(5)
LABELS = RNG.integers(0, 3, 46)
IMAGES = RNG.integers(0, 160, (46, 6, 6), dtype=np.uint8)
for image, label in zip(IMAGES, LABELS, strict=True):
    image[2 * label : 2 * label + 2] += 80  # a class is two rows that are brighter


def network(dtype=np.float32, noisy=True):
    """conv, (batch norm,) ReLU, pool, (dropout,) linear; without the two in brackets if not noisy."""
    layers = {"conv": Conv2d(1, 4, 3), "norm": BatchNorm(4), "relu": ReLU(), "pool": MaxPool2d(2)}
    layers |= {"flatten": Flatten(), "drop": Dropout(0.2), "linear": Linear(16, 3)}
    if not noisy:
        del layers["norm"], layers["drop"]
    return Sequential.create(layers, (1, 6, 6), np.random.default_rng(0), dtype)


def residual_network():
    """A convolution and two residual blocks, of which the second has a shortcut with layers."""
    layers = {
        "conv": Conv2d(1, 4, 3, padding=1),
        "block1": Residual({"conv": Conv2d(4, 4, 3, padding=1), "norm": BatchNorm(4), "drop": Dropout(0.1)}),
        "relu1": ReLU(),
        "block2": Residual(
            {
                "conv1": Conv2d(4, 8, 3, (1, 2), 1),
                "norm": BatchNorm(8),
                "relu": ReLU(),
                "conv2": Conv2d(8, 8, 1),
            },
            {"conv": Conv2d(4, 8, 1, (1, 2), bias=False)},
        ),
        "relu2": ReLU(),
        "pool": MaxPool2d((2, 3)),
        "flatten": Flatten(),
        "linear": Linear(24, 3),
    }
    return Sequential.create(layers, (1, 6, 6), np.random.default_rng(0))


def fake_quantized():
    """The same network, not noisy, whose weights and activations pass through grids that are learned."""
    net = network(noisy=False)
    return FakeQuantized.create(net, calibrate(net, IMAGES))


def noting(met):
    """The same network with a layer of the caller's own, which adds to `met` how many examples it saw."""

    class Noting(Flatten):
        def forward(self, p, x, **options):
            met.append(x.shape[-1])
            return super().forward(p, x, **options)

    net = network()
    return Sequential(net.layers | {"flatten": Noting()}, net.params, net.shape)


def jitter(images, rng):
    """An augmentation: each image rolled by one draw."""
    return np.roll(images, rng.integers(-1, 2), axis=2)


def squared_error(z, wanted):
    """An objective that knows no classes: half the squared distance, a mean over the examples; (loss, dz)."""
    d = z - wanted
    return float((d**2).sum()) / (2 * d.shape[1]), d / d.shape[1]


def bytes_of(model):
    """All arrays of a model as one string of bytes, to compare bits."""
    return b"".join(name.encode() + array.tobytes() for name, array in sorted(model.params.items()))


def train(seed=3, model=None, images=IMAGES, labels=LABELS, **options):
    """`fit` with these options, for two epochs of three steps where they do not say otherwise."""
    options = {"epochs": 2, "batch": 20, "progress": False, "threads": 1} | options
    return fit(model or network(), images, labels, rng=np.random.default_rng(seed), **options)
