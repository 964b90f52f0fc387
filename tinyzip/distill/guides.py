"""Depth: layers of the student that follow layers of the teacher, while the logits learn as well.

    train(student, teacher, images, labels, guides=[Guide("hint", "pool1", "pool1", 0.1)], …)

A guide names a loss from `features` or `relations`, a layer of each network, and a weight. `Following` is
the objective that it becomes: it asks to see the student's layer (`train.run.watched`), has the teacher asked
for its own, and gives back the derivative where it arises. It says nothing of the logits, and of labels it
knows nothing: so it is added to an objective that does. `Sum` does that, for any objectives.

A hint needs a regressor from the student's channels to the teacher's. Its arrays belong to the objective,
begin as a linear layer's do (`nn.layer`), and are trained along with the student.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.distill.features import attention, hint
from tinyzip.distill.relations import angles, distances
from tinyzip.distill.transfer import Live
from tinyzip.nn.layer import kaiming
from tinyzip.nn.losses import is_weight, per_example
from tinyzip.nn.model import Batch, Objective
from tinyzip.nn.ops.checks import Array
from tinyzip.train.run.watched import Watching

Arrays = Mapping[str, Array]
LOSSES = {"attention": attention, "distances": distances, "angles": angles}
NAMES = ("hint", *LOSSES)


@dataclass(frozen=True)
class Guide:
    """One layer of the student follows one of the teacher's.

    loss     "hint" (K8), "attention" (K9), "distances" (K10) or "angles" (K11)
    student  name of the student's layer
    teacher  name of the teacher's
    weight   finite, 0 or more: what the loss is multiplied by
    raises   ValueError for another loss or weight
    """

    loss: str
    student: str
    teacher: str
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.loss not in NAMES:
            refuse("Guide: loss", repr(self.loss), f"one of {', '.join(map(repr, NAMES))}")
        per_example(self.weight, 1, is_weight, "Guide: weight", "finite, 0 or more")


@dataclass(frozen=True)
class Following:
    """The objective weight·loss of a guide's two layers; its dz is 0.

    live    the teacher, asked for the guide's layer among others
    arrays  the regressor of a hint, "<guide>.w" (D, C) and "<guide>.b" (D,); else none
    """

    guide: Guide
    live: Live
    arrays: Arrays = field(default_factory=dict, repr=False)

    @property
    def layers(self) -> tuple[str, ...]:
        """What it asks to see of the student."""
        return (self.guide.student,)

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array, dict[str, Array]]:
        guide = self.guide
        h, g = batch.seen[guide.student], self.live.features(batch)[guide.teacher]
        gradients = {}
        if guide.loss == "hint":
            w, b = self.arrays
            loss, dh, gradients[w], gradients[b] = hint(h, g, batch.seen[w], batch.seen[b])
        else:
            loss, dh = LOSSES[guide.loss](h, g)
        gradients[guide.student] = dh
        scaled = {name: gradient * gradient.dtype.type(guide.weight) for name, gradient in gradients.items()}
        return guide.weight * loss, np.zeros_like(z), scaled


def follow(guide: Guide, live: Live, C: int, D: int) -> Following:
    """The objective of a guide. Its regressor, if it has one, begins the same each time.

    C, D  channels of the student's layer and of the teacher's
    """
    if guide.loss != "hint":
        return Following(guide, live)
    w = kaiming(np.random.default_rng(0), (D, C), np.float32)
    name = f"hint {guide.student} {guide.teacher}"
    return Following(guide, live, {f"{name}.w": w, f"{name}.b": np.zeros(D, np.float32)})


@dataclass(frozen=True)
class Sum:
    """The sum of objectives, of their losses and of all their derivatives."""

    objectives: tuple[Objective, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """All layers that one of them asks to see, each once."""
        return tuple(dict.fromkeys(name for objective in self._watching() for name in objective.layers))

    @property
    def arrays(self) -> dict[str, Array]:
        return {name: array for objective in self._watching() for name, array in objective.arrays.items()}

    @property
    def by_progress(self) -> bool:
        """Does one of them look at the progress?"""
        return any(getattr(objective, "by_progress", False) for objective in self.objectives)

    def _watching(self) -> list[Watching]:
        parts: tuple[Any, ...] = self.objectives
        return [objective for objective in parts if isinstance(objective, Watching)]

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array, dict[str, Array]]:
        total, dz = 0.0, np.zeros_like(z)
        gradients: dict[str, Array] = {}
        for objective in self.objectives:
            loss, by_z, *others = objective(z, batch)
            total += loss
            dz = dz + by_z
            for name, gradient in (item for given in others for item in given.items()):
                gradients[name] = gradients[name] + gradient if name in gradients else gradient
        return total, dz, gradients
