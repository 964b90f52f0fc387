"""Where to cut: seven ways to choose a range from a stream of values.

A grid of 2^M codes over [low, high] makes two kinds of error. Inside, each value is rounded, which costs
scale²/12; outside, each is clipped, which costs the square of what sticks out. A wide range pays with
the first, a narrow one with the second. At 8 bits rounding is cheap and almost any range will do. Each bit
less makes it four times dearer, and from 4 bits down where to cut decides whether the network works.

min-max            everything fits, however rare [Jacob et al. 2018, section 3.1]
moving average     min-max of each batch, smoothed [Jacob et al. 2018, section 3.1]
percentile         all but a fixed share fits [Wu et al. 2020]
least squares      the cut whose total error on the data is least, by search
entropy            the cut that keeps the distribution most alike [Migacz 2017]
ACIQ               the optimum for a Laplace or normal density, in closed form [Banner et al. 2019]
OCTAV              the optimum for the data itself, by Newton's method [Sakr et al. 2022]

All have one interface: `observe` each batch, then ask for the `range`. The last five see a histogram.

Half distributions. What comes out of a ReLU has only one side. Mirrored at 0 it would fill a range twice
as wide at the same step, that is with one bit more. So rules for symmetric densities serve one-sided data
if they are given M + 1 bits.                                                               (R1)
"""

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import erfc, lambertw

from tinyzip.base.refuse import refuse
from tinyzip.quant.grids.grid import Grid, check_bits, check_finite
from tinyzip.quant.grids.histogram import HALF, Histogram

Range = tuple[float, float]
EMPTY = 1e-4


class Observer(Protocol):
    """Sees batches of values in a stream; memory does not grow with their number."""

    def observe(self, x: ArrayLike) -> None:
        """See one batch: real, finite, any shape, at least one value."""

    def range(self) -> Range:
        """(low, high) as of now. Raises ValueError if nothing was observed."""


class MinMax:
    """The smallest and the largest value of all: nothing is clipped."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf

    def observe(self, x: ArrayLike) -> None:
        values = check_finite(x, "observe: x")
        self._low, self._high = min(self._low, float(values.min())), max(self._high, float(values.max()))

    def range(self) -> Range:
        if self._low > self._high:
            refuse("range", "no values at all", "at least one batch observed before")
        return self._low, self._high


class MovingAverage:
    """Smallest and largest of each batch, averaged with weights that decay by `momentum` a batch.

    The first batch counts in full. With momentum 0 it would be the range of the last batch alone.
    """

    def __init__(self, momentum: float = 0.9) -> None:
        if not 0 <= momentum < 1:
            refuse("MovingAverage: momentum", momentum, "a number from 0 up and below 1")
        self.momentum = momentum
        self._range: Range | None = None

    def observe(self, x: ArrayLike) -> None:
        values = check_finite(x, "observe: x")
        low, high = float(values.min()), float(values.max())
        if self._range is not None:
            keep = self.momentum
            both = zip(self._range, (low, high), strict=True)
            low, high = (keep * old + (1 - keep) * new for old, new in both)
        self._range = low, high

    def range(self) -> Range:
        if self._range is None:
            refuse("range", "no values at all", "at least one batch observed before")
        return self._range


class Binned:
    """One of `RULES` as an observer: it keeps a histogram of what it sees."""

    def __init__(self, method: str, bits: int) -> None:
        self.method, self.bits = method, check_bits(bits)
        self._histogram = Histogram()

    def observe(self, x: ArrayLike) -> None:
        self._histogram.observe(x)

    def range(self) -> Range:
        return range_of(self._histogram, self.method, self.bits)


def percentile(histogram: Histogram, bits: int, share: float = 0.9999) -> Range:
    """The range that leaves out less than (1 − share) of all values at each end, exact to a bin's width."""
    bins = histogram.filled()
    place = int(np.searchsorted(bins.left, 0))
    edges, counts = np.insert(bins.left, place, 0), np.insert(bins.counts, place, histogram.zeros)
    below = np.cumsum(counts) / counts.sum()
    low = edges[np.searchsorted(below, 1 - share)]
    high = edges[np.searchsorted(below, share)] + histogram.width
    return max(float(low), histogram.low), min(float(high), histogram.high)


