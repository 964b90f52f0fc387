"""How many weights can go, and which ones?

The seed's network in float is the start of everything. After training, without labels, weights go by their
size, and the others stay as they are; or by the surgeon, who lets the others make up for them; and the rest
is rounded to 8 bits by the surgeon. Or the network is trained on with 4 bits while it loses its weights: at
once, or gradually; by size, or by second derivatives; one by one, or in units; from labels alone, or as the
student of two others as well, a wider network and its own float; and then with values that the weights of a
layer share, as codes of 8 bits. Beside these: fewer bits alone, pruning with 8 bits, shared values alone.
On digits of one row each training goes on from the share before, so that the last has had the most epochs;
on MNIST each starts from the float network, and is the longer the more weights go; the largest share goes in
float, before the grids; and teachers come last. Activations always have 8 bits.

Rows: {"way", "share", "weight_bits", "seed", "float_errors", "errors", "bytes", "zeros"}: errors of the test
images, bytes of the packed program, and the share of its weight codes that are 0.
"""

import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, asked_ways, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.distill.objective import Distillation
from tinyzip.distill.teachers import Ensemble
from tinyzip.distill.transfer import record, views
from tinyzip.integer import Program
from tinyzip.nn.models import seed_net, wide_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import grids_for, post_train
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.rounding.prune import curvature, prune
from tinyzip.quant.training.codebook import Shared
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.masks import keep
from tinyzip.quant.training.pruned import Pruned
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

CALIBRATION, QUICK_IMAGES = 1000, 300
COLOURS = 7  # of lines before they come again
AFTER = "the smallest, others as they are", "the surgeon's"
CURVED, COUNT = "gradually, by second derivatives", 16
TAUGHT = f"{CURVED}, and teachers"
SHARED, BOTH = f"{CURVED}, then {COUNT} values", f"{TAUGHT}, then {COUNT} values"
BITS, ALONE, VALUES = (
    "none, fewer bits",
    "gradually, by second derivatives, with 8 bits",
    "none, shared values",
)
TOGETHER = {  # who wins where: a line of the picture, and its rows
    "fewer bits": BITS,
    "pruning, 8 bits": ALONE,
    "shared values": VALUES,
    "pruning, 4 bits": CURVED,
    "pruning, 4 bits, teachers": TAUGHT,
    "pruning, shared values": SHARED,
    "pruning, shared values, teachers": BOTH,
}
SOFT, TEMPERATURE = 0.7, 3.0


class Step(NamedTuple):
    """A training: the share of weights that are gone in its end, the bits of the others, its epochs.

    values    that the weights of a layer share, as codes of 8 bits; 0: as many as the bits allow
    epochs    0: as many as the set's setting says
    rate      the highest learning rate; 0: as the set's setting says
    in_float  epochs before these, and their rate, of a training in float in which the weights go; None: they
              go on the grids
    """

    share: float
    bits: int = 4
    values: int = 0
    epochs: int = 0
    rate: float = 0.0
    in_float: tuple[int, float] | None = None


class Way(NamedTuple):
    """How a network is trained on, one step after the other.

    options  of `Pruned.create`
    last     the layer that gives the logits may lose weights, too
    taught   by a wider network and the float network, or from labels alone
    start    the way whose network of the same share each step starts from; "": the float network
    """

    steps: tuple[Step, ...]
    options: dict[str, Any] = {}  # noqa: RUF012
    last: bool = True
    taught: bool = False
    start: str = ""
    apart: bool = False


class Setting(NamedTuple):
    """How a set is learned.

    epochs  of the float networks, and for each step
    rates   the highest learning rates of both
    others  how images are distorted: for the teacher, the float network, and pruning
    part    of the steps in which weights go
    views   of each image that teachers speak of
    after   shares after training
    """

    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch: int
    others: tuple[Augmentation, Augmentation, Augmentation]
    part: float
    views: int
    after: tuple[float, ...]
    ways: dict[str, Way]


def to(*shares: float, bits: int = 4) -> tuple[Step, ...]:
    """A step for each share."""
    return tuple(Step(share, bits) for share in shares)


