"""Depth: what is known of the exercise about convolution."""

from typing import Any

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops


def expected(x: Any, w: Any, b: Any, s: int = 1, p: int = 0) -> Any:
    return ops.conv2d(x, w, b, s, p)


def case(what: str, x: tuple[int, ...], w: tuple[int, ...], s: int = 1, p: int = 0) -> Case:
    make = seeded(7, lambda rng: (rng.normal(size=x), rng.normal(size=w), rng.normal(size=w[0]), s, p))
    return Case("conv", what, make, expected)


CHECK = Check(
    library="nn/ops/conv.py, conv2d",
    cases=(
        case("one kernel of 2×2 on one image of 3×4", (1, 3, 4, 1), (1, 1, 2, 2)),
        case("three kernels of 2×2 on two channels of 4×5", (2, 4, 5, 1), (3, 2, 2, 2)),
        case("two kernels of 3×2 on four images", (2, 5, 5, 4), (2, 2, 3, 2)),
        case("steps of 2 on 8×5", (1, 8, 5, 2), (2, 1, 3, 2), 2),
        case("a border of 1 around 4×4", (2, 4, 4, 2), (2, 2, 3, 3), 1, 1),
        case("steps of 2 and a border of 2", (2, 6, 7, 2), (3, 2, 4, 3), 2, 2),
    ),
    mistakes=(
        Mistake(
            "w.reshape(F,",
            "w[:, :, ::-1, ::-1].reshape(F,",
            "the kernel is turned: w[i, j] is for the pixel i rows below and j columns right of the first",
        ),
        Mistake(
            "b[:, None, None, None]",
            "b",
            "the bias is one number a map, b[:, None, None, None]; here it is added along the examples",
        ),
        Mistake(" + b[:, None, None, None]", "", "the bias is missing"),
        Mistake(
            "F, C, kh, kw = w.shape",
            "F, C, kh, kw, s = *w.shape, 1",
            "the stride is missing: windows begin at 0, s, 2s, …",
        ),
        Mistake("((0, 0), (p, p), (p, p), (0, 0))", "[(0, 0)] * 4", "the border of p zeros is missing"),
        Mistake("(p, p), (p, p)", "(p, 0), (p, 0)", "the border is on all four sides, after the image, too"),
        Mistake(
            "(0, 0)))", '(0, 0)), "edge")', "the border is of zeros; here it repeats the pixels at the edge"
        ),
        Mistake(
            "w.reshape(F,",
            "w.transpose(0, 2, 3, 1).reshape(F,",
            "the numbers of a kernel are in the order (c, i, j), as the rows of the patches are",
        ),
    ),
    others=(
        """
import numpy as np

def conv(x, w, b, s=1, p=0):
    x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    kh, kw = w.shape[2:]
    OH, OW = (x.shape[1] - kh) // s + 1, (x.shape[2] - kw) // s + 1
    y = np.empty((len(w), OH, OW, x.shape[3]))
    for oh in range(OH):
        for ow in range(OW):
            seen = x[:, oh * s : oh * s + kh, ow * s : ow * s + kw]
            y[:, oh, ow] = np.einsum("fcij,cijn->fn", w, seen) + b[:, None]
    return y
""",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def conv(x, w, b, s=1, p=0):
    C, H, W, N = x.shape
    image = np.zeros((C, H + 2 * p, W + 2 * p, N))
    image[:, p : p + H, p : p + W] = x
    seen = sliding_window_view(image, w.shape[2:], (1, 2))[:, ::s, ::s]
    return (np.tensordot(w, seen, ((1, 2, 3), (0, 4, 5))).T + b).T
""",
    ),
    hints=(
        "What one output number adds up is a row of one matrix times a column of another. Which are they?",
        "Put the zeros around the image first; from then on there is no padding, only a larger image.",
        "Kernels as rows, (F, C·kh·kw), times im2col of the padded image; then four axes, and b for each f.",
    ),
)
