"""Depth: asking a network: its logits, its classes, its errors.

These are functions of any model: a `Sequential`, a fake-quantized network, a caller's own. The images are cut
into shards for the cores; the bits are the same for any number of them.

`Inference` is for who asks again and again. Who asks once is served by threads. Who asks twice is likely to
go on, and then it pays to make copies of the process (`machine.processes`), which do not wait for each
other: they get their shards of the images with each question, and find the parameters, as they are at that
moment, in shared memory. (Where these are many, calls are long and threads wait little.)
"""

from functools import cached_property, partial
from typing import Any, Self

import numpy as np

from tinyzip.base.refuse import refuse, said
from tinyzip.machine.processes import Processes, is_ours, shared
from tinyzip.machine.recorder import repeated
from tinyzip.machine.workers import Workers, thread_count
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.fold import folded
from tinyzip.nn.inspected import refuse_network
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import MANY, Model
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import Dataset, check_labels, check_shape
from tinyzip.train.images import check_images, to_input
from tinyzip.train.images_fast import into_workspace
from tinyzip.train.pixels import check_model_range

MOST = 128  # examples in a shard, when only the answer is wanted
FEWEST = 8  # examples that are worth waking another thread


def check_model(model: Any, argument: str) -> None:
    """Refuse what is no network of floats, with what to write instead."""
    if isinstance(model, type) or not all(hasattr(model, part) for part in ("params", "shape", "forward")):
        refuse_network(model, f"{argument}: model", "a network")
    if not model.params:
        refuse(f"{argument}: model", "no parameters", "one or more")


def logits(model: Model, images: Array, threads: int | None = None) -> Array:
    """z (K, N) of images as data sets hold them.

    images   uint8 or floating point, (N, H, W) or (N, C, H, W), of the range seen in training (PX1)
    threads  None: one for each core, 8 at most; the same bits for any number
    """
    check_model(model, "logits")
    check_shape(model, images, "logits: images")
    with Inference(model, threads) as inference:
        return inference.logits(images)


def predict(model: Model, images: Array, threads: int | None = None) -> Array:
    """The class of each image (N,), that of the largest logit; arguments as in `logits`."""
    check_model(model, "predict")
    check_shape(model, images, "predict: images")
    classes: Array = np.argmax(logits(model, images, threads), axis=0)
    return classes


def evaluate(model: Model, images: Array, labels: Array, threads: int | None = None) -> int:
    """How many of the images a model classifies wrongly.

    images, labels, threads  as for `fit`
    raises                   ValueError or TypeError for data that do not fit
    """
    check_examples(model, images, labels, "evaluate")
    check_model_range(model, images, "evaluate: images")
    with Workers(thread_count(threads)) as workers:
        return score(model, images, labels, workers)[1]


class Inference:
    """The logits of a model for one batch after another, used as a context manager.

    with Inference(model) as inference:
        for images in batches:
            z = inference.logits(images)

    model    any that `fit` takes; where its parameters change between two calls, the next one sees it
    threads  None: one for each core, 8 at most; the same bits for any number
    """

    def __init__(self, model: Model, threads: int | None = None) -> None:
        check_model(model, "logits")
        self._model = model
        self._workers = Workers(thread_count(threads))
        self._may_fork = sum(array.size for array in model.params.values()) < MANY and is_ours(model)

    def __enter__(self) -> Self:
        self._workers.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.__exit__(None, None, None)

    def logits(self, images: Array) -> Array:
        """z (K, N) of images, as the function `logits`."""
        check_images(images, "logits: images")
        check_model_range(self._model, images, "logits: images")
        parts = [images[shard] for shard in shards(len(images))]
        copies: Processes[Array, Array] | None = None
        if self._may_fork and len(parts) > 1:
            copies = self._workers.copies("logits", self._logits_of_shared)
        if copies is not None:
            for name, array in self._shared.params.items():  # as they are now
                np.copyto(array, self._model.params[name])
            answers = copies.map(parts)
        elif len(images) > 1:
            answers = self._workers.map(partial(logits_of_shard, self._model), parts)
        else:  # rows of one number, for which the buffer that `map` brings is no better
            answers = [logits_of_shard(self._model, images, self._workers.workspaces[0])]
        z: Array = np.concatenate(answers, axis=-1)
        if not np.isfinite(z).all():  # the model's own doing, or that of the images
            check_finite(images, "logits: images")
        return z

    def _logits_of_shared(self, images: Array, workspace: Workspace) -> Array:
        return logits_of_shard(self._shared, images, workspace)

    @cached_property
    def _shared(self) -> Model:
        """The model on parameters in shared memory."""
        arrays = {name: shared(a.shape, a.dtype) for name, a in self._model.params.items()}
        return self._model.with_params(arrays)


