"""How `bits.py` trains, as it was chosen on validation images."""

from typing import NamedTuple
from zlib import crc32

from parts.sets import MNIST, ROWS, Moved

from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset
from tinyzip.train.loop import Augmentation


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


class Setting(NamedTuple):
    """How networks are trained on a set.

    floats     epochs of the float network and of its teacher
    separable  epochs of the separable network
    rates      the highest learning rates of these
    others     how images are distorted: for the wide teacher, the float networks, and few bits
    steps      by bits of weights and activations
    budgeted   methods by which a byte budget is spent; learned rounding takes most of a minute
    seeds      how many are usual
    """

    floats: int
    separable: int
    rates: tuple[float, float]
    batch: int
    others: tuple[Augmentation, Augmentation, Augmentation]
    steps: dict[tuple[int, int], Step]
    budgeted: tuple[str, ...]
    seeds: int


SETTINGS = {
    MNIST: Setting(
        15,
        8,
        (4e-3, 1e-2),
        128,
        (
            Augment(shift=2, rotation=15, scale=0.15, elastic=(20, 4)),
            Augment(shift=2, rotation=12, scale=0.1),
            Augment(shift=1, rotation=8, scale=0.06),
        ),
        STEPS,
        ("nearest, least squares", "+ AdaRound"),
        3,
    ),
    ROWS: Setting(
        20,
        12,
        (3e-2, 2e-2),
        64,
        (Moved(2), Moved(2), Moved(2)),
        {bits: step._replace(epochs=max(1, step.epochs // 8)) for bits, step in STEPS.items()},
        ("nearest, least squares",),
        4,
    ),
}


def recipe(train: Dataset, quick: bool, on: str) -> str:
    """All that decides what the networks of a folder become, as text."""
    told = SETTINGS[on]
    strong, medium, light = told.others
    checksum = crc32(train.labels.tobytes(), crc32(train.images.tobytes()))
    images = f"{len(train)} images, CRC-32 with labels {checksum:08x}"
    return (
        f"{images}{', one epoch each' if quick else ''}"
        f"\nfloat: {told.floats} epochs, {medium}\nteacher: {told.floats} epochs, {strong}"
        f"\nseparable: {told.separable} epochs, {medium}\nqat: {light}"
        + "".join(f"\n  {bits}: {step}" for bits, step in told.steps.items())
        + ("\n" if on == MNIST else f"\nup to {told.rates}, batches of {told.batch}\n")
    )
