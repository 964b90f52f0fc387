"""(QA1) to (QA4), computed along a network: by how many codes simulation and engine can differ."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np

from tinyzip import integer
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Activation, AvgPool2d, Conv2d, GlobalAvgPool, Linear
from tinyzip.nn.residual import Residual
from tinyzip.quant.door.lower import multipliers, sum_multipliers, table_of
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.fake_layer import FakeQuantize


def code_bound(fake: FakeQuantized, rounding: integer.Rounding | None = None) -> dict[str, int]:
    """By how many codes simulation and engine can differ, by (QA1) from equal codes at the input.

    rounding  as given to `lower`
    returns   codes by the name of each block, table, sum and average, in order; never more than the grid is
              wide
    """
    bound: dict[str, int] = {}
    _follow(fake, fake.network.layers, "", rounding, bound, "input", 0)
    return bound


def _follow(
    fake: FakeQuantized,
    chain: Mapping[str, Layer],
    way: str,
    rounding: integer.Rounding | None,
    bound: dict[str, int],
    source: str,
    D: int,
) -> tuple[str, int]:
    """Along a chain, from grid `source` and a difference of D codes on, to where it ends; into `bound`."""
    grids, arrays = fake.grids(), fake.arrays()
    for own, layer in chain.items():
        name = way + own
        if isinstance(layer, FakeQuantize):
            continue
        if isinstance(layer, Residual):
            (body, D_x), (shortcut, D_o) = (
                _follow(fake, branch, f"{name}.{part}.", rounding, bound, source, D)
                for part, branch in (("body", layer.body), ("shortcut", layer.shortcut))
            )
            if isinstance(layer, Concatenation):
                D = max(
                    table_bound(None, grids[x], grids[name], d) for x, d in ((body, D_x), (shortcut, D_o))
                )
            elif isinstance(layer, Product):
                D = product_bound(grids[body], grids[shortcut], grids[name], rounding, D_x, D_o)
            else:
                D = sum_bound(grids[body], grids[shortcut], grids[name], rounding, D_x, D_o)
            bound[name], source = D, name
        elif isinstance(layer, AvgPool2d | GlobalAvgPool):
            grid = grids[source]
            D = min(D + 1, grid.hi - grid.lo)
            bound[name] = D
        elif name in fake.tables:
            assert isinstance(layer, Activation)
            D = table_bound(layer, grids[source], grids[name], D)
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
            kind = integer.Conv2d if isinstance(layer, Conv2d) else integer.Linear
            if (rounding or kind.rounding) == "double":
                _, n = multipliers(x, w, y, F)
                eta = 2.0 ** (-1 - np.maximum(n - 31, 0))
            D = int(min(np.floor(1 + (eta + 2 * epsilon + M * total * D).max()), y.hi - y.lo))
            bound[name], source = D, name
    return source, D


def table_bound(layer: Activation | None, x: Grid, y: Grid, D: int) -> int:
    """(QA2) for a table from grid x to y; None is the change of grids before a concatenation."""
    codes = table_of(layer, x, y)[np.arange(x.lo, x.hi + 1) % 256].astype(int)
    spread = max((int(np.abs(codes[d:] - codes[:-d]).max()) for d in range(1, D + 1)), default=0)
    return int(min(1 + spread, y.hi - y.lo))


def sum_bound(x: Grid, o: Grid, y: Grid, rounding: integer.Rounding | None, D_x: int, D_o: int) -> int:
    """(QA3) for a sum of codes on the grids x and o."""
    numbers = sum_multipliers(x, o, y, rounding)
    ratios = [float(grid.scale / y.scale) for grid in (x, o)]
    if numbers["rounding"] == "double":
        eta, before = 2.0 ** (-1 - max(int(numbers["n"][2]) - 31, 0)), 2.0**-17 * max(ratios)
    else:
        eta, before = 0.0, 255 * 2.0 ** -numbers["n"]
    epsilon = 2.0**-22 * 255 * sum(ratios)
    moved = ratios[0] * D_x + ratios[1] * D_o
    return int(min(np.floor(1 + eta + before + epsilon + moved), y.hi - y.lo))


def product_bound(x: Grid, o: Grid, y: Grid, rounding: integer.Rounding | None, D_x: int, D_o: int) -> int:
    """(QA4) for a product of codes on the grids x and o."""
    M = Fraction(float(x.scale)) * Fraction(float(o.scale)) / Fraction(float(y.scale))
    left = max(integer.multiplier(M)[1] - 31, 0)
    eta = 2.0 ** (-1 - left) if rounding in (None, "double") else 0.0
    R_x, R_o = (max(grid.hi - int(grid.zero), int(grid.zero) - grid.lo) for grid in (x, o))
    moved = 2.0**-22 * R_x * R_o + R_x * D_o + R_o * D_x + D_x * D_o
    return int(min(np.floor(1 + eta + moved * float(M)), y.hi - y.lo))
