"""Programs into which dead and equal channels are planted: anywhere, or so that all of them can go again."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from integer_programs import Draw, drawn_multipliers, programs

from tinyzip.integer import Add, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program
from tinyzip.integer.bounds import channel_bounds
from tinyzip.integer.fixedpoint import ROUNDINGS
from tinyzip.integer.layout import ORDERS


def planted(draw: Draw, program: Program) -> Program:
    """Weights of zero, sums beyond a clamp, and channels written twice, in every operator with weights."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    operators: list[Any] = list(program.operators)
    for i, operator in enumerate(operators):
        if not isinstance(operator, Conv2d | Linear):
            continue
        rows: dict[str, Any] = {name: getattr(operator, name).copy() for name in ("w", "bias", "m0", "n")}
        bounds = channel_bounds(operator, program.inputs(i, program.codes)[0])
        for f in range(len(operator.w)):
            kind, other = rng.integers(5), rng.integers(len(operator.w))
            if kind == 0:
                rows["w"][f] = 0
            elif kind == 1 and bounds[f] < 2**26 and rows["n"][f] >= 35:
                rows["bias"][f] += rng.choice([-3, 3]) * bounds[f]
            elif kind == 2:
                for values in rows.values():
                    values[f] = values[other]
            elif kind == 3:
                rows["w"][f, rng.integers(operator.w.shape[1])] = 0
        operators[i] = replace(operator, **rows)
    return Program(tuple(operators), program.shape, program.input)


@st.composite
def planted_programs(draw: Draw, most: int = 7, kinds: list[str] | None = None) -> Program:
    return planted(draw, draw(programs(most, kinds)))


CHANNEL = ("w", "bias", "m0", "n")  # what each output of an operator has for itself
INPUT, RELU = Codes(-128, 127, 3), Codes(-128, 127, -128)
SIZE = 6


@dataclass
class Network:
    """A convolution, a depthwise one, a residual block around a third, a pool, a fully connected layer.

    Padding everywhere. Each layer is the arrays of its outputs, so that channels can be added to it.
    """

    layers: dict[str, dict[str, Any]]
    rounding: Any
    order: Any
    add: tuple[Any, Any]

    def program(self) -> Program:
        fields: Any = {"y": RELU, "rounding": self.rounding}
        first, depthwise, block, inner, last = self.layers.values()
        m0, n = self.add
        operators = (
            Conv2d(**first, **fields, padding=1),
            Conv2d(**depthwise, **fields, padding=1, groups=len(depthwise["w"])),
            Conv2d(**block, **fields),
            Conv2d(**inner, **fields, padding=1),
            Add(2, m0, n, RELU),
            MaxPool2d(2),
            Flatten(self.order),
            Linear(**last | {"w": last["w"].reshape(len(last["w"]), -1)}, y=INPUT, rounding=self.rounding),
        )
        return Program(operators, (2, SIZE, SIZE), INPUT)


@st.composite
def networks(draw: Draw) -> Network:
    """Of 1 to 4 channels between the layers, in any rounding and order of values."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    A, B, rounding = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.sampled_from(ROUNDINGS))
    order = draw(st.sampled_from(ORDERS))
    image = (B, SIZE // 2, SIZE // 2) if order == "CHW" else (SIZE // 2, SIZE // 2, B)
    shapes = {"first": (A, 2, 3, 3), "depthwise": (A, 1, 3, 3), "block": (B, A, 1, 1)}
    layers = {}
    for name, shape in (shapes | {"inner": (B, B, 3, 3), "last": (3, *image)}).items():
        F, most = shape[0], int(255 * 100 * np.prod(shape[1:]))
        layers[name] = {
            "w": rng.integers(-100, 101, shape),
            "bias": rng.integers(-most // 8, most // 8, F),
            "m0": drawn_multipliers(draw, rounding, F),
            "n": rng.integers(most.bit_length() + 20, most.bit_length() + 27, F),
        }
    return Network(layers, rounding, order, (rng.integers(2**30, 2**31, 3), [31, 32, 50]))


def outputs(layer: dict[str, Any], rows: dict[str, Any]) -> dict[str, Any]:
    """A layer with one more output."""
    return {name: np.concatenate([layer[name], rows[name][None]]) for name in CHANNEL}


def silent(rng: Any, layer: dict[str, Any]) -> dict[str, Any]:
    """An output whose sums a ReLU never lets through, whatever the codes."""
    w = rng.integers(-100, 101, layer["w"].shape[1:])
    bias = np.array(-int(np.abs(w).sum()) * 255 - rng.integers(9))
    return {"w": w, "bias": bias, "m0": layer["m0"][0], "n": layer["n"][0]}


def copied(layer: dict[str, Any], f: int) -> dict[str, Any]:
    return {name: layer[name][f] for name in CHANNEL}


def inputs(rng: Any, layer: dict[str, Any], c: int | None, axis: int = 1) -> dict[str, Any]:
    """A layer with one more input: with any weights for a dead one, else with a part of the weights of c."""
    w = np.moveaxis(layer["w"].copy(), axis, 0)
    more = rng.integers(-128, 128, w[0].shape) if c is None else rng.integers(-9, 10, w[0].shape)
    if c is not None:
        w[c] -= more
    return layer | {"w": np.moveaxis(np.concatenate([w, more[None]]), 0, axis)}


def grown(rng: Any, network: Network) -> Network:
    """The network with dead and equal channels more, between its first layers and in its residual block."""
    first, depthwise, block, inner, last = network.layers.values()
    A, B = len(first["w"]), len(block["w"])
    for _ in range(rng.integers(1, 4)):
        c = None if rng.random() < 0.5 else int(rng.integers(A))
        first = outputs(first, silent(rng, first) if c is None else copied(first, c))
        depthwise = outputs(depthwise, silent(rng, depthwise) if c is None else copied(depthwise, c))
        block = inputs(rng, block, c)
    for _ in range(rng.integers(1, 4)):
        c = None if rng.random() < 0.5 else int(rng.integers(B))
        block = outputs(block, silent(rng, block) if c is None else copied(block, c))
        inner = inputs(rng, inner, c)
        inner = outputs(inner, silent(rng, inner) if c is None else copied(inner, c))
        last = inputs(rng, last, c, 1 if network.order == "CHW" else 3)
    names = ("first", "depthwise", "block", "inner", "last")
    return replace(network, layers=dict(zip(names, (first, depthwise, block, inner, last), strict=True)))
