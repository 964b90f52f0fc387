"""Which layers become one integer operator.

An integer engine does not run layers one for one. It runs *blocks*: a convolution or linear layer with all
that is fused into it. A batch norm after it is an affine map too, so the two are one (`fold`). A
ReLU or another clip costs nothing, since the codes are clamped anyway: it only narrows that clamp, which must
hold the code of 0. And as max pooling only selects, it commutes with every map f that nowhere falls,

f(max(x)) = max(f(x))                                                                      (QB1)

so a ReLU after a max pool may be read as one before it, and the same holds after a flatten.

Every other function of one number, and a clip after an average, with which it does not commute, is a
*table*: an operator of its own that maps each code of the grid before it to a code of a grid after it.

A residual block becomes the blocks of its two chains, which read the same codes, and a *sum*: an operator
that adds codes of two grids and writes those of a third. It is clamped as a block is. So are other joins.

Pools and flatten have no grid of their own: they give codes on the grid that they were given. So the grids of
a network are one for its input, one for each table's output and each sum's, and two for each block: for its
weights and for its output, after the clamp and before a table. A layer in a residual block, and so its grids,
are named by the way to it, "block1.body.conv1".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import inf
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.nn.activations import Clip
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import (
    Activation,
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import Residual

Gridless: TypeAlias = MaxPool2d | AvgPool2d | GlobalAvgPool | Flatten
Between: TypeAlias = tuple[tuple[str, Gridless | Activation], ...]
"""What lies between two blocks, by name. An activation here is a table, and has a grid of that name."""
AnyPart = TypeVar("AnyPart", bound="Part")


@dataclass(frozen=True)
class Part:
    """An operator that writes codes of a grid of its own, and what is fused into it or lies after it.

    name    also that of the grid
    clamp   the real numbers (low, high) at which the output is clamped; (0, inf) for a ReLU
    output  name of the layer whose output is the part's: the last of those fused. Where QB1 moved a clip it
            is the layer before; clamp its output to get the part's
    after  pools, flatten and tables after it, each with its name
    """

    name: str
    clamp: tuple[float, float] = field(default=(-inf, inf), kw_only=True)
    output: str = field(default="", kw_only=True)
    after: Between = field(default=(), kw_only=True)

    def clamped(self, y: Array) -> Array:
        """What the part gives, from the output of layer `output`."""
        return np.asarray(np.clip(y, *self.clamp))


@dataclass(frozen=True)
class Block(Part):
    """One convolution or linear layer, with a clip fused into it.

    name   that layer's; with ".w" also that of its weights' grid
    layer  Conv2d or Linear
    """

    layer: Conv2d | Linear


@dataclass(frozen=True)
class Sum(Part):
    """A residual block: what its two chains give is added, and a clip after it fused into that.

    layer           the block, or one that joins its chains otherwise
    body, shortcut  the blocks of its chains, which may be none, where there are only pools, or nothing
    """

    layer: Residual
    body: "Blocks"
    shortcut: "Blocks"


@dataclass(frozen=True)
class Blocks:
    """A chain as blocks. Iterates over its blocks, those inside of residual blocks among them.

    head   pools, flatten and tables in front of the first part, each with its name
    parts  blocks and sums, in order
    """

    head: Between
    parts: tuple[Block | Sum, ...]

    def __iter__(self) -> Iterator[Block]:
        return (part for part in self.every_part() if isinstance(part, Block))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def every_part(self) -> Iterator[Block | Sum]:
        """All parts in the order in which they run: those of a body, of a shortcut, and then their sum."""
        for part in self.parts:
            for inside in (part.body, part.shortcut) if isinstance(part, Sum) else ():
                yield from inside.every_part()
            yield part

    @property
    def tables(self) -> tuple[str, ...]:
        """The activations that become operators of their own."""
        return tuple(grid.name for grid in self.along("input") if grid.writer is Activation)

    @property
    def grids(self) -> tuple[str, ...]:
        """The names of all grids of activations, in the order of the data."""
        return "input", *(grid.name for grid in self.along("input"))

    @property
    def sources(self) -> dict[str, str]:
        """For each block the name of the grid that it reads its input on."""
        return {grid.name: grid.source for grid in self.along("input") if grid.writer is Block}

    @property
    def pairs(self) -> Iterator[tuple[Block, Block]]:
        """Blocks of which the second reads what the first writes, and nobody else does."""
        for writer, reader in pairwise(self.parts):
            if isinstance(writer, Block) and isinstance(reader, Block):
                yield writer, reader
        for part in self.parts:
            for inside in (part.body, part.shortcut) if isinstance(part, Sum) else ():
                yield from inside.pairs

    def along(self, source: str) -> list["Written"]:
        """The grids that are written along the chain, which begins on grid `source`."""
        written: list[Written] = []

        def note(name: str, writer: type) -> None:
            nonlocal source
            written.append(Written(name, source, writer))
            source = name

        for table in tables_of(self.head):
            note(table, Activation)
        for part in self.parts:
            if isinstance(part, Sum):
                written += part.body.along(source) + part.shortcut.along(source)
            note(part.name, type(part))
            for table in tables_of(part.after):
                note(table, Activation)
        return written


class Written(NamedTuple):
    """A grid of activations.

    source  the name of the grid before it: that which its writer reads, unless that is a sum
    writer  Block, Sum, or Activation for a table
    """

    name: str
    source: str
    writer: type


def tables_of(between: Between) -> list[str]:
    """The names of the tables among some layers."""
    return [name for name, layer in between if isinstance(layer, Activation)]


def blocks_of(model: Inspected) -> Blocks:
    """The blocks of a model.

    raises  ValueError that names the first layer that belongs to no block: a batch norm, which `fold` has to
            fold first, or an unknown layer; and for a model without any convolution or linear layer
    """
    blocks = _blocks(model.layers, "")
    if not len(blocks):
        refuse("model", f"layers {list(model.layers)}", "at least one convolution or linear layer")
    return blocks


def _blocks(layers: Mapping[str, Layer], way: str) -> Blocks:
    """The blocks of a chain, which may be none; `way` stands before the names of its layers."""
    head: list[tuple[str, Gridless | Activation]] = []
    parts: list[Block | Sum] = []
    for own, layer in layers.items():
        name = way + own
        match layer:
            case Conv2d() | Linear():
                parts.append(Block(name, layer, output=name))
            case Residual():
                body = _blocks(layer.body, f"{name}.body.")
                shortcut = _blocks(layer.shortcut, f"{name}.shortcut.")
                parts.append(Sum(name, layer, body, shortcut, output=name))
            case Dropout():
                pass
            case MaxPool2d() | AvgPool2d() | GlobalAvgPool() | Flatten() | Activation():
                if not parts:
                    head.append((name, layer))
                elif isinstance(layer, ReLU | Clip):
                    parts[-1] = _with_clip(name, layer, parts[-1])
                else:
                    parts[-1] = replace(parts[-1], after=(*parts[-1].after, (name, layer)))
            case _:
                needed = "a layer that has an integer operator; batch norms folded"
                refuse(f"layer {name!r}", type(layer).__name__, needed)
    return Blocks(tuple(head), tuple(parts))


def _with_clip(name: str, layer: ReLU | Clip, block: AnyPart) -> AnyPart:
    """The block or sum with a clip at its end, moved before max pools and flatten by (QB1), or as a table."""
    least, most = (0.0, None) if isinstance(layer, ReLU) else (layer.low, layer.high)
    low = max(block.clamp[0], -inf if least is None else least)
    high = min(block.clamp[1], inf if most is None else most)
    moves = all(isinstance(other, MaxPool2d | Flatten) for _, other in block.after)
    if (low, high) == block.clamp and not tables_of(block.after):
        return block  # no value is beyond its ends, averages of such values included
    if not moves or not low <= 0 <= high or low == high:
        return replace(block, after=(*block.after, (name, layer)))
    return replace(block, clamp=(low, high), output=block.output if block.after else name)
