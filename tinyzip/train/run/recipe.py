"""Depth: how to train: all that `fit` is given but data and model, checked before the first step.

Most mistakes here are near misses: a class for an object, a name for a rule, a number for a function. Left
alone they come up as somebody else's error, after an epoch. So each is refused at once, with what to write
instead. What only a step can show, an objective's answer and what augmentation makes, is checked in each.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import signature
from numbers import Real
from typing import Any

import numpy as np

from tinyzip.base.refuse import is_number, refuse, said, whole
from tinyzip.nn.model import Objective
from tinyzip.nn.ops.checks import Array
from tinyzip.train.history import Epoch
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import AdamW, Optimizer, constant, one_cycle
from tinyzip.train.pixels import FACTOR, range_of, reach

LEAST_MOMENTUM = 0.2  # what is less does nothing, and is rather a learning rate at the wrong place
Schedule = Callable[[float], float]
Callback = Callable[[Epoch], object]
"""Sees an epoch that has ended, and the model; stops the training by returning True."""


@dataclass(frozen=True)
class Recipe:
    """What a run is trained by; see `fit` for the meaning of each."""

    epochs: int
    batch: int
    optimizer: Optimizer
    schedule: Schedule
    objective: Objective
    augment: Augmentation | None


def recipe(
    epochs: int,
    batch: int,
    optimizer: Optimizer | None,
    schedule: Schedule | float | None,
    objective: Objective,
    augment: Augmentation | None,
) -> Recipe:
    """The recipe with `fit`'s defaults filled in.

    raises  ValueError or TypeError for what is none of what `fit` takes
    """
    for name, value in (("epochs", epochs), ("batch", batch)):
        whole(value, f"fit: {name}", 1)
    optimizer = AdamW() if optimizer is None else optimizer
    if isinstance(optimizer, type | str) or not all(hasattr(optimizer, rule) for rule in ("init", "step")):
        refuse("fit: optimizer", said(optimizer), "a rule, such as AdamW() or SGD()", TypeError)
    for rate in ("momentum", "beta1"):
        if 0 < getattr(optimizer, rate, 0) < LEAST_MOMENTUM:
            found = f"{type(optimizer).__name__} with {rate} = {getattr(optimizer, rate)}"
            refuse("fit: optimizer", found, f"0, or {LEAST_MOMENTUM} up; a learning rate is schedule=1e-3")
    check_function(objective, 2, "fit: objective", "a function (z, batch) -> (loss, dz)")
    if augment is not None:
        check_function(augment, 2, "fit: augment", "a function (images, rng) -> images, or None")
    return Recipe(int(epochs), int(batch), optimizer, _schedule(schedule), objective, augment)


def _schedule(schedule: Any) -> Schedule:
    """A number is a learning rate that stays; every other schedule is tried at its ends and its middle."""
    if schedule is None:
        return one_cycle(4e-3)
    if isinstance(schedule, Real) and not isinstance(schedule, bool):
        return constant(float(schedule))
    words = "a number, or a function of the progress in [0, 1], such as one_cycle(4e-3)"
    check_function(schedule, 1, "fit: schedule", words)
    for progress in (0.5, 0.0, 1.0):  # what makes a schedule takes no peak of 0
        lr: Any = schedule(progress)
        if callable(lr):
            needed = f"what it makes: {getattr(schedule, '__name__', 'schedule')}(4e-3)"
            refuse("fit: schedule", f"{said(schedule)}, which makes one", needed, TypeError)
        if not is_number(lr) or not 0.0 <= lr < np.inf:
            found = f"{said(lr)} at progress {progress}"
            refuse("fit: schedule", found, "a learning rate, finite, 0 or more")
    made: Schedule = schedule
    return made


def check_function(function: Any, arguments: int, argument: str, needed: str) -> None:
    """Refuse what is no function of so many arguments, a class among it."""
    if isinstance(function, type) or not callable(function):
        refuse(argument, said(function), needed, TypeError)
    try:
        signature(function).bind(*[None] * arguments)
    except ValueError:  # one that does not say what it takes
        return
    except TypeError:
        count = {1: "one argument", 2: "two arguments"}[arguments]
        refuse(argument, f"{said(function)}, not of {count}", needed, TypeError)


def check_callbacks(callbacks: Any) -> list[Callback]:
    """The callbacks as a list; refuses what is not some functions of an `Epoch`."""
    if not isinstance(callbacks, Iterable):
        refuse("fit: callbacks", said(callbacks), "a list of functions, also of one: [function]", TypeError)
    functions = list(callbacks)
    for function in functions:
        check_function(function, 1, "fit: callbacks", "functions that take an Epoch")
    return functions


def check_answer(answer: Any, z: Array) -> tuple[Any, ...]:
    """What an objective returned for the logits z; refuses what is not (loss, dz), or these and more."""
    good = isinstance(answer, tuple | list) and len(answer) > 1 and is_number(answer[0])
    if not good or getattr(answer[1], "shape", ()) != z.shape:
        refuse("fit: objective", f"{said(answer)} in return", f"(loss, dz), dz of the shape {z.shape} of z")
    return tuple(answer)


def checked_augmentation(augment: Augmentation, images: Array) -> Augmentation:
    """An augmentation that refuses what it returns, where that is not like some of these images."""
    low, high = seen = range_of(images)

    def checked(given: Array, rng: np.random.Generator) -> Array:
        shape, moved = given.shape, augment(given, rng)
        found = getattr(moved, "shape", type(moved).__name__)
        if found != shape:
            refuse("fit: augment", f"images of shape {found} in return", f"{shape}")
        if reach(range_of(moved)) > FACTOR * reach(seen):
            found = f"{moved.dtype} from {moved.min():g} to {moved.max():g} in return"
            refuse("fit: augment", found, f"numbers like those it was given, {low:.3g} to {high:.3g}")
        return moved

    return checked
