"""Depth: a training as it is printed: the steps of `loop`, by the rules of `optim`, of a network as it is
printed.

It has one core and no checkpoint. For the rest it is a `Training` like the fast one: `fit` validates it,
calls back, shows the bar and writes the history without knowing which of the two it has.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.machine.workers import Workers
from tinyzip.nn.model import Batch, Model
from tinyzip.train.loop import steps
from tinyzip.train.run.recipe import Recipe, check_answer, checked_augmentation
from tinyzip.train.run.training import Training
from tinyzip.train.run.watched import Watched, watch

Array = NDArray[Any]


class PrintedTraining(Training[Model]):
    """A `Training` whose steps are those of `loop`.

    raises  TypeError for a model without printed form, ValueError for an objective that looks into it
    """

    def __init__(
        self,
        model: Model,
        images: Array,
        labels: Array,
        recipe: Recipe,
        rng: np.random.Generator,
        workers: Workers,
    ) -> None:
        printed: Any = as_printed(model, "fit: model")
        printed = printed.with_params({name: np.array(array) for name, array in model.params.items()})
        super().__init__(printed, len(images), recipe, workers)
        if isinstance(watch(printed, recipe.objective), Watched):
            refuse("fit: objective", "one that looks into the model", "one of z and batch, with printed=True")

        def objective(z: Array, batch: Batch) -> tuple[float, Array]:
            loss, dz, *_ = check_answer(recipe.objective(z, batch), z)
            self.mind(float(loss), lambda: [batch.x])
            return float(loss), dz

        augment = recipe.augment and checked_augmentation(recipe.augment, images)
        told = replace(recipe, objective=objective, augment=augment)
        self._losses = steps(printed, images, labels, rng=rng, **vars(told))

    def make_step(self) -> float:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return next(self._losses)


def as_printed(model: Model, argument: str) -> Any:
    """A model as it is printed, on the same arrays; TypeError where it has no such form."""
    if not hasattr(model, "printed"):
        refuse(argument, f"a {type(model).__name__}", "one with `printed`, such as a Sequential", TypeError)
    return model.printed()
