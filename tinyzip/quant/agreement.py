"""How far can the simulation and the engine differ?

Let D be the largest difference of codes at a block's input, Σ|w| the largest channel sum of |code| of its
weights, K the number of products, M = s_x·s_w/s_y. Simulation and engine round the same v, but for:

- float32 sums, off by at most ε = (K + 8)·2⁻²⁴·M·max (Σ |w·x| + |b|)
- the engine's multiplier, off by a factor within 1 ± 2⁻³¹, which is less than ε again
- rounding: by up to ½ in the simulation, by up to ½ + η in the engine. η is what a second rounding adds:
  2⁻ᵉ⁻¹ with e = max(n − 31, 0) where the operator rounds by "double", else 0 (F7 of `integer.fixedpoint`)
- D itself, which moves v by at most M·Σ|w|·D

Results are whole numbers, so together

    D_next ≤ ⌊1 + η + 2ε + M·Σ|w|·D⌋                                                            (QA1)

Clamping and max pooling do not widen a difference; an average adds at most 1 by its rounding. A table t of
codes maps codes that differ by D to such as differ by

    D_next ≤ 1 + max { |t[i] − t[j]| : |i − j| ≤ D }                                           (QA2)

where 1 is for the simulation, whose float32 may miss a half. So where equal
codes come in (D = 0), codes differ by at most one, and only where v is within η + 2ε of a half: on a trained
network a few in a million with one rounding. With two it is one in 2ᵉ⁺¹, and e falls with every bit that is
left out, for the simulation rounds once. Followed over many layers, QA1 adds up the worst of everything.
"""

import numpy as np

from tinyzip import integer
from tinyzip.nn.activations import Activation
from tinyzip.nn.layers import AvgPool2d, Conv2d, GlobalAvgPool, Linear
from tinyzip.quant.fake import FakeQuantize, FakeQuantized
from tinyzip.quant.lower import multipliers, table_of


def code_bound(fake: FakeQuantized, rounding: integer.Rounding | None = None) -> dict[str, int]:
    """By how many codes simulation and engine can differ, by (QA1) from equal codes at the input.

    rounding  as given to `lower`
    returns   codes by the name of each block, table, and average, in order; never more than the grid is
              wide
    """
    grids, arrays = fake.grids(), fake.quantized()
    bound: dict[str, int] = {}
    source, D = "input", 0
    for name, layer in fake.network.layers.items():
        if isinstance(layer, FakeQuantize):
            continue
        if isinstance(layer, AvgPool2d | GlobalAvgPool):
            grid = grids[source]
            D = min(D + 1, grid.hi - grid.lo)
            bound[name] = D
        elif name in fake.tables:
            x, y = grids[source], grids[name]
            assert isinstance(layer, Activation)
            codes = table_of(layer, x, y)[np.arange(x.lo, x.hi + 1) % 256].astype(int)
            spread = max((int(np.abs(codes[d:] - codes[:-d]).max()) for d in range(1, D + 1)), default=0)
            D = min(1 + spread, y.hi - y.lo)
            bound[name], source = D, name
        elif isinstance(layer, Conv2d | Linear):
            x, w, y = grids[source], grids[f"{name}.w"], grids[name]
            F = len(arrays[f"{name}.w"])
            s_w = np.broadcast_to(w.scale, F)
            M = x.scale * s_w / y.scale
            codes = np.abs(arrays[f"{name}.w"].reshape(F, -1) / s_w[:, None])
            total, bias = codes.sum(axis=1), np.abs(arrays.get(f"{name}.b", 0)) / (x.scale * s_w)
            largest = total * max(x.hi - x.zero, x.zero - x.lo) + bias
            epsilon = (codes.shape[1] + 8) * 2.0**-24 * M * largest
            eta = np.zeros(F)
            if (rounding or _operator(layer).rounding) == "double":
                _, n = multipliers(x, w, y, F)
                eta = 2.0 ** (-1 - np.maximum(n - 31, 0))
            D = int(min(np.floor(1 + (eta + 2 * epsilon + M * total * D).max()), y.hi - y.lo))
            bound[name], source = D, name
    return bound


def _operator(layer: Conv2d | Linear) -> type[integer.Conv2d | integer.Linear]:
    """The operator that a layer is lowered to."""
    return integer.Conv2d if isinstance(layer, Conv2d) else integer.Linear
