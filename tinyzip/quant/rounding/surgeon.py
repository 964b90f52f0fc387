"""Taking weights away, and rounding them: one equation for both.

One weight of a row is to become t: 0, to be left out, or the number of a code. What should the others become,
so that the row's output changes least? Completed to a square, the quadratic QQ1 of a row w is

    L(w̃) = (w̃ − w*) H (w̃ − w*)ᵀ + const,   H = Σ,   w* = w C Σ⁻¹                               (SG1)

Let some weights be settled, and the others, which are free, at their best for that. To set a free one to t
costs least if the other free ones change by δ, where H is that of the free weights:

    δ = −(w̃_q − t)/[H⁻¹]_qq · [H⁻¹]_q:    L rises by (w̃_q − t)²/[H⁻¹]_qq                          (SG2)

[Hassibi, Stork 1993, eq. 5–7]. (Their error is ½·L.) With t = 0 this is the optimal brain surgeon. With t the
nearest code it is the optimal brain quantizer [Frantar, Alistarh 2022], and in the order of columns GPTQ
[Frantar et al. 2023]. Some weights to 0 and then the rest to their nearest codes: that is pruning and
rounding as one. Then q is settled, too, its row and column leave H, and what is left needs no new inversion:

    H⁻¹ − [H⁻¹]_:q [H⁻¹]_q: / [H⁻¹]_qq                          [Frantar, Alistarh 2022, lemma 1]  (SG3)

The greedy rule takes of all free weights always the one of least rise. Where inputs are uncorrelated δ = 0,
and what is left is pruning by the size of w²Σ_qq, and rounding to nearest.

Where inputs are alike, Σ has no inverse. With λ added on the diagonals of Σ and of C it has one; then what is
minimised is L + λ|w̃ − w|². Let w̃ be its minimum where some weights are settled, and v any other row with the
same weights settled. Then

    L(w̃) ≤ L(v) + λ(|v − w|² − |w̃ − w|²)                                                         (SG4)

so that the dampening costs λ|v − w|² at most. What is here takes O(K³) for a row; `surgeon_fast` takes less.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Real = NDArray[np.float64]
DAMPING = 0.01  # λ, in parts of the mean of Σ's diagonal


def damped(w: Real, covariance: Real, cross: Real, damping: float = DAMPING) -> tuple[Real, Real]:
    """w* and H of (SG1), with λ on the diagonals as (SG4) has it.

    w                  (F, K)
    covariance, cross  (K, K), Σ and C
    damping            λ in parts of the mean variance, above 0 where Σ is singular
    returns            (F, K) and (K, K). Where no input varies, H = I and w* = w
    """
    K = len(covariance)
    extra = damping * np.trace(covariance) / K if covariance.any() else 1.0
    H = covariance + extra * np.eye(K)
    return np.asarray(np.linalg.solve(H, (w @ (cross + extra * np.eye(K))).T).T), H


def rise(w: Real, inverse: Real, t: Real) -> Real:
    """By how much L rises where one weight of a row becomes its t, (K,), by (SG2); infinite for settled ones.

    w        (K,), at its best for what is settled
    inverse  (K, K) H⁻¹ of the free weights; rows and columns of those that are settled are 0
    """
    diagonal = np.diag(inverse)
    free = diagonal > 0
    return np.where(free, (w - t) ** 2 / np.where(free, diagonal, 1), np.inf)


def set_one(w: Real, inverse: Real, q: int, t: float) -> tuple[Real, Real]:
    """The row with w[q] = t and the other free weights at their best, by (SG2); H⁻¹ without q, by (SG3)."""
    column = inverse[:, q]
    w, inverse = w - (w[q] - t) / column[q] * column, inverse - np.outer(column, column) / column[q]
    w[q], inverse[q], inverse[:, q] = t, 0, 0
    return w, inverse


def settle(
    w: Real, inverse: Real, goal: Callable[[Real], Real], count: int, order: Sequence[int] = ()
) -> tuple[Real, Real, list[tuple[int, float]]]:
    """Set `count` free weights of a row, one by one, each to its t in goal(w).

    goal     np.zeros_like to prune; a rounding to codes' numbers to round
    order    which ones; without it always the one that raises L least
    returns  the row, H⁻¹ of those still free, and for each step the weight and the rise of L
    """
    steps = []
    for k in range(count):
        t = goal(w)
        rises = rise(w, inverse, t)
        q = int(order[k] if order else np.argmin(rises))
        steps.append((q, float(rises[q])))
        w, inverse = set_one(w, inverse, q, t[q])
    return w, inverse, steps
