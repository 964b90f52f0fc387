"""Is one convolution that is used three times worth more than three that are smaller?

    python examples/studies/shared.py                   MNIST, three seeds: three hours of one core
    python examples/studies/shared.py --on digits1d     digits of one row: five minutes

A file of half a kilobyte has room for few weights. A layer that is used again costs no bytes, and makes the
network deeper. So after a first convolution come three of the same width, and either each has weights of its
own, or all three have the same ones and more channels, so that both have as many weights to store:

    apart         F₁, F₂, F₃, F₄ channels, the recipes of `smallest.py` for a budget of bytes
    shared        F channels everywhere, w₂ = w₃ = w₄, whose gradient is the sum of the three; each use has a
                  batch norm of its own, and so a scale and a bias for each channel, which a file has to hold
    shared plain  the same without norms: a bias for each use and channel, and nothing else
    apart plain   the first without norms

All are trained with real numbers, by teachers and on views as in `smallest.py`, at the best of RATES on the
validation images. Weights are those that a file would hold: each once, and without biases and scales, which
are counted beside.

Rows: {"budget", "net", "seed", "channels", "weights", "scales", "rate", "validation", "train", "errors"}:
errors in percent on images for validation, for training (as they are) and for the test.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from typing import Any, Self

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts.sets import MNIST, ROWS
from parts.smallest_recipes import BATCH, SETTINGS, digits_net
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread
from smallest import Bench

from tinyzip.base.table import aligned
from tinyzip.nn.layers import BatchNorm, Conv2d
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.through import Through
from tinyzip.train.data import Dataset
from tinyzip.train.evaluate import evaluate
from tinyzip.train.optim import AdamW

Array = NDArray[Any]
BUDGETS = {MNIST: (512, 1024), ROWS: (256, 512)}
WIDTHS = {MNIST: {512: 12, 1024: 22}, ROWS: {256: 12, 512: 19}}  # of the shared ones: about as many weights
LOOKS = 12
RATES = (6e-2, 2e-2, 6e-3)
NETS = "apart", "shared", "apart plain", "shared plain"


@dataclass(frozen=True)
class Tied(Through[Sequential]):
    """A network in which some arrays are the same as another one: {"conv3.w": "conv2.w"}."""

    ties: dict[str, str]

    @property
    def params(self) -> dict[str, Array]:
        return {name: array for name, array in self.network.params.items() if name not in self.ties}

    def trainable(self) -> Iterable[str]:
        return (name for name in self.network.trainable() if name not in self.ties)

    def with_params(self, params: Mapping[str, Array]) -> Self:
        same = {name: params[other] for name, other in self.ties.items()}
        return replace(self, network=self.network.with_params({**params, **same}))

    def arrays(self) -> dict[str, Array]:
        return {name: self.network.params[other] for name, other in self.ties.items()}

    def backward(self, dz: Array, caches: Any, **how: Any) -> dict[str, Array]:
        """The gradient of an array is the sum of those of its uses."""
        applied, inner = caches
        grads = dict(applied.backward(dz, inner, **how))
        for name, other in self.ties.items():
            grads[other] = grads[other] + grads.pop(name)
        return grads


def network(net: str, channels: tuple[int, ...], bench: Bench) -> Sequential | Tied:
    """One of NETS before its training."""
    rng = np.random.default_rng([bench.seed, 4])
    made = digits_net(channels, rng, bench.shape, bench.classes)
    if "plain" in net:
        layers = {
            name: replace(layer, bias=True) if isinstance(layer, Conv2d) else layer
            for name, layer in made.layers.items()
            if not isinstance(layer, BatchNorm)
        }
        made = Sequential.create(layers, bench.shape, rng)
    if "shared" not in net:
        return made
    ties = {f"conv{k}.w": "conv2.w" for k in range(3, len(channels) + 1)}
    tied = Tied(made, ties)
    return tied.with_params(tied.params)


def counted(model: Sequential | Tied) -> tuple[int, int]:
    """(weights, scales and biases) that a file holds."""
    weights = sum(array.size for name, array in model.params.items() if name.endswith(".w"))
    inner = model.network if isinstance(model, Tied) else model
    outputs = sum(array.shape[0] for name, array in inner.params.items() if name.endswith(".w"))
    norms = [layer.C for layer in inner.layers.values() if isinstance(layer, BatchNorm)]
    return weights, outputs + sum(norms)


def share(model: Any, dataset: Dataset) -> float:
    """Errors in percent."""
    return 100 * evaluate(model, dataset.images, dataset.labels) / len(dataset.labels)


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """All nets for all budgets, the test images read after all has been trained."""
    bench = Bench(folder, data, seed, quick, on)
    bench.teach()
    found = []
    for budget in BUDGETS[on]:
        recipe = SETTINGS[on].recipes[budget]
        *seen, objective = bench.see(recipe)
        for net in NETS:
            width = WIDTHS[on][budget]
            channels = (width,) * len(recipe.channels) if "shared" in net else recipe.channels
            tried = []
            for rate in RATES[1:2] if quick else RATES:
                how: dict[str, Any] = {"optimizer": AdamW(weight_decay=0.0), "batch": BATCH}
                start, name = network(net, channels, bench), f"{budget}-{net}-{rate:g}".replace(" ", "-")
                model = bench.learn(name, start, *seen, LOOKS, rate, objective=objective, **how)
                valid = share(model, bench.validation)
                tried.append((valid, rate, model))
            found.append((budget, net, channels, *min(tried, key=lambda each: each[0])))
    rows = []
    for budget, net, channels, valid, rate, model in found:
        weights, scales = counted(model)
        rows.append(
            {
                "budget": budget,
                "net": net,
                "seed": seed,
                "channels": list(channels),
                "weights": weights,
                "scales": scales,
                "rate": rate,
                "validation": valid,
                "train": share(model, bench.train),
                "errors": share(model, bench.test),
            }
        )
    return rows


def as_table(rows: list[Row]) -> str:
    """A line for each network: means over the seeds, in percent."""
    lines = [("budget", "network", "channels", "weights", "scales, biases", "training", "validation", "test")]
    for (budget, net), own in grouped(rows, "budget", "net").items():
        kinds = (spread([row[key] for row in own], ".2f") for key in ("train", "validation", "errors"))
        channels = ", ".join(map(str, own[0]["channels"]))
        scales = f"{mean(row['scales'] for row in own):,.0f}"
        lines.append((f"{budget:,}", net, channels, f"{own[0]['weights']:,}", scales, *kinds))
    return aligned(lines, words=(1, 2))


def main(words: list[str] | None = None) -> None:
    parser = options(__doc__, "shared", "one seed, one look, one rate", 3, of_rows=3)
    args = ask(parser, words)
    rates = f"{RATES}, {LOOKS} looks, {WIDTHS[args.on]}"
    print(as_table(rows_of(args, one_seed, rates)))


if __name__ == "__main__":
    run_as_script("shared", main)
