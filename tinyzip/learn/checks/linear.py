"""Depth: what is known of the exercise about the fully connected layer."""

from tinyzip.learn.case import Case, Check, Mistake, seeded
from tinyzip.nn import ops

FORWARD = "linear", lambda x, w, b: ops.linear(x, w, b)
BACKWARD = "linear_backward", lambda dy, x, w: ops.linear_backward(dy, x, w)


def forward(what: str, F: int, C: int, N: int) -> Case:
    make = seeded(3, lambda rng: (rng.normal(size=(C, N)), rng.normal(size=(F, C)), rng.normal(size=F)))
    return Case(FORWARD[0], what, make, FORWARD[1])


def backward(what: str, F: int, C: int, N: int) -> Case:
    make = seeded(4, lambda rng: (rng.normal(size=(F, N)), rng.normal(size=(C, N)), rng.normal(size=(F, C))))
    return Case(BACKWARD[0], what, make, BACKWARD[1])


CHECK = Check(
    library="nn/ops/dense.py, linear and linear_backward",
    cases=(
        forward("one example of two numbers, three outputs", 3, 2, 1),
        forward("four examples of two numbers, three outputs", 3, 2, 4),
        forward("as many examples as outputs", 3, 2, 3),
        backward("the gradients of one example", 3, 2, 1),
        backward("the gradients of four examples", 3, 2, 4),
        backward("the gradients of a square layer and as many examples", 3, 3, 3),
    ),
    mistakes=(
        Mistake(
            "b[:, None]", "b", "the bias is one number an output, for all examples: a column, b[:, None]"
        ),
        Mistake("w @ x + b[:, None]", "w @ x", "the bias is missing"),
        Mistake(
            "dy.sum(axis=1)",
            "dy.mean(axis=1)",
            "db is the sum over the examples, not the mean; 1/N belongs to the loss",
        ),
        Mistake("dy @ x.T", "dy @ x.T / dy.shape[1]", "÷ N is too much: dw is a sum over the examples"),
        Mistake("w.T @ dy, dy", "w.T @ (dy + 0 * dy) * 1.0 - 0.1 * w.T @ dy, dy", "dx = wᵀ dy, all of it"),
        Mistake(
            "w.T @ dy, dy @ x.T, dy.sum(axis=1)",
            "dy @ x.T, w.T @ dy, dy.sum(axis=1)",
            "the order is dx, dw, db",
        ),
        Mistake(
            "dy.sum(axis=1)",
            "dy.sum(axis=0)",
            "db sums over the examples, axis 1, and keeps one number an output",
        ),
        Mistake(
            "w.T @ dy, dy @ x.T",
            "w.T @ dy, (x @ dy.T)",
            "dw has the shape of w, (F, C); this is its transpose",
        ),
    ),
    others=(
        """
import numpy as np

def linear(x, w, b):
    y = np.empty((len(w), x.shape[1]))
    for f in range(len(w)):
        for n in range(x.shape[1]):
            y[f, n] = sum(w[f, c] * x[c, n] for c in range(len(x))) + b[f]
    return y

def linear_backward(dy, x, w):
    return np.einsum("fc,fn->cn", w, dy), np.einsum("fn,cn->fc", dy, x), np.einsum("fn->f", dy)
""",
        """
import numpy as np

def linear(x, w, b):
    return (x.T @ w.T + b).T

def linear_backward(dy, x, w):
    return np.dot(dy.T, w).T, np.dot(x, dy.T).T, np.add.reduce(dy, 1)
""",
    ),
    hints=(
        "Which product of two of the three arrays has the shape of x? Of w?",
        "b has one number for each row of y. Which shape does NumPy add to each column?",
        "The shapes are (F, C) times (C, N) forward; (C, F) times (F, N) for dx; (F, N) times (N, C) for dw.",
    ),
)
