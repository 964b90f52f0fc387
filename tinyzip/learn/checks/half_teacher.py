"""Depth: what is known of the exercise about a student from half a teacher."""

from typing import Any

import numpy as np

from tinyzip.distill.transplant import by_norm, transplant
from tinyzip.learn.case import Case, Check, seeded
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Conv2d, Flatten, Linear
from tinyzip.nn.sequential import Sequential


def network(F: int, w1: Any, b1: Any, w2: Any) -> Sequential:
    """Two convolutions with kernels as large as these, and F maps between them."""
    _, C, kh, kw = w1.shape
    G, _, gh, gw = w2.shape
    layers: dict[str, Layer] = {"one": Conv2d(C, F, (kh, kw)), "two": Conv2d(F, G, (gh, gw))}
    return Sequential.create(layers, (C, kh + gh - 1, kw + gw - 1), np.random.default_rng(0), np.float64)


def scores(F: int, kept: Any) -> Any:
    return {"one": np.isin(np.arange(F), kept).astype(float)}


def expected_strongest(w: Any, count: int) -> Any:
    matrix = w.reshape(len(w), -1)
    layers: dict[str, Layer] = {"one": Linear(matrix.shape[1], len(w))}
    params = {"one.w": matrix, "one.b": np.zeros(len(w))}
    size = by_norm(Sequential(layers, params, (matrix.shape[1],)))["one"]
    return np.flatnonzero(size >= np.sort(size)[-count])


def expected_cut(w1: Any, b1: Any, w2: Any, kept: Any) -> Any:
    teacher = network(len(w1), w1, b1, w2)
    teacher = teacher.with_params({**teacher.params, "one.w": w1, "one.b": b1, "two.w": w2})
    cut = transplant(teacher, network(len(kept), w1, b1, w2), scores=scores(len(w1), kept)).params
    return cut["one.w"], cut["one.b"], cut["two.w"]


def expected_linear(w: Any, kept: Any, pixels: int) -> Any:
    def of(F: int) -> Sequential:
        after = Linear(F * pixels, len(w))
        layers: dict[str, Layer] = {"one": Conv2d(1, F, 1), "flat": Flatten(), "two": after}
        return Sequential.create(layers, (1, 1, pixels), np.random.default_rng(0), np.float64)

    F = w.shape[1] // pixels
    teacher = of(F)
    teacher = teacher.with_params({**teacher.params, "two.w": w})
    return transplant(teacher, of(len(kept)), scores=scores(F, kept)).params["two.w"]


def strongest(what: str, count: int, *shape: int) -> Case:
    make = seeded(27, lambda rng: (rng.normal(size=shape) + 0.3, count))
    return Case("strongest", what, make, expected_strongest, 0)


def cut(what: str, w1: tuple[int, ...], w2: tuple[int, ...], *kept: int) -> Case:
    def make(rng: np.random.Generator) -> tuple[Any, ...]:
        return rng.normal(size=w1), rng.normal(size=w1[0]), rng.normal(size=w2), np.array(kept)

    return Case("cut", what, seeded(28, make), expected_cut)


def linear(what: str, K: int, F: int, pixels: int, *kept: int) -> Case:
    make = seeded(29, lambda rng: (rng.normal(size=(K, F * pixels)), np.array(kept), pixels))
    return Case("cut_linear", what, make, expected_linear)


CHECK = Check(
    library="distill/transplant.py, transplant and by_norm",
    cases=(
        strongest("the strongest of four outputs of two numbers", 1, 4, 2),
        strongest("the three strongest of eight outputs of five numbers", 3, 8, 5),
        strongest("the four strongest of eight kernels of 3×3 on two channels", 4, 8, 2, 3, 3),
        cut("two channels of four kept, kernels of 1×1", (4, 1, 1, 1), (3, 4, 1, 1), 1, 2),
        cut(
            "three channels of four kept, as many as there are before and after",
            (4, 4, 3, 2),
            (4, 4, 3, 2),
            0,
            2,
            3,
        ),
        linear("a layer after four channels of one pixel, of which two are kept", 3, 4, 1, 0, 3),
        linear("a layer after four channels of six pixels, of which two are kept", 3, 4, 6, 0, 3),
    ),
    hints=(
        "If channel 3 of the first layer is gone, which numbers of the second layer have nothing to do?",
        "Outputs are axis 0 of a weight, inputs axis 1. A flattened input is (channel, pixel) in one axis.",
        "A list of numbers as an index keeps these, in its order; the runs need three axes for a moment.",
    ),
)
