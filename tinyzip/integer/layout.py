"""Operators that move codes and change none.

A program's arrays are (C, H, W, N). Other people's models order theirs otherwise, most often with channels
last, (H, W, C). Where that can be seen, at a program's ends and where an image becomes a vector, an operator
says it: its `order` is "CHW", channel by channel and row by row, or "HWC", row by row, place by place, and
all channels of a place together.
"""

from dataclasses import dataclass, replace
from typing import Any, Literal, Self

from tinyzip.base.refuse import refuse, whole
from tinyzip.base.windows import Padding, padding_of
from tinyzip.integer.codes import Array
from tinyzip.integer.operators import Operator

Order = Literal["CHW", "HWC"]
ORDERS: tuple[Order, ...] = ("CHW", "HWC")


def check_order(order: Any, where: str) -> None:
    """Refuse what is neither of the two orders."""
    if not isinstance(order, str) or order not in ORDERS:
        refuse(f"{where}: order", repr(order), f"one of {', '.join(ORDERS)}")


@dataclass(frozen=True, eq=False)
class Flatten(Operator):
    """(C, H, W) → (C·H·W,), in the given order; a vector stays as it is."""

    order: Order = "CHW"

    def checked(self, where: str) -> Self:
        check_order(self.order, where)
        return super().checked(where)


@dataclass(frozen=True, eq=False)
class Reshape(Operator):
    """The same codes in another shape: written out in the given order, and filled in again in that order.

    shape  (C, H, W) or (C,), of as many values
    """

    shape: tuple[int, ...]
    order: Order = "CHW"

    def checked(self, where: str) -> Self:
        super().checked(where)
        check_order(self.order, where)
        if not isinstance(self.shape, tuple | list) or len(self.shape) not in (1, 3):
            refuse(f"{where}: shape", self.shape, "(C, H, W) or (C,)")
        return replace(self, shape=tuple(whole(size, f"{where}: shape", 1, 2**31) for size in self.shape))


@dataclass(frozen=True, eq=False)
class Transpose(Operator):
    """The axes of (C, H, W) in another order: axis k of the output is axis axes[k] of the input."""

    axes: tuple[int, int, int]

    def checked(self, where: str) -> Self:
        super().checked(where)
        if not isinstance(self.axes, tuple | list) or sorted(map(str, self.axes)) != ["0", "1", "2"]:
            refuse(f"{where}: axes", self.axes, "0, 1 and 2 in some order")
        first, second, third = (whole(axis, f"{where}: axes", 0, 2) for axis in self.axes)
        return replace(self, axes=(first, second, third))


@dataclass(frozen=True, eq=False)
class Pad(Operator):
    """A border of zero points around each channel.

    padding  p, (rows, columns) or ((top, bottom), (left, right))
    """

    padding: Padding

    def checked(self, where: str) -> Self:
        super().checked(where)
        return replace(self, padding=padding_of(self.padding, f"{where}: padding"))


def moved(operator: Operator, x: Array) -> Array:
    """Where `Flatten`, `Reshape` or `Transpose` puts the values of a batch x, (C, H, W, N) or (C, N)."""
    if isinstance(operator, Transpose):
        return x.transpose(*operator.axes, 3)
    to, N = operator.shape if isinstance(operator, Reshape) else (x[..., 0].size,), x.shape[-1]
    if getattr(operator, "order", "CHW") == "CHW":
        return x.reshape(*to, N)
    line = x.transpose(1, 2, 0, 3).reshape(-1, N) if x.ndim == 4 else x
    return line.reshape(*to[1:], to[0], N).transpose(2, 0, 1, 3) if len(to) == 3 else line
