"""How many weights can go, and which ones?

The seed's network in float is the start of everything. After training, without labels, weights go by their
size, and the others stay as they are; or by the surgeon, who lets the others make up for them; and the rest
is rounded to 8 bits by the surgeon. Or the network is trained on with 4 bits while it loses its weights: at
once, or gradually; by size, or by second derivatives; one by one, or in units; from labels alone, or as the
student of a wider network as well; and then with values that the weights of a layer share, as codes of 8
bits. Where a row has several shares, each training goes on from the one before, so that the last has had
the most epochs. Activations always have 8 bits.

Rows: {"way", "share", "weight_bits", "seed", "float_errors", "errors", "bytes", "zeros"}: errors of the test
images, bytes of the packed program, and the share of its weight codes that are 0.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.distill import student
from tinyzip.integer import Program
from tinyzip.nn.models import seed_net, wide_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.auto import grids_for, post_train
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.classify import classify
from tinyzip.quant.codebook import Shared
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.lower import lower
from tinyzip.quant.masks import keep
from tinyzip.quant.prune import curvature, prune
from tinyzip.quant.pruned import Pruned
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

CALIBRATION, QUICK_IMAGES = 1000, 300
COLOURS = 7  # of lines before they come again
AFTER = "the smallest, others as they are", "the surgeon's"
CURVED, COUNT = "gradually, by second derivatives", 16
TAUGHT, SHARED = f"{CURVED}, and a teacher", f"{CURVED}, then {COUNT} values"


class Way(NamedTuple):
    """How a network loses weights while it trains.

    shares   one after the other
    options  of `Pruned.create`
    last     the layer that gives the logits may lose weights, too
    """

    shares: tuple[float, ...]
    options: dict[str, Any] = {}  # noqa: RUF012
    last: bool = True


class Setting(NamedTuple):
    """How a set is learned.

    epochs  of the float networks, and for each share
    rates   the highest learning rates of both
    others  how images are distorted: for the teacher, the float network, and pruning
    part    of the steps in which weights go
    after   shares after training
    """

    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch: int
    others: tuple[Augmentation, Augmentation, Augmentation]
    part: float
    after: tuple[float, ...]
    ways: dict[str, Way]


SHARES = (0.8, 0.9, 0.95)
SETTINGS = {
    MNIST: Setting(
        (12, 8),
        (4e-3, 4e-3),
        128,
        (
            Augment(shift=2, rotation=15, scale=0.15, elastic=(20, 4)),
            Augment(shift=2, rotation=12, scale=0.1),
            Augment(shift=1, rotation=8, scale=0.06),
        ),
        2 / 3,
        (0.5, 0.7),
        {CURVED: Way(SHARES, {"curvature": True})},
    ),
    ROWS: Setting(
        (20, 4),
        (3e-2, 2e-2),
        64,
        (Moved(2), Moved(2), Moved(2)),
        2 / 3,
        (0.5, 0.7),
        {
            "at once": Way(SHARES, {"at once": True}),
            "gradually": Way((0.5, *SHARES)),
            CURVED: Way(SHARES, {"curvature": True}),
            TAUGHT: Way(SHARES, {"curvature": True}),
            SHARED: Way((0.9,)),
            "2 of 4 in a row": Way((0.5,), {"pattern": 4}),
            "whole kernels": Way((0.5, 0.8), {"pattern": "kernels"}),
            "whole filters": Way((0.5,), {"pattern": "filters"}, last=False),
        },
    ),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    ways = "".join(f"\n{name}: {way}" for name, way in told.ways.items())
    return f"{told._replace(ways={})}{ways}"


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A row for each way and each share."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape, seen = to_input(train.images[:1]).shape[:3], train.images[:CALIBRATION]
    strong, medium, light = told.others
    floats, epochs = (1 if quick else count for count in told.epochs)

    def learn(
        name: str, model: Any, count: int, lr: float, how: Callable[..., Any] = fit, **more: Any
    ) -> Any:
        rng = np.random.default_rng([seed, 1])
        told_all = {"images": train.images, "labels": train.labels, "rng": rng, "epochs": count}
        return trained(folder, name, how, model, **told_all, batch=told.batch, schedule=one_cycle(lr), **more)

    def row(way: str, share: float, bits: int, program: Program) -> Row:
        codes = np.concatenate([o.w.ravel() for o in program.operators if hasattr(o, "w")])
        errors = int((classify(program, test.images, 1) != test.labels).sum())
        found = {"way": way, "share": share, "weight_bits": bits, "seed": seed, "float_errors": in_float}
        return found | {
            "errors": errors,
            "bytes": len(archive.pack(program)),
            "zeros": round(float((codes == 0).mean()), 4),
        }

    first = np.random.default_rng([seed, 2])
    net = learn("float", seed_net(first, shape, train.classes), floats, told.rates[0], augment=medium)
    in_float = int((predict(net, test.images) != test.labels).sum())
    rows = []
    for way in AFTER:
        for share in (0.0, *told.after):
            thin = prune(net, seen, share) if way != AFTER[0] else smallest_removed(net, share)
            rows.append(row(way, share, 8, lower(*post_train(thin, seen, 8, 8, "surgeon"))))
    grids = grids_for(net, seen, 4, 8)
    networks: dict[tuple[str, float], FakeQuantized] = {}
    steps = epochs * -(-len(train) // told.batch)
    for name, way in told.ways.items():
        fake, before = FakeQuantized.create(net, grids), 0.0
        how: Callable[..., Any] = fit
        if name == TAUGHT:
            wide = wide_net(np.random.default_rng([seed, 2]), shape, train.classes)
            teacher = learn("teacher", wide, floats, told.rates[0], augment=strong)
            how = partial(student.train, teacher=teacher, soft=0.7, temperature=3.0, loss="kl")
        for share in way.shares:
            if name == SHARED:
                thin = networks[CURVED, share].model()
                even = calibrate(thin, seen, 8, 8, per_channel=False)
                book = Shared.create(FakeQuantized.create(thin, even, "straight-through"), COUNT)
                made = learn(f"{name}, {share:g}", book, epochs, told.rates[1], augment=light).applied()
                rows.append(row(name, share, 8, lower(made.model(), made.grids())))
                continue
            more = dict(way.options)
            end = 0 if more.pop("at once", False) else int(told.part * steps)
            if more.get("curvature"):
                more["curvature"] = curvature(fake.model(), seen)
            if not way.last:
                more["names"] = [f"{layer}.w" for layer in ("conv1", "conv2", "fc1")]
            start = Pruned.create(fake, share, first=before, end=end, **more)
            made = learn(f"{name}, {share:g}", start, epochs, told.rates[1], how, augment=light)
            fake, before = made.applied(), share
            networks[name, share] = fake
            rows.append(row(name, share, 4, lower(fake.model(), fake.grids())))
    return rows


def smallest_removed(net: Sequential, share: float) -> Sequential:
    """The network without its smallest weights, and the others as they are."""
    sizes = {name: np.abs(array) for name, array in net.params.items() if name.endswith(".w")}
    masks = keep(sizes, share)
    return net.with_params({**net.params, **{name: net.params[name] * mask for name, mask in masks.items()}})


def as_table(rows: list[Row]) -> str:
    """Errors above float and bytes, a line for each way, a column for each share."""
    start = [found[0]["float_errors"] for found in grouped(rows, "seed").values()]
    shares = sorted({row["share"] for row in rows})
    lines = [["weights that go", "bits", *(f"{share:.0%}" for share in shares)]]
    for (way, bits), found in grouped(rows, "way", "weight_bits").items():
        cells = grouped(found, "share")
        line = [way, f"{bits}"]
        for share in shares:
            cell = cells.get((share,), [])
            above = spread([row["errors"] - row["float_errors"] for row in cell], "+.1f") if cell else ""
            line.append(f"{above} {np.mean([row['bytes'] for row in cell]):6,.0f}" if cell else "")
        lines.append(line)
    return f"float: {spread(start)} errors; above that, and bytes\n{aligned(lines)}"


def plot_pruning(rows: list[Row], path: Path) -> None:
    """Errors above float against the bytes of the program, a line for each way."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 5.5)
    ax = axes[0, 0]
    for number, ((way,), found) in enumerate(grouped(rows, "way").items()):
        again = {"linestyle": "--", "markerfacecolor": "white"} if number >= COLOURS else {}
        cells = grouped(found, "share").values()
        points = [[(row["bytes"], row["errors"] - row["float_errors"]) for row in cell] for cell in cells]
        size, errors = np.array([np.mean(point, axis=0) for point in points]).T
        ax.plot(size, errors, label=way, **again)
    ax.set(xlabel="bytes of the packed program", ylabel="errors above float, of the test images")
    ax.set_yscale("symlog", linthresh=10)
    ax.grid(alpha=0.3)
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "pruning", quick, 6, of_rows=4), words)
    rows = rows_of(args, one_seed, recipe(args.on))
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_pruning(rows, args.out / "pruning.png")


if __name__ == "__main__":
    run_as_script("pruning", main)
