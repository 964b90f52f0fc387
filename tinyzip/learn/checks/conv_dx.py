"""Depth: what is known of the exercise about dx of a convolution."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops


def expected(dy: Any, w: Any, shape: tuple[int, ...], s: int = 1, p: int = 0) -> Any:
    return ops.conv2d_backward(dy, np.zeros(shape), w, s, p)[0]


def case(what: str, x: tuple[int, ...], w: tuple[int, ...], s: int = 1, p: int = 0) -> Case:
    OH, OW = ((length + 2 * p - k) // s + 1 for length, k in zip(x[1:3], w[2:], strict=True))
    dy = w[0], OH, OW, x[3]
    make = seeded(9, lambda rng: (rng.normal(size=dy), rng.normal(size=w), x, s, p))
    return Case("conv_dx", what, make, expected)


CHECK = Check(
    library="nn/ops/conv.py, conv2d_backward",
    cases=(
        case("one window of 2×2 on an image of 2×2", (1, 2, 2, 1), (1, 1, 2, 2)),
        case("windows of 2×2 that overlap on 3×4", (1, 3, 4, 1), (1, 1, 2, 2)),
        case("three kernels of 2×3 on two channels and two examples", (2, 4, 5, 2), (3, 2, 2, 3)),
        case("steps of 2 on 8×5, where a row is not seen", (2, 8, 5, 2), (2, 2, 3, 2), 2),
        case("a border of 1 around three channels of 4×4", (3, 4, 4, 2), (2, 3, 3, 3), 1, 1),
        case("steps of 2 and a border of 2", (1, 6, 7, 2), (2, 1, 4, 3), 2, 2),
    ),
    mistakes=(
        Mistake(
            "w.reshape(F, -1).T",
            "w[:, :, ::-1, ::-1].reshape(F, -1).T",
            "the kernel is turned once too often: col2im puts (i, j) back where im2col read it",
        ),
        Mistake(
            "padded[:, p : p + H, p : p + W]",
            "padded",
            "the border is still on it: dx has the shape of the image, (C, H, W, N)",
        ),
        Mistake(
            "padded[:, p : p + H, p : p + W]",
            "padded[:, :H, :W]",
            "the border is cut off at one end only: the image begins at row p and column p",
        ),
        Mistake(
            "w.reshape(F, -1).T",
            "w.transpose(0, 2, 3, 1).reshape(F, -1).T",
            "the rows of the patches are (c, i, j), the channel first",
        ),
        Mistake(
            "w.reshape(F, -1).T",
            "w.swapaxes(2, 3).reshape(F, -1).T",
            "row and column of the kernel are exchanged: (c, i, j), i the row",
        ),
        Mistake(
            "dy.reshape(F, -1)",
            "dy.transpose(0, 3, 1, 2).reshape(F, -1)",
            "the columns of the patches are (oh, ow, n), the example last",
        ),
        Mistake(
            "p : p + W]",
            "p : p + W] / N",
            "÷ N is too much: each example gets what came back to it; 1/N belongs to the loss",
        ),
        Mistake(
            "p : p + W]",
            "p : p + W] / (kh * kw)",
            "this is a mean over the window; what comes back from several windows is added up",
        ),
    ),
    others=(
        """
import numpy as np

def conv_dx(dy, w, shape, s=1, p=0):
    C, H, W, N = shape
    kh, kw = w.shape[2:]
    dx = np.zeros((C, H + 2 * p, W + 2 * p, N))
    for oh in range(dy.shape[1]):
        for ow in range(dy.shape[2]):
            back = np.einsum("fcij,fn->cijn", w, dy[:, oh, ow])
            dx[:, oh * s : oh * s + kh, ow * s : ow * s + kw] += back
    return dx[:, p : H + p, p : W + p]
""",
        """
import numpy as np
from tinyzip.learn.earlier import conv

def conv_dx(dy, w, shape, s=1, p=0):
    C, H, W, N = shape
    F, C, kh, kw = w.shape
    wide = np.zeros((F, H + 2 * p + kh - 1, W + 2 * p + kw - 1, N))
    _, OH, OW, _ = dy.shape
    wide[:, kh - 1 : kh - 1 + s * OH : s, kw - 1 : kw - 1 + s * OW : s] = dy
    dx = conv(wide, np.flip(w, (2, 3)).swapaxes(0, 1), np.zeros(C))
    return dx[:, p : p + H, p : p + W]
""",
    ),
    hints=(
        "Which two steps led from the image to y? What is the way back through each of them?",
        "Through the product: wᵀ times dy, as matrices. Through the patches: col2im, of which shape?",
        "col2im gives the image with its border, H + 2p rows; keep H from row p on, and columns likewise.",
    ),
)
