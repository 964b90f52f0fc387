"""The models that the reader is held to, and the codes that go in; LiteRT's answers are recorded.

The same on every machine. `recorded.json` holds, for each model the CRC-32 of every tensor that an operator
of LiteRT's reference kernels writes for these codes, in the file's layout, examples first; and that of the
output of its default kernels. `keras.zip` holds random networks of Keras, from `record_keras.py`.
"""

import json
import zipfile
from collections.abc import Callable
from hashlib import shake_128
from pathlib import Path
from typing import Any

import numpy as np
from drawn_models import drawn_model, halves_model, single_model
from numpy.typing import NDArray
from whole_models import WHOLE

Array = NDArray[Any]
FOLDER = Path(__file__).parents[2] / "data" / "tflite"
RECORDED = FOLDER / "recorded.json"
FILES = {path.stem: path.read_bytes for path in sorted(FOLDER.glob("*.tflite"))}
DRAWN: dict[str, Callable[[], bytes]] = {
    f"drawn{k}": lambda k=k: drawn_model(f"recorded {k}") for k in range(60)
}
DRAWN |= {
    f"{kind}{k}": lambda kind=kind, k=k: single_model(kind, f"recorded {kind} {k}")
    for kind, count in {"elementwise": 30, "add": 10, "mul": 6}.items()
    for k in range(count)
}
DRAWN |= {f"halves{k}": lambda k=k: halves_model(f"recorded {k}") for k in range(6)}
KERAS = zipfile.ZipFile(FOLDER / "keras.zip")
DRAWN |= {Path(name).stem: lambda name=name: KERAS.read(name) for name in KERAS.namelist()}
MODELS: dict[str, Callable[[], bytes]] = FILES | WHOLE | DRAWN


def recorded() -> dict[str, Any]:
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def inputs(seed: str, *shape: int) -> Array:
    """Eight examples of int8 codes: random, one end, the other, random ends, smooth in every axis."""
    x = np.frombuffer(shake_128(seed.encode()).digest(8 * int(np.prod(shape))), np.int8)
    x = np.array(x.reshape(8, *shape))
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


def examples_first(output: Array, shape: tuple[int, ...]) -> Array:
    """What an operator of a program writes as the file has it, in the tensor's shape but for the batch."""
    turned = output.transpose(3, 1, 2, 0) if output.ndim == 4 else output.T
    return np.ascontiguousarray(turned).reshape(len(turned), *shape[1:])
