"""Depth: requantizing in the floats of a product, where a proof at every step says that no code changes.

To an output's sums in −β … β, requantizing is a staircase of at most 255 steps. Floats climb one, too,

    code = lo + ⌊clamp(fl(fl(acc·m) + c), 0, hi − lo + ½)⌋                                     (FS1)

in four passes where `scaling` needs seven. Rounding keeps order, and so do the product with a positive m, the
sum, the clamp and the floor: both staircases only rise. So they agree everywhere if they agree

    at −β, at β, and at T − 1 and T for every step, T the least sum of a greater code             (FS2)

for between two such sums, where the exact code stays, the other one cannot leave it. Where the steps are is
only guessed, from (acc + bias)·m0·2⁻ⁿ; that none was missed shows in the exact codes themselves, which may
differ from one sum asked about to the next only where the two are neighbours.

m is m0·2⁻ⁿ, rounded. c is free within what all steps allow, and lies in the middle of that. Where few bits
leave few steps, float32 passes; where it fails, at one sum of one output, floats of twice the width are
tried; and where they fail too (exact halves that go to even: no straight line does that), `scaling` runs.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fast.memory import clip, take
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.operators import Weighted
from tinyzip.machine.workspace import FRESH, Workspace

NEAR = np.arange(-2, 3)  # sums around a guess; "double" rounds up before, which is worth one


@dataclass(frozen=True)
class Steps:
    """m and c of (FS1), (F, 1), of the product's dtype or twice as wide; codes to clamp to."""

    m: Array
    c: Array
    y: Codes

    @classmethod
    def of(
        cls, operator: Weighted, scaling: Scaling, bounds: NDArray[np.int64], dtype: np.dtype[Any]
    ) -> "Steps | None":
        """The constants, if (FS2) proves them for all sums up to ± `bounds` (F,); else None."""
        y = scaling.y
        m, bias = np.ldexp(operator.m0.astype(float), -operator.n)[:, None], operator.bias[:, None]
        sums, exact = asked(scaling, m, bias, bounds[:, None])
        if ((np.diff(exact) != 0) & (np.diff(sums) > 1)).any():
            return None
        found = np.empty(sums.shape, y.dtype)
        for width in (dtype, np.dtype(float)):
            rounded = m.astype(width)
            products = (sums.astype(width) * rounded).astype(float)
            least = np.where(exact > y.lo, exact - products, -np.inf).max(1, keepdims=True) - y.lo
            most = np.where(exact < y.hi, exact + 1 - products, np.inf).min(1, keepdims=True) - y.lo
            least, most = np.maximum(least, most - 1), np.minimum(most, least + 1)
            steps = cls(rounded, ((least + most) / 2).astype(width), y)
            steps.apply(sums.astype(dtype), found, FRESH)
            if (found == exact).all():
                return steps
        return None

    def apply(self, acc: Array, out: Array, workspace: Workspace) -> None:
        """(FS1): out = clamp(y.zero + round((acc + bias)·M)); acc (F, P) floats, out (F, P) of y's dtype."""
        with workspace.scratch():
            scaled = take(acc, acc.shape, self.m.dtype, workspace)
            np.multiply(acc, self.m, out=scaled)
            np.add(scaled, self.c, out=scaled)
            clip(scaled, 0, self.y.hi - self.y.lo + 0.5)
            codes = out.view(np.uint8)  # which wraps around as int8 does
            np.copyto(codes, scaled, casting="unsafe")
            if self.y.lo:
                np.add(codes, np.uint8(self.y.lo % 256), out=codes)


def asked(
    scaling: Scaling, m: Array, bias: Array, bounds: Array
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The sums of (FS2), in order, some of them twice, and their exact codes; both (F, P)."""
    y = scaling.y
    halves = np.arange(y.lo, y.hi) - y.zero + 0.5
    guess = np.clip(np.floor(halves / m) - bias, -bounds - 1, bounds + 1).astype(np.int64)
    near = (guess[..., None] + NEAR).reshape(len(guess), -1)
    sums = np.clip(np.concatenate([-bounds, np.sort(near), bounds], 1), -bounds, bounds)
    exact = np.empty(sums.shape, y.dtype)
    scaling.apply(sums, exact, FRESH)
    return sums, exact.astype(np.int64)
