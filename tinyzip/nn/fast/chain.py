"""A chain of stages: forward along it, backward by the chain rule.

Shared by a network and by the branches of a residual block. `parts` are the arrays of each layer by its name,
`stages` and `caches` likewise by the name of a stage, which is that of its first layer.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Gradients, Output, Stage
from tinyzip.nn.layer import Arrays
from tinyzip.nn.ops.checks import Array

Stages = Mapping[str, Stage]
Parts = Mapping[str, Arrays]


def forward(
    stages: Stages,
    parts: Parts,
    x: Array,
    *,
    train: bool,
    rng: np.random.Generator | None,
    workspace: Workspace,
) -> Output:
    """What the last stage gives, and a cache a stage."""
    caches = {}
    for name, stage in stages.items():
        x, caches[name] = stage.forward(parts[name], x, train=train, rng=rng, workspace=workspace)
    return x, caches


def backward(
    stages: Stages,
    parts: Parts,
    dy: Array | None,
    caches: Mapping[str, Any],
    *,
    workspace: Workspace,
    need_dx: bool,
) -> Gradients:
    """dx, and the gradients by "layer.array". Without need_dx it ends at the first stage that can learn."""
    names = list(stages)
    first = 0 if need_dx else next((k for k, name in enumerate(names) if parts[name]), len(names))
    grads: Arrays = {}
    for k in reversed(range(first, len(names))):
        name, need = names[k], need_dx or k > first
        assert dy is not None
        dy, dp = stages[name].backward(parts[name], dy, caches[name], workspace=workspace, need_dx=need)
        grads |= {f"{name}.{part}": gradient for part, gradient in dp.items()}
    return dy, grads


def statistics(stages: Stages, parts: Parts, caches: Mapping[str, Any]) -> Arrays:
    """What the arrays without gradient become by a training forward, by "layer.array"."""
    return {
        f"{name}.{part}": value
        for name, stage in stages.items()
        for part, value in stage.statistics(parts[name], caches[name]).items()
    }
