"""Depth: scales that are powers of two: the engine's multiplier becomes a shift.

The engine multiplies a sum by M = s_x·s_w/s_y. If all three are powers of two, so is M, and hardware without
a multiplier can do it. What that costs in accuracy is the error of a coarser choice of scale.

For weights there is no closed form, because the codes change with s, but there are few candidates:

s = argmin Σ (w − s·clip(rint(w/s), −hi, hi))²  over  2ᵗ, 2ᵗ⁻¹, 2ᵗ⁻², …                      (QP1)

The first, 2ᵗ, is the least that covers the largest weight, hi·2ᵗ ≥ max |w|. Above it nothing is clipped, so
every halving refines the grid. Below it each halving clips more, at a cost of Σ (|w| − hi·s)² over the
weights beyond hi·s. Once this alone is as much as the best error so far, no smaller scale can be better, and
the search ends.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.calibrate import fit_biases
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.lowbit import Signs, binary_scale, magnitudes


def power_of_two_scale(w: Array, hi: int) -> NDArray[np.float64]:
    """The power of two of each channel with the least squared error on codes −hi … hi, by (QP1).

    w        (F, …) float
    returns  (F,) float64, exact powers of two, in w's unit; 1 for a channel of zeros
    """
    if hi < 1:
        refuse("power_of_two_scale: hi", hi, "a largest code from 1 up")
    rows = magnitudes(w, "power_of_two_scale: w")
    largest = rows.max(axis=1)
    scale = 2.0 ** np.ceil(np.log2(np.where(largest > 0, largest, hi) / hi))
    best, least = scale, np.full(len(rows), np.inf)
    while True:
        step = scale[:, None]
        error = ((np.clip(np.rint(rows / step), 0, hi) * step - rows) ** 2).sum(axis=1)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
        if ((np.maximum(rows - hi * step, 0) ** 2).sum(axis=1) >= least).all():
            return best
        scale = scale / 2


def power_of_two_grids(model: Inspected, grids: Mapping[str, Grid]) -> dict[str, Grid]:
    """The same grids on power-of-two scales, so that `lower(…, rounding="shift")` needs no multiplier.

    Weights get the scale of least squared error, one for each channel: for signs the power that is nearest to
    (QL2). It is larger where a bias would not fit otherwise. Activations get the next power that covers their
    range, where a range cut by less than 1 % counts as covered (images of bytes: 1/256 for 1/255).
    """
    model = fold_batch_norm(model)
    found: dict[str, Grid] = {}
    for name, grid in grids.items():
        w = model.params.get(name, grid.scale)
        if isinstance(grid, Signs):
            found[name] = Signs(2.0 ** np.floor(np.log2(binary_scale(w) * 4 / 3))).for_weights(w)
        elif name.endswith(".w"):
            found[name] = Grid(power_of_two_scale(w, grid.hi), 0, grid.lo, grid.hi).for_weights(w)
        else:
            found[name] = grid.with_scale(2.0 ** np.ceil(np.log2(0.99 * grid.scale)))
    found = fit_biases(model, found)
    return {name: grid.with_scale(2.0 ** np.ceil(np.log2(grid.scale))) for name, grid in found.items()}
