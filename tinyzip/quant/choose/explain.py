"""Depth: where did the accuracy go? A quantized network, layer by layer.

The integer program and its float network see the same images, and are compared after every block:

    signal/noise    10·log₁₀(Σ y² / Σ (ŷ − y)²) decibels, y in float, ŷ what the codes mean. Each bit less
                    costs about 6; below some 10 the layer says little of what it should
    of the weights  the same, for what the weight codes mean
    saturated       the share of outputs on the last code (and on the first, where that does not mean
                    zero). Some is normal; several percent say that the range is too narrow
    unused codes    the share of codes that no image needed. Many say that the range is too wide; half of
                    them unused is a bit paid for and not had
    first changes   of the images whose class changed: for how many the change began here. With all blocks up
                    to this one on integers and the rest in float, theirs is another class for the first time
    float recovers  of the images whose class changed: how many get it back if this one block computes in
                    float and only its output is rounded. Negative if that made it worse

The rounding of a residual block's sum shows in the block after it.

The last column says which layer deserves another bit, the one before where the trouble begins; they need
not name the same layer. Where labels are given, errors of both are counted too.

A second table says what rank, what share of weights that are 0, and what bits would be enough for a layer,
each of them alone and without training, at an error of a hundredth of the layer's output: `redundancy`.

Without a float network the program is compared with its `float_twin`: the program read back as a network,
with the weights that its codes mean. Against it only the rounding of activations shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinyzip import integer
from tinyzip.base.refuse import refuse
from tinyzip.base.table import Shown, aligned
from tinyzip.integer import Program
from tinyzip.integer.program import check_program
from tinyzip.machine.workspace import FRESH
from tinyzip.nn.chain import shapes_of
from tinyzip.nn.fast import choose
from tinyzip.nn.fast.stage import AsPrinted
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.layer import Layer
from tinyzip.nn.ops.checks import Array
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.twin import float_twin, grid_of, readable, weight_scales
from tinyzip.quant.grids.blocks import Block, blocks_of
from tinyzip.quant.grids.calibrate import inputs
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import by_channel
from tinyzip.quant.rounding.redundancy import Enough, redundancy
from tinyzip.train.data import check_labels, check_shape
from tinyzip.train.pixels import check_range

LEAST_COSINE = 0.1
COLUMNS = "layer, signal/noise, of the weights, saturated, unused codes, first changes, float recovers"


@dataclass(frozen=True)
class LayerReport:
    """One line of the table; see the module's text. Shares in [0, 1], ratios in decibels (inf: no noise)."""

    name: str
    signal_to_noise: float
    weights_signal_to_noise: float
    saturated: float
    unused: float
    first_changes: int
    recovered: int
    enough: Enough


@dataclass(frozen=True, repr=False)
class Explanation(Shown):
    """What `explain` has found. Printing it gives the table.

    layers         a line for each block, in order
    images         how many were looked at
    changed        how many of them got another class than in float
    float_errors,  how many are wrong in float and in integers, None without labels
    errors
    """

    layers: tuple[LayerReport, ...]
    images: int
    changed: int
    float_errors: int | None = None
    errors: int | None = None

    def brief(self) -> str:
        return f"{len(self.layers)} blocks, {self.changed} of {self.images} images change their class"

    def __str__(self) -> str:
        rows, enough = [tuple(COLUMNS.split(", "))], [("enough", "rank", "pruned", "bits")]
        for one in self.layers:
            noise = f"{one.signal_to_noise:.1f} dB", f"{one.weights_signal_to_noise:.1f} dB"
            codes, changes = (f"{one.saturated:.2%}", f"{one.unused:.0%}"), f"{one.first_changes}"
            rank, pruned, bits = one.enough
            rows.append((one.name, *noise, *codes, changes, f"{one.recovered:+d}"))
            enough.append((one.name, f"{rank}", f"{pruned:.0%}", f"{bits}" if bits <= 8 else "over 8"))
        end = f"{self.changed} of {self.images} images change their class"
        if self.errors is not None:
            end += f"; {self.float_errors} errors in float, {self.errors} in integers"
        return f"{aligned(rows)}\n{end}\n\n{aligned(enough)}"