def least_squares(histogram: Histogram, bits: int, candidates: int = 128) -> Range:
    """The range whose grid has the least Σ (x − dq(q(x)))²; min-max unless it is proved to be worse.

    Both ends are cut to one length first, tried at `candidates` fractions of the longer one. Then each is
    tried at as many fractions of its own extent while the other is held, twice. Candidates are compared by
    the upper bound of their error (H1), and the best one is taken if that stays under the lower bound of
    min-max's error (H2). Hence the range is never worse than min-max, on the data itself.
    """
    bins = histogram.filled()

    def most(ends: Range) -> float:
        return bins.error_at_most(Grid.affine(*ends, bits=bits))

    low, high = min(histogram.low, 0.0), max(histogram.high, 0.0)
    fractions = [i / candidates for i in range(1, candidates + 1)]
    lengths = [f * max(-low, high) for f in fractions]
    trials = [(max(low, -length), min(high, length)) for length in lengths]
    best = min((low, high), *trials, key=most)
    for _ in range(0 if histogram.one_sided else 2):
        best = min(best, *((best[0], high * f) for f in fractions), key=most)
        best = min(best, *((low * f, best[1]) for f in fractions), key=most)
    return best if most(best) <= bins.error_at_least(Grid.affine(low, high, bits)) else (low, high)


