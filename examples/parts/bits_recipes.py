"""How `bits.py` trains, as it was chosen on validation images."""

from typing import NamedTuple
from zlib import crc32

from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset

STRONG = Augment(shift=2, rotation=15, scale=0.15, elastic=(20, 4))  # for the wide teacher
MEDIUM = Augment(shift=2, rotation=12, scale=0.1)  # for the float networks
LIGHT = Augment(shift=1, rotation=8, scale=0.06)  # for few bits
FLOAT_EPOCHS, SEPARABLE_EPOCHS = 15, 8


class Step(NamedTuple):
    """How to train for some bits.

    At two bits and one, labels count as much as the teacher does (soft = ½), and the teacher speaks at a
    low temperature: at a high one a small network spends itself on the tiny probabilities. There weights
    also drift out of the range in which they get a gradient, more than half of them in 40 epochs; decay
    holds them, and then long training pays.

    before  the step to start from, None: the float network
    """

    before: tuple[int, int] | None
    epochs: int
    lr: float
    soft: float
    temperature: float
    decay: float = 0.0


TERNARY = Step(None, 24, 6e-3, 0.5, 2.0, decay=0.2)
BINARY = Step(None, 45, 6e-3, 0.5, 2.0, decay=0.3)
STEPS = {  # by bits of weights and activations
    (8, 8): Step(None, 8, 4e-3, 0.7, 3.0),
    (4, 8): Step((8, 8), 10, 4e-3, 0.7, 3.0),
    (4, 4): Step(None, 10, 4e-3, 0.7, 3.0),
    (3, 8): Step((4, 8), 12, 4e-3, 0.7, 3.0),
    (2, 8): TERNARY,
    (1, 8): BINARY,
    (2, 4): TERNARY,
    (1, 4): BINARY,
}


def recipe(train: Dataset, quick: bool) -> str:
    """All that decides what the networks of a folder become, as text."""
    checksum = crc32(train.labels.tobytes(), crc32(train.images.tobytes()))
    images = f"{len(train)} images, CRC-32 with labels {checksum:08x}"
    return (
        f"{images}{', one epoch each' if quick else ''}"
        f"\nfloat: {FLOAT_EPOCHS} epochs, {MEDIUM}\nteacher: {FLOAT_EPOCHS} epochs, {STRONG}"
        f"\nseparable: {SEPARABLE_EPOCHS} epochs, {MEDIUM}\nqat: {LIGHT}"
        + "".join(f"\n  {bits}: {step}" for bits, step in STEPS.items())
        + "\n"
    )
