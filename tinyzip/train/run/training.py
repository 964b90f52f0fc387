"""Depth: a training between two steps: how far it has come, what it has met, and when it has to stop.

How a step is made, its two kinds say. A `PrintedTraining` makes the steps of `loop`, by the rules of `optim`,
of a network as it is printed, on one core and without a checkpoint. A `TrainingState`, see `state`, is fast
and can be saved. `fit` validates either, calls back, shows a bar and returns the history, whichever it has.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isfinite
from time import perf_counter
from typing import Any, Generic, NoReturn

import numpy as np

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import refuse, warn
from tinyzip.machine.workers import Workers
from tinyzip.nn.model import AnyModel, Batch, Model
from tinyzip.nn.ops.checks import Array
from tinyzip.train.evaluate import input_of, score, shards
from tinyzip.train.history import Epoch, History
from tinyzip.train.loop import steps
from tinyzip.train.run.recipe import Recipe, check_answer, checked_augmentation
from tinyzip.train.run.watched import Watched, watch

EXPLODED = 10  # times the first loss


class Training(ABC, Generic[AnyModel]):
    """A model and how it is trained, step by step.

    model    on a private copy of the parameters, which `advance` changes in place
    epoch    epochs that are complete
    step     steps made in the one that is not
    steps    steps of an epoch
    history  of the complete epochs
    """

    def __init__(self, model: AnyModel, images: int, recipe: Recipe, workers: Workers) -> None:
        self.model = model
        self.recipe = recipe
        self.history = History()
        self.steps = -(-images // recipe.batch)
        self.epoch = self.step = 0
        self.loss = self.seconds = 0.0
        self._images = images
        self._workers = workers
        self._usual: float | None = None  # the first loss, 1 at least
        self._alarmed = False

    @abstractmethod
    def make_step(self) -> float:
        """Make a step, and return its loss; `mind` stops it before a parameter is changed."""

    def save(self, path: PathLike) -> Any:
        """Write a checkpoint that `load` can go on from."""
        refuse("fit: checkpoint, resume", f"{path} with printed=True", "None: such a run is not kept")

    load = check = save

    def refresh(self) -> None:
        """To be called when something else may have changed that a step reads, such as a teacher's arrays."""

    @property
    def done(self) -> int:
        """Steps made in all epochs."""
        return self.epoch * self.steps + self.step

    def progress(self, step: int) -> float:
        """How much of the training is done in the middle of a step, counted from 0 over all epochs."""
        return (step + 0.5) / (self.recipe.epochs * self.steps)

    def lr(self, step: int) -> float:
        return self.recipe.schedule(self.progress(step))

    def advance(self) -> float:
        """One step; returns the batch's loss, and opens no new epoch.

        raises  FloatingPointError when the loss is not finite, with where that began
        """
        started = perf_counter()
        examples = min(self.recipe.batch, self._images - self.step * self.recipe.batch)
        loss = self.make_step()
        self.step += 1
        self.loss += loss * examples
        self.seconds += perf_counter() - started
        return loss

    def mind(self, loss: float, inputs: Callable[[], Iterable[Array]]) -> None:
        """Stop at a loss that is not finite, and warn once of one that is many times the first.

        inputs  what the model was given, to look for where that began
        """
        if not isfinite(loss):
            self.stop(self.done, f"loss {loss}", origin(self.model, inputs()) or "the objective")
        if self._usual is None:
            self._usual = max(loss, 1.0)
        if loss > EXPLODED * self._usual and not self._alarmed:
            self._alarmed = True
            lr = self.lr(self.done)
            where = f"epoch {self.epoch + 1}, step {self.step + 1} of {self.steps}"
            found = f"{loss:.3g} at {where}, learning rate {lr:.3g}"
            warn("fit: loss", found, f"one that falls; try a learning rate of {lr / 10:.3g} or less")

    def end_epoch(self, validation: tuple[Array, Array] | None = None) -> Epoch:
        """Write the line of a complete epoch, and open the next.

        validation  images that are not trained on, and their labels
        raises      FloatingPointError when a parameter or their loss is not finite, with where that began
        """
        loss = errors = None
        if validation is not None:
            loss, errors = score(self.model, *validation, self._workers)
            if not isfinite(loss):
                parts = (validation[0][shard] for shard in shards(len(validation[0])))
                where = origin(self.model, (input_of(self.model, part) for part in parts))
                self.stop(self.done - 1, f"validation loss {loss}", where or "the cross entropy")
        self.check_finite()
        mean, lr = self.loss / self._images, self.lr(self.done - 1)
        self.epoch += 1
        epoch = Epoch(self.epoch, mean, loss, errors, lr, self.seconds)
        self.history.append(epoch)
        self.open_epoch()
        return epoch

    def open_epoch(self) -> None:
        self.step = 0
        self.loss = self.seconds = 0.0

    def check_finite(self) -> None:
        """Stop where a parameter is not finite."""
        for name, array in self.model.params.items():
            if not np.isfinite(array).all():
                self.stop(self.done - 1, "a parameter that is not finite", name)

    def stop(self, step: int, what: str, where: str) -> NoReturn:
        """Say what was met in which step, and where it began."""
        epoch, step_of_epoch = divmod(step, self.steps)
        at = f"epoch {epoch + 1}, step {step_of_epoch + 1} of {self.steps}, learning rate {self.lr(step):.3g}"
        found = f"training stopped at {at}: {what}, first in {where}; a lower learning rate may help"
        raise FloatingPointError(found)


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


def origin(model: Model, inputs: Iterable[Array]) -> str | None:
    """Where NaN or infinity first appears in a model or on the way of inputs (C, H, W, N) through it."""
    for name, array in model.params.items():
        if not np.isfinite(array).all():
            return f"the parameter {name}"
    for x in inputs:
        if not np.isfinite(x).all():
            return "the images"
        with np.errstate(all="ignore"):
            for name, y in model.activations(x).items():
                if not np.isfinite(y).all():
                    return f"the output of {name}"
    return None
