"""The two data sets that a study can be run on: MNIST, and digits of one row, on which it takes a minute."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.train.data import Dataset, mnist
from tinyzip.train.digits1d import digits1d

DATA = Path(__file__).parents[1] / "data" / "mnist"
MNIST, ROWS = "mnist", "digits1d"


@dataclass(frozen=True)
class Moved:
    """Each row by up to so many places, to either side; what leaves at one end comes in at the other."""

    places: int

    def __call__(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        N, *_, W = images.shape
        moved = np.arange(W) + rng.integers(-self.places, self.places + 1, (N, 1))
        return np.take_along_axis(images, (moved % W).reshape(N, *[1] * (images.ndim - 2), W), axis=-1)


def add_set(parser: argparse.ArgumentParser) -> None:
    """The options that say which set."""
    parser.add_argument("--on", choices=(MNIST, ROWS), default=MNIST, help="digits1d: a minute on two cores")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files, for mnist")


def read(on: str, data: Path, seed: int) -> tuple[Dataset, Dataset]:
    """The training set and the test set; the digits of one row are others for each seed."""
    return digits1d(seed) if on == ROWS else mnist(data)


def named(on: str) -> dict[str, str]:
    """What a run on this set has among its settings: nothing for MNIST, on which most are run."""
    return {} if on == MNIST else {"on": on}
