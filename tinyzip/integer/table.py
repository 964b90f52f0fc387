"""A program as a table that fits a terminal: what runs, on what shapes, at what cost, within what bound."""

from collections.abc import Sequence

from tinyzip.base.table import aligned
from tinyzip.integer.bounds import accumulator_of
from tinyzip.integer.codes import Codes
from tinyzip.integer.layout import Flatten, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import Conv2d, GlobalAvgPool, Operator, Pool, Weighted
from tinyzip.integer.residuals import Add, Binary, Concat, Product, Recall

HEAD = ("", "operator", "name", "output", "w bits", "y bits", "bytes", "bound", "width", "rounding")
MULTIPLIER_BYTES = 4 + 1  # m0, n
CHANNEL_BYTES = 4 + MULTIPLIER_BYTES  # a bias as well


def stored_bytes(operator: Operator) -> int:
    """Bytes of the operator's numbers: weights at their bits, packed, then bias, m0 and n of each output;

    for the others their constants, tables and multipliers.
    """
    match operator:
        case Weighted(w=w, weight_bits=bits):
            return -(-w.size * bits // 8) + len(w) * CHANNEL_BYTES
        case Multiply(w=w):
            return 2 * w.size + MULTIPLIER_BYTES
        case Table(table=table):
            return table.size
        case Add(m0=m0):
            return m0.size * MULTIPLIER_BYTES
        case Softmax() | Product():
            return MULTIPLIER_BYTES
    return 0


def describe(operator: Operator) -> str:
    """The kind, with its window or with the operators it names: "Conv2d 3×3/2", "Add of 3"."""
    match operator:
        case Conv2d(stride=stride, groups=groups, dilation=dilation):
            apart = "" if dilation == (1, 1) else f" dilated {by(dilation)}"
            within = f" in {groups} groups" if groups > 1 else ""
            return f"{operator.kind} {size(operator.kernel)}{by(stride, '/')}{apart}{within}"
        case Pool(kernel=kernel):
            return f"{operator.kind} {size(kernel)}{by(operator.steps, '/')}"
        case Recall(source=source) | Binary(other=source):
            return f"{operator.kind} of {named(source)}"
        case Concat(sources=sources):
            return f"{operator.kind} of {', '.join(map(named, sources))}"
        case Transpose(axes=axes):
            return f"{operator.kind} {''.join('CHW'[axis] for axis in axes)}"
        case Flatten(order="HWC") | Reshape(order="HWC"):
            return f"{operator.kind} HWC"
    return operator.kind


def named(source: int) -> str:
    """How the table names an output: its operator's number, or the input."""
    return "input" if source < 0 else str(source)


def by(pair: tuple[int, int], mark: str = "") -> str:
    """A stride or dilation after a mark, "/2" or "/2×1"; nothing for a step of one."""
    return "" if pair == (1, 1) else f"{mark}{pair[0]}" if pair[0] == pair[1] else f"{mark}{size(pair)}"


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
        scales = not isinstance(operator, GlobalAvgPool) or operator.y is not None
        bits = str(operator.weight_bits) if isinstance(operator, Weighted) else ""
        stored, rounding = stored_bytes(operator), str(getattr(operator, "rounding", "")) if scales else ""
        sums = (f"{bounds[i]:,}", str(accumulator_of(bounds[i]))) if bounds[i] else ("", "")
        cells = str(i), describe(operator), operator.name, size(shapes[i + 1]), bits, str(codes[i + 1].bits)
        rows.append((*cells, f"{stored:,}" if stored else "", *sums, rounding))
    rows.append(("", "total", "", "", "", "", f"{sum(map(stored_bytes, operators)):,}", "", "", ""))
    return aligned(rows, words=(1, 2, 3, 9))


def size(shape: tuple[int, ...]) -> str:
    """(10, 24, 24) as "10×24×24"; a class, which has no shape, as "class"."""
    return "×".join(map(str, shape)) if shape else "class"
