"""The state of a training run between two steps: it can be stepped, saved at any step, and loaded back.

All that will happen in a run follows from the parameters, the optimizer's memory, the epoch and the step in
it, and the state of the Generator at the beginning of that epoch. From that state come the order of the
epoch's images and one whole number, from which every step derives its own generators. So no random number
is ever half used when a run is saved, and a resumed run meets the same images, the same augmentation and the
same dropout as one that was never interrupted: it ends with equal bits.
"""

from collections.abc import Callable
from functools import cached_property
from math import isfinite
from time import perf_counter
from typing import Any, Generic, NoReturn

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import warn
from tinyzip.machine.packed import Packed
from tinyzip.machine.processes import shared
from tinyzip.machine.workers import Workers
from tinyzip.nn.model import AnyModel, Model, Structured
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import score, shards
from tinyzip.train.history import Epoch, History
from tinyzip.train.run import checkpoint
from tinyzip.train.run.optim_fast import packed_optimizer
from tinyzip.train.run.recipe import Recipe
from tinyzip.train.run.resume import Setup
from tinyzip.train.run.shards import Shards, origin, shard_size

Array = NDArray[Any]
EXPLODED = 10  # times the first loss


class TrainingState(Generic[AnyModel]):
    """A model, and all that decides how it is trained on.

    model    on a private copy of the parameters, which `advance` changes in place
    epoch    epochs that are complete
    step     steps done in the one that is not
    steps    steps of an epoch
    history  of the complete epochs
    """

    def __init__(
        self,
        model: AnyModel,
        images: Array,
        labels: Array,
        recipe: Recipe,
        rng: np.random.Generator,
        workers: Workers,
    ) -> None:
        self._optimizer = packed_optimizer(recipe.optimizer)
        self._packed, self._params = private_copy(model, self._optimizer.group)
        self.model = model.with_params(self._params)
        self._recipe = recipe
        self._workers = workers
        self._memory = self._optimizer.init(self._packed)
        self._rng = rng
        size = shard_size(sum(array.size for array in self._params.values()), recipe.batch)
        self._shards = Shards(
            self.model,
            images,
            labels,
            recipe.objective,
            recipe.augment,
            workers,
            size,
            self._optimizer.group,
        )
        self.steps = -(-len(images) // recipe.batch)
        generator = type(rng.bit_generator)
        self._setup = Setup(self.model, images, labels, recipe, generator, self.steps)
        self.epoch = 0
        self.history = History()
        self._usual: float | None = None  # the first loss, 1 at least
        self._alarmed = False
        self._images, self._labels = images, labels
        self._open()

    def _open(self) -> None:
        """Begin an epoch: note the Generator, then draw the order and the number that seeds the steps."""
        self.step = 0
        self.loss = 0.0
        self.seconds = 0.0
        self._generator = self._rng.bit_generator.state
        if self.epoch < self._recipe.epochs:
            self._order = self._rng.permutation(len(self._images))
            self._seed = int(self._rng.integers(2**63))

    def _progress(self, step: int) -> float:
        """How much of the training is done in the middle of a step, counted from 0 over all epochs."""
        return (step + 0.5) / (self._recipe.epochs * self.steps)

    def _lr(self, step: int) -> float:
        """The step's learning rate."""
        return self._setup.rate(step, self._recipe.epochs)

    @property
    def done(self) -> int:
        """Steps done in all epochs."""
        return self.epoch * self.steps + self.step

    def advance(self) -> float:
        """One step; returns the batch's loss, and opens no new epoch.

        raises  FloatingPointError when the loss is not finite, with where that began; nothing is changed
        """
        started = perf_counter()
        start = self.step * self._recipe.batch
        index = self._order[start : start + self._recipe.batch]
        seed = (self._seed, self.step)
        gradient = self._shards(index, seed, self._progress(self.done))
        if not isfinite(gradient.loss):
            self._stop(self.done, f"loss {gradient.loss}", self._shards.first_not_finite(index, seed))
        lr = self._lr(self.done)
        self._mind(gradient.loss, lr)
        with np.errstate(over="ignore", invalid="ignore"):
            self._optimizer.step(self._packed, gradient.packed, self._memory, lr, self._workers)
        for name, array in gradient.statistics.items():
            self._params[name][...] = array
        self.step += 1
        self.loss += gradient.loss * len(index)
        self.seconds += perf_counter() - started
        return gradient.loss

    def _mind(self, loss: float, lr: float) -> None:
        """Warn once of a loss that is many times the first."""
        if self._usual is None:
            self._usual = max(loss, 1.0)
        if loss > EXPLODED * self._usual and not self._alarmed:
            self._alarmed = True
            where = f"epoch {self.epoch + 1}, step {self.step + 1} of {self.steps}"
            found = f"{loss:.3g} at {where}, learning rate {lr:.3g}"
            warn("fit: loss", found, f"one that falls; try a learning rate of {lr / 10:.3g} or less")

    def validate(self, images: Array, labels: Array) -> tuple[float, int]:
        """(mean cross entropy, number of errors) on images that are not trained on.

        raises  FloatingPointError when the mean is not finite, with where that began
        """
        loss, errors = score(self.model, images, labels, self._workers)
        if not isfinite(loss):
            dtype = next(iter(self._params.values())).dtype
            parts = (images[shard] for shard in shards(len(images)))
            where = origin(self.model, (to_input(part).astype(dtype, copy=False) for part in parts))
            self._stop(self.done - 1, f"validation loss {loss}", where or "the cross entropy")
        return loss, errors

    def end_epoch(self, validation_loss: float | None, validation_errors: int | None) -> Epoch:
        """Write the line of a complete epoch and open the next.

        raises  FloatingPointError when a parameter is not finite
        """
        self._check_finite()
        loss = self.loss / len(self._images)
        lr = self._lr(self.done - 1)
        self.epoch += 1
        epoch = Epoch(self.epoch, loss, validation_loss, validation_errors, lr, self.seconds)
        self.history.append(epoch)
        self._open()
        return epoch

    def refresh(self) -> None:
        """To be called when something else may have changed that a step reads, such as a teacher's arrays."""
        self._shards.refresh()

    def _check_finite(self) -> None:
        for name, array in self._params.items():
            if not np.isfinite(array).all():
                self._stop(self.done - 1, "a parameter that is not finite", name)

    def _stop(self, step: int, what: str, where: str) -> NoReturn:
        epoch, step_of_epoch = divmod(step, self.steps)
        raise FloatingPointError(
            f"training stopped at epoch {epoch + 1}, step {step_of_epoch + 1} of {self.steps}, "
            f"learning rate {self._lr(step):.3g}: {what}, first in {where}; "
            "a lower learning rate may help"
        )

    def save(self, path: PathLike) -> None:
        """Write a checkpoint that `load` can go on from.

        raises  as `checkpoint.write`; FloatingPointError when a parameter is not finite: such a state is
                not worth keeping, and the last good one is left in place
        """
        self._check_finite()
        meta = {
            "setup": self._setup.words,
            "structure": self._structure,
            "epoch": self.epoch,
            "step": self.step,
            "loss": self.loss,
            "seconds": self.seconds,
            "generator": checkpoint.plain(self._generator),
            "history": self.history.as_dict(),
        }
        checkpoint.write(path, meta, self._arrays())

    def load(self, path: PathLike) -> None:
        """Go on from a checkpoint of the same model and recipe.

        raises  ValueError, with what was found and what was needed, for anything else, and then nothing
                has changed
        """
        meta, arrays = self.check(path)
        for name, array in self._arrays().items():
            array[...] = arrays[name]
        self.epoch = meta["epoch"]
        self.history = History(**meta["history"])
        self._usual = max(1.0, *self.history.loss[:1]) if self.history.loss else None
        self._rng.bit_generator.state = checkpoint.unplain(meta["generator"])
        self._open()
        self.step = meta["step"]
        self.loss = meta["loss"]
        self.seconds = meta["seconds"]

    def check(self, path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
        """The contents of a checkpoint; refuses one that this run cannot go on from."""
        return self._setup.check(path, self._arrays())

    @cached_property
    def _structure(self) -> dict[str, Any] | None:
        """What `quant.saved.load` makes the model of; None for a model that cannot say it."""
        try:
            return self.model.structure() if isinstance(self.model, Structured) else None
        except TypeError:
            return None

    def _arrays(self) -> dict[str, Array]:
        """All arrays that a checkpoint holds, by name, not copied."""
        params = {f"params/{name}": array for name, array in self._params.items()}
        return params | {f"optimizer/{name}": array for name, array in self._memory.items()}


def private_copy(model: Model, group: Callable[[str], str]) -> tuple[Packed, dict[str, Array]]:
    """A copy of a model's arrays in memory that copies of the process share, and the trained of them packed.

    group  which arrays lie in one vector, as in `Packed`
    """
    packed = Packed.like({name: model.params[name] for name in model.trainable()}, group, shared)
    params = {}
    for name, array in model.params.items():
        params[name] = packed.places[name] if name in packed.places else shared(array.shape, array.dtype)
        params[name][...] = array
    return packed, params
