"""How few bits does a network need, and what does each fix buy?

The seed's network is trained in float and then quantized to fewer and fewer bits, in two ways. After
training: ranges that clip nothing, then ranges of least squared error, then shifted biases, then the
surgeon's rounding, or learned rounding. And by training for it: a fake-quantized network starts from the
float one, or from a step with more bits, and is the student of a wider network. (What the teacher alone
is worth shows at 8 bits, which cost nothing.) Images enter with as many bits as the activations have, all
layers have the bits that the column says, and only the logits always have 8.

Two more questions are rows of the same table. Where is a byte best spent? (A byte budget against uniform
bits.) And what if channels differ a hundredfold? (A depthwise-separable network, rescaled so, its function
unchanged.) There a scale for each output channel mends the weights alone: what flows between two layers has
one scale for all its channels, and the small ones drown in it. Only equalization mends both.

Every cell of the table ends as a packed program in --out; a second run goes on from those that are there.
All choices were made on validation images. The test images are read once, at the end.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.bits_parts import Cell, as_table, claim, plot_bits, rescaled
from parts.bits_recipes import SETTINGS, recipe
from parts.runner import Run, add_arguments, run_all
from parts.sets import MNIST, add_set, named, read, seed_of
from parts.study import trained

from tinyzip import archive
from tinyzip.base.files import write_atomically
from tinyzip.distill import student
from tinyzip.integer import Program
from tinyzip.nn.models import seed_net, separable_net, wide_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.allocate import fit_budget, sensitivity, sizes
from tinyzip.quant.choose.auto import grids_for, post_train
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.equalize import equalize
from tinyzip.quant.grids.fold import fold_batch_norm
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.data import Dataset, split, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import AdamW, one_cycle

COLUMNS = [(8, 8), (4, 8), (3, 8), (2, 8), (1, 8), (4, 4), (2, 4), (1, 4)]
AFTER = {
    "nearest, min-max": "minmax",
    "nearest, least squares": "mse",
    "+ bias": "bias",
    "+ surgeon": "surgeon",
    "+ AdaRound": "adaround",
}
BUDGETS = (4, 2)  # the bytes that these uniform bits take
CHOICES = range(1, 9)
CALIBRATION, QUICK_CALIBRATION = 1000, 300
THREADS = 2


class Bench:
    """All cells of one seed: their networks, trained when they are first asked for, kept as checkpoints."""

    def __init__(self, seed: int, train: Dataset, folder: Path, quick: bool, on: str = MNIST) -> None:
        self.seed, self.folder, self.quick = seed, folder, quick
        self.told = SETTINGS[on]
        self.strong, self.medium, self.light = self.told.others
        self.train, self.validation = split(train, len(train) // 30, np.random.default_rng(seed))
        self.shape = to_input(train.images[:1]).shape[:3]
        self.classes = train.classes
        self.calibration = self.train.images[: QUICK_CALIBRATION if quick else CALIBRATION]
        self.models: dict[str, Any] = {}
        claim(folder, recipe(train, quick, on))

    def epochs(self, full: int) -> int:
        return 1 if self.quick else full

    def ahead(self, name: str, epochs: int) -> int:
        """The epochs that the model `name` still has to be trained for."""
        return 0 if (self.folder / f"{name}.model").exists() else self.epochs(epochs)

    def learn(
        self,
        name: str,
        start: Callable[[], Any],
        epochs: int,
        lr: float,
        augment: Augmentation,
        how: Any = fit,
        **options: Any,
    ) -> Any:
        """The trained model `name`: from its checkpoint, or trained now."""
        if name in self.models:
            return self.models[name]
        self.models[name] = trained(
            self.folder,
            name,
            how,
            start(),
            images=self.train.images,
            labels=self.train.labels,
            rng=np.random.default_rng([self.seed, 1]),
            epochs=self.epochs(epochs),
            batch=self.told.batch,
            schedule=one_cycle(lr),
            augment=augment,
            **options,
        )
        return self.models[name]

    def first_weights(self) -> np.random.Generator:
        return np.random.default_rng([self.seed, 2])

    def float_net(self) -> Sequential:
        start = partial(seed_net, self.first_weights(), self.shape, self.classes)
        model: Sequential = self.learn("float", start, self.told.floats, self.told.rates[0], self.medium)
        return model

    def teacher(self) -> Sequential:
        start = partial(wide_net, self.first_weights(), self.shape, self.classes)
        model: Sequential = self.learn("teacher", start, self.told.floats, self.told.rates[0], self.strong)
        return model

    def separable(self) -> Sequential:
        """A depthwise-separable network whose channels have been made to differ a hundredfold."""
        start = partial(separable_net, self.first_weights(), self.shape, self.classes)
        model = self.learn("separable", start, self.told.separable, self.told.rates[1], self.medium)
        return rescaled(fold_batch_norm(model), np.random.default_rng(self.seed), 100.0)

    def float_model(self, name: str) -> Sequential:
        return {"seed net": self.float_net, "separable": self.separable, "teacher": self.teacher}[name]()

    def trained_for(self, weights: int, activations: int) -> FakeQuantized:
        """The teacher's fake-quantized student at these bits, from the step before."""
        step = self.told.steps[weights, activations]

        def start() -> FakeQuantized:
            if step.before is None:
                model, learned = self.float_net(), {}
            else:
                finer = self.trained_for(*step.before)
                model, learned = finer.model(), finer.grids() if step.before[1] == activations else {}
            grids = grids_for(model, self.calibration, weights, activations)
            return FakeQuantized.create(
                model, grids | {name: grid for name, grid in learned.items() if not name.endswith(".w")}
            )

        how = partial(
            student.train, teacher=self.teacher(), soft=step.soft, temperature=step.temperature, loss="kl"
        )
        name, optimizer = f"qat-w{weights}-a{activations}", AdamW(weight_decay=step.decay)
        trained: FakeQuantized = self.learn(
            name, start, step.epochs, step.lr, self.light, how, optimizer=optimizer
        )
        return trained

    def after(self, weights: Any, activations: int, method: str) -> Program:
        key = f"ranges {activations} {method == 'minmax'}"
        if key not in self.models:  # activations do not depend on how many bits the weights have
            ranges = "minmax" if method == "minmax" else "mse"
            self.models[key] = grids_for(self.float_net(), self.calibration, 8, activations, ranges)
        model, grids = self.float_net(), self.models[key]
        return lower(*post_train(model, self.calibration, weights, grids, method))

    def budget(self, uniform: int, method: str) -> Program:
        """Bits by layer, in no more bytes than the packed program has with `uniform` ones."""

        def weigh(bits: Any) -> int:
            return len(archive.pack(self.after(bits, 8, method)))

        model, budget = self.float_net(), weigh(uniform)
        if "prices" not in self.models:
            self.models["prices"] = sensitivity(model, self.validation.images, CHOICES), sizes(model, CHOICES)
        bits = fit_budget(*self.models["prices"], budget, weigh)
        print(f"seed {self.seed}: in the {budget} bytes of {uniform} bits: {bits}")
        return self.after(bits, 8, method)

    def qat(self, weights: int, activations: int) -> Program:
        fake = self.trained_for(weights, activations)
        return lower(fake.model(), fake.grids())

    def hundredfold(self, method: str) -> Program:
        model = self.separable()
        model = equalize(model) if "equalized" in method else model
        return lower(model, calibrate(model, self.calibration, per_channel="per channel" in method))

    def cells(self) -> Iterator[Cell]:
        waiting = self.ahead("float", self.told.floats)  # the first cell trains the network for all
        for w, a in COLUMNS:
            for name, method in AFTER.items():
                yield Cell("seed net", w, a, name, partial(self.after, w, a, method), 0.5 + waiting)
                waiting = 0
        for uniform in BUDGETS:
            for name in self.told.budgeted:
                make = partial(self.budget, uniform, AFTER[name])
                yield Cell("seed net", uniform, 8, f"byte budget, {name.removeprefix('+ ')}", make, 1)
        waiting = self.ahead("teacher", self.told.floats)
        for (w, a), step in self.told.steps.items():
            work = 0.5 + waiting + self.ahead(f"qat-w{w}-a{a}", step.epochs)
            yield Cell("seed net", w, a, "qat", partial(self.qat, w, a), work)
            waiting = 0
        waiting = self.ahead("separable", self.told.separable)
        for method in ("per tensor", "per channel", "equalized", "equalized, per channel"):
            make = partial(self.hundredfold, method)
            yield Cell("separable", 8, 8, f"min-max, {method}", make, 0.5 + waiting)
            waiting = 0