def shards(N: int) -> list[slice]:
    """Examples 0 … N − 1 in shards of up to MOST: an even number of about equal ones, for two threads.

    They depend on N and never on the threads, since products of other sizes may be rounded otherwise.
    Where they would be shorter than FEWEST there is only one.
    """
    count = 2 * -(-N // (2 * MOST))
    size = -(-N // count) if N >= 2 * FEWEST else N
    return [slice(start, min(start + size, N)) for start in range(0, N, size)]


def logits_of_shard(model: Model, images: Array, workspace: Workspace) -> Array:
    """z (K, N) of a few images, as a new array; the workspace is given back."""
    again = type(model) is Sequential and model.layout.repeats
    ask = partial(answer, model)
    z: Array = repeated(ask, id(model), images, workspace) if again else ask(images, workspace)
    z = z.copy()
    workspace.reset()
    return z


def answer(model: Model, images: Array, workspace: Workspace) -> Array:
    """z (K, N) of a few images, in the workspace; batch norms are part of the layers before them (QF1)."""
    workspace.reset()
    dtype = next(iter(model.params.values())).dtype
    x = into_workspace(images, workspace).astype(dtype, copy=False)
    if type(model) is Sequential and model.layout.has_norms:
        params = {name: array.view(workspace.kind) for name, array in model.params.items()}
        model = folded(model, params, dtype, False)
    return model.forward(x, workspace=workspace)[0]


def score(model: Model, images: Array, labels: Array, workers: Workers) -> tuple[float, int]:
    """(mean cross entropy, number of errors) of a model on images, in shards on the workers' threads."""

    def one(shard: slice, workspace: Workspace) -> tuple[float, int]:
        with np.errstate(over="ignore", invalid="ignore"):
            z = logits_of_shard(model, images[shard], workspace)
            loss, _ = cross_entropy(z, labels[shard])
            errors = int(np.count_nonzero(z.argmax(axis=0) != labels[shard]))
        return loss * z.shape[1], errors

    parts = workers.map(one, shards(len(images)))
    return sum(loss for loss, _ in parts) / len(images), sum(errors for _, errors in parts)


def input_of(model: Model, images: Array) -> Array:
    """`to_input` in the dtype of a model's arrays."""
    return to_input(images).astype(next(iter(model.params.values())).dtype, copy=False)


def check_pair(pair: Any) -> tuple[Array, Array]:
    """(images, labels) as they are; refuses what is not two things."""
    if isinstance(pair, Dataset):
        refuse("fit: validation", "a Dataset", "its arrays: (dataset.images, dataset.labels)", TypeError)
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        found = f"{len(pair)} of them" if isinstance(pair, tuple | list) else said(pair)
        refuse("fit: validation", found, "two arrays: (images, labels)", TypeError)
    return pair[0], pair[1]


def check_finite(images: Array, argument: str) -> None:
    """Refuse pixels that are not finite."""
    with np.errstate(over="ignore"):
        if not all(np.isfinite(image.astype(np.float32, copy=False)).all() for image in images):
            refuse(argument, "NaN or infinite pixels", "finite ones, also as float32")


def check_examples(model: Model, images: Array, labels: Array, argument: str) -> None:
    """Refuse images that the model cannot see or that are not finite, and labels that it cannot give."""
    check_model(model, argument)
    check_shape(model, images, f"{argument}: images")
    check_finite(images, f"{argument}: images")
    check_labels(labels, images, f"{argument}: labels")
    with np.errstate(all="ignore"):
        K = len(model.forward(input_of(model, images[:1]))[0])
    if K < 2:
        refuse(f"{argument}: model", "one output", "one for each class, two or more")
    if labels.min() < 0 or labels.max() >= K:
        refuse(f"{argument}: labels", f"{labels.min()} … {labels.max()}", f"0 … {K - 1}, the model's outputs")
