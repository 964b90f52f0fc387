"""The one door from float to integer.

A float network and its grids go in, an `integer.Program` comes out. With x = s_x·(q_x − z_x) and w = s_w·q_w
a layer's sum is

y = Σ w·x + b = s_x·s_w · (Σ q_w·(q_x − z_x) + b/(s_x·s_w))                    [Jacob et al. 2018, eq. 4]

so all that is left of the real numbers is where they set integers:

q_b = rint(b / (s_x·s_w))            the bias, in the accumulator's unit [their eq. 11]    (QD1)
M   = s_x·s_w / s_y = m0·2⁻ⁿ         the multiplier, to 31 bits (`integer.fixedpoint`)     (QD2)
clip = clamp from q(low) to q(high)  since rounding nowhere falls; ReLU from z_y up        (QD3)
table[q_x] = q(f(s_x·(q_x − z_x)))   any other function f of one number                   (QD5)

and for the sum of x and o, with s the greater of their scales, three multipliers, or two of one n:

s_x/2s, s_o/2s, 2s/(2²⁰·s_y)         as LiteRT's ADD, see (AD1) of `integer.residuals`     (QD6)
s_x/s_y, s_o/s_y                     as XNNPACK's, see (AD2)                               (QD7)

and for their product s_x·s_o/s_y. Scales are exact, M is a fraction, and the only rounding is that
to 31 bits. Max pooling selects codes and commutes with all of this, so it stays an operator of its own after
the layer and the engine may run it before QD2. In QD5 f is computed in float64 for each code that there is,
and rounded once: the engine only looks it up.

How far the codes are from what the float network gives: with |x − x̂| ≤ e_x on its input,

|y − ŷ| ≤ Σ |ŵ|·e_x + Σ |w − ŵ|·|x| + s_x·s_w/2 + s_y·(½ + η + |acc|·M·2⁻³¹)                (QD4)

for y inside the calibrated range: the error of the input, then the rounding of the weights, of the bias and
of the output. η is what a second rounding adds: 2⁻ᵉ⁻¹ with e = max(n − 31, 0) where the operator rounds by
"double", else 0 (F7 of `integer.fixedpoint`). Saturation adds nothing, since the grid's ends are within
s_y/2 of the range's. ReLU and max pooling do not increase the error; an average adds s_y/2 for its own
rounding, and a table of an f that is nowhere steeper than L makes L·e_x + s_y/2 of it. A sum has the errors
of both, and by (QD6) what two roundings to 2s·2⁻²⁰ and their multipliers' 31 bits cost, 17/16 of that each;
or by (QD7) that both multipliers are whole numbers over 2ⁿ:

|y − ŷ| ≤ e_x + e_o + s·2⁻¹⁷ + s_y·(½ + η + |acc|·M·2⁻³¹)     or     e_x + e_o + s_y·(½ + 255·2⁻ⁿ)   (QD8)

A test computes all of this layer by layer.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import flag, refuse, said
from tinyzip.integer import layout
from tinyzip.integer import operators as records
from tinyzip.integer.bounds import channel_bounds
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import Rounding, multiplier
from tinyzip.integer.maps import Table
from tinyzip.integer.operators import Operator
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import ADD_SHIFT, Add, Concat, Product, Recall
from tinyzip.nn.chain import shapes_along
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.layers import Activation, AvgPool2d, Conv2d, Flatten, GlobalAvgPool, MaxPool2d
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import Between, Block, Blocks, Gridless, Sum, blocks_of
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid, check_finite

INT32_MOST = 2**31 - 1


def lower(
    model: Inspected, grids: dict[str, Grid], rounding: Rounding | None = None, argmax: bool = False
) -> Program:
    """The integer program of a model on these grids. Batch norms are folded on the way, dropout vanishes.

    grids     as from `calibrate`: "input", for each block its name and its name with ".w", and for each table
              and sum its name. Activations per tensor; weights with zero 0, per tensor or per channel
    rounding  how every operator rounds; "shift" needs scales whose every M is a power of two. None is each
              operator's own default, which is LiteRT's: "double" for convolutions and sums, "single" for
              linear layers
    argmax    end in classes; otherwise in the codes of the logits, on the last block's grid
    returns   a program for codes grids["input"].quantize(to_input(images))
    raises    ValueError that names the layer: one without integer operator, a missing or unsuitable grid, or
              one that was made for other weights, weights or biases with NaN, a bias or a sum beyond int32, a
              multiplier beyond the engine's range
    """
    check_network(model, "lower: model")
    if not isinstance(grids, dict):
        refuse("lower: grids", said(grids), "grids by name, as from `calibrate`", TypeError)
    model = fold_batch_norm(model)
    blocks = blocks_of(model)
    source = _scalar_grid(grids, "input")
    program = _Draft(model, grids, rounding)
    end = program.chain(blocks, At(source, codes_of(source), -1))
    program.go(end)
    if flag(argmax, "lower: argmax"):
        program.operators.append(records.Argmax(name="argmax"))
    return Program(tuple(program.operators), model.shape, codes_of(source))


@dataclass(frozen=True)
class At:
    """How far a chain has come: on which grid it is, with which codes, and which operator wrote them."""

    grid: Grid
    codes: Codes
    place: int


class _Draft:
    """A program under construction."""

    def __init__(self, model: Inspected, grids: dict[str, Grid], rounding: Rounding | None) -> None:
        self.model, self.grids, self.rounding = model, grids, rounding
        self.operators: list[Operator] = []

    def add(self, operator: Operator, at: At, grid: Grid, codes: Codes) -> At:
        """Append an operator that reads what is at `at`."""
        self.go(at)
        self.operators.append(operator)
        return At(grid, codes, len(self.operators) - 1)

    def go(self, at: At) -> None:
        """Make `at` what the next operator reads."""
        if at.place != len(self.operators) - 1:
            self.operators.append(Recall(at.place))

    def chain(self, blocks: Blocks, at: At) -> At:
        """Append the operators of a chain; returns where it ends."""
        at = self.between(blocks.head, at)
        for part in blocks.parts:
            target = _scalar_grid(self.grids, part.name)
            at = self.sum(part, at, target) if isinstance(part, Sum) else self.affine(part, at, target)
            at = self.between(part.after, at)
        return at

    def affine(self, block: Block, at: At, target: Grid) -> At:
        """Append a block's operator."""
        weights = _grid(self.grids, f"{block.name}.w")
        try:
            operator = _affine(self.model, block, at.grid, weights, target, self.rounding)
        except ValueError as error:
            raise ValueError(f"layer {block.name!r}: {error}") from None
        bound = int(channel_bounds(operator, at.codes).max())
        if bound > INT32_MOST:
            refuse(f"layer {block.name!r}", f"sums up to {bound}", "sums that int32 holds")
        return self.add(operator, at, target, operator.y)

    def sum(self, part: Sum, at: At, target: Grid) -> At:
        """Append both chains of a residual block, and the addition of what they give, or another join."""
        x, other = (self.chain(way, at) for way in (part.body, part.shortcut))
        if part.layer.how == "concatenation":
            return self.side_by_side(part, part.layer.ordered(x, other), target)
        given = self.model.every_layer[part.name].given
        sizes = [math.prod(shapes_along(way, given)[-1]) for way in part.layer.branches()]
        if sizes[0] < sizes[1] or (sizes[0] == sizes[1] and other.place == len(self.operators) - 1):
            x, other = other, x  # what the chain goes on from, and never a single pixel beside many
        y = codes_of(target, part.clamp)
        try:
            operator: Operator
            if part.layer.how == "product":
                s_x, s_o, s_y = (Fraction(float(grid.scale)) for grid in (x.grid, other.grid, target))
                m0, n = multiplier(s_x * s_o / s_y)
                operator = Product(other.place, m0, n, y, name=part.name, rounding=self.rounding or "double")
            else:
                numbers = sum_multipliers(x.grid, other.grid, target, self.rounding)
                operator = Add(other.place, y=y, name=part.name, **numbers)
            operator = operator.checked(operator.kind)
        except ValueError as error:
            raise ValueError(f"layer {part.name!r}: {error}") from None
        return self.add(operator, x, target, y)

    def side_by_side(self, part: Sum, ends: tuple[At, At], target: Grid) -> At:
        """Append a concatenation, and a table in front for each end that is not on its grid."""
        y = codes_of(target, part.clamp)
        sources = []
        for k, end in enumerate(ends):
            if end.codes != y:
                codes = np.clip(table_of(None, end.grid, target), y.lo, y.hi)
                end = self.add(Table(codes, y, name=f"{part.name}.to{k}"), end, target, y)
            sources.append(end.place)
        self.operators.append(Concat(tuple(sources), name=part.name))
        return At(target, y, len(self.operators) - 1)

    def between(self, between: Between, at: At) -> At:
        """Append the operators of what lies between two blocks."""
        for name, layer in between:
            if isinstance(layer, Activation):
                target = _scalar_grid(self.grids, name)
                operator = Table(table_of(layer, at.grid, target), codes_of(target), name=name)
                at = self.add(operator, at, target, operator.y)
            else:
                at = self.add(_gridless(name, layer), at, at.grid, at.codes)
        return at


