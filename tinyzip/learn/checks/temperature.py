"""Depth: what is known of the exercise about temperature."""

from typing import Any

import numpy as np

from tinyzip.distill.temperature import kl_divergence
from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn.losses import log_softmax


def expected(z: Any, T: float) -> Any:
    return np.exp(log_softmax(z / T))


def soft(what: str, K: int, N: int, T: float) -> Case:
    return Case("soften", what, seeded(23, lambda rng: (4 * rng.normal(size=(K, N)), T)), expected)


def case(what: str, K: int, N: int, T: float, size: float = 4.0) -> Case:
    make = seeded(24, lambda rng: (size * rng.normal(size=(K, N)), size * rng.normal(size=(K, N)), T))
    return Case("divergence", what, make, lambda z, t, T: kl_divergence(z, t, T)[0])


CHECK = Check(
    library="distill/temperature.py, kl_divergence",
    cases=(
        soft("one example of four classes at T = 1", 4, 1, 1.0),
        soft("two examples of five classes at T = 4", 5, 2, 4.0),
        soft("three examples of three classes at T = 0.5", 3, 3, 0.5),
        case("how far one student is from its teacher at T = 1", 4, 1, 1.0),
        case("how far one student is from its teacher at T = 4", 4, 1, 4.0),
        case("how far a student is on three examples at T = 2", 5, 3, 2.0),
        case("how far a student is where logits are thousands apart", 4, 2, 2.0, 3000.0),
    ),
    hints=(
        "What becomes of σ(z/T) if T is very large? And if it is very small?",
        "Both logarithms come from log_softmax of something ÷ T; ln(q/p) is the one less the other.",
        "q times that difference, summed over classes and examples; times the square of T; divided by N.",
    ),
)
