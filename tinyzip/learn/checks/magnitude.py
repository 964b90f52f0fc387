"""Depth: what is known of the exercise about pruning by magnitude."""

from typing import Any

import numpy as np

from tinyzip.learn.case import Case, Check, seeded


def expected(w: Any, count: int) -> Any:
    """One weight after the other: the smallest of those that are left."""
    pruned = w.copy()
    left = set(range(w.size))
    for _ in range(count):
        least = min(left, key=lambda i: (abs(w.flat[i]), i))
        pruned.flat[least] = 0
        left.remove(least)
    return pruned


def expected_together(layers: dict[str, Any], count: int) -> Any:
    least = sorted((abs(v), name, i) for name, w in layers.items() for i, v in enumerate(w.flat))[:count]
    pruned = {name: w.copy() for name, w in layers.items()}
    for _, name, i in least:
        pruned[name].flat[i] = 0
    return pruned


def expected_step(w: Any, dw: Any, lr: float) -> Any:
    after = w.copy()
    for i in np.ndindex(w.shape):
        if w[i]:
            after[i] -= lr * dw[i]
    return after


def prune(what: str, count: int, *shape: int) -> Case:
    return Case("prune", what, seeded(50, lambda rng: (rng.normal(size=shape), count)), expected, 0)


def zeros_too(rng: np.random.Generator) -> tuple[Any, ...]:
    w = rng.normal(size=(4, 5))
    w.ravel()[rng.permutation(20)[:12]] = 0
    return w, 10


def layers_of(rng: np.random.Generator) -> dict[str, Any]:
    """Three layers of different sizes and strengths."""
    shapes = {"conv.w": (2, 1, 3, 3), "fc1.w": (4, 6), "fc2.w": (3, 4)}
    strengths = 1.0, 0.2, 3.0
    return {
        name: s * rng.normal(size=shape) for (name, shape), s in zip(shapes.items(), strengths, strict=True)
    }


def together(what: str, count: int) -> Case:
    return Case("prune_together", what, seeded(51, lambda rng: (layers_of(rng), count)), expected_together, 0)


def step(what: str, size: float, lr: float) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        w, dw = rng.normal(size=(3, 4)), size * rng.normal(size=(3, 4))
        w[np.abs(w) < 0.6] = 0
        dw[1] = 0
        return w, dw, lr

    return Case("step_pruned", what, seeded(52, make), expected_step)


CHECK = Check(
    library="quant/training/masks.py, keep",
    cases=(
        prune("two weights of six", 2, 6),
        prune("five weights of a matrix of 3×4", 5, 3, 4),
        prune("none of a matrix", 0, 3, 4),
        prune("all of a matrix", 12, 3, 4),
        prune("all but one of a kernel", 17, 2, 1, 3, 3),
        Case("prune", "ten weights of 20, of which twelve are 0 already", seeded(53, zeros_too), expected, 0),
        together("20 weights of three layers", 20),
        together("one weight of three layers", 1),
        together("none of three layers", 0),
        together("all but one of three layers", 53),
        step("a step with η = 0.1", 1.0, 0.1),
        step("a step with η = 2 and small gradients", 0.01, 2.0),
        step("a step that is 0", 1.0, 0.0),
    ),
    hints=(
        "If w is [3, −1, 0.5, −4] and two weights go, which are left?",
        "argsort of the magnitudes says where the smallest stand; axis=None treats w as one row.",
        "All layers: one long row of all weights, the same function, and the row cut into the shapes again.",
    ),
)
