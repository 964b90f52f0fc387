"""A program as a row of numbers: every leaf of it, in a fixed order.

The walk goes over each operator's own fields, so that none can be forgotten: a field that `LEAVES` does not
know stops it. What can be computed is not written: the shapes and codes between operators and the bounds
of accumulators follow from the rest, and `Program` proves them anew, so a file cannot claim what does not
hold.

Weights and biases go through tables of frequencies. Multipliers m0 are as good as random in their lower
bits, so they go plainly, but without their first bit, which is always 1, and without the last ones where
all of them are 0. A vector whose entries are all the same goes as one number.
"""

from collections.abc import Callable
from dataclasses import fields
from math import prod
from typing import Any, NamedTuple

import numpy as np

from tinyzip.archive.coder import Decoder, Encoder, Symbols
from tinyzip.archive.numbers import get_integers, get_number, put_integers, put_number
from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Codes
from tinyzip.integer.fixedpoint import M0_LEAST, ROUNDINGS
from tinyzip.integer.layout import ORDERS
from tinyzip.integer.maps import Multiply, Softmax
from tinyzip.integer.operators import GlobalAvgPool, Operator
from tinyzip.integer.program import OPERATORS, Program
from tinyzip.integer.residuals import Add

MOST_OPERATORS = 4096
MOST_NAME = 255  # bytes of UTF-8
LATER = 7  # kinds from here on go as 7 and 8 bits more
M0_PLACES = M0_LEAST.bit_length() - 1


def put_program(encoder: Encoder, program: Program) -> None:
    """Write a whole program."""
    if len(program.operators) > MOST_OPERATORS:
        refuse("archive: program", f"{len(program.operators)} operators", f"{MOST_OPERATORS} or fewer")
    put_numbers(encoder, program.shape)
    put_codes(encoder, program.input)
    put_number(encoder, len(program.operators))
    for operator in program.operators:
        kind = OPERATORS.index(type(operator))
        encoder.uniform([min(kind, LATER), kind - LATER], [3, 8 if kind >= LATER else 0])
        for name, leaf in leaves_of(type(operator)).items():
            leaf.put(encoder, getattr(operator, name))


def get_program(decoder: Decoder) -> Program:
    """Read a whole program; raises ValueError or TypeError where `Program` refuses what was read."""
    shape, codes, count = get_numbers(decoder), get_codes(decoder), get_number(decoder)
    if not 0 < count <= MOST_OPERATORS:
        decoder.refuse(f"{count} operators", f"from 1 to {MOST_OPERATORS}")
    return Program(tuple(get_operator(decoder) for _ in range(count)), shape, codes)


def get_operator(decoder: Decoder) -> Operator:
    """Read one operator."""
    kind = int(decoder.uniform(1, 3)[0])
    if kind == LATER:
        kind += int(decoder.uniform(1, 8)[0])
    if kind >= len(OPERATORS):
        decoder.refuse(f"operator kind {kind}", f"0 to {len(OPERATORS) - 1}")
    values: dict[str, Any] = {}
    for name, leaf in leaves_of(OPERATORS[kind]).items():
        F = len(values["w"]) if "w" in values else 0
        values[name] = leaf.get(decoder, F)
    return OPERATORS[kind](**values)


class Leaf(NamedTuple):
    """How one field is written, and read back given F, the number of outputs."""

    put: Callable[[Encoder, Any], None]
    get: Callable[[Decoder, int], Any]


def leaves_of(operator: type[Operator]) -> dict[str, Leaf]:
    """The fields of an operator with their leaves, in the order of the file."""
    known = LEAVES | OWN.get(operator, {})
    return {field.name: known[field.name] for field in fields(operator)}


def put_name(encoder: Encoder, name: str) -> None:
    """Write a name: its length in bytes, its bytes."""
    text = name.encode()
    if len(text) > MOST_NAME:
        refuse("archive: name", f"{len(text)} bytes", f"{MOST_NAME} or fewer")
    encoder.uniform(len(text), 8)
    encoder.uniform(list(text), 8)


def get_name(decoder: Decoder, F: int) -> str:
    """Read a name."""
    length = int(decoder.uniform(1, 8)[0])
    return bytes(decoder.uniform(length, 8).tolist()).decode()


def put_numbers(encoder: Encoder, values: tuple[int, ...]) -> None:
    """Write up to 7 whole numbers."""
    encoder.uniform(len(values), 3)
    for value in values:
        put_number(encoder, value)


def get_numbers(decoder: Decoder) -> tuple[int, ...]:
    """Read some whole numbers."""
    return tuple(get_number(decoder) for _ in range(int(decoder.uniform(1, 3)[0])))


def put_weights(encoder: Encoder, w: Symbols) -> None:
    """Write the shape, then the weights."""
    put_numbers(encoder, w.shape)
    put_integers(encoder, w)


def get_weights(decoder: Decoder, F: int) -> Symbols:
    """Read weights; a shape of more numbers than the message has left is refused unread."""
    shape = get_numbers(decoder)
    if not shape or min(shape) < 1:
        decoder.refuse(f"weights of shape {shape}", "at least one in each axis")
    return get_integers(decoder, prod(shape)).reshape(shape)


