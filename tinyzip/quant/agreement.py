"""How far can the simulation and the engine part?

Let D be the largest difference of codes at a block's input, Σ|w| the largest channel sum of |code| of its
weights, K the number of products, M = s_x·s_w/s_y. Simulation and engine round the same v, but for:

- float32 sums, off by at most ε = (K + 8)·2⁻²⁴·M·max (Σ |w·x| + |b|)
- the engine's multiplier, off by a factor within 1 ± 2⁻³¹, which is less than ε again
- rounding: by up to ½ in the simulation, by up to ½ + η in the engine, where η = 0 for "single" and
  "shift", and at most ½ for "double"
- D itself, which moves v by at most M·Σ|w|·D

Results are whole numbers, so together

    D_next ≤ ⌊1 + η + 2ε + M·Σ|w|·D⌋                                                            (1)

Clamping and max pooling do not widen a difference; an average adds at most 1 by its rounding. So where equal
codes come in (D = 0), codes part by at most one, and only where v is within 2ε of a half: on a trained
network a few in a million. Followed over many layers, (1) adds up the worst of everything and grows.
"""

import numpy as np

from tinyzip import integer
from tinyzip.nn.layers import AvgPool2d, Conv2d, GlobalAvgPool, Linear
from tinyzip.quant.fake import FakeQuantize, FakeQuantized


def code_bound(fake: FakeQuantized, rounding: integer.Rounding | None = None) -> dict[str, int]:
    """By how many codes simulation and engine can part, by (1) from equal codes at the input.

    rounding  as given to `lower`
    returns   codes by the name of each block, and of each average behind one, in order; never more than
              the grid is wide
    """
    grids, arrays = fake.grids(), fake.quantized()
    bound: dict[str, int] = {}
    inputs, D = "input", 0
    for name, layer in fake.network.layers.items():
        if isinstance(layer, FakeQuantize):
            continue
        if isinstance(layer, AvgPool2d | GlobalAvgPool):
            grid = grids[inputs]
            D = min(D + 1, grid.hi - grid.lo)
            bound[name] = D
        elif isinstance(layer, Conv2d | Linear):
            x, y = grids[inputs], grids[name]
            s_w = np.broadcast_to(grids[f"{name}.w"].scale, arrays[f"{name}.w"].shape[:1])
            M = x.scale * s_w / y.scale
            codes = np.abs(arrays[f"{name}.w"].reshape(len(s_w), -1) / s_w[:, None])
            total = codes.sum(axis=1)
            largest = total * max(x.hi - x.zero, x.zero - x.lo) + np.abs(arrays.get(f"{name}.b", 0)) / (
                x.scale * s_w
            )
            epsilon = (codes.shape[1] + 8) * 2.0**-24 * M * largest
            operator = integer.Conv2d if isinstance(layer, Conv2d) else integer.Linear
            eta = 0.5 if (rounding or operator.rounding) == "double" else 0.0
            D = int(min(np.floor(1 + eta + (2 * epsilon + M * total * D).max()), y.hi - y.lo))
            bound[name], inputs = D, name
    return bound
