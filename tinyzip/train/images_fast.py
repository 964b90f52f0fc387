"""Depth: `images.to_input` in memory that is there already, with the same bits."""

import numpy as np
from numpy.typing import NDArray

from tinyzip.machine.workspace import Workspace
from tinyzip.nn.ops.checks import Array
from tinyzip.train.images import check_images


def into_workspace(images: Array, workspace: Workspace) -> NDArray[np.float32]:
    """`to_input`, in the workspace: bytes are turned before they become floats, of which there are fewer."""
    check_images(images, "to_input: images")
    if images.ndim == 3:
        images = images[:, None]
    turned = np.moveaxis(images, 0, -1)
    x = workspace.empty(turned.shape, np.float32)
    with workspace.scratch():
        near = workspace.empty(turned.shape, images.dtype)
        near[...] = turned
        x[...] = near
    if images.dtype == np.uint8:
        x /= np.float32(255)
    return x