def put_vector(encoder: Encoder, values: Symbols) -> None:
    """Write (F,) numbers."""
    same = bool((values == values[0]).all())
    encoder.uniform(same, 1)
    if same:
        put_number(encoder, int(values[0]))
    else:
        put_integers(encoder, values)


def get_vector(decoder: Decoder, F: int) -> Symbols:
    """Read (F,) numbers."""
    if decoder.uniform(1, 1)[0]:
        return np.full(F, get_number(decoder))
    return get_integers(decoder, F)


def put_multipliers(encoder: Encoder, m0: Symbols) -> None:
    """Write (F,) numbers in [2³⁰, 2³¹)."""
    same = bool((m0 == m0[0]).all())
    ends = (int(np.bitwise_or.reduce(m0)) & -int(np.bitwise_or.reduce(m0))).bit_length() - 1
    encoder.uniform([same, ends], [1, 5])
    encoder.uniform((m0[: 1 if same else None] - M0_LEAST) >> ends, M0_PLACES - ends)


def get_multipliers(decoder: Decoder, F: int) -> Symbols:
    """Read (F,) numbers in [2³⁰, 2³¹)."""
    same, ends = decoder.uniform(2, [1, 5])
    if ends > M0_PLACES:
        decoder.refuse(f"multipliers that end in {ends} zeros", f"{M0_PLACES} or fewer")
    m0 = decoder.uniform(1 if same else F, M0_PLACES - ends)
    return np.broadcast_to((m0 << ends) + M0_LEAST, (F,))


def put_codes(encoder: Encoder, codes: Codes) -> None:
    """Write the five numbers of a grid of codes."""
    put_numbers(encoder, (codes.lo, codes.hi, codes.zero, *codes.scale))


def get_codes(decoder: Decoder) -> Codes:
    """Read a grid of codes."""
    values = get_numbers(decoder)
    if len(values) != 5:
        decoder.refuse(f"codes of {len(values)} numbers", "lo, hi, zero, and m, n of the scale")
    lo, hi, zero, *scale = values
    return Codes(lo, hi, zero, (scale[0], scale[1]))


def put_padding(encoder: Encoder, padding: tuple[tuple[int, int], tuple[int, int]]) -> None:
    """Write ((top, bottom), (left, right))."""
    put_numbers(encoder, (*padding[0], *padding[1]))


def get_padding(decoder: Decoder, F: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Read ((top, bottom), (left, right))."""
    values = get_numbers(decoder)
    return values[:2], values[2:]


def optional(put: Callable[[Encoder, Any], None], get: Callable[[Decoder], Any]) -> Leaf:
    """The leaf of a value that may be None: one bit says whether it is there."""

    def put_optional(encoder: Encoder, value: Any) -> None:
        encoder.uniform(value is not None, 1)
        if value is not None:
            put(encoder, value)

    return Leaf(put_optional, lambda decoder, F: get(decoder) if decoder.uniform(1, 1)[0] else None)


NUMBER = Leaf(put_number, lambda decoder, F: get_number(decoder))
NUMBERS = Leaf(put_numbers, lambda decoder, F: get_numbers(decoder))

LEAVES = {
    "name": Leaf(put_name, get_name),
    "w": Leaf(put_weights, get_weights),
    "bias": Leaf(put_vector, get_vector),
    "m0": Leaf(put_multipliers, get_multipliers),
    "n": Leaf(put_vector, get_vector),
    "y": optional(put_codes, get_codes),
    "kernel": NUMBERS,
    "stride": NUMBERS,
    "padding": Leaf(put_padding, get_padding),
    "groups": NUMBER,
    "dilation": NUMBERS,
    "source": NUMBER,
    "other": NUMBER,
    "sources": Leaf(
        lambda encoder, value: put_weights(encoder, np.array(value)),
        lambda decoder, F: tuple(get_weights(decoder, F).tolist()),
    ),
    "table": Leaf(put_weights, get_weights),
    "shape": NUMBERS,
    "axes": NUMBERS,
    "order": Leaf(
        lambda encoder, value: put_number(encoder, ORDERS.index(value)),
        lambda decoder, F: dict(enumerate(ORDERS)).get(get_number(decoder)),
    ),
    "weight_bits": NUMBER,
    "rounding": Leaf(
        lambda encoder, value: put_number(encoder, ROUNDINGS.index(value)),
        lambda decoder, F: dict(enumerate(ROUNDINGS)).get(get_number(decoder)),
    ),
}
ARRAY = Leaf(put_weights, get_weights)
MAYBE = optional(put_number, get_number)
OWN: dict[type[Operator], dict[str, Leaf]] = {
    GlobalAvgPool: {"m0": MAYBE, "n": MAYBE},
    Multiply: {"m0": NUMBER, "n": NUMBER},
    Softmax: {"m0": NUMBER, "n": NUMBER},
    Add: {"m0": ARRAY, "n": ARRAY},
}
