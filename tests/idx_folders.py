"""IDX files, and folders of them laid out like MNIST, to be read by what is tested."""

import gzip
import struct
from pathlib import Path

import numpy as np

from tinyzip.train.data import IDX_DTYPES

CODES = {np.dtype(name).newbyteorder("="): code for code, name in IDX_DTYPES.items()}


def idx_bytes(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, CODES[array.dtype], array.ndim, *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def write_folder(folder: Path, *, mark="-", zipped=False, shape=(5, 3), channels=(), classes=3) -> dict:
    """A small data set in four files; what they hold comes back, by name."""
    rng = np.random.default_rng(5)
    folder.mkdir(exist_ok=True)
    files = {}
    for part, N in (("train", 12), ("t10k", 7)):
        files[f"{part}-images"] = rng.integers(0, 256, (N, *channels, *shape), dtype=np.uint8)
        files[f"{part}-labels"] = (np.arange(N) % classes).astype(np.uint8)
    for name, array in files.items():
        content = idx_bytes(array)
        path = folder / f"{name}{mark}idx{array.ndim}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(content) if zipped else content)
    return files
