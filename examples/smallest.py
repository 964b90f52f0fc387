"""How small can a file be that reads handwriting?

For each budget of bytes a network is trained to be a file: from a large teacher, after a while on grids, and
at a price for every bit that the coder will charge for its weights (`quant.rate`). The whole .tz file counts,
and the integer engine classifies. The recipes (`smallest_recipes.py`) were chosen on validation images; the
test images are read once, at the end.

The files of each seed are in --out. A run that was stopped goes on with the same command. `--quick` trains
for a look or two and shows the shape of it all in two minutes.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import plots
from runner import Run, add_arguments, run_all
from smallest_recipes import (
    ACTIVATION_BITS,
    BITS,
    DEARER,
    RATES,
    RECIPES,
    SOFT,
    STRONG,
    TEACHER_EPOCHS,
    TEACHERS,
    TEMPERATURE,
    TRIES,
    VIEWED,
    VIEWS,
    digits_net,
)

from tinyzip import archive, integer
from tinyzip.base.table import aligned
from tinyzip.distill.guides import Sum
from tinyzip.distill.objective import Distillation
from tinyzip.distill.teachers import Ensemble
from tinyzip.distill.transfer import record, views
from tinyzip.integer import Program
from tinyzip.nn.models import wide_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.fake import FakeQuantized
from tinyzip.quant.fold import fold_batch_norm
from tinyzip.quant.lower import lower
from tinyzip.quant.rate import Price
from tinyzip.quant.twin import grid_of
from tinyzip.train import checkpoint
from tinyzip.train.data import Dataset, mnist, split, to_input
from tinyzip.train.fit import fit
from tinyzip.train.optim import AdamW, one_cycle

DATA = Path(__file__).parent / "data" / "mnist"
ELSEWHERE = {  # bytes and errors in percent, as published
    "MIRACLE [Havasi et al. 2019]": [(1520, 0.96), (3030, 0.69)],
    "entropy-penalised [Oktay et al. 2020]": [(2840, 0.9)],
    "BitNetMCU": [(13357, 0.42)],
}


class Bench:
    """One seed: its images, its teachers' answers, and its small networks, kept in a folder as they come."""

    def __init__(self, folder: Path, data: Path, seed: int, quick: bool) -> None:
        self.folder, self.seed, self.quick = folder, seed, quick
        train, self.test = mnist(data)
        self.train, self.validation = split(train, len(train) // 30, np.random.default_rng(seed))
        self.shape = to_input(train.images[:1]).shape[:3]
        self.classes = train.classes

    def learn(
        self, name: str, start: Any, images: Any, labels: Any, looks: int, lr: float, **how: Any
    ) -> Any:
        """The trained model `name`: from its file, or trained now, from where an earlier run was stopped."""
        path, saved = self.folder / f"{name}.model", self.folder / f"{name}.checkpoint"
        if path.exists():
            return start.with_params(checkpoint.read(path)[1])
        print(f"seed {self.seed}: {name}", flush=True)
        model, history = fit(
            start,
            images,
            labels,
            rng=np.random.default_rng([self.seed, 1]),
            epochs=1 if self.quick else max(1, round(looks * len(self.train) / len(images))),
            schedule=one_cycle(lr),
            validation=(self.validation.images, self.validation.labels),
            checkpoint=saved,
            resume=saved if saved.exists() else None,
            **how,
        )
        print(
            f"  {history.validation_errors[-1]} errors of {len(self.validation):,} validation images",
            flush=True,
        )
        checkpoint.write(path, {}, model.params)
        saved.unlink()
        return model

    def teach(self) -> None:
        """The teachers, and what they say of the views, which are the training images from here on."""
        rng = np.random.default_rng([self.seed, 2])
        teachers = {}
        for number in range(TEACHERS):
            start = wide_net(rng, self.shape, self.classes)
            name, images, labels = f"teacher{number}", self.train.images, self.train.labels
            teachers[name] = self.learn(name, start, images, labels, TEACHER_EPOCHS, 4e-3, augment=STRONG)
        V = 1 if self.quick else VIEWS
        seen = views(self.train.images, self.train.labels, VIEWED, V, np.random.default_rng([self.seed, 3]))
        self.images, self.labels = seen
        self.answers = record(Ensemble(teachers), self.images)

    def smallest(self, budget: int) -> Path:
        """The file for a budget of bytes."""
        path, recipe = self.folder / f"mnist-{budget}.tz", RECIPES[budget]
        if path.exists():
            return path
        objective = Distillation(self.answers, SOFT, TEMPERATURE)
        optimizer = AdamW(weight_decay=0.0)
        start = digits_net(recipe, np.random.default_rng([self.seed, 4]), self.shape, self.classes)
        seen = self.images, self.labels
        network = self.learn(
            f"float-{'-'.join(map(str, recipe.channels))}",
            start,
            *seen,
            recipe.looks[0],
            RATES[0],
            objective=objective,
            optimizer=optimizer,
        )
        fake, price, looks = on_grids(network, self.train), recipe.price, recipe.looks[1]
        for number in range(TRIES):
            priced = Sum((objective, Price.create(fake, price)))
            fake = self.learn(
                f"{budget}-coded{number}", fake, *seen, looks, RATES[1], objective=priced, optimizer=optimizer
            )
            packed = archive.pack(as_program(fake), names=False)
            print(f"  {len(packed)} bytes of {budget} at a price of {price:.1e}", flush=True)
            if len(packed) <= budget or self.quick:
                break
            price, looks = price * DEARER, VIEWS  # a little dearer, and a little longer, until it fits
        archive.write(as_program(fake), path, names=False)
        return path


def on_grids(network: Sequential, train: Dataset) -> FakeQuantized:
    """The network with grids in place: one step a layer."""
    model = fold_batch_norm(network)
    blocks = [name.removesuffix(".w") for name in model.params if name.endswith(".w")]
    bits = {"input": 8, **dict.fromkeys(blocks[:-1], ACTIVATION_BITS), blocks[-1]: 8}
    grids = calibrate(model, train.images[:1000], BITS, bits, "mse", "mse", per_channel=False)
    return FakeQuantized.create(model, grids)


def as_program(fake: FakeQuantized) -> Program:
    """What is written to the file."""
    return archive.shorten(lower(fake.model(), fake.grids()))


def errors_of(program: Program, dataset: Dataset) -> int:
    """On the integer engine."""
    codes = grid_of(program.input).quantize(to_input(dataset.images))
    return int((integer.run(program, codes).argmax(0) != dataset.labels).sum())


def one_seed(folder: Path, data: Path, seed: int, quick: bool, budgets: list[int]) -> list[dict[str, Any]]:
    """A row for each budget, the test images read after all has been trained."""
    bench = Bench(folder, data, seed, quick)
    bench.teach()
    files = {budget: bench.smallest(budget) for budget in budgets}
    rows = []
    for budget, path in files.items():
        program = archive.read(path)
        weights = sum(
            operator.w.size + operator.bias.size
            for operator in program.operators
            if hasattr(operator, "bias")
        )
        rows.append(
            {
                "budget": budget,
                "seed": seed,
                "bytes": path.stat().st_size,
                "parameters": weights,
                "errors": errors_of(program, bench.test),
                "validation_errors": errors_of(program, bench.validation),
            }
        )
    return rows


def as_table(rows: list[dict[str, Any]]) -> str:
    """A line for each budget: means over the seeds."""
    lines = [("budget", "bytes", "parameters", "test errors, mean ± std", "each")]
    for budget in dict.fromkeys(row["budget"] for row in rows):
        own = [row for row in rows if row["budget"] == budget]
        errors = [row["errors"] for row in own]
        spread = f" ± {stdev(errors):.1f}" if len(errors) > 1 else ""
        lines.append(
            (
                f"{budget:,}",
                f"{mean(row['bytes'] for row in own):,.0f}",
                f"{own[0]['parameters']:,}",
                f"{mean(errors):.1f}{spread}",
                ", ".join(map(str, errors)),
            )
        )
    return aligned(lines, words=(4,))


def plot(rows: list[dict[str, Any]], N: int, path: Path) -> None:
    """Bytes against errors in percent, beside what others have published."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 5)
    ax = axes[0, 0]
    budgets = list(dict.fromkeys(row["budget"] for row in rows))
    own = [[row for row in rows if row["budget"] == budget] for budget in budgets]
    size = [mean(row["bytes"] for row in group) for group in own]
    errors = [[100 * row["errors"] / N for row in group] for group in own]
    spread = [stdev(e) if len(e) > 1 else 0.0 for e in errors]
    ax.errorbar(size, [mean(e) for e in errors], spread, label="tinyzip, whole .tz files", capsize=4)
    for name, points in ELSEWHERE.items():
        ax.plot(*zip(*points, strict=True), label=name, linestyle="")
    ax.set(xscale="log", xlabel="bytes", ylabel="errors on the test images, percent")
    ax.set_ylim(bottom=0)
    ax.grid(alpha=0.3)
    ax.legend(frameon=False)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--budget", type=int, nargs="+", choices=RECIPES, default=list(RECIPES), help="bytes")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--quick", action="store_true", help="one seed, one look for each network")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--out", type=Path, help="files, models, plot: out/smallest, out/smallest-quick")
    parser.add_argument("--json", type=Path, help="where to write the rows for machines")
    add_arguments(parser)
    args = parser.parse_args(words)
    out = args.out or Path("out") / ("smallest-quick" if args.quick else "smallest")
    seeds = args.seeds[:1] if args.quick else args.seeds
    settings = {"quick": args.quick, "budgets": args.budget}
    recipe = "\n".join(f"{budget}: {RECIPES[budget]}" for budget in args.budget)
    runs = [Run(f"seed-{seed}", one_seed, {"seed": seed, **settings}, recipe) for seed in seeds]
    results = run_all(runs, out, args.data, args.workers, args.dask)
    rows = sorted((row for rows in results.values() for row in rows), key=lambda row: row["budget"])
    print(f"\n{as_table(rows)}\n\n{len(runs)} seeds; files and models are in {out}/")
    if plots.available(("matplotlib",)):
        plot(rows, len(mnist(args.data)[1]), out / "smallest.png")
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError, FloatingPointError) as error:
        sys.exit(f"smallest: {error}")
    except KeyboardInterrupt:
        sys.exit("\nsmallest: stopped; the same command goes on from what is in --out")
