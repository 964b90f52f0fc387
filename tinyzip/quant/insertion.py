"""Depth: where activations are rounded: roundings put between the layers of a network.

What the engine will do is simulated where it will do it. It computes an operator on codes and rounds what
comes out; so a rounding stands before the next layer that reads codes, and as late as that allows:

    activations  rounded once after the ReLU. The engine pools accumulators before that, and so may the
                 simulation round after max pools: rounding is monotone and max only selects, so the
                 order makes no difference, and there are four times fewer values to round
    tables       what they read is rounded to the grid before them, and what they give to their own
    averages     rounded again, to the grid they came on
    sums         of residual blocks: what is added is rounded, and so is the sum, after the ReLU
"""

from collections.abc import Collection, Mapping
from dataclasses import replace

from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import AvgPool2d, Conv2d, Dropout, GlobalAvgPool, Linear
from tinyzip.nn.residual import Residual
from tinyzip.quant.fake_layer import FakeQuantize, relative
from tinyzip.quant.grid import Grid
from tinyzip.quant.lsq import Rule

READERS = Conv2d | Linear | AvgPool2d | GlobalAvgPool | Dropout | Residual  # of what has to be rounded


class Insertion:
    """Puts roundings between the layers of a network.

    current  the grid that the last operator's output is to be rounded to
    pending  whether it still has to be
    source   for each rounding, by name, the grid that it uses
    """

    def __init__(self, grids: Mapping[str, Grid], rule: Rule, tables: Collection[str]) -> None:
        self.grids, self.rule, self.tables = grids, rule, tables
        self.current, self.pending = "input", False
        self.source: dict[str, str] = {}

    def chain(self, chain: Mapping[str, Layer], way: str = "") -> dict[str, Layer]:
        """The layers of a chain with roundings between them; `way` stands before their names."""
        layers: dict[str, Layer] = {}

        def round_here(name: str, average: bool = False) -> None:
            grid = self.grids[self.current]
            layers[name] = FakeQuantize(*relative(grid, self.current), self.rule, average)
            self.source[way + name] = self.current

        def round_pending() -> None:
            if self.pending:
                round_here(f"{self.current.removeprefix(way)}.round")
                self.pending = False

        for name, layer in chain.items():
            full = way + name
            if isinstance(layer, READERS) or full in self.tables:
                round_pending()
            layers[name] = layer
            if isinstance(layer, Residual):
                start = self.current
                body = self.chain(layer.body, f"{full}.body.")
                self.current = start
                shortcut = self.chain(layer.shortcut, f"{full}.shortcut.")
                layers[name] = replace(layer, body=body, shortcut=shortcut)
            if isinstance(layer, Conv2d | Linear | Residual) or full in self.tables:
                self.current, self.pending = full, True
            elif isinstance(layer, AvgPool2d | GlobalAvgPool):
                round_here(f"{name}.round", average=True)
        round_pending()
        return layers
