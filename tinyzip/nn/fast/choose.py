"""Depth: the whole list of what makes a network fast, what each is worth, and which layer gets what.

Each law is proved and explained in its file. `worth` is the time without divided by the time with, on the
layers of the example networks that `examples/engines/laws.py` names (AMD EPYC, one core, batch 64, float32).

    what                      law       worth  applies to                        pays
    sums by BLAS              X1        2.35×  sums over a long axis             always
    memory in place           X2        2.21×  everything                        always
    patches in blocks         X3        1.13×  every convolution                 always
    rows that share patches   X4        1.28×  y of every convolution, few dw    kh > sh
    products in pieces        MP1       1.36×  the same, by machine.products     BLAS has small kernels
    sums in pieces            MP2       1.32×  dw by X4, by machine.products     BLAS has small kernels
    turned kernels            X6        1.45×  dx, stride 1, padding < kernel    F·H·W ≤ 2·C·OH·OW
    shifted images            X7        1.69×  poolings, dw of depthwise         always
    band matrices             X8, X9    4.24×  depthwise convolutions            always
    ReLU in place             X10       1.04×  after Conv2d, Linear, BatchNorm   always
    few passes                X11, X12  1.95×  batch norm                        always
    winners in training only  X13       2.35×  max pooling                       always
    disjoint windows          X14       1.51×  max pooling, stride ≥ kernel      always
    pooling before the ReLU   X15, X16  1.73×  Conv2d, ReLU, MaxPool2d(2)        always
    pixels in one piece       X18       2.42×  pooling before the ReLU           training; answers, N > 23
    norms folded              QF1       1.16×  BatchNorm after Conv2d, Linear    answers, see `nn.fold`
    calls written down        PL1, PL2  3.21×  shapes that come again            layers of these kinds

All together, the network as it is printed divided by the network that runs:

              seed_net  lenet5  vgg_net  separable_net  wide_mlp
    training      3.0×    3.1×     2.4×           2.5×      1.2×
    forward       4.5×    4.6×     2.8×           2.2×      1.0×

The time of a fully connected network is BLAS's own, printed or fast.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import pairwise, takewhile
from math import prod
from typing import Any

from tinyzip.nn.fast import blocks, rows, turned
from tinyzip.nn.fast.added import FastResidual
from tinyzip.nn.fast.bands import FastDepthwise
from tinyzip.nn.fast.blocks import Route
from tinyzip.nn.fast.conv import FastConv2d
from tinyzip.nn.fast.in_place import FastReLU, Rectified
from tinyzip.nn.fast.memory import FastDropout, FastLinear
from tinyzip.nn.fast.norm import FastBatchNorm
from tinyzip.nn.fast.pool_first import ConvReLUPool
from tinyzip.nn.fast.pools import FastAvgPool2d, FastGlobalAvgPool, FastMaxPool2d
from tinyzip.nn.fast.stage import AsPrinted, Stage
from tinyzip.nn.joins import Concatenation, Product
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Dropout, GlobalAvgPool, Linear, MaxPool2d, ReLU
from tinyzip.nn.ops.checks import Shape
from tinyzip.nn.ops.patches import Geometry
from tinyzip.nn.residual import Residual


def stages(layers: Mapping[str, Layer], shape: Shape) -> dict[str, Stage]:
    """A chain of layers as it runs: its stages, each under the name of its first layer.

    shape  of one example before the first layer
    """
    chosen: dict[str, Stage] = {}
    names = list(layers)
    while names:
        count, chosen[names[0]] = first_stage([layers[name] for name in names[:3]], shape)
        for name in names[:count]:
            shape = layers[name].output_shape(shape)
        names = names[count:]
    return in_place(chosen)


def in_place(chosen: dict[str, Stage]) -> dict[str, Stage]:
    """A batch norm writes over what a convolution has made for it, and nobody else looks at.

    What a chain begins and ends with may be somebody else's, and so may all that passes a layer as printed.
    """
    for before, after in pairwise(chosen):
        match chosen[before], chosen[after]:
            case FastConv2d() | FastDepthwise(), FastBatchNorm() as norm:
                chosen[after] = replace(norm, over=True)
            case FastConv2d() | FastDepthwise(), Rectified(stage=FastBatchNorm() as norm) as both:
                chosen[after] = replace(both, stage=replace(norm, over=True))
    return chosen


def first_stage(layers: list[Layer], shape: Shape) -> tuple[int, Stage]:
    """How many of the layers, which follow each other, are computed together, and by what."""
    match list(takewhile(lambda layer: type(layer) in STAGES, layers)):  # a subclass may mean something else
        case [Conv2d() as conv, ReLU(), MaxPool2d() as pool] if pool == MaxPool2d(2):
            return 3, ConvReLUPool(one_stage(conv, shape))
        case [Conv2d() | Linear() | BatchNorm() as layer, ReLU(), *_]:
            return 2, Rectified(one_stage(layer, shape))
    return 1, one_stage(layers[0], shape)


def one_stage(layer: Layer, shape: Shape) -> Stage:
    """What computes a single layer."""
    return layer if isinstance(layer, Stage) else STAGES.get(type(layer), AsPrinted)(layer, shape)


def convolution(layer: Conv2d, shape: Shape) -> Stage:
    if layer.groups == layer.C > 1:
        return FastDepthwise(layer, shape)
    F, C, geometry = layer.F // layer.groups, layer.C // layer.groups, layer.geometry(shape)
    weights = weight_route(F, C * prod(layer.kernel), geometry)
    return FastConv2d(layer, shape, product_route(geometry), weights, input_route(F, C, geometry))


def residual(layer: Residual, shape: Shape) -> Stage:
    body, shortcut = (stages(chain, shape) for chain in layer.branches())
    return FastResidual(layer, shape, body, shortcut)


def product_route(geometry: Geometry) -> Route:
    return rows.multiply if rows.pays(geometry) else blocks.multiply


def weight_route(F: int, K: int, geometry: Geometry) -> Route:
    return rows.weight_gradient if rows.pays_for_weights(F, K, geometry) else blocks.weight_gradient


def input_route(F: int, C: int, geometry: Geometry) -> Route:
    if turned.applies(geometry) and turned.pays(F, C, geometry):
        return partial(turned.input_gradient, multiply=product_route(turned.turned(geometry)))
    return blocks.input_gradient


STAGES: dict[type[Layer], Callable[[Any, Shape], Stage]] = {
    Conv2d: convolution, Linear: FastLinear, ReLU: FastReLU, BatchNorm: FastBatchNorm, Dropout: FastDropout,
    MaxPool2d: FastMaxPool2d, AvgPool2d: FastAvgPool2d, GlobalAvgPool: FastGlobalAvgPool,
    Residual: residual, Product: residual, Concatenation: residual}  # fmt: skip
