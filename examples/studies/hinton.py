"""What Hinton, Vinyals and Dean [2015, section 3] found on MNIST, found again.

A large network, two hidden layers of 1,200, is trained on all digits, held back by dropout, by a limit to the
length of each unit's incoming weights, and by images that are shifted by up to two pixels; here they are also
turned, resized and bent a little, which saves many looks at each. A smaller one, two hidden layers of 800, is
trained without any of this: on the labels ("hard"); or on the large one's answers at T = 20 ("distilled"),
which were recorded once on the images as they are. Nothing else holds it back, and it comes nearly as far.

The answers say more than what class is right. So the small network also learns from a transfer set without
any 3s, and learns to tell 3s; only that it takes them for something very rare, which is mended by a bias. The
paper found that bias by the test errors; here it follows from how often classes occur, and from what the
student says of all training images, whose labels it is not told (`parts.prior`). The last transfer set has
7s and 8s only.

Rows: {"experiment", "seed", "errors", "missing_right"}: errors of the test images, and the share of right
answers among the test images of classes that the transfer set lacks.

With --on digits1d, digits of one row, which a perceptron does not learn to read, two convolutions come before
the hidden layers of both networks, and the hidden layers are narrower.

--table answers another question of theirs instead: errors of distilled networks of 30, 100, 300 and 800 units
a layer at temperatures from 1 to 20. Rows: {"width", "temperature", "seed", "errors"}.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import plots
from parts.prior import settled_bias
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.distill import student as distillation
from tinyzip.nn.layers import Conv2d, Dropout, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment
from tinyzip.train.data import Dataset, to_input
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import SGD, AdamW, Optimizer, State, one_cycle

Array = NDArray[Any]
DROPPED = 0.2  # of the hidden units; half of them, as usual, would take many times as many epochs
LONGEST = 15.0  # the squared length of a unit's incoming weights
SOFT = 0.9
TEMPERATURES = (1.0, 2.0, 4.0, 8.0, 20.0)
QUICK_IMAGES = 1000


class Setting(NamedTuple):
    """How large the networks are on a set, and how they are trained: pairs are of teacher and students.

    maps    of the two convolutions before the hidden layers, of both networks; none: there are none
    T       the temperature of the students; the paper's, 20, suits networks as large as the paper's
    hidden  units of a layer
    widths  of the students of --table, and `table` their epochs
    moved   how the teacher's images are distorted
    """

    maps: tuple[int, ...]
    hidden: tuple[int, int]
    epochs: tuple[int, int]
    batch: tuple[int, int]
    rates: tuple[float, float]
    moved: Augmentation
    widths: tuple[int, ...]
    table: int
    T: float = 20.0


SETTINGS = {
    MNIST: Setting(
        (),
        (1200, 800),
        (40, 40),
        (256, 64),
        (2e-3, 1e-3),
        Augment(shift=2, rotation=10, scale=0.1, elastic=(15, 4)),
        (30, 100, 300, 800),
        10,
    ),
    ROWS: Setting(
        (10, 20), (200, 50), (35, 15), (32, 32), (1e-2, 2e-2), Moved(3), (6, 12, 25, 50), 10, T=4.0
    ),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    rates, text = told.rates, f"  {DROPPED} dropped, squared length {LONGEST}\n"
    text = f"one cycle up to {rates[0]}, {told.moved}\n{text}students {told.epochs[1]} epochs, "
    text = f"teacher {told.epochs[0]} epochs, batch {told.batch[0]}, {text}batch {told.batch[1]}, "
    text += f"{rates[1]}, T {told.T}, soft {SOFT}; table {told.table} epochs"
    return text if on == MNIST else f"{text}\nmaps {told.maps}, hidden {told.hidden}"


PAPER = {  # errors, share of the missing classes
    "teacher": ("67", ""),
    "hard": ("146", ""),
    "distilled": ("74", ""),
    "no 3s": ("206", "86.8%"),
    "no 3s, bias": ("109", "98.6%"),
    "7s and 8s": ("4730", ""),
    "7s and 8s, bias": ("1320", ""),
}


@dataclass(frozen=True)
class Limited:
    """Another optimizer, after each of whose steps no unit's incoming weights are longer than allowed:

    w_f ← w_f·min(1, √(longest/‖w_f‖²))                       [Hinton et al. 2012, "Improving…", section 2]

    longest  the largest squared length of a row of weights
    """

    optimizer: Optimizer = field(default_factory=SGD)
    longest: float = LONGEST

    def init(self, params: Mapping[str, Array]) -> State:
        return self.optimizer.init(params)

    def step(self, params: Mapping[str, Array], grads: Mapping[str, Array], state: State, lr: float) -> None:
        self.optimizer.step(params, grads, state, lr)
        for name in grads:
            if name.endswith(".w"):
                w = params[name].reshape(len(params[name]), -1)
                squared = np.einsum("fc,fc->f", w, w)
                w *= np.sqrt(self.longest / np.maximum(squared, self.longest))[:, None]


def perceptron(
    rng: np.random.Generator,
    images: Array,
    width: int,
    classes: int,
    dropped: float = 0.0,
    maps: tuple[int, ...] = (),
) -> Sequential:
    """Two hidden layers of `width`, of whose units a part is dropped in training, after convolutions."""
    shape = features = to_input(images[:1]).shape[:3]
    layers: dict[str, Any] = {}
    for number, F in enumerate(maps, 1):
        layers[f"conv{number}"] = Conv2d(features[0], F, (1, 5))
        layers |= {f"relu_of_conv{number}": ReLU(), f"pool{number}": MaxPool2d((1, 2))}
        features = F, features[1], (features[2] - 4) // 2
    layers["flatten"] = Flatten()
    C = int(np.prod(features))
    for number, F in enumerate((width, width, classes), 1):
        if dropped and number > 1:
            layers[f"dropout{number}"] = Dropout(dropped)
        layers[f"fc{number}"] = Linear(C, F)
        if number < 3:
            layers[f"relu{number}"] = ReLU()
        C = F
    return Sequential.create(layers, shape, rng)


def images_of(on: str, data: Path, seed: int, quick: bool) -> tuple[Dataset, Dataset]:
    """Training and test images; with `quick` the first of the former."""
    train, test = read(on, data, seed)
    few = slice(QUICK_IMAGES if quick else None)
    return train[few], test


def large(folder: Path, train: Dataset, seed: int, quick: bool, on: str) -> Sequential:
    """The teacher."""
    told, rng = SETTINGS[on], np.random.default_rng([seed, 0])
    return trained(
        folder,
        "teacher",
        fit,
        perceptron(rng, train.images, told.hidden[0], train.classes, DROPPED, told.maps),
        images=train.images,
        labels=train.labels,
        rng=np.random.default_rng([seed, 1]),
        epochs=1 if quick else told.epochs[0],
        batch=told.batch[0],
        schedule=one_cycle(told.rates[0]),
        optimizer=Limited(AdamW(weight_decay=0)),
        augment=told.moved,
    )


@dataclass(frozen=True)
class Class:
    """What students of one teacher share.

    seed, quick, on  as for a study
    """

    folder: Path
    teacher: Sequential
    seed: int
    quick: bool
    on: str

    def learn(
        self,
        name: str,
        images: Array,
        labels: Array,
        soft: float = SOFT,
        temperature: float | None = None,
        width: int | None = None,
        epochs: int | None = None,
    ) -> Sequential:
        """The student of that name; with soft = 0 the labels are its only teacher."""
        told, rng = SETTINGS[self.on], np.random.default_rng([self.seed, 2])
        classes = len(self.teacher.params["fc3.b"])  # also where the labels lack some
        return trained(
            self.folder,
            name,
            partial(
                distillation.train,
                teacher=self.teacher,
                loss="kl",
                soft=soft,
                temperature=temperature or told.T,
            ),
            perceptron(rng, images, width or told.hidden[1], classes, maps=told.maps),
            images=images,
            labels=labels,
            rng=np.random.default_rng([self.seed, 3]),
            epochs=1 if self.quick else epochs or told.epochs[1],
            batch=told.batch[1],
            schedule=one_cycle(told.rates[1]),
            optimizer=AdamW(weight_decay=0),
        )


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """The teacher and its students."""
    train, test = images_of(on, data, seed, quick)
    if train.classes < 9:
        refuse("--data", f"{train.classes} classes", "classes up to 8 at least: 3, 7 and 8 are left out")
    teacher = large(folder, train, seed, quick, on)
    students = Class(folder, teacher, seed, quick, on)

    def row(experiment: str, z: Array, missing: Array | None = None) -> Row:
        right = z.argmax(axis=0) == test.labels
        lacking = np.isin(test.labels, [] if missing is None else missing)
        share = float(right[lacking].mean()) if lacking.any() else None
        errors = int(np.count_nonzero(~right))
        return {"experiment": experiment, "seed": seed, "errors": errors, "missing_right": share}

    rows = [row("teacher", logits(teacher, test.images))]
    for name, soft in (("hard", 0.0), ("distilled", SOFT)):
        student = students.learn(name, train.images, train.labels, soft)
        rows.append(row(name, logits(student, test.images)))
    prior = np.bincount(train.labels) / len(train)
    for name, there in (("no 3s", train.labels != 3), ("7s and 8s", np.isin(train.labels, (7, 8)))):
        # Labels would say that the other classes do not exist; so the teacher alone speaks.
        student = students.learn(name, train.images[there], train.labels[there], soft=1.0)
        z, missing = logits(student, test.images), np.unique(train.labels[~there])
        bias = settled_bias(logits(student, train.images), prior)
        rows += [row(name, z, missing), row(f"{name}, bias", z + bias[:, None], missing)]
    return rows


def one_table(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """Students of all widths at all temperatures."""
    told = SETTINGS[on]
    train, test = images_of(on, data, seed, quick)
    students = Class(folder, large(folder, train, seed, quick, on), seed, quick, on)
    rows = []
    for width in told.widths:
        for T in TEMPERATURES:
            name = f"{width}-at-{T:g}"
            model = students.learn(name, train.images, train.labels, 1.0, T, width, told.table)
            errors = int((logits(model, test.images).argmax(axis=0) != test.labels).sum())
            rows.append({"width": width, "temperature": T, "seed": seed, "errors": errors})
    return rows


def as_table(rows: list[Row], on: str = MNIST) -> str:
    """Ours beside the paper's, which are of MNIST."""
    lines = [("", "errors", "paper", "missing classes right", "paper")]
    for (name,), found in grouped(rows, "experiment").items():
        shares = [row["missing_right"] for row in found if row["missing_right"] is not None]
        errors, share = PAPER[name]
        own = spread([row["errors"] for row in found])
        lines.append((name, own, errors, spread(shares, ".1%") if shares else "", share))
    return aligned(lines if on == MNIST else [(name, own, right) for name, own, _, right, _ in lines])


