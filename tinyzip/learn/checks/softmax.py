"""Depth: what is known of the exercise about softmax."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake
from tinyzip.nn import losses

PLAIN = np.array([[1.0, -1.0, 0.5], [2.0, 0.0, 0.5], [4.0, 3.0, -2.0], [0.0, 0.0, 1.5]])
APART = np.array([[1000.0, -1000.0], [1001.0, -1001.0]])
WIDE = np.array([[0.0, -1000.0], [-9000.0, 500.0], [1.0, 499.0]])


def expected(z: Any) -> Any:
    return np.exp(losses.log_softmax(z))


def case(function: str, what: str, z: np.ndarray) -> Case:
    ask = expected if function == "softmax" else losses.log_softmax
    return Case(function, what, lambda: (z.copy(),), ask, 1e-10)  # that a sum is not padded by 1e-8


CHECK = Check(
    library="nn/losses.py, log_softmax",
    cases=(
        case("softmax", "four logits of one example", PLAIN[:, :1]),
        case("softmax", "four logits of three examples", PLAIN),
        case("softmax", "logits around 1000", PLAIN + 1000),
        case("softmax", "logits around −1000", PLAIN - 1000),
        case("softmax", "one example around 1000 beside one around −1000", APART),
        case("softmax", "logits that are thousands apart", WIDE),
        case("log_softmax", "the logarithms of three examples", PLAIN),
        case("log_softmax", "the logarithms of one example around 1000 beside one around −1000", APART),
        case("log_softmax", "the logarithms where logits are thousands apart", WIDE),
    ),
    mistakes=(
        Mistake("z - z.max(axis=0)", "z", "the largest of each column is not taken off, and exp overflows"),
        Mistake(
            "z.max(axis=0)",
            "z.max()",
            "each column has a largest of its own; without it a column of small logits becomes 0 / 0",
        ),
        Mistake(
            "z.max(axis=0)",
            "z.mean(axis=0)",
            "the mean is taken off here, and an exponent may still be far above 0; take off the largest",
        ),
        Mistake(
            "z.max(axis=0)",
            "z.min(axis=0)",
            "the largest is to be taken off, not the smallest: then no exponent is above 0",
        ),
        Mistake("e / e.sum(axis=0)", "e", "the division is missing: a column has to add up to 1"),
        Mistake("axis=0", "axis=1, keepdims=True", "one column is one example: sum over the classes, axis 0"),
        Mistake(
            "shifted - np.log(np.exp(shifted).sum(axis=0))",
            "np.log(np.exp(shifted) / np.exp(shifted).sum(axis=0))",
            "this is the logarithm of what was rounded to 0; take zₖ − ln Σ instead",
        ),
        Mistake("np.log(", "np.log2(", "the logarithm is the natural one, and not to base 2"),
        Mistake("= shifted - np.log", "= z - np.log", "the largest is taken off in the sum, but not of zₖ"),
    ),
    others=(
        """
import math
import numpy as np

def softmax(z):
    p = np.empty(z.shape)
    for n in range(z.shape[1]):
        largest = max(z[:, n])
        e = [math.exp(value - largest) for value in z[:, n]]
        p[:, n] = [value / sum(e) for value in e]
    return p

def log_softmax(z):
    return z - np.logaddexp.reduce(z, axis=0)
""",
        """
import numpy as np
from scipy import special

def softmax(z):
    return np.exp(z - special.logsumexp(z, axis=0, keepdims=True))

def log_softmax(z):
    return special.log_softmax(z.T, axis=1).T
""",
    ),
    hints=(
        "What is σ of z + 1000, if the formula is written out and the fraction is made simpler?",
        "Take a number off each column so that the largest exponent is 0. One number a column: axis 0.",
        "softmax: exp of the shifted, ÷ their sum a column. log_softmax: the shifted less ln of that sum.",
    ),
)
