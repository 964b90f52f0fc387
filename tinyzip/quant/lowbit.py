"""One bit, three values, and scales that are a shift.

At the bottom of the ladder a weight has two or three values, and the scale is all that is left to
choose. Where the error Σ (w − s·q)² is the measure, that choice has a closed form. For any fixed codes q it
is least squares,

    s = Σ w·q / Σ q²                                                                         (1)

and for a fixed s the best codes are the nearest. Binary codes q = sign(w) do not depend on s, so (1) is
final:

    binary   s = mean |w|                                    [Rastegari et al. 2016, eq. 6]  (2)

Ternary codes are ±1 for the largest k magnitudes and 0 for the rest, for some k. With (1) the error is
Σ w² − (Σ_{i≤k} |w|₍ᵢ₎)²/k, so one sort and one running sum look at every k there is:

    ternary  k = argmax (Σ_{i≤k} |w|₍ᵢ₎)²/k,  s = Σ_{i≤k} |w|₍ᵢ₎ / k                          (3)

which is exact, where Li & Liu 2016 (eq. 5, 6) assume a distribution and put the threshold at 0.7·mean |w|. At
the optimum the threshold is s/2: nearest rounding on the grid gives those very codes.

Power-of-two scales turn the engine's multiplier into a shift. There is no closed form, because the codes
change with s, but there are few candidates: above the scale that covers the largest weight every halving
refines the grid, so nothing larger can be best, and each halving below clips half of what was left.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import refuse
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.blocks import blocks_of
from tinyzip.quant.calibrate import fit_biases, weight_grids
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.quant.grid import Codes, Grid, check_bits, check_finite


@dataclass(frozen=True, eq=False, init=False)
class Signs(Grid):
    """The grid of one bit: −scale and +scale, codes −1 and +1, and no code for 0, which counts as +.

    scale  () or (F,) float64, positive
    As there is no zero to pad with, this is a grid for weights only.
    """

    def __init__(self, scale: ArrayLike, zero: ArrayLike = 0, lo: int = -1, hi: int = 1) -> None:
        if (lo, hi) != (-1, 1) or np.any(zero):
            refuse("Signs: zero, lo, hi", (zero, lo, hi), "0, −1, 1")
        super().__init__(scale, 0, -1, 1)

    @property
    def bits(self) -> int:
        """One."""
        return 1

    def quantize(self, x: ArrayLike) -> Codes:
        """The sign of x as −1 or +1, int8; off by at most scale inside [−2·scale, 2·scale]."""
        array = check_finite(x, "Signs.quantize: x")
        self._along(self.scale, array, "Signs.quantize: x")
        return np.where(array < 0, -1, 1).astype(np.int8)


def _magnitudes(w: NDArray[Any], name: str) -> NDArray[np.float64]:
    """|w| as rows (F, K) in float64; refuses what has no scale."""
    if w.ndim < 2 or w.size == 0:
        refuse(name, f"shape {w.shape}", "weights (F, …) with at least one in each channel")
    rows: NDArray[np.float64] = np.abs(check_finite(w, name).reshape(w.shape[0], -1)).astype(np.float64)
    return rows


def binary_scale(w: NDArray[Any]) -> NDArray[np.float64]:
    """s = mean |w| of each channel, eq. (2): the least squared error of s·sign(w).

    w        (F, …) float
    returns  (F,) float64, in w's unit; 1 for a channel of zeros: a scale of 0 is no scale
    """
    scale = _magnitudes(w, "binary_scale: w").mean(axis=1)
    return np.where(scale > 0, scale, 1.0)


def ternary_scale(w: NDArray[Any]) -> NDArray[np.float64]:
    """The s of each channel with the least squared error of s·{−1, 0, 1}, eq. (3).

    w        (F, …) float
    returns  (F,) float64, in w's unit; 1 for a channel of zeros (all codes are 0 then)
    """
    rows = -np.sort(-_magnitudes(w, "ternary_scale: w"), axis=1)
    sums = np.cumsum(rows, axis=1)
    counts = np.arange(1, rows.shape[1] + 1)
    best = np.argmax(sums**2 / counts, axis=1)
    scale = sums[np.arange(len(rows)), best] / counts[best]
    return np.where(scale > 0, scale, 1.0)


def power_of_two_scale(w: NDArray[Any], hi: int) -> NDArray[np.float64]:
    """The power of two of each channel with the least squared error on codes −hi … hi.

    w        (F, …) float
    returns  (F,) float64, exact powers of two, in w's unit; 1 for a channel of zeros
    """
    if hi < 1:
        refuse("power_of_two_scale: hi", hi, "a largest code from 1 up")
    rows = _magnitudes(w, "power_of_two_scale: w")
    largest = rows.max(axis=1)
    top = np.ceil(np.log2(np.where(largest > 0, largest, hi) / hi))
    candidates = 2.0 ** (top[:, None] - np.arange(5))
    codes = np.clip(np.rint(rows[:, None] / candidates[..., None]), 0, hi)
    errors = ((codes * candidates[..., None] - rows[:, None]) ** 2).sum(axis=2)
    best = candidates[np.arange(len(rows)), np.argmin(errors, axis=1)]
    return np.where(largest > 0, best, 1.0)


def lowest_grid(w: NDArray[Any], bits: int) -> Grid:
    """The best grid of each channel at the bottom: `Signs` at 1 bit, {−s, 0, s} at 2 bits.

    w     (F, …) float
    bits  1 or 2
    """
    if isinstance(bits, bool) or bits not in (1, 2):
        refuse("lowest_grid: bits", bits, "1 (binary) or 2 (ternary)")
    return Signs(binary_scale(w)) if bits == 1 else Grid(ternary_scale(w), 0, -1, 1)


def best_weight_grids(model: Sequential, bits: int | Mapping[str, int]) -> dict[str, Grid]:
    """A grid "name.w" for the weights of each block, of least squared error in each channel, 1 to 8 bits.

    From 3 bits up by the search of `calibrate.weight_grids`, below in closed form by `lowest_grid`.

    model  float; batch norms are folded on the way
    bits   for all blocks, or for each by name
    """
    model = fold_batch_norm(model)
    names = [block.name for block in blocks_of(model)]
    wanted = bits if isinstance(bits, Mapping) else dict.fromkeys(names, bits)
    if wanted.keys() != set(names):
        refuse("weights", f"bits for {sorted(wanted)}", f"bits for each of {names}")
    searched = weight_grids(
        model, {name: max(check_bits(b, name, 1), 3) for name, b in wanted.items()}, "mse"
    )
    return {
        f"{name}.w": lowest_grid(model.params[f"{name}.w"], b) if b < 3 else searched[f"{name}.w"]
        for name, b in wanted.items()
    }


def power_of_two_grids(model: Sequential, grids: Mapping[str, Grid]) -> dict[str, Grid]:
    """The same grids on power-of-two scales, so that `lower(…, rounding="shift")` needs no multiplier.

    Weights get the scale of least squared error, one for each channel: for signs the power that is nearest to
    (2). It is larger where a bias would not fit otherwise. Activations get the next power that covers their
    range, where a range cut by less than 1 % counts as covered (images of bytes: 1/256 for 1/255).
    """
    model = fold_batch_norm(model)
    found: dict[str, Grid] = {}
    for name, grid in grids.items():
        if isinstance(grid, Signs):
            found[name] = Signs(2.0 ** np.floor(np.log2(binary_scale(model.params[name]) * 4 / 3)))
        elif name.endswith(".w"):
            found[name] = Grid(power_of_two_scale(model.params[name], grid.hi), 0, grid.lo, grid.hi)
        else:
            found[name] = grid.with_scale(2.0 ** np.ceil(np.log2(0.99 * grid.scale)))
    found = fit_biases(model, found)
    return {name: grid.with_scale(2.0 ** np.ceil(np.log2(grid.scale))) for name, grid in found.items()}
