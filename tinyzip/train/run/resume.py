"""Depth: whether a run may go on from a checkpoint.

A resumed run ends with the bits of one that was never interrupted, so all that decides its steps must be
equal in the run that wrote the file and in the one that goes on from it: the model, the images, and each part
of the recipe. What a file cannot hold, such as a function, is held to its name, a schedule to three values.

Only the number of epochs may be another. It decides through the progress alone, the part of all steps that is
done: so a run may become longer, or shorter, where each step that was made would have had the same learning
rate, and the objective does not look at the progress.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from math import isfinite
from typing import Any
from zlib import crc32

import numpy as np

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import refuse
from tinyzip.nn.model import Model
from tinyzip.nn.ops.checks import Array
from tinyzip.train.history import History
from tinyzip.train.run import checkpoint
from tinyzip.train.run.recipe import Recipe

SAMPLES = "schedule at first, middle, last step"


@dataclass(frozen=True)
class Setup:
    """What decides a run's steps beside its state.

    model           whatever its arrays hold
    images, labels  that it is trained on
    recipe          all else that `fit` is given
    generator       the kind of bit generator
    steps           of an epoch
    """

    model: Model
    images: Array
    labels: Array
    recipe: Recipe
    generator: type[np.random.BitGenerator]
    steps: int

    def rate(self, step: int, epochs: int) -> float:
        """The learning rate of a step, counted from 0 over all of so many epochs."""
        return self.recipe.schedule((step + 0.5) / (epochs * self.steps))

    @cached_property
    def words(self) -> dict[str, str]:
        """The setup in words that are equal if it is."""
        images, labels = np.ascontiguousarray(self.images), np.ascontiguousarray(self.labels)
        checksum = crc32(labels.data, crc32(images.data))
        return {
            "model": checkpoint.describe(self.model, values=False),
            "images": f"{len(images)} of {images.dtype}, CRC-32 with labels {checksum:08x}",
            "generator": self.generator.__name__,
            SAMPLES: self._samples(self.recipe.epochs),
        } | {part.name: checkpoint.describe(getattr(self.recipe, part.name)) for part in fields(self.recipe)}

    def _samples(self, epochs: int) -> str:
        last = epochs * self.steps - 1
        return ", ".join(f"{self.rate(step, epochs):.9g}" for step in (0, last // 2, last))

    def check(self, path: PathLike, arrays: Mapping[str, Array]) -> tuple[dict[str, Any], dict[str, Array]]:
        """The contents of a checkpoint that a run of this setup, with these arrays, can go on from.

        raises  ValueError, with what was found and what was needed, for any other
        """
        meta, kept = checkpoint.read(path)
        setup = meta.get("setup") if isinstance(meta, dict) else None
        if not isinstance(setup, dict):
            refuse(f"checkpoint {path}", "no training run", "one of this model")
        found, needed = setup | _shapes(kept), self.words | _shapes(arrays)
        told = found.get("epochs")
        epochs = int(told) if isinstance(told, str) and told.isdecimal() and len(told) < 10 else 0
        if epochs:
            needed |= {"epochs": str(epochs), SAMPLES: self._samples(epochs)}
        for key in sorted(found.keys() | needed.keys(), key=lambda key: (not key.startswith("params/"), key)):
            if found.get(key) != needed.get(key):
                refuse(f"checkpoint {path}: {key}", found.get(key, "nothing"), needed.get(key, "nothing"))
        if not self._can_begin_at(meta, epochs):
            refuse(f"checkpoint {path}", "no state of a training run", "one that `save` has written")
        why = self._differs(epochs, meta["epoch"] * self.steps + meta["step"])
        if why:
            instead = f"keep to {epochs}, or train its model anew: fit(load({str(path)!r}), …)"
            refuse(f"checkpoint {path}: epochs", epochs, f"{self.recipe.epochs}, but {why}; {instead}")
        return meta, kept

    def _can_begin_at(self, meta: dict[str, Any], epochs: int) -> bool:
        """Is this a state of a run of so many epochs?"""
        try:
            self.generator().state = checkpoint.unplain(meta["generator"])
            return (
                {int} == {type(meta["epoch"]), type(meta["step"])}
                and 0 <= meta["epoch"] <= epochs
                and 0 <= meta["step"] <= self.steps
                and all(map(isfinite, (meta["loss"], meta["seconds"])))
                and isinstance(meta.get("seed", ""), str)
                and meta["history"].keys() == History().as_dict().keys()
                and all(len(column) == meta["epoch"] for column in meta["history"].values())
                and all(map(_are_numbers, meta["history"].keys(), meta["history"].values()))
            )
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError):
            return False

    def _differs(self, epochs: int, made: int) -> str:
        """Why the steps that a run of so many epochs has made were not those of this one; "" if they were."""
        now = self.recipe.epochs
        if made > now * self.steps:
            return f"{made} steps of {now * self.steps} are made"
        if epochs != now and made and getattr(self.recipe.objective, "by_progress", False):
            return "the objective looks at how much of the training is done"
        for step in range(made if epochs != now else 0):
            one, other = self.rate(step, epochs), self.rate(step, now)
            if one != other:
                return f"step {step + 1} would have had the learning rate {other:.3g} and not {one:.3g}"
        return ""


def _are_numbers(name: str, column: list[Any]) -> bool:
    """Whether a column of a history is one of finite numbers; those of validation may be missing."""
    return all(isfinite(value) for value in column if value is not None or not name.startswith("validation"))


def _shapes(arrays: Mapping[str, Array]) -> dict[str, str]:
    return {name: f"{array.dtype} {array.shape}" for name, array in arrays.items()}
