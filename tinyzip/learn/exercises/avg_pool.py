"""Average pooling at the border.

Instead of its largest number a window may give its mean. Inside of an image that is a sum ÷ k². At the
border it has to be said what is meant: with p zeros around the image, a window at the edge sees some of them.
If they were counted, the edge of every picture would become darker. Here only pixels count:

    y[c, oh, ow, n] = (Σ x over the pixels that window (oh, ow) sees) / count[oh, ow]

where count is how many these are. Zeros add nothing to the sum, so the padded image serves for it; and the
count is the same sum of an image of ones. Backward, each pixel of a window had the share 1 / count in its y:

    dx = Σ dy[oh, ow] / count[oh, ow] over all windows (oh, ow) that see the pixel

Libraries differ here, and numbers at the edge are where one notices.
"""

import numpy as np

from tinyzip.learn.earlier import col2im, im2col, window_count


def avg_pool(x: np.ndarray, k: int, s: int, p: int = 0) -> np.ndarray:
    """y (C, OH, OW, N) of x (C, H, W, N), with p < k zeros on each side, which are not counted."""
    C, H, W, N = x.shape
    border = (0, 0), (p, p), (p, p), (0, 0)
    total = im2col(np.pad(x, border), k, k, s).reshape(C, k * k, -1).sum(axis=1)
    count = im2col(np.pad(np.ones((1, H, W, N)), border), k, k, s).sum(axis=0)
    OH, OW = window_count(H, k, s, p, p), window_count(W, k, s, p, p)
    y: np.ndarray = (total / count).reshape(C, OH, OW, N)
    return y


def avg_pool_backward(dy: np.ndarray, shape: tuple[int, ...], k: int, s: int, p: int = 0) -> np.ndarray:
    """dx of `shape` (C, H, W, N), from dy (C, OH, OW, N)."""
    C, H, W, N = shape
    count = im2col(np.pad(np.ones((1, H, W, N)), ((0, 0), (p, p), (p, p), (0, 0))), k, k, s).sum(axis=0)
    share = dy.reshape(C, 1, -1) / count
    shares = np.repeat(share, k * k, axis=1).reshape(-1, share.shape[-1])
    padded: np.ndarray = col2im(shares, (C, H + 2 * p, W + 2 * p, N), k, k, s)
    return padded[:, p : p + H, p : p + W]


if __name__ == "__main__":
    flat = np.full((1, 5, 5, 1), 7.0)
    print("an image that is 7 everywhere stays 7, at the border, too:")
    print(avg_pool(flat, 3, 2, 1)[0, :, :, 0])
    print("how much each pixel counts in all means together:")
    print(avg_pool_backward(np.ones((1, 3, 3, 1)), (1, 5, 5, 1), 3, 2, 1)[0, :, :, 0].round(2))
