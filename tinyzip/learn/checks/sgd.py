"""Depth: what is known of the exercise about SGD with momentum."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded
from tinyzip.train.optim import SGD


def expected(p: Any, g: Any, b: Any, lr: float, momentum: float = 0.9, decay: float = 0.0) -> Any:
    params, state = {"layer.w": p.copy()}, {"layer.w.b": b.copy()}
    SGD(momentum, weight_decay=decay).step(params, {"layer.w": g}, state, lr)
    return params["layer.w"], state["layer.w.b"]


def case(what: str, lr: float, momentum: float, decay: float = 0.0, first: bool = False) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        p, g, b = rng.normal(size=(3, 3, 4))
        return p, g, b * (not first), lr, momentum, decay

    return Case("sgd", what, seeded(19, make), expected)


CHECK = Check(
    library="train/optim.py, SGD",
    cases=(
        case("a step without momentum", 0.1, 0.0),
        case("the first step, from b = 0", 0.1, 0.9, first=True),
        case("a later step", 0.1, 0.9),
        case("a later step with η = 1.5 and μ = 0.5", 1.5, 0.5),
        case("a later step with a decay of 0.1", 0.2, 0.9, 0.1),
        case("the first step with a decay of 0.1", 0.2, 0.9, 0.1, True),
    ),
    hints=(
        "If the same gradient comes in every step, how large does b become?",
        "The new b needs the old one, the gradient and the decay; the new p needs p and the new b.",
        "b: μ times itself, plus g, plus λ times p. p: less η times that b. Both are handed back.",
    ),
)
