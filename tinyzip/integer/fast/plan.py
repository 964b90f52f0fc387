"""What to call, in which order, and where the outputs live.

An output is needed until the last operator that reads it has run, and most are read once, by the operator
right behind. So a few pieces of memory are enough for a program of any depth: each output is given one that
nothing else needs, and after its last reader the piece is free again. A chain needs two of them, a residual
block a third.

What only reads codes in another way, as `Recall` and most reshapes do, writes nothing: its output is a view,
and the piece stays in use until nobody reads the view either.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.bounds import accumulator_of
from tinyzip.integer.fast.convolution import Convolution, conv2d
from tinyzip.integer.fast.copies import concat, pad, reshape_channels_last, transpose
from tinyzip.integer.fast.elementwise import (
    add,
    look_up,
    products_of,
    scaling_of,
    softmax,
    terms_of,
)
from tinyzip.integer.fast.gemm import Product
from tinyzip.integer.fast.kernels import Prepared, linear
from tinyzip.integer.fast.memory import by_channels
from tinyzip.integer.fast.pools import avg_pool2d, global_avg_pool, max_pool2d_codes
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import (
    NO_PADDING,
    Argmax,
    AvgPool2d,
    Conv2d,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
)
from tinyzip.integer.ops import counts
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import Add, Concat
from tinyzip.integer.softmax import exponentials
from tinyzip.machine.workspace import Workspace

Kernel = Callable[..., None]  # kernel(*inputs, y=…, workspace=…)


Call = tuple[int, tuple[int, ...], Kernel | None]


@dataclass(frozen=True)
class Step:
    """One call: operator i's output y from the outputs that it reads.

    kernel  None where y is a view of what is read
    shape   of one example of y; dtype: of y
    place   the number of the piece of memory that y lives in; −1 is where the input came from
    """

    i: int
    reads: tuple[int, ...]
    kernel: Kernel | None
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    place: int


@dataclass(frozen=True)
class Plan:
    """All steps of a program, and the bytes that one example takes in each piece of memory."""

    steps: tuple[Step, ...]
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, program: Program, calls: list[Call]) -> "Plan":
        """Give each output a piece of memory: of those that are free the largest, or a new one."""
        home = {-1: -1}  # whose memory an output lies in: its own, or that of what it is a view of
        for i, reads, kernel in calls:
            home[i] = i if kernel else home[reads[0]]
        until = {home[k]: t for t, (_, reads, _) in enumerate(calls) for k in reads}
        until[home[calls[-1][0]]] = len(calls)
        places: dict[int, int] = {-1: -1}
        sizes: list[int] = []
        free: list[int] = []
        steps: list[Step] = []
        for t, (i, reads, kernel) in enumerate(calls):
            shape, dtype = program.shapes[i + 1], written(program, i)
            if kernel:
                if not free:
                    free.append(len(sizes))
                    sizes.append(0)
                places[i] = max(free, key=lambda place: sizes[place])
                free.remove(places[i])
                sizes[places[i]] = max(sizes[places[i]], prod(shape) * dtype.itemsize)
            steps.append(Step(i, reads, kernel, shape, dtype, places[home[i]]))
            free += [places[k] for k in {home[k] for k in (i, *reads)} - {-1} if until.get(k, t) == t]
        return cls(tuple(steps), tuple(sizes))


@lru_cache(maxsize=8)
def plan(program: Program, product: Product, trace: bool) -> Plan:
    """Prepare a program; kept for the programs run last, since it costs as much as running one image.

    A max pool right after a convolution is done by the convolution, unless the output between the two is
    asked for: by `trace`, or by an operator that names it.
    """
    operators = program.operators
    named = {k for i, operator in enumerate(operators) for k in operator.reads(i) if k != i - 1}
    calls: list[Call] = []
    pooled = -1
    for i, operator in enumerate(operators):
        if i == pooled:
            continue
        pool = operators[i + 1] if i + 1 < len(operators) else None
        if isinstance(operator, Conv2d) and isinstance(pool, MaxPool2d) and not trace and i not in named:
            pooled = i + 1
            calls.append((pooled, operator.reads(i), kernel_of(program, i, product, pool)))
        else:
            calls.append((i, operator.reads(i), kernel_of(program, i, product)))
    return Plan.of(program, calls)


def kernel_of(program: Program, i: int, product: Product, pool: MaxPool2d | None = None) -> Kernel | None:
    """What computes operator i, and the pool behind it if there is one; None for a view."""
    operator, bound, codes = program.operators[i], program.bounds[i], program.inputs(i, program.codes)
    x, y = codes[0], program.codes[i + 1]
    match operator:
        case Conv2d():
            _, H, W = program.inputs(i, program.shapes)[0]
            return partial(conv2d, Convolution.of(operator, x, product, (H, W), pool))
        case Linear():
            return partial(linear, Prepared.of(operator, x, product))
        case MaxPool2d():
            return partial(by_channels, partial(max_pool2d_codes, operator, x))
        case AvgPool2d():
            count = counts(operator, program.inputs(i, program.shapes)[0]).astype(accumulator_of(bound))
            return partial(by_channels, partial(avg_pool2d, operator, x, count))
        case GlobalAvgPool():
            return partial(by_channels, partial(global_avg_pool, operator, x, bound))
        case Add():
            return partial(by_channels, partial(add, terms_of(operator, codes), scaling_of(operator, bound)))
        case Table():
            return partial(look_up, operator.table.astype(y.dtype))
        case Multiply():
            return partial(look_up, products_of(operator, x, y.dtype))
        case Softmax():
            return partial(softmax, exponentials(operator))
        case Argmax():
            return argmax
        case Concat():
            return concat
        case Pad() if operator.padding != NO_PADDING:
            return partial(pad, operator.padding, x.zero)
        case Transpose():
            return partial(transpose, operator.axes)
        case Flatten(order="HWC") | Reshape(order="HWC"):
            return reshape_channels_last
    return None


def written(program: Program, i: int) -> np.dtype[Any]:
    """The dtype of what operator i writes: its codes', or int64 for classes."""
    classes = isinstance(program.operators[i], Argmax)
    return np.dtype(np.int64) if classes else program.codes[i + 1].dtype


def argmax(x: NDArray[Any], y: NDArray[Any], workspace: Workspace) -> None:
    """(K, N) to the class of the greatest code, (N,); the first among equals."""
    np.argmax(x, 0, out=y)