SHARES, FIRST, BY_CURVATURE = (0.8, 0.9, 0.95), (0.8, 0.9), {"curvature": True}
LONGER = Step(0.8, epochs=8), Step(0.9, epochs=48), Step(0.95, epochs=24, in_float=(72, 2e-2))
TAUGHT_AFTER = tuple(Step(share, epochs=16, rate=2e-3) for share in SHARES)
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
        8,
        (0.5, 0.7),
        {
            CURVED: Way(LONGER, BY_CURVATURE, apart=True),
            TAUGHT: Way(TAUGHT_AFTER, taught=True, start=CURVED),
        },
    ),
    ROWS: Setting(
        (20, 4),
        (3e-2, 2e-2),
        64,
        (Moved(2), Moved(2), Moved(2)),
        2 / 3,
        4,
        (0.5, 0.7),
        {
            "at once": Way(to(*FIRST), {"at once": True}),
            "gradually": Way(to(0.5, *SHARES)),
            CURVED: Way(to(*SHARES), BY_CURVATURE),
            TAUGHT: Way(to(*FIRST), BY_CURVATURE, taught=True),
            SHARED: Way(tuple(Step(share, 8, COUNT) for share in FIRST), start=CURVED),
            BOTH: Way(tuple(Step(share, 8, COUNT) for share in FIRST), taught=True, start=TAUGHT),
            "2 of 4 in a row": Way(to(0.5), {"pattern": 4}),
            "whole kernels": Way(to(0.5, 0.8), {"pattern": "kernels"}),
            "whole filters": Way(to(0.5), {"pattern": "filters"}, last=False),
            ALONE: Way(to(*FIRST, bits=8), BY_CURVATURE),
            BITS: Way(tuple(Step(0.0, bits) for bits in (4, 3, 2)), apart=True),
            VALUES: Way(tuple(Step(0.0, 8, values) for values in (16, 8, 4))),
        },
    ),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    ways = "".join(f"\n{name}: {way}" for name, way in told.ways.items())
    return f"{told._replace(ways={})}\nsoft {SOFT}, T {TEMPERATURE}{ways}"


def in_float(folder: Path, train: Dataset, seed: int, quick: bool, on: str) -> Sequential:
    """The seed's network before anything goes, from its file in the folder, or trained now."""
    told, rng = SETTINGS[on], np.random.default_rng([seed, 1])
    start = seed_net(np.random.default_rng([seed, 2]), to_input(train.images[:1]).shape[:3], train.classes)
    how: dict[str, Any] = {"images": train.images, "labels": train.labels, "batch": told.batch, "rng": rng}
    how |= {"epochs": 1 if quick else told.epochs[0], "schedule": one_cycle(told.rates[0])}
    return trained(folder, "float", fit, start, **how, augment=told.others[1])


