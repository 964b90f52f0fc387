"""Which layers become one integer operator.

An integer engine does not run layers one for one. It runs *blocks*: a convolution or linear layer with all
that is fused into it. A batch norm directly behind it is an affine map too, so the two are one (`fold`). A
ReLU costs nothing, since the codes are clamped anyway: it is a clamp that starts at zero. And as max pooling
only selects, it commutes with every monotone map,

relu(max(x)) = max(relu(x))                                                                (QB1)

so a ReLU behind a max pool may be read as one before it, and the same holds behind a flatten. An average
is not monotone in that sense; there the order is kept, and a ReLU behind it belongs to no operator.

Pools and flatten have no grid of their own: they give codes on the grid that they were given. So the grids of
a network are one for its input and two for each block, for its weights and for its output after the ReLU.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from tinyzip.base.refuse import refuse
from tinyzip.nn.layers import (
    AvgPool2d,
    BatchNorm,
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


@dataclass(frozen=True)
class Block:
    """One convolution or linear layer and what is fused into it.

    name    that layer's; also the name of the grid of the block's output, and with ".w" of its weights' grid
    layer   Conv2d or Linear
    norm    name of the batch norm directly behind it, or None
    relu    whether the output is clamped at 0
    output  name of the layer whose output is the block's: the last of convolution or linear layer, batch
            norm, ReLU. Where QB1 moved a ReLU it is the layer before the ReLU; clamp its output to get the
            block's
    behind  pools and flatten behind it, each with its name
    """

    name: str
    layer: Conv2d | Linear
    norm: str | None = None
    relu: bool = False
    output: str = ""
    behind: tuple[tuple[str, Gridless], ...] = ()


@dataclass(frozen=True)
class Blocks:
    """A network as blocks. Iterates over its blocks.

    head    pools and flatten in front of the first block, each with its name
    blocks  at least one, in order
    """

    head: tuple[tuple[str, Gridless], ...]
    blocks: tuple[Block, ...]

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    def __len__(self) -> int:
        return len(self.blocks)


def blocks_of(model: Sequential) -> Blocks:
    """The blocks of a model.

    raises  ValueError that names the first layer that belongs to no block: a batch norm that does not
            directly follow a convolution or linear layer, a ReLU on the input or behind an average, an
            unknown layer; and for a model without any convolution or linear layer
    """
    head: list[tuple[str, Gridless]] = []
    blocks: list[Block] = []
    for name, layer in model.layers.items():
        place = f"layer {name!r}"
        match layer:
            case Conv2d() | Linear():
                blocks.append(Block(name, layer, output=name))
            case Dropout():
                pass
            case MaxPool2d() | AvgPool2d() | GlobalAvgPool() | Flatten():
                if blocks:
                    blocks[-1] = replace(blocks[-1], behind=(*blocks[-1].behind, (name, layer)))
                else:
                    head.append((name, layer))
            case BatchNorm():
                if not blocks or blocks[-1].norm or blocks[-1].relu or blocks[-1].behind:
                    refuse(
                        place, "a batch norm elsewhere", "one directly behind a convolution or linear layer"
                    )
                blocks[-1] = replace(blocks[-1], norm=name, output=name)
            case ReLU():
                blocks[-1:] = [_with_relu(name, blocks[-1] if blocks else None)]
            case _:
                refuse(place, type(layer).__name__, "a layer that has an integer operator")
    if not blocks:
        refuse("model", f"layers {list(model.layers)}", "at least one convolution or linear layer")
    return Blocks(tuple(head), tuple(blocks))


def _with_relu(name: str, block: Block | None) -> Block:
    """The block with a ReLU at its end, moved before max pools and flatten by (QB1)."""
    if block is None:
        refuse(f"layer {name!r}", "a ReLU on the input", "one behind a convolution or linear layer")
    if block.relu:
        return block
    for average, layer in block.behind:
        if isinstance(layer, AvgPool2d | GlobalAvgPool):
            refuse(f"layer {name!r}", f"a ReLU behind the average {average!r}", "a ReLU before the average")
    return replace(block, relu=True, output=block.output if block.behind else name)
