"""What every engine of the speed comparison is given, and what it gives back.

One module an engine. Each reads the same tinyzip network (a `Sequential`, and the integer `Program` made from
it), writes it in its engine's own terms from the same numbers, and offers `entries`: the jobs it can do.
The names begin with `with_`, so that `import torch` still finds torch.

Every engine gets its images in its own layout before the clock starts: (N, C, H, W), (N, H, W, C)
or (C, H, W, N), float32 or codes. The clock sees the network and nothing else.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.integer.codes import Codes
from tinyzip.integer.operators import Conv2d, Linear
from tinyzip.integer.program import Program


@dataclass(frozen=True)
class Batch:
    """images (N, C, H, W) uint8, which are the codes of an integer program too; labels (N,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]

    @property
    def x(self) -> NDArray[np.float32]:
        """The images as floats from 0 to 1, (N, C, H, W)."""
        return self.images / np.float32(255)


@dataclass(frozen=True)
class Run:
    """Work that is ready to be timed.

    once    does it once: a training step returns its loss, float and integer return logits (N, K), the
            latter as codes of the program's output
    around  what must hold meanwhile and no longer, such as a number of threads that the whole process shares
    """

    once: Callable[[], Any]
    around: Callable[[], AbstractContextManager[Any]] = nullcontext

    def rate(self, seconds: float, wall: bool) -> float:
        """Runs per second, over at least `seconds`, after a warm-up of a quarter of that.

        wall  whether the clock on the wall counts, or the processor's
        """
        clock = time.perf_counter if wall else time.process_time
        with self.around():
            for length in (seconds / 4, seconds):
                runs, start = 0, clock()
                while (spent := clock() - start) < length or not runs:
                    self.once()
                    runs += 1
        return runs / spent


@dataclass(frozen=True)
class Entry:
    """One engine doing one kind of work: "train", "float" or "integer"; start takes a batch and threads."""

    engine: str
    work: str
    variant: str
    start: Callable[[Batch, int], Run]

    @property
    def name(self) -> str:
        return self.engine if self.variant == "default" else f"{self.engine} {self.variant}"


@dataclass(frozen=True)
class Scales:
    """real = scale · (code − zero), for what an operator reads (x), its weights (w, (F,)), its output (y)."""

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
    for operator, x in zip(program.operators, program.codes, strict=False):
        if isinstance(operator, Conv2d | Linear):
            s_x, s_y = step(x), step(operator.y)
            ratio = operator.m0 * 2.0 ** -operator.n.astype(float)
            found.append(Scales(s_x, (ratio * s_y / s_x).astype(np.float32), s_y))
        else:
            found.append(None)
    return found


def moved(codes: Codes, lowest: int) -> int:
    """What to add to codes to move their dtype to the one that starts at `lowest`: 0 uint8, −128 int8."""
    return lowest - (0 if codes.dtype == np.uint8 else -128)


def even(padding: tuple[tuple[int, int], tuple[int, int]]) -> tuple[int, int]:
    """(rows, columns) of a padding that is the same at both ends, the only kind that all engines know."""
    (top, bottom), (left, right) = padding
    if top != bottom or left != right:
        raise ValueError(f"padding: found {padding}, needed the same at both ends")
    return top, left
