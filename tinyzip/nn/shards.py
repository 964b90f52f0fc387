"""The gradient of a batch, made from shards on several threads, and always with the same bits.

A batch B is cut into shards S of a fixed number of examples, small enough for a layer's arrays to stay in
a core's cache. The mean over the batch is the mean over the shards, weighted by their share of examples:

    ∂L_B/∂p = Σ_S (|S|/|B|)·∂L_S/∂p                                                         (S1)

Floating-point addition is not associative, so S1 is always summed in the order of the shards, whichever
thread made them, and the size of a shard depends on the model, never on the machine. That is why one
thread and two give equal bits. Sizes of shards do change the rounding: a sum over examples is off by
at most about N·ε·Σ|terms| in any order (ε = 2⁻²⁴ in float32), so two sizes differ by at most twice that.

Everything about a shard happens on its thread: its images are drawn, augmented and turned batch last, then
forward, objective, backward. So augmentation shares the cores with the arithmetic at no cost of waiting.

Batch norm sees the shard and not the batch. That is ghost batch norm [Hoffer, Hubara and Soudry 2017,
algorithm 1]: the noise of small batches is kept when batches grow, and it generalises better. Running
statistics are the shards' averages, weighted as in S1.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic

import numpy as np
from numpy.typing import NDArray

from tinyzip.data import to_input
from tinyzip.nn.blocks import blocks, run
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import AnyModel, Batch, Model, Objective
from tinyzip.nn.profile import Clock
from tinyzip.refuse import refuse
from tinyzip.workers import Workers
from tinyzip.workspace import Workspace

Array = NDArray[Any]
Augmentation = Callable[[Array, np.random.Generator], Array]

EVALUATION = 64  # examples in a shard when there is no backward


@dataclass(frozen=True)
class Gradient:
    """The mean loss over a batch, its gradient, and what batch norm has measured; arrays are reused."""

    loss: float
    grads: Mapping[str, Array]
    statistics: Mapping[str, Array]


class Shards(Generic[AnyModel]):
    """Computes `Gradient`s of a model whose parameters change in place between calls.

    size  examples a shard; the last one of a batch may have fewer
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
        clock: Clock | None = None,
    ) -> None:
        self.model = model
        self.images = images
        self.labels = labels
        self.objective = objective
        self.augment = augment
        self.workers = workers
        self.size = size
        self.clock = Clock() if clock is None else clock
        self._dtype = next(iter(model.params.values())).dtype
        self._grads: list[tuple[Array, dict[str, Array]]] = []

    def __call__(self, index: NDArray[np.int64], seed: tuple[int, ...]) -> Gradient:
        """index (N,) into the images; `seed` decides all that is random, whatever the threads do."""
        shards = [index[start : start + self.size] for start in range(0, len(index), self.size)]
        while len(self._grads) < len(shards):
            self._grads.append(self._empty())

        def one(s: int, workspace: Workspace) -> tuple[float, Mapping[str, Array]]:
            return self._shard(s, shards[s], len(shards[s]) / len(index), seed, workspace)

        parts = self.workers.map(one, range(len(shards)))
        with self.clock.time("sum of shards"):
            run(_add, list(blocks(*(flat for flat, _ in self._grads[: len(shards)]))), self.workers)
        loss = sum(loss for loss, _ in parts)
        statistics = {name: np.add.reduce([part[name] for _, part in parts]) for name in parts[0][1]}
        return Gradient(loss, self._grads[0][1], statistics)

    def _empty(self) -> tuple[Array, dict[str, Array]]:
        """Memory for a gradient: one vector, and each array's place in it by name."""
        params = {name: self.model.params[name] for name in self.model.trainable()}
        flat = np.empty(sum(array.size for array in params.values()), self._dtype)
        places, start = {}, 0
        for name, array in params.items():
            places[name] = flat[start : start + array.size].reshape(array.shape)
            start += array.size
        return flat, places

    def input(self, s: int, index: NDArray[np.int64], seed: tuple[int, ...]) -> Array:
        """What the model sees of shard number s."""
        images = self.images[index]
        if self.augment is not None:
            shape = images.shape
            images = self.augment(images, np.random.default_rng((*seed, s, 0)))
            if images.shape != shape:
                refuse("fit: augment", f"images of shape {images.shape} in return", f"{shape}")
        return to_input(images).astype(self._dtype, copy=False)

    def first_not_finite(self, index: NDArray[np.int64], seed: tuple[int, ...]) -> str:
        """Where NaN or infinity first appears on the way from a batch's images to its loss."""
        for name, array in self.model.params.items():
            if not np.isfinite(array).all():
                return f"the parameter {name}"
        for s, start in enumerate(range(0, len(index), self.size)):
            x = self.input(s, index[start : start + self.size], seed)
            if not np.isfinite(x).all():
                return "the augmented images"
            with np.errstate(all="ignore"):
                for name, y in self.model.activations(x).items():
                    if not np.isfinite(y).all():
                        return f"the output of {name}"
        return "the objective"

    def _shard(
        self, s: int, index: NDArray[np.int64], share: float, seed: tuple[int, ...], workspace: Workspace
    ) -> tuple[float, Mapping[str, Array]]:
        with self.clock.time("images"):
            x = self.input(s, index, seed)
        rng = np.random.default_rng((*seed, s, 1))
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            z, caches = self.model.forward(x, train=True, rng=rng, workspace=workspace)
            with self.clock.time("objective"):
                loss, dz = self.objective(z, Batch(x, self.labels[index], index))
            grads = self.model.backward(dz * share, caches, workspace=workspace)
            with self.clock.time("sum of shards"):
                for name, total in self._grads[s][1].items():
                    np.copyto(total, grads[name])
            statistics = self.model.statistics(caches)
        workspace.reset()  # at the end, so that the first step leaves it as large as all others will need it
        return loss * share, {name: share * array for name, array in statistics.items()}


def _add(_: Array, total: Array, *others: Array) -> None:
    for other in others:
        total += other


def score(model: Model, images: Array, labels: Array, workers: Workers) -> tuple[float, int]:
    """(mean cross entropy, number of errors) of a model on images, in shards on the workers' threads."""
    dtype = next(iter(model.params.values())).dtype

    def one(start: int, workspace: Workspace) -> tuple[float, int]:
        part = slice(start, start + EVALUATION)
        with np.errstate(over="ignore", invalid="ignore"):
            z, _ = model.forward(to_input(images[part]).astype(dtype, copy=False), workspace=workspace)
            loss, _ = cross_entropy(z, labels[part])
            errors = int(np.count_nonzero(z.argmax(axis=0) != labels[part]))
        workspace.reset()
        return loss * z.shape[1], errors

    parts = workers.map(one, range(0, len(images), EVALUATION))
    return sum(loss for loss, _ in parts) / len(images), sum(errors for _, errors in parts)
