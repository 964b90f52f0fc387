"""Images and labels: from files, and apart for training and validation.

The IDX format of the MNIST database (Y. LeCun, C. Cortes, C. J. C. Burges) is a header and then the numbers,
row-major, big endian:

    0  0  dtype  rank   size of axis 0   …   size of the last axis   numbers              (I1)
    1  1    1     1           4          …            4              bytes each

A header is a claim, and a file may be damaged, cut short or something else altogether. So nothing here
is allocated because a header says so: a plain file is measured first, and a gzipped one is unpacked chunk
by chunk and never further than one byte past what was declared. That byte tells whether a file is too
long; in a good file it is the end, where gzip compares its checksum.
"""

import gzip
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from tinyzip.base.refuse import is_masked, refuse, said, whole
from tinyzip.base.table import Shown, aligned
from tinyzip.nn.model import Model
from tinyzip.nn.ops.checks import Array
from tinyzip.train.images import check_images
from tinyzip.train.images import to_input as to_input

IDX_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
CHUNK = 1 << 20  # bytes read at a time


def read_idx(path: str | os.PathLike[str]) -> Array:
    """The array in an IDX file (I1), plain or gzipped: the content tells which, not the name.

    returns  any of uint8, int8, int16, int32, float32, float64 in native byte order, writable;
             rank 0 is one number, shape ()
    raises   FileNotFoundError for a missing file; ValueError, one line that names the file, for one
             that is damaged, too short, too long or not IDX. Whatever its header states, no more memory is
             taken than 4 times what is in the file, which gzip makes at most 1,032 times as long, and 4 MB
    """
    if not isinstance(path, str | os.PathLike):
        refuse("read_idx: path", type(path).__name__, "a path", TypeError)
    path = Path(path)
    if not path.exists():
        refuse(str(path), "no such file", "an IDX file, plain or gzipped", FileNotFoundError)
    if not path.is_file():
        refuse(str(path), "a directory" if path.is_dir() else "a device", "an IDX file, plain or gzipped")
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if not zipped:
                return _parse(file, path, path.stat().st_size)
            with gzip.GzipFile(fileobj=file) as stream:
                return _parse(stream, path, None)
    except (EOFError, zlib.error, OSError) as error:
        found = f"unreadable content ({error})".replace("\n", " ")
        refuse(str(path), found, "an IDX file, plain or gzipped, that is whole")


