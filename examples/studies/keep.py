"""How much of its teacher must a student keep, for how much of the gain?

A student with half of every width starts from more and more of its teacher: from nothing, the first layer,
the convolutions, all of it. Where it has fewer channels, it gets the ones that the size of their weights
("norm") or the loss ("Taylor") calls the most important, or some drawn at random: what is choosing worth?
Then all are trained for a short while on the labels, with the same images, order and steps.

Rows: {"kept", "channels", "seed", "before", "errors", "teacher_errors"}: errors of the test images before the
training, and at its end.
"""

import sys
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.base.table import aligned
from tinyzip.distill.transplant import by_norm, by_taylor, transplant
from tinyzip.nn.models import seed_net, student_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

JUDGING, QUICK_IMAGES = 1000, 200
KEPT = {
    "nothing": (),
    "conv1": ("conv1",),
    "conv1, conv2": ("conv1", "conv2"),
    "all but the last": ("conv1", "conv2", "fc1"),
    "everything": ("conv1", "conv2", "fc1", "fc2"),
}


class Setting(NamedTuple):
    """How a teacher is trained on a set, and students for a short while.

    rates  the highest learning rates of both
    """

    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch: int
    light: Augmentation


SETTINGS = {
    MNIST: Setting((10, 2), (0.010, 0.005), 128, Augment(shift=1, rotation=5, scale=0.05)),
    ROWS: Setting((20, 9), (0.020, 0.040), 32, Moved(2)),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    (teacher, students), (fast, slow), batch, light = SETTINGS[on]
    text = f"teacher {teacher} epochs up to {fast}, students {students} up to {slow}, {light}"
    return text if on == MNIST else f"{text}, batch {batch}"


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A teacher, and a student for each part of it and each way to choose channels."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape = to_input(train.images[:1]).shape[:3]

    def learn(name: str, model: Sequential, epochs: int, lr: float) -> Sequential:
        return trained(
            folder,
            name,
            fit,
            model,
            images=train.images,
            labels=train.labels,
            rng=np.random.default_rng([seed, 1]),
            epochs=1 if quick else epochs,
            batch=told.batch,
            schedule=one_cycle(lr),
            augment=told.light,
        )

    def errors(model: Sequential) -> int:
        return int((predict(model, test.images) != test.labels).sum())

    teacher = seed_net(np.random.default_rng([seed, 2]), shape, train.classes)
    teacher = learn("teacher", teacher, told.epochs[0], told.rates[0])
    drawn = np.random.default_rng([seed, 3])
    scores = {
        "norm": by_norm(teacher),
        "Taylor": by_taylor(teacher, train.images[:JUDGING], train.labels[:JUDGING]),
        "drawn": {name: drawn.random(len(score)) for name, score in by_norm(teacher).items()},
    }
    start = student_net(np.random.default_rng([seed, 2]), shape, train.classes)
    rows = []
    for kept, layers in KEPT.items():
        for channels in scores if layers else ("",):
            student = transplant(teacher, start, layers, scores[channels]) if layers else start
            row: Row = {"kept": kept, "channels": channels, "seed": seed, "before": errors(student)}
            row |= {"teacher_errors": errors(teacher)}
            result = learn(f"{kept}, {channels}" if layers else kept, student, told.epochs[1], told.rates[1])
            rows.append(row | {"errors": errors(result)})
    return rows


def as_table(rows: list[Row]) -> str:
    """The teacher; errors before the training and after it, a line for each part."""
    teachers = [found[0]["teacher_errors"] for found in grouped(rows, "seed").values()]
    ways = list(dict.fromkeys(row["channels"] for row in rows if row["channels"]))
    lines = [("kept of the teacher", *(text for way in ways for text in (f"{way}: before", "after")))]
    for (kept,), found in grouped(rows, "kept").items():
        cells = grouped(found, "channels")
        line = [kept]
        for way in ways:
            cell = cells.get((way,), cells.get(("",), []))
            line += [spread([row[key] for row in cell], ".0f") for key in ("before", "errors")]
        lines.append(tuple(line))
    return f"teacher: {spread(teachers, '.0f')} errors\n{aligned(lines)}"


def plot_kept(rows: list[Row], path: Path) -> None:
    """Errors after the training against what was kept."""
    figure, axes = plots.new_figure(1, 1, 7, 4)
    ax = axes[0, 0]
    for (way,), found in grouped([row for row in rows if row["channels"]], "channels").items():
        cells = grouped([row for row in rows if not row["channels"]] + found, "kept")
        means = [np.mean([row["errors"] for row in cell]) for cell in cells.values()]
        ax.plot([kept for (kept,) in cells], means, label=f"channels by {way}" if way != "drawn" else way)
    ax.set(xlabel="kept of the teacher", ylabel="errors after a short training")
    ax.legend()
    ax.grid(alpha=0.3)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images"
    args = ask(options(__doc__, "keep", quick, 3), words)
    rows = rows_of(args, one_seed, recipe(args.on))
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_kept(rows, args.out / "keep.png")


if __name__ == "__main__":
    run_as_script("keep", main)
