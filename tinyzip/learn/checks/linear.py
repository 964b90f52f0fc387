"""Depth: what is known of the exercise about the fully connected layer."""

from tinyzip.learn.case import Case, Check, seeded
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
    hints=(
        "Which product of two of the three arrays has the shape of x? Of w?",
        "b has one number for each row of y. Which shape does NumPy add to each column?",
        "The shapes are (F, C) times (C, N) forward; (C, F) times (F, N) for dx; (F, N) times (N, C) for dw.",
    ),
)