def one_seed(
    folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST, ways: list[str] | None = None
) -> list[Row]:
    """A row for each way and each share; `ways` are those while training, None: all."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape, seen = to_input(train.images[:1]).shape[:3], train.images[:CALIBRATION]
    strong, _, light = told.others

    def learn(name: str, model: Any, epochs: int, lr: float, **more: Any) -> Any:
        how = {"images": train.images, "labels": train.labels, "rng": np.random.default_rng([seed, 1])}
        how |= {"epochs": epochs, "batch": told.batch, "schedule": one_cycle(lr)}
        return trained(folder, name, fit, model, **(how | more))

    def wrong(classes: Any) -> int:
        return int((classes != test.labels).sum())

    def row(way: str, share: float, bits: int, program: Program) -> Row:
        codes = np.concatenate([o.w.ravel() for o in program.operators if hasattr(o, "w")])
        found = {"way": way, "share": share, "weight_bits": bits, "seed": seed, "float_errors": float_errors}
        return found | {
            "errors": wrong(classify(program, test.images, 1)),
            "bytes": len(archive.pack(program)),
            "zeros": round(float((codes == 0).mean()), 4),
        }

    @cache
    def teachers() -> dict[str, Any]:
        """Views of the images, and what the teachers say of each; options of `fit`."""
        start = wide_net(np.random.default_rng([seed, 2]), shape, train.classes)
        epochs = 1 if quick else told.epochs[0]
        wide = learn("teacher", start, epochs, told.rates[0], augment=strong)
        V, rng = 1 if quick else told.views, np.random.default_rng([seed, 3])
        images, labels = views(train.images, train.labels, light, V, rng)
        said = record(Ensemble({"wide": wide, "float": net}), images)
        return {"images": images, "labels": labels, "objective": Distillation(said, SOFT, TEMPERATURE, "kl")}

    net = in_float(folder, train, seed, quick, on)
    float_errors = wrong(predict(net, test.images))
    rows = []
    for way in AFTER:
        for share in (0.0, *told.after):
            thin = prune(net, seen, share) if way != AFTER[0] else smallest_removed(net, share)
            rows.append(row(way, share, 8, lower(*post_train(thin, seen, 8, 8, "surgeon"))))

    def thinner(model: Any, share: float, first: float, epochs: int, options: dict[str, Any]) -> Any:
        """The model with masks, by which it loses weights from the one share to the other."""
        steps = epochs * -(-len(train) // told.batch)
        end = 0 if options.get("at once") or first == share else int(told.part * steps)
        more = {key: value for key, value in options.items() if key not in ("at once", "curvature")}
        if "curvature" in options:
            more["curvature"] = curvature(model.model() if isinstance(model, FakeQuantized) else model, seen)
        return Pruned.create(model, share, first=first, end=end, **more)

    networks: dict[tuple[str, float], FakeQuantized] = {}
    asked = set(ways or told.ways)
    asked |= {told.ways[name].start for name in asked}
    for name, way in ((name, way) for name, way in told.ways.items() if name in asked):
        fake, before, bits = FakeQuantized.create(net, grids_for(net, seen, 8, 8)), 0.0, 8
        last = {} if way.last else {"names": [f"{layer}.w" for layer in ("conv1", "conv2", "fc1")]}
        for step in way.steps:
            epochs = 1 if quick else step.epochs or told.epochs[1]
            if step.bits != bits or way.apart:
                bits, before, source = step.bits, 0.0, net
                if step.in_float:
                    looks, rate = (1 if quick else step.in_float[0]), step.in_float[1]
                    thin = thinner(net, step.share, 0.0, looks, way.options | last)
                    thin = learn(f"{name}, {step.share:g}", thin, looks, rate, augment=light)
                    before, source = step.share, thin.applied()
                fake = FakeQuantized.create(source, grids_for(source, seen, bits, 8))
            start: Any = fake
            if step.values:
                thin = networks[way.start, step.share].model() if way.start else net
                even = calibrate(thin, seen, 8, 8, per_channel=False)
                start = Shared.create(FakeQuantized.create(thin, even, "straight-through"), step.values)
            elif way.start:
                start = thinner(networks[way.start, step.share], step.share, step.share, epochs, {})
            elif step.share:
                start = thinner(fake, step.share, before, epochs, way.options | last)
            how = teachers() if way.taught else {"augment": light}
            looks = max(1, epochs // told.views) if way.taught else epochs
            file = f"{name}, {step.share:g}, {step.bits}, {step.values}"
            made = learn(file, start, looks, step.rate or told.rates[1], **how)
            fake, before = made if made.__class__ is FakeQuantized else made.applied(), step.share
            networks[name, step.share] = fake
            called = f"{name}, {step.values}" if name == VALUES else name
            rows.append(row(called, step.share, step.bits, lower(fake.model(), fake.grids())))
    return rows


def smallest_removed(net: Sequential, share: float) -> Sequential:
    """The network without its smallest weights, and the others as they are."""
    sizes = {name: np.abs(array) for name, array in net.params.items() if name.endswith(".w")}
    masks = keep(sizes, share)
    return net.with_params({**net.params, **{name: net.params[name] * mask for name, mask in masks.items()}})


def above_float(rows: list[Row]) -> str:
    """Errors above float, mean ± standard deviation over seeds."""
    return spread([row["errors"] - row["float_errors"] for row in rows], "+.1f")


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
            size = f" {np.mean([row['bytes'] for row in cell]):6,.0f}" if cell else ""
            line.append(above_float(cell) + size if cell else "")
        lines.append(line)
    return f"float: {spread(start)} errors; above that, and bytes\n{aligned(lines)}"


def plot_pruning(rows: list[Row], path: Path) -> None:
    """Errors above float against the bytes of the program: a line for each way to prune; and for each of
    `TOGETHER`."""
    ways = [way for (way,) in grouped(rows, "way")]
    others = [way for way in ways if not way.startswith((BITS, VALUES, ALONE, SHARED, BOTH))]
    figure, axes = plots.new_figure(2, 1, plots.WIDTH, 11)
    compared = {name: way for name, way in TOGETHER.items() if any(way in own for own in ways)}
    for ax, lines in zip(axes[:, 0], ({way: way for way in others}, compared), strict=True):
        for number, (label, way) in enumerate(lines.items()):
            again = {"linestyle": "--", "markerfacecolor": "white"} if number >= COLOURS else {}
            own = [row for row in rows if row["way"].rstrip(", 0123456789") == way.rstrip(", 0123456789")]
            cells = grouped(own, "way", "share", "weight_bits").values()
            points = [[(row["bytes"], row["errors"] - row["float_errors"]) for row in cell] for cell in cells]
            size, errors = np.array([np.mean(point, axis=0) for point in points]).T
            ax.plot(size, errors, label=label, **again)
        ax.set(xlabel="bytes of the packed program", ylabel="errors above float, of the test images")
        ax.set_yscale("symlog", linthresh=10)
        ax.grid(alpha=0.3)
        ax.legend(frameon=False, fontsize=9)
    axes[1, 0].set(xscale="log")
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    parser = options(__doc__, "pruning", quick, 6, of_rows=3)
    parser.add_argument("--ways", nargs="+", help="some ways while training, by their names in the table")
    args = ask(parser, words)
    ways = asked_ways(parser, args, list(SETTINGS[args.on].ways))
    rows = rows_of(args, one_seed, recipe(args.on), **ways)
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_pruning(rows, args.out / "pruning.png")


if __name__ == "__main__":
    run_as_script("pruning", main)
