"""Depth: whole-number arithmetic in ONNX's operators: floors, roundings, and a sum that becomes a code.

ONNX has no arithmetic shift: BitShift takes unsigned numbers only. It has a division, which cuts off towards
zero, and that is the floor for what is not negative. So for q of either sign

    ⌊q / 2ˢ⌋ = cut((q − σ) / 2ˢ) + σ,   σ = −1 where q < 0, else 0                               (OI1)

since −1 − q counts down from −1 as q does up from 0. Where the result is clamped afterwards, to least … most,
there is a shorter way. Lift q by −least·2ˢ; what is still negative belongs below the clamp; so put it at 0,
and the cut is a floor:

    min(max(⌊q / 2ˢ⌋, least), most) − least = min(cut(max(q − least·2ˢ, 0) / 2ˢ), most − least)  (OI2)

All this in int64, where the lift must not overflow: the bounds of `integer.bounds` say for each channel
whether it could, and where it could, (OI1) is taken.

Halves to even, for a power of two p, with w = ⌊|x| / p⌋ the whole part:

    even(x / p) = sign(x)·⌊(2·|x| + p − 1 + w mod 2) / 2p⌋                                       (OI3)

A half, 2·|x| = 2·w·p + p, reaches the next multiple of 2p only if w is odd. The constants of a requantization
are those of `integer.fast.scaling`, whose equations (M1) to (M5) say why they are right.
"""

from typing import Any

import numpy as np

from tinyzip.exchange.onnx.graph import Draft, per_channel
from tinyzip.integer import Codes
from tinyzip.integer.fast.scaling import Scaling
from tinyzip.integer.fixedpoint import POWERS, SIGNIFICANT

Values = Any  # a number, or one for each channel, as Python's integers where int64 might be too small


def int64(graph: Draft, values: Values, rank: int, what: str) -> str:
    """A constant for tensors whose examples have `rank` axes, channels the first of them."""
    array = np.atleast_1d(np.asarray(values, np.int64)).ravel()
    same = (array == array[0]).all()
    return graph.constant(array[0] if same else per_channel(array, rank), np.int64, what)


def floor(graph: Draft, q: str, divisor: str) -> str:
    """⌊q / divisor⌋ of int64 by (OI1); divisor a positive tensor."""
    ends = (graph.constant(end, np.int64, what) for end, what in ((-1, "minus one"), (0, "nothing")))
    sign = graph.add("Clip", q, *ends)
    return graph.add("Add", graph.add("Div", graph.add("Sub", q, sign), divisor), sign)


def to_even(graph: Draft, x: str, p: str) -> str:
    """x / p to nearest, halves to even, by (OI3); p a tensor of powers of two, |x| + p < 2⁶²."""
    one, two = graph.constant(1, np.int64, "one"), graph.constant(2, np.int64, "two")
    size = graph.add("Abs", x)
    odd = graph.add("Mod", graph.add("Div", size, p), two)
    lifted = graph.add("Add", graph.add("Mul", size, two), graph.add("Add", graph.add("Sub", p, one), odd))
    nearest = graph.add("Div", lifted, graph.add("Mul", p, two))
    return graph.add("Mul", graph.add("Sign", x), nearest)


def significant(graph: Draft, x: str, bits: int) -> str:
    """x to nearest among the numbers of 24 significant bits, halves to even; int64 |x| < 2ᵇⁱᵗˢ."""
    length = bit_length(graph, graph.add("Abs", x), range(SIGNIFICANT, bits))
    p = power_of_two(graph, length)
    return graph.add("Mul", to_even(graph, x, p), p)


def bit_length(graph: Draft, x: str, places: range) -> str:
    """How many of the powers 2ᵏ, k in `places`, are no larger than x ≥ 0."""
    axis = graph.constant([-1], np.int64, "axis")
    powers = graph.constant(POWERS[places.start : places.stop], np.int64, "powers")
    above = graph.add("GreaterOrEqual", graph.add("Unsqueeze", x, axis), powers)
    return graph.add("ReduceSum", graph.cast(above, np.int64), axis, keepdims=0)


