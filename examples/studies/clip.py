"""The clip that sets the rate: does one number say how many bytes a network will take, and what does it cost?

A layer's weights have a standard deviation σ. On a grid of b bits that is clipped at c = k·σ steps are
2c/2ᵇ long, and the entropy of a density cut into short steps is its differential entropy less log₂ of a
step [Cover and Thomas 2006, theorem 8.3.1]. For a bell curve that is

    H ≈ ½·log₂(2πe·σ²) − log₂(2kσ/2ᵇ) = b − log₂ k + 1.05 bits a weight

In it b and k are one number: five bits clipped at 8σ should take as many bytes as four clipped at 4σ, and
four at 8σ fewer. So one k might set the rate of a whole network. First the table has what the file's coder
takes, in each layer, beyond the law. Then one k for all layers is compared with other ways to choose steps,

    one loss   each layer loses about the same part of its outputs' variance, as in `trellis.py`
    one price  each layer has the step that makes error + λ·bits least, by the error of the logits where this
               layer alone is rounded: for the last bit no layer pays more than another

Networks of real numbers are quantized after training, as in `trellis.py`, each weight to the nearest code.

Rows: {"network", "seed", "way": "law", "layer", "clip", "bits", "weights"}, bits by the coder for a layer
alone, or for "all"; and {…, "way": one of WAYS, "steps", "bits", "loss", "float_errors"} with each layer's
step in its σ and the error of logits of other images, in parts of their variance; "errors" of the engine in
rows near to BITS.
"""

import sys
from collections.abc import Sequence
from math import e, log, log2, pi
from pathlib import Path
from typing import Any

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
    Codes,
    Layer,
    Real,
    bits_as_it_is,
    counted,
    curve,
    layers_of,
    near,
    networks,
    program_of,
    saved,
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
WAYS = "one k", "one loss", "one price"


def law(b: int, k: float) -> float:
    """Bits a weight of a bell curve on a grid of b bits clipped at k·σ."""
    return b - log2(k) + log2(2 * pi * e) / 2 - 1


def rounded(layer: Layer, step: float, most: int = MOST) -> Codes:
    """A layer's codes (N,) of magnitudes up to `most`, for a step in its σ."""
    codes = np.rint(layer.w / (step * layer.w.std())).astype(np.int64)
    return np.clip(codes, -most, most)


def replaced(net: Sequential, layers: Sequence[Layer], steps: Sequence[float]) -> Sequential:
    """The network with these layers rounded, each with its step; means are right again, (QR2)."""
    params = dict(net.params)
    for layer, step in zip(layers, steps, strict=True):
        w, b = f"{layer.name}.w", f"{layer.name}.b"
        values = rounded(layer, step) * (step * layer.w.std() * layer.unit)
        params[w] = values.reshape(layer.shape).astype(params[w].dtype)
        params[b] = corrected_bias(net.params[b], net.params[w], params[w], layer.seen)
    return net.with_params(params)


def error(net: Sequential, other: Sequential, images: NDArray[Any]) -> float:
    """How far the logits of another network are off, in parts of the variance of the first one's."""
    z = logits(net, images).astype(np.float64)
    return float(((logits(other, images) - z) ** 2).sum() / z.var(axis=1).sum() / z.shape[1])


def cheapest_steps(bits: Real, errors: Real, price: float) -> list[float]:
    """For each layer the step of STEPS that makes error + price·bits least; both (layers, steps)."""
    return [STEPS[i] for i in (errors + price * bits).argmin(1)]


def of_law(layers: Sequence[Layer]) -> list[Row]:
    """A row for each clip and layer, and for all layers together."""
    rows: list[Row] = []
    for b, k in CLIPS:
        found = [(rounded(one, 2 * k / 2**b, 2 ** (b - 1) - 1), one.view) for one in layers]
        parts = {one.name: [pair] for one, pair in zip(layers, found, strict=True)} | {"all": found}
        for name, part in parts.items():
            weights = sum(codes.size for codes, _ in part)
            told = {"way": "law", "layer": name, "clip": [b, k]}
            rows.append(told | {"bits": bits_as_it_is(part), "weights": weights})
    return rows


def chosen(net: Sequential, layers: Sequence[Layer], seen: NDArray[Any]) -> dict[str, list[list[float]]]:
    """For each way to choose them, the steps of all layers, coarse and fine."""
    bits = [[bits_as_it_is([(rounded(one, t), one.view)]) for t in STEPS] for one in layers]
    errors = [[error(net, replaced(net, [one], [t]), seen) for t in STEPS] for one in layers]
    N = sum(one.w.size for one in layers)
    prices = [
        2 * log(2) * loss / N for loss in ERRORS
    ]  # what a bit is worth where errors fall as 4^(−bits/N)
    priced = [cheapest_steps(np.array(bits), np.array(errors), price) for price in prices]
    same, parts = [[t] * len(layers) for t in STEPS], [[t / one.w.std() for one in layers] for t in STEPS]
    return dict(zip(WAYS, (same, parts, priced), strict=True))


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """Rows for each network: of the law, and of both ways to choose steps."""
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
        for way, choices in chosen(net, layers, seen).items():
            own: list[Row] = []
            for steps in choices:
                tensors = [(rounded(one, t), one.view) for one, t in zip(layers, steps, strict=True)]
                told = {"way": way, "steps": steps, "knows": False, "bits": bits_as_it_is(tensors)}
                own.append(common | told | {"loss": error(net, replaced(net, layers, steps), others)})
            for i in near(own):
                codes = [rounded(one, t) for one, t in zip(layers, own[i]["steps"], strict=True)]
                deltas = [t * one.w.std() / 2 for one, t in zip(layers, own[i]["steps"], strict=True)]
                program = program_of(net, grids, layers, codes, deltas, 1)
                own[i]["errors"] = int((classify(program, test.images, 1) != test.labels).sum())
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
        lines = [["bits a weight, one k", *(f"{bits:g}" for bits in BITS)]]
        curves = [curve(own["one k",], "loss") for own in seeds]
        logarithms = [[10 / log(10) * np.interp(bits, *one) for one in curves] for bits in BITS]
        lines.append(["error of logits, dB", *map(spread, logarithms)])
        lines.append(["saved at the same error, %", *("" for _ in BITS)])
        for way in WAYS[1:]:
            cells = ([saved(own["one k",], own[way,], bits, "loss") for own in seeds] for bits in BITS)
            lines.append([f"  {way}", *map(spread, cells)])
        lines.append(["errors, at so many bits", *("" for _ in BITS)])
        for way in WAYS:
            ends = [[own[way,][i] for i in near(own[way,])] for own in seeds]
            told = [
                f"{spread([row['errors'] for row in of], '.0f')} at {np.mean([*map(counted, of)]):.2f}"
                for of in zip(*ends, strict=True)
            ]
            lines.append([f"  {way}", *told])
        floats = spread([own["one k",][0]["float_errors"] for own in seeds], ".0f")
        parts.append(f"{network}, {floats} errors in float\n{aligned(lines)}")
    return "\n\n".join(parts)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "clip", quick, 3, of_rows=3), words)
    print(as_table(rows_of(args, one_seed, f"{SETTINGS[args.on]}, clips {CLIPS}, {STEPS} σ, {ERRORS}")))


if __name__ == "__main__":
    run_as_script("clip", main)
