"""What does one equation do after training: how much can each layer lose, and how well are weights rounded?

The best that a layer's other weights can do after one of them was set to another value is the same for a
weight that goes and for one that is rounded (`quant/rounding/surgeon.py`). So here is, for the seed's float
network of `pruning.py` and without any label: each layer alone without a share of its weights, the others of
the layer refitted; and all weights rounded to 4, 3 and 2 bits by the surgeon, beside rounding to nearest and
AdaRound with its descent, on the same images and grids, with the seconds of a core that each takes.

Rows of layers: {"layer", "share", "seed", "float_errors", "errors"}, errors in float; rows of rounding:
{"rounding", "weight_bits", "seed", "float_errors", "errors", "bytes", "seconds"}, errors of the engine.
"""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.sets import MNIST, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread
from pruning import CALIBRATION, QUICK_IMAGES, SETTINGS, above_float, in_float

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.quant.choose.auto import grids_for, post_train
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.rounding.prune import pruned_alone
from tinyzip.train.evaluate import predict

SHARES = 0.5, 0.7, 0.8, 0.9, 0.95, 0.98
METHODS, BITS = {"bias": "nearest", "surgeon": "surgeon", "adaround": "AdaRound"}, (4, 3, 2)


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A row for each layer and share, and for each rounding and number of bits."""
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    net, seen = in_float(folder, train, seed, quick, on), train.images[:CALIBRATION]
    found: Row = {"seed": seed, "float_errors": int((predict(net, test.images) != test.labels).sum())}
    rows = []
    for layer, share, arrays in pruned_alone(net, seen, SHARES):
        classes = predict(net.with_params({**net.params, **arrays}), test.images)
        rows.append(
            {"layer": layer, "share": share} | found | {"errors": int((classes != test.labels).sum())}
        )
    for bits in BITS:
        grids = grids_for(net, seen, bits, 8)
        for method, name in METHODS.items():
            start = time.process_time()
            rounded, _ = post_train(net, seen, bits, grids, method)
            seconds, program = time.process_time() - start, lower(rounded, grids)
            errors = int((classify(program, test.images, 1) != test.labels).sum())
            row = {"rounding": name, "weight_bits": bits} | found | {"errors": errors}
            rows.append(row | {"bytes": len(archive.pack(program)), "seconds": seconds})
    return rows


def as_table(rows: list[Row]) -> str:
    """Errors above float, mean ± standard deviation over seeds: of each layer, and of each rounding."""
    layers, rounded = ([row for row in rows if key in row] for key in ("layer", "rounding"))
    start = [found[0]["float_errors"] for found in grouped(rows, "seed").values()]
    lines = [["one layer alone", *(f"{share:.0%}" for (share,) in grouped(layers, "share"))]]
    for (layer,), found in grouped(layers, "layer").items():
        lines.append([layer, *map(above_float, grouped(found, "share").values())])
    others = [["rounding", *(f"{bits} bits" for (bits,) in grouped(rounded, "weight_bits")), "seconds"]]
    for (name,), found in grouped(rounded, "rounding").items():
        seconds = f"{np.mean([row['seconds'] for row in found]):.2f}"
        others.append([name, *map(above_float, grouped(found, "weight_bits").values()), seconds])
    return f"float: {spread(start)} errors; above that\n{aligned(lines)}\n\n{aligned(others)}"


def plot_layers(rows: list[Row], path: Path) -> None:
    """Errors above float against the share that a layer alone loses, a line for each layer."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 4)
    ax = axes[0, 0]
    for (layer,), found in grouped([row for row in rows if "layer" in row], "layer").items():
        cells = grouped(found, "share")
        above = [np.mean([row["errors"] - row["float_errors"] for row in cell]) for cell in cells.values()]
        ax.plot([100 * share for (share,) in cells], above, label=layer)
    ax.set(xlabel="weights of the layer that are gone, percent", ylabel="errors above float")
    ax.set_yscale("symlog", linthresh=10)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "surgeon", quick, 3, of_rows=6), words)
    told = SETTINGS[args.on]
    recipe = f"float: {told.epochs[0]} epochs, {told.rates[0]}, batches of {told.batch}, {told.others[1]}"
    rows = rows_of(args, one_seed, recipe)
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_layers(rows, args.out / "layers.png")


if __name__ == "__main__":
    run_as_script("surgeon", main)
