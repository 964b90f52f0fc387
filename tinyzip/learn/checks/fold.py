"""Depth: what is known of the exercise about folding a batch norm."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn.fold import fold_batch_norm
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Linear
from tinyzip.nn.sequential import Sequential


def expected(w: Any, b: Any, gamma: Any, beta: Any, mean: Any, var: Any, eps: float = 1e-5) -> Any:
    F, C = w.shape[:2]
    layer: Layer = Linear(C, F) if w.ndim == 2 else Conv2d(C, F, w.shape[2:])
    shape = (C, *w.shape[2:])
    layers = {"one": layer, "norm": BatchNorm(F, eps)}
    params = {"one.w": w, "one.b": b, "norm.gamma": gamma, "norm.beta": beta}
    folded = fold_batch_norm(Sequential(layers, params | {"norm.mean": mean, "norm.var": var}, shape))
    return folded.params["one.w"], folded.params["one.b"]


def case(
    what: str, *shape: int, bias: float = 1.0, var: float = 1.0, eps: float = 1e-5, dtype: Any = np.float64
) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        F = shape[0]
        arrays = rng.normal(size=shape), bias * rng.normal(size=F), 2 * rng.normal(size=F), rng.normal(size=F)
        kept = 1 + rng.normal(size=F), var * rng.uniform(0.2, 3.0, F)
        return *(array.astype(dtype) for array in (*arrays, *kept)), eps

    return Case("fold", what, seeded(38, make), expected, 1e-6)


def given(what: str, w: Any, *others: Any, eps: float = 1e-5) -> Case:
    return Case("fold", what, lambda: (np.array(w), *(np.array(a) for a in others), eps), expected)


CHECK = Check(
    library="nn/fold.py, fold_batch_norm",
    cases=(
        given("one output of two inputs", [[1.0, -2.0]], [0.5], [3.0], [0.25], [1.5], [4.0]),
        case("a fully connected layer (3, 5)", 3, 5),
        case("a fully connected layer (4, 4), as many outputs as inputs", 4, 4),
        case("two kernels of 2×3 on three channels", 2, 3, 2, 3),
        case("three kernels of 3×3 on three channels", 3, 3, 3, 3),
        case("a layer (4, 2) without a bias, b = 0", 4, 2, bias=0.0),
        case("a layer (5, 3) with an ε of 0.5", 5, 3, eps=0.5),
        case("a convolution of which hardly anything varies", 3, 2, 1, 2, var=1e-5),
        case("a layer (3, 2) in float32", 3, 2, dtype=np.float32),
        given(
            "an output whose γ is 0, and one that does not vary",
            [[1.0, 2.0, 3.0], [1.0, 1.0, -1.0]],
            [1.0, -1.0],
            [0.0, 0.1],
            [2.0, 3.0],
            [5.0, 0.5],
            [1.0, 0.0],
        ),
    ),
    hints=(
        "Write z with w·x + b in place of y. What multiplies x now, and what is left without x?",
        "One factor an output; w gets it along axis 0, so (F,) has to become (F, 1, …, 1).",
        "The factor is γ ÷ root of (σ² + ε). The new bias: b less μ, times the factor, then β.",
    ),
)
