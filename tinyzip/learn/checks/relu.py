"""Depth: what is known of the exercise about the rectifier."""

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake("(y > 0)", "(y >= 0)", "at 0 the derivative is taken as 0: y > 0, not y ≥ 0"),
        Mistake(
            "dy * (y > 0)", "np.maximum(dy, 0)", "this rectifies dy; what decides is whether y was above 0"
        ),
        Mistake(
            "dy * (y > 0)",
            "(y > 0).astype(float)",
            "dy is missing: the chain rule multiplies by what comes back",
        ),
        Mistake("dy * (y > 0)", "dy * y", "the slope above 0 is 1, not y"),
        Mistake("np.maximum(x, 0)", "np.abs(x)", "what is below 0 becomes 0, not its size"),
        Mistake(
            "np.maximum(x, 0)",
            "np.maximum(x, 0).astype(int)",
            "the numbers keep their dtype and their fractions",
        ),
        Mistake("np.maximum(x, 0)", "np.minimum(x, 0)", "this keeps what is below 0"),
    ),
    others=(
        """
import numpy as np

def relu(x):
    return np.where(x > 0, x, 0.0)

def relu_backward(dy, y):
    dx = dy.copy()
    dx[y <= 0] = 0
    return dx
""",
        """
import numpy as np

def relu(x):
    return np.array([max(v, 0.0) for v in x.ravel().tolist()]).reshape(x.shape)

def relu_backward(dy, y):
    return dy * np.sign(y)
""",
    ),
    hints=(
        "What is the slope of max(x, 0) left of 0, and right of it?",
        "Backward multiplies what comes back by that slope, each number by itself.",
        "A comparison of arrays gives True and False, which count as 1 and 0 in a product.",
    ),
)
