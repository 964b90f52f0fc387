"""The fields of operators: one leaf for each kind of field.

A leaf takes a value, or None when the coder reads, and returns what comes back, which is the value. So a
field's place in the file is described once, for both directions. Many fields are as they were when they
were last met, or as another that is known, and then one decision says so (`as_before`).

Scales are fractions m·2⁻ⁿ, and stand in a file only so that codes can be read as real numbers. With m odd,
the octave bits(m) − n changes little from grid to grid, and the bits between the first and the last of m go
plain. The scale of images is most often 1/255, to the 53 digits of a float64 or the 24 of a float32. So a
scale may also go as q, when it is 1/q to d digits:

m = ⌊2ⁿ/q + ½⌋,   n = d + bits(q) − 1                                                          (E12)

Multipliers are read as digits, too: a number in [2³⁰, 2³¹) as the odd number that is left without the zeros
at its end, or as the same as the one before.
"""

from collections.abc import Callable
from itertools import repeat
from typing import Any

import numpy as np

from tinyzip.archive.coder import Coder, Symbols
from tinyzip.archive.neighbours import View
from tinyzip.archive.numbers import integer, natural, small
from tinyzip.archive.weights import weights
from tinyzip.integer.codes import Array, Codes
from tinyzip.integer.fixedpoint import M0_LEAST
from tinyzip.integer.operators import bits_of

Leaf = Callable[[Coder, Any, str], Any]
Numbers = tuple[int, ...]
Scale = tuple[int, int]

MOST_NAME = 255  # bytes of UTF-8
DIGITS = (53, 24)  # of a float64 and a float32
MOST_DIVISOR = 1 << 32
MOST_DIGITS = 63  # of the m of a scale, as in `Codes`


def as_before(coder: Coder, value: Any, before: Any, leaf: Leaf, name: str) -> Any:
    """A value that may be the same as another that is known."""
    if coder.bit(None if value is None else int(value == before), coder.cell(name, "as before")):
        return before
    return leaf(coder, value, name)


def optional(leaf: Leaf) -> Leaf:
    """The leaf of a value that may be None: a decision says whether it is there."""

    def walk(coder: Coder, value: Any, name: str) -> Any:
        there = coder.bit(int(value is not None), coder.cell(name, "there"))
        return leaf(coder, value, name) if there else None

    return walk


def word(*known: str) -> Leaf:
    """The leaf of one of a few words: its number among them."""

    def walk(coder: Coder, value: str | None, name: str) -> str:
        number = natural(coder, None if value is None else known.index(value), name)
        if number >= len(known):
            coder.refuse(f"{name} {number}", f"{len(known) - 1} or less")
        return known[number]

    return walk


def row(coder: Coder, values: Numbers | None, count: int, name: str) -> Numbers:
    """So many naturals, of which each but the first may be as the one before."""
    coder.expect(count)
    found: list[int] = []
    for k in range(count):
        value = None if values is None else values[k]
        found.append(as_before(coder, value, found[-1], natural, name) if k else natural(coder, value, name))
    return tuple(found)


def sizes(coder: Coder, values: Numbers | None, name: str) -> Numbers:
    """How many naturals, and these."""
    return row(coder, values, natural(coder, None if values is None else len(values), name, "count"), name)


def pair(coder: Coder, value: Numbers | None, name: str) -> Numbers:
    """(rows, columns)."""
    return row(coder, value, 2, name)


def axes(coder: Coder, value: Numbers | None, name: str) -> Numbers:
    """The numbers of three axes."""
    return row(coder, value, 3, name)


def padding(coder: Coder, value: Any, name: str) -> tuple[Numbers, Numbers]:
    """((top, bottom), (left, right))."""
    four = row(coder, None if value is None else (*value[0], *value[1]), 4, name)
    return four[:2], four[2:]


def groups(coder: Coder, value: int | None, name: str) -> int:
    """The number of groups; 0 stands for as many as the weights before had outputs."""
    channels: int = coder.last["outputs"]
    return natural(coder, 0 if value == channels else value, name) or channels


def source(coder: Coder, value: int | None, name: str) -> int:
    """The number of an operator, −1 for the input; one more goes as a natural."""
    return natural(coder, None if value is None else value + 1, name) - 1


def sources(coder: Coder, values: Numbers | None, name: str) -> Numbers:
    """How many numbers of operators, and these."""
    found = sizes(coder, None if values is None else tuple(value + 1 for value in values), name)
    return tuple(value - 1 for value in found)


