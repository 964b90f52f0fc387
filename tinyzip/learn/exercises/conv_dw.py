"""The gradients of a convolution by its kernels and by its biases.

With the patches as a matrix, a convolution is a fully connected layer: y = w · patches + b, where a column is
a window and no longer an example. So its gradients are those of a fully connected layer:

    dw = dy · patchesᵀ        db = Σ dy over all places and examples

dw[f, c, i, j] adds up dy times the pixel that stood at (i, j), over every window of every example: one weight
was used OH·OW·N times. No mean is taken, neither over windows nor over examples.

On the forward pass the patches were computed already. Whether they are kept or, as here, computed again is a
choice between memory and time: in steps of 1 they are about kh·kw times as large as the image.
"""

import numpy as np

from tinyzip.learn.earlier import im2col


def conv_dw(
    dy: np.ndarray, x: np.ndarray, kh: int, kw: int, s: int = 1, p: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """dw (F, C, kh, kw) and db (F,), from dy (F, OH, OW, N) and the image x (C, H, W, N) of `conv`."""
    patches = im2col(np.pad(x, ((0, 0), (p, p), (p, p), (0, 0))), kh, kw, s)
    dw = dy.reshape(len(dy), -1) @ patches.T
    return dw.reshape(len(dy), len(x), kh, kw), dy.sum(axis=(1, 2, 3))


if __name__ == "__main__":
    image = np.arange(16.0).reshape(1, 4, 4, 1)
    dw, db = conv_dw(np.ones((1, 3, 3, 1)), image, 2, 2)
    print("each weight meets nine pixels; where dy is 1, dw is their sum:", dw[0, 0], sep="\n")
    print("and the bias is used nine times: db =", db[0])
