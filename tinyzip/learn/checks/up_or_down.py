"""Depth: what is known of the exercise about rounding with the output in view."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake(
            "float(error @ covariance @ error)",
            "float(error @ error)",
            "this is the weights' own error; Σ says what it does to the output",
        ),
        Mistake(
            "float(error @ covariance @ error)",
            "float(np.diag(covariance) @ error**2)",
            "only the diagonal of Σ counts here, so no errors can cancel",
        ),
        Mistake("error = step * q - w", "error = q - w", "codes are no weights: w̃ = step · q"),
        Mistake("error = step * q - w", "error = step * q", "w is to be taken off: the error of w̃ counts"),
        Mistake(
            "error = step * q - w", "error = q - w / step", "the error is in the unit of w, not of codes"
        ),
        Mistake(
            "float(error @ covariance @ error)",
            "float(error @ covariance @ error) ** 0.5",
            "L is a mean of squares; no root is taken",
        ),
        Mistake(
            "float(error @ covariance @ error)",
            "float(error @ covariance @ error) / len(w)",
            "L is the error of one output: nothing is divided by K",
        ),
        Mistake("slope = 2 * step", "slope = step", "the derivative of a quadratic has a 2"),
        Mistake(
            "slope = 2 * step * (", "slope = 2 * (", "a code more is a step more: the slope is times step"
        ),
        Mistake(
            "(step * q - w) @ covariance)", "(step * q) @ covariance)", "w is to be taken off in the slope"
        ),
        Mistake(
            "(step * q - w) @ covariance)",
            "(step * q - w) * np.diag(covariance))",
            "the errors of the other weights count in the slope as well: all of Σ",
        ),
        Mistake(
            "curvature = step**2 * np.diag(covariance)",
            "curvature = 0 * w",
            "a step is not small: L changes by the second term, step² Σⱼⱼ, too",
        ),
        Mistake("step**2 * np.diag", "step * np.diag", "the second term has the step squared"),
        Mistake(
            "step**2 * np.diag(covariance)",
            "step**2 * covariance.sum(axis=0)",
            "one code changes alone: only Σⱼⱼ is in the second term",
        ),
        Mistake(
            "return curvature + slope, curvature - slope",
            "return curvature - slope, curvature + slope",
            "first what raising a code changes, then what lowering it does",
        ),
        Mistake(
            "curvature - slope", "-curvature - slope", "δ² is 1 both ways: the second term is always added"
        ),
        Mistake(
            "range(len(w) * (hi - lo))",
            "range(0)",
            "these are the nearest codes; from there on L has to be lowered",
        ),
        Mistake("range(len(w) * (hi - lo))", "range(1)", "one change is not all: go on until none lowers L"),
        Mistake(
            "q = np.clip(np.rint(w / step), lo, hi)",
            "q = np.clip(np.floor(w / step), lo, hi)",
            "this begins with the floor of each; begin with the nearest codes",
        ),
        Mistake(
            "q = np.clip(np.rint(w / step), lo, hi)",
            "q = np.clip(0 * w, lo, hi)",
            "this begins with codes of 0; begin with the nearest",
        ),
        Mistake(
            "up, down = np.where(q < hi, up, np.inf), np.where(q > lo, down, np.inf)",
            "pass",
            "codes leave lo … hi: a code at its end cannot be changed further",
        ),
        Mistake(
            "np.where(q < hi, up, np.inf)",
            "np.where(q >= 0 * hi + lo, np.inf, up)",
            "codes may also be raised, not only lowered",
        ),
        Mistake(
            "np.where(q > lo, down, np.inf)",
            "np.where(q >= lo, np.inf, down)",
            "codes may also be lowered, not only raised",
        ),
        Mistake(
            "j = gain.argmin()",
            "j = np.argmax(gain < -1e-9)",
            "this takes the first change that lowers L; the one that lowers it most was asked for",
        ),
        Mistake(
            "up, down = np.where(q < hi, up, np.inf), np.where(q > lo, down, np.inf)",
            "up, down = np.where(q < hi, up, np.inf), np.where(q > lo, down, np.inf)\n"
            "        up[q > w / step], down[q < w / step] = np.inf, np.inf",
            "a code may also move away from its weight by more than one, if L falls",
        ),
    ),
    others=(
        """
import numpy as np

def output_error(w, q, step, covariance):
    K, total = len(w), 0.0
    for i in range(K):
        for j in range(K):
            total += (step * q[i] - w[i]) * covariance[i, j] * (step * q[j] - w[j])
    return total

def changes(w, q, step, covariance):
    now = output_error(w, q, step, covariance)
    change = np.empty((2, len(w)))
    for row, delta in zip(change, (1, -1)):
        for j in range(len(w)):
            other = np.array(q)
            other[j] += delta
            row[j] = output_error(w, other, step, covariance) - now
    return change[0], change[1]

def best_codes(w, step, lo, hi, covariance):
    q = [int(code) for code in np.clip(np.round(w / step), lo, hi)]
    while True:
        least, found = output_error(w, q, step, covariance) - 1e-9, None
        for j in range(len(w)):
            for delta in (-1, 1):
                if lo <= q[j] + delta <= hi:
                    other = q[:j] + [q[j] + delta] + q[j + 1 :]
                    if output_error(w, other, step, covariance) < least:
                        least, found = output_error(w, other, step, covariance), other
        if found is None:
            return q
        q = found
""",
        """
import numpy as np

def output_error(w, q, step, covariance):
    return np.einsum("i,ij,j", q * step - w, covariance, q * step - w)

def changes(w, q, step, covariance):
    each = step * np.eye(len(w))
    delta = np.concatenate([each, -each])
    change = 2 * delta @ covariance @ (step * q - w) + np.einsum("fi,ij,fj->f", delta, covariance, delta)
    return np.split(change, 2)

def best_codes(w, step, lo, hi, covariance):
    q = np.rint(w / step).clip(lo, hi).astype(np.int32)
    for _ in range(10000):
        both = np.array(changes(w, q, step, covariance))
        both[0, q == hi] = both[1, q == lo] = np.inf
        if both.min() > -1e-9:
            break
        way, j = np.unravel_index(both.argmin(), both.shape)
        q[j] += (1, -1)[way]
    return q
""",
    ),
    hints=(
        "If two inputs are always equal, and one weight was rounded down by 0.4, what should the other do?",
        "L is error · Σ · error. All 2K changes come from one product (w̃ − w) Σ and the diagonal of Σ.",
        "A loop: both changes, ∞ where a code is at its end; the least of all says which code and which way.",
    ),
)
