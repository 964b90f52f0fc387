"""How many numbers NumPy copies before it computes with them.

Where a column (F, 1) meets rows (F, P), or float32 meets float64, NumPy works in pieces: it may copy operands
to buffers of 8,192 numbers. Different dtypes have to go through these. A column need not, and a row that
takes more than half a buffer is worked on where it stands; but of shorter rows several are gathered in one
buffer, the column spread out beside them, and both copied. With 1,024 numbers, rows of 513 and more stay
where they are, and what is converted stays in the nearest cache: float64 rows of 1,000 plus a column take
0.13 nanoseconds a number instead of 0.34, float32 rows times a column of float64 0.31 instead of 0.54 (NumPy
2.4, one core of an AMD EPYC). Each number is computed from the same two, whatever the buffers; only sums,
which are added up piece by piece, could see a difference, and in integers these cannot either.
"""

import numpy as np

SHORT = 1024


class ShortBuffers:
    """A block in which NumPy's buffers, those of this thread, hold 1,024 numbers.

    For one example rows are too short to gain what the setting costs, five microseconds: then it stays.
    """

    __slots__ = ("_before", "_pays")

    def __init__(self, count: int) -> None:
        """count  how many examples the block computes with"""
        self._pays = count > 1

    def __enter__(self) -> None:
        if self._pays:
            self._before = np.setbufsize(SHORT)

    def __exit__(self, *_: object) -> None:
        if self._pays:
            np.setbufsize(self._before)
