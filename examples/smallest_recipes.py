"""The networks of `smallest.py`, one for each budget of bytes, and how they are trained.

All are of one kind, since small files ask for the same things. Convolutions of 3×3 use a weight at every
place of the image. Pools after the first two make the image small before the channels become many. The mean
over the image in the end leaves one number a channel, so that the linear layer is tiny. Activations of six
bits make biases short, as these are counted in steps of the activations.

A layer has one step for all its weights, since every multiplier in a file costs what five weights do. The
grid is finer than it needs to be: it is the price that decides how many of its codes are used, and how many
weights end as zeros.
"""

from typing import NamedTuple

import numpy as np

from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, GlobalAvgPool, Layer, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment


class Recipe(NamedTuple):
    """A network, and how it is trained.

    channels   of the convolutions, one after another
    price      nats of the loss for a bit of the weights
    looks      at every training image: with real numbers, then with the grids in place
    """

    channels: tuple[int, ...]
    price: float
    looks: tuple[int, int]


RECIPES = {
    512: Recipe((5, 8, 10), 1e-4, (18, 24)),
    1024: Recipe((8, 14, 20), 6e-5, (18, 24)),
    2953: Recipe((12, 20, 28), 1.5e-5, (18, 18)),
    8192: Recipe((12, 20, 28), 1e-6, (18, 12)),
}
BITS, ACTIVATION_BITS = 5, 6  # of the grids that training starts from
RATES = 1e-2, 6e-3  # the highest learning rates, with real numbers and with the grids
SOFT, TEMPERATURE = 0.7, 2.0  # how much the teachers count, and how they speak
TEACHERS, TEACHER_EPOCHS = 1, 20
STRONG = Augment(shift=2, rotation=15, scale=0.15, elastic=(20, 4))  # for the teachers
VIEWED = Augment(shift=1, rotation=8, scale=0.08, elastic=(8, 4))  # for the small networks
VIEWS = 6  # of each image, seen again and again
DEARER, TRIES = 1.25, 6  # how the price rises for a file that does not fit, and how often

RECIPE = (
    "\n".join(f"{budget}: {recipe}" for budget, recipe in RECIPES.items())
    + f"""
grids of {BITS} bits, activations of {ACTIVATION_BITS}; up to {RATES}; soft {SOFT}, T {TEMPERATURE}
{TEACHERS} teachers, {TEACHER_EPOCHS} epochs, {STRONG}
{VIEWS} views of an image, {VIEWED}; prices {DEARER} times as high, {TRIES} times at most"""
)


def digits_net(recipe: Recipe, rng: np.random.Generator, shape: tuple[int, ...], classes: int) -> Sequential:
    """The network of a recipe, for images of `shape` (C, H, W)."""
    layers: dict[str, Layer] = {}
    C = shape[0]
    for number, F in enumerate(recipe.channels, 1):
        layers |= {
            f"conv{number}": Conv2d(C, F, 3, padding=1, bias=False),
            f"norm{number}": BatchNorm(F),
            f"relu{number}": ReLU(),
        }
        if number <= 2:
            layers[f"pool{number}"] = MaxPool2d(2)
        C = F
    layers |= {"average": GlobalAvgPool(), "flatten": Flatten(), "classes": Linear(C, classes)}
    return Sequential.create(layers, shape, rng)
