"""Depth: what is known of the exercise about the loop."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops
from tinyzip.nn.layers import Flatten, Linear
from tinyzip.nn.network import Network
from tinyzip.train.loop import steps
from tinyzip.train.optim import SGD, constant

RATE = 0.5


def forward(p: Any, x: Any) -> Any:
    return ops.linear(x, p["one.w"], p["one.b"]), x


def backward(p: Any, dz: Any, cache: Any) -> Any:
    _, dw, db = ops.linear_backward(dz, cache, p["one.w"])
    return {"one.w": dw, "one.b": db}


def step(p: Any, g: Any) -> Any:
    return {name: p[name] - RATE * g[name] for name in p}


class Orders:
    """A generator as the library's loop asks it: the orders of another, and seeds for what is not used."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.permutation = rng.permutation

    def integers(self, high: int) -> int:
        return 0


def expected(p: Any, x: Any, labels: Any, *rest: Any) -> Any:
    *_, rng, epochs, batch = rest
    own = {name: array.copy() for name, array in p.items()}
    C, K = len(x), len(own["one.b"])
    net = Network({"flat": Flatten(), "one": Linear(C, K)}, own, (C, 1, 1))
    rule: dict[str, Any] = {"optimizer": SGD(momentum=0.0), "schedule": constant(RATE)}
    images = x.T.reshape(-1, C, 1, 1)
    orders: Any = Orders(rng)
    losses = list(steps(net, images, labels, rng=orders, epochs=epochs, batch=batch, **rule))
    return own, losses


def case(what: str, N: int, epochs: int, batch: int) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        p = {"one.w": rng.normal(size=(3, 2)), "one.b": rng.normal(size=3)}
        x, labels = rng.integers(-8, 9, (2, N)) / 4, rng.integers(0, 3, N)
        return p, x, labels, forward, backward, step, rng, epochs, batch

    return Case("train", what, seeded(21, make), expected)


CHECK = Check(
    library="train/loop.py, steps",
    cases=(
        case("one step on all of four examples", 4, 1, 4),
        case("one epoch over eight examples, in batches of two", 8, 1, 2),
        case("one epoch over seven examples, in batches of three", 7, 1, 3),
        case("three epochs over six examples, in batches of two", 6, 3, 2),
        case("two epochs over three examples, in batches of five", 3, 2, 5),
    ),
    mistakes=(
        Mistake(
            "index = order[start : start + batch]",
            "index = np.arange(len(labels))[start : start + batch]",
            "the order is not used: a batch is a piece of order",
        ),
        Mistake(
            "labels[index])",
            "labels[start : start + batch])",
            "the images are shuffled and their labels are not: both take the same index",
        ),
        Mistake(
            "range(0, len(order), batch)",
            "range(0, len(order) - batch + 1, batch)",
            "the last batch is left out where it is shorter",
        ),
        Mistake(
            "    for _ in range(epochs):\n        order = rng.permutation(len(labels))",
            "    order = rng.permutation(len(labels))\n    for _ in range(epochs):",
            "each epoch has a new order; here there is one for all",
        ),
        Mistake(
            "            p = step(p, backward(p, dz, cache))",
            "            step(p, backward(p, dz, cache))",
            "step gives a new p, and it is thrown away",
        ),
        Mistake(
            "order = rng.permutation(len(labels))",
            "order = rng.integers(0, len(labels), len(labels))",
            "this draws with replacement; in an epoch each example comes once",
        ),
        Mistake(
            "losses.append(loss)",
            "losses.append(cross_entropy(forward(p, x[:, index])[0], labels[index])[0])",
            "the loss is that before the step, not after it",
        ),
        Mistake(
            "losses.append(loss)",
            "losses.append(loss * len(index))",
            "the loss of a step is the mean over its batch, as cross entropy gives it",
        ),
        Mistake(
            "range(0, len(order), batch)",
            "range(0, batch, batch)",
            "an epoch ends after one batch; it is a pass over all examples",
        ),
        Mistake(
            "order = rng.permutation(len(labels))",
            "order = np.sort(rng.permutation(len(labels)))[::-1]",
            "the order is sorted again, so that each epoch shows the same batches",
        ),
    ),
    others=(
        """
import numpy as np
from tinyzip.learn.earlier import cross_entropy

def train(p, x, labels, forward, backward, step, rng, epochs, batch):
    losses, N = [], x.shape[1]
    while epochs:
        order, epochs = list(rng.permutation(N)), epochs - 1
        while order:
            index, order = order[:batch], order[batch:]
            z, cache = forward(p, x[:, index])
            loss, dz = cross_entropy(z, labels[index])
            losses.append(loss)
            p = step(p, backward(p, dz, cache))
    return p, losses
""",
        """
import numpy as np
from tinyzip.learn.earlier import cross_entropy

def train(p, x, labels, forward, backward, step, rng, epochs, batch):
    losses = np.zeros(0)
    for epoch in range(epochs):
        order = rng.permutation(len(labels))
        shuffled, their = x[:, order], labels[order]
        for cut in np.split(np.arange(len(labels)), range(batch, len(labels), batch)):
            z, cache = forward(p, shuffled[:, cut])
            loss, dz = cross_entropy(z, their[cut])
            p = step(p, backward(p, dz, cache))
            losses = np.append(losses, loss)
    return p, losses
""",
    ),
    hints=(
        "How many steps has an epoch over seven examples in batches of three? How long is the last batch?",
        "Two loops: one over epochs, which begins with an order; one over where batches begin: 0, B, 2B, …",
        "The same index picks columns of x and entries of labels; p becomes what step gives.",
    ),
)