def _parse(stream: BinaryIO | gzip.GzipFile, path: Path, size: int | None) -> Array:
    """The array in a stream; `size` is what it holds in bytes, None where only reading can tell."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_DTYPES:
        first = f"the first bytes {magic.hex(' ')}" if magic else "an empty file"
        refuse(str(path), first, "an IDX header: 00 00, a dtype of 08 09 0b 0c 0d 0e, a rank")
    dtype = np.dtype(IDX_DTYPES[magic[2]])
    rank = magic[3]
    header = stream.read(4 * rank)
    if len(header) < 4 * rank:
        refuse(str(path), f"{4 + len(header)} bytes", f"a header of {4 + 4 * rank} bytes, for {rank} axes")
    shape = tuple(int(length) for length in np.frombuffer(header, ">u4"))
    declared = math.prod(shape) * dtype.itemsize
    whole = 4 + 4 * rank + declared
    needed = f"{whole} bytes, for {dtype.name} of shape {shape}"
    if size is not None and size != whole:
        refuse(str(path), f"{size} bytes", needed)
    content = bytearray()
    while chunk := stream.read(min(CHUNK, declared + 1 - len(content))):
        content += chunk
    if len(content) != declared:
        found = "more" if len(content) > declared else f"{4 + 4 * rank + len(content)} bytes"
        refuse(str(path), found, needed)
    try:
        numbers = np.frombuffer(content, dtype).reshape(shape)
    except ValueError as error:  # more axes than NumPy has, or an empty array with sizes beyond its reach
        refuse(str(path), f"shape {shape} ({error})", "a shape that a NumPy array can have")
    return numbers.astype(dtype.newbyteorder("="), copy=False)


@dataclass(frozen=True, eq=False, repr=False)
class Dataset(Shown):
    """Images and the class of each.

    images  (N, H, W) or (N, C, H, W), uint8 0 … 255, or floats, finite, as the network is to see them
    labels  (N,) int64, 0 and up
    raises  ValueError or TypeError when the two do not fit together, or are empty or out of range
    """

    images: Array
    labels: Array

    def __post_init__(self) -> None:
        check_images(self.images, "Dataset: images")
        if np.issubdtype(self.images.dtype, np.floating) and not np.isfinite(self.images).all():
            refuse("Dataset: images", "NaN or infinite pixels", "finite ones")
        labels = self.labels
        check_labels(labels, self.images, "Dataset: labels")
        if labels.min() < 0 or labels.max() > np.iinfo(np.int64).max:
            refuse("Dataset: labels", f"{labels.min()} … {labels.max()}", "classes from 0 up, in int64")
        object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | Array) -> "Dataset":
        """Some of the examples: dataset[:100], or dataset[places] for an array of places."""
        if not isinstance(index, slice | np.ndarray):
            needed = "a slice or an array of places; one image is dataset.images[…]"
            refuse("Dataset: []", said(index), needed, TypeError)
        return Dataset(self.images[index], self.labels[index])

    def brief(self) -> str:
        shape = " x ".join(map(str, self.images.shape[1:]))
        return f"{len(self):,} images, {shape}, {self.images.dtype}, {self.classes} classes"

    def __str__(self) -> str:
        counts = np.bincount(self.labels)
        return aligned([("class", "images"), *((f"{k}", f"{count:,}") for k, count in enumerate(counts))])

    @property
    def classes(self) -> int:
        """The highest label and one: how many classes a network for this data needs."""
        return int(self.labels.max()) + 1


def mnist(folder: str | os.PathLike[str]) -> tuple[Dataset, Dataset]:
    """(training, test) of the MNIST database, or of any data laid out in four files like it.

    folder   holds train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
             t10k-labels-idx1-ubyte, also written with a dot before `idx`, plain or with .gz. Images of any
             size and number, also (N, C, H, W) as `idx4`; any number of classes
    raises   FileNotFoundError for a missing folder or file; ValueError, one line that names the file, for
             a damaged or foreign one, and where images and labels, or training and test, do not fit
    """
    if not isinstance(folder, str | os.PathLike):
        refuse("mnist: folder", type(folder).__name__, "a path", TypeError)
    folder = Path(folder)
    if not folder.exists():
        refuse(str(folder), "no such folder", "a folder with four IDX files", FileNotFoundError)
    if not folder.is_dir():
        refuse(str(folder), "a file", "a folder with four IDX files")
    training, test = _part(folder, "train"), _part(folder, "t10k")
    if training.images.shape[1:] != test.images.shape[1:]:
        found = f"test images of shape {test.images.shape[1:]}"
        refuse(str(_find(folder, "t10k-images")), found, f"{training.images.shape[1:]}, as in training")
    return training, test


def _part(folder: Path, name: str) -> Dataset:
    image_path, label_path = _find(folder, f"{name}-images"), _find(folder, f"{name}-labels")
    images, labels = read_idx(image_path), read_idx(label_path)
    if images.dtype != np.uint8 or images.ndim not in (3, 4) or images.size == 0:
        found = f"{images.dtype} of shape {images.shape}"
        refuse(str(image_path), found, "images: uint8 of shape (N, H, W) or (N, C, H, W), none of them 0")
    if labels.dtype != np.uint8 or labels.shape != (len(images),):
        found = f"{labels.dtype} of shape {labels.shape}"
        refuse(str(label_path), found, f"a label for each image: uint8 of shape ({len(images)},)")
    return Dataset(images, labels)


def _find(folder: Path, name: str) -> Path:
    """The file of that name in any of its spellings; a plain file before a gzipped one."""
    ranks = "34" if name.endswith("images") else "1"
    spellings = [f"{name}{mark}idx{rank}-ubyte" for rank in ranks for mark in "-."]
    paths = [folder / (spelling + ending) for ending in ("", ".gz") for spelling in spellings]
    there = [path for path in paths if path.exists()]
    for path in there:
        if path.is_file():  # some archives unpack to folders of the same names beside the files
            return path
    return there[0] if there else paths[0]


def split(dataset: Dataset, count: int, rng: np.random.Generator) -> tuple[Dataset, Dataset]:
    """(training, validation): `count` examples drawn for validation, without replacement, and the rest.

    count  1 … len(dataset) − 1
    """
    if not isinstance(rng, np.random.Generator):
        refuse("split: rng", type(rng).__name__, "a numpy.random.Generator", TypeError)
    if not isinstance(dataset, Dataset):
        refuse("split: dataset", type(dataset).__name__, "a Dataset", TypeError)
    whole(count, "split: count", 1, len(dataset) - 1)
    order = rng.permutation(len(dataset))
    held, kept = np.sort(order[:count]), np.sort(order[count:])
    return dataset[kept], dataset[held]


def check_shape(model: Model, images: Array, argument: str) -> None:
    """Refuse what are no images of the shape that the model sees, with what to write instead."""
    check_images(images, argument)
    shape = images.shape[1:] if images.ndim == 4 else (1, *images.shape[1:])
    if shape != model.shape:
        refuse(argument, f"examples of shape {shape}", f"{model.shape}{turned(images, model.shape)}")


def turned(images: Array, shape: tuple[int, ...]) -> str:
    """How to turn images into examples of `shape`, where their axes look like those in another order."""
    if images.ndim == 4 and images.shape[:3] == shape:
        hint = ", the examples first: np.moveaxis(images, -1, 0)"
        return f"{hint} if they are last, images[0] if not" if (1, *images.shape[2:]) == shape else hint
    if images.ndim == 4 and len(images) == 1 and (1, *images.shape[2:]) == shape:
        return ", the examples first: images[0]"
    if images.ndim == 4 and (images.shape[3], *images.shape[1:3]) == shape:
        return ", the channels first: np.moveaxis(images, -1, 1)"
    if images.shape == shape:
        return ", of N examples: images[None]"
    return ""


def check_labels(labels: Array, images: Array, argument: str) -> None:
    """Refuse what is not one whole number for each image, with what to write instead."""
    if is_masked(labels):
        refuse(argument, "a masked array", "a full one: labels[~labels.mask]", TypeError)
    if not isinstance(labels, np.ndarray) or not np.issubdtype(labels.dtype, np.integer):
        found = labels.dtype if isinstance(labels, np.ndarray) else said(labels)
        hint = ": labels.argmax(1)" if getattr(labels, "ndim", 1) == 2 else ""
        hint = ": np.asarray(labels)" if not isinstance(labels, np.ndarray) else hint
        refuse(argument, found, f"an array of whole numbers, one class an image{hint}", TypeError)
    if labels.shape != (len(images),):
        one_hot = labels.ndim == 2 and labels.shape[1] > 1
        hint = ": labels.argmax(1)" if one_hot else ": labels[:, 0]" if labels.ndim == 2 else ""
        refuse(argument, f"shape {labels.shape}", f"({len(images)},), one for each image{hint}")
