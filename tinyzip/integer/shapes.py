"""What each operator writes: the shape of one example and the codes, from the shapes and codes it reads.

An operator reads one output, or, where it names others, several; so each function here takes a list, in the
order of `Operator.reads`.
"""

from collections.abc import Sequence
from math import prod

from tinyzip.base.refuse import refuse
from tinyzip.base.windows import window_count
from tinyzip.integer.codes import Codes
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Table
from tinyzip.integer.operators import Argmax, Conv2d, GlobalAvgPool, Linear, Operator, Pool, Weighted
from tinyzip.integer.residuals import Add, Concat, Product

Shape = tuple[int, ...]
FLAT = (Linear, Argmax)  # operators that read (C,)
IMAGES = (Conv2d, Pool, GlobalAvgPool, Pad, Transpose)  # operators that read (C, H, W)


def shape_after(operator: Operator, shapes: Sequence[Shape], where: str) -> Shape:
    """The shape of one example after `operator`; refuses shapes that the operator cannot take."""
    shape = shapes[0]
    if isinstance(operator, FLAT) and len(shape) != 1:
        refuse(where, f"an input of shape {shape}", "one axis (C,)")
    if isinstance(operator, IMAGES) and len(shape) != 3:
        refuse(where, f"an input of shape {shape}", "three axes (C, H, W)")
    match operator:
        case Conv2d():
            C = operator.w.shape[1] * operator.groups
            if shape[0] != C:
                refuse(where, f"an input of {shape[0]} channels", f"{C}")
            _, H, W = shape
            return len(operator.w), *operator.outputs((H, W), where)
        case Linear():
            if shape[0] != operator.w.shape[1]:
                refuse(where, f"an input of {shape[0]} values", f"{operator.w.shape[1]}")
            return (len(operator.w),)
        case Pool():
            C, H, W = shape
            return C, *window_count((H, W), operator.kernel, operator.steps, operator.padding, where)
        case GlobalAvgPool():
            return shape[0], 1, 1
        case Pad():
            return padded(operator, shape)
        case Flatten():
            return (prod(shape),)
        case Reshape():
            if prod(operator.shape) != prod(shape):
                refuse(where, f"an input of shape {shape}", f"{prod(operator.shape)} values")
            return operator.shape
        case Transpose():
            return tuple(shape[axis] for axis in operator.axes)
        case Add():
            if shapes[1] != shape:
                refuse(where, f"shapes {shape} and {shapes[1]}", "two of one shape")
        case Product():
            if shapes[1] != shape and (len(shape) == 1 or shapes[1] != (shape[0], 1, 1)):
                refuse(where, f"shapes {shape} and {shapes[1]}", "one shape, or (C, 1, 1) for the second")
        case Concat():
            if any(other[1:] != shape[1:] for other in shapes):
                refuse(where, f"shapes {', '.join(map(str, shapes))}", "shapes that differ in C alone")
            return sum(other[0] for other in shapes), *shape[1:]
        case Table(table=rows) if rows.ndim == 2 and len(rows) != shape[0]:
            refuse(where, f"an input of {shape[0]} channels", f"{len(rows)}, as the table has rows")
        case Multiply(w=w) if w.size not in (1, shape[0]):
            refuse(where, f"an input of {shape[0]} channels", f"{w.size}, as there are constants")
        case Argmax():
            return ()
    return shape


def padded(operator: Operator, shape: Shape) -> Shape:
    """The shape of one example with the operator's padding around it."""
    if not isinstance(operator, Conv2d | Pool | Pad):
        return shape
    C, H, W = shape
    return C, H + sum(operator.padding[0]), W + sum(operator.padding[1])


def codes_after(operator: Operator, codes: Sequence[Codes], where: str) -> Codes:
    """The codes that `operator` writes when it reads these; refuses what cannot be written together."""
    x = codes[0]
    if isinstance(operator, Concat):
        lo, hi = min(c.lo for c in codes), max(c.hi for c in codes)
        if any((c.zero, c.scale) != (x.zero, x.scale) for c in codes) or (lo < 0 and hi > 127):
            refuse(where, f"codes {', '.join(map(str, codes))}", "one zero and one scale, in one byte")
        return Codes(lo, hi, x.zero, x.scale)
    y: Codes | None = getattr(operator, "y", None)
    return x if y is None else y


def multiplications_of(operator: Operator, shape: Shape) -> int:
    """How many products of a weight and a code an output of this shape takes, padding counted."""
    match operator:
        case Weighted():
            return int(operator.w[0].size) * prod(shape)
        case Multiply() | Product():
            return prod(shape)
    return 0
