"""The range of the numbers that a network has seen, and of those that it is asked with.

A network that was trained on bytes has seen k/255, numbers from 0 to 1. Asked with floats from 0 to 255 it
answers all the same, and nonsense. So a trained network remembers its range, in `Sequential.input_range`, and
with it do its copies, its files and what it is quantized to. With R the largest magnitude in that range, and
r that of the images, as the network reads them,

R/10 ≤ r ≤ 10·R                                                                             (PX1)

is asked of all images. Data sets of one kind keep it; the usual mistakes, 1 for 255, 16 for 1, 100 for 1, do
not. Images that are too large are refused: no photograph is ten times as bright as all others. Images that
are too small may be dark, so they are only warned of. So is another sign: numbers below −R/10 where training
had none below 0, and none below 0 where it had such, which is what x/127.5 − 1 for x/255 comes to. A network
that nobody has trained expects R = 1, for its first weights are drawn for numbers of that size.

A page with black ink on white has the range of one with white ink on black. So the mean m over all pixels is
remembered, too, and images of mean μ, of more than one row, are warned of that would fit turned round, as
low + high − x, only:

|μ − m| > (high − low)/4   and   |low + high − μ − m| < |μ − m|/3                              (PX2)

A program remembers no mean; for it m is 0, black ground, where its range begins there.

What a range would not show is looked for in the images themselves: all pixels equal, and bytes that were
divided before they were bytes.
"""

import numpy as np

from tinyzip.base.refuse import refuse, warn
from tinyzip.nn.model import AnyModel, Ranged
from tinyzip.nn.ops.checks import Array

Range = tuple[float, float]
FACTOR = 10  # of (PX1)
SOME = 256  # images whose mean is taken
DARK = 32  # bytes that stay below are none that begin at black and end at white


def range_of(images: Array) -> Range:
    """The smallest and the largest number in images, as a network reads them: bytes k are k/255."""
    low, high = float(images.min()), float(images.max())
    return (low / 255, high / 255) if images.dtype == np.uint8 else (low, high)


def mean_of(images: Array) -> float:
    """The mean number in images, as a network reads them; of many, in `SOME` from first to last."""
    some = images[:: max(1, len(images) // SOME)]
    return float(some.mean(dtype=np.float64)) / (255 if images.dtype == np.uint8 else 1)


def check_range(images: Array, seen: Range | None, argument: str, mean: float | None = None) -> Range:
    """The range of images; refuses or warns of one that fails (PX1) or (PX2), or images that show nothing.

    seen     the range that the network was trained on; None where nobody knows, and then bytes below `DARK`
             are warned of
    mean     m of (PX2), None where nobody knows
    returns  (low, high) of these images
    raises   ValueError for numbers more than ten times as large as those seen
    """
    low, high = found = range_of(images)
    if seen is not None:
        needed = f"numbers like those seen in training, {seen[0]:.3g} to {seen[1]:.3g}"
        if reach(found) > FACTOR * reach(seen):
            refuse(argument, in_words(images), needed)
        least = -reach(seen) / FACTOR
        signs = (low < least and seen[0] >= 0) or (seen[0] < least and low >= 0)
        if reach(found) * FACTOR < reach(seen) or signs:
            warn(argument, in_words(images), needed)
        elif mean is not None and low < high and images.ndim > 2 and images.shape[-2] > 1:
            own, both = mean_of(images), sum(seen)
            if abs(own - mean) > max((seen[1] - seen[0]) / 4, 3 * abs(both - own - mean)):
                needed = f"about {mean:.2g}, as in training" if mean else "a dark ground, as in most training"
                turned = f"of {both:.3g} − x it is {both - own:.2g}"
                warn(argument, f"images of mean {own:.2g}", f"{needed}; {turned}")
    elif low == high:
        warn(argument, f"nothing but {images.flat[0]:g}", "images that show something")
    elif images.dtype != np.uint8 and not 1 / FACTOR <= reach(found) <= FACTOR:
        warn(argument, in_words(images), "bytes (uint8), or numbers about 1: images / 255, as bytes are read")
    elif images.dtype == np.uint8 and high < DARK / 255:
        warn(argument, in_words(images), "bytes up to 255, which is 1; or floats: images.astype(np.float32)")
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
        check_range(images, seen, argument, getattr(model, "input_mean", None))


def check_validation(images: Array, seen: Range) -> None:
    """`check_range` for images that should be of one kind with those that are trained on, and closer."""
    found, R = check_range(images, seen, "fit: validation"), reach(seen)
    signs_agree = (found[0] < -R / FACTOR) == (seen[0] < -R / FACTOR)
    if signs_agree and (R / FACTOR <= reach(found) < R / 2 or reach(found) > 1.5 * R):
        needed = f"a range near that of the images, {seen[0]:.3g} to {seen[1]:.3g}"
        warn("fit: validation", in_words(images), needed)


def range_seen_by(model: object) -> Range | None:
    """What a model remembers; None where it does not."""
    return getattr(model, "input_range", None)


def remembering(model: AnyModel, seen: Range, mean: float) -> AnyModel:
    """The model that remembers this range and mean; as it is where it cannot."""
    if not isinstance(model, Ranged):
        return model
    return model.with_input_range(seen, mean)


def reach(seen: Range) -> float:
    """The largest magnitude in a range."""
    return max(-seen[0], seen[1], 0.0)
