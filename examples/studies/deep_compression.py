"""How small do the two networks of Deep Compression become, and at how many errors?

Han, Mao and Dally [2016] took the small weights away, let those that stayed share values, and coded these:
LeNet-300-100 became 40 times as small, LeNet-5 39 times. Here are the same two networks:

units    Of the channels and hidden units those without which the loss would rise least go first, whole, (K17)
         of `transplant`, and with them all weights that they read by and are read by.
weights  Of the other weights most go one by one, gradually, by second derivatives, while those that stay are
         trained on a grid of few bits, with one step a layer.
bytes    What is proved to make no difference is taken out, multipliers are shortened, and all is packed.

Both from labels, on images as they are or moved a little, and as students of the LeNet-5 in float. They are
as many times smaller as 4 bytes for each parameter of the network as published are more than all bytes of the
.tz file, which runs as it is. Widths and shares were chosen by validation; test images are read at the end.
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, asked_ways, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.distill.objective import Distillation
from tinyzip.distill.transfer import record, views
from tinyzip.distill.transplant import by_taylor, transplant
from tinyzip.integer import Program
from tinyzip.integer.operators import Weighted
from tinyzip.integer.proof.simplify import simplify
from tinyzip.nn.chain import shapes_along
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Conv2d, Linear
from tinyzip.nn.models import lenet5_caffe, lenet_300_100
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.rounding.prune import curvature
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.pruned import Pruned
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

CALIBRATION, SCORED, QUICK_IMAGES = 1000, 6000, 300
LENET5, PERCEPTRON = "LeNet-5", "LeNet-300-100"
PLAIN, LABELS, TAUGHT = "labels, images as they are", "labels, images moved", "a teacher, images moved"
WAYS = PLAIN, LABELS, TAUGHT
SOFT, TEMPERATURE, VIEWS = 0.7, 2.0, 6
PART = 2 / 3  # of the steps on grids in which weights go
ELSEWHERE = {  # errors in percent: in float, and as a file; bytes, and how much smaller
    PERCEPTRON: {"Deep Compression [Han et al. 2016]": ("1.64", "1.58", "27 KB", "40")},
    LENET5: {
        "Deep Compression [Han et al. 2016]": ("0.80", "0.74", "44 KB", "39"),
        "MIRACLE [Havasi et al. 2019]": ("", "0.69", "3.03 KB", "568"),
    },
}


class Plan(NamedTuple):
    """How a network is made small.

    make    the network as published
    widths  how many channels and hidden units stay, by layer
    share   of the weights that are left then, which go one by one
    bits    of the weights' grids
    epochs  of the float network, and on grids
    rates   the highest learning rates of both
    batch   on grids
    """

    make: Callable[..., Sequential]
    widths: dict[str, int]
    share: float
    bits: int
    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch: int


class Setting(NamedTuple):
    """How a set is learned: batches of the float networks, distortions of these and on grids."""

    plans: dict[str, Plan]
    batch: int
    moved: tuple[Augmentation, Augmentation]


SETTINGS = {
    MNIST: Setting(
        {
            LENET5: Plan(
                lenet5_caffe,
                {"conv1": 10, "conv2": 20, "fc1": 64},
                0.825,
                3,
                (6, 24),
                (2e-3, 4e-3),
                128,
            ),
            PERCEPTRON: Plan(lenet_300_100, {"fc1": 120, "fc2": 60}, 0.9, 3, (15, 30), (2e-3, 2e-3), 256),
        },
        128,
        (Augment(shift=2, rotation=12, scale=0.1), Augment(shift=1, rotation=8, scale=0.06)),
    ),
    ROWS: Setting(
        {
            LENET5: Plan(
                lenet5_caffe, {"conv1": 10, "conv2": 20, "fc1": 50}, 0.8, 3, (12, 8), (1e-2, 1e-2), 64
            ),
            PERCEPTRON: Plan(lenet_300_100, {"fc1": 100, "fc2": 50}, 0.8, 3, (20, 12), (1e-2, 1e-2), 64),
        },
        64,
        (Moved(2), Moved(2)),
    ),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    plans = (f"{name}: {plan._replace(make=plan.make.__name__)}" for name, plan in told.plans.items())
    taught = f"soft {SOFT}, T {TEMPERATURE}, {VIEWS} views"
    return "\n".join([*plans, f"batches of {told.batch}, moved by {told.moved}, {taught}"])


def narrower(network: Sequential, widths: dict[str, int], rng: np.random.Generator) -> Sequential:
    """The same layers with fewer channels or units, where `widths` names them; arrays drawn anew."""
    layers: dict[str, Layer] = {}
    for name, layer in network.layers.items():
        if isinstance(layer, Conv2d | Linear):
            C = shapes_along(layers, network.shape)[-1][0]
            layer = replace(layer, C=C, F=widths.get(name, layer.F))
        layers[name] = layer
    return Sequential.create(layers, network.shape, rng)


def as_program(thin: Pruned[FakeQuantized]) -> Program:
    """What is written to the file."""
    fake = thin.applied()
    return archive.shorten(simplify(lower(fake.model(), fake.grids())))


def one_seed(
    folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST, ways: list[str] | None = None
) -> list[Row]:
    """A row for each network and each way, or those asked for; the test images are read at the end."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape = to_input(train.images[:1]).shape[:3]
    made: dict[str, Any] = {}

    def learn(name: str, model: Any, epochs: int, lr: float, **how: Any) -> Any:
        told_all = {"images": train.images, "labels": train.labels, "rng": np.random.default_rng([seed, 1])}
        told_all |= {"epochs": 1 if quick else epochs, "batch": told.batch, "schedule": one_cycle(lr)}
        return trained(folder, name, fit, model, **(told_all | how))

    def in_float(name: str, moved: bool) -> Sequential:
        """A network as published, trained with images as they are, or moved."""
        plan, key = told.plans[name], f"{name}, float{', moved' if moved else ''}"
        if key not in made:
            start = plan.make(np.random.default_rng([seed, 2]), shape, train.classes)
            augment = told.moved[0] if moved else None
            made[key] = learn(key, start, plan.epochs[0], plan.rates[0], augment=augment)
        network: Sequential = made[key]
        return network

    def taught() -> dict[str, Any]:
        """Views of all images, and what the LeNet-5 says of each."""
        if "views" not in made:
            V, rng = 1 if quick else VIEWS, np.random.default_rng([seed, 3])
            images, labels = views(train.images, train.labels, told.moved[1], V, rng)
            said = Distillation(record(in_float(LENET5, True), images), SOFT, TEMPERATURE, "kl")
            made["views"] = {"images": images, "labels": labels, "objective": said}
        found: dict[str, Any] = made["views"]
        return found

    programs: dict[tuple[str, str], Program] = {}
    for name, plan in told.plans.items():
        for way in ways or WAYS:
            whole = in_float(name, way != PLAIN)
            small = narrower(whole, plan.widths, np.random.default_rng([seed, 4]))
            scores = by_taylor(whole, train.images[:SCORED], train.labels[:SCORED])
            small = transplant(whole, small, scores=scores)
            seen = train.images[:CALIBRATION]
            even = calibrate(small, seen, plan.bits, 8, "mse", "mse", per_channel=False)
            how = taught() if way == TAUGHT else {"augment": None if way == PLAIN else told.moved[1]}
            looks = plan.epochs[1]
            steps = 1 if quick else int(PART * looks * (-(-len(train) // plan.batch)))
            fake, curved = FakeQuantized.create(small, even), curvature(small, seen)
            thin = Pruned.create(fake, plan.share, end=steps, curvature=curved)
            epochs = looks // VIEWS if way == TAUGHT else looks
            thin = learn(f"{name}, {way}", thin, epochs, plan.rates[1], batch=plan.batch, **how)
            programs[name, way] = as_program(thin)
    rows = []
    for (name, way), program in programs.items():
        whole = in_float(name, way != PLAIN)
        weights = np.concatenate([o.w.ravel() for o in program.operators if isinstance(o, Weighted)])
        rows.append(
            {
                "network": name,
                "way": way,
                "seed": seed,
                "parameters": whole.parameter_count,
                "images": len(test),
                "float_errors": int((predict(whole, test.images) != test.labels).sum()),
                "errors": int((classify(program, test.images, 1) != test.labels).sum()),
                "bytes": len(archive.pack(program, names=False)),
                "weights": int((weights != 0).sum()),
            }
        )
    return rows


def as_table(rows: list[Row], on: str) -> str:
    """A line for each network and way: means over the seeds; and what others have published of MNIST."""
    lines = [
        ["network", "how", "parameters", "left", "float %", "errors %", "each", "bytes", "times smaller"]
    ]
    for (name, way), found in grouped(rows, "network", "way").items():
        parameters, size = found[0]["parameters"], mean(row["bytes"] for row in found)
        parts = [[100 * row[key] / row["images"] for row in found] for key in ("float_errors", "errors")]
        line = [name, way, f"{parameters:,}", f"{mean(row['weights'] for row in found):,.0f}"]
        each = ", ".join(f"{row['errors']}" for row in found)
        line += [*(spread(part, ".2f") for part in parts), each, f"{size:,.0f}"]
        lines.append([*line, f"{mean(4 * parameters / row['bytes'] for row in found):.0f}"])
    for name, others in ELSEWHERE.items() if on == MNIST else ():
        for who, (before, after, size, times) in others.items():
            lines.append([name, who, "", "", before, after, "", size, times])
    return aligned(lines, words=(0, 1))


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    parser = options(__doc__, "deep_compression", quick, 3, of_rows=3)
    parser.add_argument("--ways", nargs="+", help="some ways to teach, by their names in the table")
    args = ask(parser, words)
    rows = rows_of(args, one_seed, recipe(args.on), **asked_ways(parser, args, WAYS))
    print(as_table(rows, args.on))


if __name__ == "__main__":
    run_as_script("deep_compression", main)
