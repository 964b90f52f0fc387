"""A student from half a teacher.

A student need not begin with random weights. Its layers are the teacher's with fewer channels, so some of the
teacher's own channels are a better start. Two layers in a row belong together: if the first keeps only its
outputs S, the second keeps only the inputs that came from S:

    w₁' = w₁[S]        b₁' = b₁[S]        w₂' = w₂[:, S]

Between a convolution and a fully connected layer images were made columns: channel c with its H·W pixels
became the H·W features c·H·W … c·H·W + H·W − 1, in one run. All of the run stay, or none of them.

The student then computes what the teacher would if its other channels were 0. So keep those without which it
changes least. The simplest measure is the size of a filter, the sum of all |w| of it [Li et al. 2017]; those
with the largest are kept, in the teacher's order.
"""

import numpy as np


def strongest(w: np.ndarray, count: int) -> np.ndarray:
    """Which `count` outputs of w (F, …) have the largest Σ |w|: whole numbers in rising order."""
    size = np.abs(w).reshape(len(w), -1).sum(axis=1)
    return np.sort(np.argsort(-size)[:count])


def cut(
    w1: np.ndarray, b1: np.ndarray, w2: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """w₁, b₁ and w₂ of two convolutions in a row, w₁ (F, C, kh, kw) and w₂ (G, F, kh, kw), with fewer F."""
    return w1[kept], b1[kept], w2[:, kept]


def cut_linear(w: np.ndarray, kept: np.ndarray, pixels: int) -> np.ndarray:
    """w (K, F·pixels) of the fully connected layer after a convolution: (K, len(kept)·pixels)."""
    runs = w.reshape(len(w), -1, pixels)[:, kept]
    return runs.reshape(len(w), -1)


if __name__ == "__main__":
    from tinyzip.learn.earlier import conv, he, relu

    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 8, 8, 50))
    strength = np.array([1.0, 0.05, 0.8, 0.1, 0.9, 0.02, 0.7, 0.03]).reshape(8, 1, 1, 1)
    w1, b1, w2, b2 = strength * he(rng, (8, 1, 3, 3)), np.zeros(8), he(rng, (4, 8, 3, 3)), np.zeros(4)
    whole = conv(relu(conv(x, w1, b1)), w2, b2)
    for name, kept in (("strongest", strongest(w1, 4)), ("first", np.arange(4))):
        small1, bias, small2 = cut(w1, b1, w2, kept)
        half = conv(relu(conv(x, small1, bias)), small2, b2)
        print(f"the {name} four, {kept}: {np.var(half - whole) / np.var(whole):.1%} of the output is lost")
