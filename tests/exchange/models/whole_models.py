"""Whole networks with drawn weights: a MobileNetV2 as PyTorch's exporters write it, a ResNet as Keras's do.

They are small, but take every turn that the large ones take.
"""

from typing import Any

import numpy as np
from drawn_models import NONE, RELU, RELU6, SAME, VALID, Dice
from tflite_builder import Model


class Network:
    """A model that grows layer by layer, on grids that its layers' sums fit."""

    def __init__(self, seed: str) -> None:
        self.dice, self.model = Dice(seed), Model()

    def shape(self, t: int) -> Any:
        return self.model.tensors[t]["shape"]

    def scale(self, t: int) -> Any:
        return self.model.tensors[t]["scales"][0]

    def like(self, t: int, shape: tuple[int, ...]) -> int:
        """A tensor of another shape on the grid of t."""
        return self.model.tensor(shape, self.scale(t), self.model.tensors[t]["zeros"][0])

    def output(self, shape: tuple[int, ...], fused: int, spread: float) -> int:
        """A tensor for numbers within about ±spread; the zero point of a rectifier's is at the end."""
        if fused == RELU6:
            return self.model.tensor(shape, 6 / 255, -128)
        if fused == RELU:
            return self.model.tensor(shape, spread / 255, -128)
        return self.model.tensor(shape, spread / 127, self.dice.integer(-20, 20))

    def bias(self, scales: Any) -> int:
        values = [self.dice.integer(-9999, 9999) for _ in np.atleast_1d(scales)]
        return self.model.constant(np.int32(values), scales)

    def conv(
        self, x: int, F: int, k: int, stride: int, padding: int, fused: int, depthwise: bool = False
    ) -> int:
        """A convolution whose outputs spread as far as those of a trained one do."""
        _, H, W, C = self.shape(x)
        w = self.dice.codes(1, k, k, C) if depthwise else self.dice.codes(F, k, k, C)
        size = [-(-n // stride) if padding == SAME else (n - k) // stride + 1 for n in (H, W)]
        y = self.output((1, *size, F), fused, 6)
        middle = 2.5 / np.sqrt(w.size / F) / 73 * self.scale(y) / self.scale(x)
        s_w = np.float32([middle * self.dice.uniform(0.5, 1.5) for _ in range(F)])
        weights = self.model.constant(w, s_w, 0, 3 if depthwise else 0)
        options = {"Padding": padding, "StrideH": stride, "StrideW": stride, "FusedActivationFunction": fused}
        kind = "CONV_2D"
        if depthwise:
            kind, options["DepthMultiplier"] = "DEPTHWISE_CONV_2D", 1
        return self.model.node(kind, [x, weights, self.bias(self.scale(x) * s_w)], y, **options)

    def pad(self, x: int, border: int) -> int:
        _, H, W, C = self.shape(x)
        pairs = np.int32([[0, 0], [border, border], [border, border], [0, 0]])
        y = self.like(x, (1, H + 2 * border, W + 2 * border, C))
        return self.model.node("PAD", [x, self.model.constant(pairs)], y)

    def add(self, a: int, b: int, fused: int) -> int:
        y = self.output(self.shape(a), fused, 8)
        return self.model.node("ADD", [a, b], y, FusedActivationFunction=fused)

    def mean(self, x: int, keep: bool) -> int:
        C = self.shape(x)[3]
        y = self.model.tensor((1, 1, 1, C) if keep else (1, C), self.scale(x) * np.float32(0.37), -128)
        return self.model.node("MEAN", [x, self.model.constant(np.int32([1, 2]))], y, KeepDims=keep)

    def dense(self, x: int, F: int) -> int:
        C, s_w = self.shape(x)[-1], np.float32(0.004)
        weights = self.model.constant(self.dice.codes(F, C), s_w)
        bias = self.model.constant(np.int32([self.dice.integer(-9999, 9999) for _ in range(F)]))
        y = self.model.tensor((1, F), self.scale(x) * s_w * np.float32(np.sqrt(C) * 73 * 73 / 50), 3)
        return self.model.node("FULLY_CONNECTED", [x, weights, bias], y)

    def build(self, first: int, last: int) -> bytes:
        self.model.inputs, self.model.outputs = [first], [last]
        return self.model.build()


def mobilenet_v2() -> bytes:
    """Channels come in first and are turned; a PAD stands before each window of stride 2; no softmax.

    Table 2 of Sandler et al. 2018 with a quarter of the channels.
    """
    net = Network("MobileNetV2")
    start = net.model.tensor((1, 3, 64, 64), 2 / 255, 1)
    turn = net.model.constant(np.int32([0, 2, 3, 1]))
    x = net.model.node("TRANSPOSE", [start, turn], net.like(start, (1, 64, 64, 3)))
    x = net.conv(net.pad(x, 1), 8, 3, 2, VALID, RELU6)
    table = [
        (1, 4, 1, 1),
        (6, 6, 2, 2),
        (6, 8, 3, 2),
        (6, 16, 4, 2),
        (6, 24, 3, 1),
        (6, 40, 3, 2),
        (6, 80, 1, 1),
    ]
    for expansion, F, repeats, first_stride in table:
        for k in range(repeats):
            before, C, stride = x, net.shape(x)[3], first_stride if k == 0 else 1
            if expansion > 1:
                x = net.conv(x, expansion * C, 1, 1, VALID, RELU6)
            x = net.pad(x, 1) if stride == 2 else x
            scheme = VALID if stride == 2 else SAME
            x = net.conv(x, expansion * C, 3, stride, scheme, RELU6, depthwise=True)
            x = net.conv(x, F, 1, 1, VALID, NONE)
            if stride == 1 and C == F:
                x = net.add(before, x, NONE)
    x = net.mean(net.conv(x, 320, 1, 1, VALID, RELU6), keep=False)
    return net.build(start, net.dense(x, 100))


def resnet() -> bytes:
    """Reals come in and go out; a padded stem of 7×7, a padded pool; shortcuts of 1×1 where sizes change."""
    net = Network("ResNet")
    start = net.model.tensor((1, 56, 56, 3), dtype=np.float32)
    x = net.model.node("QUANTIZE", [start], net.model.tensor((1, 56, 56, 3), 1.0, -128))
    x = net.pad(net.conv(net.pad(x, 3), 16, 7, 2, VALID, RELU), 1)
    options = {"Padding": VALID, "StrideH": 2, "StrideW": 2, "FilterHeight": 3, "FilterWidth": 3}
    x = net.model.node("MAX_POOL_2D", [x], net.like(x, (1, 14, 14, 16)), **options)
    for F in (16, 32):
        for k in range(2):
            stride, short = 2 if k == 0 and F > 16 else 1, x
            x = net.conv(net.conv(x, F, 3, stride, SAME, RELU), F, 3, 1, SAME, NONE)
            if k == 0:
                short = net.conv(short, F, 1, stride, SAME, NONE)
            x = net.add(short, x, RELU)
    x = net.dense(net.mean(x, keep=True), 10)
    x = net.model.node("SOFTMAX", [x], net.model.tensor((1, 10), 2.0**-8, -128), Beta=1.0)
    end = net.model.tensor((1, 10), dtype=np.float32)
    return net.build(start, net.model.node("DEQUANTIZE", [x], end))


WHOLE = {"mobilenet_v2": mobilenet_v2, "resnet": resnet}
