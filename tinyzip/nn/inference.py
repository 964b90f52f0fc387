"""A network's answers, and all that can be kept between two questions.

Each question, a batch of images, is cut into stretches for the cores. Who asks once is served by threads. Who
asks again is likely to go on, and then it pays to make copies of the process (`tinyzip.processes`), which do
not wait for each other: they get their stretch of the images with each question, and find the parameters,
as they are at that moment, in shared memory. (Where these are many, calls are long and threads wait little.)
The bits are the same in any case.
"""

from functools import cached_property, partial
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.data import to_input
from tinyzip.nn.model import MANY, Model
from tinyzip.processes import Processes, is_ours, shared
from tinyzip.refuse import refuse
from tinyzip.workers import Workers, stretches, thread_count
from tinyzip.workspace import Workspace

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
