"""Depth: what is known of the exercise about patches."""

from typing import Any

from tinyzip.base import windows
from tinyzip.learn.case import Case, Check, Mistake, seeded


def expected(x: Any, kh: int, kw: int, s: int = 1) -> Any:
    return windows.im2col(x, (kh, kw), (s, s))


def case(what: str, shape: tuple[int, ...], *window: int) -> Case:
    return Case("im2col", what, seeded(1, lambda rng: (rng.integers(-9, 9, shape), *window)), expected, 0)


CHECK = Check(
    library="base/windows.py, im2col",
    cases=(
        case("windows of 2×2 on one image of 3×4", (1, 3, 4, 1), 2, 2),
        case("windows of 2×3 on images of 4×5 with two channels", (2, 4, 5, 1), 2, 3),
        case("three images of 4×4 at once", (1, 4, 4, 3), 2, 2),
        case("windows of 3×2 in steps of 2 on images of 7×5", (2, 7, 5, 2), 3, 2, 2),
        case("windows as large as the image", (3, 2, 2, 2), 2, 2),
    ),
    mistakes=(
        Mistake(
            "s * OH : s, j : j + s * OW : s",
            "OH, j : j + OW",
            "the stride is missing: windows begin at 0, s, 2s, …",
        ),
        Mistake(
            "patches[:, i, j] =",
            "patches[:, kh - 1 - i, kw - 1 - j] =",
            "the window is turned: row i of the window is row oh·s + i of the image",
        ),
        Mistake(
            "patches.reshape(C * kh * kw, OH * OW * N)",
            "patches.reshape(C * kh * kw, OH * OW * N).T",
            "rows and columns are exchanged: one window is a column",
        ),
        Mistake(
            "patches.reshape(C * kh * kw, OH * OW * N)",
            "patches.transpose(1, 2, 0, 3, 4, 5).reshape(C * kh * kw, OH * OW * N)",
            "the channel comes first among the rows: (c, i, j)",
        ),
        Mistake(
            "patches.reshape(C * kh * kw, OH * OW * N)",
            "patches.transpose(0, 1, 2, 5, 3, 4).reshape(C * kh * kw, OH * OW * N)",
            "the example comes last among the columns: (oh, ow, n)",
        ),
        Mistake(
            "patches.reshape(C * kh * kw, OH * OW * N)",
            "patches.transpose(0, 2, 1, 3, 4, 5).reshape(C * kh * kw, OH * OW * N)",
            "row and column of the window are exchanged: (c, i, j), i the row",
        ),
        Mistake(
            "np.empty((C, kh, kw, OH, OW, N), x.dtype)",
            "np.empty((C, kh, kw, OH, OW, N))",
            "the patches have x's dtype: whole numbers stay whole",
        ),
    ),
    others=(
        """
import numpy as np

def im2col(x, kh, kw, s=1):
    C, H, W, N = x.shape
    columns = []
    for oh in range((H - kh) // s + 1):
        for ow in range((W - kw) // s + 1):
            for n in range(N):
                columns.append(x[:, oh * s : oh * s + kh, ow * s : ow * s + kw, n].ravel())
    return np.stack(columns, 1)
""",
        """
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

def im2col(x, kh, kw, s=1):
    view = sliding_window_view(x, (kh, kw), (1, 2))[:, ::s, ::s]
    return view.transpose(0, 4, 5, 1, 2, 3).reshape(x.shape[0] * kh * kw, -1)
""",
    ),
    hints=(
        "Fix one place (i, j) of the window. Which numbers of the image stand there, over all windows?",
        "For one (i, j) they are every s-th row from i on and every s-th column from j on: one slice of x.",
        "Make an empty array of six axes, fill one (i, j) after the other; at last make two axes of six.",
    ),
)