def text(coder: Coder, value: str | None, name: str) -> str:
    """How many bytes of UTF-8, and these."""
    data = None if value is None else value.encode()
    length = natural(coder, None if data is None else len(data), name, "count")
    if length > MOST_NAME:
        coder.refuse(f"a {name} of {length} bytes", f"{MOST_NAME} or fewer")
    return bytes(small(coder, None if data is None else data[k], 8, name) for k in range(length)).decode()


def grid(coder: Coder, codes: Codes | None, name: str) -> Codes:
    """A grid: its ends, how far its zero is from the first, its scale; each perhaps as in the last grid."""
    before: Codes = coder.last["grid"]
    given = codes or before
    reading = codes is None
    lo, hi = as_before(coder, None if reading else (given.lo, given.hi), (before.lo, before.hi), ends, "ends")
    zero = None if reading else given.zero - lo
    bits = (hi - lo).bit_length()
    zero = as_before(coder, zero, before.zero - lo, lambda coder, value, _: coder.plain(value, bits), "zero")
    fraction = as_before(coder, None if reading else given.scale, before.scale, scale, "scale")
    coder.last["grid"] = Codes(lo, hi, lo + zero, fraction)
    return Codes(lo, hi, lo + zero, fraction)


def ends(coder: Coder, value: Scale | None, name: str) -> tuple[int, int]:
    """The first and the last code: in form 0 of all codes of some bits, in form 1 signed; form 2, any two."""
    form, bits = (None, None) if value is None else form_of_ends(*value)
    form = natural(coder, form, name, "form")
    if form > 1:
        lo, hi = value or (None, None)
        return integer(coder, lo, name, "lo"), integer(coder, hi, name, "hi")
    bits = 1 + small(coder, bits and bits - 1, 3, name, "bits")
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if form else (0, (1 << bits) - 1)


def form_of_ends(lo: int, hi: int) -> tuple[int, int]:
    """The form of a grid's ends, and how many bits its codes have."""
    bits = (hi - lo).bit_length()
    if hi - lo + 1 == 1 << bits:
        for form, least in enumerate((0, -(1 << (bits - 1)))):
            if lo == least:
                return form, bits
    return 2, bits


def scale(coder: Coder, value: Scale | None, name: str) -> Scale:
    """A fraction m·2⁻ⁿ.

    Form 0: how many times 2 divides m, what is left as an odd number, and how far the octave is from that of
    the last scale. Forms 1 and 2: q, for 1/q by (E12) with the digits of a float64 and a float32.
    """
    form, q = (None, None) if value is None else form_of_scale(value)
    form = natural(coder, form, name, "form")
    if form > len(DIGITS):
        coder.refuse(f"a scale of form {form}", f"{len(DIGITS)} or less")
    before: int = coder.last["octave"]
    if form:
        q = natural(coder, q, name, "divisor")
        if not 2 < q < MOST_DIVISOR:
            coder.refuse(f"a scale of 1/{q}", f"a divisor from 3 to {MOST_DIVISOR - 1}")
        m, n = reciprocal(q, DIGITS[form - 1])
        coder.last["octave"] = m.bit_length() - n
        return m, n
    m, n = value or (1, 0)
    twos = natural(coder, None if value is None else trailing_zeros(m), name, "twos")
    digits = odd(coder, None if value is None else m >> twos, 6, name)
    if twos + digits.bit_length() > MOST_DIGITS:  # before a shift by what a file says takes the memory for it
        coder.refuse(f"a scale of {twos + digits.bit_length()} digits", f"{MOST_DIGITS} or fewer")
    octave = before + integer(coder, None if value is None else m.bit_length() - n - before, name, "octave")
    coder.last["octave"] = octave
    return digits << twos, (digits << twos).bit_length() - octave


