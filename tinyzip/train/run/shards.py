"""Depth: the gradient of a batch, made from shards on several cores, and always with the same bits.

A batch B is cut into shards S of a fixed number of examples, small enough for a layer's arrays to stay in
a core's cache. The mean over the batch is the mean over the shards, weighted by their share of examples:

    ∂L_B/∂p = Σ_S (|S|/|B|)·∂L_S/∂p                                                        (SH1)

Floating-point addition is not associative, so SH1 is always summed in the order of the shards, whichever
core made them, and the size of a shard depends on model and batch, never on the machine. That is why
one core and two give equal bits. Sizes of shards do change the rounding: a sum over examples is off by
at most about N·ε·Σ|terms| in any order (ε = 2⁻²⁴ in float32), so two sizes differ by at most twice that.

Everything about a shard happens in one place: its images are drawn, augmented and turned batch last, then
forward, objective, backward. So augmentation shares the cores with the arithmetic at no cost of waiting.
That place is a process of its own where all that runs in it is of this package, a copy of this one that sees
the parameters change and leaves its gradient in shared memory. Else it is a thread.

Batch norm sees the shard and not the batch. That is ghost batch norm [Hoffer, Hubara and Soudry 2017,
algorithm 1]: the noise of small batches is kept when batches grow, and it generalises better. Running
statistics are the shards' averages, weighted as in SH1.

Shards on one thread share its workspace, which stays in cache, and their gradients are copied out of it.
Where a gradient has megabytes, the copy costs more than the cache saves: there each shard has a workspace
of its own, and the gradients stay in them until they are summed.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.machine.packed import Packed, chunks, run
from tinyzip.machine.processes import is_ours, is_shared, shared
from tinyzip.machine.workers import Workers
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn.layers import Dropout
from tinyzip.nn.model import MANY, AnyModel, Batch, Model, Objective
from tinyzip.nn.ops.checks import Array
from tinyzip.train.augment import Augment
from tinyzip.train.evaluate import input_of
from tinyzip.train.loop import Augmentation
from tinyzip.train.run.passes import passes, repeats
from tinyzip.train.run.recipe import check_answer, checked_augmentation
from tinyzip.train.run.watched import Watched


@dataclass(frozen=True)
class Shard:
    """What to compute.

    s         which part of the batch it is
    index     (n,) of its images
    batch     examples in the batch
    seed      decides all that is random
    progress  how much of the training is done, in [0, 1]
    """

    s: int
    index: NDArray[np.int64]
    batch: int
    seed: tuple[int, ...]
    progress: float


@dataclass(frozen=True)
class Gradient:
    """What came out for a batch; the arrays are used again for the next.

    loss        the mean over the batch
    packed      its gradient, in the order of `trainable()`
    statistics  what batch norm has measured
    """

    loss: float
    packed: Packed
    statistics: Mapping[str, Array]


class Shards(Generic[AnyModel]):
    """Computes `Gradient`s of a model whose parameters change in place between calls.

    size   examples in a shard; the last one of a batch may have fewer
    group  which arrays of the gradient lie in one vector, as in `Packed`
    """

    def __init__(
        self,
        model: AnyModel,
        images: Array,
        labels: Array,
        objective: Objective,
        augment: Augmentation | None,
        workers: Workers,
        size: int,
        group: Callable[[str], str] = lambda name: "all",
    ) -> None:
        self.model = model
        self.images = np.ascontiguousarray(images)  # as `take` would have it
        self.labels = labels
        self.objective = objective
        self.augment = augment
        if augment is not None and not isinstance(augment, Augment):
            self.augment = checked_augmentation(augment, self.images)
        self.workers = workers
        self.size = size
        self._group = group
        self._total = self._empty()
        kinds = {type(each.layer) for each in model.every_layer.values()} if repeats(model) else {Dropout}
        self._draws = augment is not None or Dropout in kinds
        self._many = sum(array.size for array in self._total.places.values()) >= MANY
        self._parts: list[Packed] = []
        self._gradients: list[Iterable[Array]] = []
        self._workspaces: list[Workspace] = []
        own = all(map(is_ours, (model, objective, augment)))
        seen = all(is_shared(array) for array in model.params.values())  # in copies of the process, too
        self._processes = workers.processes(self._shard) if own and seen and not self._many else None

    def __call__(self, index: NDArray[np.int64], seed: tuple[int, ...], progress: float = 0.0) -> Gradient:
        """index (N,) into the images; `seed` decides all that is random, whatever the threads do; the
        objective is given the progress, in [0, 1]."""
        shards = self._cut(index, seed, progress)
        self._make_room(len(shards))
        if self._processes is not None and len(shards) > 1 and self.workers.can_fork:
            measured = self._processes.map(shards)
        else:
            measured = self.workers.map(self._shard, shards)
        sums = self._total if self._many or len(shards) > 1 else self._parts[0]  # is (SH1) of one shard
        if sums is self._total:
            total = sums.places if self._many else sums.vectors
            arrays = zip(total.values(), *self._gradients[: len(shards)], strict=True)
            run(_sum, [chunk for same in arrays for chunk in chunks(*same)], self.workers)
        for workspace in self._workspaces:
            workspace.reset()
        losses, statistics = zip(*measured, strict=True)
        means = {name: np.add.reduce([part[name] for part in statistics]) for name in statistics[0]}
        return Gradient(sum(losses), sums, means)

    def _cut(self, index: NDArray[np.int64], seed: tuple[int, ...], progress: float = 0.0) -> list[Shard]:
        parts = (index[start : start + self.size] for start in range(0, len(index), self.size))
        return [Shard(s, part, len(index), seed, progress) for s, part in enumerate(parts)]

    def refresh(self) -> None:
        """Let the next batch make new copies of the process, which know what has changed since."""
        if self._processes is not None:
            self._processes.close()

    def _make_room(self, shards: int) -> None:
        """Somewhere for the gradient of each shard."""
        if len(self._gradients) < shards:
            self.refresh()  # copies must know the new parts
        while len(self._gradients) < shards:
            if self._many:
                self._workspaces.append(Workspace())
                self._gradients.append(())
            else:
                self._parts.append(self._empty(np.empty if self._processes is None else shared))
                self._gradients.append(self._parts[-1].vectors.values())

    def _empty(self, empty: Callable[..., Array] = np.empty) -> Packed:
        trained = {name: self.model.params[name] for name in self.model.trainable()}
        return Packed.like(trained, self._group, empty)

    def shown(self, index: NDArray[np.int64], rng: Any, workspace: Workspace = FRESH) -> Array:
        """The images of a shard, augmented."""
        images: Array = workspace.empty((len(index), *self.images.shape[1:]), self.images.dtype)
        self.images.take(index, axis=0, out=images, mode="clip")  # a `take` that may raise writes to a copy
        if isinstance(self.augment, Augment):
            return self.augment(images, rng, workspace)
        return images if self.augment is None else self.augment(images, rng)

    def inputs(self, index: NDArray[np.int64], seed: tuple[int, ...]) -> Iterable[Array]:
        """What the model sees of each shard of a batch, with the draws of a call."""
        shown = (self.shown(shard.index, _rng(seed, shard.s)) for shard in self._cut(index, seed))
        return (input_of(self.model, images) for images in shown)

    def _shard(self, shard: Shard, workspace: Workspace) -> tuple[float, dict[str, Array]]:
        """A shard's parts of loss and statistics, by (SH1); that of the gradient is left in `_gradients`."""
        s, index = shard.s, shard.index
        share = len(index) / shard.batch
        if self._many:
            workspace = self._workspaces[s]
        rng = _rng(shard.seed, s) if self._draws else None
        images = self.shown(index, rng, workspace)
        both = passes(self.model, images, rng, workspace)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            x, z, caches = next(both)
            loss, dz = self._judge(z, caches, x, shard)
            grads = both.send(dz * share)
            statistics = self.model.statistics(caches)
        if self._many:
            self._gradients[s] = [grads[name] for name in self._total.places]
        else:
            self._parts[s].fill(grads)
            workspace.reset()  # at the end: the first step leaves it as large as all others will need it
        return float(loss) * share, {name: share * array for name, array in statistics.items()}

    def _judge(self, z: Array, caches: Any, x: Array, shard: Shard) -> tuple[float, Array]:
        """The objective's loss and dz; gradients by what else it has seen are left in the caches."""
        model: Model = self.model
        seen = model.seen(caches) if isinstance(model, Watched) else {}
        batch = Batch(x, self.labels[shard.index], shard.index, shard.progress, seen)
        loss, dz, *given = check_answer(self.objective(z, batch), z)
        for gradients in filter(None, given):
            if not isinstance(model, Watched):
                refuse("fit: objective", "gradients beside dz", "layers or arrays that it asks to see")
            model.give(caches, gradients, len(shard.index) / shard.batch)
        return loss, dz


def gradient_shard(parameters: int, batch: int) -> int:
    """Examples in a shard, from the size of the model and the batch: half a batch, 64 at least.

    Every shard is a hundred calls from Python, which take the same time however few the examples are; so not
    less than 64. And every shard has a gradient of its own to be written and summed: where parameters are
    many, two halves of the batch are better than many parts, and else more than 128 gain nothing.
    """
    half = max(64, -(-batch // 2))
    return half if parameters >= MANY else min(half, 128)


def _rng(seed: tuple[int, ...], s: int) -> np.random.Generator:
    """What shard number s draws from: first its augmentation, then its dropout."""
    return np.random.default_rng((*seed, s))


def _sum(_: Array, total: Array, first: Array, *others: Array) -> None:
    if not others:
        np.copyto(total, first)
    for other in others:
        first = np.add(first, other, out=total)
