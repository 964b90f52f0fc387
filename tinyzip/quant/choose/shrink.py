"""Depth: on from where proof ends: a program with fewer bits in its weights, and what that costs.

`integer.simplify` takes out all that can be proved to make no difference. What is left makes some, and
to make a program smaller still one has to look at images. There is no training data, and no float network
either, but a program keeps what its numbers mean; so it is read as a float network again (`twin`), in which

    activations    stay on the program's own grids, clamps and all: nothing is calibrated
    bits           go where they count, by (QK1), at most as many bytes as the same bits everywhere take
    weights        are rounded with each layer's output in view, by (QR1), and biases take up the mean (QR2)

and is lowered once more. A softmax or an argmax at the end reads the same codes as before, and stays, and so
does what only moves codes in front.

The price is counted on images that nothing of this has seen: on how many of them the class is another than
the original's. It needs no labels, for the original is what is to be met.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.base.table import Shown, aligned
from tinyzip.integer import Program, simplify
from tinyzip.integer.layout import moved
from tinyzip.integer.program import check_program
from tinyzip.nn.activations import Clip
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import ReLU
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import substituted
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.allocate import CHOICES, allocate
from tinyzip.quant.choose.auto import post_train
from tinyzip.quant.door.classify import check_pixels, classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import float_twin, grid_of, named, parted, renumbered, split
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import Grids
from tinyzip.quant.grids.grid import check_bits

LOOKED_AT = 128  # images on which bits are allocated


@dataclass(frozen=True, repr=False)
class Shrunk(Shown):
    """What `shrink` gives.

    program  the smaller program
    bits     of the weights of each operator that has some, by its name
    changed  images held back whose class is another than the original's
    images   how many were held back
    """

    program: Program
    bits: dict[str, int]
    changed: int
    images: int

    def brief(self) -> str:
        return f"{self.program!r}, another class on {self.changed} of {self.images} images"

    def __str__(self) -> str:
        rows = [("weights of", "bits"), *((name, str(bits)) for name, bits in self.bits.items())]
        agree = self.images - self.changed
        return f"{aligned(rows)}\nthe class is the original's on {agree} of {self.images} images held back"


def shrink(program: Program, images: Array, weigh: Callable[[Program], int], bits: int = 4) -> Shrunk:
    """The program with weights of about `bits` bits, after `simplify`.

    images   (N, H, W) or (N, C, H, W), N ≥ 2, like those to come, as for `classify`; labels are not needed.
             The first three quarters decide, the rest judges
    weigh    a program's bytes, which are kept to those of `bits` everywhere: len(archive.pack(…))
    bits     2 … 8
    raises   ValueError that names what is wrong: an operator that no layer stands for, images, bits
    """
    check_program(program, "shrink: program")
    check_bits(bits, "shrink: bits")
    pixels = check_pixels(program, images, "shrink")
    if len(pixels) < 2:
        refuse("shrink: images", "one image", "one to look at and one to judge by, or more")
    cut = len(pixels) * 3 // 4
    seen, held_back = pixels[:cut], pixels[cut:]
    simple = named(simplify(program))
    front, after = split(simple)
    body, tail = parted(after)
    for operator in front:
        seen = np.stack([moved(operator, x[..., None])[..., 0] for x in seen])
    model, grids = clamped_twin(body)

    def rounded(chosen: dict[str, int], method: str) -> Program:
        network, found = post_train(model, seen, chosen, grids, method)
        short = lower(network, found)
        operators = renumbered((*short.operators, *tail), len(front))
        return Program((*front, *operators), program.shape, short.input)

    names = [block.name for block in blocks_of(model)]
    budget = weigh(rounded(dict.fromkeys(names, bits), "mse"))
    chosen = allocate(model, seen[:LOOKED_AT], budget, CHOICES, lambda some: weigh(rounded(some, "mse")))
    smaller = simplify(rounded(chosen, "adaround"))
    changed = int((classify(smaller, held_back) != classify(program, held_back)).sum())
    return Shrunk(smaller, chosen, changed, len(held_back))


def clamped_twin(program: Program) -> tuple[Sequential, Grids]:
    """The float network that a program stands for, with its upper clamps too, and its grids of activations.

    A ReLU of the twin becomes a clip at the last code's number, since a program that others trained with a
    ReLU6 says so by its grid alone.
    """
    twin = float_twin(program)
    written = zip(program.operators, program.codes[1:], strict=True)
    grids = {operator.name: grid_of(y) for operator, y in written}

    def clamped(name: str, layer: Layer) -> dict[str, Layer]:
        is_relu = isinstance(layer, ReLU)
        return {"": Clip(0.0, float(grids[name.removesuffix(".relu")].high)) if is_relu else layer}

    model = replace(twin, layers=substituted(twin.layers, clamped))
    grids = {"input": grid_of(program.input)} | grids
    return model, {name: grids[name] for name in blocks_of(model).grids}
