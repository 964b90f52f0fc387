"""Depth: what is known of the exercise about pruning by second derivatives."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded


def least_change(w: Any, inverse: Any, q: int) -> Any:
    """The δ that takes w[q] to 0 at the least ½·δᵀHδ: the others solve linear equations."""
    H = np.linalg.inv(inverse)
    others = np.arange(len(w)) != q
    delta = np.zeros(len(w))
    delta[q] = -w[q]
    delta[others] = np.linalg.solve(H[np.ix_(others, others)], H[others, q] * w[q])
    return delta


def expected_curvature(x: Any, damping: float = 0.0) -> Any:
    """The mean of x·xᵀ, example by example."""
    return np.mean([np.outer(v, v) for v in x.T], axis=0) + np.diag([damping] * len(x))


def expected_rises(w: Any, inverse: Any) -> Any:
    H, changes = np.linalg.inv(inverse), [least_change(w, inverse, q) for q in range(len(w))]
    return np.array([delta @ H @ delta / 2 for delta in changes])


def expected_removed(w: Any, inverse: Any, q: int) -> Any:
    return w + least_change(w, inverse, q)


def expected_without(inverse: Any, q: int) -> Any:
    left = np.arange(len(inverse)) != q
    without = np.zeros(inverse.shape)
    without[np.ix_(left, left)] = np.linalg.inv(np.linalg.inv(inverse)[np.ix_(left, left)])
    return without


def weights_and_inverse(rng: np.random.Generator, K: int) -> tuple[Any, Any]:
    mixed = rng.normal(size=(K, K)) + np.eye(K)
    inputs = mixed @ rng.normal(size=(K, 8 * K))
    return rng.normal(size=K) + 0.5, np.linalg.inv(inputs @ inputs.T / (8 * K) + 0.1 * np.eye(K))


def curvature(what: str, K: int, N: int, *damping: float) -> Case:
    make = seeded(54, lambda rng: (rng.normal(size=(K, N)) + 0.5, *damping))
    return Case("curvature", what, make, expected_curvature)


def rises(what: str, K: int) -> Case:
    return Case("rises", what, seeded(55, lambda rng: weights_and_inverse(rng, K)), expected_rises)


def removed(what: str, K: int, q: int) -> Case:
    return Case("removed", what, seeded(56, lambda rng: (*weights_and_inverse(rng, K), q)), expected_removed)


def without(what: str, K: int, q: int) -> Case:
    make = seeded(57, lambda rng: (weights_and_inverse(rng, K)[1], q))
    return Case("inverse_without", what, make, expected_without)


def apart() -> tuple[Any, ...]:
    """Weights whose inputs have nothing to do with one another."""
    return np.array([1.0, -2.0, 3.0]), np.diag([0.25, 2.0, 10.0])


CHECK = Check(
    library="quant/rounding/surgeon.py, rise and set_one",
    cases=(
        curvature("H of two inputs and four examples", 2, 4),
        curvature("H of three inputs and seven examples, λ = 0.5", 3, 7, 0.5),
        curvature("H of five inputs and two examples, λ = 0.01", 5, 2, 0.01),
        Case("rises", "the rises for inputs that are apart", apart, expected_rises),
        rises("the rises for two weights", 2),
        rises("the rises for five weights", 5),
        Case("removed", "weight 1 gone, for inputs that are apart", lambda: (*apart(), 1), expected_removed),
        removed("weight 0 of two gone", 2, 0),
        removed("weight 3 of five gone", 5, 3),
        without("the inverse without weight 1 of two", 2, 1),
        without("the inverse without weight 2 of five", 5, 2),
    ),
    hints=(
        "If H is diagonal, inputs have nothing to do with one another: what is δ then, and what is the rise?",
        "δ is one number times the column q of the inverse; which number makes δ[q] equal to −w[q]?",
        "rises: the square of w over twice the diagonal. inverse_without: column q times row q.",
    ),
)
