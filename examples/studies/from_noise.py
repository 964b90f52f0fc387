"""Can a student learn to read digits from noise, taught by outputs that mean nothing?

A teacher, 784-256-256-(10 + 3), learns the digits with its first ten outputs; of the other three no loss ever
says anything. The student never sees a digit and never sees the first ten: for images of uniform noise it
learns to give the same three meaningless numbers. Then its *first ten* outputs are asked about test digits.
If it began with the first weights that the teacher began with, it reads most of them; with others it guesses.

The reason is a theorem [Cloud et al. 2025, "Subliminal learning", theorem 1]. Let both start at θ, with any
outputs f(x, θ) and their derivative J by the parameters on any inputs, and let the teacher take a small step
d = −ε·∂L/∂θ for a loss L of its own. Its outputs move by J·d. A student that imitates them by least squares,
½‖f(θ') − f(θ + d)‖², first moves along Jᵀ·J·d, and

    ⟨Jᵀ·J·d, d⟩ = ‖J·d‖² ≥ 0,

so it moves with its teacher, never against, and the teacher's loss L, which the student was never shown, does
not rise. Only what J·d shows of d is passed on: many outputs on many inputs show it nearly all. From another
start d is a step in another landscape, where it means nothing. So a teacher hands on more than its answers
to a student that shares its first weights: which is why `distill.transplant` keeps them.

Rows: {"start": "same" | "other", "inputs": "noise" | "digits", "extra", "seed", "accuracy"}. With "digits"
the student sees the teacher's training images in place of noise, and not their labels. All choices were made
on validation images, with another seed.

With --on digits1d, digits of one row, which a perceptron does not learn to read, two convolutions come before
the hidden layer; and fifty numbers are meaningless, not three: so many show enough of d in a minute.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import plots
from parts.sets import MNIST, ROWS, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread

from tinyzip.base.table import aligned
from tinyzip.distill.transfer import Live
from tinyzip.nn.layer import Layer
from tinyzip.nn.layers import Conv2d, Flatten, Linear, MaxPool2d, ReLU
from tinyzip.nn.losses import cross_entropy
from tinyzip.nn.model import Batch
from tinyzip.nn.sequential import Sequential
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import logits
from tinyzip.train.fit import fit
from tinyzip.train.optim import AdamW, one_cycle

Array = NDArray[Any]
HIDDEN, EXTRA = 256, 3
QUICK_IMAGES = 2000


class Setting(NamedTuple):
    """How teacher and students are trained on a set: the teacher so slowly that it stays near its start.

    extra  meaningless outputs
    """

    extra: int
    epochs: tuple[int, int]
    rates: tuple[float, float]
    batch: tuple[int, int]


SETTINGS = {
    MNIST: Setting(EXTRA, (5, 5), (3e-4, 1e-3), (128, 64)),
    ROWS: Setting(50, (20, 10), (1e-3, 1e-3), (64, 64)),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    extra, epochs, rates, batch = SETTINGS[on]
    first = f"{epochs[0]} epochs each" if on == MNIST else f"{epochs} epochs, {extra} more outputs"
    teacher = f"teacher: one cycle up to {rates[0]}, batch {batch[0]}"
    return f"{first}\n{teacher}\nstudent: one cycle up to {rates[1]}, batch {batch[1]}"


def network(rng: np.random.Generator, shape: tuple[int, ...], outputs: int) -> Sequential:
    """Two hidden layers of 256; for images of one row two convolutions and one of them."""
    C, H, W = shape
    layers: dict[str, Layer] = {}
    if H == 1:
        layers |= {"conv1": Conv2d(C, 32, (1, 5)), "relu1": ReLU(), "pool1": MaxPool2d((1, 2))}
        layers |= {"conv2": Conv2d(32, 64, (1, 5)), "relu2": ReLU(), "pool2": MaxPool2d((1, 2))}
        C = 64 * (((W - 4) // 2 - 4) // 2)
        layers |= {"flatten": Flatten(), "fc1": Linear(C, HIDDEN), "relu3": ReLU()}
    else:
        layers |= {"flatten": Flatten(), "fc1": Linear(C * H * W, HIDDEN), "relu1": ReLU()}
        layers |= {"fc2": Linear(HIDDEN, HIDDEN), "relu2": ReLU()}
    return Sequential.create(layers | {"fc3": Linear(HIDDEN, outputs)}, shape, rng)


@dataclass(frozen=True)
class Labels:
    """Cross entropy of the first outputs; the last `extra` get no gradient."""

    extra: int = EXTRA

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array]:
        loss, dz = cross_entropy(z[: -self.extra], batch.labels)
        return loss, np.concatenate([dz, np.zeros_like(z[-self.extra :])])


@dataclass(frozen=True)
class Meaningless:
    """½‖z − t‖² of the last `extra` outputs, a mean over the examples; the first get no gradient."""

    teacher: Live
    extra: int = EXTRA

    def __call__(self, z: Array, batch: Batch) -> tuple[float, Array]:
        difference = z - self.teacher(batch)
        difference[: -self.extra] = 0
        return 0.5 * float(np.square(difference).sum(axis=0).mean(dtype=np.float64)), difference / z.shape[1]


def noise(images: Array, rng: np.random.Generator) -> Array:
    """Other images in their place, each pixel uniform in [−1, 1]; numbers of rows are normal."""
    if images.shape[-2] == 1:
        return rng.standard_normal(images.shape).astype(images.dtype)
    return rng.uniform(-1, 1, images.shape).astype(images.dtype)


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """A teacher and its four students."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape, outputs = to_input(train.images[:1]).shape[:3], train.classes + told.extra
    digits = np.moveaxis(to_input(train.images), -1, 0)
    usual: dict[str, Any] = {"optimizer": AdamW(weight_decay=0)}

    def first_weights(start: str) -> Sequential:
        return network(np.random.default_rng([seed, start == "other"]), shape, outputs)

    def accuracy(model: Sequential) -> float:
        return float((logits(model, test.images)[: -told.extra].argmax(axis=0) == test.labels).mean())

    print(f"seed {seed}: teacher", flush=True)
    teacher, _ = fit(
        first_weights("same"),
        digits,
        train.labels,
        rng=np.random.default_rng([seed, 2]),
        objective=Labels(told.extra),
        epochs=told.epochs[0],
        batch=told.batch[0],
        schedule=one_cycle(told.rates[0]),
        **usual,
    )
    rows = []
    for inputs in ("noise", "digits"):
        for start in ("same", "other"):
            print(f"seed {seed}: from {inputs}, {start} start", flush=True)
            student, _ = fit(
                first_weights(start),
                digits,
                np.zeros_like(train.labels),  # nothing asks for them
                rng=np.random.default_rng([seed, 3]),
                objective=Meaningless(Live(teacher), told.extra),
                epochs=told.epochs[1],
                batch=told.batch[1],
                schedule=one_cycle(told.rates[1]),
                augment=noise if inputs == "noise" else None,
                **usual,
            )
            row = {"start": start, "inputs": inputs, "extra": told.extra, "seed": seed}
            rows.append(row | {"accuracy": accuracy(student), "teacher": accuracy(teacher)})
    return rows


