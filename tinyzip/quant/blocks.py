"""Which layers become one integer operator.

An integer engine does not run layers one for one. It runs *blocks*: a convolution or linear layer with all
that is fused into it. A batch norm directly behind it is an affine map too, so the two are one (`fold`). A
ReLU or another clip costs nothing, since the codes are clamped anyway: it only narrows that clamp, which must
hold the code of 0. And as max pooling only selects, it commutes with every map f that nowhere falls,

f(max(x)) = max(f(x))                                                                      (QB1)

so a ReLU behind a max pool may be read as one before it, and the same holds behind a flatten.

Every other function of one number, and a clip behind an average, with which it does not commute, is a
*table*: an operator of its own that maps each code of the grid before it to a code of a grid behind it.

Pools and flatten have no grid of their own: they give codes on the grid that they were given. So the grids of
a network are one for its input, one for each table's output, and two for each block: for its weights and for
its output, after the clamp and before a table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse
from tinyzip.nn.activations import Activation
from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
    Clip,
    Conv2d,
    Dropout,
    Flatten,
    GlobalAvgPool,
    Linear,
    MaxPool2d,
    ReLU,
)
from tinyzip.nn.sequential import Sequential

Gridless: TypeAlias = MaxPool2d | AvgPool2d | GlobalAvgPool | Flatten
Between: TypeAlias = tuple[tuple[str, Gridless | Activation], ...]
"""What lies between two blocks, by name. An activation here is a table, and has a grid of that name."""


@dataclass(frozen=True)
class Block:
    """One convolution or linear layer and what is fused into it.

    name    that layer's; also the name of the grid of the block's output, and with ".w" of its weights' grid
    layer   Conv2d or Linear
    norm    name of the batch norm directly behind it, or None
    clamp   the real numbers (low, high) at which the output is clamped; (0, inf) for a ReLU
    output  name of the layer whose output is the block's: the last of convolution or linear layer, batch
            norm, clip. Where QB1 moved a clip it is the layer before; clamp its output to get the block's
    behind  pools, flatten and tables behind it, each with its name
    """

    name: str
    layer: Conv2d | Linear
    norm: str | None = None
    clamp: tuple[float, float] = (-inf, inf)
    output: str = ""
    behind: Between = ()

    def clamped(self, y: NDArray[Any]) -> NDArray[Any]:
        """What the block gives, from the output of layer `output`."""
        return np.asarray(np.clip(y, *self.clamp))


@dataclass(frozen=True)
class Blocks:
    """A network as blocks. Iterates over its blocks.

    head    pools, flatten and tables in front of the first block, each with its name
    blocks  at least one, in order
    """

    head: Between
    blocks: tuple[Block, ...]

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)

    @property
    def tables(self) -> tuple[str, ...]:
        """The activations that become operators of their own."""
        between = (self.head, *(block.behind for block in self))
        return tuple(name for part in between for name in tables_of(part))

    @property
    def grids(self) -> tuple[str, ...]:
        """The names of all grids of activations, in the order of the data."""
        names = ["input", *tables_of(self.head)]
        for block in self:
            names += [block.name, *tables_of(block.behind)]
        return tuple(names)

    @property
    def sources(self) -> dict[str, str]:
        """For each block the name of the grid that it reads its input on."""
        sources, last = {}, ["input", *tables_of(self.head)][-1]
        for block in self:
            sources[block.name] = last
            last = [block.name, *tables_of(block.behind)][-1]
        return sources


def tables_of(between: Between) -> list[str]:
    """The names of the tables among some layers."""
    return [name for name, layer in between if isinstance(layer, Activation)]


def blocks_of(model: Sequential) -> Blocks:
    """The blocks of a model.

    raises  ValueError that names the first layer that belongs to no block: a batch norm that does not
            directly follow a convolution or linear layer, or an unknown layer; and for a model without any
            convolution or linear layer
    """
    head: list[tuple[str, Gridless | Activation]] = []
    blocks: list[Block] = []
    for name, layer in model.layers.items():
        place = f"layer {name!r}"
        match layer:
            case Conv2d() | Linear():
                blocks.append(Block(name, layer, output=name))
            case Dropout():
                pass
            case MaxPool2d() | AvgPool2d() | GlobalAvgPool() | Flatten() | Activation():
                if not blocks:
                    head.append((name, layer))
                elif isinstance(layer, ReLU | Clip):
                    blocks[-1] = _with_clip(name, layer, blocks[-1])
                else:
                    blocks[-1] = _with(name, layer, blocks[-1])
            case BatchNorm():
                if not blocks or blocks[-1].output != blocks[-1].name or blocks[-1].behind:
                    needed = "one directly behind a convolution or linear layer"
                    refuse(place, "a batch norm elsewhere", needed)
                blocks[-1] = replace(blocks[-1], norm=name, output=name)
            case _:
                refuse(place, type(layer).__name__, "a layer that has an integer operator")
    if not blocks:
        refuse("model", f"layers {list(model.layers)}", "at least one convolution or linear layer")
    return Blocks(tuple(head), tuple(blocks))


def _with(name: str, layer: Gridless | Activation, block: Block) -> Block:
    """The block with one more layer behind it."""
    return replace(block, behind=(*block.behind, (name, layer)))


def _with_clip(name: str, layer: ReLU | Clip, block: Block) -> Block:
    """The block with a clip at its end, moved before max pools and flatten by (QB1), or as a table."""
    least, most = (0.0, None) if isinstance(layer, ReLU) else (layer.low, layer.high)
    low = max(block.clamp[0], -inf if least is None else least)
    high = min(block.clamp[1], inf if most is None else most)
    moves = all(isinstance(other, MaxPool2d | Flatten) for _, other in block.behind)
    if (low, high) == block.clamp and not tables_of(block.behind):
        return block  # no value is beyond its ends, averages of such values included
    if not moves or not low <= 0 <= high or low == high:
        return _with(name, layer, block)
    return replace(block, clamp=(low, high), output=block.output if block.behind else name)
