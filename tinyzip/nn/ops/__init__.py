"""The mathematics of the float world: pure functions in pairs, forward and backward.

Every backward takes the gradient of the loss by the forward's output and gives the gradients by its
inputs. Arrays are batch last, (C, H, W, N) or (C, N), of any floating-point dtype. Results come from
the workspace that is handed in and are valid until it gives their memory back; without one they are
ordinary arrays.

    checks.py                what every operation asks of its arrays
    sums.py                  sums over the long axis
    dense.py                 the fully connected layer, the rectifier, and flatten
    shifts.py, patches.py    windows, as shifted images and as columns of a matrix
    depthwise.py, conv.py    convolution
    pool.py                  the largest of a window, or its mean
    norm.py                  batch normalisation and dropout
"""

from tinyzip.nn.ops.checks import FRESH
from tinyzip.nn.ops.conv import conv2d, conv2d_backward
from tinyzip.nn.ops.dense import (
    flatten,
    flatten_backward,
    linear,
    linear_backward,
    rectify,
    relu,
    relu_backward,
)
from tinyzip.nn.ops.norm import (
    BatchNormCache,
    batch_norm,
    batch_norm_backward,
    batch_norm_inference_backward,
    batch_norm_train,
    dropout,
    dropout_backward,
)
from tinyzip.nn.ops.pool import (
    avg_pool2d,
    avg_pool2d_backward,
    global_avg_pool,
    global_avg_pool_backward,
    max_pool2d,
    max_pool2d_backward,
    max_pool2d_values,
)

__all__ = [
    "FRESH",
    "BatchNormCache",
    "avg_pool2d",
    "avg_pool2d_backward",
    "batch_norm",
    "batch_norm_backward",
    "batch_norm_inference_backward",
    "batch_norm_train",
    "conv2d",
    "conv2d_backward",
    "dropout",
    "dropout_backward",
    "flatten",
    "flatten_backward",
    "global_avg_pool",
    "global_avg_pool_backward",
    "linear",
    "linear_backward",
    "max_pool2d",
    "max_pool2d_backward",
    "max_pool2d_values",
    "rectify",
    "relu",
    "relu_backward",
]