def errors_of(program: Program, test: Dataset) -> int:
    return int((classify(program, test.images, THREADS) != test.labels).sum())


def make_all(bench: Bench) -> list[Cell]:
    """Every cell's program on disk, with the time that is left."""
    everything = list(bench.cells())
    missing = [cell for cell in everything if not cell.path(bench.folder).exists()]
    left, done, start = sum(cell.work for cell in missing), 0.0, time.perf_counter()
    for cell in missing:
        archive.write(cell.make(), cell.path(bench.folder))
        left, done = left - cell.work, done + cell.work
        minutes = (time.perf_counter() - start) * left / done / 60
        print(f"seed {bench.seed}: {cell.model} {cell.weights:g}/{cell.activations} {cell.method}", end="")
        print(f" done; about {minutes:.0f} minutes left", flush=True)
    return everything


def judge(bench: Bench, everything: list[Cell], test: Dataset) -> list[dict[str, Any]]:
    """The only look at the test images: a row for each cell."""
    reference: dict[str, int] = {}
    for name in ("seed net", "separable", "teacher"):
        classes = predict(bench.float_model(name), test.images)
        reference[name] = int((classes != test.labels).sum())
    rows: list[dict[str, Any]] = [
        {
            "model": cell.model,
            "weight_bits": cell.weights,
            "activation_bits": cell.activations,
            "method": cell.method,
            "seed": bench.seed,
            "float_errors": reference[cell.model],
            "errors": errors_of(archive.read(cell.path(bench.folder)), test),
            "bytes": cell.path(bench.folder).stat().st_size,
        }
        for cell in everything
    ]
    errors, size = reference["teacher"], 4 * bench.teacher().parameter_count
    rows.append(
        {"model": "teacher", "weight_bits": 32, "activation_bits": 32, "method": "float"}
        | {"seed": bench.seed, "float_errors": errors, "errors": errors, "bytes": size}
    )
    return rows


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[dict[str, Any]]:
    """All cells of one seed."""
    train, test = read(on, data, seed)
    bench = Bench(seed, train, folder, quick, on)
    return judge(bench, make_all(bench), test)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="one seed, one epoch for each network")
    add_set(parser)
    usual = "0 1 2, on digits1d 0 … 3, or 0 with --quick"
    parser.add_argument("--seeds", "--seed", type=seed_of, nargs="+", help=usual)
    parser.add_argument("--out", type=Path, help="programs, models, plot, table: out/bits, out/bits-quick")
    parser.add_argument("--json", type=Path, help="where to write the rows for machines")
    add_arguments(parser)
    args = parser.parse_args(words)
    start = time.perf_counter()
    which = "" if args.on == MNIST else f"-{args.on}"
    out = args.out or Path("out") / f"bits{which}{'-quick' if args.quick else ''}"
    drawn = plots.available()
    seeds = args.seeds or list(range(1 if args.quick else SETTINGS[args.on].seeds))
    settings = {"quick": args.quick} | named(args.on)
    runs = []
    for seed in seeds:
        told = recipe(read(args.on, args.data, seed)[0], args.quick, args.on)
        runs.append(Run(f"seed{seed}", one_seed, {"seed": seed} | settings, told))
    rows = [row for rows in run_all(runs, out, args.data, args.workers, args.dask).values() for row in rows]
    table = as_table(rows)
    print(table)
    (out / "table.txt").write_text(table + "\n", encoding="utf-8")
    if drawn:
        plot_bits(rows, out / "bits.png")
    if args.json:
        write_atomically(args.json, [(json.dumps(rows, indent=1) + "\n").encode()])
    print(f"\n{time.perf_counter() - start:.0f} seconds; programs, models and table are in {out}/")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError, ImportError) as error:
        sys.exit(f"bits: {error}")
    except KeyboardInterrupt:
        sys.exit("\nbits: stopped; the same command goes on from what is in --out")
