"""What every engine of the speed comparison is given, and what it gives back.

One module an engine. Each reads the same tinyzip network (a `Sequential`, and the integer `Program` made from
it), writes it in its engine's own terms from the same numbers, and offers `entries`: the jobs it can do.
The names begin with `with_`, so that `import torch` still finds torch.

Every engine gets its images in its own layout before the clock starts: (N, C, H, W), (N, H, W, C)
or (C, H, W, N), float32 or codes. The clock sees the network and nothing else.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.program import Codes, Conv2d, Linear, Program


@dataclass(frozen=True)
class Batch:
    """x (N, C, H, W) float32; codes (N, C, H, W) of the program's input; labels (N,)."""

    x: NDArray[np.float32]
    codes: NDArray[Any]
    labels: NDArray[Any]


@dataclass(frozen=True)
class Entry:
    """One engine doing one kind of work.

    work   "train", "float" or "integer"
    start  (batch, threads) -> a closure that does the work once: a training step returns its loss,
           float and integer return logits (N, K), the latter as codes of the program's output
    """

    engine: str
    work: str
    variant: str
    start: Callable[[Batch, int], Callable[[], Any]]


@dataclass(frozen=True)
class Scales:
    """real = scale · (code − zero) for what a matrix operator reads (x), multiplies by (w, (F,)) and writes (y)."""

    x: float
    w: NDArray[np.float32]
    y: float


def step(codes: Codes) -> float:
    """The scale of a grid as the one float that the peers ask for."""
    m, n = codes.scale
    return m * 2.0**-n


def matrix_scales(program: Program) -> list[Scales | None]:
    """For each operator with weights its scales, else None.

    A program keeps only the ratio that it needs, m0·2⁻ⁿ = s_x·s_w / s_y; the peers ask for the three.
    """
    found: list[Scales | None] = []
    grid = program.input
    for operator in program.operators:
        if not isinstance(operator, Conv2d | Linear):
            found.append(None)
            continue
        ratio = np.broadcast_to(operator.m0 * 2.0 ** -operator.n.astype(float), len(operator.w))
        s_x, s_y = step(grid), step(operator.y)
        found.append(Scales(s_x, (ratio * s_y / s_x).astype(np.float32), s_y))
        grid = operator.y
    return found


def moved(codes: Codes, lowest: int) -> int:
    """What to add to codes so that their dtype's lowest value becomes `lowest`: 0 for uint8, −128 for int8."""
    return lowest - (0 if codes.dtype == np.uint8 else -128)


def even(padding: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    """(rows, columns) of a padding that is the same at both ends, the only kind that all engines know."""
    (top, bottom), (left, right) = padding
    if top != bottom or left != right:
        raise ValueError(f"padding: found {padding}, needed the same at both ends")
    return top, left
