"""Convolution, forward.

A convolution is a fully connected layer that looks through a window: each of its F outputs has a kernel
w[f] (C, kh, kw) and a bias b[f], and takes the same weighted sum at every place of the image. x̄ is the image
in a border of p zeros on each side; without one, pixels at the edge would be seen less often than others.

    y[f, oh, ow, n] = b[f] + Σ w[f, c, i, j] · x̄[c, oh·s + i, ow·s + j, n] over all c, i, j

The kernel is not turned, although a mathematician's convolution turns it. With the kernels as the rows of a
matrix (F, C·kh·kw) and what the windows see as the columns of another, all of it is

    y = w · im2col(x̄) + b

The columns of the product are (oh, ow, n), just as the axes of y: no number has to change its place.
"""

import numpy as np

from tinyzip.learn.earlier import im2col, window_count


def conv(x: np.ndarray, w: np.ndarray, b: np.ndarray, s: int = 1, p: int = 0) -> np.ndarray:
    """y (F, OH, OW, N), of x (C, H, W, N), w (F, C, kh, kw), b (F,), stride s and a border of p zeros."""
    F, C, kh, kw = w.shape
    padded = np.pad(x, ((0, 0), (p, p), (p, p), (0, 0)))
    C, H, W, N = padded.shape
    sums = w.reshape(F, C * kh * kw) @ im2col(padded, kh, kw, s)
    maps = sums.reshape(F, window_count(H, kh, s), window_count(W, kw, s), N)
    y: np.ndarray = maps + b[:, None, None, None]
    return y


if __name__ == "__main__":
    image = np.zeros((1, 5, 8, 1))
    image[0, :, 3:6] = 1
    edges = conv(image, np.array([[[[-1.0, 1.0]]]]), np.zeros(1))
    for name, picture in (("a bar", image), ("where it begins (+) and where it ends (-)", edges)):
        print(name, *("".join(".+-"[int(v)] for v in row) for row in picture[0, :, :, 0]), sep="\n")