def power_of_two(graph: Draft, exponent: str) -> str:
    """2ᵏ for a tensor of exponents k from 0 to 62."""
    return graph.add("Gather", graph.constant(POWERS, np.int64, "powers"), exponent)


def clamped_floor(graph: Draft, q: str, add: Values, shift: Values, y: Codes, most: int, rank: int) -> str:
    """Bytes of the codes clamp(y.zero + ⌊(q + add) / 2ˢ⌋), by (OI2) or (OI1).

    q  int64 with |q| ≤ most
    """
    below, above = y.lo - y.zero, y.hi - y.zero
    adds, shifts = (np.atleast_1d(np.asarray(v)).ravel().astype(object) for v in (add, shift))
    powers = 2**shifts
    lifts = adds - below * powers
    power = int64(graph, powers, rank, "power")
    if most + max(abs(lift) for lift in lifts) < 2**63:
        lifted = q if not any(lifts) else graph.add("Add", q, int64(graph, lifts, rank, "lift"))
        positive = graph.add("Max", lifted, graph.constant(0, np.int64, "nothing"))
        found = graph.add("Div", positive, power)
    else:
        found = floor(graph, graph.add("Add", q, int64(graph, adds, rank, "add")), power)
        found = graph.add("Max", found, graph.constant(below, np.int64, "least"))
        found = graph.add("Sub", found, graph.constant(below, np.int64, "least"))
    found = graph.add("Min", found, graph.constant(above - below, np.int64, "most"))
    first = y.lo if y.lo >= 0 else y.lo + 128
    if first:
        found = graph.add("Add", found, graph.constant(first, np.int64, "first"))
    return graph.cast(found, np.uint8)


def requantized(graph: Draft, acc: str, bias: Values, scaling: Scaling, bound: int, rank: int) -> str:
    """Bytes of the codes that `scaling` makes of acc + bias; acc int32 (N, F, …), |acc| + |bias| ≤ bound."""
    m, plus, shift, y = scaling.m, scaling.plus, scaling.shift, scaling.y
    wide = graph.cast(acc, np.int64)
    if scaling.long is not None:
        if np.any(bias):
            wide = graph.add("Add", wide, int64(graph, bias, rank, "bias"))
        wide, plus, bound = significant(graph, wide, 32), np.zeros_like(plus), 2**31
    q, most = graph.add("Mul", wide, int64(graph, m, rank, "m")), bound * int(m.max())
    if scaling.second is not None:
        half, mask, e = scaling.second
        q = graph.add("Add", q, int64(graph, plus, rank, "plus"))
        q = floor(graph, q, int64(graph, 2 ** shift.astype(object), rank, "power"))
        ends = (graph.constant(end, np.int64, what) for end, what in ((-1, "minus one"), (0, "nothing")))
        sign = graph.add("Mul", graph.add("Clip", q, *ends), int64(graph, -mask, rank, "mask"))
        return clamped_floor(graph, graph.add("Add", q, sign), half, e, y, 2**32, rank)
    if scaling.ties is not None:
        theta, start = scaling.ties
        if np.any(plus):
            q = graph.add("Add", q, int64(graph, plus, rank, "plus"))
        f = floor(graph, q, int64(graph, 2 ** shift.astype(object), rank, "power"))
        ends = (graph.constant(end - y.zero, np.int64, "end") for end in (y.lo - 1, y.hi))
        f = graph.add("Add", graph.add("Clip", f, *ends), int64(graph, start, rank, "start"))
        tie = graph.add("Gather", graph.constant(theta, np.int64, "theta"), f)
        most += int(np.abs(plus).max()) + int(np.abs(theta).max())
        return clamped_floor(graph, graph.add("Add", q, tie), 0, shift, y, most, rank)
    return clamped_floor(graph, q, plus, shift, y, most, rank)
