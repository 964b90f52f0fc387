"""Codes that minimise a quadratic: AdaRound, and a descent on the integers.

Rounding each weight of a row to its own nearest code makes each weight's error small. What matters is the
error of the row's output, and that is a quadratic of all its codes at once (`rounding` derives Σ and C): with
w̃ = s·q for codes q, lo ≤ q ≤ hi,

    L(q) = w̃ Σ w̃ᵀ − 2 w̃ (w C)ᵀ + const                                                            (QQ1)

Where inputs are correlated, Σ is far from diagonal, and rounding some weights to the *other* neighbour lets
errors cancel. To find the best q is a quadratic problem over integers. AdaRound relaxes it: every weight may
go up or down by a soft h in [0, 1], with ζ = 1.1 and γ = −0.1,

    w̃ = s·clip(⌊w/s⌋ + h(V), lo, hi),   h(V) = clip(σ(V)·(ζ − γ) + γ, 0, 1)                      (QQ2)
    minimise L/u + λ Σ (1 − |2h − 1|ᵝ)                       [Nagel et al. 2020, eq. 22–24]      (QQ3)

where β falls from 20 to 2, so that in the end h is 0 or 1, and the unit u makes L/u one for each weight at
nearest rounding. By hand, dL/dw̃ = 2(w̃Σ − wC), then the chain rule through QQ2. Minimised is with Adam.

Last comes a descent on the integers themselves: as long as changing one code of a row by one lowers its L,
take the best such change. Changing q_j by δ = ±1 changes L by

    2δs·(w̃Σ − wC)_j + s²Σ_jj                                                                     (QQ4)

It starts from AdaRound's codes and from the nearest ones, and each row keeps the better of the two results.
So the result is never worse than rounding to nearest. A weight that is 0 has been taken away, and stays so.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array
from tinyzip.train.optim import AdamW

Real = NDArray[np.float64]
ZETA, GAMMA = 1.1, -0.1
BETAS = 20.0, 2.0
LAMBDA, FREE, RATE = 3.0, 0.2, 0.1  # of the penalty; the part of iterations without it; of learning


def nearest_codes(w: Real, step: Real, lo: int, hi: int) -> Real:
    """The code from lo to hi that is nearest to each weight, of any shape."""
    return np.asarray(np.clip(np.rint(w / step), lo, hi))


@dataclass(frozen=True)
class Rows:
    """The rows of a layer that are to be rounded, and what QQ1 needs of their inputs.

    w           (F, K) float64, the weights
    step        (F,) float64, their steps; codes lie in lo … hi
    covariance  (K, K) Σ = Cov(x̃), the covariance of the inputs as the quantized network gives them
    cross       (K, K) C = Cov(x, x̃), with those of the float network; Σ where nothing before is quantized
    """

    w: Real
    step: Real
    lo: int
    hi: int
    covariance: Real
    cross: Real

    def __post_init__(self) -> None:
        F, K = self.w.shape
        found = self.step.shape, self.covariance.shape, self.cross.shape
        if found != ((F,), (K, K), (K, K)):
            refuse("Rows: step, covariance, cross", f"shapes {found}", f"({F},), ({K}, {K}), ({K}, {K})")

    def nearest(self) -> Real:
        """The nearest code of each weight, (F, K)."""
        return nearest_codes(self.w, self.step[:, None], self.lo, self.hi)

    @cached_property
    def target(self) -> Real:
        """w C, (F, K)."""
        return np.asarray(self.w @ self.cross)

    def loss(self, q: Real) -> tuple[Real, Real]:
        """L(q) of each row by (QQ1), (F,), without its constant; and dL/dw̃ = 2(w̃Σ − wC), (F, K)."""
        rounded = q * self.step[:, None]
        half = rounded @ self.covariance - self.target
        return np.asarray(np.einsum("fk,fk->f", half - self.target, rounded)), np.asarray(2 * half)


def soft_step(V: Array) -> tuple[Array, Array]:
    """h(V) and dh/dV by (QQ2): a sigmoid stretched so that it reaches 0 and 1. Any shape."""
    sigmoid = expit(V)
    stretched = sigmoid * (ZETA - GAMMA) + GAMMA
    inside = (stretched > 0) & (stretched < 1)
    return np.clip(stretched, 0, 1), inside * (ZETA - GAMMA) * sigmoid * (1 - sigmoid)


def soft_start(h: Array) -> Array:
    """The V with h(V) = h by (QQ2), for h in (0, 1)."""
    return np.asarray(-np.log((ZETA - GAMMA) / (h - GAMMA) - 1))


def penalty(h: Array, beta: float) -> tuple[float, Array]:
    """Σ (1 − |2h − 1|ᵝ) of (QQ3) and its derivative by h: zero where every h is 0 or 1."""
    u = 2 * h - 1
    return float((1 - np.abs(u) ** beta).sum()), -2 * beta * np.sign(u) * np.abs(u) ** (beta - 1)


def relaxed(rows: Rows, V: Real, unit: float, beta: float | None) -> tuple[float, Real]:
    """L/u + λ Σ (1 − |2h − 1|ᵝ) by (QQ2) and (QQ3), summed over rows, and its gradient by V.

    V     (F, K)
    unit  u
    beta  β, or None for no penalty
    """
    floor = np.floor(rows.w / rows.step[:, None])
    h, dh = soft_step(V)
    q = np.clip(floor + h, rows.lo, rows.hi)
    losses, slope = rows.loss(q)
    loss, dloss = float(losses.sum()) / unit, slope * rows.step[:, None] * (q == floor + h) / unit
    if beta is not None:
        more, dmore = penalty(h, beta)
        loss, dloss = loss + LAMBDA * more, dloss + LAMBDA * dmore
    return loss, dloss * dh


def adaround_codes(rows: Rows, iterations: int) -> Real:
    """The codes (F, K) at which so many steps of Adam on (QQ3) end: ⌊w/s⌋ or one more, clipped."""
    scaled = rows.w / rows.step[:, None]
    floor = np.floor(scaled)
    lost = rows.nearest() * rows.step[:, None] - rows.w
    unit = float(np.einsum("fk,fk->", lost @ rows.covariance, lost)) / lost.size + 1e-30
    V = soft_start(np.clip(scaled - floor, 0.001, 0.999))
    adam = AdamW(eps=1e-12, weight_decay=0.0)
    state = adam.init({"V": V})
    for t in range(1, iterations + 1):
        progress = (t / iterations - FREE) / (1 - FREE)
        high, low = BETAS
        beta = low + (high - low) / 2 * (1 + np.cos(np.pi * progress)) if progress > 0 else None
        adam.step({"V": V}, {"V": relaxed(rows, V, unit, beta)[1]}, state, RATE)
    return np.asarray(np.clip(floor + (soft_step(V)[0] >= 0.5), rows.lo, rows.hi))


def descend(rows: Rows, q: Real) -> Real:
    """Codes from which no change of one code by one lowers L of its row any more; L never rises.

    q        (F, K) the codes to start from; those of weights that are 0 stay as they are
    returns  (F, K); in each round every row takes its best change by (QQ4), if that is below zero by more
             than a billionth of its largest s²Σ_jj. There are K·(hi − lo) rounds at most
    """
    q, steps = q.copy(), rows.step[:, None]
    each, free = np.arange(len(q)), rows.w != 0
    slope = steps * rows.loss(q)[1]
    curvature = steps * steps * np.diag(rows.covariance)
    least = 1e-9 * np.maximum(curvature.max(axis=1), 1e-30)
    for _ in range(q.shape[1] * (rows.hi - rows.lo)):
        up = np.where(free & (q < rows.hi), curvature + slope, np.inf)
        down = np.where(free & (q > rows.lo), curvature - slope, np.inf)
        gain = np.minimum(up, down)
        j = gain.argmin(axis=1)
        change = np.where(up[each, j] <= down[each, j], 1, -1) * (gain[each, j] < -least)
        if not change.any():
            break
        q[each, j] += change
        slope += 2 * steps * steps * change[:, None] * rows.covariance[j]
    return q


def best_codes(rows: Rows, iterations: int) -> NDArray[np.int64]:
    """Codes (F, K) by AdaRound and `descend`; each row at least as good under (QQ1) as rounding to nearest.

    iterations  of Adam, 1 or more
    """
    return the_better(rows, adaround_codes(rows, iterations) * (rows.w != 0), rows.nearest())


def the_better(rows: Rows, q: Real, other: Real) -> NDArray[np.int64]:
    """For each row the better of what `descend` makes of two starts, codes (F, K)."""
    q, other = (descend(rows, start) for start in (q, other))
    better = rows.loss(q)[0] <= rows.loss(other)[0]
    return np.where(better[:, None], q, other).astype(np.int64)
