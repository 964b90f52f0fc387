"""Depth: a chain of layers as it runs: stages, and how far back they go.

Nobody asks for the gradient of the images in a training step. So backward ends at the first stage that can
learn, and this one need not compute its dx, which for a convolution is a third of its arithmetic.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import dropwhile
from typing import Any

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fast.stage import Gradients, Stage
from tinyzip.nn.layer import Arrays, Layer
from tinyzip.nn.ops.checks import Array


@dataclass(frozen=True)
class Last:
    """The stage at which backward ends: nobody needs its dx."""

    stage: Stage

    def backward(self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace, need_dx: bool) -> Gradients:
        return self.stage.backward(p, dy, cache, workspace=workspace, need_dx=False)


def learning(stages: Mapping[str, Stage], layers: Mapping[str, Layer]) -> dict[str, Any]:
    """The stages that backward goes through for the gradients of the arrays alone.

    stages  each under the name of its first layer, whose arrays are the stage's
    layers  by name, all of the chain's
    """
    names = list(dropwhile(lambda name: not layers[name].parameter_shapes(), stages))
    return {name: stages[name] if k else Last(stages[name]) for k, name in enumerate(names)}
