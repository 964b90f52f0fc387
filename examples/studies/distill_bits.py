"""Does a teacher help a network to live with few bits?

The seed's network and its student are trained in float, and their weights are then brought to 8, 4, 3, 2 and
1 bits (activations have 8) in three ways: after training, with learned rounding; by training for it, on the
labels, from the float network; and by the same training with a teacher beside the labels. Each fake-quantized
network has the teacher that costs nothing: the seed's network its own float version, the student the seed's
network. Both trainings begin with the same grids and take the same steps. Errors are the integer engine's.

Rows: {"network", "method", "weight_bits", "seed", "float_errors", "errors"}.
"""

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import plots
from parts.sets import MNIST, ROWS, Moved, read
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.base.table import aligned
from tinyzip.distill import student as distillation
from tinyzip.integer import Program
from tinyzip.nn.models import seed_net, student_net
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.choose.auto import grids_for, post_train
from tinyzip.quant.door.classify import classify
from tinyzip.quant.door.lower import lower
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.train.augment import Augment
from tinyzip.train.data import to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.loop import Augmentation
from tinyzip.train.optim import AdamW, one_cycle

Array = NDArray[Any]
CALIBRATION, QUICK_IMAGES = 1000, 100
METHODS = ("after training", "trained for it", "trained and distilled")


class Step(NamedTuple):
    """How to train for some bits; see `bits_recipes` for why.

    soft  the teacher's weight at the beginning and at the end. With two bits and one the network has to be
          found anew: labels alone say roughly where, and then the teacher says it more finely
    """

    epochs: int
    lr: float = 4e-3
    soft: tuple[float, float] = (0.7, 0.7)
    temperature: float = 3.0
    decay: float = 0.0


class Setting(NamedTuple):
    """How the float networks are trained on a set, and then those of few bits.

    others  how images are distorted, for these and those
    steps   by bits of the weights
    """

    epochs: int
    lr: float
    batch: int
    others: tuple[Augmentation, Augmentation]
    steps: dict[int, Step]


SETTINGS = {
    MNIST: Setting(
        15,
        4e-3,
        128,
        (Augment(shift=2, rotation=12, scale=0.1), Augment(shift=1, rotation=8, scale=0.06)),
        {
            8: Step(2),
            4: Step(4),
            3: Step(6),
            2: Step(12, 6e-3, (0.0, 1.0), 2.0, 0.2),
            1: Step(20, 6e-3, (0.0, 1.0), 2.0, 0.3),
        },
    ),
    ROWS: Setting(
        20,
        3e-2,
        64,
        (Moved(2), Moved(2)),
        {
            8: Step(1),
            4: Step(1),
            3: Step(2),
            2: Step(4, 6e-3, (0.0, 1.0), 2.0, 0.2),
            1: Step(6, 6e-3, (0.0, 1.0), 2.0, 0.3),
        },
    ),
}


def recipe(on: str) -> str:
    """What decides the rows, as text."""
    told = SETTINGS[on]
    text = f"float: {told.epochs} epochs up to {told.lr}, {told.others[0]}\nqat: {told.others[1]}"
    text += "".join(f"\n  {bits}: {step}" for bits, step in told.steps.items())
    return text if on == MNIST else f"{text}\nbatches of {told.batch}"


