"""Images as a network takes them.

Data sets keep the order that everybody uses, image first: (N, H, W) or (N, C, H, W), and often they hold
bytes. Networks take floats, the batch last, and `to_input` is the door between the two.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import is_masked, refuse, said


def check_images(images: NDArray[Any], argument: str) -> None:
    """Refuse what is not at least one image (N, H, W) or (N, C, H, W) of uint8 or floats."""
    if not isinstance(images, np.ndarray):
        needed = "an array"
        if hasattr(images, "images") and hasattr(images, "labels"):
            needed += ": dataset.images, and dataset.labels for the labels"
        elif hasattr(images, "__array__"):
            needed += " of NumPy: np.asarray(images)"
        refuse(argument, said(images), needed, TypeError)
    if is_masked(images):
        refuse(argument, "a masked array", "a full one: images.filled(0)", TypeError)
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        refuse(argument, images.dtype, "uint8 or floats", TypeError)
    if images.ndim not in (3, 4) or images.size == 0:
        refuse(argument, f"shape {images.shape}", "(N, H, W) or (N, C, H, W), none of them 0")


def to_input(images: NDArray[Any]) -> NDArray[np.float32]:
    """Images as a network sees them: batch last, float32; bytes become k/255, rounded once, floats stay.

    images   (N, H, W) or (N, C, H, W), uint8 or floats
    returns  (C, H, W, N) float32; C = 1 where the images have no channels
    """
    check_images(images, "to_input: images")
    if images.ndim == 3:
        images = images[:, None]
    x = np.array(np.moveaxis(images, 0, -1), np.float32, order="C")
    return x / np.float32(255) if images.dtype == np.uint8 else x
