"""(QD4) and (QD8), computed layer by layer: how far from the float logits those of a program may be.

Of a product, x·o − x̂·ô = x·(o − ô) + o·(x − x̂) − (x − x̂)·(o − ô).
"""

import numpy as np

from tinyzip.integer import Program
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layers import Activation, AvgPool2d, GlobalAvgPool
from tinyzip.quant.grids.blocks import Sum, blocks_of
from tinyzip.quant.grids.grid import by_channel
from tinyzip.train.data import to_input


def affine(layer, w, b, x):
    """A convolution or linear layer on other arrays, in float64."""
    p = {"w": np.ascontiguousarray(w, np.float64)} | ({"b": b} if layer.bias else {})
    return layer.forward(p, np.ascontiguousarray(x, np.float64))[0]


def second_rounding(operator):
    """η of each output: half a unit of what is left to shift after the first rounding."""
    left = np.maximum(operator.n - 31, 0)
    return 2.0 ** (-1 - left) if operator.rounding == "double" else np.zeros(len(left))


def logits_and_bound(model, grids, images, program: Program):
    """The exact logits of a folded model in float64 and, entry by entry, (QD4) and (QD8) for its program.

    Here |acc|·M·2⁻³¹ is taken at |acc|·M ≤ 2⁹, since what is further from the zero point is clamped. (QD4) is
    for outputs within s_y/2 of the grid's ends; what they are beyond that is added, for that is clipped. 2⁻⁴⁰
    of the largest number is for the roundings of float64.
    """
    operators = {operator.name: operator for operator in program.operators}
    x = to_input(images).astype(np.float64)
    grid = grids["input"]
    step = float(grid.scale)
    error = np.abs(step * (grid.quantize(x).astype(np.float64) - grid.zero) - x)
    x, error, _ = along(model, grids, operators, blocks_of(model), x, error, step)
    return x, error


def along(model, grids, operators, blocks, x, error, step):
    """What a chain of blocks gives for x, its error, and the step of its last grid."""
    for name, layer in blocks.head:
        x, error, step = through(layer, x, error, step, grids.get(name))
    for part in blocks.parts:
        operator, target = operators[part.name], grids[part.name]
        if isinstance(part, Sum):
            (y, error, one), (other, second, two) = (
                along(model, grids, operators, way, x, error, step) for way in (part.body, part.shortcut)
            )
            if isinstance(part.layer, Concatenation):
                y, error = (
                    np.concatenate(part.layer.ordered(*ways)) for ways in ((y, other), (error, second))
                )
                own = 0.5
            elif isinstance(part.layer, Product):
                error = abs(y) * second + abs(other) * error + error * second
                y = y * other
                own = 0.5 + (2.0 ** (-1 - max(operator.n - 31, 0)) if operator.rounding == "double" else 0)
                own = own + 2.0**-22
            elif operator.rounding == "double":
                left = max(int(operator.n[2]) - 31, 0)
                own = 0.5 + 2.0 ** (-1 - left) + 2.0**-22
                y, error = y + other, error + second + max(one, two) * 2.0**-17
            else:
                y, error = y + other, error + second
                own = 0.5 + 255 * 2.0 ** -int(operator.n[0])
        else:
            y, error = affine_and_bound(model, grids, operator, part, x, error, step)
            own = 0.5 + by_channel(second_rounding(operator), y) + 2.0**-22
        step = float(target.scale)
        error = error + step * own + 2.0**-40 * np.abs(y).max()
        x = part.clamped(y)
        error = error + np.maximum(0, np.maximum(x - target.high, target.low - x) - step / 2)
        for name, layer in part.after:
            x, error, step = through(layer, x, error, step, grids.get(name))
    return x, error, step


def affine_and_bound(model, grids, operator, block, x, error, step):
    """A block's sums, and by how much those of its operator can be off, but for the last rounding."""
    w, layer = model.params[f"{block.name}.w"], block.layer
    b = model.params.get(f"{block.name}.b", np.zeros(len(w)))
    weights = grids[f"{block.name}.w"]
    rounded = operator.w * by_channel(weights.scale, w)
    y = affine(layer, w, b, x)
    error = affine(layer, np.abs(rounded), np.zeros(len(w)), error)
    error += affine(layer, np.abs(w - rounded), np.zeros(len(w)), np.abs(x))
    error += by_channel(np.broadcast_to(step * weights.scale / 2, len(w)), y)
    return y, error


def through(layer, x, error, step, grid):
    """A pool or flatten, which selects errors, or averages them and rounds; a table that is nowhere steeper
    than 1, of this grid.
    """
    if isinstance(layer, Activation):
        y, step = layer.of(x), float(grid.scale)
        beyond = np.maximum(0, np.maximum(y - grid.high, grid.low - y) - step / 2)
        return y, error + step / 2 + beyond, step
    rounding = step / 2 if isinstance(layer, AvgPool2d | GlobalAvgPool) else 0
    return layer.forward({}, x)[0], layer.forward({}, error)[0] + rounding, step


def assert_within_bound(model, grids, images, program, codes):
    """The codes that a program gave for images mean logits within (QD4)."""
    exact, bound = logits_and_bound(model, grids, images, program)
    last = grids[blocks_of(model).grids[-1]]
    found = last.scale * (codes.astype(np.float64) - last.zero)
    assert (np.abs(found - exact) <= bound).all()
