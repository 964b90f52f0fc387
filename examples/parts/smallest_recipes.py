"""The networks of `smallest.py`, one for each budget of bytes, and how they are trained.

All are of one kind, since small files ask for the same things. Convolutions of 3×3 use a weight at every
place of the image. Without padding, and with a pool after the first and the last but one, four of them
leave four pixels of an image of 28×28. Their mean is one number a channel, so that the linear layer is
tiny; a mean over more pixels would forget where things were. It also takes less time, as there are fewer
places to compute.

A network of a few thousand weights learns as much as it is given steps for, and noise does it no harm: with
real numbers the learning rate is high and batches are small. It misses images that it was trained on nearly
as often as others, and so needs light distortions only.

On grids the rate is low, as a weight moves from code to code and every move is noise for all others; and
weights decay, as they would drift to where they get no gradient. (Not in the first network: at its price
they are pulled to zero anyhow.) A layer has one step for all its weights, since every multiplier in a file
costs what five weights do. Weights have seven codes, but for how many bits of them there is room, the budget
says: bits beyond are pushed out at a price, (QN4) of `rate`. Activations of few bits make biases short, as
these are counted in steps of the activations.

In the two smallest files the first layers and the last have finer grids: they have few weights, and an error
of the first goes through all others. Activations have six bits, which makes biases longer and is worth it.
And weights decay with real numbers, too. After a batch norm a channel's weights may have any size, but a
layer has one step for all of them: without decay some channels become large, and the step too wide for the
others. The smallest file sees the images as they are, as it has no room for what distortions teach.

One recipe, for two kilobytes, is not for bytes but for time on a chip. Bits cost nothing there: weights have
four. Products do, so the first layers, which see many places, are those of the smallest network, and the last
one, which sees four, has most of the weights.

All learn from two teachers that err on different images: a wide network of 5×5 convolutions, and one of the
kind above, as large as the largest.
"""

from typing import NamedTuple

import numpy as np
from parts.sets import MNIST, ROWS, Moved

from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment
from tinyzip.train.loop import Augmentation


class Recipe(NamedTuple):
    """A network, and how it is trained.

    channels     of the convolutions, one after another
    activations  bits of what a layer reads
    free         bits of weights that cost nothing
    price        of each further bit, in nats of the loss
    looks        at every training image: with real numbers, then with the grids in place
    views        of each image, seen again and again
    viewed       how they are distorted
    decay        of the weights: with real numbers, then with the grids in place
    bits         of the weights' grids: one number, or one a layer, the linear one last
    """

    channels: tuple[int, ...]
    activations: int
    free: int
    price: float
    looks: tuple[int, int]
    views: int
    viewed: Augmentation
    decay: tuple[float, float]
    bits: int | tuple[int, ...] = 3


STRONG = Augment(shift=2, rotation=15, scale=0.15, elastic=(20, 4))  # for the teachers
MEDIUM = Augment(shift=1.5, rotation=10, scale=0.1, elastic=(12, 4))  # for the larger networks
LIGHT = Augment(shift=1, rotation=8, scale=0.06)
DEEP = (16, 24, 32, 48)  # the channels of the largest network, and of a teacher
RECIPES = {
    512: Recipe((6, 6, 8, 10), 6, 3080, 2e-4, (24, 24), 1, Augment(), (0.1, 0.0), bits=(5, 4, 3, 3, 4)),
    1024: Recipe((8, 12, 14, 18), 6, 7200, 5e-5, (24, 24), 6, LIGHT, (0.1, 0.1), bits=(5, 4, 3, 3, 4)),
    2048: Recipe((6, 6, 8, 32), 6, 14500, 1e-5, (24, 24), 6, LIGHT, (0.0, 0.1), bits=4),
    2953: Recipe((12, 16, 20, 32), 6, 22600, 1.4e-5, (24, 24), 12, MEDIUM, (0.0, 0.1)),
    8192: Recipe(DEEP, 6, 64000, 5e-6, (24, 12), 12, MEDIUM, (0.0, 0.1)),
}


class Setting(NamedTuple):
    """What differs from one set to the other.

    recipes   by budget in bytes
    rates     the highest learning rates, with real numbers and with the grids, and the wide teacher's
    epochs    of the teachers: the wide network, and the deep one
    teachers  how their images are distorted
    """

    recipes: dict[int, Recipe]
    rates: tuple[float, float, float]
    epochs: tuple[int, int]
    teachers: tuple[Augmentation, Augmentation]


SETTINGS = {
    MNIST: Setting(RECIPES, (6e-2, 1.2e-3, 4e-3), (20, 16), (STRONG, MEDIUM)),
    ROWS: Setting(
        {
            256: Recipe((6, 6, 8, 10), 4, 1500, 2e-4, (20, 12), 4, Moved(2), (0.0, 0.0)),
            512: Recipe((8, 10, 12, 16), 4, 3500, 1e-4, (20, 12), 4, Moved(2), (0.0, 0.0)),
            1024: Recipe((8, 12, 14, 18), 4, 7500, 5e-5, (20, 12), 4, Moved(2), (0.0, 0.1)),
        },
        (6e-2, 4e-3, 2e-2),
        (20, 12),
        (Moved(2), Moved(2)),
    ),
}
BATCH = 64
SOFT, TEMPERATURE = 0.7, 2.0  # how much the teachers count, and how they speak
MARGIN, TRIES = 64, 6  # how many bits less are free for a file that does not fit, and how often
AGAIN = 4  # looks of such a file at least; else one at each view


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    first, second = told.teachers
    return (
        "\n".join(f"{budget}: {each}" for budget, each in told.recipes.items())
        + f"""
up to {told.rates[:2]}, batches of {BATCH}
soft {SOFT}, T {TEMPERATURE}; teachers {told.epochs} epochs, {first}, {second}
{TRIES} times at most, with {MARGIN} bits less at twice the price"""
    )


def digits_net(
    channels: tuple[int, ...], rng: np.random.Generator, shape: tuple[int, ...], classes: int
) -> Sequential:
    """The network with so many channels, for images of `shape` (C, H, W), no window higher than these."""
    layers: dict[str, Layer] = {}
    C, H, _ = shape
    for number, F in enumerate(channels, 1):
        layers |= {
            f"conv{number}": Conv2d(C, F, (min(H, 3), 3), bias=False),
            f"norm{number}": BatchNorm(F),
            f"relu{number}": ReLU(),
        }
        if number in (1, len(channels) - 1):
            layers[f"pool{number}"] = MaxPool2d((min(H, 2), 2))
        C = F
    layers |= {"average": GlobalAvgPool(), "flatten": Flatten(), "classes": Linear(C, classes)}
    return Sequential.create(layers, shape, rng)
