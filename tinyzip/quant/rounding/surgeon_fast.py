"""Depth: the surgeon in less time: all rows of a layer together, and a block of columns at a time.

Three laws make the textbook of `surgeon` fast, each with the same result but for rounding.

A row knows nothing of the other rows. So the greedy order of a layer is that of each row by itself, merged:
of all rows the one whose next weight is the cheapest. A row's n-th weight goes when nothing cheaper is first
in any row, that is in the order of the largest rise of the row so far,

    r_n = max(rise_1, …, rise_n)                                                                    (SG5)

What is left of a row then needs no memory of the order in which its weights went. Its free weights f solve

    H_ff w̃_f = (H w*)_f                                                                             (SG6)

And where all rows are rounded in the order of columns, the inverses of all steps are in one triangle. With
H⁻¹ = UᵀU, U upper triangular, the first row of the inverse for columns q, q + 1, … is U_qq·U_q: [Frantar et
al. 2023, section 3.3], so that (SG2) becomes

    e = (w̃_q − t)/U_qq,   w̃_j ← w̃_j − e·U_qj   for all j > q                                      (SG7)

for all rows at once; and what a block of columns does to those after it is one matrix product.
"""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky

from tinyzip.quant.rounding.quadratic import Rows, nearest_codes, the_better
from tinyzip.quant.rounding.surgeon import Real, damped, rise, set_one

BLOCK = 32  # columns
Order = NDArray[np.intp]
Kept = NDArray[np.bool_]


def removals(best: Real, H: Real) -> tuple[Order, Real]:
    """In which order the greedy rule takes all the weights of each row, and by how much L rises each time.

    best     (F, K) w*
    H        (K, K)
    returns  two arrays (F, K)
    """
    order, rises = np.empty(best.shape, np.intp), np.empty(best.shape)
    whole = np.asarray(np.linalg.inv(H), np.float64)
    for f, row in enumerate(best):
        left, w, inverse = np.arange(len(row)), row, whole
        for n in range(len(row)):
            each = rise(w, inverse, np.zeros_like(w))
            q = int(np.argmin(each))
            order[f, n], rises[f, n] = left[q], each[q]
            w, inverse = set_one(w, inverse, q, 0.0)
            free = np.diag(inverse) > 0
            if 2 * np.count_nonzero(free) <= len(left):  # those that are settled need no more room
                left, w, inverse = left[free], w[free], inverse[np.ix_(free, free)]
    return order, rises


def kept(removals: Sequence[tuple[Order, Real]], count: int) -> list[Kept]:
    """Which weights stay in each layer when the greedy rule has taken `count` of all, by (SG5).

    removals  for each layer its order (F, K) and rises (F, K), in a unit that all layers share
    returns   for each layer (F, K)
    """
    largest = [np.maximum.accumulate(rises, axis=1) for _, rises in removals]
    gone = np.zeros(sum(r.size for r in largest), np.bool_)
    gone[np.argsort(np.concatenate([r.ravel() for r in largest]), kind="stable")[:count]] = True
    ends = np.cumsum([r.size for r in largest])[:-1]
    masks = []
    for (order, rises), first in zip(removals, np.split(gone, ends), strict=True):
        mask = np.ones(rises.shape, np.bool_)
        np.put_along_axis(mask, order, ~first.reshape(rises.shape), axis=1)
        masks.append(mask)
    return masks


def refit(best: Real, H: Real, mask: Kept) -> Real:
    """The rows (F, K) with 0 where the mask (F, K) is False, the other weights at their best by (SG6)."""
    wanted, w = best @ H, np.zeros_like(best)
    for f, free in enumerate(mask):
        w[f, free] = best[f] if free.all() else np.linalg.solve(H[np.ix_(free, free)], wanted[f, free])
    return w


def in_columns(w: Real, H: Real, goal: Callable[[Real], Real], block: int = BLOCK) -> Real:
    """The rows (F, K) with every weight set to its t, in the order of columns, by (SG7).

    w     at its best
    goal  from a column (F, 1) to its t (F, 1)
    """
    U, w = cholesky(np.linalg.inv(H)), w.copy()
    for start in range(0, w.shape[1], block):
        end = min(start + block, w.shape[1])
        errors = np.empty((len(w), end - start))
        for q in range(start, end):
            t = goal(w[:, q, None])[:, 0]
            errors[:, q - start] = (w[:, q] - t) / U[q, q]
            w[:, q:end] -= errors[:, q - start, None] * U[q, q:end]
            w[:, q] = t
        w[:, end:] -= errors @ U[start:end, end:]
    return w


def surgeon_codes(rows: Rows) -> NDArray[np.int64]:
    """Codes (F, K) by `rounded` and `descend`; each row at least as good under QQ1 as rounding to nearest."""
    return the_better(rows, rounded(rows), rows.nearest())


def rounded(rows: Rows) -> Real:
    """Codes (F, K) by (SG6) and (SG7): weights that are 0 stay so, and the others make up for it.

    Columns of large variance go first. Rows that have the same zeros are rounded together.
    """
    best, H = damped(rows.w, rows.covariance, rows.cross)
    mask, q = rows.w != 0, np.zeros_like(rows.w)
    turn = np.argsort(-np.diag(H), kind="stable")
    patterns, which = np.unique(mask, axis=0, return_inverse=True)
    for i, free in enumerate(patterns):
        some, columns = np.flatnonzero(which == i), turn[free[turn]]
        step = rows.step[some, None]
        at_best = refit(best[some], H, mask[some])[:, columns]
        nearest = partial(_nearest, step=step, lo=rows.lo, hi=rows.hi)
        q[np.ix_(some, columns)] = in_columns(at_best, H[np.ix_(columns, columns)], nearest) / step
    return np.asarray(np.rint(q))


def _nearest(w: Real, step: Real, lo: int, hi: int) -> Real:
    return nearest_codes(w, step, lo, hi) * step
