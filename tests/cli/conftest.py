"""A program that commands are tried on."""

from pathlib import Path

import numpy as np
import pytest

from tinyzip.archive import write
from tinyzip.integer import Argmax, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program


@pytest.fixture
def net(tmp_path: Path) -> Path:
    """A small program that reads the digits, its blocks named."""
    rng = np.random.default_rng(2)
    program = Program(
        (
            Conv2d(
                rng.integers(-127, 128, (4, 1, 5, 5)),
                None,
                2**30,
                42,
                Codes(0, 255, 0, (1, 6)),
                stride=2,
                name="conv",
            ),
            MaxPool2d(2),
            Flatten(),
            Linear(
                rng.integers(-127, 128, (10, 144)), None, 2**30, 42, Codes(-128, 127, 0, (1, 4)), name="head"
            ),
            Argmax(),
        ),
        (1, 28, 28),
        Codes(0, 255, 0, (1, 8)),
    )
    write(program, tmp_path / "net.tz")
    return tmp_path / "net.tz"
