"""Depth: a network that trains as if it were already integers.

`FakeQuantized` wraps a network and its grids, and is itself a model: a flat dict of arrays, forward,
backward. `train.fit` and distillation train it without knowing. A training step through it is three lines:
fake-quantize the dict, forward and backward as always, pull the gradients back through the rounding.

Its dict holds the float weights and biases under their usual names, and for each step that is learned its
logarithm: "conv1.log_step" for the activations of the block conv1, "conv1.w.log_step" for its weights,
one for each output channel. The logarithm keeps every step positive whatever the optimizer does, and makes
a change of 1 % the same move for a step of 0.001 and one of 10, which is what a per-entry optimizer like
Adam needs [Jain et al. 2020, section 3.3]. With θ = log s and LSQ's gradient scale g,

    ∂L/∂θ = g·s·∂L/∂s                                                                      (QT1)

What the engine will do is simulated:

    images       rounded to the input's grid, which is not learned: its range is known
    weights      rounded to their grids
    biases       rounded to whole multiples of s_x·s_w, the accumulator's unit; straight through
    activations  rounded by layers between the source's own: see `fake_layer`

How far can simulation and engine differ? Let D be the largest difference of codes at a block's input, Σ|w|
the largest channel sum of |code| of its weights, K the number of products, M = s_x·s_w/s_y. Both round the
same v, but for: float32 sums, off by at most ε = (K + 8)·2⁻²⁴·M·max (Σ |w·x| + |b|); the engine's multiplier,
off by a factor within 1 ± 2⁻³¹, which is less than ε again; rounding, by up to ½ in the simulation and by up
to ½ + η in the engine, where η is what a second rounding adds, 2⁻ᵉ⁻¹ with e = max(n − 31, 0), as LiteRT's
convolutions do by default (F7 of `integer.fixedpoint`); and D itself, which moves v by at most M·Σ|w|·D.
Results are whole numbers, so together

    D_next ≤ ⌊1 + η + 2ε + M·Σ|w|·D⌋                                                            (QA1)

Clamping and max pooling do not widen a difference; an average adds at most 1 by its rounding. A table t of
codes maps codes that differ by D to such as differ by (1 is for a float32 that may miss a half)

    D_next ≤ 1 + max { |t[i] − t[j]| : |i − j| ≤ D }                                           (QA2)

and a sum of codes that differ by D_x and D_o, of scales s_x and s_o, writes such as differ by

    D_next ≤ ⌊1 + η + δ + ε + (s_x·D_x + s_o·D_o)/s_y⌋                                         (QA3)

with δ what (QD8) has beside the last rounding, and ε = 2⁻²²·255·(s_x + s_o)/s_y. A product of numbers of up
to R_x and R_o steps writes such as differ by, with ε = 2⁻²²·R_x·R_o·s_x·s_o/s_y,

    D_next ≤ ⌊1 + η + ε + (R_x·D_o + R_o·D_x + D_x·D_o)·s_x·s_o/s_y⌋                           (QA4)

and a concatenation such as the worse of two tables does. So where equal codes come in
codes differ by at most one, and only where v is within η + 2ε of a half: on a trained network a few in a
million with one rounding, one in 2ᵉ⁺¹ with two. Over many layers QA1 adds up the worst of everything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import numpy as np

from tinyzip.base.refuse import refuse, said
from tinyzip.nn.described import describe
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.layer import Draws
from tinyzip.nn.layers import BatchNorm
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.blocks import Blocks, blocks_of
from tinyzip.quant.grids.grid import Grid, by_channel
from tinyzip.quant.grids.lowbit import Signs, describe_grids, grids_of
from tinyzip.quant.training import lsq, lsq_fast
from tinyzip.quant.training.fake_layer import Insertion, relative
from tinyzip.quant.training.lsq import RULES, Rule, gradient_scale
from tinyzip.quant.training.through import Through

Arrays = dict[str, Array]


@dataclass(frozen=True)
class FakeQuantized(Through[Inspected]):
    """A network whose weights, biases and activations pass through grids. Made by `create`.

    network  the source's layers with roundings between them
    source   the float network, whose arrays are only the start. Where it is printed, all this is
    start    its grids: "input", for each block "<name>" and "<name>.w", for each table and sum its name
    params   the float arrays, and the logarithms of the steps that are learned
    rule     "lsq": steps learn; "straight-through": they stay as calibrated
    rounds   for each of these roundings, the grid it uses
    """

    source: Inspected
    start: dict[str, Grid]
    params: Arrays
    rule: Rule
    rounds: dict[str, str]

    @classmethod
    def create(cls, model: Inspected, grids: Mapping[str, Grid], rule: Rule = "lsq") -> Self:
        """Wrap a float network without batch norms (fold them first) and the grids of `calibrate`.

        raises  ValueError that names the layer for a grid that is missing or has another count of channels,
                for a batch norm, and for activations with a grid per channel
        """
        if rule not in RULES:
            refuse("FakeQuantized: rule", repr(rule), f"one of {RULES}")
        check_network(model, "FakeQuantized: model")
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
                needed = "one step, or one for each channel"
                refuse(f"FakeQuantized: grids[{name!r}]", f"{scale.size} channels", needed)
            relative(grids[name], name)
            if name != "input" and rule == "lsq":
                params[f"{name}.log_step"] = np.asarray(np.log(scale), model.dtype)
        insertion = Insertion(grids, rule, blocks.tables)
        layers, rounds = insertion.chain(model.layers), insertion.source
        arrays = dict(model.params) | {f"{name}.step": np.ones((), model.dtype) for name in rounds}
        network = type(model)(layers, arrays, model.shape)
        return cls(network, model, dict(grids), params, rule, rounds)

    def printed(self) -> Self:
        """The same network on the same arrays, run as `nn.network` and `lsq` print it."""
        return replace(self, source=self.source.printed(), network=self.network.printed())

    def structure(self) -> dict[str, Any]:
        """All but the arrays, as JSON can hold it; TypeError for layers that are not of this package."""
        parts = {"source": describe(self.source), "grids": describe_grids(self.start), "rule": self.rule}
        return {"kind": "FakeQuantized"} | parts

    @classmethod
    def of_structure(cls, structure: Mapping[str, Any], params: Arrays) -> Self:
        """What `structure` described, on these arrays; ValueError or TypeError for anything else."""
        own = {name: array for name, array in params.items() if not name.endswith(".log_step")}
        source = Sequential.of_structure(structure["source"], own)
        return cls.create(source, grids_of(structure["grids"]), structure["rule"]).with_params(params)

    @property
    def input_range(self) -> tuple[float, float]:
        """Between which numbers its inputs lay in training; else the range of the input's grid."""
        grid = self.start["input"]
        return self.source.input_range or (float(grid.low), float(grid.high))

    @property
    def input_mean(self) -> float | None:
        return self.source.input_mean

    def with_input_range(self, input_range: tuple[float, float] | None, mean: float | None = None) -> Self:
        """The same network, which remembers this range; with None, that of the input's grid."""
        return replace(self, source=self.source.with_input_range(input_range, mean))

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

    def arrays(self) -> Arrays:
        """The network's dict: weights and biases rounded, and the steps of the roundings between layers."""
        arrays: Arrays = {f"{name}.step": self.step(grid) for name, grid in self.rounds.items()}
        for block in self._blocks:
            w, step, name = self.params[f"{block.name}.w"], self.step(f"{block.name}.w"), f"{block.name}.b"
            grid = self.start[f"{block.name}.w"]
            if isinstance(grid, Signs):
                arrays[f"{block.name}.w"] = np.where(w < 0, -by_channel(step, w), by_channel(step, w))
            else:
                arrays[f"{block.name}.w"] = self._round(w, f"{block.name}.w")
            if name in self.params:
                unit = self.step(self._blocks.sources[block.name]) * step
                arrays[name] = np.rint(self.params[name] / unit) * unit
        return arrays

    def forward(self, x: Array, *, train: bool = False, rng: Draws = None, **how: Any) -> tuple[Array, Any]:
        """As of its network, through the grids. x (C, H, W, N) or (C, N); z (K, N)."""
        x = self._round(x, "input", **how)
        return super().forward(x, train=train, rng=rng, **how)

    def backward(self, dz: Array, caches: Any, **how: Any) -> Arrays:
        """The gradient of every array in `params`, from dz (K, N)."""
        network, inner = caches
        raw = network.backward(dz, inner, **how)
        grads: Arrays = {}
        for block in self._blocks:
            name = f"{block.name}.w"
            dw, dstep = self._weights_backward(raw[name], network.params[name], name)
            grads[name] = dw
            if f"{name}.log_step" in self.params:
                step = self.step(name)
                g = gradient_scale(dw.size // step.size, self.start[name].hi)
                grads[f"{name}.log_step"] = np.asarray(dstep * step * g)
            if f"{block.name}.b" in self.params:
                grads[f"{block.name}.b"] = raw[f"{block.name}.b"]
        shapes = self.network.output_shapes()
        for name, grid in self.rounds.items():
            entry = f"{grid}.log_step"
            if entry in self.params:
                ends = relative(self.start[grid], grid)
                g = gradient_scale(int(np.prod(shapes[name])), max(map(abs, ends)))
                grads[entry] = np.asarray(grads.get(entry, 0) + raw[f"{name}.step"] * self.step(grid) * g)
        return grads

    def _round(self, x: Array, name: str, **how: Any) -> Array:
        """x rounded to a grid of one step, or of one for each of its channels."""
        ends = relative(self.start[name], name)
        if isinstance(self.source, Sequential):
            return lsq_fast.fake_quantize(x, self.step(name), *ends, **how)
        return lsq.fake_quantize(x, self.step(name), *ends)

    def _weights_backward(self, dy: Array, y: Array, name: str) -> tuple[Array, Array]:
        w, step, grid = self.params[name], self.step(name), self.start[name]
        if not isinstance(grid, Signs):
            ends = relative(grid, name)
            if isinstance(self.source, Sequential):
                return lsq_fast.fake_quantize_backward(dy, w, y, step, *ends, self.rule)
            return lsq.fake_quantize_backward(dy, w, y, step, *ends, self.rule)
        total = np.einsum("fk,fk->f", dy.reshape(len(w), -1), y.reshape(len(w), -1)) / step
        return dy * (np.abs(w) <= 2 * by_channel(step, w)), total if step.ndim else np.asarray(total.sum())

    def activations(self, x: Array) -> Arrays:
        """The output of every layer and rounding by name, and "input", the images as rounded."""
        x = self._round(x, "input")
        return {"input": x} | self.applied().activations(x)

    def grids(self) -> dict[str, Grid]:
        """The grids with the steps learned so far, as `lower` wants them."""
        grids = {name: grid.with_scale(self.step(name)) for name, grid in self.start.items()}
        return grids | {
            f"{block.name}.w": grids[f"{block.name}.w"].for_weights(self.params[f"{block.name}.w"])
            for block in self._blocks
        }

    def model(self) -> Inspected:
        """The float network with the weights learned so far, as `lower` wants it."""
        return self.source.with_params({name: self.params[name] for name in self.source.params})
