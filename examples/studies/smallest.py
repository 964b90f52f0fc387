"""How small can a file be that reads handwriting?

For each budget of bytes a network is trained to be a file: from a large teacher, after a while on grids, and
at a price for the bits that the coder will charge for its weights beyond what the budget has room for
(`quant.training.rate`). The whole .tz file counts,
and the integer engine classifies. The recipes (`smallest_recipes.py`) were chosen on validation images; the
test images are read once, at the end.

The files of each seed are in --out. A run that was stopped goes on with the same command. `--quick` trains
for a look or two and shows the shape of it all in two minutes.
"""

import sys
from functools import partial
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.sets import MNIST, read
from parts.smallest_recipes import (
    AGAIN,
    BATCH,
    DEEP,
    MARGIN,
    SETTINGS,
    SOFT,
    TEMPERATURE,
    TRIES,
    Recipe,
    digits_net,
    recipe,
)
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.distill.guides import Sum
from tinyzip.distill.objective import Distillation
from tinyzip.distill.teachers import Ensemble
from tinyzip.distill.transfer import record, views
from tinyzip.integer import Program
from tinyzip.integer.operators import Weighted
from tinyzip.nn.models import wide_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.rate import Price
from tinyzip.train.data import Dataset, split, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.history import History
from tinyzip.train.optim import AdamW, one_cycle
from tinyzip.train.run import checkpoint

ELSEWHERE = {  # bytes and errors in percent, as published
    "MIRACLE [Havasi et al. 2019]": [(1520, 0.96), (3030, 0.69)],
    "entropy-penalised [Oktay et al. 2020]": [(2840, 0.9)],
    "BitNetMCU": [(13357, 0.42)],
}


