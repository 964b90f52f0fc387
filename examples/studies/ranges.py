"""Where should a grid begin and end? Every rule for a range, on the activations and weights of one network.

The seed's network is trained, and each rule of `quant.grids.ranges` finds a range for the output of every
layer, for 8, 4, 3 and 2 bits. What rounding to these grids costs is measured on the test images, which no
rule has seen: decibels of signal above noise, a mean over the layers, and errors above those in float, with 8
bits for images, weights and logits. This is done twice: with a calibration set as it is, and with one in
which a single image is twenty times too bright, since a rule for ranges is also a rule for what to disregard.

Weights have no outliers of that kind and are all at hand. There rules per tensor are compared with scales for
each output channel, and these with the nearest powers of two, which spare the engine its multiplier.

With several seeds all this is done for each, and means ± deviations are printed. A star marks the best of
each column. The picture shows the error against where one cuts, and each rule's cut.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import plots
from parts.sets import MNIST, ROWS, Moved, add_set, read, seed_of
from parts.study import spread

from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned
from tinyzip.nn.models import seed_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.blocks import Block, blocks_of
from tinyzip.quant.grids.calibrate import activation_grids, fit_biases, inputs, weight_grids
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.histogram import Histogram
from tinyzip.quant.grids.powers import power_of_two_grids
from tinyzip.quant.grids.ranges import METHODS, RULES, MinMax, MovingAverage, Range, range_of
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import Dataset, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

Array = NDArray[Any]
BITS = (8, 4, 3, 2)
NAMES = {
    "minmax": "min-max",
    "average": "moving average",
    "percentile": "percentile",
    "mse": "least squares",
    "entropy": "entropy",
    "aciq": "ACIQ",
    "octav": "OCTAV",
}
CALIBRATION, BRIGHT = 1000, 20.0  # images; what the pixels of one of them are multiplied by


class Setting(NamedTuple):
    """How the network is trained on a set, and how many seeds are usual."""

    epochs: int
    lr: float
    batch: int
    augment: Augmentation | None
    seeds: int


SETTINGS = {MNIST: Setting(3, 4e-3, 128, None, 1), ROWS: Setting(20, 2e-2, 32, Moved(2), 6)}


class Row(NamedTuple):
    """One measurement; `errors` above float, None for weights."""

    stream: str
    rule: str
    bits: int
    decibels: float
    errors: int | None = None


def decibels(signal: Array, rounded: Array) -> float:
    """10·log₁₀(Σ x² / Σ (x̂ − x)²)."""
    noise = (rounded.astype(np.float64) - signal) ** 2
    return float(10 * np.log10((signal.astype(np.float64) ** 2).sum() / noise.sum()))


def with_a_bright_image(images: Array) -> Array:
    """Floats (N, C, H, W), the middle one `BRIGHT` times as bright."""
    floats = np.moveaxis(to_input(images), -1, 0).copy()
    floats[len(floats) // 2] *= BRIGHT
    return floats


class Stream:
    """A stream of values as every rule sees it: once."""

    def __init__(self, batches: Iterable[Array]) -> None:
        self.histogram = Histogram()
        self.observers = {"minmax": MinMax(), "average": MovingAverage()}
        for batch in batches:
            for watch in (self.histogram, *self.observers.values()):
                watch.observe(batch)

    def ranges(self, bits: int) -> dict[str, Range]:
        """The range by every rule."""
        found = {rule: watch.range() for rule, watch in self.observers.items()}
        return found | {rule: range_of(self.histogram, rule, bits) for rule in RULES}

    def noise(self, ends: Range, bits: int) -> float:
        """Σ (x̂ − x)² / Σ x² on the grid of this range."""
        bins = self.histogram.filled()
        return bins.error_at_most(Grid.affine(*ends, bits)) / float(bins.squares.sum())


def outputs(model: Sequential, blocks: Iterable[Block], images: Array) -> Iterator[dict[str, Array]]:
    """What each block gives after its ReLU, by its name, a shard of images at a time."""
    for x in inputs(model, images):
        found = model.activations(x)
        yield {b.name: b.clamped(found[b.output]) for b in blocks}


def activations(model: Sequential, images: Array, test: Dataset, stream: str) -> Iterator[Row]:
    """Every rule on the activations of `images`, judged on the test images."""
    *hidden, _ = blocks_of(model)
    shards = list(outputs(model, hidden, images))
    streams = {block.name: Stream(shard[block.name] for shard in shards) for block in hidden}
    judged = next(outputs(model, hidden, test.images))
    float_errors = int((predict(model, test.images) != test.labels).sum())
    others = weight_grids(model) | activation_grids(model, test.images[:CALIBRATION])
    for bits in BITS:
        ranges = {name: seen.ranges(bits) for name, seen in streams.items()}
        for rule in METHODS:
            grids = {name: Grid.affine(*found[rule], bits) for name, found in ranges.items()}
            quality = [decibels(judged[name], grid.round_trip(judged[name])) for name, grid in grids.items()]
            fake = FakeQuantized.create(model, fit_biases(model, others | grids), "straight-through")
            errors = int((predict(fake, test.images) != test.labels).sum()) - float_errors
            yield Row(stream, NAMES[rule], bits, float(np.mean(quality)), errors)


def weights(model: Sequential, images: Array) -> Iterator[Row]:
    """Every rule on the weights per tensor, then scales per channel, at last powers of two.

    Power-of-two scales make room for biases, whose unit depends on the activations; hence the images.
    """
    arrays = {f"{block.name}.w": model.params[f"{block.name}.w"] for block in blocks_of(model)}
    streams = {name: Stream([w]) for name, w in arrays.items()}
    others = activation_grids(model, images)
    for bits in BITS:
        ways: dict[str, Mapping[str, Grid]] = {}
        ranges = {name: seen.ranges(bits) for name, seen in streams.items()}
        for rule in METHODS:
            if rule != "average":  # there is one batch
                ways[NAMES[rule]] = {
                    name: Grid.symmetric(max(map(abs, found[rule])), bits) for name, found in ranges.items()
                }
        ways["min-max, per channel"] = weight_grids(model, bits, "minmax")
        best = weight_grids(model, bits, "mse")
        ways["least squares, per channel"] = best
        ways["power of two, per channel"] = power_of_two_grids(model, others | best)
        for way, grids in ways.items():
            quality = [decibels(w, grids[name].round_trip(w)) for name, w in arrays.items()]
            yield Row("weights", way, bits, float(np.mean(quality)))


def as_table(rows: list[Row], stream: str) -> str:
    """A line for each rule, a column for each number of bits; stars at the best of a column."""
    cells: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row.stream == stream:
            cells.setdefault((row.rule, row.bits), []).append(row)
    quality = {key: mean(row.decibels for row in cell) for key, cell in cells.items()}
    errors = {key: [row.errors for row in cell if row.errors is not None] for key, cell in cells.items()}
    lines = [(stream, *(f"{bits} bits" for bits in BITS))]
    for rule in dict.fromkeys(rule for rule, _ in cells):
        line = [rule]
        for bits in BITS:
            own = [row.decibels for row in cells[rule, bits]]
            most = max(quality[key] for key in cells if key[1] == bits)
            cell = f"{spread(own)} dB{star(quality[rule, bits] >= most - 0.05)}"
            if found := errors[rule, bits]:
                fewest = min(sum(errors[key]) for key in cells if key[1] == bits)
                text = spread(found, "+,.0f" if len(found) == 1 else "+,.1f")
                cell += f"{text:>{7 if len(found) == 1 else 16}}{star(sum(found) == fewest)}"
            line.append(cell)
        lines.append(tuple(line))
    return aligned(lines)


def star(best: bool) -> str:
    """A star, or a space as wide."""
    return "*" if best else " "


def plot_cuts(model: Sequential, images: Array, path: Path) -> None:
    """Noise against the cut, one line for each number of bits; each rule's cut is a marker on it."""
    conv = list(blocks_of(model))[1]
    figure, axes = plots.new_figure(1, 2, plots.WIDTH, 5.2)
    for ax, seen, title in (
        (axes[0, 0], Stream(shard[conv.name] for shard in outputs(model, [conv], images)), "activations"),
        (axes[0, 1], Stream([model.params[f"{conv.name}.w"]]), "weights"),
    ):
        low, high = seen.ranges(8)["minmax"]
        reach = max(-low, high)
        cuts = np.geomspace(0.03, 1, 120)
        for bits, color in zip(BITS, plots.COLOURS, strict=False):
            curve = [
                seen.noise((max(low, -cut * reach), min(high, cut * reach)), bits) for cut in cuts.tolist()
            ]
            ax.plot(cuts, curve, color=color, marker="", label=f"{bits} bits")
            for (rule, ends), marker in zip(seen.ranges(bits).items(), plots.MARKERS, strict=True):
                place = max(map(abs, ends)) / reach, seen.noise(ends, bits)
                label = NAMES[rule] if bits == BITS[-1] else None
                ax.plot(*place, marker, color=color, label=label, markersize=8, alpha=0.8)
        ax.set(xscale="log", yscale="log", title=f"{title} of {conv.name}")
        ax.set(xlabel="cut, as a part of the largest magnitude")
        ax.set_xticks([0.03, 0.1, 0.3, 1], ["3 %", "10 %", "30 %", "all"])
        ax.minorticks_off()
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel("mean squared error, as a part of the mean square")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one epoch on 2,000 images, 500 test images")
    add_set(parser)
    parser.add_argument(
        "--seeds", "--seed", type=seed_of, nargs="+", help="0, on digits1d 0 … 5 without --quick"
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="a folder for ranges.png")
    parser.add_argument("--json", type=Path, help="where to write all rows for machines")
    args = parser.parse_args(words)

    told = SETTINGS[args.on]
    found: dict[str, list[Row]] = {"activations": [], "one bright image": [], "weights": []}
    for seed in args.seeds or range(1 if args.quick else told.seeds):
        train, test = read(args.on, args.data, seed)
        if args.quick:
            train, test = (d[:n] for d, n in ((train, 2000), (test, 500)))
        shape = to_input(train.images[:1]).shape[:3]
        model, _ = fit(
            seed_net(np.random.default_rng(seed), shape, train.classes),
            train.images,
            train.labels,
            rng=np.random.default_rng(seed),
            epochs=1 if args.quick else told.epochs,
            batch=told.batch,
            schedule=one_cycle(told.lr),
            augment=told.augment,
        )
        errors = int((predict(model, test.images) != test.labels).sum())
        print(f"seed {seed}: {errors:,} errors of {len(test):,} test images in float", flush=True)
        images = train.images[:CALIBRATION]
        bright = with_a_bright_image(images)
        found["activations"] += activations(model, images, test, "activations")
        found["one bright image"] += activations(model, bright, test, "one bright image")
        found["weights"] += weights(model, images)
    rows = [row for own in found.values() for row in own]
    for stream in found:
        print(f"\n{as_table(rows, stream)}", flush=True)
    if plots.available(("matplotlib",)):
        args.out.mkdir(parents=True, exist_ok=True)
        plot_cuts(model, images, args.out / "ranges.png")
    if args.json:
        write_atomically(args.json, [(json.dumps([row._asdict() for row in rows], indent=1) + "\n").encode()])


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"ranges: {error}")
    except KeyboardInterrupt:
        sys.exit("\nranges: stopped")
