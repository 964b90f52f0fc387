"""Depth: `fit`: the loop of `loop`, made fast and never lost.

It is that loop, as tests/train/test_train_loop.py proves. Both meet the same images in the same order at the
same learning rates. Where one shard holds the batch, as it does up to 64 images, they also draw the same
augmentation and dropout, and batch norms see the same. (Of several, each draws and measures for itself. That
is another function, not another rounding.)

- Every bit is the same where sums have the same order: in one shard, of a network that runs as it is printed,
  by a rule that does: SGD without Nesterov, or a rule of one's own.
- Else only the rounding differs. In either of the two a sum of n terms is off by nu/(1 − nu)·Σ|terms| at
  most, u = 2⁻²⁴ in float32. Let δ be how far the gradients differ by that, and because the parameters differ
  by d. Then by (O1) and (O2), for every entry and but for the few roundings of the rule itself,

  SGD      e ← μe + δ + λd,   d ← d + ηe,   by Nesterov d + (1 + μ)ηe                                 (FI1)
  AdamW    d ← d + η·min((δm̂ + |s|δ√v̂)/(√v̂ − δ√v̂ + ε), |s| + max|s|) + ηλd,   s = m̂/(√v̂ + ε)        (FI2)

  Where a gradient is nothing but rounding, as that of a bias before a batch norm, AdamW makes steps of full
  length of it. There only the second bound is left, and only what the network answers stays near.

What `fit` adds is care. It checks its data at the door, and trains a private copy of the parameters.

- Same Generator, same bits, for any number of threads (see `shards`), interrupted or not (see `state`).
- With `checkpoint=path` the run is saved, also on Ctrl-C, which waits for the step to end; a second one does
  not. `resume=path` goes on.
- A loss that is not finite stops everything before it reaches the parameters, and one that explodes is said.

Early stopping is a callback that returns True, and a run may be prolonged where its schedule lets it:

    def enough(epoch):
        return epoch.validation_errors < 50

    fit(net, images, labels, rng=rng, epochs=99, validation=held_out, callbacks=[enough])
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np

from tinyzip.base.files import PathLike, check_path
from tinyzip.base.refuse import flag, refuse, warn
from tinyzip.machine.workers import Workers, thread_count
from tinyzip.nn.model import AnyModel, Objective
from tinyzip.nn.ops.checks import Array
from tinyzip.train.evaluate import check_examples, check_pair
from tinyzip.train.history import Bar, History
from tinyzip.train.loop import Augmentation, hard_labels
from tinyzip.train.optim import Optimizer
from tinyzip.train.pixels import check_range, check_validation, mean_of, range_seen_by, remembering
from tinyzip.train.run.keeper import Keeper
from tinyzip.train.run.recipe import Callback, Schedule, check_callbacks, recipe
from tinyzip.train.run.state import TrainingState
from tinyzip.train.run.training import PrintedTraining, Training
from tinyzip.train.run.watched import watch


def fit(
    model: AnyModel,
    images: Array,
    labels: Array,
    *,
    rng: np.random.Generator,
    epochs: int,
    batch: int = 128,
    optimizer: Optimizer | None = None,
    schedule: Schedule | float | None = None,
    objective: Objective = hard_labels,
    augment: Augmentation | None = None,
    validation: tuple[Array, Array] | None = None,
    callbacks: Iterable[Callback] = (),
    threads: int | None = None,
    progress: bool = True,
    checkpoint: PathLike | None = None,
    checkpoint_seconds: float = 60.0,
    resume: PathLike | None = None,
    printed: bool = False,
) -> tuple[AnyModel, History]:
    """Train a model; the one that is passed in is not changed.

    images      (N, H, W) or (N, C, H, W), uint8 or finite floats
    labels      (N,) whole numbers, each less than the model has outputs
    rng         decides order, augmentation and dropout
    epochs      passes over the images; the last batch of each has what is left over
    optimizer   any rule with `init` and `step` as in `Optimizer`; AdamW() when None
    schedule    progress in [0, 1] -> learning rate, or one that stays; one_cycle(4e-3) when None
    objective   (z, Batch) -> (loss, dz), called for parts of a batch, on several threads; one that asks
                for more than logits, see `watched`, returns more; one that looks at `Batch.progress` says so
                in an attribute by_progress = True
    augment     (images, Generator) -> images of the same shape, called likewise; may change those it
                is given, and must not keep them
    validation  images and labels to be scored after each epoch
    callbacks   each is called with the `Epoch` that has ended, after it was saved, and finds the network in
                `epoch.model`; one that returns True ends the training. What they change, such as a teacher's
                arrays, is seen from the next epoch on
    threads     as many as there are cores, 8 at most, when None; changes the speed and not one bit. They
                are processes where objective, augmentation and model are this package's own, see `shards`
    progress    show a bar with the time left, if tqdm is installed, else print a line an epoch
    checkpoint  file to save the run in, after each epoch and each `checkpoint_seconds`
    resume      file to go on from, saved by a run with the same model, recipe and images; it may have more
                epochs now where that changes no step that was made, as with a learning rate that stays
    printed     run the steps of `loop`, whole batches on one core, of `model.printed()`; without a checkpoint
                and for objectives of the logits only
    returns     the trained model, which remembers the range of the images (`pixels`), and the history of all
                its epochs, also those before a resume
    raises      ValueError or TypeError for data, options or a checkpoint that do not fit;
                FloatingPointError for a loss or a parameter that is not finite; OSError when a
                checkpoint cannot be written (the one before is still there); KeyboardInterrupt after Ctrl-C
    """
    if not isinstance(rng, np.random.Generator):
        needed = "a numpy.random.Generator: np.random.default_rng(0)"
        refuse("fit: rng", type(rng).__name__, needed, TypeError)
    flag(progress, "fit: progress")
    flag(printed, "fit: printed")
    for argument, path in (("checkpoint", checkpoint), ("resume", resume)):
        if path is not None:
            check_path(path, f"fit: {argument}")
    check_examples(model, images, labels, "fit")
    if len(labels) > 1 and labels.min() == labels.max():
        warn("fit: labels", f"nothing but {labels[0]}", "labels of two classes or more")
    seen = check_range(images, range_seen_by(model), "fit: images", getattr(model, "input_mean", None))
    if validation is not None:
        check_examples(model, *check_pair(validation), "fit: validation")
        check_validation(validation[0], seen)
    model = remembering(model, seen, mean_of(images))
    told = recipe(epochs, batch, optimizer, schedule, objective, augment)
    told = replace(told, batch=min(told.batch, len(images)))
    called = check_callbacks(callbacks)

    def as_it_is(copy: Callable[[Array], Array] = np.asarray) -> AnyModel:
        return model.with_params({name: copy(training.model.params[name]) for name in model.params})

    with Workers(thread_count(threads)) as workers:
        training: Training[Any]
        if printed:
            training = PrintedTraining(model, images, labels, told, rng, workers)
        else:
            training = TrainingState(watch(model, objective), images, labels, told, rng, workers)
        if resume is not None:
            training.load(resume)
        keeper = Keeper(training, checkpoint, checkpoint_seconds)
        with keeper, Bar(epochs * training.steps, training.done, progress) as bar:
            while training.epoch < epochs:
                while training.step < training.steps:
                    bar.step(training.advance())
                    keeper.after_step()
                epoch = training.end_epoch(validation)
                keeper.save()
                bar.epoch(epoch, epochs)
                if called:
                    answers = [callback(replace(epoch, model=as_it_is(np.copy))) for callback in called]
                    if any(isinstance(answer, bool | np.bool_) and answer for answer in answers):
                        break
                    training.refresh()
    return as_it_is(), training.history
