"""Depth: what is known of the exercise about the rectifier."""

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn import ops

KINKS = np.array([[-2.0], [-0.0], [0.0], [1e-30], [3.0]])

CHECK = Check(
    library="nn/ops/dense.py, relu and relu_backward",
    cases=(
        Case("relu", "five numbers around 0", lambda: (KINKS.copy(),), ops.relu),
        Case("relu", "an image", seeded(5, lambda rng: (rng.normal(size=(2, 3, 3, 2)),)), ops.relu),
        Case(
            "relu_backward",
            "the gradient at numbers around 0, where 0 itself gets 0",
            lambda: (np.arange(1.0, 6.0)[:, None], np.maximum(KINKS, 0)),
            ops.relu_backward,
        ),
        Case(
            "relu_backward",
            "the gradient of an image",
            seeded(
                6, lambda rng: (rng.normal(size=(2, 3, 3, 2)), np.maximum(rng.normal(size=(2, 3, 3, 2)), 0))
            ),
            ops.relu_backward,
        ),
    ),
    hints=(
        "What is the slope of max(x, 0) left of 0, and right of it?",
        "Backward multiplies what comes back by that slope, each number by itself.",
        "A comparison of arrays gives True and False, which count as 1 and 0 in a product.",
    ),
)
