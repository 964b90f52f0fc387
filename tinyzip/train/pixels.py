"""The range of the numbers that a network has seen, and of those that it is asked with.

A network that was trained on bytes has seen k/255, numbers from 0 to 1. Asked with floats from 0 to 255 it
answers all the same, and nonsense. So a trained network remembers its range, in `Sequential.input_range`, and
with it do its copies, its files and what it is quantized to. With R the largest magnitude in that range, and
r that of the images, as the network reads them,

R/10 ≤ r ≤ 10·R                                                                             (PX1)

is asked of all images. Data sets of one kind keep it; the usual mistakes, 1 for 255, 16 for 1, 100 for 1, do
not. Images that are too large are refused: no photograph is ten times as bright as all others. Images that
are too small may be dark, so they are only warned of.

What a range would not show is looked for in the images themselves: all pixels equal, and bytes that were
divided before they were bytes.
"""

import numpy as np

from tinyzip.base.refuse import refuse, warn
from tinyzip.nn.model import AnyModel, Ranged
from tinyzip.nn.ops.checks import Array

Range = tuple[float, float]
FACTOR = 10  # of (PX1)
DARK = 32  # bytes that stay below are none that begin at black and end at white


def range_of(images: Array) -> Range:
    """The smallest and the largest number in images, as a network reads them: bytes k are k/255."""
    low, high = float(images.min()), float(images.max())
    return (low / 255, high / 255) if images.dtype == np.uint8 else (low, high)


def check_range(images: Array, seen: Range | None, argument: str) -> Range:
    """The range of images; refuses or warns of one that fails (PX1), or images that show nothing.

    seen     the range that the network was trained on; None where nobody knows, and then bytes below `DARK`
             are warned of
    returns  (low, high) of these images
    raises   ValueError for numbers more than ten times as large as those seen
    """
    low, high = found = range_of(images)
    if seen is not None:
        needed = f"numbers like those seen in training, {seen[0]:.3g} to {seen[1]:.3g}"
        if reach(found) > FACTOR * reach(seen):
            refuse(argument, in_words(images), needed)
        if reach(found) * FACTOR < reach(seen):
            warn(argument, in_words(images), needed)
    elif low == high:
        warn(argument, f"nothing but {images.flat[0]:g}", "images that show something")
    elif images.dtype == np.uint8 and high < DARK / 255:
        needed = "bytes up to 255, which is 1; or floats: images.astype(np.float32)"
        warn(argument, in_words(images), needed)
    return found


def in_words(images: Array) -> str:
    """The range of images as an error says it."""
    words = f"{images.dtype} from {images.min():g} to {images.max():g}"
    low, high = range_of(images)
    return f"{words}, which mean {low:.3g} to {high:.3g}" if images.dtype == np.uint8 else words


def check_model_range(model: object, images: Array, argument: str) -> None:
    """`check_range` with the range that a model remembers, if it does; for images that are to be answered."""
    seen = range_seen_by(model)
    if seen is not None:
        check_range(images, seen, argument)


def range_seen_by(model: object) -> Range | None:
    """What a model remembers; None where it does not."""
    return getattr(model, "input_range", None)


def remembering(model: AnyModel, seen: Range) -> AnyModel:
    """The model that remembers this range; as it is where it cannot."""
    if not isinstance(model, Ranged):
        return model
    return model.with_input_range(seen)


def reach(seen: Range) -> float:
    """The largest magnitude in a range."""
    return max(-seen[0], seen[1], 0.0)
