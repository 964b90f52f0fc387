"""Depth: images for a command: the first of a folder of IDX files, an array in a .npy file, or pictures.

    --data FOLDER             all images of the folder, and their labels
    --data FOLDER --images N  the first N
    --images FILE.npy         an array (N, H, W), (N, C, H, W) or (N, H, W, C); labels by --labels FILE.npy
    --images 3.png 7.png      pictures, for which Pillow is needed

Without any of them the folder is that of MNIST: where the sources are, it is found from everywhere.
"""

import struct
import zlib
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal

import numpy as np

from tinyzip.base.files import check_path
from tinyzip.base.kinds import ARRAY, START, kind_of
from tinyzip.base.refuse import refuse
from tinyzip.cli.npy import read_npy
from tinyzip.integer.codes import Array
from tinyzip.train.data import mnist

MNIST = Path("examples/data/mnist")
FORMATS = ("PNG", "JPEG", "BMP", "PPM")
BROKEN = (OSError, SyntaxError, EOFError, zlib.error, struct.error)  # what Pillow raises for a damaged file


@dataclass(frozen=True)
class Images:
    """What a command looks at.

    pixels  (N, C, H, W) or (N, H, W), uint8 or floats
    labels  (N,), or None where they are not known
    names   of the pictures, or None where images have no names
    """

    pixels: Array
    labels: Array | None = None
    names: Sequence[str] | None = None


def add_images(parser: ArgumentParser, count: int | None, part: str) -> None:
    """The options that say which images; where nothing says how many, the first `count` of the folder's."""
    some = "all" if count is None else f"{count}"
    parser.add_argument("--data", metavar="FOLDER", help="IDX files (MNIST)")
    default = None if count is None else [count]
    which = f"how many of the folder's {part} images ({some}), or files: one .npy, or pictures"
    parser.add_argument("--images", nargs="+", metavar="N|FILE", default=default, help=which)
    parser.add_argument("--labels", metavar="FILE", help=".npy with a class for each image of a .npy")
    unscaled = "bytes are the numbers 0 to 255; without it k is k/255"
    parser.add_argument("--unscaled", action="store_true", help=unscaled)


def read_images(
    options: Namespace, shape: tuple[int, ...], part: Literal["training", "test"] = "test"
) -> Images:
    """The images that the options name, for a program or network that takes examples of `shape`.

    raises  ValueError, naming the option or the file, for what is no image of that shape; OSError for a file
            that cannot be read; ImportError where Pillow is needed and missing
    """
    wanted = options.images
    counted = wanted is not None and len(wanted) == 1 and str(wanted[0]).lstrip("-").isdecimal()
    count = int(wanted[0]) if counted else None
    if wanted is None or count is not None:
        if count is not None and count < 1:
            refuse("--images", count, "1 or more")
        if options.labels is not None:
            refuse("--labels", options.labels, "no such option with --data, which has labels")
        data = mnist(folder_of(options.data))[0 if part == "training" else 1]
        if isinstance(count, int) and count > len(data) and isinstance(wanted[0], str):  # no default
            refuse("--images", f"{count}", f"{len(data)} at most, the folder's {part} images")
        found = Images(data.images[:count], data.labels[:count])
    elif options.data is not None:
        refuse("--images", wanted[0], "a number of images with --data, or no --data")
    elif len(wanted) == 1 and not is_picture(wanted[0]):
        found = Images(pixels_of(wanted[0], shape), labels_of(options.labels))
    else:
        if options.labels is not None:
            refuse("--labels", options.labels, "no such option with pictures")
        found = Images(np.stack([picture(path, shape) for path in wanted]), names=wanted)
    if found.labels is not None and len(found.labels) != len(found.pixels):
        refuse("--labels", f"{len(found.labels)} labels", f"{len(found.pixels)}, one for each image")
    if options.unscaled and found.pixels.dtype == np.uint8:
        return Images(found.pixels.astype(np.float32), found.labels, found.names)
    return found


def is_picture(path: str) -> bool:
    """Whether a file should be read as a picture: by its first bytes, it is no array."""
    check_path(path, "--images")
    with open(path, "rb") as file:
        start = file.read(START)
    return not start.startswith(ARRAY) and not path.endswith(".npy")


def folder_of(data: str | None) -> Path:
    """The folder that was given, or that of MNIST."""
    if data is not None:
        folder = Path(data)
        if not folder.is_dir():
            found = "a file" if folder.exists() else "no such folder"
            refuse(f"--data {data}", found, "a folder with the four IDX files of MNIST; or --images FILE.npy")
        return folder
    for folder in (MNIST, Path(__file__).parents[2] / MNIST):
        if folder.is_dir():
            return folder
    needed = "--data FOLDER with the four IDX files of MNIST, or --images FILE.npy"
    refuse("--data", f"nothing, and no {MNIST} here", needed)


def pixels_of(path: str, shape: tuple[int, ...]) -> Array:
    """The images in a .npy file, channels first."""
    array = read_npy(path)
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        refuse(path, f"dtype {array.dtype}", "bytes (uint8) or floats")
    found = array.shape
    if found[1:] == (*shape[1:], shape[0]) != shape:
        array = np.moveaxis(array, -1, 1)
    elif array.ndim == len(shape) == 3:
        array = array[:, None]
    if array.shape[1:] != shape or len(array) == 0:
        refuse(path, f"shape {found}", f"{('N', *shape)}, as the program reads")
    return np.array(array, array.dtype.newbyteorder("="))


def labels_of(path: str | None) -> Array | None:
    if path is None:
        return None
    labels = read_npy(path)
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        refuse(path, f"{labels.dtype} of shape {labels.shape}", "whole numbers of shape (N,)")
    return np.array(labels, np.int64)


def picture(path: str, shape: tuple[int, ...]) -> Array:
    """The bytes (C, H, W) of a picture: grey where one channel is wanted, else red, green, blue."""
    try:
        pillow = import_module("PIL.Image")
    except ImportError:
        refuse(path, "no package Pillow", "it: pip install 'tinyzip[pictures]'", ImportError)
    if len(shape) != 3 or shape[0] not in (1, 3):
        refuse(path, "a picture", f"an array: the program reads examples of shape {shape}")
    C, H, W = shape
    with open(path, "rb") as file:
        try:
            image = pillow.open(file, formats=FORMATS)
            if image.size != (W, H):
                refuse(path, f"{image.size[0]}×{image.size[1]} pixels", f"{W}×{H}, as the program reads")
            if image.mode not in ("1", "L", "LA", "P", "RGB", "RGBA"):
                refuse(path, f"pixels of mode {image.mode}", "8 bits a channel, grey or colour")
            if image.convert("RGBA").getchannel("A").getextrema()[0] < 255:
                refuse(path, "pixels that are transparent", "a picture on a ground of its own")
            pixels = np.array(image.convert("L" if C == 1 else "RGB"), np.uint8)
        except (*BROKEN, pillow.DecompressionBombError) as error:
            file.seek(0)
            found = kind_of(file.read(START))
            if "cannot identify" not in str(error):
                found += f" that cannot be read ({' '.join(str(error).split())})"
            refuse(path, found, f"a picture ({', '.join(FORMATS)}), or an array (.npy), as np.save writes it")
    return pixels.reshape(H, W, C).transpose(2, 0, 1)