def straight(first: float, last: float, progress: float, *_logits: Array) -> float:
    """From first to last, in a straight line."""
    return first + (last - first) * progress


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = MNIST) -> list[Row]:
    """Both networks, at all bits, in all three ways."""
    told = SETTINGS[on]
    train, test = read(on, data, seed)
    if quick:
        train = train[:QUICK_IMAGES]
    shape = to_input(train.images[:1]).shape[:3]

    def learn(name: str, how: Callable[..., Any], model: Any, epochs: int, lr: float, **more: Any) -> Any:
        return trained(
            folder,
            name,
            how,
            model,
            images=train.images,
            labels=train.labels,
            rng=np.random.default_rng([seed, 1]),
            epochs=1 if quick else epochs,
            batch=told.batch,
            schedule=one_cycle(lr),
            **more,
        )

    def errors(program: Program) -> int:
        return int((classify(program, test.images) != test.labels).sum())

    floats: dict[str, Sequential] = {}
    for name, make in (("seed net", seed_net), ("student", student_net)):
        start = make(np.random.default_rng([seed, 2]), shape, train.classes)
        floats[name] = learn(name, fit, start, told.epochs, told.lr, augment=told.others[0])
    rows = []
    for name, model in floats.items():
        float_errors = int((predict(model, test.images) != test.labels).sum())
        seen = train.images[:CALIBRATION]
        ranges = grids_for(model, seen, 8, 8)  # of what flows between layers, whatever the weights have
        rounding = "bias" if quick else "adaround"
        for bits, step in told.steps.items():
            programs = {"after training": lower(*post_train(model, seen, bits, ranges, rounding))}
            fake = FakeQuantized.create(model, grids_for(model, seen, bits, ranges))
            with_teacher = partial(
                distillation.train,
                teacher=floats["seed net"],
                soft=partial(straight, *step.soft),
                temperature=step.temperature,
                loss="kl",
            )
            for method, how in (("trained for it", fit), ("trained and distilled", with_teacher)):
                optimizer, full = AdamW(weight_decay=step.decay), f"{name}, {bits} bits, {method}"
                made = learn(
                    full, how, fake, step.epochs, step.lr, augment=told.others[1], optimizer=optimizer
                )
                programs[method] = lower(made.model(), made.grids())
            for method, program in programs.items():
                row = {"network": name, "method": method, "weight_bits": bits, "seed": seed}
                rows.append(row | {"float_errors": float_errors, "errors": errors(program)})
    return rows


def as_table(rows: list[Row]) -> str:
    """Errors, and by how many the teacher makes them fewer, paired."""
    parts = []
    for (network,), own in grouped(rows, "network").items():
        in_float = [found[0]["float_errors"] for found in grouped(own, "seed").values()]
        parts.append(f"{network}: {spread(in_float)} errors in float")
        lines = [("bits", *METHODS, "the teacher's part")]
        for (bits,), found in grouped(own, "weight_bits").items():
            cells = [[row["errors"] for row in cell] for cell in grouped(found, "method").values()]
            fewer = [a - b for a, b in zip(cells[1], cells[2], strict=True)]
            lines.append((f"{bits}", *map(spread, cells), spread(fewer, "+.1f")))
        parts.append(aligned(lines))
    return "\n".join(parts)


def plot_errors(rows: list[Row], path: Path) -> None:
    """Errors against bits, a panel for each network, a line for each way."""
    networks = grouped(rows, "network")
    figure, axes = plots.new_figure(1, len(networks), plots.WIDTH, 4, sharey=True)
    for ax, ((network,), own) in zip(axes[0], networks.items(), strict=True):
        for (method,), found in grouped(own, "method").items():
            cells = grouped(found, "weight_bits").items()
            means = [np.mean([row["errors"] for row in cell]) for _, cell in cells]
            ax.plot([bits for (bits,), _ in cells], means, label=method)
        ax.axhline(np.mean([row["float_errors"] for row in own]), color=plots.BLACK, linewidth=0.8)
        ax.set(xlabel=f"bits of the weights: {network}", xticks=list(SETTINGS[MNIST].steps), yscale="log")
        ax.grid(alpha=0.3)
    axes[0, 0].set(ylabel="errors of the test images")
    axes[0, 0].legend()
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images, rounding to nearest"
    args = ask(options(__doc__, "distill-bits", quick, 5), words)
    rows = rows_of(args, one_seed, recipe(args.on))
    print(as_table(rows))
    if plots.available(("matplotlib",)):
        plot_errors(rows, args.out / "distill_bits.png")


if __name__ == "__main__":
    run_as_script("distill_bits", main)
