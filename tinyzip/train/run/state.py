"""Depth: the state of a training run between two steps: it can be stepped, saved at any step, loaded back.

All that will happen in a run follows from the parameters, the optimizer's memory, the epoch and the step in
it, and the state of the Generator at the beginning of that epoch. From that state come the order of the
epoch's images and one whole number, from which every step derives its own generators. So no random number
is ever half used when a run is saved, and a resumed run meets the same images, the same augmentation and the
same dropout as one that was never interrupted: it ends with equal bits.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import warn
from tinyzip.machine.packed import Packed
from tinyzip.machine.processes import shared
from tinyzip.machine.workers import Workers
from tinyzip.nn.model import AnyModel, Model, Structured
from tinyzip.nn.ops.checks import Array
from tinyzip.train.history import History
from tinyzip.train.run import checkpoint
from tinyzip.train.run.optim_fast import packed_optimizer
from tinyzip.train.run.recipe import Recipe
from tinyzip.train.run.resume import Setup
from tinyzip.train.run.shards import Shards, gradient_shard
from tinyzip.train.run.training import Training


class TrainingState(Training[AnyModel]):
    """A `Training` whose steps are made of `Shards`, fast, with all that a checkpoint has to hold."""

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
        group = self._optimizer.group
        self._packed, self._params = private_copy(model, group)
        super().__init__(model.with_params(self._params), len(images), recipe, workers)
        self._memory = self._optimizer.init(self._packed)
        self._rng = rng
        self._began = checkpoint.seed_of(rng)
        objective, augment = recipe.objective, recipe.augment
        size = gradient_shard(sum(array.size for array in self._params.values()), recipe.batch)
        self._shards = Shards(self.model, images, labels, objective, augment, workers, size, group)
        self._setup = Setup(self.model, images, labels, recipe, type(rng.bit_generator), self.steps)
        self.open_epoch()

    def open_epoch(self) -> None:
        """Begin an epoch: note the Generator, then draw the order and the number that seeds the steps."""
        super().open_epoch()
        self._generator = self._rng.bit_generator.state
        if self.epoch < self.recipe.epochs:
            self._order = self._rng.permutation(self._images)
            self._seed = int(self._rng.integers(2**63))

    def make_step(self) -> float:
        start = self.step * self.recipe.batch
        index, seed = self._order[start : start + self.recipe.batch], (self._seed, self.step)
        gradient = self._shards(index, seed, self.progress(self.done))
        self.mind(gradient.loss, lambda: self._shards.inputs(index, seed))
        with np.errstate(over="ignore", invalid="ignore"):
            lr = self.lr(self.done)
            self._optimizer.step(self._packed, gradient.packed, self._memory, lr, self._workers)
        for name, array in gradient.statistics.items():
            self._params[name][...] = array
        return gradient.loss

    def refresh(self) -> None:
        self._shards.refresh()

    def save(self, path: PathLike) -> None:
        """Write a checkpoint that `load` can go on from.

        raises  as `checkpoint.write`; FloatingPointError when a parameter is not finite: such a state is
                not worth keeping, and the last good one is left in place
        """
        self.check_finite()
        meta: dict[str, Any] = {"setup": self._setup.words, "structure": self._structure}
        meta |= {"epoch": self.epoch, "step": self.step, "loss": self.loss, "seconds": self.seconds}
        meta |= {"generator": checkpoint.plain(self._generator), "history": self.history.as_dict()}
        meta["seed"] = self._began
        checkpoint.write(path, meta, self._arrays())

    def load(self, path: PathLike) -> None:
        """Go on from a checkpoint of the same model and recipe.

        raises  ValueError, with what was found and needed, for anything else; then nothing has changed
        """
        meta, arrays = self.check(path)
        seed = meta.get("seed", self._began)
        if seed != self._began:
            needed = f"one of {seed}, as at the beginning, with which it goes on"
            warn("fit: rng", f"a Generator of seed {self._began}", needed)
        self._began = seed
        for name, array in self._arrays().items():
            array[...] = arrays[name]
        self.epoch = meta["epoch"]
        self.history = History(**meta["history"])
        self._usual = max(1.0, *self.history.loss[:1]) if self.history.loss else None
        self._rng.bit_generator.state = checkpoint.unplain(meta["generator"])
        self.open_epoch()
        self.step, self.loss, self.seconds = meta["step"], meta["loss"], meta["seconds"]

    def check(self, path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
        """The contents of a checkpoint; refuses one that this run cannot go on from."""
        return self._setup.check(path, self._arrays())

    @cached_property
    def _structure(self) -> dict[str, Any] | None:
        """What `quant.training.saved.load` makes the model of; None for a model that cannot say it."""
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
