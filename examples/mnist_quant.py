"""From a trained network to a small file that classifies digits with integers only.

The story has five steps, and the table at the end has a row or two of each:

1. a teacher, the seed's network, learns from the training images;
2. a student with half the channels learns in the same way, from scratch;
3. the same student, from the same first weights, learns from the teacher as well: distillation. Then 2 and 3
   once more, with a thirtieth of the images: there a teacher, who has seen them all, is worth most;
4. the distilled student is lowered to int8, packed into a file, read back, and run with integers only;
   it is written as C, too, for a chip;
5. for contrast, the byte formula of many a textbook is applied to the distilled student's weights.

All choices were made on a validation split of the training images. The test images are read once, at
the end, to fill the table.

With --on digits1d the same is told in 20 seconds of digits of one row, which are made and not collected.

With --printed everything runs as the library prints it: the layers of `nn.ops`, the loop of `train.loop`,
the rules of `train.optim`, and the operators of `integer.ops`. That takes many times as long, and floats add
up in another order. What is compared with the fast run: every code that the program writes for the test
images, here, which has to be the same; and the parameters of all networks, in the tests, which may differ by
the bounds of `train.fit`. (Distortions are drawn for a shard. A batch is two of them in a fast training and
one in a printed one, so without --quick the two see other images.)
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from parts import plots
from parts.sets import Moved, add_set, kind_of, read, repeats, seed_of, sized

from tinyzip import archive, integer
from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned
from tinyzip.distill import fidelity
from tinyzip.distill import student as distillation
from tinyzip.exchange import c, page
from tinyzip.integer import Program
from tinyzip.nn.models import seed_net, student_net
from tinyzip.nn.network import Network
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.textbook import through_bytes
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, split, to_input
from tinyzip.train.evaluate import logits, predict
from tinyzip.train.fit import fit
from tinyzip.train.history import History
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

QUICK_EPOCHS, QUICK_FEW_EPOCHS = 2, 10
SOFT, TEMPERATURE = 0.9, 3.0
# But where the steps are hardly more than STEPS and the teacher has seen no more images than its student, the
# teacher's part is that of `distill.student`, which is meant for few steps.
VOICE: dict[str, Any] = {"soft": SOFT, "temperature": TEMPERATURE, "loss": "kl"}
SHARE, FEWEST = 30, 20  # few images: one of so many, but so many of each class


Distortion = Augment | Moved


class Setting(NamedTuple):
    """How the networks are trained on a set.

    epochs  of all images, and of few; each takes its share of STEPS steps at least, see `parts.sets`
    rates   the highest learning rates of teacher and students
    others  the teacher's images are distorted by the first, the students' by the second, which is weaker, as
            half the channels have less room; few images by the third: they need it. (Labels alone do with
            less, see DISTILL.md; here both get the same.) All are for images of its own size
    """

    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch: int
    others: tuple[Distortion, Distortion, Distortion]


SETTINGS = {
    "mnist": Setting(
        (20, 200),
        (0.010, 0.015),
        128,
        (
            Augment(shift=1.5, rotation=12, scale=0.12),
            Augment(shift=1, rotation=5, scale=0.05),
            Augment(shift=2.5, rotation=20, scale=0.2, elastic=(34, 4)),
        ),
    ),
    "digits1d": Setting((30, 200), (0.020, 0.030), 32, (Moved(2), Moved(2), Moved(5))),
}
THREADS = 2
PROGRAM, C_SOURCE, PAGE = "student-int8.tz", "digits.c", "digits.html"

Row = dict[str, Any]
Classes = dict[str, NDArray[Any]]


def arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_EPOCHS} epochs, no distortions")
    add_set(parser)
    parser.add_argument("--seed", type=seed_of, default=0, help="decides first weights, order, augmentation")
    parser.add_argument("--out", type=Path, default=Path("out"), help="plots, program, C, table, checkpoints")
    parser.add_argument("--json", type=Path, help="where to write the table for machines")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoints in --out")
    parser.add_argument("--printed", action="store_true", help="run all as it is printed; no checkpoints")
    args = parser.parse_args(words)
    if args.printed and args.resume:
        parser.error("--printed keeps no checkpoints that --resume could go on from")
    return args


def main(words: list[str] | None = None) -> None:
    args = arguments(words)
    start = time.perf_counter()
    for folder in (args.out, args.json.parent if args.json else args.out):
        folder.mkdir(parents=True, exist_ok=True)
    drawn = plots.available()
    train, test = read(args.on, args.data, args.seed)
    models, histories = train_all(args, train)
    program, grid = quantize(args, models["student, distilled"], train)
    rows, answers = judge(args, models, program, grid, test)
    table = as_table(rows)
    print(f"\n{table}\n")
    (args.out / "table.txt").write_text(table + "\n", encoding="utf-8")
    if drawn:
        plots.plot_pipeline([rows], args.out / "pipeline.png")
        shown = {name: history for name, history in histories.items() if "images" not in name}
        plots.plot_learning(shown, args.out / "learning.png")
        sure = {
            name: fidelity.judge(logits(as_it_runs(args, model), test.images), test.labels)
            for name, model in models.items()
        }
        plots.plot_reliability(sure, args.out / "reliability.png")
        arrays = models["student, distilled"].params.values()
        w = next((w for w in arrays if w.ndim == 4), None)
        if w is not None:
            codes = next(o.w for o in program.operators if isinstance(o, integer.Conv2d))
            plots.plot_filters(w, codes, args.out / "filters.png")
        float_classes, int8_classes = answers["student, distilled"], answers["student, int8, integers only"]
        path = args.out / "disagreements.png"
        plots.plot_disagreements(test.images, test.labels, float_classes, int8_classes, path)
    seconds = time.perf_counter() - start
    if args.json:
        result = {"seed": args.seed, "seconds": seconds, "rows": rows}
        write_atomically(args.json, [(json.dumps(result, indent=1) + "\n").encode()])
    print(f"seed {args.seed}, {seconds:.0f} seconds; plots, program, its C and the table are in {args.out}/")


def train_all(args: argparse.Namespace, dataset: Dataset) -> tuple[dict[str, Sequential], dict[str, History]]:
    """Steps 1 to 3: the teacher, and the student twice with all images and twice with few."""
    train, validation = split(dataset, len(dataset) // 12, np.random.default_rng(args.seed))
    few = share(train, np.random.default_rng([args.seed, 3]))
    shape = to_input(train.images[:1]).shape[:3]
    told = SETTINGS[kind_of(shape)]
    models: dict[str, Sequential] = {}
    histories: dict[str, History] = {}

    def learn(
        name: str,
        model: Sequential,
        images: Dataset,
        lr: float,
        distortion: Distortion,
        teacher: Sequential | None = None,
    ) -> None:
        epochs = told.epochs[images is few]
        times = repeats(epochs, len(images), told.batch)
        augment: Augmentation | None = sized(distortion, shape)
        if args.quick:
            epochs, times, augment = QUICK_EPOCHS if images is train else QUICK_FEW_EPOCHS, 1, None
        how: Callable[..., Any] = fit
        if teacher is not None:
            known = images is train and times > 1
            how = partial(distillation.train, teacher=teacher, **({} if known else VOICE))
        shown = f"{len(images):,} images" + (f", {times} times" if times > 1 else "")
        steps = math.ceil(times * len(images) / told.batch)
        print(f"{name}: {model.parameter_count:,} parameters")
        print(f"  {epochs} epochs of {steps:,} steps: {shown}; {augment or 'undistorted'}", flush=True)
        seen = images if times == 1 else images[np.tile(np.arange(len(images)), times)]
        saved = args.out / f"{name.replace(', ', '-')}.checkpoint"
        if not args.resume:
            saved.unlink(missing_ok=True)
        models[name], histories[name] = how(
            model,
            images=seen.images,
            labels=seen.labels,
            rng=np.random.default_rng([args.seed, 1]),
            epochs=epochs,
            batch=told.batch,
            schedule=one_cycle(lr),
            augment=augment,
            validation=(validation.images, validation.labels) if images is train else None,
            checkpoint=None if args.printed else saved,
            resume=saved if saved.exists() else None,
            printed=args.printed,
        )
        some = images[: len(validation)]
        network = as_it_runs(args, models[name])
        new, own = (int((predict(network, x.images) != x.labels).sum()) for x in (validation, some))
        print(f"  {new} errors of {len(validation):,} validation images, ", end="")
        print(f"{own} of {len(some):,} images that it was trained on", flush=True)

    def first_weights() -> np.random.Generator:
        return np.random.default_rng([args.seed, 2])

    teacher = seed_net(first_weights(), shape, dataset.classes)
    learn("teacher", teacher, train, told.rates[0], told.others[0])
    student = student_net(first_weights(), shape, dataset.classes)
    for images, augment in ((train, told.others[1]), (few, told.others[2])):
        how_many = "" if images is train else f", {len(few):,} images"
        learn(f"student, scratch{how_many}", student, images, told.rates[1], augment)
        learn(f"student, distilled{how_many}", student, images, told.rates[1], augment, models["teacher"])
    return models, histories


def as_it_runs(args: argparse.Namespace, model: Sequential) -> Network:
    """The network that is asked: fast, or as it is printed."""
    return model.printed() if args.printed else model


def share(dataset: Dataset, rng: np.random.Generator) -> Dataset:
    """Few images: a thirtieth of all, in two digits, but 20 of each class where there are as many."""
    order = rng.permutation(len(dataset))
    place = np.empty_like(order)  # of each image among those of its class, in this order
    for k in range(dataset.classes):
        own = order[dataset.labels[order] == k]
        place[own] = np.arange(len(own))
    order = order[np.argsort(place[order] >= FEWEST, kind="stable")]  # the first of each class come first
    count = max(int(float(f"{len(dataset) / SHARE:.1e}")), int((place < FEWEST).sum()))
    chosen = np.sort(order[:count])
    return dataset[chosen]


def quantize(args: argparse.Namespace, model: Sequential, train: Dataset) -> tuple[Program, Grid]:
    """Step 4: ranges from a thousand training images, down to integers, to disk, into a page, and back."""
    network = as_it_runs(args, model)
    grids = calibrate(network, train.images[:1000], weights=8, activations=8)
    path = args.out / PROGRAM
    archive.write(lower(network, grids), path)
    page.write(path, args.out / PAGE)
    program = archive.read(path)
    c.write(program, args.out / C_SOURCE)
    print(program)
    return program, grids["input"]


def judge(
    args: argparse.Namespace, models: dict[str, Sequential], program: Program, grid: Grid, test: Dataset
) -> tuple[list[Row], Classes]:
    """The only look at the test images: a row and the answers of each model."""
    student = models["student, distilled"]
    codes = grid.quantize(to_input(test.images))
    parameters = student.parameter_count
    packed = (args.out / PROGRAM).stat().st_size
    answers: Classes = {}

    def row(name: str, parameters: int, size: int, classify: Callable[[], NDArray[Any]]) -> Row:
        seconds = []
        for _ in range(1 if args.printed else 4):  # the first run pays for fresh memory and is not counted
            start = time.perf_counter()
            answers[name] = classify()
            seconds.append(time.perf_counter() - start)
        errors = int((answers[name] != test.labels).sum())
        return {
            "model": name,
            "parameters": parameters,
            "bytes": size,
            "errors": errors,
            "accuracy": 1 - errors / len(test),
            "images_per_s": round(len(test) / min(seconds[1:] or seconds)),
        }

    def answer(model: Sequential) -> NDArray[Any]:
        return predict(as_it_runs(args, model), test.images)

    rows = [
        row(name, model.parameter_count, 4 * model.parameter_count, lambda model=model: answer(model))
        for name, model in models.items()
    ]
    engine = partial(integer.run, program, codes, threads=THREADS)
    if args.printed:
        fast, engine = np.asarray(engine()), partial(engine, product="printed")
        others = np.count_nonzero(fast != np.asarray(engine()))
        if others:
            raise ValueError(f"printed engine: found {others:,} codes unlike the fast one's, needed none")
        print(f"all {fast.size:,} codes of the printed engine are those of the fast one")
    rows.append(row("student, int8, integers only", parameters, packed, lambda: engine().argmax(0)))
    textbook = through_bytes(student)
    rows.append(row("student, textbook bytes", parameters, parameters, lambda: answer(textbook)))
    return rows, answers


def as_table(rows: list[Row]) -> str:
    head = ("model", "parameters", "bytes", "errors", "accuracy", "images/s")
    lines = [
        (
            row["model"],
            f"{row['parameters']:,}",
            f"{row['bytes']:,}",
            f"{row['errors']:,}",
            f"{row['accuracy']:.2%}",
            f"{row['images_per_s']:,}",
        )
        for row in rows
    ]
    return aligned([head, *lines])


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"mnist_quant: {error}")
    except KeyboardInterrupt as stop:
        sys.exit(f"\nmnist_quant: {str(stop) or 'interrupted'}; --resume goes on from there")
