"""Depth: what is known of the exercise about the loop."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
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
    hints=(
        "How many steps has an epoch over seven examples in batches of three? How long is the last batch?",
        "Two loops: one over epochs, which begins with an order; one over where batches begin: 0, B, 2B, …",
        "The same index picks columns of x and entries of labels; p becomes what step gives.",
    ),
)
