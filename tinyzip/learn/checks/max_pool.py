"""Depth: what is known of the exercise about max pooling."""

from typing import Any

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops


def expected(x: Any, k: int, s: int) -> Any:
    return ops.max_pool2d(x * 1.0, k, s)


def expected_backward(dy: Any, winner: Any, shape: tuple[int, ...], k: int, s: int) -> Any:
    return ops.max_pool2d_backward(dy, winner.astype("uint8"), shape, k, s)


def forward(what: str, shape: tuple[int, ...], k: int, s: int, high: int = 100) -> Case:
    make = seeded(10, lambda rng: (rng.integers(-high, high, shape).astype(float), k, s))
    return Case("max_pool", what, make, expected, 0)


def backward(what: str, shape: tuple[int, ...], k: int, s: int) -> Case:
    C, H, W, N = shape
    y = C, (H - k) // s + 1, (W - k) // s + 1, N
    make = seeded(11, lambda rng: (rng.normal(size=y), rng.integers(0, k * k, y), shape, k, s))
    return Case("max_pool_backward", what, make, expected_backward)


CHECK = Check(
    library="nn/ops/pool.py, max_pool2d and max_pool2d_backward",
    cases=(
        forward("one image of 4×4, windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        forward("two channels and three examples of 4×6", (2, 4, 6, 3), 2, 2),
        forward("five channels, windows of 3 in steps of 2, which overlap", (5, 7, 5, 2), 3, 2),
        forward("numbers of which many are equal", (1, 6, 6, 2), 3, 3, 2),
        backward("the gradient through windows of 2 in steps of 2", (1, 4, 4, 1), 2, 2),
        backward("the gradient of two channels and three examples", (2, 4, 6, 3), 2, 2),
        backward("the gradient through windows that overlap", (2, 7, 5, 2), 3, 2),
    ),
    mistakes=(
        Mistake(
            "seen.argmax(axis=1)",
            "k * k - 1 - seen[:, ::-1].argmax(axis=1)",
            "of equal numbers the first wins, and here it is the last",
        ),
        Mistake(
            "seen.argmax(axis=1)",
            "seen.argmax(axis=1) % k * k + seen.argmax(axis=1) // k",
            "the winner's place is i·k + j, i the row; here row and column are exchanged",
        ),
        Mistake(
            "seen.max(axis=1), seen.argmax(axis=1)",
            "seen.max(axis=1), abs(seen).argmax(axis=1)",
            "the winner is the largest number, not the one that is farthest from 0",
        ),
        Mistake("seen.max(axis=1)", "seen.mean(axis=1)", "this is the mean of the window, not its largest"),
        Mistake(
            "seen.max(axis=1)",
            "np.maximum(seen.max(axis=1), 0)",
            "a window below 0 has a largest number, too; here it becomes 0",
        ),
        Mistake(
            "(winner[:, None] == place)",
            "(winner[:, None] >= 0 * place)",
            "the gradient goes to the winner alone; here every pixel of the window gets it",
        ),
        Mistake(
            "(winner[:, None] == place)",
            "(winner[:, None] == place) / (k * k)",
            "÷ k² is too much: the winner gets all of dy",
        ),
        Mistake(
            "(winner[:, None] == place)",
            "(winner[:, None] == place[:, ::-1])",
            "place 0 of the window is its first pixel; here it is the last",
        ),
        Mistake(
            "dseen.reshape",
            "(dseen != 0).astype(float).reshape",
            "dy is missing: the winner gets what came back, not 1",
        ),
    ),
    others=(
        """
import numpy as np

def max_pool(x, k, s):
    C, H, W, N = x.shape
    OH, OW = (H - k) // s + 1, (W - k) // s + 1
    y, winner = np.empty((C, OH, OW, N)), np.empty((C, OH, OW, N), np.uint8)
    for oh in range(OH):
        for ow in range(OW):
            window = x[:, oh * s : oh * s + k, ow * s : ow * s + k].reshape(C, k * k, N)
            winner[:, oh, ow] = window.argmax(1)
            y[:, oh, ow] = window.max(1)
    return y, winner

def max_pool_backward(dy, winner, shape, k, s):
    dx = np.zeros(shape)
    for c, oh, ow, n in np.ndindex(dy.shape):
        i, j = divmod(int(winner[c, oh, ow, n]), k)
        dx[c, oh * s + i, ow * s + j, n] += dy[c, oh, ow, n]
    return dx
""",
        """
import numpy as np

def max_pool(x, k, s):
    C, H, W, N = x.shape
    OH, OW = (H - k) // s + 1, (W - k) // s + 1
    y, winner = np.full((C, OH, OW, N), -np.inf), np.zeros((C, OH, OW, N), np.int16)
    for place in range(k * k):
        i, j = divmod(place, k)
        pixel = x[:, i : i + s * OH : s, j : j + s * OW : s]
        winner[pixel > y] = place
        y = np.maximum(y, pixel)
    return y, winner

def max_pool_backward(dy, winner, shape, k, s):
    c, oh, ow, n = np.indices(dy.shape)
    dx = np.zeros(shape)
    np.add.at(dx, (c, oh * s + winner // k, ow * s + winner % k, n), dy)
    return dx
""",
    ),
    hints=(
        "If only one pixel of a window decides on y, what is the derivative of y by each of the others?",
        "im2col shows all windows at once; which of its axes, after a reshape to five, is the window?",
        "Backward: compare each place 0 … k·k − 1 with the winner, times dy, and hand that to col2im.",
    ),
)