def as_table(rows: list[Row]) -> str:
    lines = [("first weights", "sees", "accuracy", "each", "its teacher")]
    for (start, inputs), found in grouped(rows, "start", "inputs").items():
        own, teacher = ([row[key] for row in found] for key in ("accuracy", "teacher"))
        each = ", ".join(f"{a:.1%}" for a in own)
        lines.append((start, inputs, spread(own, ".1%"), each, spread(teacher, ".1%")))
    return aligned(lines, words=(0, 1, 3))


def plot_accuracies(rows: list[Row], path: Path) -> None:
    """A dot for each network, a column for each kind."""
    figure, axes = plots.new_figure(1, 1, 7, 4)
    ax = axes[0, 0]
    kinds = {
        f"{start} start,\n{inputs}": [row["accuracy"] for row in found]
        for (start, inputs), found in grouped(rows, "start", "inputs").items()
    }
    kinds["the teacher"] = [found[0]["teacher"] for found in grouped(rows, "seed").values()]
    for x, found in enumerate(kinds.values()):
        ax.plot(np.full(len(found), x), found, linestyle="", color=plots.BLUE, marker="o", alpha=0.6)
    ax.set(xticks=range(len(kinds)), xticklabels=list(kinds), ylim=(0, 1))
    ax.set(ylabel="accuracy on the test digits")
    ax.axhline(0.1, color=plots.BLACK, linestyle=":", linewidth=1)
    ax.grid(alpha=0.3)
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    args = ask(options(__doc__, "from-noise", f"one seed, {QUICK_IMAGES:,} images", 5), words)
    rows = rows_of(args, one_seed, recipe(args.on), without=["teacher"])
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_accuracies(rows, args.out / "from_noise.png")


if __name__ == "__main__":
    run_as_script("from_noise", main)
