"""A network that trains as if it were already integers.

`FakeQuantized` wraps a `Sequential` and its grids, and is itself a model: a flat dict of arrays, forward,
backward. `train.fit` and distillation train it without knowing. A training step through it is three lines:
fake-quantize the dict, forward and backward as always, pull the gradients back through the rounding.

Its dict holds the float weights and biases under their usual names, and for each step that is learned its
logarithm: "conv1.log_step" for the activations of the block conv1, "conv1.w.log_step" for its weights,
one for each output channel. The logarithm keeps every step positive whatever the optimizer does, and makes
a change of 1 % the same move for a step of 0.001 and one of 10, which is what a per-entry optimizer like
Adam needs [Jain et al. 2020, section 3.3]. With θ = log s and LSQ's gradient scale g,

    ∂L/∂θ = g·s·∂L/∂s                                                                      (QT1)

What the engine will do is simulated where it will do it:

    images       rounded to the input's grid, which is not learned: its range is known
    weights      rounded to their grids
    biases       rounded to whole multiples of s_x·s_w, the accumulator's unit; straight through
    activations  rounded once behind the ReLU. The engine pools accumulators before that, and so may the
                 simulation round after max pools: rounding is monotone and max only selects, so the
                 order makes no difference, and there are four times fewer values to round
    tables       what they read is rounded to the grid before them, and what they give to their own
    averages     rounded again, to the grid they came on
    sums         of residual blocks: what is added is rounded, and so is the sum, behind the ReLU

The engine's convolutions round twice by default, as LiteRT's do; the simulation rounds once. How far the two
can differ, `agreement` derives.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.refuse import refuse, said
from tinyzip.machine.workspace import FRESH, Workspace
from tinyzip.nn.fast.stage import Stage
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import AvgPool2d, BatchNorm, Conv2d, Dropout, GlobalAvgPool, Linear
from tinyzip.nn.network import Network
from tinyzip.nn.probe import Seen
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential, check_sequential
from tinyzip.quant.blocks import Blocks, blocks_of
from tinyzip.quant.grid import Grid, by_channel
from tinyzip.quant.lowbit import Signs, describe_grids, grids_of
from tinyzip.quant.lsq import RULES, Rule, fake_quantize, fake_quantize_backward, gradient_scale

Array = NDArray[Any]
Arrays = dict[str, Array]
READERS = Conv2d | Linear | AvgPool2d | GlobalAvgPool | Dropout | Residual  # of what has to be rounded


@dataclass(frozen=True)
class FakeQuantize(Layer, Stage):
    """Activations to their grid and back, as a layer. Array: step (), in the unit of x.

    lo, hi   the first and the last code, counted from the code of zero
    rule     what the step learns from: see `lsq`
    average  round halves up, as the engine rounds averages of codes from 0 up. Averages do meet halves, and
             float32 may miss them by a hair; so 2⁻¹⁰ of a step is added, which changes nothing else for
             windows of fewer than 512
    """

    lo: int
    hi: int
    rule: Rule = "lsq"
    average: bool = False

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"step": ()}

    def output_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return shape

    def forward(
        self,
        p: Arrays,
        x: Array,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
        workspace: Workspace = FRESH,
    ) -> tuple[Array, Any]:
        if self.average:
            x = np.add(x, p["step"] * 2.0**-10, out=workspace.empty(x.shape, x.dtype), dtype=x.dtype)
        y = fake_quantize(x, p["step"], self.lo, self.hi, workspace)
        return y, (x, y)

    def backward(
        self, p: Arrays, dy: Array, cache: Any, *, workspace: Workspace = FRESH, need_dx: bool = True
    ) -> tuple[Array, Arrays]:
        x, y = cache
        dx, dstep = fake_quantize_backward(dy, x, y, p["step"], self.lo, self.hi, self.rule, workspace)
        return dx, {"step": dstep}


def _relative(grid: Grid, name: str) -> tuple[int, int]:
    """lo and hi counted from zero, for a grid of a whole tensor or a symmetric one of channels."""
    zero = np.unique(grid.zero)
    if zero.size != 1:
        refuse(f"FakeQuantized: grid {name!r}", "zeros that differ by channel", "one zero")
    return grid.lo - int(zero[0]), grid.hi - int(zero[0])


class _Insertion:
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
            layers[name] = FakeQuantize(*_relative(grid, self.current), self.rule, average)
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


@dataclass(frozen=True)
class FakeQuantized:
    """A `Sequential` whose weights, biases and activations pass through grids. Made by `create`.

    source   the float network, whose arrays are only the start
    start    its grids: "input", for each block "<name>" and "<name>.w", for each table and sum its name
    params   the float arrays, and the logarithms of the steps that are learned
    rule     "lsq": steps learn; "straight-through": they stay as calibrated
    network  the source's layers with roundings between them, run fast; by `printed`, as they are printed
    rounds   for each of these roundings, the grid it uses
    """

    source: Sequential
    start: dict[str, Grid]
    params: Arrays
    rule: Rule
    network: Network
    rounds: dict[str, str]

    @classmethod
    def create(cls, model: Sequential, grids: Mapping[str, Grid], rule: Rule = "lsq") -> Self:
        """Wrap a float network without batch norms (fold them first) and the grids of `calibrate`.

        raises  ValueError that names the layer for a grid that is missing or has another count of channels,
                for a batch norm, and for activations with a grid per channel
        """
        if rule not in RULES:
            refuse("FakeQuantized: rule", repr(rule), f"one of {RULES}")
        check_sequential(model, "FakeQuantized: model")
        if not isinstance(grids, Mapping):
            refuse("FakeQuantized: grids", said(grids), "grids by name, as from `calibrate`", TypeError)
        for name, placed in model.every_layer.items():
            if isinstance(placed.layer, BatchNorm):
                needed = "a model without: FakeQuantized.create(fold_batch_norm(model), grids)"
                refuse(f"FakeQuantized: layer {name!r}", "a batch norm", needed)
        params = dict(model.params)
        blocks = blocks_of(model)
        for name in [*blocks.grids, *(f"{block.name}.w" for block in blocks)]:
            if name not in grids:
                refuse(f"FakeQuantized: grids[{name!r}]", "nothing", "a grid, as of calibrate(model, images)")
            scale, weights = grids[name].scale, name.endswith(".w")
            if scale.ndim and scale.shape != ((model.params[name].shape[0],) if weights else ()):
                refuse(
                    f"FakeQuantized: grids[{name!r}]",
                    f"{scale.size} channels",
                    "one step, or one for each channel",
                )
            _relative(grids[name], name)
            if name != "input" and rule == "lsq":
                params[f"{name}.log_step"] = np.log(scale).astype(model.dtype)
        insertion = _Insertion(grids, rule, blocks.tables)
        layers, rounds = insertion.chain(model.layers), insertion.source
        arrays = dict(model.params) | {f"{name}.step": np.ones((), model.dtype) for name in rounds}
        network = Sequential(layers, arrays, model.shape)
        return cls(model, dict(grids), params, rule, network, rounds)

    def structure(self) -> dict[str, Any]:
        """All but the arrays, as JSON can hold it; TypeError for layers that are not of this package."""
        source = self.source.structure()
        return {
            "kind": "FakeQuantized",
            "source": source,
            "grids": describe_grids(self.start),
            "rule": self.rule,
        }

    @classmethod
    def of_structure(cls, structure: Mapping[str, Any], params: Arrays) -> Self:
        """What `structure` described, on these arrays; ValueError or TypeError for anything else."""
        own = {name: array for name, array in params.items() if not name.endswith(".log_step")}
        source = Sequential.of_structure(structure["source"], own)
        return cls.create(source, grids_of(structure["grids"]), structure["rule"]).with_params(params)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.source.shape

    @property
    def input_range(self) -> tuple[float, float]:
        """Between which numbers its inputs lay in training; else the range of the input's grid."""
        grid = self.start["input"]
        return self.source.input_range or (float(grid.low), float(grid.high))

    def with_input_range(self, input_range: tuple[float, float] | None) -> Self:
        """The same network, which remembers this range; with None, that of the input's grid."""
        return replace(self, source=self.source.with_input_range(input_range))

    def printed(self) -> Self:
        """The same network on the same arrays, run as `nn.network` prints it."""
        return replace(self, network=self.network.printed())

    @cached_property
    def _blocks(self) -> Blocks:
        return blocks_of(self.source)

    @property
    def tables(self) -> tuple[str, ...]:
        """The activations that become tables of codes."""
        return self._blocks.tables

    def trainable(self) -> list[str]:
        return list(self.params)

    def with_params(self, params: Mapping[str, Array]) -> Self:
        """The same network on other arrays; they are not copied."""
        if params.keys() != self.params.keys():
            refuse("with_params: params", f"names {sorted(params)}", f"{sorted(self.params)}")
        for name, array in params.items():
            if array.shape != self.params[name].shape:
                refuse(f"with_params: params[{name!r}]", f"shape {array.shape}", f"{self.params[name].shape}")
        return replace(self, params=dict(params))

    def step(self, name: str) -> Array:
        """The step of a grid as it is now, in the dtype of the arrays."""
        learned = self.params.get(f"{name}.log_step")
        if learned is not None:
            return np.asarray(np.exp(learned))
        return self.start[name].scale.astype(self.source.dtype)

    def quantized(self) -> Arrays:
        """The network's dict: weights and biases rounded, and the steps of the roundings between layers."""
        arrays: Arrays = {f"{name}.step": self.step(grid) for name, grid in self.rounds.items()}
        for block in self._blocks:
            w, step, name = self.params[f"{block.name}.w"], self.step(f"{block.name}.w"), f"{block.name}.b"
            grid = self.start[f"{block.name}.w"]
            if isinstance(grid, Signs):
                arrays[f"{block.name}.w"] = np.where(w < 0, -by_channel(step, w), by_channel(step, w))
            else:
                arrays[f"{block.name}.w"] = fake_quantize(w, step, *_relative(grid, block.name))
            if name in self.params:
                unit = self.step(self._blocks.sources[block.name]) * step
                arrays[name] = np.rint(self.params[name] / unit) * unit
        return arrays

    def forward(
        self,
        x: Array,
        *,
        train: bool = False,
        rng: np.random.Generator | None = None,
        workspace: Workspace = FRESH,
    ) -> tuple[Array, Any]:
        """As `Sequential.forward`, through the grids. x (C, H, W, N) or (C, N); z (K, N)."""
        x = fake_quantize(x, self.step("input"), *_relative(self.start["input"], "input"), workspace)
        network = self.network.with_params(self.quantized())
        z, caches = network.forward(x, train=train, rng=rng, workspace=workspace)
        return z, (network, caches)

    def backward(self, dz: Array, caches: Any, *, workspace: Workspace = FRESH) -> Arrays:
        """The gradient of every array in `params`, from dz (K, N)."""
        network, inner = caches
        raw = network.backward(dz, inner, workspace=workspace)
        grads: Arrays = {}
        for block in self._blocks:
            name = f"{block.name}.w"
            dw, dstep = self._weights_backward(raw[name], network.params[name], name)
            grads[name] = dw
            if f"{name}.log_step" in self.params:
                step = self.step(name)
                g = gradient_scale(dw.size // step.size, self.start[name].hi)
                grads[f"{name}.log_step"] = dstep * step * g
            if f"{block.name}.b" in self.params:
                grads[f"{block.name}.b"] = raw[f"{block.name}.b"]
        shapes = self.network.output_shapes()
        for name, grid in self.rounds.items():
            entry = f"{grid}.log_step"
            if entry in self.params:
                ends = _relative(self.start[grid], grid)
                g = gradient_scale(int(np.prod(shapes[name])), max(map(abs, ends)))
                grads[entry] = grads.get(entry, 0) + raw[f"{name}.step"] * self.step(grid) * g
        return grads

    def _weights_backward(self, dy: Array, y: Array, name: str) -> tuple[Array, Array]:
        w, step, grid = self.params[name], self.step(name), self.start[name]
        if not isinstance(grid, Signs):
            return fake_quantize_backward(dy, w, y, step, *_relative(grid, name), self.rule)
        total = np.einsum("fk,fk->f", dy.reshape(len(w), -1), y.reshape(len(w), -1)) / step
        return dy * (np.abs(w) <= 2 * by_channel(step, w)), total if step.ndim else np.asarray(total.sum())

    def activations(self, x: Array) -> Arrays:
        """The output of every layer and rounding by name, and "input", the images as rounded."""
        x = fake_quantize(x, self.step("input"), *_relative(self.start["input"], "input"))
        return {"input": x} | self.network.with_params(self.quantized()).activations(x)

    def probed(self, names: Collection[str]) -> Self:
        """The same function of the same arrays, with a probe behind each of the named layers."""
        return replace(self, network=self.network.probed(names))

    def probes(self, caches: Any) -> dict[str, Seen]:
        """What the probes keep of a forward, by the names of the layers before them."""
        return self.network.probes(caches[1])

    def statistics(self, caches: Any) -> Arrays:
        """Nothing: there are no batch norms here."""
        return {}

    def grids(self) -> dict[str, Grid]:
        """The grids with the steps learned so far, as `lower` wants them."""
        grids = {name: grid.with_scale(self.step(name)) for name, grid in self.start.items()}
        return grids | {
            f"{block.name}.w": grids[f"{block.name}.w"].for_weights(self.params[f"{block.name}.w"])
            for block in self._blocks
        }

    def model(self) -> Sequential:
        """The float network with the weights learned so far, as `lower` wants it."""
        return self.source.with_params({name: self.params[name] for name in self.source.params})
