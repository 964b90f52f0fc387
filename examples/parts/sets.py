"""The data sets of the studies: MNIST, or one's own in its form, and digits of one row, which take a minute.

Two rules let a recipe made for these suit others:

steps        A training takes STEPS steps at least, however few the images: an epoch shows each of them as
             often as that needs. Once each, it would be over before anything is learned.
distortions  What is written down for images of SIDES grows and shrinks with the shorter side of an image.
"""

import argparse
import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.files import write_atomically
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, mnist
from tinyzip.train.digits1d import digits1d

DATA = Path(__file__).parents[1] / "data" / "mnist"
MNIST, ROWS = "mnist", "digits1d"
SIDES = {MNIST: 28, ROWS: 40}  # what distortions are written down for
STEPS = 3_000  # which MNIST's few images take
SMALLEST = 16  # pixels that two windows of five with pooling need


@dataclass(frozen=True)
class Moved:
    """Each row by up to so many places, to either side; what leaves at one end comes in at the other."""

    places: int

    def scaled(self, factor: float) -> "Moved":
        """The same for rows `factor` times as long."""
        return Moved(round(self.places * factor))

    def __call__(self, images: NDArray[Any], rng: np.random.Generator) -> NDArray[Any]:
        N, *_, W = images.shape
        moved = np.arange(W) + rng.integers(-self.places, self.places + 1, (N, 1))
        return np.take_along_axis(images, (moved % W).reshape(N, *[1] * (images.ndim - 2), W), axis=-1)


def kind_of(shape: tuple[int, ...]) -> str:
    """Whose recipe suits images of this shape, (C, H, W): those of one row have windows of one row."""
    return ROWS if shape[1] == 1 else MNIST


def sized(distortion: Augment | Moved, shape: tuple[int, ...]) -> Augment | Moved:
    """A distortion that is written down for images of SIDES, for those of this shape, (C, H, W)."""
    _, H, W = shape
    return distortion.scaled((W if H == 1 else min(H, W)) / SIDES[kind_of(shape)])


def repeats(epochs: int, images: int, batch: int) -> int:
    """How often an epoch has to show each image for all epochs together to take STEPS steps."""
    steps = math.ceil(STEPS / epochs)  # of an epoch, and k·images / batch, rounded up, are as many
    return (steps - 1) * batch // images + 1


def seed_of(text: str) -> int:
    """A seed from the command line."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"found {text!r}, needed a whole number from 0 up")
    return int(text)


def add_set(parser: argparse.ArgumentParser) -> None:
    """The options that say which set."""
    parser.add_argument("--on", choices=(MNIST, ROWS), default=MNIST, help="digits1d: a minute on two cores")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files, for mnist")


def read(on: str, data: Path, seed: int) -> tuple[Dataset, Dataset]:
    """The training set and the test set; the digits of one row are others for each seed."""
    if on == ROWS:
        return digits1d(seed)
    given, test = mnist(data)
    training = bordered(given)
    if training is not given:
        before, after = ("×".join(map(str, x.images.shape[-2:])) for x in (given, training))
        print(f"images of {before}: zeros around make them {after}, as the networks need", flush=True)
    return training, bordered(test)


def bordered(dataset: Dataset) -> Dataset:
    """Images of which a side is shorter than SMALLEST, in the middle of larger ones; a row stays one row."""
    *others, H, W = dataset.images.shape
    short = [max(0, SMALLEST - side) if side > 1 else 0 for side in (H, W)]
    if not any(short):
        return dataset
    border = [(0, 0)] * len(others) + [(count // 2, count - count // 2) for count in short]
    return Dataset(np.pad(dataset.images, border), dataset.labels)


def write(folder: Path, training: Dataset, test: Dataset) -> None:
    """Two sets of bytes as a folder of four IDX files, (I1): what `mnist` reads, and --data is given."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("train", training), ("t10k", test)):
        for kind, array in (("images", part.images), ("labels", part.labels.astype(np.uint8))):
            header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            path = folder / f"{name}-{kind}-idx{array.ndim}-ubyte"
            write_atomically(path, [header, array.tobytes()])


def named(on: str) -> dict[str, str]:
    """What a run on this set has among its settings: nothing for MNIST, on which most are run."""
    return {} if on == MNIST else {"on": on}