def by_temperature(rows: list[Row]) -> str:
    """A line for each width."""
    lines = [("units a layer", *(f"T = {T:g}" for T in TEMPERATURES))]
    for (width,), found in grouped(rows, "width").items():
        cells = grouped(found, "temperature").values()
        lines.append((f"{width}", *(spread([row["errors"] for row in cell]) for cell in cells)))
    return aligned(lines)


def plot_experiments(rows: list[Row], path: Path, on: str = MNIST) -> None:
    """A bar for each experiment, and on MNIST the paper's number as a line across it."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 4)
    ax = axes[0, 0]
    for x, ((name,), found) in enumerate(grouped(rows, "experiment").items()):
        errors = [row["errors"] for row in found]
        ax.bar(x, np.mean(errors), color=plots.SKY)
        ax.plot(np.full(len(errors), x), errors, linestyle="", marker="o", color=plots.BLUE)
        if on == MNIST:
            ax.plot([x - 0.4, x + 0.4], [int(PAPER[name][0])] * 2, color=plots.RED, marker="")
    ax.set(xticks=range(len(PAPER)), xticklabels=[name.replace(", ", ",\n") for name in PAPER])
    ax.set(yscale="log", ylabel="errors of the test images (red: the paper)")
    ax.grid(alpha=0.3, axis="y")
    plots.save(figure, path)


def plot_temperatures(rows: list[Row], path: Path) -> None:
    """A curve for each width."""
    figure, axes = plots.new_figure(1, 1, 7, 4)
    ax = axes[0, 0]
    for (width,), found in grouped(rows, "width").items():
        means = [np.mean([row["errors"] for row in cell]) for cell in grouped(found, "temperature").values()]
        ax.plot(TEMPERATURES, means, label=f"{width} units a layer")
    ax.set(xscale="log", yscale="log", xlabel="temperature", ylabel="errors of the test images")
    ax.set_xticks(TEMPERATURES, [f"{T:g}" for T in TEMPERATURES])
    ax.legend()
    ax.grid(alpha=0.3)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES:,} images"
    parser = options(__doc__, "hinton", quick, 3)
    parser.add_argument("--table", action="store_true", help="temperatures and widths instead")
    args = ask(parser, words)
    study, printed, plot = one_seed, partial(as_table, on=args.on), partial(plot_experiments, on=args.on)
    if args.table:
        args.out, study, printed, plot = args.out / "table", one_table, by_temperature, plot_temperatures
    rows = rows_of(args, study, recipe(args.on))
    print(printed(rows))
    if plots.available(("matplotlib",)):
        plot(rows, args.out / "hinton.png")


if __name__ == "__main__":
    run_as_script("hinton", main)
