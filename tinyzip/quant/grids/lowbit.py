"""One bit and three values: the best scale in closed form.

At the fewest bits a weight has two or three values, and the scale is all that is left to choose. Where the
error Σ (w − s·q)² is the measure, that choice has a closed form. For any fixed codes q it is least squares,

    s = Σ w·q / Σ q²                                                                         (QL1)

and for fixed s the nearest codes are best. Binary codes q = sign(w) do not depend on s, so (QL1) is final:

    binary   s = mean |w|                                    [Rastegari et al. 2016, eq. 6]  (QL2)

Ternary codes are ±1 for the largest k magnitudes and 0 for the rest, for some k. With (QL1) the error is
Σ w² − (Σ_{i≤k} |w|₍ᵢ₎)²/k, so one sort and one running sum look at every k there is:

    ternary  k = argmax (Σ_{i≤k} |w|₍ᵢ₎)²/k,  s = Σ_{i≤k} |w|₍ᵢ₎ / k                          (QL3)

which is exact, where Li & Liu 2016 (eq. 5, 6) assume a distribution and put the threshold at 0.7·mean |w|. At
the optimum the threshold is s/2: nearest rounding on the grid gives those very codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinyzip.base.refuse import refuse
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import weight_grids
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Codes, Grid, check_bits, check_finite


@dataclass(frozen=True, eq=False, init=False)
class Signs(Grid):
    """The grid of one bit: −scale and +scale, codes −1 and +1, and no code for 0, which counts as +.

    scale  () or (F,) float64, positive
    As there is no zero to pad with, this is a grid for weights only.
    """

    def __init__(
        self, scale: ArrayLike, zero: ArrayLike = 0, lo: int = -1, hi: int = 1, made_for: int | None = None
    ) -> None:
        if (lo, hi) != (-1, 1) or np.any(zero):
            refuse("Signs: zero, lo, hi", (zero, lo, hi), "0, −1, 1")
        super().__init__(scale, 0, -1, 1, made_for)

    @property
    def bits(self) -> int:
        """One."""
        return 1

    def quantize(self, x: ArrayLike) -> Codes:
        """The sign of x as −1 or +1, int8; off by at most scale inside [−2·scale, 2·scale]."""
        array = check_finite(x, "Signs.quantize: x")
        self._along(self.scale, array, "Signs.quantize: x")
        return np.where(array < 0, -1, 1).astype(np.int8)


def describe_grids(grids: Mapping[str, Grid]) -> dict[str, dict[str, Any]]:
    """Grids by name as JSON can hold them; its numbers come back exactly."""
    return {
        name: {"kind": type(grid).__name__, "scale": grid.scale.tolist(), "zero": grid.zero.tolist()}
        | {field: getattr(grid, field) for field in ("lo", "hi", "made_for")}
        for name, grid in grids.items()
    }


def grids_of(described: Any) -> dict[str, Grid]:
    """The inverse of `describe_grids`; raises ValueError or TypeError for what it did not write."""
    kinds = {"Grid": Grid, "Signs": Signs}
    fields = "scale", "zero", "lo", "hi", "made_for"
    return {
        name: kinds[entry["kind"]](*(entry.get(field) for field in fields))
        for name, entry in described.items()
    }


def magnitudes(w: Array, name: str) -> NDArray[np.float64]:
    """|w| as rows (F, K) in float64; refuses what has no scale."""
    if w.ndim < 2 or w.size == 0:
        refuse(name, f"shape {w.shape}", "weights (F, …) with at least one in each channel")
    return np.abs(check_finite(w, name).reshape(w.shape[0], -1)).astype(np.float64)


def binary_scale(w: Array) -> NDArray[np.float64]:
    """s = mean |w| of each channel, (QL2): the least squared error of s·sign(w).

    w        (F, …) float
    returns  (F,) float64, in w's unit; 1 for a channel of zeros: a scale of 0 is no scale
    """
    scale = magnitudes(w, "binary_scale: w").mean(axis=1)
    return np.where(scale > 0, scale, 1.0)


def ternary_scale(w: Array) -> NDArray[np.float64]:
    """The s of each channel with the least squared error of s·{−1, 0, 1}, (QL3).

    w        (F, …) float
    returns  (F,) float64, in w's unit; 1 for a channel of zeros (all codes are 0 then)
    """
    rows = -np.sort(-magnitudes(w, "ternary_scale: w"), axis=1)
    sums = np.cumsum(rows, axis=1)
    counts = np.arange(1, rows.shape[1] + 1)
    best = np.argmax(sums**2 / counts, axis=1)
    scale = sums[np.arange(len(rows)), best] / counts[best]
    return np.where(scale > 0, scale, 1.0)


def lowest_grid(w: Array, bits: int) -> Grid:
    """The grid of least squared error of each channel: `Signs` at 1 bit, {−s, 0, s} at 2 bits.

    w     (F, …) float
    bits  1 or 2
    """
    if isinstance(bits, bool) or bits not in (1, 2):
        refuse("lowest_grid: bits", bits, "1 (binary) or 2 (ternary)")
    return Signs(binary_scale(w)) if bits == 1 else Grid(ternary_scale(w), 0, -1, 1)


def best_weight_grids(
    model: Inspected, bits: int | Mapping[str, int], method: str = "mse"
) -> dict[str, Grid]:
    """A grid "name.w" for the weights of each block, one step a channel, 1 to 8 bits.

    From 3 bits up by `calibrate.weight_grids`, below of least squared error in closed form by `lowest_grid`.

    model   float; batch norms are folded on the way
    bits    for all blocks, or for each by name
    method  from 3 bits up: "mse" for the least squared error, or "minmax"
    """
    model = fold_batch_norm(model)
    names = [block.name for block in blocks_of(model)]
    wanted = bits if isinstance(bits, Mapping) else dict.fromkeys(names, bits)
    if wanted.keys() != set(names):
        refuse("weights", f"bits for {sorted(wanted)}", f"bits for each of {names}")
    searched_bits = {name: max(check_bits(b, f"weights of {name}", 1), 3) for name, b in wanted.items()}
    searched = weight_grids(model, searched_bits, method)
    w = {name: model.params[f"{name}.w"] for name in names}
    return {
        f"{name}.w": lowest_grid(w[name], b).for_weights(w[name]) if b < 3 else searched[f"{name}.w"]
        for name, b in wanted.items()
    }
