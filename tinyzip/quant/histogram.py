"""What is kept of a stream of numbers: bins that double their width when a value falls outside.

Calibration sees millions of activations and may keep none of them. Most rules for a range need only how
many values fell where, so a histogram with a fixed number of bins is enough. The trouble is that its
extent must be chosen before the data is seen. Here it is not chosen but grown: bins have edges at whole
multiples of a width, and when a value does not fit, neighbours are merged two by two and the width
doubles, until it does. The bins then stand for exactly what they would have held from the start.

Each bin keeps three sums, of 1, x and x². So the squared distance of its values to any number d is exact,

Σ (x − d)² = Σ x² − 2·d·Σ x + d²·Σ 1                                                       (H1)

and only a bin that is cut by a rounding threshold leaves anything to estimate. Exact zeros, half of
what a ReLU gives, are only counted: every grid holds them without error.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import refuse
from tinyzip.quant.grid import SMALLEST_SCALE, check_finite

HALF = 32768  # bins on each side of zero


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
        """Whether 0 is at one end of the range, as behind a ReLU."""
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
        while most > self.width * HALF:
            self._double()
        bins = np.clip(np.floor(nonzero / self.width).astype(np.int64) + HALF, 0, 2 * HALF - 1)
        for sums, weights in zip(self._sums, (None, nonzero, nonzero**2), strict=True):
            sums += np.bincount(bins, weights, sums.size)

    def filled(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The bins that hold something: their left edges (B,), and their sums of 1, x and x² (3, B)."""
        self.check()
        index = np.flatnonzero(self._sums[0])
        return np.asarray((index - HALF) * self.width, np.float64), self._sums[:, index]

    def magnitudes(self) -> NDArray[np.float64]:
        """Counts of |x| by bins of `width` from 0 up, (32768,); zeros not counted."""
        self.check()
        counts = self._sums[0]
        return np.asarray(counts[HALF:] + counts[HALF - 1 :: -1])

    def check(self) -> None:
        """Refuse to answer before anything was observed."""
        if self.low > self.high:
            refuse("range", "no values at all", "at least one batch observed before")

    def _double(self) -> None:
        """Merge neighbours: bin i of the new width 2w is bins 2i and 2i + 1 of the old."""
        merged = self._sums.reshape(3, HALF, 2).sum(axis=2)
        self._sums[:] = 0
        self._sums[:, HALF // 2 : HALF // 2 + HALF] = merged
        self.width *= 2