def codes_of(grid: Grid, clamp: tuple[float, float] = (-inf, inf)) -> Codes:
    """A grid per tensor as the integer world says it: the scale as an exact fraction, a clamp by (QD3).

    clamp  real numbers (low, high), low ≤ 0 ≤ high
    """
    zero = int(grid.zero)
    lo, hi = (grid.quantize(np.clip(end, grid.low, grid.high)).item() for end in clamp)
    if lo == hi:  # so coarse a grid that both are the code of 0; there is none with a single code
        lo, hi = (lo, lo + 1) if lo < grid.hi else (lo - 1, lo)
    m, denominator = float(grid.scale).as_integer_ratio()
    twos = (m & -m).bit_length() - 1
    scale = m >> twos, denominator.bit_length() - 1 - twos
    return Codes(lo, hi, zero, scale)


def bias_codes(b: Array, unit: NDArray[np.float64]) -> NDArray[np.int32]:
    """(QD1): biases (F,) in `unit` = s_x·s_w, () or (F,), rounded to int32; refuses those that do not fit."""
    codes = np.rint(check_finite(b, "bias") / unit)
    if np.abs(codes).max() > INT32_MOST:
        most = float(np.abs(codes).max())
        refuse("bias", f"{most:.3g} steps of s_x·s_w", f"at most {INT32_MOST}, a larger scale of the weights")
    return codes.astype(np.int32)


