"""Codes to try a model on, the same on every machine; the turn from a file's layout to a program's."""

from hashlib import shake_128
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parent.parent / "data" / "tflite"
FILES = sorted(FOLDER.glob("*.tflite"))
Array = NDArray[Any]


def random(seed: str, *shape: int) -> Array:
    """int8 codes, all as likely; bytes of a hash, which no version of NumPy changes."""
    return np.frombuffer(shake_128(seed.encode()).digest(int(np.prod(shape))), np.int8).reshape(shape)


def inputs(seed: str, *shape: int) -> Array:
    """Eight examples of a shape, examples first: random, one end, random ends, smooth in every axis."""
    x = np.array(random(seed, 8, *shape))
    x[2], x[3] = -128, 127
    x[4] = np.where(x[4] < 0, -128, 127)
    for k, step in ((5, 1), (6, 3), (7, 40)):
        x[k] = np.sum(np.indices(shape), 0) * step % 256 - 128
    return x


def batch_last(tensor: Array) -> Array:
    """A tensor of a file, examples first, as a program has it: (d₃, d₁, d₂, N), (d₂, d₁, 1, N) or (d₁, N)."""
    if tensor.ndim == 3:
        tensor = tensor[:, :, None]
    return np.ascontiguousarray(tensor.transpose(3, 1, 2, 0) if tensor.ndim == 4 else tensor.T)
