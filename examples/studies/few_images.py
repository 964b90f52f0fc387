"""What is a teacher worth where images are few, and where they are many?

One teacher has seen all training images. A student learns from 300 of them, from 600, … and from all, once
from the labels and once from labels and teacher: the same images, first weights and number of looks. The
fewer the images, the more of what they show is known to the teacher only; with all of them, the student has
seen whatever the teacher has, and little is left to be told.

Rows: {"images", "method": "scratch" | "distilled", "seed", "errors", "teacher_errors"}.
"""

import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from mnist_quant import SOFT, TEMPERATURE
from parts import plots
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.base.table import aligned
from tinyzip.distill import student as distillation
from tinyzip.nn.models import seed_net, student_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment
from tinyzip.train.data import split, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import one_cycle

QUICK_LOOKS = 600


class Setting(NamedTuple):
    """How much is shown on a set, and how.

    epochs  of the teacher
    rates   the highest learning rates of teacher and students
    others  how their images are distorted
    """

    sizes: tuple[int, ...]
    looks: int
    epochs: int
    rates: tuple[float, float]
    batch: int
    others: tuple[Augmentation, Augmentation]


SETTINGS = {
    MNIST: Setting(
        (300, 600, 1_800, 6_000, 18_000, 55_000),
        360_000,
        20,
        (0.010, 0.015),
        128,
        (
            Augment(shift=1.5, rotation=12, scale=0.12),
            Augment(shift=2, rotation=15, scale=0.15, elastic=(20, 4)),
        ),
    ),
    ROWS: Setting((120, 360, 1_200, 3_667), 40_000, 15, (0.020, 0.040), 32, (Moved(2), Moved(3))),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    if on == ROWS:
        return f"{told}, soft {SOFT}, T {TEMPERATURE}"
    teacher = f"teacher {told.epochs} epochs up to {told.rates[0]}"
    students = f"students {told.looks} looks up to {told.rates[1]}, {told.others[1]}"
    return f"{teacher}; {students}\nsoft {SOFT}, T {TEMPERATURE}, sizes {told.sizes}"


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A teacher, and two students for each number of images."""
    told = SETTINGS[on]
    everything, test = read(on, data, seed)
    train, _ = split(everything, len(everything) // 12, np.random.default_rng(seed))
    shape = to_input(train.images[:1]).shape[:3]
    teacher = trained(
        folder,
        "teacher",
        fit,
        seed_net(np.random.default_rng([seed, 2]), shape, train.classes),
        images=train.images,
        labels=train.labels,
        rng=np.random.default_rng([seed, 1]),
        epochs=1 if quick else told.epochs,
        batch=told.batch,
        schedule=one_cycle(told.rates[0]),
        augment=told.others[0],
    )

    def errors(model: Sequential) -> int:
        return int((predict(model, test.images) != test.labels).sum())

    with_teacher = partial(distillation.train, teacher=teacher, soft=SOFT, temperature=TEMPERATURE, loss="kl")
    order = np.random.default_rng([seed, 3]).permutation(len(train))
    sizes = [size for size in told.sizes if size <= len(train)] or [len(train)]
    rows = []
    for size in sizes[:2] if quick else sizes:
        few = np.sort(order[:size])  # the images of a smaller number are among those of a larger one
        for method, how in (("scratch", fit), ("distilled", with_teacher)):
            model = trained(
                folder,
                f"{method}-{size}",
                how,
                student_net(np.random.default_rng([seed, 2]), shape, train.classes),
                images=train.images[few],
                labels=train.labels[few],
                rng=np.random.default_rng([seed, 1]),
                epochs=max(1, round((QUICK_LOOKS if quick else told.looks) / size)),
                batch=told.batch,
                schedule=one_cycle(told.rates[1]),
                augment=told.others[1],
            )
            row = {"images": size, "method": method, "seed": seed, "errors": errors(model)}
            rows.append(row | {"teacher_errors": errors(teacher)})
    return rows


def as_table(rows: list[Row]) -> str:
    """The teacher, and a line for each number of images."""
    teachers = [found[0]["teacher_errors"] for found in grouped(rows, "seed").values()]
    lines = [("images", "scratch", "distilled", "fewer, paired", "fewer")]
    for (images,), found in grouped(rows, "images").items():
        scratch, distilled = ([row["errors"] for row in pair] for pair in grouped(found, "method").values())
        fewer = [a - b for a, b in zip(scratch, distilled, strict=True)]
        share = f"{sum(fewer) / max(1, sum(scratch)):.0%}"
        lines.append((f"{images:,}", spread(scratch), spread(distilled), spread(fewer), share))
    return f"teacher: {spread(teachers)} errors\n{aligned(lines)}"


def plot_curves(rows: list[Row], path: Path) -> None:
    """Errors against images, a line through the means, a dot for each seed."""
    figure, axes = plots.new_figure(1, 1, 7, 4.5)
    ax = axes[0, 0]
    for ((method,), found), color in zip(grouped(rows, "method").items(), plots.COLOURS, strict=False):
        cells = {
            images: [row["errors"] for row in cell] for (images,), cell in grouped(found, "images").items()
        }
        ax.plot(list(cells), [np.mean(errors) for errors in cells.values()], label=method, color=color)
        for images, errors in cells.items():
            ax.plot([images] * len(errors), errors, linestyle="", marker=".", color=color, alpha=0.6)
    ax.set(xscale="log", xlabel="training images of the student", ylabel="errors of the test images")
    ax.set_ylim(bottom=0)
    sizes = sorted({row["images"] for row in rows})
    ax.set_xticks(sizes, [f"{size:,}" for size in sizes])
    ax.minorticks_off()
    ax.legend()
    ax.grid(alpha=0.3)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, two sizes, {QUICK_LOOKS} looks"
    args = ask(options(__doc__, "few-images", quick, 3), words)
    rows = rows_of(args, one_seed, recipe(args.on))
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_curves(rows, args.out / "few_images.png")


if __name__ == "__main__":
    run_as_script("few_images", main)
