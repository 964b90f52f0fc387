"""The loop: shuffle, forward, loss, backward, step.

All that came before is put together here. The gradient of a few images, drawn at random, is on average that
of all of them, and costs less: so one takes a batch, steps against its gradient, and takes the next [Robbins
and Monro 1951]. An epoch is a pass over all N examples in a new order, of which each batch is a piece:

    order = a permutation of 0 … N − 1
    a batch is order[0 : B], then order[B : 2B], …; the last may be shorter, and is used like the others

and for each batch

    z, cache = forward(p, x of the batch)
    loss, dz = cross entropy of z and the labels of the batch
    p = step(p, backward(p, dz, cache))

The model is given as functions, so that the loop knows nothing of layers: p is a dict of arrays by name, and
so are the gradients. `step` gives a new p; the loss that counts is the one before the step.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyzip.learn.earlier import cross_entropy

Arrays = dict[str, np.ndarray]


def train(
    p: Arrays,
    x: np.ndarray,
    labels: np.ndarray,
    forward: Callable[[Arrays, np.ndarray], tuple[np.ndarray, Any]],
    backward: Callable[[Arrays, np.ndarray, Any], Arrays],
    step: Callable[[Arrays, Arrays], Arrays],
    rng: np.random.Generator,
    epochs: int,
    batch: int,
) -> tuple[Arrays, list[float]]:
    """p after `epochs` passes over x (C, N) and labels (N,), in batches; and the loss of each step.

    Each pass calls rng.permutation(N), once, when it begins.
    """
    losses = []
    for _ in range(epochs):
        order = rng.permutation(len(labels))
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            z, cache = forward(p, x[:, index])
            loss, dz = cross_entropy(z, labels[index])
            p = step(p, backward(p, dz, cache))
            losses.append(loss)
    return p, losses


if __name__ == "__main__":
    from tinyzip.learn.earlier import he, linear, linear_backward, relu, relu_backward

    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2, 600))
    labels = (np.hypot(*x) < 0.75).astype(int)  # inside of a circle, or outside

    def forward(p: Arrays, x: np.ndarray) -> tuple[np.ndarray, Any]:
        y = relu(linear(x, p["1.w"], p["1.b"]))
        return linear(y, p["2.w"], p["2.b"]), (x, y)

    def backward(p: Arrays, dz: np.ndarray, cache: Any) -> Arrays:
        x, y = cache
        dy, dw2, db2 = linear_backward(dz, y, p["2.w"])
        _, dw1, db1 = linear_backward(relu_backward(dy, y), x, p["1.w"])
        return {"1.w": dw1, "1.b": db1, "2.w": dw2, "2.b": db2}

    def step(p: Arrays, g: Arrays) -> Arrays:
        return {name: p[name] - 0.5 * g[name] for name in p}

    p = {"1.w": he(rng, (16, 2)), "1.b": np.zeros(16), "2.w": he(rng, (2, 16)), "2.b": np.zeros(2)}
    p, losses = train(p, x, labels, forward, backward, step, rng, 30, 20)
    for epoch in (0, 4, 9, 29):
        print(f"epoch {epoch + 1:2}: mean loss {np.mean(losses[30 * epoch : 30 * epoch + 30]):.3f}")
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 39), np.linspace(-1, 1, 19))).reshape(2, -1)
    inside = forward(p, grid)[0].argmax(axis=0).reshape(19, 39)
    print(*("".join(".#"[k] for k in row) for row in inside), sep="\n")
