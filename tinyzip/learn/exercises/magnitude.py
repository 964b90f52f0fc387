"""Pruning by magnitude.

Many weights of a trained network can be set to 0, and it hardly notices. Zeros cost almost nothing in the
file: they are the most frequent code. Which weights should go? The simplest answer is surprisingly good:
those that are smallest in magnitude [Han et al. 2015]. A layer's output is a sum of products w·x; with inputs
of about the same size, a small w moves it least.

Either each layer loses its own smallest weights, or all layers are looked at together and lose the smallest
of all. Layers with many weights that do little then lose more, which usually costs less accuracy; weights of
different layers are compared as they are.

What is left is trained on, and makes up for what is gone. The zeros have to stay zeros: their gradient is not
0, so one step without care would bring them back. A weight that is 0 takes no part in the step:

    w ← w − η·dw where w ≠ 0, and 0 elsewhere

One prunes a little, trains a little, and prunes again.
"""

import numpy as np


def prune(w: np.ndarray, count: int) -> np.ndarray:
    """A copy of w, of any shape, in which the `count` weights of smallest magnitude are 0.

    Weights that are 0 already are the smallest.
    """
    pruned = w.copy()
    pruned.flat[np.argsort(np.abs(w), axis=None)[:count]] = 0
    return pruned


def prune_together(layers: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    """The layers' weights, by name, as new arrays in which the `count` smallest of all are 0."""
    all_weights = prune(np.concatenate([w.ravel() for w in layers.values()]), count)
    ends = np.cumsum([w.size for w in layers.values()])[:-1]
    parts = np.split(all_weights, ends)
    return {name: part.reshape(layers[name].shape) for name, part in zip(layers, parts, strict=True)}


def step_pruned(w: np.ndarray, dw: np.ndarray, lr: float) -> np.ndarray:
    """w after a step along its gradient dw, as a new array; weights that are 0 stay 0."""
    return np.where(w != 0, w - lr * dw, 0)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    w, x = rng.laplace(size=(10, 200)), rng.normal(size=(200, 500))
    y = w @ x
    for share in (0.2, 0.5, 0.8):
        count = int(share * w.size)
        small, drawn = prune(w, count), w * (rng.permutation(w.size) >= count).reshape(w.shape)
        lost = [np.var(v @ x - y) / np.var(y) for v in (small, drawn)]
        print(
            f"without {share:.0%} of the weights, {lost[0]:.1%} of the output is lost; of any, {lost[1]:.0%}"
        )
