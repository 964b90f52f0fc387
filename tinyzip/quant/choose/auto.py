"""Depth: one call for those who only want the result.

    quantized = quantize(model, images)          # images: a few hundred, without labels
    quantized.program                            # to run or to pack
    print(quantized)                             # what was tried, what was chosen, and why

Each method costs more time than the one before and repairs more:

    minmax    ranges that clip nothing, nearest rounding: enough where bits abound
    mse       ranges of least squared error: clips the rare for the sake of the many
    bias      and biases shifted so that each block's mean output is right again
    surgeon   and weights rounded for the layer's output instead of each for itself, one after the other
    adaround  all of them together

"auto" tries them in this order until the probabilities of images it was not calibrated on move by less than
0.001 nats on average (KL divergence). If no method gets there, the one that moves them least is taken; then
training on the grids (`qat`) may do better.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tinyzip.base.refuse import refuse
from tinyzip.base.table import Shown, aligned
from tinyzip.distill.temperature import kl_divergence
from tinyzip.integer import Program
from tinyzip.machine.workers import Workers
from tinyzip.nn.inspected import Inspected, check_network
from tinyzip.nn.ops.checks import Array
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import Bits, Grids, activation_grids, fit_biases
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.grids.grid import Grid, check_finite
from tinyzip.quant.grids.lowbit import best_weight_grids
from tinyzip.quant.rounding.layers import adaround, correct_bias, surgeon
from tinyzip.quant.rounding.prune import Share
from tinyzip.quant.rounding.prune import prune as prune_network
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import check_shape
from tinyzip.train.evaluate import logits
from tinyzip.train.pixels import check_range, mean_of

METHODS = ("minmax", "mse", "bias", "surgeon", "adaround")
NOTHING_LEFT = 1e-3  # nats


@dataclass(frozen=True)
class Trial:
    """A method that was tried: classes changed, and mean KL divergence in nats, on the images held out."""

    method: str
    changed: int
    nats: float


@dataclass(frozen=True, repr=False)
class Quantized(Shown):
    """What `quantize` gives. Printing it tells what was tried and what was chosen.

    program  the integer program
    model    the float network as it was lowered: batch norms folded, arrays as the method left them
    grids    as it was lowered
    method   the one chosen
    why      one sentence
    trials   all that were tried, in order
    images   how many images they were judged on
    """

    program: Program
    model: Inspected
    grids: Grids
    method: str
    why: str
    trials: tuple[Trial, ...]
    images: int

    def brief(self) -> str:
        return f"{self.method!r}, {self.program!r}"

    def __str__(self) -> str:
        rows = [
            (trial.method, f"{trial.changed} of {self.images} classes changed", f"{trial.nats:.5f} nats")
            for trial in self.trials
        ]
        return f"{aligned(rows)}\nchosen: {self.method}, {self.why}"


def quantize(
    model: Inspected,
    images: Array,
    weights: Bits = 8,
    activations: Bits = 8,
    method: str = "auto",
    prune: Share = 0.0,
) -> Quantized:
    """The integer program of a float network, quantized after training.

    images       (N, H, W) or (N, C, H, W), N ≥ 2, like those to come. The first three quarters calibrate; the
                 rest judges
    weights      bits of all weights, 1 … 8, or of each block's by name (as `allocate` gives)
    activations  bits of the images and of all blocks' outputs but the logits, 2 … 8; or by name, with "input"
    method       one of `METHODS`, or "auto"
    prune        the part of all weights that is taken away first, in [0, 1), or of each block's by name.
                 Weights of one bit have no zero: for them 0
    raises       ValueError that names what is wrong: method, images, bits, share, a layer that integers lack
    """
    if method not in (*METHODS, "auto"):
        refuse("quantize: method", repr(method), f"one of {', '.join(METHODS)}, auto")
    check_network(model, "quantize: model")
    check_shape(model, images, "quantize: images")
    if len(images) < 2:
        refuse("quantize: images", "one image", "one to calibrate on and one to judge by, or more")
    check_finite(images, "quantize: images")
    if prune and 1 in (weights.values() if isinstance(weights, Mapping) else (weights,)):
        refuse("quantize: prune", "weights of 1 bit", "2 bits or more, which have a zero")
    seen = check_range(images, model.input_range, "quantize: images", model.input_mean)
    model = fold_batch_norm(model).with_input_range(seen, mean_of(images))
    with Workers():  # threads inside BLAS only get in each other's way on products this small
        return _try_methods(model, images, weights, activations, method, prune)


def _try_methods(
    model: Inspected, images: Array, weights: Bits, activations: Bits, method: str, prune: Share
) -> Quantized:
    cut = len(images) * 3 // 4
    seen, held_out = images[:cut], images[cut:]
    start = prune_network(model, seen, prune) if prune else model
    tried: list[tuple[Trial, Inspected, Grids]] = []
    for name in METHODS if method == "auto" else (method,):
        changed_model, grids = post_train(start, seen, weights, activations, name)
        trial = _judge(name, model, FakeQuantized.create(changed_model, grids, "straight-through"), held_out)
        tried.append((trial, changed_model, grids))
        if trial.nats < NOTHING_LEFT:
            break
    best, changed_model, grids = min(tried, key=lambda one: one[0].nats)
    if method != "auto":
        why = "as you asked"
    elif best.nats < NOTHING_LEFT:
        why = f"the first by which probabilities move by less than {NOTHING_LEFT} nats on average"
    else:
        why = "the one by which probabilities move least; "
        why += "training on these grids (`quant.choose.qat`) may do better"
    trials = tuple(trial for trial, *_ in tried)
    program = lower(changed_model, grids)
    return Quantized(program, changed_model, grids, best.method, why, trials, len(held_out))


def post_train(
    model: Inspected, images: Array, weights: Bits, activations: Bits | Grids, method: str
) -> tuple[Inspected, Grids]:
    """(model, grids) for `lower`, by one of `METHODS`. The model's batch norms are folded already.

    activations  bits, or the grids themselves, where they have been found before
    """
    grids = grids_for(model, images, weights, activations, "minmax" if method == "minmax" else "mse")
    if method == "bias":
        model = correct_bias(model, grids, images)
    elif method == "surgeon":
        model = surgeon(model, grids, images)
    elif method == "adaround":
        model = adaround(model, grids, images)
    return model, grids


def grids_for(
    model: Inspected, images: Array, weights: Bits, activations: Bits | Grids, ranges: str = "mse"
) -> Grids:
    """A grid for everything, down to 1 bit of weights, the logits at 8 bits. Otherwise as `calibrate`.

    activations  bits, or grids to take over
    ranges       "minmax" or "mse", for weights and activations alike
    """
    if isinstance(activations, Mapping):
        given = {name: value for name, value in activations.items() if isinstance(value, Grid)}
        activations = {name: value for name, value in activations.items() if not isinstance(value, Grid)}
    else:
        given = {}
    grids = given or activation_grids(model, images, activations, ranges)
    return fit_biases(model, grids | best_weight_grids(model, weights, ranges))


def _judge(method: str, model: Inspected, fake: FakeQuantized, images: Array) -> Trial:
    exact, z = logits(model, images, threads=1), logits(fake, images, threads=1)
    changed = int((exact.argmax(axis=0) != z.argmax(axis=0)).sum())
    return Trial(method, changed, kl_divergence(z, exact, 1.0)[0])