def explain(
    model: Inspected | None, program: Program, images: Array, labels: Array | None = None
) -> Explanation:
    """Compare a program with its float network, block by block, on some images.

    model    the float network that was lowered, or None for the program's `float_twin`
    program  from `lower`, with the blocks' names
    images   uint8 or float, (N, H, W) or (N, C, H, W), N ≥ 1
    labels   (N,) classes, to count errors as well
    raises   ValueError for images of another shape, or a program whose operators are not the model's blocks
    """
    check_program(program, "explain: program")
    network: Inspected
    if model is None:
        program = readable(program)
        network = float_twin(program)
    else:
        check_network(model, "explain: model")
        network = fold_batch_norm(model)
    check_shape(network, images, "explain: images")
    grid = grid_of(program.input)
    check_range(images, (float(grid.low), float(grid.high)), "explain: images")
    if labels is not None:
        check_labels(labels, images, "explain: labels")
        K = network.last_shape[0]
        if labels.min() < 0 or labels.max() >= K:
            given = f"{labels.min()} … {labels.max()}"
            refuse("explain: labels", given, f"0 … {K - 1}, the program's outputs")
    operators = tuple(operator for operator in program.operators if not isinstance(operator, integer.Argmax))
    program = Program(operators, program.shape, program.input)
    blocks = {block.name: block for block in blocks_of(network)}
    weighted = [operator for operator in operators if isinstance(operator, integer.Conv2d | integer.Linear)]
    names = [operator.name for operator in weighted]
    if len(names) != len(blocks) or set(names) != set(blocks):
        refuse("explain: program", f"weighted operators {names}", f"the model's blocks, {list(blocks)}")
    for operator in weighted:
        check_same(blocks[operator.name], operator, network.params[f"{operator.name}.w"])
    rest = _Rest(network, program)
    tallies = [_Tally(network, program, rest, blocks[name]) for name in names]
    classes: list[tuple[Array, Array]] = []
    for x in inputs(network, images):
        outputs = network.activations(x)
        codes = [grid_of(program.input).quantize(x)]
        codes += integer.run(program, codes[0], trace=True)
        exact, found = outputs[list(outputs)[-1]].argmax(axis=0), codes[-1].argmax(axis=0)
        rest.see(codes)
        open_cases = exact != found
        for tally in tallies:
            open_cases = tally.see(outputs, codes, exact, found, open_cases)
        classes.append((exact, found))
    exact, found = (np.concatenate(parts) for parts in zip(*classes, strict=True))
    enough = redundancy(network.with_input_range(None), images)  # whose range has been looked at
    reports = tuple(tally.report(enough[tally.block.name]) for tally in tallies)
    changed = int((exact != found).sum())
    errors = () if labels is None else (int((exact != labels).sum()), int((found != labels).sum()))
    return Explanation(reports, len(images), changed, *errors)


def check_same(block: Block, operator: integer.Conv2d | integer.Linear, w: Array) -> None:
    """Refuse a block of another network: codes that do not even point where its weights do.

    The cosine of the angle between weights and codes is near 1 at 8 bits and above ½ at one, and without any
    relation it is 0 ± 1/√(number of weights).
    """
    argument = f"explain: model: {block.name}.w"
    if operator.w.shape != w.shape:
        refuse(argument, f"shape {w.shape}", f"{operator.w.shape}, as the program's")
    codes, rows = (part.reshape(len(w), -1).astype(np.float64) for part in (operator.w, w))
    kept = codes.any(axis=1)  # the channels that are not rounded to nothing
    if not kept.any():
        return
    parts = codes[kept], rows[kept]
    codes, rows = (part / np.abs(part).max(axis=1, keepdims=True).clip(1e-30) for part in parts)
    cosine = float((codes * rows).sum() / max(np.linalg.norm(codes) * np.linalg.norm(rows), 1e-30))
    if cosine < LEAST_COSINE:
        found = f"weights at a cosine of {cosine:.2f} to the program's"
        refuse(argument, found, "the network that the program was made of")


