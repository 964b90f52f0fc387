"""Depth: what is known of the exercise about soft labels."""

from typing import Any

import numpy as np

from tinyzip.distill import losses
from tinyzip.learn.case import Case, Check, seeded


def expected(z: Any, labels: Any, t: Any, T: float, a: float) -> Any:
    return losses.distillation(z, labels, t, a, T, "kl")


def case(what: str, K: int, N: int, T: float, a: float, size: float = 3.0) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        z, t = size * rng.normal(size=(2, K, N))
        return z, rng.integers(0, K, N), t, T, a

    return Case("distillation", what, seeded(25, make), expected)


CHECK = Check(
    library="distill/losses.py, distillation",
    cases=(
        case("one example, the labels alone (a = 0)", 3, 1, 4.0, 0.0),
        case("one example, the teacher alone (a = 1) at T = 1", 3, 1, 1.0, 1.0),
        case("one example, the teacher alone at T = 4", 3, 1, 4.0, 1.0),
        case("five examples, the teacher alone at T = 2", 4, 5, 2.0, 1.0),
        case("five examples, a quarter of the teacher at T = 2", 4, 5, 2.0, 0.25),
        case("three examples, half of the teacher at T = 0.5", 10, 3, 0.5, 0.5),
    ),
    hints=(
        "Of −Σ q ln σ(u), the derivative by u is p − q. If u is z/T, what is it by z?",
        "The loss mixes two numbers, dz mixes two arrays, and both with the same weights, 1 − a and a.",
        "The teacher's part of dz: p less q, both at T, times T, divided by the number of examples.",
    ),
)
