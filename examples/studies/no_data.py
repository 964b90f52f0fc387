"""Can a student learn from its teacher alone, without a single image?

What the teacher believes a digit looks like can be asked of it: an image x of noise is changed step by step,
by the gradient of the image itself, until the teacher answers what it was told to,

    x ← x − η·∂/∂x Σ_k −q_k·ln σ(z(x)/T)_k,          x in [0, 1]            [Nayak et al. 2019, equation 2]

What comes out of that looks like noise, and a student learns little from it: a teacher is as sure of noise
as of digits, and nothing in the equation prefers the latter. So here a dream has to be drawn with a pen. It
is u ≥ 0 smoothed, x = min(1, G·u·G) with a Gaussian matrix G; it begins in the dark; ink has a price; and it
must be read wherever it is shifted by up to two pixels. The gradient by u is that of x plus the price,
smoothed in the same way, as G is symmetric (where x is cut at 1 it counts as if it were not).

A student with half of every width then learns the teacher's answers to such dreams. One class alone would be
a poor dream: of a real 4 the teacher also says "a little 9". So q is drawn around what classes look alike to
the teacher: from a Dirichlet distribution whose concentrations are the cosines of the last layer's weights,
brought to [0, 1], times one of two strengths (the same, section 3.2).

The student sees its dreams shifted, turned and bent out of all shape, and asks the teacher about each anew.
With labels that would do harm, since a digit has to stay what its label says; but a teacher says what it
sees, and up to a point tells the more, the more kinds of strokes it is asked about. The student is compared
with others that see noise, and the digits themselves, as many and in the same way; and with one that sees
dreams and starts from a part of its teacher (`distill.transplant`).

Rows: {"inputs": "dreams" | "noise" | "digits", "start": "drawn" | "teacher", "seed", "errors"}.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import plots
from parts.study import Row, ask, grouped, options, rows_of, run_as_script, spread, trained

from tinyzip.base.table import aligned
from tinyzip.distill import student as distillation
from tinyzip.distill.temperature import soft_cross_entropy
from tinyzip.distill.transplant import transplant
from tinyzip.machine.workspace import Workspace
from tinyzip.nn.models import seed_net, student_net
from tinyzip.nn.sequential import Sequential
from tinyzip.train.augment import Augment, gaussian
from tinyzip.train.data import mnist, to_input
from tinyzip.train.evaluate import predict
from tinyzip.train.fit import fit
from tinyzip.train.optim import AdamW, one_cycle

Array = NDArray[Any]
TEACHER_EPOCHS, TEACHER_LR = 20, 0.010
DREAMS, STEPS, STEP, TOGETHER = 6_000, 100, 0.05, 250
STRENGTHS, DREAM_TEMPERATURE = (1.0, 0.1), 4.0
PEN, INK, DARK, SHIFT = 1.0, 5e-4, 0.1, 2  # σ in pixels, the price, the brightest pixel at first, in pixels
EPOCHS, LR, TEMPERATURE = 150, 0.015, 4.0
WILD = Augment(shift=4, rotation=60, scale=0.5, elastic=(70, 4))
QUICK_IMAGES, QUICK_STEPS = 200, 5
SHOWN = 40
KINDS = {("dreams", "drawn"), ("dreams", "teacher"), ("noise", "drawn"), ("digits", "drawn")}
RECIPE = f"""teacher {TEACHER_EPOCHS} epochs up to {TEACHER_LR}; {DREAMS} dreams, {STEPS} steps of {STEP}
{STRENGTHS}, T {DREAM_TEMPERATURE}; students {EPOCHS} epochs up to {LR}, T {TEMPERATURE}
{WILD}
pen {PEN}, ink {INK}, dark {DARK}, shift {SHIFT}"""


def likeness(teacher: Sequential) -> Array:
    """(K, K): the cosines of the last layer's weights of each two classes, brought to [0, 1] row by row."""
    w = teacher.params[f"{list(teacher.layers)[-1]}.w"].astype(np.float64)
    w /= np.sqrt(np.square(w).sum(axis=1, keepdims=True))
    cosines = w @ w.T
    low, high = cosines.min(axis=1, keepdims=True), cosines.max(axis=1, keepdims=True)
    scaled: Array = (cosines - low) / (high - low)
    return scaled


def wishes(teacher: Sequential, count: int, rng: np.random.Generator) -> Array:
    """What the teacher is to answer: q (K, N), class after class and one strength after the other."""
    alike = np.maximum(likeness(teacher), 1e-3)
    K = len(alike)
    strengths = np.resize(np.repeat(STRENGTHS, K), count)
    drawn = [rng.dirichlet(strength * alike[n % K]) for n, strength in enumerate(strengths)]
    return np.array(drawn, np.float32).T