class _Rest:
    """Runs a network from any place on in float, with what a program wrote up to there."""

    def __init__(self, network: Inspected, program: Program) -> None:
        self.network, self.program = network, program
        run = choose.one_stage if isinstance(network, Sequential) else AsPrinted
        self.stages = {name: run(placed.layer, placed.given) for name, placed in network.every_layer.items()}
        parts = {part.name: part.output for part in blocks_of(network).every_part()}
        self.outputs = {i: parts[o.name] for i, o in enumerate(program.operators) if o.name in parts}

    def see(self, codes: list[Array]) -> None:
        """Take in a shard: what the codes of its operators mean."""
        dtype = self.network.dtype
        meant = [grid_of(c).dequantize(k) for c, k in zip(self.program.codes, codes, strict=True)]
        self.input = meant[0].astype(dtype)
        self.meant = {i: meant[i + 1].astype(dtype) for i in self.outputs}

    def answer(self, place: int) -> Array:
        """The logits, where all operators up to this one ran on integers."""
        known = {self.outputs[i]: y for i, y in self.meant.items() if i <= place}
        return self.along(self.network.layers, "", self.input, known)

    def along(self, chain: Mapping[str, Layer], way: str, x: Array, known: Mapping[str, Array]) -> Array:
        """What a chain gives for x, from the last of its layers on whose output is known."""
        names = list(chain)
        last = max((k for k, name in enumerate(names) if way + name in known), default=-1)
        x = known[way + names[last]] if last >= 0 else x
        for name in names[last + 1 :]:
            layer = chain[name]
            if isinstance(layer, Residual):
                body, shortcut = (
                    self.along(inner, f"{way}{name}.{branch}.", x, known)
                    for branch, inner in (("body", layer.body), ("shortcut", layer.shortcut))
                )
                x = layer.join(body, shortcut, {})
            else:
                p = {part: self.network.params[f"{way}{name}.{part}"] for part in layer.parameter_shapes()}
                stage = self.stages[way + name]
                x, _ = stage.forward(p, x, train=False, rng=None, workspace=FRESH)
        return x


class _Tally:
    """What is summed up for one block while images go by."""

    def __init__(self, network: Inspected, program: Program, rest: _Rest, block: Block) -> None:
        self.program, self.rest, self.block = program, rest, block
        self.place = next(i for i, o in enumerate(program.operators) if o.name == block.name)
        operator: Any = program.operators[self.place]
        (self.source,) = operator.reads(self.place)
        codes = program.codes[self.source + 1]
        self.x, self.y = grid_of(codes), grid_of(operator.y)
        w = network.params[f"{block.name}.w"]
        meant = operator.w * by_channel(weight_scales(operator, codes), w)
        self.weights = _ratio(float((w**2).sum()), float(((meant - w) ** 2).sum()))
        params = {key: network.params[key] for key in shapes_of({block.name: block.layer})}
        self.alone = type(network)({block.name: block.layer}, params, network.every_layer[block.name].given)
        self.signal = self.noise = 0.0
        self.seen = np.zeros(256, np.int64)
        self.first_changes = self.recovered = 0

    def see(
        self, outputs: dict[str, Array], codes: list[Array], exact: Array, found: Array, open_cases: Array
    ) -> Array:
        """Take in a shard; give back for which of its images the class has not changed up to this block."""
        block = self.block
        y = block.clamped(outputs[block.output])
        given = codes[self.place + 1]
        self.signal += float(np.vdot(y, y))
        self.noise += float(((self.y.dequantize(given) - y) ** 2).sum())
        self.seen += np.bincount((given.astype(np.int64) - self.y.lo).reshape(-1), minlength=256)
        changed = open_cases & (self.rest.answer(self.place).argmax(axis=0) != exact)
        self.first_changes += int(changed.sum())
        alone, _ = self.alone.forward(self.x.dequantize(codes[self.source + 1]).astype(y.dtype))
        rounded = self.y.quantize(block.clamped(alone))
        again = integer.resume(self.program, [*codes[: self.place + 1], rounded]).argmax(axis=0)
        self.recovered += int((found != exact).sum()) - int((again != exact).sum())
        return np.asarray(open_cases & ~changed)

    def report(self, enough: Enough) -> LayerReport:
        width = self.y.hi - self.y.lo + 1
        ends = self.seen[width - 1] + (self.seen[0] if self.y.lo != self.y.zero else 0)
        noise = _ratio(self.signal, self.noise), self.weights
        codes = float(ends / self.seen.sum()), float((self.seen[:width] == 0).mean())
        return LayerReport(self.block.name, *noise, *codes, self.first_changes, self.recovered, enough)


def _ratio(signal: float, noise: float) -> float:
    """10·log₁₀ of signal over noise; inf without noise, −inf without signal."""
    if noise == 0:
        return np.inf
    return 10 * float(np.log10(signal / noise)) if signal else -np.inf
