"""Depth: what a training run leaves besides the parameters: a line for each epoch, and a bar meanwhile."""

import sys
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, fields
from importlib import import_module
from typing import Any, Self

from tinyzip.base.table import Shown


@dataclass(frozen=True)
class Epoch:
    """One pass over the training images.

    epoch              counted from 1
    loss               mean over the images, each as the model was when it met it
    validation_loss    mean cross entropy on the validation images, None without such images
    validation_errors  how many of them are classified wrongly, None without such images
    lr                 learning rate of the last step
    seconds            time of the training steps; validation is not counted
    model              for callbacks: the model as it is now, on arrays that may be kept; else None
    """

    epoch: int
    loss: float
    validation_loss: float | None
    validation_errors: int | None
    lr: float
    seconds: float
    model: Any = field(default=None, repr=False, compare=False)

    def line(self, epochs: int) -> str:
        """The epoch in words, one of `epochs`."""
        errors = "" if self.validation_errors is None else f", {self.validation_errors} errors in validation"
        return f"epoch {self.epoch} of {epochs}: loss {self.loss:.4f}{errors}, {self.seconds:.1f} s"


@dataclass(frozen=True, repr=False)
class History(Shown):
    """The epochs of a run as columns, an entry an epoch, ready to be plotted or dumped as JSON.

    See `Epoch` for what the columns mean.
    """

    epoch: list[int] = field(default_factory=list)
    loss: list[float] = field(default_factory=list)
    validation_loss: list[float | None] = field(default_factory=list)
    validation_errors: list[int | None] = field(default_factory=list)
    lr: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.epoch)

    def __iter__(self) -> Iterator[Epoch]:
        """Its lines; so a data frame of it has a row for each epoch, and a column for each of its numbers."""
        return (Epoch(*line) for line in zip(*self.as_dict().values(), strict=True))

    def brief(self) -> str:
        return f"{len(self)} epochs" + (f", {self.loss[0]:.4f} to {self.loss[-1]:.4f}" if self.epoch else "")

    def __str__(self) -> str:
        return "\n".join(epoch.line(len(self)) for epoch in self)

    def append(self, epoch: Epoch) -> None:
        for column in fields(self):
            getattr(self, column.name).append(getattr(epoch, column.name))

    def as_dict(self) -> dict[str, list[Any]]:
        """The columns by name: `History(**history.as_dict())` is an equal history."""
        return asdict(self)


class Bar:
    """A progress bar over the steps, with the time left, where tqdm is installed; a line an epoch otherwise.

    Both go to the standard error.
    """

    def __init__(self, total: int, done: int, shown: bool) -> None:
        self._bar: Any = None
        self._lines = False
        if shown:
            try:
                with warnings.catch_warnings():  # of a notebook that has no widgets
                    warnings.simplefilter("ignore")
                    tqdm = import_module("tqdm.autonotebook").tqdm
                self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, mininterval=0.2)
            except ImportError:
                self._lines = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def step(self, loss: float) -> None:
        if self._bar is not None:
            self._bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
            self._bar.update()

    def epoch(self, epoch: Epoch, epochs: int) -> None:
        if self._lines:
            print(epoch.line(epochs), file=sys.stderr, flush=True)
