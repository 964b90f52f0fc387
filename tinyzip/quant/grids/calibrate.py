"""From a float network and some images to a grid for everything.

The grids of a network are one flat dict, keyed like its parameters:

grids["input"]      the images
grids["conv1"]      what block conv1 gives, after its ReLU and before its pooling, per tensor; so the sum of
                    a residual block
grids["gelu1"]      what the table of an activation gives (see `blocks`), per tensor
grids["conv1.w"]    its weights, symmetric, one scale for each output channel or one for all

Weights are at hand and their range is plain. Activations must be seen: the network runs on a few hundred
images, and an observer for each block (see `ranges`) watches what comes by, shard by shard. Batch norms are
folded first, since only then are the weights those that the integer engine will use. Images of bytes need
no calibration at 8 bits: they are codes already, k/255.

A bias is stored in int32 in units of s_x·s_w. A channel whose weights are tiny beside its bias would have too
small a unit for that. For such a channel, and for one without any weight, s_w is chosen from the bias:

s_w ≥ |b| / (s_x·2³⁰)                                                                      (QC1)

which still holds the bias to 30 bits, and costs precision only where weights hardly matter.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tinyzip.base.refuse import flag, refuse
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.grids.blocks import Blocks, blocks_of
from tinyzip.quant.grids.fold import checked_and_folded, fold_batch_norm
from tinyzip.quant.grids.grid import Grid, check_bits, check_finite
from tinyzip.quant.grids.ranges import observer
from tinyzip.train.data import check_shape
from tinyzip.train.images import to_input

Bits = int | Mapping[str, int]
Grids = dict[str, Grid]
WEIGHT_METHODS = ("minmax", "mse")
MOST = 64  # images in a shard
BIAS_MOST = 2.0**30
TOGETHER = 1 << 16  # weights whose trials are rounded at once


def calibrate(
    model: Inspected,
    images: Array,
    weights: Bits = 8,
    activations: Bits = 8,
    method: str = "minmax",
    weight_method: str = "minmax",
    per_channel: bool = True,
) -> Grids:
    """A grid for the input, for the output of each block and table, and for the weights of each block.

    images         uint8 or float, (N, H, W) or (N, C, H, W), N ≥ 1, finite; a few hundred will do
    weights        bits of all weights, or of each block's by name; 2 … 8
    activations    bits of the images and of all that a layer with weights reads, 2 … 8; or of each grid's by
                   name. One number leaves the logits and what only a table reads at 8: they cost no product
    method         how activations' ranges are found: one of `ranges.METHODS`
    weight_method  how weights' ranges are found: "minmax", or "mse" for the least squared error
    per_channel    one scale for each output channel, or one for each weight tensor
    raises         ValueError that names what is wrong: no images, NaN, numbers that fail (PX1), bits, a layer
                   without integer operator
    """
    model = checked_and_folded(model, images, "calibrate")
    grids = activation_grids(model, images, activations, method)
    grids |= weight_grids(model, weights, weight_method, per_channel)
    return fit_biases(model, grids)


def weight_grids(model: Inspected, bits: Bits = 8, method: str = "minmax", per_channel: bool = True) -> Grids:
    """A symmetric, narrow grid "name.w" for the weights of each block; arguments as in `calibrate`.

    "minmax": the last code means the largest |w|. "mse": it means i/100 of that, with the i from 1 to 100
    that gives the least Σ (w − dq(q(w)))²; so never worse than "minmax". Per channel each channel has its
    own i, and may also take the tensor's range; so never worse than per tensor.
    """
    flag(per_channel, "weight_grids: per_channel")
    if method not in WEIGHT_METHODS:
        refuse("weight_method", repr(method), f"one of {', '.join(WEIGHT_METHODS)}")
    model = fold_batch_norm(model)
    blocks = list(blocks_of(model))
    wanted = _bits_by_name(bits, [block.name for block in blocks], "weights")
    grids = {}
    for name, count in wanted.items():
        w = check_finite(model.params[f"{name}.w"], f"{name}.w").astype(np.float64)
        rows, tensor = w.reshape(len(w), -1), w.reshape(1, -1)
        top = np.abs(rows if per_channel else tensor).max(axis=1)
        if method == "mse":
            whole = _least_squares(tensor, count)
            top = _least_squares(rows, count, np.broadcast_to(whole, len(w))) if per_channel else whole
        grid = Grid.symmetric(top if per_channel else top[0], count)
        grids[f"{name}.w"] = grid.for_weights(model.params[f"{name}.w"])
    return grids


def activation_grids(model: Inspected, images: Array, bits: Bits = 8, method: str = "minmax") -> Grids:
    """An affine grid for the "input" and for what each block, sum and table gives; as in `calibrate`.

    What never gave anything but zeros gets scale 1.
    """
    blocks = blocks_of(model)
    wanted = activation_bits(blocks, bits)
    watch = {name: observer(method, count) for name, count in wanted.items()}
    check_shape(model, images, "images")
    check_finite(images, "images")
    for x in inputs(model, images):
        watch["input"].observe(x)
        with np.errstate(over="ignore", invalid="ignore"):  # refused below, by the block's name
            outputs = model.activations(x)
        for part in blocks.every_part():
            y = check_finite(outputs[part.output], f"output of {part.name}")
            watch[part.name].observe(part.clamped(y))
        for name in blocks.tables:
            watch[name].observe(check_finite(outputs[name], f"output of {name}"))
    grids = {name: Grid.affine(*watch[name].range(), bits=count) for name, count in wanted.items()}
    if images.dtype == np.uint8 and wanted["input"] == 8:
        grids["input"] = Grid(1 / 255, 0, 0, 255)
    return grids


def activation_bits(blocks: Blocks, bits: Bits) -> dict[str, int]:
    """Bits for each grid of activations, from one number or a number for each; as in `calibrate`."""
    if isinstance(bits, Mapping):
        return _bits_by_name(bits, blocks.grids, "activations")
    read = {*blocks.sources.values(), "input"}
    count = check_bits(bits, "activations")
    return {name: count if name in read else 8 for name in blocks.grids}


def fit_biases(model: Inspected, grids: Grids) -> Grids:
    """The same grids, with weight scales raised where a bias would not fit otherwise (QC1)."""
    fitted = dict(grids)
    blocks = blocks_of(model)
    for block in blocks:
        source = blocks.sources[block.name]
        w, b = model.params[f"{block.name}.w"], model.params.get(f"{block.name}.b")
        grid = grids[f"{block.name}.w"]
        if b is not None:
            least = np.abs(check_finite(b, f"{block.name}.b")) / (float(grids[source].scale) * BIAS_MOST)
            dead = ~w.reshape(len(w), -1).any(axis=1)
            if grid.scale.ndim == 0:
                least, dead = np.asarray(least.max()), np.asarray(dead.all())
            scale = np.where(dead & (least > 0), least, np.maximum(grid.scale, least))
            fitted[f"{block.name}.w"] = grid.with_scale(scale)
    return fitted


def inputs(model: Inspected, images: Array) -> Iterator[Array]:
    """The images as the model reads them, (C, H, W, N) in its dtype, a shard at a time."""
    for start in range(0, len(images), MOST):
        yield to_input(images[start : start + MOST]).astype(model.dtype, copy=False)


def _bits_by_name(bits: Bits, names: Iterable[str], argument: str) -> dict[str, int]:
    """Bits for each name, from one number for all or a number for each."""
    names = list(names)
    if not isinstance(bits, Mapping):
        return dict.fromkeys(names, check_bits(bits, argument))
    if bits.keys() != set(names):
        refuse(argument, f"bits for {sorted(bits)}", f"bits for each of {names}")
    return {name: check_bits(bits[name], f"{argument} of {name}") for name in names}


def _least_squares(rows: Array, bits: int, *others: Array) -> Array:
    """For each row the range of least squared error: i/100 of its own largest |w|, or one of `others`."""
    own: Array = np.abs(rows).max(axis=1)
    trials = np.stack([*(own * i / 100 for i in range(100, 0, -1)), *others])
    errors: list[Array] = []
    for part in np.array_split(trials, min(len(trials), -(-trials.size * rows.shape[1] // TOGETHER))):
        each = np.tile(rows, (len(part), 1))
        squares = (each - Grid.symmetric(part.ravel(), bits).round_trip(each)) ** 2
        errors.extend(squares.sum(axis=1).reshape(part.shape))
    best: Array = np.take_along_axis(trials, np.argmin(errors, axis=0)[None], axis=0)[0]
    return best
