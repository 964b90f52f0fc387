"""Depth: what is known of the exercise about differences."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import losses, ops

LABELS = np.array([1, 0, 2])
WEIGHTS = np.arange(1.0, 7.0).reshape(1, 1, 1, 6)


def entropy(z: Any) -> float:
    return losses.cross_entropy(z, LABELS)[0]


def of_entropy(z: Any) -> Any:
    return losses.cross_entropy(z, LABELS)[1]


def norm(x: Any) -> float:
    return float((WEIGHTS * ops.batch_norm_train(x, np.ones(1), np.zeros(1))[0]).sum())


def of_norm(x: Any) -> Any:
    _, cache = ops.batch_norm_train(x, np.ones(1), np.zeros(1))
    return ops.batch_norm_backward(WEIGHTS, cache)[0]


def square(x: Any) -> float:
    return float(ops.linear(x, x.T)[0, 0])


def of_square(x: Any) -> Any:
    dx, dw, _ = ops.linear_backward(np.ones((1, 1)), x, x.T)
    return dx + dw.T


def cube(x: Any) -> float:
    return float(ops.linear(x, x * x)[0, 0])


def quotient(f: Callable[[Any], float], x: Any, h: float) -> Any:
    """Of a function of one number, the quotient itself: for a cube it is off by h²."""
    return np.array([[(f(x + h) - f(x - h)) / (2 * h)]])


def case(
    what: str, f: Callable[[Any], float], gradient: Callable[[Any], Any], shape: tuple[int, ...], h: float
) -> Case:
    make = seeded(22, lambda rng: (f, rng.normal(size=shape), h))
    return Case("differences", what, make, lambda f, x, h: gradient(x))


CHECK = Check(
    library="nn/losses.py, cross_entropy",
    cases=(
        case("a square, x·x, at one number", square, of_square, (1, 1), 1e-4),
        case("a sum of squares at three numbers, h = 0.01", square, of_square, (3, 1), 1e-2),
        case("cross entropy at three examples of three classes", entropy, of_entropy, (3, 3), 1e-4),
        case("a batch norm at six examples", norm, of_norm, (1, 1, 1, 6), 1e-4),
        case("a sum of squares at four numbers, h = 0.5", square, of_square, (4, 1), 0.5),
        Case(
            "differences",
            "a cube at one number, h = 0.5, where the quotient itself is off by h²",
            seeded(22, lambda rng: (cube, rng.normal(size=(1, 1)), 0.5)),
            quotient,
        ),
    ),
    hints=(
        "How far apart are x + h and x − h? So by what is the difference of f divided?",
        "One loop over all places of x, np.ndindex, whatever its shape is; two copies of x for each.",
        "In one copy the number at this place is h larger, in the other h smaller; f of both, subtracted.",
    ),
)