class Bench:
    """One seed: its images, its teachers' answers, and its small networks, kept in a folder as they come."""

    def __init__(self, folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> None:
        self.folder, self.seed, self.quick = folder, seed, quick
        self.on, self.told = on, SETTINGS[on]
        train, self.test = read(on, data, seed)
        self.train, self.validation = split(train, len(train) // 30, np.random.default_rng(seed))
        self.shape = to_input(train.images[:1]).shape[:3]
        self.classes = train.classes
        self.seen: dict[Any, tuple[Any, Any, Distillation]] = {}  # of the last recipe, the next may share it

    def learn(
        self, name: str, start: Any, images: Any, labels: Any, looks: int, lr: float, **how: Any
    ) -> Any:
        """The trained model `name`, and a line on its errors when it has been trained."""
        return trained(
            self.folder,
            name,
            partial(fit_and_say, validation=(self.validation.images, self.validation.labels)),
            start,
            images=images,
            labels=labels,
            rng=np.random.default_rng([self.seed, 1]),
            epochs=1 if self.quick else max(1, round(looks * len(self.train) / len(images))),
            schedule=one_cycle(lr),
            **how,
        )

    def teach(self) -> None:
        """The teachers: two networks of different kinds, which err on different images."""
        rng = np.random.default_rng([self.seed, 2])
        seen, (first, second) = (self.train.images, self.train.labels), self.told.epochs
        strong, medium = self.told.teachers
        wide, deep = wide_net(rng, self.shape, self.classes), digits_net(DEEP, rng, self.shape, self.classes)
        how: dict[str, Any] = {"optimizer": AdamW(weight_decay=0.0), "batch": BATCH, "augment": medium}
        self.teachers = Ensemble(
            {
                "wide": self.learn("teacher-wide", wide, *seen, first, self.told.rates[2], augment=strong),
                "deep": self.learn("teacher-deep", deep, *seen, second, self.told.rates[0], **how),
            }
        )

    def see(self, recipe: Recipe) -> tuple[Any, Any, Distillation]:
        """Views of the training images, their labels, and an objective with what teachers say of them."""
        V = 1 if self.quick else recipe.views
        if (V, recipe.viewed) not in self.seen:
            rng = np.random.default_rng([self.seed, 3])
            images, labels = views(self.train.images, self.train.labels, recipe.viewed, V, rng)
            objective = Distillation(record(self.teachers, images), SOFT, TEMPERATURE, "kl")
            self.seen = {(V, recipe.viewed): (images, labels, objective)}
        return self.seen[V, recipe.viewed]

    def named(self, recipe: Recipe) -> tuple[str, Sequential]:
        """What the network in real numbers is called, and it before its training."""
        rng = np.random.default_rng([self.seed, 4])
        start = digits_net(recipe.channels, rng, self.shape, self.classes)
        return f"float-{'-'.join(map(str, recipe.channels))}", start

    def float_errors(self, budget: int) -> int:
        """Of the network in real numbers from which the file for a budget was made, on the test images."""
        name, start = self.named(self.told.recipes[budget])
        network = start.with_params(dict(checkpoint.read(self.folder / f"{name}.model")[1]))
        return int((predict(network, self.test.images) != self.test.labels).sum())

    def smallest(self, budget: int) -> Path:
        """The file for a budget of bytes."""
        path, recipe = self.folder / f"{self.on}-{budget}.tz", self.told.recipes[budget]
        if path.exists():
            return path
        *seen, objective = self.see(recipe)
        how: dict[str, Any] = {"optimizer": AdamW(weight_decay=recipe.decay[0]), "batch": BATCH}
        name, start = self.named(recipe)
        network = self.learn(
            name, start, *seen, recipe.looks[0], self.told.rates[0], objective=objective, **how
        )
        how["optimizer"] = AdamW(weight_decay=recipe.decay[1])
        fake, looks = on_grids(network, self.train, recipe.activations, recipe.bits), recipe.looks[1]
        free, price = recipe.free, recipe.price
        for number in range(TRIES):
            priced = Sum((objective, Price.create(fake, price, free)))
            name = f"{budget}-coded{number}"
            fake = self.learn(name, fake, *seen, looks, self.told.rates[1], objective=priced, **how)
            packed = archive.pack(as_program(fake), names=False)
            print(f"  {len(packed)} bytes of {budget}, {free} bits free, {price} a bit beyond", flush=True)
            if len(packed) <= budget or self.quick:
                break
            # Either more bits were free than there is room for, or the price did not push hard enough.
            free, price = max(0, free - 8 * (len(packed) - budget) - MARGIN), 2 * price
            looks = max(recipe.views, AGAIN)
        archive.write(as_program(fake), path, names=False)
        return path


def fit_and_say(model: Any, **options: Any) -> tuple[Any, History]:
    """`fit`, and a line on the errors of the validation images."""
    model, history = fit(model, **options)
    N = len(options["validation"][0])
    print(f"  {history.validation_errors[-1]} errors of {N:,} validation images", flush=True)
    return model, history


def on_grids(
    network: Sequential, train: Dataset, activations: int, weights: int | tuple[int, ...]
) -> FakeQuantized:
    """The network with grids in place: one step a layer."""
    model = fold_batch_norm(network)
    blocks = [name.removesuffix(".w") for name in model.params if name.endswith(".w")]
    bits = {"input": 8, **dict.fromkeys(blocks[:-1], activations), blocks[-1]: 8}
    each = weights if isinstance(weights, int) else dict(zip(blocks, weights, strict=True))
    grids = calibrate(model, train.images[:1000], each, bits, "mse", "mse", per_channel=False)
    return FakeQuantized.create(model, grids)


def as_program(fake: FakeQuantized) -> Program:
    """What is written to the file."""
    return archive.shorten(lower(fake.model(), fake.grids()))


def errors_of(program: Program, dataset: Dataset) -> int:
    """On the integer engine."""
    return int((classify(program, dataset.images) != dataset.labels).sum())


def one_seed(
    folder: Path, data: Path, seed: int, quick: bool, budgets: list[int], on: str = MNIST
) -> list[Row]:
    """A row for each budget, the test images read after all has been trained."""
    bench = Bench(folder, data, seed, quick, on)
    bench.teach()
    files = {budget: bench.smallest(budget) for budget in budgets}
    rows = []
    for budget, path in files.items():
        program = archive.read(path)
        weighted = [operator for operator in program.operators if isinstance(operator, Weighted)]
        rows.append(
            {
                "budget": budget,
                "seed": seed,
                "bytes": path.stat().st_size,
                "parameters": sum(operator.w.size + operator.bias.size for operator in weighted),
                "errors": errors_of(program, bench.test),
                "float_errors": bench.float_errors(budget),
                "validation_errors": errors_of(program, bench.validation),
            }
        )
    return rows


def as_table(rows: list[Row]) -> str:
    """A line for each budget: means over the seeds, and the file that did best on validation images."""
    best = ("best on validation", "its bytes", "its errors")
    lines = [("budget", "bytes", "parameters", "in float", "test errors, mean ± std", "each", *best)]
    for (budget,), own in grouped(rows, "budget").items():
        errors = [row["errors"] for row in own]
        size = mean(row["bytes"] for row in own)
        each = ", ".join(map(str, errors))
        first = min(own, key=lambda row: row["validation_errors"])
        kept = (f"seed {first['seed']}", f"{first['bytes']:,}", f"{first['errors']:,}")
        parts = f"{own[0]['parameters']:,}", spread([row["float_errors"] for row in own]), spread(errors)
        lines.append((f"{budget:,}", f"{size:,.0f}", *parts, each, *kept))
    return aligned(lines, words=(5, 6))


def plot(rows: list[Row], N: int, path: Path, on: str) -> None:
    """Bytes against errors in percent, beside what others have published of MNIST."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 5)
    ax = axes[0, 0]
    own = grouped(rows, "budget").values()
    size = [mean(row["bytes"] for row in group) for group in own]
    errors = [[100 * row["errors"] / N for row in group] for group in own]
    deviations = [stdev(e) if len(e) > 1 else 0.0 for e in errors]
    ax.errorbar(size, [mean(e) for e in errors], deviations, label="tinyzip, whole .tz files", capsize=4)
    for name, points in ELSEWHERE.items() if on == MNIST else ():
        ax.plot(*zip(*points, strict=True), label=name, linestyle="")
    ax.set(xscale="log", xlabel="bytes", ylabel="errors on the test images, percent")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    parser = options(__doc__, "smallest", "one seed, one look for each network", 3, of_rows=4)
    parser.add_argument(
        "--budget", type=int, nargs="+", help="bytes: 512 1024 2048 2953 8192, as in the recipes"
    )
    args = ask(parser, words)
    known = SETTINGS[args.on].recipes
    if unknown := set(args.budget or ()) - set(known):
        parser.error(f"--budget: found {min(unknown)}, needed some of {', '.join(map(str, known))}")
    rows = rows_of(args, one_seed, recipe(args.on), budgets=args.budget or list(known))
    rows.sort(key=lambda row: row["budget"])
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot(rows, len(read(args.on, args.data, 0)[1]), args.out / "smallest.png", args.on)


if __name__ == "__main__":
    run_as_script("smallest", main)
