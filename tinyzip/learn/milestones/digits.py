"""Depth: the digits that come along: validation images of MNIST, and the files that were made to read them.

There are 2,000 validation images, those that `split` sets apart of the training file with seed 1: the files
that come along were not trained on them. 1,000 of these images are in the package; where the four files of
MNIST are at hand, all 2,000 are read. Test images are not among them.
"""

from importlib.resources import files
from pathlib import Path

import numpy as np

from tinyzip.train.data import Dataset, mnist, split

COUNT, SEED = 2000, 1
DATA = files("tinyzip.learn") / "data"


def validation(folder: Path | None) -> Dataset:
    """The 2,000 validation images of the MNIST files in a folder; without one, the 1,000 that come along."""
    if folder is not None:
        return split(mnist(folder)[0], COUNT, np.random.default_rng(SEED))[1]
    with (DATA / "digits.npz").open("rb") as file, np.load(file) as arrays:
        return Dataset(arrays["images"], arrays["labels"].astype(np.int64))


def committed() -> dict[str, bytes]:
    """The .tz files that come along, by name."""
    return {
        path.name: path.read_bytes()
        for path in sorted(DATA.iterdir(), key=lambda path: path.name)
        if path.name.endswith(".tz")
    }
