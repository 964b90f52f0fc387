"""Which codes can a channel write? Intervals, from the codes that go in through every operator.

Of each output the analysis knows, channel by channel, the least and the greatest code that any input can
bring about. It never looks at an image: it starts from the codes that `Program.input` allows, and takes both
ends through one operator after the other. It knows nothing of how channels hang together, and lets every
place of every channel take any code of its interval, whatever the others do. So an interval holds all that
can be written, and perhaps more. Right after the input, where codes are free indeed, nothing is too much:
some input attains each end of a first convolution or fully connected layer.

Sums. Each product w·(x − zero) is least at one end of x, at the lower one for w > 0. A window at the border
misses some of its places, since padding adds nothing; let S run over the sets of places (i, j) that windows
of this image see, each a set of rows times a set of columns, and w⁺ = max(w, 0), w⁻ = min(w, 0). Then the
sums of output f lie between

    least_f = bias_f + min over S of Σ (w⁺·(x.lo − zero) + w⁻·(x.hi − zero))                     (IV1)
    most_f  = bias_f + max over S of Σ (w⁺·(x.hi − zero) + w⁻·(x.lo − zero))                     (IV2)

Σ over the channels of f's group and the places in S, each channel with its own interval.

Codes. Requantizing keeps order, and so do maxima, means, and both terms of an addition. So both ends go
through the operator's own arithmetic, and what lies between them stays between:

    y.lo = f(x.lo),  y.hi = f(x.hi)   for every f with f(a) ≤ f(b) where a ≤ b                   (IV3)

A table is asked at every code of the interval. A border is one more code, the zero point. What only moves
codes gives each new channel all that its values can be.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.windows import Pair, window_count
from tinyzip.integer.bounds import term
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fixedpoint import requantize
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose, moved
from tinyzip.integer.maps import Multiply, Table
from tinyzip.integer.operators import NO_PADDING, Argmax, Conv2d, GlobalAvgPool, Pool, Weighted
from tinyzip.integer.ops import apply, global_mean
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import Add, Concat, Product, Recall
from tinyzip.integer.shapes import Shape

Ends = NDArray[np.int64]
Seen = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """Whatever the input, channel c holds numbers from lo[c] to hi[c] only; both (C,) int64."""

    lo: Ends
    hi: Ends

    @property
    def constant(self) -> NDArray[np.bool_]:
        """The channels that can hold one number only, (C,)."""
        return np.equal(self.lo, self.hi)

    def through(self, function: Callable[[Ends], Array]) -> "Interval":
        """Both ends through a function that keeps order, by (IV3)."""
        return Interval(*(function(end).astype(np.int64) for end in (self.lo, self.hi)))

    def within(self, codes: Codes) -> "Interval":
        """Both ends clamped to codes."""
        return self.through(lambda end: np.clip(end, codes.lo, codes.hi))


def intervals(program: Program) -> tuple[Interval, ...]:
    """Of the input and of each operator's output: one longer than `operators`. A class is one channel."""
    C, x = program.shape[0], program.input
    found = [Interval(np.full(C, x.lo, np.int64), np.full(C, x.hi, np.int64))]
    for i in range(len(program.operators)):
        found.append(written(program, i, found))
    return tuple(found)


def written(program: Program, i: int, known: Sequence[Interval]) -> Interval:
    """What operator i can write; known: the intervals of the input and of the operators before it."""
    operator, y = program.operators[i], program.codes[i + 1]
    shape, to = program.inputs(i, program.shapes)[0], program.shapes[i + 1]
    codes, read = program.inputs(i, program.codes), program.inputs(i, known)
    x: Interval = read[0]
    match operator:
        case Weighted():
            acc = sums(operator, x, codes[0], shape)
            return acc.through(lambda end: requantize(end, operator.m0, operator.n, y, operator.rounding))
        case Pool() | Recall():
            return x.within(y)
        case GlobalAvgPool():
            count, zero = shape[1] * shape[2], codes[0].zero
            return x.through(lambda end: global_mean(operator, count * end, count, zero)).within(y)
        case Add():
            return added(operator, read, codes)
        case Product():
            one, other = ((part.lo[:, None], part.hi[:, None]) for part in read)
            ends = [apply(operator, [a, b], codes, y) for a in one for b in other]
            return Interval(*(end(ends, 0)[:, 0].astype(np.int64) for end in (np.min, np.max)))
        case Table(table=rows):
            return looked_up(rows, x)
        case Multiply():
            a, b = (apply(operator, [end[:, None]], codes, y)[:, 0] for end in (x.lo, x.hi))
            return Interval(np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64))
        case Concat():
            return Interval(*(np.concatenate([getattr(part, end) for part in read]) for end in ("lo", "hi")))
        case Pad(padding=padding):
            border = x if padding == NO_PADDING else Interval(*[np.full(len(x.lo), codes[0].zero)] * 2)
            return Interval(np.minimum(x.lo, border.lo), np.maximum(x.hi, border.hi))
        case Flatten() | Reshape() | Transpose():
            low, high = (moved(operator, spread(end, shape)).reshape(to[0], -1) for end in (x.lo, x.hi))
            return Interval(low.min(1), high.max(1))
        case Argmax():
            return Interval(np.zeros(1, np.int64), np.array([shape[0] - 1]))
    return Interval(np.full(to[0], y.lo, np.int64), np.full(to[0], y.hi, np.int64))


