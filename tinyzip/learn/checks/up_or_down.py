"""Depth: what is known of the exercise about rounding with the output in view."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.quant.rounding.quadratic import Rows, descend


def rows(w: Any, step: float, covariance: Any, lo: int = -128, hi: int = 127) -> Rows:
    return Rows(w, np.full(len(w), step), lo, hi, covariance, covariance)


def losses(w: Any, q: Any, step: float, covariance: Any) -> Any:
    """L of each row of codes q (F, K), for one row of weights."""
    same = np.broadcast_to(w, q.shape).astype(np.float64)
    return rows(same, step, covariance).loss(q)[0] + w @ covariance @ w


def expected_error(w: Any, q: Any, step: float, covariance: Any) -> Any:
    return losses(w, q[None].astype(np.float64), step, covariance)[0]


def expected_changes(w: Any, q: Any, step: float, covariance: Any) -> Any:
    now, each = expected_error(w, q, step, covariance), np.eye(len(w))
    return tuple(losses(w, q + delta * each, step, covariance) - now for delta in (1, -1))


def expected_codes(w: Any, step: float, lo: int, hi: int, covariance: Any) -> Any:
    row = rows(w[None].astype(np.float64), step, covariance, lo, hi)
    return descend(row, row.nearest())[0].astype(np.int64)


def drawn(rng: np.random.Generator, K: int, together: int, noise: float) -> tuple[Any, Any]:
    """Weights, and the covariance of K inputs that are sums of a few and some noise."""
    mixed = rng.normal(size=(K, together))
    return 2 * rng.normal(size=K), mixed @ mixed.T + noise * np.diag(rng.uniform(0.5, 1.5, K))


def of_codes(function: str, what: str, K: int, step: float, together: int = 2) -> Case:
    """Weights and codes near them, not always the nearest."""

    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w, covariance = drawn(rng, K, together, 0.3)
        return w, np.rint(w / step).astype(np.int64) + rng.integers(-1, 2, K), step, covariance

    return Case(function, what, seeded(43, make), FUNCTIONS[function])


def best(
    what: str, K: int, step: float, lo: int, hi: int, seed: int, together: int = 2, noise: float = 0.1
) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w, covariance = drawn(rng, K, together, noise)
        return w, step, lo, hi, covariance

    return Case("best_codes", what, seeded(seed, make), expected_codes, 0)


def given(what: str, w: Any, step: float, lo: int, hi: int, covariance: Any) -> Case:
    make = seeded(0, lambda _: (np.array(w), step, lo, hi, np.array(covariance)))
    return Case("best_codes", what, make, expected_codes, 0)


FUNCTIONS = {"output_error": expected_error, "changes": expected_changes}
CHECK = Check(
    library="quant/rounding/quadratic.py, descend and best_codes",
    cases=(
        of_codes("output_error", "one weight and its code", 1, 1.0),
        of_codes("output_error", "three weights and their codes, step 0.5", 3, 0.5),
        of_codes("output_error", "eight weights and their codes, step 0.3", 8, 0.3, 3),
        of_codes("changes", "one weight and its code", 1, 1.0),
        of_codes("changes", "three weights and their codes, step 0.5", 3, 0.5),
        of_codes("changes", "eight weights and their codes, step 2", 8, 2.0, 3),
        given("two inputs that are the same", [0.4, 0.4], 1.0, -3, 3, [[1.0, 1.0], [1.0, 1.1]]),
        given("two inputs of opposite signs", [0.4, -0.45], 1.0, -3, 3, [[1.0, -1.0], [-1.0, 1.1]]),
        given(
            "inputs that are not correlated",
            [0.4, -1.6, 2.5, 3.5, 9.0],
            1.0,
            -4,
            4,
            np.diag([1, 2, 3, 4, 5.0]),
        ),
        given("inputs that never vary", [0.4, -1.6, 2.2], 1.0, -3, 3, np.zeros((3, 3))),
        best("eight weights, step 1", 8, 1.0, -7, 7, 44),
        best("twelve weights, step 0.7", 12, 0.7, -7, 7, 45),
        best("twelve weights on the codes −1 … 1", 12, 0.7, -1, 1, 46),
        best("ten weights on the codes 0 … 3", 10, 0.8, 0, 3, 47, 1),
        best("sixteen weights and inputs that are hardly more than one", 16, 0.5, -15, 15, 48, 1, 0.01),
        best("thirty weights, step 0.4", 30, 0.4, -7, 7, 50, 3),
        best("twenty weights, step 0.6", 20, 0.6, -7, 7, 52, 3),
    ),
    hints=(
        "If two inputs are always equal, and one weight was rounded down by 0.4, what should the other do?",
        "L is error · Σ · error. All 2K changes come from one product (w̃ − w) Σ and the diagonal of Σ.",
        "A loop: both changes, ∞ where a code is at its end; the least of all says which code and which way.",
    ),
)
