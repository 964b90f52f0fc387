"""The gradient of a convolution by its image.

The last of the three takes two steps back. The patches are what the fully connected layer in the middle was
given, so they get wᵀ · dy; and patches are pixels in several places, so each pixel gets the sum over these:

    dx̄ = col2im(wᵀ · dy)

x̄ is the image with its border. The border was zeros whatever the image was, so what comes back to it is of
no use to anybody and is cut off:

    dx = dx̄[:, p : p + H, p : p + W]

Written out, this is again a convolution, of dy in a wide border with the kernels turned. Here they are turned
by nobody: col2im puts each number back where im2col found it.
"""

import numpy as np

from tinyzip.learn.earlier import col2im


def conv_dx(dy: np.ndarray, w: np.ndarray, shape: tuple[int, ...], s: int = 1, p: int = 0) -> np.ndarray:
    """dx of `shape` (C, H, W, N), from dy (F, OH, OW, N) and w (F, C, kh, kw) of `conv`."""
    C, H, W, N = shape
    F, C, kh, kw = w.shape
    dpatches = w.reshape(F, -1).T @ dy.reshape(F, -1)
    padded: np.ndarray = col2im(dpatches, (C, H + 2 * p, W + 2 * p, N), kh, kw, s)
    return padded[:, p : p + H, p : p + W]


if __name__ == "__main__":
    dy = np.zeros((1, 5, 5, 1))
    dy[0, 2, 2] = 1
    kernel = np.arange(1.0, 10.0).reshape(1, 1, 3, 3)
    print("a 1 that comes back to one place leaves the kernel around it:")
    print(conv_dx(dy, kernel, (1, 5, 5, 1), 1, 1)[0, :, :, 0])
