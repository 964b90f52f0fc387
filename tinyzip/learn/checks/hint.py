"""Depth: what is known of the exercise about hints."""

from typing import Any

import numpy as np

from tinyzip.distill import features
from tinyzip.learn.case import Case, Check, seeded


def case(what: str, C: int, D: int, *pixels: int) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        h, g = 3 * rng.normal(size=(C, *pixels)), 3 * rng.normal(size=(D, *pixels))
        return h, g, rng.normal(size=(D, C)), rng.normal(size=D)

    return Case("hint", what, seeded(26, make), features.hint)


CHECK = Check(
    library="distill/features.py, hint",
    cases=(
        case("one channel of each, one pixel, one example", 1, 1, 1, 1, 1),
        case("two channels of a student, three of its teacher, one pixel", 2, 3, 1, 1, 1),
        case("two channels and three, images of 2×3", 2, 3, 2, 3, 1),
        case("one channel and two, four images of 3×2", 1, 2, 3, 2, 4),
        case("three channels and three, two images of 2×2", 3, 3, 2, 2, 2),
    ),
    hints=(
        "If each pixel of each image is an example, what are x, w, b and y of the fully connected layer?",
        "The loss is half a mean of squares. What is its derivative by what the regressor gives, r?",
        "Two axes for h and g; linear, less g; linear_backward of the difference ÷ M; dh in the shape of h.",
    ),
)
