"""Depth: the networks that the examples and tests name.

Each is a function of a Generator (None: seed 0), the shape of one image, and the number of classes;
the sizes between follow from these. The defaults are MNIST's. For images of one row, such as those of
`train.digits1d`, the windows of four of them are as high: the two convolutions of `seed_net`, `student_net`
and `wide_net`, and all of `separable_net`.
"""

import math

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.chain import shapes_along
from tinyzip.nn.layer import Draws, Layer
from tinyzip.nn.layers import BatchNorm, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.ops.checks import check_lengths
from tinyzip.nn.sequential import Sequential

Shape = tuple[int, int, int]
MNIST = (1, 28, 28)


def seed_net(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """Two 5×5 convolutions of 10 and 20 maps, each with ReLU and 2×2 max pooling, then 50 and out.

    On MNIST 320 features reach fc1, and there are 21,840 parameters.
    """
    return _two_convolutions(rng, shape, 10, 20, [50, classes])


def student_net(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """The seed net with half of every width: 5, 10, 25."""
    return _two_convolutions(rng, shape, 5, 10, [25, classes])


def wide_net(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """The seed net with more of every width, 16, 32, 100: a teacher for it. 65,558 parameters on MNIST."""
    return _two_convolutions(rng, shape, 16, 32, [100, classes])


def lenet5(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """LeNet-5 [LeCun et al. 1998, §II.B] as it is built today: ReLU and max pooling, full connections
    between the maps, a border of 2 in place of 32×32 images. 61,706 parameters on MNIST."""
    return _two_convolutions(rng, shape, 6, 16, [120, 84, classes], padding=2)


def lenet5_caffe(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """LeNet-5 as Caffe's example has it and papers on pruning count it [Han et al. 2015, table 4], but with
    ReLU after convolutions too: 20 and 50 maps, 500 hidden units, 431,080 parameters on MNIST."""
    return _two_convolutions(rng, shape, 20, 50, [500, classes])


def lenet_300_100(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """Fully connected, 300 and 100 hidden units [LeCun et al. 1998, §III.C]: 266,610 parameters on MNIST."""
    return _create(rng, shape, {}, [300, 100, classes])


def vgg_net(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """Pairs of 3×3 convolutions before each pooling, in the manner of [Simonyan & Zisserman 2015]."""
    body: dict[str, Layer] = {}
    C = _channels(shape)
    for block, F in enumerate((16, 32), 1):
        for part in "ab":
            body[f"conv{block}{part}"] = Conv2d(C, F, 3, padding=1)
            body[f"relu{block}{part}"] = ReLU()
            C = F
        body[f"pool{block}"] = MaxPool2d(2)
    return _create(rng, shape, body, [64, classes])


def separable_net(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """Depthwise-separable convolutions with batch norm [Howard et al. 2017, MobileNets, figure 3]."""
    C = _channels(shape)
    window, padding = _across(shape, 3, 1), _across(shape, 1, 0)
    body: dict[str, Layer] = {"conv1": Conv2d(C, 16, window, stride=2, padding=padding, bias=False)}
    body |= {"norm1": BatchNorm(16), "relu1": ReLU()}
    C = 16
    for block, (F, stride) in enumerate(((32, 1), (64, 2)), 2):
        body[f"depthwise{block}"] = Conv2d(C, C, window, stride, padding, groups=C, bias=False)
        body |= {f"norm{block}a": BatchNorm(C), f"relu{block}a": ReLU()}
        body[f"pointwise{block}"] = Conv2d(C, F, 1, bias=False)
        body |= {f"norm{block}b": BatchNorm(F), f"relu{block}b": ReLU()}
        C = F
    return _create(rng, shape, body | {"average": GlobalAvgPool()}, [classes])


def wide_mlp(rng: Draws = None, shape: Shape = MNIST, classes: int = 10) -> Sequential:
    """Fully connected, 1200 and 1200 hidden units: the teacher of [Hinton et al. 2015, §3]."""
    return _create(rng, shape, {}, [1200, 1200, classes])


def _two_convolutions(
    rng: Draws, shape: Shape, first: int, second: int, widths: list[int], padding: int = 0
) -> Sequential:
    C = _channels(shape)
    window, pool = _across(shape, 5, 1), _across(shape, 2, 1)
    body: dict[str, Layer] = {"conv1": Conv2d(C, first, window, padding=_across(shape, padding, 0))}
    body |= {"relu1": ReLU(), "pool1": MaxPool2d(pool)}
    body |= {"conv2": Conv2d(first, second, window), "relu2": ReLU(), "pool2": MaxPool2d(pool)}
    return _create(rng, shape, body, widths)


def _across(shape: Shape, size: int, high: int) -> int | tuple[int, int]:
    """As large in both directions; for images of one row (high, size)."""
    return size if shape[1] > 1 else (high, size)


def _channels(shape: Shape) -> int:
    """C of (C, H, W); refuses what is not the shape of one image."""
    if len(check_lengths(shape, "shape")) != 3:
        refuse("shape", shape, "the shape of one image, (C, H, W)")
    return shape[0]


def _create(rng: Draws, shape: Shape, body: dict[str, Layer], widths: list[int]) -> Sequential:
    """`body`, flattened, then fully connected layers of these widths with ReLU between them."""
    _channels(shape)
    features = shapes_along(body, shape)[-1]
    layers = body | {"flatten": Flatten()}
    C = math.prod(features)
    rectifiers = sum(isinstance(layer, ReLU) for layer in body.values())
    for number, F in enumerate(widths, 1):
        layers[f"fc{number}"] = Linear(C, F)
        if number < len(widths):
            layers[f"relu{rectifiers + number}"] = ReLU()
        C = F
    return Sequential.create(layers, shape, np.random.default_rng(0) if rng is None else rng)
