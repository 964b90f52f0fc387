"""Batch normalisation, forward.

A layer learns best if what it is given stays of one size, while the layers before it change all the time. So
each channel is made to have mean 0 and variance 1, over all M = H·W·N numbers that it has in this batch, and
then gets a scale γ and an offset β of its own, which are learned [Ioffe and Szegedy 2015]:

    μ = mean x        σ² = mean (x − μ)²        x̂ = (x − μ) / √(σ² + ε)        y = γ x̂ + β

ε = 10⁻⁵ keeps a channel that is constant from a division by 0. Backward will need x̂ and √(σ² + ε), so they
are handed back beside y.

When the network is used, an answer must not depend on which images are asked about together. Then μ and σ²
are those that training has kept, and all of it is one scale and one offset a channel.
"""

import numpy as np


def batch_norm(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, eps: float = 1e-5
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """y and x̂ (C, H, W, N), √(σ² + ε) (C,), of x (C, H, W, N), γ and β (C,): in training."""
    mean, var = x.mean(axis=(1, 2, 3)), x.var(axis=(1, 2, 3))
    deviation = np.sqrt(var + eps)
    x_hat = (x - mean[:, None, None, None]) / deviation[:, None, None, None]
    return gamma[:, None, None, None] * x_hat + beta[:, None, None, None], x_hat, deviation


def batch_norm_kept(
    x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float = 1e-5
) -> np.ndarray:
    """y (C, H, W, N), with μ and σ² (C,) that training has kept: in use."""
    scale = gamma / np.sqrt(var + eps)
    y: np.ndarray = scale[:, None, None, None] * x + (beta - scale * mean)[:, None, None, None]
    return y


if __name__ == "__main__":
    x = np.random.default_rng(0).normal([[[[5.0]]], [[[-1.0]]]], [[[[10.0]]], [[[0.1]]]], (2, 4, 4, 8))
    y, _, deviation = batch_norm(x, np.ones(2), np.zeros(2))
    for name, array in (("before", x), ("after", y)):
        means, deviations = array.mean(axis=(1, 2, 3)), array.std(axis=(1, 2, 3))
        print(f"{name:6} the channels have means", means.round(2), "and deviations", deviations.round(2))
