"""A program as a table that fits a terminal: what runs, on what shapes, at what cost, within what bound."""

from collections.abc import Sequence

from tinyzip.base.table import aligned
from tinyzip.integer.bounds import accumulator_of
from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import Conv2d, GlobalAvgPool, Operator, Pool, Weighted

HEAD = ("", "operator", "name", "output", "w bits", "y bits", "bytes", "bound", "width", "rounding")
CHANNEL_BYTES = 4 + 4 + 1  # bias, m0, n


def stored_bytes(operator: Operator) -> int:
    """Bytes of the operator's numbers: weights at their bits, packed, then bias, m0 and n of each output."""
    if isinstance(operator, Weighted):
        return -(-operator.w.size * operator.weight_bits // 8) + len(operator.w) * CHANNEL_BYTES
    return 0


def describe(operator: Operator) -> str:
    """The kind, with its window where it has one: "Conv2d 3×3/2"."""
    if isinstance(operator, Conv2d):
        (kh, kw), (sh, sw), groups = operator.kernel, operator.stride, operator.groups
    elif isinstance(operator, Pool):
        (kh, kw), (sh, sw), groups = operator.kernel, operator.steps, 1
    else:
        return operator.kind
    stride = "" if sh == sw == 1 else f"/{sh}" if sh == sw else f"/{sh}×{sw}"
    return f"{operator.kind} {kh}×{kw}{stride}" + (f" in {groups} groups" if groups > 1 else "")


def table(
    operators: Sequence[Operator],
    shapes: Sequence[tuple[int, ...]],
    codes: Sequence[Codes],
    bounds: Sequence[int],
) -> str:
    """One line an operator, a line for the input above and the sum of bytes below.

    shapes and codes are one longer than operators and bounds: they begin with the input's.
    """
    rows = [HEAD, ("", "input", "", size(shapes[0]), "", str(codes[0].bits), "", "", "", "")]
    for i, operator in enumerate(operators):
        weighted = isinstance(operator, Weighted)
        scales = weighted or (isinstance(operator, GlobalAvgPool) and operator.y is not None)
        rows.append(
            (
                str(i),
                describe(operator),
                operator.name,
                size(shapes[i + 1]),
                str(operator.weight_bits) if isinstance(operator, Weighted) else "",
                str(codes[i + 1].bits),
                f"{stored_bytes(operator):,}" if weighted else "",
                f"{bounds[i]:,}" if bounds[i] else "",
                str(accumulator_of(bounds[i])) if bounds[i] else "",
                str(getattr(operator, "rounding", "")) if scales else "",
            )
        )
    rows.append(("", "total", "", "", "", "", f"{sum(map(stored_bytes, operators)):,}", "", "", ""))
    return aligned(rows, words=(1, 2, 3, 9))


def size(shape: tuple[int, ...]) -> str:
    """(10, 24, 24) as "10×24×24"; a class, which has no shape, as "class"."""
    return "×".join(map(str, shape)) if shape else "class"
