"""Depth: what is known of the exercise about average pooling."""

from typing import Any

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops


def expected(x: Any, k: int, s: int, p: int = 0) -> Any:
    return ops.avg_pool2d(x, k, s, p)


def expected_backward(dy: Any, shape: tuple[int, ...], k: int, s: int, p: int = 0) -> Any:
    return ops.avg_pool2d_backward(dy, shape, k, s, p)


def forward(what: str, shape: tuple[int, ...], *window: int) -> Case:
    return Case("avg_pool", what, seeded(12, lambda rng: (rng.normal(size=shape), *window)), expected)


def backward(what: str, shape: tuple[int, ...], k: int, s: int, p: int = 0) -> Case:
    C, H, W, N = shape
    dy = C, (H + 2 * p - k) // s + 1, (W + 2 * p - k) // s + 1, N
    make = seeded(13, lambda rng: (rng.normal(size=dy), shape, k, s, p))
    return Case("avg_pool_backward", what, make, expected_backward)


CHECK = Check(
    library="nn/ops/pool.py, avg_pool2d and avg_pool2d_backward",
    cases=(
        forward("one image of 4×4, windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        forward("two channels and three examples of 4×6", (2, 4, 6, 3), 2, 2),
        forward("windows of 3 in steps of 2 on 5×7, a border of 1", (1, 5, 7, 2), 3, 2, 1),
        forward("windows of 3 in steps of 1, a border of 2", (2, 4, 4, 2), 3, 1, 2),
        backward("the gradient through windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        backward("the gradient through windows that overlap", (2, 5, 5, 2), 3, 1),
        backward("the gradient with a border of 1", (2, 5, 7, 2), 3, 2, 1),
        backward("the gradient with a border of 2", (1, 4, 4, 2), 3, 1, 2),
    ),
    mistakes=(
        Mistake(
            "(total / count)",
            "(total / k**2)",
            "forward, the border is counted; the mean is over pixels only",
        ),
        Mistake("(total / count)", "total", "the division is missing: this is the sum over the window"),
        Mistake(
            "np.pad(x, border)",
            'np.pad(x, border, "edge")',
            "the border repeats the edge here; it is zeros, which add nothing",
        ),
        Mistake(
            "/ count\n    shares",
            "/ k**2\n    shares",
            "backward, the share is 1 / count, as forward, not 1 / k²",
        ),
        Mistake(
            " / count\n    shares",
            "\n    shares",
            "backward, the share is missing: each pixel gets dy / count",
        ),
        Mistake(
            "padded[:, p : p + H, p : p + W]",
            "padded[:, :H, :W]",
            "the border is cut off at one end only: the image begins at row p and column p",
        ),
        Mistake(
            "padded[:, p : p + H, p : p + W]",
            "padded",
            "the border is still on it: dx has the shape of the image",
        ),
    ),
    others=(
        """
import numpy as np

def avg_pool(x, k, s, p=0):
    C, H, W, N = x.shape
    OH, OW = (H + 2 * p - k) // s + 1, (W + 2 * p - k) // s + 1
    y = np.empty((C, OH, OW, N))
    for oh in range(OH):
        for ow in range(OW):
            top, left = oh * s - p, ow * s - p
            window = x[:, max(top, 0) : top + k, max(left, 0) : left + k]
            y[:, oh, ow] = window.mean(axis=(1, 2))
    return y

def avg_pool_backward(dy, shape, k, s, p=0):
    dx = np.zeros(shape)
    for oh in range(dy.shape[1]):
        for ow in range(dy.shape[2]):
            top, left = oh * s - p, ow * s - p
            window = dx[:, max(top, 0) : top + k, max(left, 0) : left + k]
            window += (dy[:, oh, ow] / (window.shape[1] * window.shape[2]))[:, None, None]
    return dx
""",
        """
import numpy as np

def reads(length, k, s, p):
    first = np.arange((length + 2 * p - k) // s + 1)[:, None] * s - p
    pixel = np.arange(length)
    sees = ((pixel >= first) & (pixel < first + k)).astype(float)
    return sees / sees.sum(axis=1, keepdims=True)

def avg_pool(x, k, s, p=0):
    return np.einsum("ah,bw,chwn->cabn", reads(x.shape[1], k, s, p), reads(x.shape[2], k, s, p), x)

def avg_pool_backward(dy, shape, k, s, p=0):
    return np.einsum("ah,bw,cabn->chwn", reads(shape[1], k, s, p), reads(shape[2], k, s, p), dy)
""",
    ),
    hints=(
        "How many pixels of the image does the window in the corner see, if k is 3 and p is 1?",
        "The sum over a window of an image of ones, in a border of zeros, is the number of its pixels.",
        "Forward: sum ÷ count. Backward: dy ÷ count, the same for all k·k places of a window, to col2im.",
    ),
)
