"""Depth: what is known of the exercise about pruning by second derivatives."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded


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
    mistakes=(
        Mistake("x @ x.T / N +", "x @ x.T +", "H is a mean over the examples: ÷ N is missing"),
        Mistake("x @ x.T / N +", "x @ x.T / K +", "the mean is over the N examples, not over the K inputs"),
        Mistake(
            "x @ x.T / N +",
            "np.cov(x, bias=True) +",
            "the means of the inputs are taken off here; H is the mean of x·xᵀ as it is",
        ),
        Mistake("damping * np.eye(K)", "damping", "λ stands on the diagonal only: λ·I"),
        Mistake(" + damping * np.eye(K)", "", "the damping is missing: + λ·I"),
        Mistake(
            "x @ x.T / N +",
            "2 * x @ x.T / N +",
            "of half of the mean square the second derivative has no factor of 2",
        ),
        Mistake(
            "w**2 / (2 * np.diag(inverse))",
            "w**2 / np.diag(inverse)",
            "the rise is half of that: ÷ 2 is missing",
        ),
        Mistake(
            "w**2 / (2 * np.diag(inverse))",
            "w**2 * np.diag(np.linalg.inv(inverse)) / 2",
            "this is what it costs if the others stay as they are; they make up for it",
        ),
        Mistake(
            "w**2 / (2 * np.diag(inverse))",
            "w**2 * np.diag(inverse) / 2",
            "÷ the diagonal of the inverse, not times",
        ),
        Mistake(
            "w**2 / (2 * np.diag(inverse))",
            "np.abs(w) / (2 * np.diag(inverse))",
            "the weight is squared: w[q]²",
        ),
        Mistake(
            "w**2 / (2 * np.diag(inverse))",
            "w**2 / 2",
            "this is pruning by size: the second derivatives are missing",
        ),
        Mistake(
            "w - w[q] / inverse[q, q] * inverse[:, q]",
            "w + w[q] / inverse[q, q] * inverse[:, q]",
            "δ has the other sign: it takes w[q] to 0",
        ),
        Mistake(
            "w - w[q] / inverse[q, q] * inverse[:, q]",
            "w - w[q] * inverse[:, q]",
            "÷ [H⁻¹][q, q] is missing: δ[q] has to be −w[q]",
        ),
        Mistake(
            "w - w[q] / inverse[q, q] * inverse[:, q]",
            "w.copy()",
            "the others stay as they are here; they have to make up for what is gone",
        ),
        Mistake(
            "w - w[q] / inverse[q, q] * inverse[:, q]",
            "w - inverse[:, q] / inverse[q, q]",
            "the factor w[q] is missing: the larger the weight, the more there is to make up for",
        ),
        Mistake(
            "w - w[q] / inverse[q, q] * inverse[:, q]",
            "w - w[q] * np.linalg.inv(inverse)[:, q] / np.linalg.inv(inverse)[q, q]",
            "this is a column of H; it is one of H⁻¹",
        ),
        Mistake(
            "w - w[q] / inverse[q, q] * inverse[:, q]",
            "w - w / np.diag(inverse) * inverse[:, q]",
            "one weight goes: the factor is w[q] / [H⁻¹][q, q], one number for all",
        ),
        Mistake(
            " / inverse[q, q]\n    return without",
            "\n    return without",
            "the inverse without q: ÷ [H⁻¹][q, q] is missing",
        ),
        Mistake(
            "= inverse - np.outer(inverse[:, q], inverse[q]) / inverse[q, q]",
            "= inverse * np.outer(np.arange(len(inverse)) != q, np.arange(len(inverse)) != q)",
            "row and column q are cut out of H, not out of its inverse: all of it changes",
        ),
        Mistake(
            "= inverse - np.outer",
            "= inverse + np.outer",
            "the inverse without q: the outer product is taken off",
        ),
    ),
    others=(
        """
import numpy as np

def curvature(x, damping=0.0):
    K, N = x.shape
    H = np.zeros((K, K))
    for n in range(N):
        for i in range(K):
            for j in range(K):
                H[i, j] += x[i, n] * x[j, n] / N
    for i in range(K):
        H[i, i] += damping
    return H

def rises(w, inverse):
    return [0.5 * w[q] ** 2 / inverse[q, q] for q in range(len(w))]

def removed(w, inverse, q):
    factor = w[q] / inverse[q, q]
    return np.array([0.0 if i == q else w[i] - factor * inverse[i, q] for i in range(len(w))])

def inverse_without(inverse, q):
    K = len(inverse)
    after = np.zeros((K, K))
    for i in range(K):
        for j in range(K):
            if q not in (i, j):
                after[i, j] = inverse[i, j] - inverse[i, q] * inverse[q, j] / inverse[q, q]
    return after
""",
        """
import numpy as np

def curvature(x, damping=0.0):
    H = np.einsum("in,jn->ij", x, x) / x.shape[1]
    H[np.diag_indices(len(x))] += damping
    return H

def rises(w, inverse):
    changes = [removed(w, inverse, q) - w for q in range(len(w))]
    return np.einsum("qi,ij,qj->q", changes, np.linalg.inv(inverse), changes) / 2

def removed(w, inverse, q):
    H = np.linalg.inv(inverse)
    rest = np.delete(np.arange(len(w)), q)
    after = w.copy()
    after[rest] += w[q] * np.linalg.solve(H[np.ix_(rest, rest)], H[rest, q])
    after[q] = 0
    return after

def inverse_without(inverse, q):
    rest = np.delete(np.arange(len(inverse)), q)
    small = np.linalg.inv(np.linalg.inv(inverse)[rest][:, rest])
    return np.insert(np.insert(small, q, 0, axis=0), q, 0, axis=1)
""",
    ),
    hints=(
        "If H is diagonal, inputs have nothing to do with one another: what is δ then, and what is the rise?",
        "δ is one number times the column q of the inverse; which number makes δ[q] equal to −w[q]?",
        "rises: the square of w over twice the diagonal. inverse_without: column q times row q.",
    ),
)
