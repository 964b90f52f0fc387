"""The clip that sets the rate: does one number say how many bytes a network will take, and what does it cost?

A layer's weights have a standard deviation σ. On a grid of b bits that is clipped at c = k·σ steps are
2c/2ᵇ long, and the entropy of a density cut into short steps is its differential entropy less log₂ of a
step [Cover and Thomas 2006, theorem 8.3.1]. For a bell curve that is

    H ≈ ½·log₂(2πe·σ²) − log₂(2kσ/2ᵇ) = b − log₂ k + 1.05 bits a weight

In it b and k are one number: five bits clipped at 8σ should take as many bytes as four clipped at 4σ, and
four at 8σ fewer. So one k might set the rate of a whole network. First the table has what the file's coder
takes, in each layer, beyond the law. Then one k for all layers is compared with other ways to choose steps,

    one loss   each layer loses about the same part of its outputs' variance, as in `trellis.py`
    one price  each layer has the step and the codes that make error + λ·bits least, by the error of the
               logits where this layer alone is rounded: for the last bit no layer pays more than another. At
               each step there is a choice of nearest codes and cheaper ones, by the search of `trellis.py`
    … trellis  the same, but with two grids that take turns, by a table of 8 states

Networks of real numbers are quantized after training, as in `trellis.py`; with one k and at one loss each
weight has the nearest code.

Rows: {"network", "seed", "way": "law", "layer", "clip", "bits", "weights"}, bits by the coder for a layer
alone, or for "all"; and {…, "way": one of WAYS, "steps", "bits", "loss", "float_errors"} with each layer's
step in its σ and the error of logits of other images, in parts of their variance; "errors" of the engine in
rows near to BITS.
"""

import sys
from collections.abc import Iterator, Sequence
from math import e, log, log2, pi
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts.sets import MNIST, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread
from trellis import (
    BITS,
    CALIBRATION,
    MOST,
    QUICK_IMAGES,
    SETTINGS,
    TRELLISES,
    WIDER,
    Codes,
    Layer,
    Real,
    bits_as_it_is,
    bits_known,
    counted,
    decibels,
    errors_near,
    grids_of,
    layers_of,
    multiples,
    near,
    networks,
    program_of,
    quantized,
    savings,
)

from tinyzip.base.table import aligned
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.auto import grids_for
from tinyzip.quant.classify import classify
from tinyzip.quant.lower import lower
from tinyzip.quant.rounding import corrected_bias
from tinyzip.train.evaluate import logits, predict

CLIPS = (4, 2), (4, 4), (5, 8), (4, 8), (5, 16), (4, 16)  # b and k
STEPS = tuple(4.4 * 2 ** (-i / 4) for i in range(25))  # in σ
ERRORS = tuple(2.0**-i for i in range(-4, 14))  # that prices are made for
WAYS = "one k", "one loss", "one price", "one price, trellis"
PRICES = 0.01, 0.06, 0.12  # λ of a bit in the search for codes, in squared steps; the first takes the nearest


class Choice(NamedTuple):
    """A layer's codes (N,), the Δ of `trellis.py` that they count, and by a trellis of how many states."""

    codes: Codes
    delta: float
    states: int = 1

    @property
    def grids(self) -> Codes:
        return grids_of(self.codes, TRELLISES[self.states])


def law(b: int, k: float) -> float:
    """Bits a weight of a bell curve on a grid of b bits clipped at k·σ."""
    return b - log2(k) + log2(2 * pi * e) / 2 - 1


def rounded(layer: Layer, step: float, most: int = MOST) -> Choice:
    """The codes of magnitudes up to `most` that are nearest, for a step in the layer's σ."""
    width = step * float(layer.w.std())
    codes = np.rint(layer.w / width).astype(np.int64)
    return Choice(np.clip(codes, -most, most), width / 2)


def searched(layer: Layer, states: int) -> list[Choice]:
    """For all STEPS and PRICES, what the search of `trellis.py` finds."""
    points = [(step * float(layer.w.std()), price) for step in STEPS for price in PRICES]
    deltas = [width / 2 * (WIDER if states > 1 else 1) for width, _ in points]
    prices = [price * width * width for width, price in points]
    found = quantized(layer, deltas, prices, states, states > 1)
    return [Choice(codes, delta, states) for codes, delta in zip(found, deltas, strict=True)]


def bits_of(layers: Sequence[Layer], choices: Sequence[Choice]) -> float:
    """By the file's coder; by one that knows the grid where there are two."""
    pairs = [*zip(choices, (one.view for one in layers), strict=True)]
    if choices[0].states > 1:
        return bits_known([(one.codes, view, one.grids) for one, view in pairs])
    return bits_as_it_is([(one.codes, view) for one, view in pairs])


def replaced(net: Sequential, layers: Sequence[Layer], choices: Sequence[Choice]) -> Sequential:
    """The network with what the codes of these layers mean; means are right again, (QR2)."""
    params = dict(net.params)
    for layer, one in zip(layers, choices, strict=True):
        w, b = f"{layer.name}.w", f"{layer.name}.b"
        values = multiples(one.codes, one.grids) * (one.delta * layer.unit)
        params[w] = values.reshape(layer.shape).astype(params[w].dtype)
        params[b] = corrected_bias(net.params[b], net.params[w], params[w], layer.seen)
    return net.with_params(params)


def error(net: Sequential, other: Sequential, images: NDArray[Any]) -> float:
    """How far the logits of another network are off, in parts of the variance of the first one's."""
    z = logits(net, images).astype(np.float64)
    return float(((logits(other, images) - z) ** 2).sum() / z.var(axis=1).sum() / z.shape[1])