def entropy(histogram: Histogram, bits: int, bins: int = 2048) -> Range:
    """The cut T that minimises KL(P ‖ Q), with 2,048 bins of |x|       [Migacz 2017, "8-bit inference"]

    P  the bins below T, all that lies beyond added to the last
    Q  the bins below T, without what lies beyond, merged into as many levels as a side has codes; the
       count of a level is spread over those of its bins that hold anything. An empty bin counts as 10⁻⁴ of
       a value, so that the divergence stays finite where P has clipped values and Q has none

    The divergence asks how alike the counts are, not how far a clipped value was moved. So a spike attracts
    the cut: what lies beyond it is added to a bin where it is hardly noticed. Black borders after a bias
    make such spikes, and at 3 bits or 4 a whole network can fall for one.
    """
    levels = 2**bits if histogram.one_sided else 2 ** (bits - 1)
    counts = histogram.magnitudes()
    used = int(np.flatnonzero(counts)[-1]) + 1
    merge = max(-(-used // bins), 1)
    counts = np.add.reduceat(counts[:used], np.arange(0, used, merge))
    best, cut = np.inf, counts.size
    for size in range(min(levels, counts.size), counts.size + 1, max(counts.size // 256, 1)):
        inside = counts[:size]
        p = inside.copy()
        p[-1] += counts[size:].sum()
        level = np.arange(size) * levels // size
        total = np.bincount(level, inside, levels)
        holding = np.bincount(level, inside > 0, levels)
        spread = np.where(inside > 0, (total / np.maximum(holding, 1))[level], EMPTY)
        p, q = p[p > 0] / p.sum(), spread[p > 0] / spread.sum()
        divergence = float((p * np.log(p / q)).sum())
        if divergence < best:
            best, cut = divergence, size
    return _both_ends(histogram, cut * merge * histogram.width)


def aciq(histogram: Histogram, bits: int) -> Range:
    """The optimal cut of the density that the values resemble           [Banner et al. 2019, section 3]

    A cut T costs E[(|x| − T)²; |x| > T] for what is clipped and T²/(3·4^M) for rounding. The sum is least at

    Laplace of mean deviation b:   r·eʳ = 3·4^M, so that r = W(3·4^M), T = r·b                  (R2)
    normal of deviation σ:         erfc(r/√2)·r − √(2/π)·e^(−r²/2) + r/(3·4^M) = 0, T = r·σ      (R3)

    Mean deviation over standard deviation is 1/√2 for the first and √(2/π) for the second; the nearer
    decides. One-sided data are taken as half a density around 0 (R1), zeros apart.
    """
    bins = histogram.filled()
    number, total = bins.counts.sum(), bins.sums.sum()
    center = 0.0 if histogram.one_sided else total / number
    b = float((np.abs(bins.sums / bins.counts - center) * bins.counts).sum() / number)
    deviation = float(np.sqrt((bins.squares.sum() - 2 * center * total) / number + center**2))
    bits += histogram.one_sided
    if b < deviation * (np.sqrt(1 / 2) + np.sqrt(2 / np.pi)) / 2:
        cut = laplace_cut(bits) * b
    else:
        cut = normal_cut(bits) * deviation
    return max(center - cut, histogram.low), min(center + cut, histogram.high)


def laplace_cut(bits: int) -> float:
    """(R2): the best cut of a Laplace density, in mean deviations. 5.03 at 4 bits."""
    return float(lambertw(3 * 4.0**bits).real)


def normal_cut(bits: int) -> float:
    """The root r of (R3), by bisection: the best cut in standard deviations. 2.56 at 4 bits."""
    low, high = 0.0, 16.0
    for _ in range(60):
        r = (low + high) / 2
        slope = erfc(r / np.sqrt(2)) * r - np.sqrt(2 / np.pi) * np.exp(-r * r / 2) + r / (3 * 4.0**bits)
        low, high = (low, r) if slope > 0 else (r, high)
    return high


def octav(histogram: Histogram, bits: int) -> Range:
    """Newton's method on the error itself, from the data                [Sakr et al. 2022, OCTAV]

    T ← Σ |x|·[|x| > T] / (4^(−M)/3 · #{0 < |x| ≤ T} + #{|x| > T})                             (R4)

    A fixed point is where the derivative of Σ (|x| − T)²·[|x| > T] + T²/(3·4^M)·#{0 < |x| ≤ T} vanishes, the
    counts taken as constant. Zeros cost nothing on either side.
    """
    bits += histogram.one_sided
    counts = histogram.magnitudes()
    middles = (np.arange(HALF) + 0.5) * histogram.width
    beyond = np.cumsum(counts[::-1])[::-1]
    mass = np.cumsum((counts * middles)[::-1])[::-1]
    cut = mass[0] / beyond[0]
    for _ in range(50):
        i = int(cut / histogram.width)  # never the end: no cut is above the last of the middles
        before, cut = cut, mass[i] / (4.0**-bits / 3 * (beyond[0] - beyond[i]) + beyond[i])
        if abs(cut - before) < histogram.width / 2:
            break
    return _both_ends(histogram, float(cut))


def _both_ends(histogram: Histogram, cut: float) -> Range:
    """[−cut, cut], no wider than what was seen."""
    return max(-cut, histogram.low), min(cut, histogram.high)


RULES: dict[str, Callable[[Histogram, int], Range]] = {
    "percentile": percentile, "mse": least_squares, "entropy": entropy, "aciq": aciq, "octav": octav,
}  # fmt: skip
METHODS = ("minmax", "average", *RULES)


def range_of(histogram: Histogram, method: str, bits: int) -> Range:
    """The range for codes of `bits` bits of what a histogram has seen. It holds 0; (0, 0) where all is 0.

    method  one of `RULES`
    """
    if method not in RULES:
        refuse("method", repr(method), f"one of {', '.join(RULES)}")
    histogram.check()
    if histogram.low == histogram.high == 0:
        return 0.0, 0.0
    low, high = RULES[method](histogram, check_bits(bits))
    return min(low, 0.0), max(high, 0.0)


def observer(method: str, bits: int) -> Observer:
    """A new observer by the method's name, for codes of `bits` bits.

    method  "minmax", "average", "percentile", "mse", "entropy", "aciq" or "octav"
    """
    if method == "minmax":
        return MinMax()
    if method == "average":
        return MovingAverage()
    if method not in RULES:
        refuse("method", repr(method), f"one of {', '.join(METHODS)}")
    return Binned(method, bits)
