"""Depth: forward and backward through a network in training, and how both are repeated.

Shards of one size meet the same calls in every step. So by (PL1) these are written down, in two lists: from
the images to the logits, and from their derivative to the gradients. Between the two stands the objective,
which may do what it likes. What dropout draws is drawn anew in each step, by the step's own generator.
"""

from typing import Any, TypeGuard

import numpy as np

from tinyzip.machine.recorder import MOST, Recorded, Recorder, note, recorder
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.sequential import Sequential
from tinyzip.train.images_fast import into_workspace


def through(model: Any, images: Array, rng: Any, workspace: Workspace) -> Any:
    """Forward and backward, as a generator: (x, z, caches); and for the dz that it is sent, the gradients."""
    dtype = next(iter(model.params.values())).dtype
    x = into_workspace(images, workspace).astype(dtype, copy=False)
    z, caches = model.forward(x, train=True, rng=rng, workspace=workspace)
    dz = yield x, z, caches
    yield dict(model.backward(dz, caches, workspace=workspace))


def passes(model: Any, images: Array, rng: Any, workspace: Workspace) -> Any:
    """`through`; repeated, where it can be, from the third time on that a workspace meets it."""
    known, key = None, (id(model), "training", images.shape, images.dtype)
    if repeats(model):
        known = workspace.notes.get(key)
        if known is None:
            note(workspace, key, model)
    if isinstance(known, tuple):
        forward, backward, draws = known
        draws.rng = rng
        yield backward((yield forward(images)))
    elif known is not model:
        yield from through(model, images, rng, workspace)
    else:
        draws, steps = Draws(recorder(), rng), []

        def ahead(images: Array, workspace: Workspace) -> Any:
            steps.append(through(model, images, draws, workspace))
            return next(steps[0])

        forward = Recorded(ahead, images.copy(), workspace, draws.kind)
        dz = yield forward.output
        backward = Recorded(lambda dz, _: steps[0].send(dz), dz.copy(), workspace, draws.kind)
        lists = forward, backward, draws
        workspace.notes[key] = lists if forward.nbytes + backward.nbytes <= MOST else "too large"
        yield backward.output


class Draws:
    """What draws as the Generator `rng` does, and when it is repeated, as the one that `rng` is then."""

    def __init__(self, kind: type[Recorder], rng: Any) -> None:
        self.kind, self.rng = kind, rng

    def random(self, shape: tuple[int, ...], dtype: Any) -> Any:
        return np.empty(0).view(self.kind).noted(lambda: self.rng.random(shape, dtype), (), {})


def repeats(model: Any) -> TypeGuard[Sequential]:
    """Are forward and backward of this model known to be the same calls each time?"""
    return type(model) is Sequential and model.layout.repeats_training
