"""`fit`: the loop around forward, objective, backward and step, and what keeps it from being lost.

The loop checks its data once at the door, trains on a private copy of the parameters, and gives back a new
model beside a history. What it adds to the mathematics is care:

- Same Generator, same bits, for any number of threads (see `shards`), interrupted or not (see `training`).
- With `checkpoint=path` the training is saved after each epoch, and in between when `checkpoint_seconds`
  have gone by. Ctrl-C waits for the step to end and saves; a second Ctrl-C does not wait.
  `resume=path` goes on.
- A loss that is not finite stops everything before it reaches the parameters.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.data import check_images, to_input
from tinyzip.nn.checkpoint import PathLike
from tinyzip.nn.history import Bar, Epoch, History
from tinyzip.nn.keeper import Keeper
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import AnyModel, Batch, Model, Objective
from tinyzip.nn.optim import AdamW, Optimizer, one_cycle
from tinyzip.nn.profile import Clock
from tinyzip.nn.shards import Augmentation, score
from tinyzip.nn.training import Recipe, Training
from tinyzip.refuse import refuse
from tinyzip.workers import Workers, thread_count

Array = NDArray[Any]
Callback = Callable[[Epoch], object]


def hard_labels(z: Array, batch: Batch) -> tuple[float, Array]:
    """The usual objective: cross entropy with the labels."""
    return cross_entropy(z, batch.labels)


def fit(
    model: AnyModel,
    images: Array,
    labels: Array,
    *,
    rng: np.random.Generator,
    epochs: int,
    batch: int = 128,
    optimizer: Optimizer | None = None,
    schedule: Callable[[float], float] | None = None,
    objective: Objective = hard_labels,
    augment: Augmentation | None = None,
    validation: tuple[Array, Array] | None = None,
    callbacks: Iterable[Callback] = (),
    threads: int | None = None,
    progress: bool = True,
    checkpoint: PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    resume: PathLike | None = None,
    profile: bool = False,
) -> tuple[AnyModel, History]:
    """Train a model; the one that is passed in is not changed.

    images      (N, H, W) or (N, C, H, W), uint8 or finite floats
    labels      (N,) whole numbers, each less than the model has outputs
    rng         decides order, augmentation and dropout
    epochs      passes over the images; the last batch of each has what is left over
    optimizer   AdamW() when None
    schedule    progress in [0, 1] -> learning rate; one_cycle(4e-3) when None
    objective   (z, Batch) -> (loss, dz), called for parts of a batch, on several threads
    augment     (images, Generator) -> images of the same shape, called likewise; may change those it
                is given, and must not keep them
    validation  images and labels to be scored after each epoch
    callbacks   each is called with the `Epoch` that has ended, after it was saved; what it changes, such as
                a teacher's arrays, is seen from the next epoch on
    threads     as many as there are cores, 8 at most, when None; changes the speed and not one bit. They
                are processes where objective, augmentation and model are this package's own, see `shards`
    progress    show a bar with the time left, if tqdm is installed
    checkpoint  file to save the training in, after each epoch and each `checkpoint_seconds`
    resume      file to go on from, saved by a training with the same model, recipe and number of images
    profile     print where the time of the steps went, layer by layer
    returns     the trained model, and the history of all its epochs, also those before a resume
    raises      ValueError or TypeError for data, options or a checkpoint that do not fit;
                FloatingPointError for a loss or a parameter that is not finite; OSError when a
                checkpoint cannot be written (the one before is still there); KeyboardInterrupt after Ctrl-C
    """
    for name, value in (("epochs", epochs), ("batch", batch)):
        if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
            refuse(f"fit: {name}", value, "a whole number from 1 up")
    if not isinstance(rng, np.random.Generator):
        refuse("fit: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
    check_examples(model, images, labels, "fit")
    if validation is not None:
        check_examples(model, *validation, "fit: validation")
    recipe = Recipe(
        int(epochs),
        min(int(batch), len(images)),
        AdamW() if optimizer is None else optimizer,
        one_cycle(4e-3) if schedule is None else schedule,
        objective,
        augment,
    )
    with Workers(thread_count(threads)) as workers:
        clock = Clock() if profile else None
        training = Training(model, images, labels, recipe, rng, workers, clock)
        if resume is not None:
            training.load(resume)
        keeper = Keeper(training, checkpoint, checkpoint_seconds)
        with keeper, Bar(epochs * training.steps, training.done, progress) as bar:
            while training.epoch < epochs:
                while training.step < training.steps:
                    bar.step(training.advance())
                    keeper.after_step()
                loss, errors = None, None
                if validation is not None:
                    loss, errors = training.validate(*validation)
                epoch = training.close_epoch(loss, errors)
                keeper.save()
                for callback in callbacks:
                    callback(epoch)
                    training.refresh()
        if clock is not None:
            print(clock.table(workers.threads))
    return training.model, training.history


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