def dream(teacher: Sequential, q: Array, rng: np.random.Generator, steps: int) -> Array:
    """Images (N, C, H, W) in [0, 1] to which the teacher answers q (K, N)."""
    told = np.log(np.maximum(q, 1e-6)) * DREAM_TEMPERATURE
    workspace, rule, images = Workspace(), AdamW(weight_decay=0), []
    down, along = (gaussian(length, PEN) for length in teacher.shape[1:])

    def smooth(u: Array) -> Array:
        smoothed: Array = np.einsum("hi,ciwn,wj->chjn", down, u, along, optimize=True)
        return smoothed

    for start in range(0, q.shape[1], TOGETHER):
        target = told[:, start : start + TOGETHER]
        u = DARK * rng.random((*teacher.shape, target.shape[1]), np.float32)
        state = rule.init({"u": u})
        for _ in range(steps):
            workspace.reset()
            y, x = rng.integers(-SHIFT, SHIFT + 1, 2)
            seen = np.roll(np.minimum(smooth(u), 1), (y, x), axis=(1, 2))
            z, caches = teacher.forward(seen, train=True, workspace=workspace)
            _, dz = soft_cross_entropy(z, target, DREAM_TEMPERATURE)
            dx = teacher.image_gradient(dz * z.shape[1], caches, workspace=workspace)
            du = smooth(np.roll(dx, (-y, -x), axis=(1, 2)) + np.float32(INK))
            rule.step({"u": u}, {"u": du}, state, STEP)
            np.maximum(u, 0, out=u)
        images.append(np.moveaxis(np.minimum(smooth(u), 1), -1, 0))
    return np.concatenate(images)


def one_seed(folder: Path, data: Path, seed: int, quick: bool) -> list[Row]:
    """A teacher, its dreams, and its students."""
    train, test = mnist(data)
    if quick:
        train = train[:QUICK_IMAGES]
    digits = np.moveaxis(to_input(train.images), -1, 0)
    rng = np.random.default_rng([seed, 1])
    teacher = trained(
        folder,
        "teacher",
        fit,
        seed_net(np.random.default_rng([seed, 2]), digits.shape[1:], train.classes),
        images=digits,
        labels=train.labels,
        rng=rng,
        epochs=1 if quick else TEACHER_EPOCHS,
        schedule=one_cycle(TEACHER_LR),
        augment=Augment(shift=1.5, rotation=12, scale=0.12),
    )
    count = min(DREAMS, len(digits))
    drawn = np.random.default_rng([seed, 3])
    q = wishes(teacher, count, drawn)
    kept = folder / "dreams.npy"
    if not kept.exists():
        np.save(kept, dream(teacher, q, drawn, QUICK_STEPS if quick else STEPS))
    seen = {
        "dreams": np.load(kept),
        "noise": drawn.random(digits[:count].shape).astype(np.float32),
        "digits": digits[drawn.permutation(len(digits))[:count]],
    }
    start = student_net(np.random.default_rng([seed, 2]), digits.shape[1:], train.classes)
    rows = []
    for inputs, begin in sorted(KINDS):
        student = trained(
            folder,
            f"{inputs}-{begin}",
            distillation.train,
            transplant(teacher, start) if begin == "teacher" else start,
            teacher=teacher,
            images=seen[inputs],
            labels=q.argmax(axis=0),  # not asked for: soft is 1
            rng=np.random.default_rng([seed, 4]),
            epochs=1 if quick else EPOCHS,
            soft=1.0,
            temperature=TEMPERATURE,
            loss="kl",
            schedule=one_cycle(LR),
            augment=WILD,
        )
        errors = int((predict(student, test.images) != test.labels).sum())
        rows.append({"inputs": inputs, "start": begin, "seed": seed, "errors": errors})
    return rows


def as_table(rows: list[Row], images: int) -> str:
    lines = [("the student saw", "it began from", "errors", "accuracy")]
    for (inputs, start), found in grouped(rows, "inputs", "start").items():
        errors = [row["errors"] for row in found]
        accuracy = [100 - row["errors"] / images * 100 for row in found]
        began = "a part of its teacher" if start == "teacher" else "drawn weights"
        lines.append((inputs, began, spread(errors), f"{spread(accuracy, '.2f')} %"))
    return aligned(lines, words=(0, 1))


def plot_dreams(images: Array, path: Path) -> None:
    """The first dreams, a column for each class."""
    columns = 10
    figure, axes = plots.new_figure(SHOWN // columns, columns, plots.WIDTH, 4)
    for ax, image in zip(axes.flat, images[:SHOWN], strict=False):
        ax.imshow(image[0], cmap="gray_r", vmin=0, vmax=1)
    for ax in axes.flat:
        ax.axis("off")
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    quick = f"one seed, one epoch of {QUICK_IMAGES} images, {QUICK_STEPS} steps of dreaming"
    args = ask(options(__doc__, "no-data", quick, 3), words)
    rows = rows_of(args, one_seed, RECIPE)
    print(as_table(rows, len(mnist(args.data)[1])))
    if plots.available(("matplotlib",)):
        dreams = np.load(args.out / f"seed{args.seeds[0]}" / "dreams.npy")
        plot_dreams(dreams, args.out / "dreams.png")


if __name__ == "__main__":
    run_as_script("no_data", main)