def at_one_price(bits: Real, errors: Real, price: float) -> list[int]:
    """For each layer which of its choices makes error + price·bits least; both (layers, choices)."""
    return [int(i) for i in (errors + price * bits).argmin(1)]


def of_law(layers: Sequence[Layer]) -> list[Row]:
    """A row for each clip and layer, and for all layers together."""
    rows: list[Row] = []
    for b, k in CLIPS:
        found = [(one, rounded(one, 2 * k / 2**b, 2 ** (b - 1) - 1)) for one in layers]
        for name, pairs in {**{one.name: [(one, choice)] for one, choice in found}, "all": found}.items():
            own, choices = zip(*pairs, strict=True)
            told = {"way": "law", "layer": name, "clip": [b, k], "bits": bits_of(own, choices)}
            rows.append(told | {"weights": sum(one.w.size for one in own)})
    return rows


def chosen(
    net: Sequential, layers: Sequence[Layer], seen: NDArray[Any]
) -> Iterator[tuple[str, list[Choice]]]:
    """Each way, with what it chooses for all layers at each of its settings."""
    for step in STEPS:
        yield "one k", [rounded(one, step) for one in layers]
        yield "one loss", [rounded(one, step / float(one.w.std())) for one in layers]
    N = sum(one.w.size for one in layers)
    for way, states in zip(WAYS[2:], (1, 8), strict=True):
        found = [searched(one, states) for one in layers]
        bits = [[bits_of([one], [choice]) for choice in own] for one, own in zip(layers, found, strict=True)]
        errors = [
            [error(net, replaced(net, [one], [choice]), seen) for choice in own]
            for one, own in zip(layers, found, strict=True)
        ]
        for loss in ERRORS:
            price = 2 * log(2) * loss / N  # what a bit is worth where errors fall as 4^(−bits/N)
            places = at_one_price(np.array(bits), np.array(errors), price)
            yield way, [own[i] for own, i in zip(found, places, strict=True)]


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """Rows for each network: of the law, and of all ways to choose steps."""
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    half = min(CALIBRATION, len(train.images) // 2)
    seen, others = train.images[:half], train.images[half : 2 * half]
    rows: list[Row] = []
    for network, net in networks(folder, train, seed, quick, on):
        grids = grids_for(net, seen, 8, 8)
        layers = layers_of(net, lower(net, grids), seen)
        rows += [{"network": network, "seed": seed, **row} for row in of_law(layers)]
        common: Row = {"network": network, "seed": seed, "weights": sum(one.w.size for one in layers)}
        common["float_errors"] = int((predict(net, test.images) != test.labels).sum())
        points, own = [*chosen(net, layers, seen)], []
        for way, choices in points:
            steps = [2 * one.delta / float(layer.w.std()) for layer, one in zip(layers, choices, strict=True)]
            told = {"way": way, "steps": steps, "bits": bits_of(layers, choices), "knows": False}
            own.append(common | told | {"loss": error(net, replaced(net, layers, choices), others)})
        for way in WAYS:
            places = [i for i, (name, _) in enumerate(points) if name == way]
            for i in near([own[i] for i in places]):
                choices = points[places[i]][1]
                codes, deltas = [one.codes for one in choices], [one.delta for one in choices]
                program = program_of(net, grids, layers, codes, deltas, choices[0].states)
                missed = classify(program, test.images, 1) != test.labels
                own[places[i]]["errors"] = int(missed.sum())
        rows += own
    return rows


def as_table(rows: list[Row]) -> str:
    """For each network what the coder takes beyond the law; and what one price saves. Means over seeds."""
    parts = []
    for (network,), found in grouped(rows, "network").items():
        ways = grouped(found, "way")
        lines = [["b, k", *(f"{b}, {k}" for b, k in CLIPS)]]
        lines.append(["the law, bits a weight", *(f"{law(b, k):.2f}" for b, k in CLIPS)])
        lines.append(["the coder beyond it", *("" for _ in CLIPS)])
        for (layer, weights), own in grouped(ways["law",], "layer", "weights").items():
            clips = grouped([row | {"clip": tuple(row["clip"])} for row in own], "clip").items()
            cells = (
                spread([counted(row, False) - law(*clip) for row in of], "+.2f") for (clip,), of in clips
            )
            lines.append([f"  {layer}, {weights:,} weights", *cells])
        parts.append(f"{network}\n{aligned(lines)}")

        seeds = [grouped(own, "way") for own in grouped(found, "seed").values()]
        one_k, one_loss, one_price, with_trellis = ([own[way,] for own in seeds] for way in WAYS)
        lines = [["bits a weight, one k", *(f"{bits:g}" for bits in BITS)]]
        lines.append(["error of logits, dB", *decibels(one_k, "loss")])
        lines.append(["saved at the same error, %", *("" for _ in BITS)])
        for way, own in zip(WAYS[1:], (one_loss, one_price, with_trellis), strict=True):
            lines.append([f"  {way}", *savings(one_k, own, "loss")])
        name = "saved by a trellis, of so many bits of one price, %"
        lines.append([name, *savings(one_price, with_trellis, "loss")])
        lines.append(["errors, at so many bits", *("" for _ in BITS)])
        for way, own in zip(WAYS, (one_k, one_loss, one_price, with_trellis), strict=True):
            lines.append([f"  {way}", *errors_near(own)])
        floats = spread([rows[0]["float_errors"] for rows in one_k], ".0f")
        parts.append(f"{network}, {floats} errors in float\n{aligned(lines)}")
    return "\n\n".join(parts)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "clip", quick, 3, of_rows=3), words)
    recipe = f"{SETTINGS[args.on]}, clips {CLIPS}, {STEPS} σ, {ERRORS}, {PRICES}"
    print(as_table(rows_of(args, one_seed, recipe)))


if __name__ == "__main__":
    run_as_script("clip", main)
