"""A network's answers, and all that can be kept between two questions.

Each question, a batch of images, is cut into stretches for the cores. Who asks once is served by threads. Who
asks again is likely to go on, and then it pays to make copies of the process (`machine.processes`), which do
not wait for each other: they get their stretch of the images with each question, and find the parameters,
as they are at that moment, in shared memory. (Where these are many, calls are long and threads wait little.)
The bits are the same in any case.
"""

from functools import cached_property, partial
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.machine.processes import Processes, is_ours, shared
from tinyzip.machine.workers import Workers, stretches, thread_count
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import MANY, Model
from tinyzip.train.data import check_images, to_input

Array = NDArray[Any]

SHARD = 128  # examples at a time, at most, when only the answer is wanted


class Inference:
    """The logits of a model for one batch after another, used as a context manager.

    with Inference(model) as inference:
        for images in batches:
            z = inference.logits(images)

    model    any that `fit` takes; where its parameters change between two calls, the next one sees it
    threads  None: one for each core, 8 at most; the same bits for any number
    """

    def __init__(self, model: Model, threads: int | None = None) -> None:
        self._model = model
        self._workers = Workers(thread_count(threads))
        self._may_fork = sum(array.size for array in model.params.values()) < MANY and is_ours(model)

    def __enter__(self) -> Self:
        self._workers.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._workers.__exit__(kind, error, trace)

    def logits(self, images: Array) -> Array:
        """z (K, N) of images as data sets hold them, uint8 or floats, (N, H, W) or (N, C, H, W)."""
        if not isinstance(images, np.ndarray) or images.ndim < 3 or len(images) == 0:
            refuse("logits: images", getattr(images, "shape", images), "(N, H, W) or (N, C, H, W), N > 0")
        parts = [images[part] for part in stretches(len(images), SHARD)]
        copies: Processes[Array, Array] | None = None
        if self._may_fork and len(parts) > 1:
            copies = self._workers.copies("logits", self._look_at_twin)
        if copies is None:
            answers = self._workers.map(partial(look, self._model), parts)
        else:
            for name, array in self._twin.params.items():  # as they are now
                np.copyto(array, self._model.params[name])
            answers = copies.map(parts)
        z: Array = np.concatenate(answers, axis=-1)
        return z

    def _look_at_twin(self, images: Array, workspace: Workspace) -> Array:
        return look(self._twin, images, workspace)

    @cached_property
    def _twin(self) -> Model:
        """The model on parameters in shared memory."""
        return self._model.with_params(
            {name: shared(a.shape, a.dtype) for name, a in self._model.params.items()}
        )


def look(model: Model, images: Array, workspace: Workspace) -> Array:
    """The logits of a stretch of images, as a new array; the workspace is given back."""
    dtype = next(iter(model.params.values())).dtype
    x = to_input(images, workspace).astype(dtype, copy=False)
    z = model.forward(x, workspace=workspace)[0].copy()
    workspace.reset()
    return z


def logits(model: Model, images: Array, threads: int | None = None) -> Array:
    """z (K, N) of images as data sets hold them, computed in shards.

    images   uint8 or floating point, (N, H, W) or (N, C, H, W)
    threads  None: one for each core, 8 at most; the same bits for any number

    For many batches, one after another, see `Inference`.
    """
    with Inference(model, threads) as inference:
        return inference.logits(images)


def predict(model: Model, images: Array, threads: int | None = None) -> Array:
    """The class of each image (N,), that of the largest logit; arguments as in `logits`."""
    classes: Array = np.argmax(logits(model, images, threads), axis=0)
    return classes


def score(model: Model, images: Array, labels: Array, workers: Workers) -> tuple[float, int]:
    """(mean cross entropy, number of errors) of a model on images, in shards on the workers' threads."""

    def one(part: slice, workspace: Workspace) -> tuple[float, int]:
        with np.errstate(over="ignore", invalid="ignore"):
            z = look(model, images[part], workspace)
            loss, _ = cross_entropy(z, labels[part])
            errors = int(np.count_nonzero(z.argmax(axis=0) != labels[part]))
        return loss * z.shape[1], errors

    parts = workers.map(one, stretches(len(images), SHARD))
    return sum(loss for loss, _ in parts) / len(images), sum(errors for _, errors in parts)


def evaluate(model: Model, images: Array, labels: Array, threads: int | None = None) -> int:
    """How many of the images a model classifies wrongly.

    images, labels, threads  as for `fit`
    raises                   ValueError or TypeError for data that do not fit
    """
    check_examples(model, images, labels, "evaluate")
    with Workers(thread_count(threads)) as workers:
        return score(model, images, labels, workers)[1]


def check_examples(model: Model, images: Array, labels: Array, argument: str) -> None:
    """Refuse images that the model cannot see or that are not finite, and labels that it cannot give."""
    if not model.params:
        refuse(f"{argument}: model", "no parameters", "one or more")
    check_images(images, f"{argument}: images")
    shape = images.shape[1:] if images.ndim == 4 else (1, *images.shape[1:])
    if shape != model.shape:
        refuse(f"{argument}: images", f"examples of shape {shape}", f"{model.shape}")
    with np.errstate(over="ignore"):
        if not all(np.isfinite(image.astype(np.float32, copy=False)).all() for image in images):
            refuse(f"{argument}: images", "NaN or infinite pixels", "finite ones, also as float32")
    if not isinstance(labels, np.ndarray) or not np.issubdtype(labels.dtype, np.integer):
        found = getattr(labels, "dtype", type(labels).__name__)
        refuse(f"{argument}: labels", found, "an array of whole numbers", TypeError)
    if labels.shape != (len(images),):
        refuse(f"{argument}: labels", f"shape {labels.shape}", f"({len(images)},), one for each image")
    dtype = next(iter(model.params.values())).dtype
    with np.errstate(all="ignore"):
        K = model.forward(to_input(images[:1]).astype(dtype))[0].shape[0]
    if labels.min() < 0 or labels.max() >= K:
        refuse(f"{argument}: labels", f"{labels.min()} … {labels.max()}", f"0 … {K - 1}, the model's outputs")
