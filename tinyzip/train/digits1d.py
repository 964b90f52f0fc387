"""Depth: digits of one row, made and not collected: a data set on which every experiment takes a minute.

MNIST tells networks apart only by their last errors: even a logistic regression reads 92 % of it. MNIST-1D
[Greydanus, Kobak 2024] is made so that they differ at once. Each example is a row of 40 numbers, which holds
a digit somewhere; a logistic regression reads 32 % of them, a perceptron 68 %, a small convolutional network
94 %, people 96 %. This is a generator from the paper's description, with random numbers of its own, so its
examples are others than those of the paper's file, of the same kind.

A digit is a template of 12 numbers that looks like it from the side, TEMPLATES. Of each row it is brought to
mean 0 and standard deviation 1, moved to begin at 0, and divided by 6. Then every example is drawn anew:

    pad         d(u) is the template t at u = 0 … 11, and 0 beyond, up to u = L − 1; L − 12 is one of 36 … 60
    scale       x_j = a·d(j·(L − 1)/71) for j = 0 … 71, between two u linearly; a in [0.8, 1.2]          (DL1)
    translate   x moves to the right by k of 0 … 47 places, and what leaves there comes in on the left
    noise       where x holds none of the digit: smooth noise, 0.25·(g * ε), g ∝ exp(−i²/8), |i| ≤ 8;
                and everywhere 0.02·ε; each ε is normal, with mean 0 and variance 1                      (DL2)
    shear       x_j − c·(j/71 − ½), c in [−0.375, 0.375]                                                 (DL3)
    sample      40 numbers at 0, 71/39, …, 71, between two j linearly

All the numbers of a set, together, are brought to mean 0 and standard deviation 1. So what tells a digit is
its shape, wherever it stands, however wide it is, and however it leans; that is why convolutions win.
"""

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, whole
from tinyzip.train.data import Dataset

# The paper's repository, greydanus/mnist1d, mnist1d/data.py.
TEMPLATES: NDArray[np.float64] = np.array(
    [
        [5, 6, 6.5, 6.75, 7, 7, 7, 7, 6.75, 6.5, 6, 5],
        [5, 3, 3, 3.4, 3.8, 4.2, 4.6, 5, 5.4, 5.8, 5, 5],
        [5, 6, 6.5, 6.5, 6, 5.25, 4.75, 4, 3.5, 3.5, 4, 5],
        [5, 6, 6.5, 6.5, 6, 5, 5, 6, 6.5, 6.5, 6, 5],
        [5, 4.4, 3.8, 3.2, 2.6, 2.6, 5, 5, 5, 5, 5, 5],
        [5, 3, 3, 3, 3, 5, 6, 6.5, 6.5, 6, 4.5, 5],
        [5, 4, 3.5, 3.25, 3, 3, 3, 3, 3.25, 3.5, 4, 5],
        [5, 7, 7, 6.6, 6.2, 5.8, 5.4, 5, 4.6, 4.2, 5, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 4, 3.5, 3.5, 4, 5],
        [5, 4, 3.5, 3.5, 4, 5, 5, 5, 5, 4.7, 4.3, 5],
    ]
)
LENGTH, WIDTH = 72, 40  # places while a digit is made, and numbers of an example
CLASSES = len(TEMPLATES)

Array = NDArray[np.float64]


def digits1d(seed: int = 0, train: int = 4000, test: int = 1000) -> tuple[Dataset, Dataset]:
    """The training set and the test set of a seed: images (N, 1, 40) float32, all classes alike often.

    seed         a whole number from 0 up; each has other examples
    train, test  how many examples, multiples of 10
    raises       ValueError for anything else
    """
    for name, count in (("seed", seed), ("train", train), ("test", test)):
        whole(count, f"digits1d: {name}", 0)
    for name, count in (("train", train), ("test", test)):
        if count % CLASSES or not count:
            refuse(f"digits1d: {name}", count, f"a multiple of {CLASSES}, as many of each class")
    rng = np.random.default_rng(seed)
    parts = [np.arange(count) % CLASSES for count in (train, test)]
    labels = np.concatenate([rng.permutation(part) for part in parts])
    rows = drawn(templates()[labels], rng)
    both = Dataset(((rows - rows.mean()) / rows.std()).astype(np.float32)[:, None], labels)
    return both[:train], both[train:]


def templates() -> Array:
    """(10, 12): each with mean 0 and standard deviation 1, then moved to begin at 0, then a sixth of it."""
    t: Array = TEMPLATES - TEMPLATES.mean(axis=1, keepdims=True)
    t /= t.std(axis=1, keepdims=True)
    return (t - t[:, :1]) / 6


def drawn(t: Array, rng: np.random.Generator) -> Array:
    """Templates (N, 12) as examples (N, 40), by (DL1) to (DL3)."""
    N, T = t.shape
    L = rng.integers(36, 61, (N, 1)) + T
    u = np.arange(LENGTH) * (L - 1) / (LENGTH - 1)
    left = np.minimum(u.astype(np.int64), T)  # all beyond the template is 0, as is place T
    d = np.pad(t, ((0, 0), (0, 2)))
    n = np.arange(N)[:, None]
    x = d[n, left] + (u - left).clip(0, 1) * (d[n, left + 1] - d[n, left])
    x *= rng.uniform(0.8, 1.2, (N, 1))
    places = (np.arange(LENGTH) - rng.integers(0, 48, (N, 1))) % LENGTH
    x, digit = x[n, places], (u < T)[n, places]
    x = np.where(digit, x, 0.25 * rng.standard_normal((N, LENGTH)) @ smoothing(LENGTH))
    x += 0.02 * rng.standard_normal((N, LENGTH))
    x -= rng.uniform(-0.375, 0.375, (N, 1)) * np.linspace(-0.5, 0.5, LENGTH)
    return x @ sampling(LENGTH, WIDTH)


def smoothing(length: int) -> Array:
    """(length, length): g * of (DL2) as a matrix, its columns sums of 1; the row is mirrored at both ends."""
    i = np.arange(-8, 9)
    g = np.exp(-(i**2) / 8)
    matrix = np.zeros((length, length))
    for j in range(length):
        k = (j + i) % (2 * length)
        np.add.at(matrix[:, j], np.minimum(k, 2 * length - 1 - k), g / g.sum())
    return matrix


def sampling(before: int, after: int) -> Array:
    """(before, after): values at `after` evenly spaced places from the first to the last of `before`."""
    places = np.linspace(0, before - 1, after)
    weights: Array = np.maximum(0, 1 - np.abs(np.arange(before)[:, None] - places))
    return weights
