"""Depth: how the teacher's word reaches the student: (batch) -> the teacher's logits (K, N) on that batch.

Recorded  The teacher sees every image once, before training, and its logits are looked up by where the
          image is in the training set. That costs one pass instead of one an epoch. They are logits
          of the image as it is, which fits a student that sees it as it is.
Live      The teacher sees what the student sees, augmented in the same way, in the same step. Under
          augmentation that is the better teacher: it is asked the very question that the student has to
          answer [Beyer et al. 2022, "A good teacher is patient and consistent", section 3].

Between them stand recorded views: `views` augments every image V times before training, and these are the
training images. The teacher is asked once about each view, and the student sees an image in V forms.

A shuffle cannot pair an image with another's logits: `Recorded` goes by the index that travels with each
example from the training set to the loss, `Live` by the pixels themselves.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from tinyzip.base.refuse import refuse, whole
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.model import Batch, Model, Probed
from tinyzip.nn.ops.checks import Array
from tinyzip.train.evaluate import logits
from tinyzip.train.images import check_images
from tinyzip.train.loop import Augmentation

Transfer = Callable[[Batch], Array]


@dataclass(frozen=True)
class Recorded:
    """Logits that were recorded before, (K, N) for the N training images; looked up by index."""

    logits: Array = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.logits, np.ndarray) or self.logits.ndim != 2 or self.logits.size == 0:
            refuse("Recorded: logits", getattr(self.logits, "shape", self.logits), "(K, N), neither empty")

    def __call__(self, batch: Batch) -> Array:
        index, N = batch.index, self.logits.shape[1]
        if index.min() < 0 or index.max() >= N:
            refuse("Recorded: index", f"{index.min()} … {index.max()}", f"0 … {N - 1}, as recorded")
        return np.take(self.logits, index, axis=1)


@dataclass(frozen=True)
class Live:
    """The teacher itself, asked about the batch as the student sees it.

    Called from several threads at the same time. Each has scratch memory of its own, and what the teacher
    says is valid until the same thread asks about another batch. About the same batch it is asked once.

    layers  whose outputs are wanted, too
    raises  ValueError for layers that the teacher does not have or cannot show
    """

    teacher: Model = field(repr=False)
    layers: tuple[str, ...] = ()
    _local: threading.local = field(default_factory=threading.local, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.layers:
            if not isinstance(self.teacher, Probed):
                refuse("Live: teacher", type(self.teacher).__name__, "a model that can show its layers")
            object.__setattr__(self, "teacher", self.teacher.probed(self.layers))

    def __call__(self, batch: Batch) -> Array:
        """The logits (K, N)."""
        return self._ask(batch)[0]

    def features(self, batch: Batch) -> Mapping[str, Array]:
        """The outputs of `layers`, by name."""
        return self._ask(batch)[1]

    def _ask(self, batch: Batch) -> tuple[Array, Mapping[str, Array]]:
        local = self._local
        if getattr(local, "batch", None) is not batch:
            if not hasattr(local, "workspace"):
                local.workspace = Workspace()
            local.workspace.reset()
            dtype = next(iter(self.teacher.params.values())).dtype
            z, caches = self.teacher.forward(batch.x.astype(dtype, copy=False), workspace=local.workspace)
            probes = self.teacher.probes(caches) if isinstance(self.teacher, Probed) else {}
            local.answer = z, {name: probe.y for name, probe in probes.items()}
            local.batch = batch
        answer: tuple[Array, Mapping[str, Array]] = local.answer
        return answer


def views(
    images: Array, labels: Array, augment: Augmentation, V: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """V augmented views of every image, and their labels: image i in view v stands at v·N + i.

    images   (N, H, W) or (N, C, H, W), uint8 or floats
    labels   (N,)
    augment  (images, Generator) -> images of the same shape
    V        from 1 up
    rng      one Generator is spawned from it for each view
    returns  (V·N, …) of the images' dtype, and (V·N,)
    raises   ValueError or TypeError for data, a V or a return of `augment` that do not fit
    """
    check_images(images, "views: images")
    V = whole(V, "views: V", 1)
    if not isinstance(labels, np.ndarray) or labels.shape != images.shape[:1]:
        refuse("views: labels", getattr(labels, "shape", labels), f"({len(images)},), one for each image")
    seen = np.empty((V, *images.shape), images.dtype)
    for view, generator in zip(seen, rng.spawn(V), strict=True):
        moved = augment(images.copy(), generator)
        if getattr(moved, "shape", None) != images.shape:
            refuse("views: augment", f"{getattr(moved, 'shape', moved)} in return", f"{images.shape}")
        if moved.dtype != images.dtype:
            refuse("views: augment", f"{moved.dtype} in return", f"{images.dtype}, as it was given")
        view[...] = moved
    return seen.reshape(-1, *images.shape[1:]), np.tile(labels, V)


def record(teacher: Model, images: Array, threads: int | None = None) -> Recorded:
    """The teacher's logits on all images, as a `Recorded`.

    images   (N, H, W) or (N, C, H, W), uint8 or finite floats, of the shape that the teacher knows
    threads  one for each core when None
    raises   ValueError or TypeError for images that the teacher cannot see, or logits that are not finite
    """
    check_images(images, "record: images")
    z = logits(teacher, images, threads)
    if not np.isfinite(z).all():
        refuse("record: the teacher's logits", "NaN or infinity", "finite numbers")
    return Recorded(z)
