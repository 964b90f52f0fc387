"""Depth: which weights a network loses while it trains: scores, patterns, a schedule, and the gradient.

A mask m has a 1 for each weight that stays and a 0 for each that has gone. Trained is the network of m·w, and
through that product the gradient goes back in one of two ways. By the rule of derivatives a weight that has
gone gets none. Straight through, as if m were 1, it goes on learning and may come back:

    dw = m·dw̃   ("fixed"),   dw = dw̃   ("straight-through"),   w̃ = m·w                            (MK1)

What remains is to choose m. By its size, or by what the loss would rise by without it, where h is a second
derivative and 1 if nothing is known of it:

    score = ½·h·w²                                              [LeCun, Denker, Solla 1990, eq. 5]  (MK2)

Or by where it is going: a weight that training moves away from 0 is wanted, however small it still is. Its
score S then is an array that is learned like any other, with what m would get for a gradient as its own,

    dS = dw̃·w                                                     [Sanh, Wolf, Rush 2020, eq. 2, 5]  (MK3)

Weights may go one by one, or in units: kernels, the weights of an output for one input channel, and filters,
all weights of an output. A unit's score is the mean of its weights'. Or n stay of each m that follow each
other in a row, "2 of 4", which hardware can skip, too [Mishra et al. 2021].

And a network that loses its weights bit by bit recovers in between. From a share s_b of weights that are gone
at step b to a share s_e at step e, quickly at first, when there are many to lose:

    s_t = s_e + (s_b − s_e)·(1 − (t − b)/(e − b))³                      [Zhu, Gupta 2017, eq. 1]  (MK4)
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.nn.ops.checks import Array

Masks = dict[str, NDArray[np.bool_]]
Pattern = str | int
PATTERNS = "any", "kernels", "filters"


def check_pattern(pattern: Pattern) -> Pattern:
    """One of `PATTERNS`, or a whole number from 2 on."""
    if pattern not in PATTERNS and (isinstance(pattern, bool | str) or pattern < 2):
        refuse("pattern", repr(pattern), f"{', '.join(PATTERNS)}, or a whole number of weights from 2 on")
    return pattern


def share_at(step: float, first: float, last: float, begin: int, end: int) -> float:
    """s_t by (MK4): the first share before `begin`, the last from `end` on; at once where these are equal."""
    if step < begin:
        return first
    left = 1 - (step - begin) / (end - begin) if step < end else 0.0
    return last + (first - last) * left**3


def units(score: Array, pattern: str) -> Array:
    """The scores (F, …) as one row for each unit that stays or goes as a whole."""
    if pattern == "kernels":
        return score.reshape(int(np.prod(score.shape[:2])), -1)
    return score.reshape(len(score) if pattern == "filters" else score.size, -1)


def keep(scores: Mapping[str, Array], share: float, pattern: Pattern = "any") -> Masks:
    """The masks that take away a share of all weights, those of the least scores; each in its scores' shape.

    scores   (F, …) of each array of weights by name
    share    in [0, 1); together they lose this part, or less by a part of a unit
    pattern  "any", "kernels", "filters": units of all arrays compared with each other; of each array the best
             one stays. A number m: of each m weights in a row round(share·m) go, of fewer at its end none
    """
    if isinstance(pattern, int):
        return {name: _of_each(score, pattern, round(share * pattern)) for name, score in scores.items()}
    parts = {name: units(score, pattern) for name, score in scores.items()}
    means = {name: part.mean(axis=1) for name, part in parts.items()}
    safe = np.concatenate([np.arange(len(mean)) == mean.argmax() for mean in means.values()])
    size = np.concatenate([np.full(len(part), part.shape[1]) for part in parts.values()])
    order = np.argsort(np.where(safe, np.inf, np.concatenate(list(means.values()))), kind="stable")
    gone = np.zeros(len(order), np.bool_)
    gone[order] = (np.cumsum(size[order]) <= round(share * size.sum())) & ~safe[order]
    ends = np.cumsum([len(mean) for mean in means.values()])[:-1]
    masks = zip(scores.items(), np.split(gone, ends), strict=True)
    return {
        name: np.broadcast_to(~row[:, None], parts[name].shape).reshape(score.shape)
        for (name, score), row in masks
    }


def _of_each(score: Array, m: int, gone: int) -> NDArray[np.bool_]:
    """False for the `gone` least scores of each m that follow each other in a row."""
    rows = score.reshape(len(score), -1)
    whole = rows.shape[1] // m * m
    mask = np.ones(rows.shape, np.bool_)
    groups = rows[:, :whole].reshape(-1, m)
    rank = groups.argsort(axis=1, kind="stable").argsort(axis=1, kind="stable")
    mask[:, :whole] = (rank >= gone).reshape(len(rows), whole)
    return mask.reshape(score.shape)
