"""Depth: your integers are those of LiteRT, code for code.

A network of 8-bit codes with random weights was run by LiteRT, the engine of phones, and all that its
reference kernels wrote was kept. Here the same network runs on your functions: the multipliers from the real
scales, the sums of convolutions and fully connected layers, both ways to round, the average pool. What only
moves or compares codes, the max pool and the flattening, is the library's printed engine, `integer.ops`. Each
code that comes out has to be the recorded one. Close is not enough: who rounds once where LiteRT's
convolutions round twice has a handful of codes off by one, and other answers at the end.

In a depthwise convolution each channel is a group of its own, with kernels that see nothing else: so many
convolutions of one channel, side by side.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tinyzip import archive
from tinyzip.integer import AvgPool2d, Codes, Conv2d, Linear, Program, ops
from tinyzip.integer.codes import Array
from tinyzip.integer.operators import Operator, Weighted
from tinyzip.learn.judge import Wrong
from tinyzip.learn.milestones.digits import DATA
from tinyzip.learn.milestones.own import Own

AFTER = "avg_pool_codes"
USES = "multiplier", "two_roundings", "requantize", "conv_codes", "bounds", "avg_pool_codes"
BITS = 32  # of an accumulator of LiteRT


class Recorded(NamedTuple):
    """A network, its input codes (C, H, W, N), what each operator writes, and the scales of its weights."""

    program: Program
    input: Array
    codes: list[Array]
    scales: list[Array]


def recorded() -> Recorded:
    """What LiteRT wrote."""
    with (DATA / "litert.npz").open("rb") as file, np.load(file) as arrays:
        program = archive.unpack(arrays["program"].tobytes(), "litert.npz")
        count = range(len(program.operators))
        codes, scales = ([arrays[f"{name}{i}"] for i in count] for name in ("codes", "scales"))
        return Recorded(program, arrays["input"], codes, scales)


def run(own: Own, say: Callable[[str], None]) -> str:
    """Run the network, operator after operator, and compare."""
    network = recorded()
    program, x, total = network.program, network.input, 0
    for i, (operator, wanted) in enumerate(zip(program.operators, network.codes, strict=True)):
        read, y = program.codes[i], program.codes[i + 1]
        found = np.asarray(written(own, operator, x, read, y, network.scales[i]))
        name = f"operator {i}, {operator.kind}"
        if found.shape != wanted.shape:
            raise Wrong(f"{name}: codes of shape {found.shape} came, LiteRT's are {wanted.shape}")
        off = np.argwhere(found != wanted)
        if len(off):
            place = tuple(off[0])
            told = f"at {off[0].tolist()} {found[place]} came, LiteRT has {wanted[place]}"
            raise Wrong(f"{name}: {len(off):,} of {wanted.size:,} codes are others; {told}")
        say(f"{name}: {wanted.size:,} codes")
        x, total = found.astype(y.dtype), total + wanted.size
    return f"all {total:,} codes are those of LiteRT"


def written(own: Own, operator: Operator, x: Array, read: Codes, y: Codes, scales: Array) -> Any:
    """What an operator makes of codes x, by the student's functions where he has them."""
    match operator:
        case Conv2d():
            m0, n = multipliers(own, read, scales, y)
            check_sums(own, operator, read)
            cut = zip(
                *(np.split(a, operator.groups) for a in (x, operator.w, operator.bias, m0, n)), strict=True
            )
            parts = [
                own.conv_codes(
                    part, read.zero, *weights, y.zero, y.lo, y.hi, operator.stride[0], operator.padding
                )
                for part, *weights in cut
            ]
            return np.concatenate(parts)
        case Linear():
            m0, n = multipliers(own, read, scales, y)
            check_sums(own, operator, read)
            acc = sums(own, operator, x, read)
            return np.clip(own.rescale_once(acc, m0[:, None], n[:, None]) + y.zero, y.lo, y.hi)
        case AvgPool2d():
            means = own.avg_pool_codes(x, operator.kernel[0], operator.steps[0], operator.padding)
            return np.clip(means, y.lo, y.hi)
    return ops.apply(operator, [x], [read], y)


def multipliers(own: Own, x: Codes, scales: Array, y: Codes) -> tuple[Array, Array]:
    """m0 and n (F,) of s_x·s_w / s_y for each output, by the student's `multiplier`."""
    s_x, s_y = (m / 2**d for m, d in (x.scale, y.scale))
    pairs = np.array([own.multiplier(s_x * float(s_w) / s_y) for s_w in scales], np.int64)
    return pairs[:, 0], pairs[:, 1]


def check_sums(own: Own, operator: Weighted, read: Codes) -> None:
    """See that the student's bound of all sums fits into an accumulator."""
    bound = int(own.sum_bounds(operator.w, operator.bias, read.lo, read.hi, read.zero).max())
    bits = own.accumulator_bits(bound)
    if bits > BITS:
        raise Wrong(f"{operator.kind}: sums of {bits} bits, where LiteRT has {BITS}")


def sums(own: Own, operator: Linear, x: Array, read: Codes) -> Array:
    """acc (F, N) of a fully connected layer, a convolution of 1 × 1 on one pixel; none beyond its ends."""
    image, kernels = x[:, None, None], operator.w[:, :, None, None]
    acc: Array = own.accumulate(image, read.zero, kernels, operator.bias)[:, 0, 0]
    least, greatest = own.sum_ends(operator.w, operator.bias, read.lo, read.hi, read.zero)
    if (acc < least[:, None]).any() or (acc > greatest[:, None]).any():
        raise Wrong("Linear: a sum is beyond the ends that `sum_ends` gives")
    return acc