def form_of_scale(value: Scale) -> tuple[int, int]:
    """The form of a scale, and its divisor q in forms 1 and 2."""
    m, n = value
    q = ((2 << n) // m + 1) >> 1 if n >= 0 else 0
    if 2 < q < MOST_DIVISOR:
        for form, digits in enumerate(DIGITS, 1):
            if reciprocal(q, digits) == value:
                return form, q
    return 0, q


def reciprocal(q: int, digits: int) -> Scale:
    """1/q by (E12), with m made odd."""
    n = digits + q.bit_length() - 1
    m = ((2 << n) // q + 1) >> 1
    twos = trailing_zeros(m)
    return m >> twos, n - twos


def odd(coder: Coder, value: int | None, bits: int, name: str) -> int:
    """An odd number of up to 2^bits digits: their count less one; all between first and last, plain."""
    length = 1 + small(coder, None if value is None else value.bit_length() - 1, bits, name, "digits")
    if length == 1:
        return 1
    first = 1 << (length - 1)
    return first | coder.plain(None if value is None else (value - first) >> 1, length - 2) << 1 | 1


def trailing_zeros(m: int) -> int:
    """How many times 2 divides m > 0."""
    return (m & -m).bit_length() - 1


def vector(coder: Coder, values: Array | None, count: int, leaf: Leaf, name: str) -> Symbols:
    """So many numbers by one leaf."""
    coder.expect(count)
    given = repeat(None, count) if values is None else values.tolist()
    return np.array([leaf(coder, value, name) for value in given], np.int64)


def per_output(leaf: Leaf) -> Leaf:
    """The leaf of a number for each output, each by the same leaf."""
    return lambda coder, values, name: vector(coder, values, coder.last["outputs"], leaf, name)


def difference(coder: Coder, value: int | None, name: str) -> int:
    """An integer, as its difference from the one that was last met under this name; the first, from 0."""
    before: int = coder.last.get(name, 0)
    coder.last[name] = before + integer(coder, None if value is None else value - before, name)
    return int(coder.last[name])


def multiplier(coder: Coder, value: int | None, name: str) -> int:
    """A number in [2³⁰, 2³¹), perhaps as the last one; before the first stood 2³⁰."""
    coder.last[name] = as_before(coder, value, coder.last.get(name, M0_LEAST), digits_of_m0, name)
    return int(coder.last[name])


def digits_of_m0(coder: Coder, value: int | None, name: str) -> int:
    """A number in [2³⁰, 2³¹) without the zeros at its end."""
    m = odd(coder, None if value is None else value >> trailing_zeros(value), 5, name)
    return m << max(M0_LEAST.bit_length() - m.bit_length(), 0)


def naturals(coder: Coder, values: Array | None, name: str) -> Symbols:
    """How many naturals, and these, each but the first perhaps as the one before."""
    return np.array(sizes(coder, None if values is None else tuple(values.tolist()), name), np.int64)


def integers(coder: Coder, values: Array | None, name: str) -> Symbols:
    """How many integers, and these."""
    count = natural(coder, None if values is None else len(values), name, "count")
    return vector(coder, values, count, integer, name)


def table(coder: Coder, values: Array | None, name: str) -> Symbols:
    """For how many channels, 0 where one serves all; then 256 numbers for each, as differences."""
    channels = None if values is None else len(values) if values.ndim == 2 else 0
    channels = natural(coder, channels, name, "count")
    flat = vector(coder, None if values is None else values.ravel(), 256 * max(channels, 1), difference, name)
    return flat.reshape(channels, 256) if channels else flat


def kernels(coder: Coder, w: Array | None, name: str) -> Array:
    """(F, C/groups, kh, kw) weights: F and C/groups, each perhaps as the F before; (kh, kw); `weights`."""
    before: int = coder.last["outputs"]
    F = as_before(coder, None if w is None else w.shape[0], before, natural, "outputs")
    C = as_before(coder, None if w is None else w.shape[1], before, natural, "inputs")
    kh, kw = pair(coder, None if w is None else w.shape[2:], "kernel")
    return known_weights(coder, w, (F, C, kh, kw)).reshape(F, C, kh, kw)


def matrix(coder: Coder, w: Array | None, name: str) -> Array:
    """(F, C) weights: F, perhaps as the F before; (H, W) of the image that was flattened, (1, 1) if none was;
    C, perhaps as the F before times H·W; `weights`."""
    before: int = coder.last["outputs"]
    F = as_before(coder, None if w is None else w.shape[0], before, natural, "outputs")
    H, W = pair(coder, None if w is None else coder.last["image"], "image")
    C = as_before(coder, None if w is None else w.shape[1], before * H * W, natural, "inputs")
    if H * W < 1 or C % (H * W):
        coder.refuse(f"{C} inputs from an image of {H}×{W}", "a multiple of its size")
    return known_weights(coder, w, (F, C // (H * W), H, W)).reshape(F, C)


def known_weights(coder: Coder, w: Array | None, view: View) -> Array:
    """`weights`. Their outputs are kept in mind, and the bits that they need."""
    coder.spent("structure")
    w = weights(coder, w, view)
    coder.last |= {"outputs": view[0], "bits": bits_of(w)}
    return w


def weight_bits(coder: Coder, value: int | None, name: str) -> int:
    """The bits of a weight: how many more than are needed."""
    needed: int = coder.last["bits"]
    return needed + natural(coder, None if value is None else value - needed, name)