def multipliers(
    source: Grid, weights: Grid, target: Grid, F: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(QD2): m0 and n of each of F outputs, (F,) each, for grids of input, weights and output."""
    ratio = Fraction(float(source.scale)) / Fraction(float(target.scale))
    pairs = [multiplier(ratio * Fraction(scale)) for scale in np.broadcast_to(weights.scale, F).tolist()]
    m0, n = np.array(pairs, np.int64).T
    return m0, n


def sum_multipliers(x: Grid, o: Grid, target: Grid, rounding: Rounding | None) -> dict[str, Any]:
    """(QD6) or (QD7): what an `integer.Add` of codes on the grids x and o needs to know.

    rounding  as given to `lower`: "double" and None by (QD6), others by (QD7); "shift" only where it is exact
    """
    ratios = [Fraction(float(grid.scale)) / Fraction(float(target.scale)) for grid in (x, o)]
    if rounding in (None, "double"):
        twice = 2 * max(ratios)
        reals = [*(ratio / twice for ratio in ratios), twice / 2**ADD_SHIFT]
        m0, n = np.array([multiplier(real) for real in reals], np.int64).T
        return {"m0": m0, "n": n, "rounding": "double"}
    bits = min(ADD_SHIFT - math.frexp(float(max(ratios)))[1] + 1, 31)
    if bits < 1:
        refuse("multiplier", f"{float(max(ratios)):.3g}", f"less than 2^{ADD_SHIFT}")
    m0 = [max(round(ratio * 2**bits), 1) for ratio in ratios]
    exact = all(ratio * 2**bits == m and m.bit_count() == 1 for ratio, m in zip(ratios, m0, strict=True))
    if rounding == "shift" and not exact:
        found = ", ".join(f"{float(ratio):.6g}" for ratio in ratios)
        refuse("multipliers", found, "powers of two, none too small beside the other")
    return {"m0": np.array(m0, np.int64), "n": bits, "rounding": "single"}


def _affine(
    model: Inspected, block: Block, source: Grid, weights: Grid, target: Grid, rounding: Rounding | None
) -> records.Conv2d | records.Linear:
    """The operator of a block, by QD1 to QD3."""
    if weights.zero.any():
        refuse("weights' grid", f"zeros {weights.zero.min()} … {weights.zero.max()}", "a symmetric grid")
    real = check_finite(model.params[f"{block.name}.w"], "w")
    w = weights.quantize(real)
    if not weights.fits(real):
        found = f"a grid for other weights, up to ±{weights.high.max():.3g}"
        found += f" (these: ±{np.abs(real).max():.3g})"
        needed = "that of these: of calibrate(model, images), or after training of simulation.grids()"
        refuse("weights' grid", found, needed)
    b = model.params.get(f"{block.name}.b")
    unit = source.scale * weights.scale
    m0, n = multipliers(source, weights, target, len(w))
    bias, y = None if b is None else bias_codes(b, unit), codes_of(target, block.clamp)
    common: dict[str, Any] = {"w": w, "bias": bias, "m0": m0, "n": n, "y": y, "name": block.name}
    common["weight_bits"] = weights.bits
    if rounding is not None:
        common["rounding"] = rounding
    layer = block.layer
    if isinstance(layer, Conv2d):
        common |= {"stride": layer.stride, "padding": layer.padding, "groups": layer.groups}
        return records.Conv2d(**common).checked("Conv2d")
    return records.Linear(**common).checked("Linear")


def table_of(layer: Activation | None, source: Grid, target: Grid) -> NDArray[np.int16]:
    """(QD5): for each code of `source` the code of `target`, (256,) by the code's byte; elsewhere zero's.

    layer  None for the same number on another grid
    """
    codes = np.arange(source.lo, source.hi + 1)
    x = float(source.scale) * (codes - int(source.zero))
    table = np.full(256, int(target.zero), np.int16)
    table[codes % 256] = target.quantize(x if layer is None else layer.of(x[:, None])[:, 0])
    return table


def _gridless(name: str, layer: Gridless) -> Operator:
    """The operator of a pool or a flatten."""
    match layer:
        case MaxPool2d(kernel, stride, padding):
            return records.MaxPool2d(kernel, stride, padding, name=name)
        case AvgPool2d(kernel, stride, padding):
            return records.AvgPool2d(kernel, stride, padding, name=name)
        case GlobalAvgPool():
            return records.GlobalAvgPool(name=name)
        case Flatten():
            return layout.Flatten(name=name)


def _grid(grids: dict[str, Grid], name: str) -> Grid:
    """The grid of that name."""
    if not isinstance(grids.get(name), Grid):
        refuse(f"grids[{name!r}]", grids.get(name), "a Grid, as of calibrate(model, images)")
    return grids[name]


def _scalar_grid(grids: dict[str, Grid], name: str) -> Grid:
    """The grid of that name, which must be per tensor."""
    grid = _grid(grids, name)
    if grid.scale.ndim:
        refuse(f"grids[{name!r}]", f"{grid.scale.size} channels", "one scale for the whole activation")
    return grid
