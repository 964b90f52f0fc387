"""What is kept of a stream of numbers: bins that double their width when a value falls outside.

Calibration sees millions of activations and may keep none of them. Most rules for a range need only how
many values fell where, so a histogram with a fixed number of bins is enough. The trouble is that its
extent must be chosen before the data is seen. Here it is not chosen but grown: bins have edges at whole
multiples of a width, and when a value does not fit, neighbours are merged two by two and the width
doubles, until it does. The bins then stand for exactly what they would have held from the start.

Each bin keeps three sums, of 1, x and x². So the squared distance of its values to any number d is exact:

Σ (x − d)² = Σ x² − 2·d·Σ x + d²·Σ 1                                                       (H1)

With d = dq(q(m)), what a grid makes of the bin's mean m, this is what rounding costs the bin if no threshold
of rounding lies inside it. If one does, some values have a nearer number of the grid than d, and H1 says too
much, by Σ f(x) with

f(x) = (x − d)² − min_k (x − dq(k))² = max_k ((x − d)² − (x − dq(k))²)

Each term of that maximum is linear in x, so f is convex and lies below its chord from the bin's left end a to
its right end b. The chord's mean over the bin is its value at m, which bounds how much too much:

0 ≤ Σ f(x) ≤ Σ 1 · ((b − m)·f(a) + (m − a)·f(b)) / (b − a)                                 (H2)

Equality holds if all values lie at the ends. So the error of any grid on all that was seen is known between
two bounds, without any of it being kept. Exact zeros, half of what a ReLU gives, are only counted: every
grid holds them without error.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import refuse
from tinyzip.quant.grids.grid import SMALLEST_SCALE, Grid, check_finite

Real = NDArray[np.float64]

HALF = 32768  # bins on each side of zero


@dataclass(frozen=True)
class Bins:
    """The bins that hold something, B of them.

    left     (B,) their left ends; the right ones are a `width` further
    counts   (B,) Σ 1 of each, above zero
    sums     (B,) Σ x
    squares  (B,) Σ x²
    """

    left: Real
    width: float
    counts: Real
    sums: Real
    squares: Real

    def error_at_most(self, grid: Grid) -> float:
        """By H1, at least Σ (x − dq(q(x)))² over all values, and no more if no threshold cuts a bin."""
        d = _nearest(grid, self.sums / self.counts)
        return float((self.squares - 2 * d * self.sums + d**2 * self.counts).sum())

    def error_at_least(self, grid: Grid) -> float:
        """By H1 and H2, at most Σ (x − dq(q(x)))² over all values."""
        a, m, b = self.left, self.sums / self.counts, self.left + self.width
        d = _nearest(grid, m)
        f_a, f_b = ((x - d) ** 2 - (x - _nearest(grid, x)) ** 2 for x in (a, b))
        excess = self.counts * ((b - m) * f_a + (m - a) * f_b) / self.width
        return self.error_at_most(grid) - float(excess.sum())


class Histogram:
    """Counts, sums and sums of squares of a stream, in constant memory.

    low, high  the smallest and the largest value seen
    width      of a bin: at most max|x| / 16384, and 0 as long as all values are 0
    zeros      how many values were exactly 0; they are in no bin
    """

    def __init__(self) -> None:
        self.low, self.high = np.inf, -np.inf
        self.width = 0.0
        self.zeros = 0
        self._sums = np.zeros((3, 2 * HALF))

    @property
    def one_sided(self) -> bool:
        """Whether 0 is at one end of the range, as after a ReLU."""
        return self.low >= 0 or self.high <= 0

    def observe(self, x: ArrayLike) -> None:
        """Add all values of x: real, finite, any shape, at least one."""
        values = check_finite(x, "observe: x").astype(np.float64).ravel()
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        nonzero = values[values != 0]
        self.zeros += values.size - nonzero.size
        if nonzero.size == 0:
            return
        most = float(np.abs(nonzero).max())
        self.width = self.width or max(most * (1 + 2**-50) / HALF, SMALLEST_SCALE)
        while most > self.width * HALF:  # bin i of the width 2w is bins 2i and 2i + 1 of the width w
            merged = self._sums.reshape(3, HALF, 2).sum(axis=2)
            self._sums[:] = 0
            self._sums[:, HALF // 2 : HALF // 2 + HALF] = merged
            self.width *= 2
        bins = np.clip(np.floor(nonzero / self.width).astype(np.int64) + HALF, 0, 2 * HALF - 1)
        for sums, weights in zip(self._sums, (None, nonzero, nonzero**2), strict=True):
            sums += np.bincount(bins, weights, sums.size)

    def filled(self) -> Bins:
        """The bins that hold something; none where all values are 0."""
        self.check()
        index = np.flatnonzero(self._sums[0])
        left = np.asarray((index - HALF) * self.width, np.float64)
        return Bins(left, self.width, *self._sums[:, index])

    def magnitudes(self) -> Real:
        """Counts of |x| by bins of `width` from 0 up, (32768,); zeros not counted."""
        self.check()
        counts = self._sums[0]
        return np.asarray(counts[HALF:] + counts[HALF - 1 :: -1])

    def check(self) -> None:
        """Refuse to answer before anything was observed."""
        if self.low > self.high:
            refuse("range", "no values at all", "at least one batch observed before")


def _nearest(grid: Grid, x: Real) -> Real:
    """dq(q(x)) in float64."""
    return np.asarray(grid.scale * (grid.quantize(x).astype(np.int64) - grid.zero)) if x.size else x
