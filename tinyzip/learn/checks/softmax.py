"""Depth: what is known of the exercise about softmax."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check
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
    hints=(
        "What is σ of z + 1000, if the formula is written out and the fraction is made simpler?",
        "Take a number off each column so that the largest exponent is 0. One number a column: axis 0.",
        "softmax: exp of the shifted, ÷ their sum a column. log_softmax: the shifted less ln of that sum.",
    ),
)
