"""Whole numbers as decisions.

How many bits a number has says most about it, and is much alike from one number of a kind to the next: biases
have eleven bits or twelve, kernels two or three. So a number goes as its length, in decisions of which each
has a place of its own; its bits but the first are as good as random and go plain:

v = 2ᴸ⁻¹ + r:  "longer?" yes for each of 0, 1, … L − 1, no for L;  r in L − 1 bits             (E7)

and v = 0 has the length 0. This is a code of Elias [1975] with decisions that learn. A number met the first
time costs what it costs there, 2·L bits; where all numbers have one length, soon only L − 1.
"""

from collections.abc import Hashable

from tinyzip.archive.coder import Coder

LONGEST = 62  # bits of a number


def natural(coder: Coder, value: int | None, *name: Hashable) -> int:
    """A whole number from 0 to 2⁶² − 1 by (E7); its decisions are counted under `name` and the length."""
    if value is not None and not 0 <= value < 1 << LONGEST:
        coder.refuse(value, f"a whole number of at most {LONGEST} bits")
    length = 0
    while coder.bit(None if value is None else int(value >> length > 0), coder.cell(*name, length)):
        length += 1
        if length > LONGEST:
            coder.refuse(f"a number of more than {LONGEST} bits", "a shorter one")
    if length < 2:
        return length
    first = 1 << (length - 1)
    return first + coder.plain(None if value is None else value - first, length - 1)


def integer(coder: Coder, value: int | None, *name: Hashable) -> int:
    """A whole number of either sign: its magnitude as a natural, and unless that is 0, "negative?"."""
    magnitude = natural(coder, None if value is None else abs(value), *name)
    if magnitude and coder.bit(None if value is None else int(value < 0), coder.cell(*name, "negative")):
        return -magnitude
    return magnitude


def small(coder: Coder, value: int | None, bits: int, *name: Hashable) -> int:
    """A whole number in [0, 2^bits): its bits as decisions, the high ones first.

    Each has a place of its own after each beginning, numbered 1 for none and then 2·place + bit, so that they
    learn any distribution.
    """
    node = 1
    for place in reversed(range(bits)):
        node = 2 * node + coder.bit(None if value is None else value >> place & 1, coder.cell(*name, node))
    return node - (1 << bits)
