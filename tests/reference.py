"""The oracle: every operation once more, as loops over single numbers.

Nothing here is fast or clever, so that each function can be compared with its formula by eye. Arrays
are batch last, as in the library, and results are float64.
"""

from itertools import product

import numpy as np


def conv2d(x, w, b, stride, padding, groups):
    """y[f, oh, ow, n] = b[f] + Σ w[f, c, i, j] · x̄[f's group's channel c, oh·sh + i, ow·sw + j, n]"""
    _, H, W, N = x.shape
    F, CG, kh, kw = w.shape
    (top, bottom), (left, right) = padding
    OH = (H + top + bottom - kh) // stride[0] + 1
    OW = (W + left + right - kw) // stride[1] + 1
    y = np.zeros((F, OH, OW, N))
    for f, oh, ow, n in np.ndindex(y.shape):
        total = 0.0 if b is None else float(b[f])
        for c, i, j in np.ndindex(CG, kh, kw):
            h, v = oh * stride[0] + i - top, ow * stride[1] + j - left
            if 0 <= h < H and 0 <= v < W:
                total += float(w[f, c, i, j]) * float(x[f // (F // groups) * CG + c, h, v, n])
        y[f, oh, ow, n] = total
    return y


def pool2d(x, kernel, stride, padding, choose):
    """y[c, oh, ow, n] = choose(the list of ((i, j), value) of the window that lie inside the image)"""
    C, H, W, N = x.shape
    (top, bottom), (left, right) = padding
    OH = (H + top + bottom - kernel[0]) // stride[0] + 1
    OW = (W + left + right - kernel[1]) // stride[1] + 1
    y = np.zeros((C, OH, OW, N))
    for c, oh, ow, n in np.ndindex(y.shape):
        seen = []
        for i, j in product(range(kernel[0]), range(kernel[1])):
            h, v = oh * stride[0] + i - top, ow * stride[1] + j - left
            if 0 <= h < H and 0 <= v < W:
                seen.append(((i, j), float(x[c, h, v, n])))
        y[c, oh, ow, n] = choose(seen)
    return y


def max_pool2d(x, kernel, stride, padding):
    return pool2d(x, kernel, stride, padding, lambda seen: max(value for _, value in seen))


def max_pool2d_winners(x, kernel, stride, padding):
    """i·kw + j of the first of the largest, in row-major order."""

    def first_largest(seen):
        best = max(value for _, value in seen)
        i, j = next(place for place, value in seen if value == best)
        return i * kernel[1] + j

    return pool2d(x, kernel, stride, padding, first_largest)


def avg_pool2d(x, kernel, stride, padding):
    return pool2d(x, kernel, stride, padding, lambda seen: sum(value for _, value in seen) / len(seen))


def global_avg_pool(x):
    C, H, W, N = x.shape
    y = np.zeros((C, 1, 1, N))
    for c, n in np.ndindex(C, N):
        y[c, 0, 0, n] = sum(float(x[c, h, v, n]) for h, v in np.ndindex(H, W)) / (H * W)
    return y


def linear(x, w, b):
    C, N = x.shape
    y = np.zeros((w.shape[0], N))
    for f, n in np.ndindex(y.shape):
        y[f, n] = (0.0 if b is None else float(b[f])) + sum(float(w[f, c]) * float(x[c, n]) for c in range(C))
    return y


def relu(x):
    return np.array([max(float(value), 0.0) for value in x.ravel()]).reshape(x.shape)


def batch_statistics(x):
    """Mean and (biased) variance of each channel."""
    mean, var = [], []
    for channel in x:
        values = [float(value) for value in channel.ravel()]
        mean.append(sum(values) / len(values))
        var.append(sum((value - mean[-1]) ** 2 for value in values) / len(values))
    return np.array(mean), np.array(var)


def batch_norm(x, gamma, beta, mean, var, eps):
    y = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        c = place[0]
        y[place] = gamma[c] * (x[place] - mean[c]) / (var[c] + eps) ** 0.5 + beta[c]
    return y
