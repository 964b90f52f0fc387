"""Depth: what is known of the exercise about AdamW."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake(
            "m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)",
            "m_hat, v_hat = m, v",
            "m and v began at 0: ÷ (1 − βᵗ) is missing in both",
        ),
        Mistake("m / (1 - beta1**t), v", "m, v", "÷ (1 − β₁ᵗ) is missing in m̂"),
        Mistake("v / (1 - beta2**t)", "v", "÷ (1 − β₂ᵗ) is missing in v̂"),
        Mistake(
            "m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)",
            "m_hat, v_hat = m / (1 - beta1**(t + 1)), v / (1 - beta2**(t + 1))",
            "steps are counted from 1, and t is the number of this one already",
        ),
        Mistake(
            "m_hat, v_hat = m / (1 - beta1**t), v / (1 - beta2**t)",
            "m_hat, v_hat = m / (1 - beta1), v / (1 - beta2)",
            "the power is missing: 1 − βᵗ goes to 1 as t grows",
        ),
        Mistake(
            "(np.sqrt(v_hat) + eps)", "np.sqrt(v_hat + eps)", "ε stands beside the root: √v̂ + ε, not √(v̂ + ε)"
        ),
        Mistake("np.sqrt(v_hat)", "v_hat", "the root is missing: v̂ has the size of g², m̂ that of g"),
        Mistake("(1 - beta2) * g**2", "(1 - beta2) * np.abs(g)", "v is a mean of g², not of its size"),
        Mistake(
            "    m = beta1",
            "    g = g + decay * p\n    decay = 0\n    m = beta1",
            "the decay is in the gradient here; AdamW's stands beside the fraction",
        ),
        Mistake(" + decay * p), m, v", "), m, v", "the decay is missing"),
        Mistake(
            "+ decay * p), m, v", ") - decay * p, m, v", "the decay is multiplied by η as well: η(… + λp)"
        ),
        Mistake("* p), m, v", "* p), m_hat, v_hat", "what is remembered is m and v, not m̂ and v̂"),
    ),
    others=(
        """
import math
import numpy as np

def adamw(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01):
    new_p, new_m, new_v = (np.empty(p.shape) for _ in range(3))
    for k in np.ndindex(p.shape):
        new_m[k] = m[k] + (1 - beta1) * (g[k] - m[k])
        new_v[k] = v[k] + (1 - beta2) * (g[k] * g[k] - v[k])
        mean, square = new_m[k] / (1 - beta1**t), new_v[k] / (1 - beta2**t)
        new_p[k] = p[k] * (1 - lr * decay) - lr * mean / (math.sqrt(square) + eps)
    return new_p, new_m, new_v
""",
        """
import numpy as np

def adamw(p, g, m, v, t, lr, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01):
    m, v, p = m * beta1, v * beta2, p - lr * decay * p
    m += (1 - beta1) * g
    v += (1 - beta2) * np.square(g)
    root = np.sqrt(1 - beta2**t)
    p -= lr * root / (1 - beta1**t) * m / (np.sqrt(v) + eps * root)
    return [p, m, v]
""",
    ),
    hints=(
        "In the first step, m is 0 before. How many times too small is the new m, compared with g?",
        "Five lines: the new m, the new v, both divided by what their weights add up to, the new p.",
        "The fraction is m̂ ÷ (root of v̂, plus ε); the decay is added to the fraction; η multiplies both.",
    ),
)
