"""Depth: what is known of the exercise about dw and db of a convolution."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops


def expected(dy: Any, x: Any, kh: int, kw: int, s: int = 1, p: int = 0) -> Any:
    w = np.zeros((len(dy), len(x), kh, kw))
    return ops.conv2d_backward(dy, x, w, s, p)[1:]


def case(what: str, F: int, x: tuple[int, ...], kh: int, kw: int, s: int = 1, p: int = 0) -> Case:
    OH, OW = ((length + 2 * p - k) // s + 1 for length, k in zip(x[1:3], (kh, kw), strict=True))
    dy = F, OH, OW, x[3]
    make = seeded(8, lambda rng: (rng.normal(size=dy), rng.normal(size=x), kh, kw, s, p))
    return Case("conv_dw", what, make, expected)


CHECK = Check(
    library="nn/ops/conv.py, conv2d_backward",
    cases=(
        case("one kernel of 2×2 on one image of 2×2: one window", 1, (1, 2, 2, 1), 2, 2),
        case("one kernel of 2×2 on one image of 3×4", 1, (1, 3, 4, 1), 2, 2),
        case("two kernels of 2×2 on three examples with two channels", 2, (2, 4, 3, 3), 2, 2),
        case("kernels of 3×2 in steps of 2", 3, (2, 8, 5, 2), 3, 2, 2),
        case("a border of 1", 2, (1, 4, 4, 2), 3, 3, 1, 1),
        case("steps of 2 and a border of 2", 2, (2, 6, 7, 2), 4, 3, 2, 2),
    ),
    mistakes=(
        Mistake(
            "dy.sum(axis=(1, 2, 3))",
            "dy.mean(axis=(1, 2, 3))",
            "db is the sum of dy over places and examples, not its mean",
        ),
        Mistake("patches.T", "patches.T / x.shape[3]", "÷ N is too much: dw is a sum over the examples"),
        Mistake(
            "patches.T",
            "patches.T * x.shape[3] / patches.shape[1]",
            "dw is a sum over the windows; here it is divided by OH·OW",
        ),
        Mistake(
            "dw.reshape(len(dy), len(x), kh, kw)",
            "dw.reshape(len(dy), len(x), kh, kw)[:, :, ::-1, ::-1]",
            "dw is turned: the weight at (i, j) met the pixel at (i, j) of each window",
        ),
        Mistake(
            "dw.reshape(len(dy), len(x), kh, kw)",
            "dw.reshape(len(dy), len(x), kh, kw).swapaxes(2, 3)",
            "row and column of the kernel are exchanged: dw is (F, C, kh, kw)",
        ),
        Mistake("axis=(1, 2, 3)", "axis=(1, 2)", "db is one number a map: the examples are added up as well"),
        Mistake("axis=(1, 2, 3)", "axis=3", "db is one number a map: the places are added up as well"),
        Mistake(
            "return dw.reshape(len(dy), len(x), kh, kw), dy.sum(axis=(1, 2, 3))",
            "return dy.sum(axis=(1, 2, 3)), dw.reshape(len(dy), len(x), kh, kw)",
            "the order is dw, db",
        ),
        Mistake(
            "(0, 0)))", '(0, 0)), "edge")', "the windows saw a border of zeros, and not the edge repeated"
        ),
    ),
    others=(
        """
import numpy as np

def conv_dw(dy, x, kh, kw, s=1, p=0):
    x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    F, OH, OW, N = dy.shape
    dw = np.zeros((F, len(x), kh, kw))
    for oh in range(OH):
        for ow in range(OW):
            seen = x[:, oh * s : oh * s + kh, ow * s : ow * s + kw]
            dw += np.einsum("fn,cijn->fcij", dy[:, oh, ow], seen)
    return dw, np.einsum("fhwn->f", dy)
""",
        """
import numpy as np

def conv_dw(dy, x, kh, kw, s=1, p=0):
    x = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    F, OH, OW, N = dy.shape
    dw = np.empty((F, len(x), kh, kw))
    for i in range(kh):
        for j in range(kw):
            pixels = x[:, i : i + s * OH : s, j : j + s * OW : s]
            dw[:, :, i, j] = np.tensordot(dy, pixels, ((1, 2, 3), (1, 2, 3)))
    return [dw, dy.reshape(F, -1) @ np.ones(OH * OW * N)]
""",
    ),
    hints=(
        "What are x, w and y of the fully connected layer if a window is an example?",
        "dw of that layer is a product of two matrices: dy with a row a map, and patchesᵀ.",
        "Make dy a matrix (F, OH·OW·N), multiply, and give the product the axes of w; db adds up three axes.",
    ),
)
