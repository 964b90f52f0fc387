"""Depth: what is known of the exercise about SGD with momentum."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, Mistake, seeded
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
    mistakes=(
        Mistake("p - lr * b", "p + lr * b", "the sign: a step goes against the gradient"),
        Mistake(
            "p - lr * b, b", "p - lr * g, b", "the step is along b, in which earlier gradients are, not g"
        ),
        Mistake(
            "momentum * b + g + decay * p\n",
            "momentum * b + (1 - momentum) * (g + decay * p)\n",
            "this b is a mean, with 1 − μ before g; here it is a sum: μb + g",
        ),
        Mistake(
            "b = momentum * b + g + decay * p\n    return p - lr * b, b",
            "b = momentum * b + lr * (g + decay * p)\n    return p - b, b",
            "η is not part of what is remembered: b ← μb + g, then p ← p − ηb",
        ),
        Mistake(
            "b = momentum * b + g + decay * p\n    return p - lr * b, b",
            "return p - lr * b, momentum * b + g + decay * p",
            "the step takes the old b; first comes b, then p",
        ),
        Mistake("p - lr * b, b", "p - lr * b, g", "what is to be remembered is b, not the last gradient"),
        Mistake(" + decay * p\n", "\n", "the decay is missing"),
        Mistake(
            "b = momentum * b + g + decay * p\n    return p - lr * b, b",
            "b = momentum * b + g\n    return p - lr * b - lr * decay * p, b",
            "the decay is part of the gradient here, and so of b; beside it, it is AdamW's",
        ),
        Mistake("+ decay * p\n", "- decay * p\n", "the decay pulls p towards 0: g + λp"),
        Mistake(
            "p - lr * b, b",
            "p - lr * (g + decay * p + momentum * b), b",
            "this is Nesterov's step, along g + μb; the one that was asked for is along b",
        ),
    ),
    others=(
        """
import numpy as np

def sgd(p, g, b, lr, momentum=0.9, decay=0.0):
    new_p, new_b = np.empty(p.shape), np.empty(p.shape)
    for k in np.ndindex(p.shape):
        new_b[k] = momentum * b[k] + (g[k] + decay * p[k])
        new_p[k] = p[k] - lr * new_b[k]
    return new_p, new_b
""",
        """
def sgd(p, g, b, lr, momentum=0.9, decay=0.0):
    b = b.copy()
    b *= momentum
    b += g
    b += decay * p
    p = p.copy()
    p -= lr * b
    return [p, b]
""",
    ),
    hints=(
        "If the same gradient comes in every step, how large does b become?",
        "The new b needs the old one, the gradient and the decay; the new p needs p and the new b.",
        "b: μ times itself, plus g, plus λ times p. p: less η times that b. Both are handed back.",
    ),
)
