"""Depth: what is known of the exercise about AdamW."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.train.optim import AdamW


def expected(
    p: Any, g: Any, m: Any, v: Any, t: int, lr: float, b1: float, b2: float, eps: float, decay: float
) -> Any:
    params = {"layer.w": p.copy()}
    state = {"t": np.array(t - 1), "layer.w.m": m.copy(), "layer.w.v": v.copy()}
    AdamW(b1, b2, eps, decay).step(params, {"layer.w": g}, state, lr)
    return params["layer.w"], state["layer.w.m"], state["layer.w.v"]


def case(
    what: str,
    t: int,
    lr: float = 0.1,
    b1: float = 0.9,
    b2: float = 0.99,
    eps: float = 1e-8,
    decay: float = 0.0,
    size: float = 1.0,
) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        p, g = rng.normal(size=(2, 3)), size * rng.normal(size=(2, 3))
        m, v = size * rng.normal(size=(2, 3)), size**2 * rng.uniform(0.5, 2, (2, 3))
        return p, g, m * (t > 1), v * (t > 1), t, lr, b1, b2, eps, decay

    return Case("adamw", what, seeded(20, make), expected)


CHECK = Check(
    library="train/optim.py, AdamW",
    cases=(
        case("the first step, without a decay", 1),
        case("step 5, without a decay", 5),
        case("step 5 with β₁ = 0.5 and β₂ = 0.8", 5, 0.1, 0.5, 0.8),
        case("step 3 with gradients of a thousandth and ε = 0.001", 3, eps=1e-3, size=1e-3),
        case("the first step with a decay of 0.1", 1, decay=0.1),
        case("step 2 with all that is usual", 2, b2=0.999, decay=0.01),
        case("step 100 with η = 0.5 and a decay of 0.1", 100, 0.5, decay=0.1),
    ),
    hints=(
        "In the first step, m is 0 before. How many times too small is the new m, compared with g?",
        "Five lines: the new m, the new v, both divided by what their weights add up to, the new p.",
        "The fraction is m̂ ÷ (root of v̂, plus ε); the decay is added to the fraction; η multiplies both.",
    ),
)
