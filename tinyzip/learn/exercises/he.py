"""He's initialisation, from a variance.

Weights begin as random numbers; how large ones? One output before the rectifier is a sum of n products w·x,
n the fan-in: how many numbers one output reads. With weights that are drawn with mean 0, each by itself,

    var y = n · var w · mean x²

and x came out of a rectifier: of numbers that are as often below 0 as above, it keeps half, so that mean x²
is half the variance before it. From layer to layer the variance is multiplied by n · var w / 2. Ten layers
with twice as much are a factor of 1024; with half as much, 1/1024. It stays as it is for

    var w = 2 / n        that is, a deviation of √(2 / n)        [He et al. 2015, eq. 10]

A fully connected layer (F, C) reads n = C numbers, a convolution (F, C, kh, kw) reads C·kh·kw of them.
"""

import math

import numpy as np


def he_deviation(shape: tuple[int, ...]) -> float:
    """√(2 / n) for weights of this shape, (F, C) or (F, C, kh, kw), n all axes but the first."""
    return math.sqrt(2 / math.prod(shape[1:]))


def he(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of this shape: standard normal draws of rng, all at once, times the deviation."""
    return rng.standard_normal(shape) * he_deviation(shape)


if __name__ == "__main__":
    from tinyzip.learn.earlier import relu

    for times in (0.5, 1.0, 2.0):
        rng = np.random.default_rng(0)
        x, sizes = rng.normal(size=(256, 256)), []
        for _ in range(10):
            y = math.sqrt(times) * he(rng, (256, 256)) @ x
            sizes.append(float(y.var()))
            x = relu(y)
        print(f"{times} x He's variance:", *(f"{size:9.3g}" for size in sizes))
