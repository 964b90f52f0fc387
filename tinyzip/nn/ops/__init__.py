"""The textbook: every operation and its backward, as one would write them on a blackboard.

    checks.py    what every operation asks of its arrays
    dense.py     the fully connected layer, the rectifier, flatten
    patches.py   from an image to its patches and back
    conv.py      convolution: im2col, a matrix product, col2im
    pool.py      the largest or the average of each window
    norm.py      batch normalisation and dropout
    activations.py
                 more functions of one number, which only the layers of `nn.activations` need

Pure functions in pairs. Every backward takes the gradient of the loss by the forward's output and gives the
gradients by its inputs. Arrays are batch last, (C, H, W, N) or (C, N), of any floating-point dtype; what is
returned is new, or a view of what was given, and nothing that was given is changed.

These functions say what a layer means, and they run: a `network.Network` calls them and nothing else. A
`Sequential`, which the examples hand to `fit` and `evaluate`, has code of its own for nearly all of them,
`tinyzip.nn.fast`, two or three times as fast. So a mistake that is put in here shows where `net.printed()`
runs, and in the tests, which hold the two against each other; a Sequential trains on as if nothing were
wrong.
"""

from tinyzip.nn.ops.conv import conv2d, conv2d_backward
from tinyzip.nn.ops.dense import flatten, flatten_backward, linear, linear_backward, relu, relu_backward
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
)

__all__ = ["BatchNormCache", "avg_pool2d", "avg_pool2d_backward", "batch_norm", "batch_norm_backward"]
__all__ += ["batch_norm_inference_backward", "batch_norm_train", "conv2d", "conv2d_backward", "dropout"]
__all__ += ["dropout_backward", "flatten", "flatten_backward", "global_avg_pool", "global_avg_pool_backward"]
__all__ += ["linear", "linear_backward", "max_pool2d", "max_pool2d_backward", "relu", "relu_backward"]
