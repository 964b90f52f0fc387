"""Where the bits of a message go.

The state x of a numeral system (`coder`) holds log₂ x bits that have been taken from the message and not yet
used. So a reader that has taken `read` bits has used

position = read − log₂ x                                                                       (E1)

of them, fractions included, and a field costs how far the position moves while it is read. What belongs to no
field, the head of the file and what is left of the first and the last state, is the container's.
"""

from itertools import accumulate

PARTS = ("container", "structure", "names", "weights", "biases", "multipliers")
PART_OF = {"name": "names", "w": "weights", "table": "weights", "bias": "biases"} | dict.fromkeys(
    ("m0", "n"), "multipliers"
)
PROGRAM = -1  # the place of what belongs to no operator


class Ledger:
    """The bits that each part of a file takes.

    place  the number of the operator that is being read, or PROGRAM
    bits   by place and part
    """

    def __init__(self, position: float = 0.0) -> None:
        """position  where the first field begins"""
        self.place = PROGRAM
        self.bits: dict[tuple[int, str], float] = {}
        self._position = position

    def move(self, position: float, part: str) -> None:
        """Put down to a part all that was used since the last call."""
        key = self.place, part
        self.bits[key] = self.bits.get(key, 0.0) + position - self._position
        self._position = position

    def whole_bytes(self, size: int) -> dict[tuple[int, str], int]:
        """The bytes of each part of a file of `size` bytes, rounded so that they add up to `size`."""
        bits = {(PROGRAM, "container"): 8 * size - sum(self.bits.values())} | self.bits
        ends = [round(end / 8) for end in accumulate(bits.values())]
        return {key: end - start for key, start, end in zip(bits, [0, *ends], ends, strict=False)}
