"""What Hypothesis draws: images, windows that fit on them, and values."""

import numpy as np
from hypothesis import strategies as st

SEEDS = st.integers(0, 2**32 - 1)
STRIDE = st.just((1, 1)) | st.tuples(st.integers(1, 5), st.integers(1, 5))  # routes ask for the first
GROUPS = st.sampled_from([(1, 1), (1, 3), (2, 2), (3, 2), (2, 1), (3, 1)])  # groups, channels of each
DEPTHWISE = st.sampled_from([(2, 1), (3, 1)])


def normal(seed, *shape, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def integral(seed, *shape, dtype=np.float32, largest=4):
    """Small whole numbers: sums of their products are exact in float32, in any order."""
    return np.random.default_rng(seed).integers(-largest, largest + 1, shape).astype(dtype)


def distinct(seed, *shape, dtype=np.float64):
    """Values that differ by 0.1 or more from each other and from zero: no difference step crosses a kink."""
    size = int(np.prod(shape))
    values = (np.arange(size) - size // 2 + 0.5) / 5
    return np.random.default_rng(seed).permutation(values).reshape(shape).astype(dtype)


@st.composite
def windows(draw, pooling=False, largest=7, stride=STRIDE):
    """(H, W), kernel, stride, uneven padding: with rests, and with strides beyond the kernel."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride = draw(stride)
    ends = [st.integers(0, min(k - 1, 3) if pooling else 3) for k in kernel]
    padding = tuple(draw(st.tuples(end, end)) for end in ends)
    size = tuple(
        draw(st.integers(max(1, k - sum(p)), max(1, k - sum(p), largest)))
        for k, p in zip(kernel, padding, strict=True)
    )
    return size, kernel, stride, padding


@st.composite
def convolutions(draw, stride=STRIDE, groups=GROUPS, pooling=False):
    """(x shape, w shape, stride, padding, groups), from one group to depthwise with a multiplier.

    pooling  with a padding smaller than the kernel
    """
    size, kernel, stride, padding = draw(windows(pooling, 5, stride))
    groups, inner = draw(groups)
    maps = draw(st.integers(1, 2))
    N = draw(st.integers(1, 3))
    x_shape = (groups * inner, *size, N)
    return x_shape, (groups * maps, inner, *kernel), stride, padding, groups