def sums(operator: Weighted, x: Interval, codes: Codes, shape: Shape) -> Interval:
    """(IV1) and (IV2), the bias included, (F,); x on these codes, of this shape."""
    w, (rows, columns) = by_groups(operator), places_seen(operator, shape)
    up, down = np.maximum(w, 0), np.minimum(w, 0)
    lo, hi = ((end - codes.zero).reshape(len(w), 1, -1, *[1] * (w.ndim - 3)) for end in (x.lo, x.hi))
    least, most = (
        over_places((up * a + down * b).sum(2, np.int64).reshape(-1, *w.shape[3:]), rows, columns)
        for a, b in ((lo, hi), (hi, lo))
    )
    bias = operator.bias.astype(np.int64)
    return Interval(bias + least.min((1, 2)), bias + most.max((1, 2)))


def by_groups(operator: Weighted) -> NDArray[np.int64]:
    """The weights as (groups, F / groups, C / groups, kh, kw); a fully connected layer sees one place."""
    groups = operator.groups if isinstance(operator, Conv2d) else 1
    w = operator.w if operator.w.ndim == 4 else operator.w[:, :, None, None]
    return w.astype(np.int64).reshape(groups, -1, *w.shape[1:])


def places_seen(operator: Weighted, shape: Shape) -> tuple[Seen, Seen]:
    """The sets S of (IV1): every row of the first array, (A, kh) of zeros and ones, with every row of the
    second, (B, kw). A one is a row or a column of the window that lies inside an image of this shape.

    On the way of a window over the image, what it sees changes only where one of its places comes in or goes
    out: at these turns, and at the start, all sets are seen.
    """
    if not isinstance(operator, Conv2d):
        one = np.ones((1, 1), np.int64)
        return one, one
    size: Pair = (shape[1], shape[2])
    counts = window_count(size, operator.window, operator.stride, operator.padding, "places_seen")
    seen = []
    for length, count, k, s, d, (before, _) in zip(
        size, counts, operator.kernel, operator.stride, operator.dilation, operator.padding, strict=True
    ):
        first = before - np.arange(k) * d  # how far the window has to go until its place k is in the image
        turns = np.concatenate([[0], -(-first // s), -(-(first + length) // s)])
        place = np.unique(np.clip(turns, 0, count - 1))[:, None] * s - first
        seen.append(np.unique((place >= 0) & (place < length), axis=0).astype(np.int64))
    return seen[0], seen[1]


def over_places(sums: NDArray[np.int64], rows: Seen, columns: Seen) -> NDArray[np.int64]:
    """Sums (F, kh, kw) of single places, added up over each set of places seen: (F, A, B)."""
    return rows @ sums @ columns.T


def added(operator: Add, read: Sequence[Interval], codes: Sequence[Codes]) -> Interval:
    """(AD1) or (AD2) at both ends of both addends."""
    (a, b), (a_zero, b_zero), (m0, n, rounding) = read, (c.zero for c in codes), operator.of_sum
    ends = (a.lo, b.lo), (a.hi, b.hi)
    acc = Interval(*(term(operator, 0, x - a_zero) + term(operator, 1, o - b_zero) for x, o in ends))
    return acc.through(lambda end: requantize(end, m0, n, operator.y, rounding))


def looked_up(rows: Array, x: Interval) -> Interval:
    """The ends of table[lo … hi] (TB1) for each channel; rows (256,) or (C, 256)."""
    every = np.arange(256)
    lo, hi = x.lo[:, None], x.hi[:, None]
    seen = (every >= lo) & (every <= hi) | (every >= lo + 256) & (every <= hi + 256)
    least, most = np.where(seen, rows, 256).min(1), np.where(seen, rows, -256).max(1)
    return Interval(least.astype(np.int64), most.astype(np.int64))


def answers(rows: Array, x: Interval, function: Callable[[Ends], Array]) -> bool:
    """Whether a table, (256,) or (C, 256), answers every code of each channel's interval as the function."""
    every = np.arange(x.lo.min(), x.hi.max() + 1)
    seen = (every >= x.lo[:, None]) & (every <= x.hi[:, None])
    return bool(((rows[..., every % 256] == function(every)) | ~seen).all())


def spread(values: Array, shape: Shape) -> Array:
    """One value a channel, (C,), at each place of a batch of one example of this shape."""
    return np.broadcast_to(values.reshape(-1, *[1] * len(shape)), (*shape, 1))
