"""The pictures of the main job, and the style that all pictures share.

matplotlib is optional: `available` says so, once, in one line. The colours are those of Okabe & Ito (2008),
which stay apart for eyes that do not tell red from green; a line also has a marker of its own.
"""

import importlib.util
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.distill.fidelity import Answers
from tinyzip.train.history import History

BLUE, ORANGE, GREEN, RED, PINK, SKY, BLACK = COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#000000",
)
MARKERS = "os^DvPX"
WIDTH = 10  # inches: what a page is wide
SHOWN, COLUMNS = 24, 8  # digits on which two models disagree
STAGES = {  # rows of the main job's table: what is done to get there, and what one then has
    "teacher": ("train", "teacher, float", BLUE),
    "student, distilled": ("distill", "student, float", SKY),
    "student, int8, integers only": ("quantize", "student, int8,\npacked in a file", GREEN),
}


def available(packages: Sequence[str] = ("matplotlib", "tqdm")) -> bool:
    """Whether plots can be drawn. Names what is missing of `packages` and how to install it."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Without {', '.join(missing)}, which `pip install {' '.join(missing)}` brings, ", end="")
        what = {"matplotlib": "no plots", "tqdm": "no progress bars"}
        print(f"there are {', '.join(what.get(name, name) for name in missing)}.")
    return "matplotlib" not in missing


def new_figure(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Any, Any]:
    """A figure of rows × columns axes, width × height inches, drawn without a screen."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure
    from matplotlib.rcsetup import cycler

    cycle = cycler(color=COLOURS, marker=list(MARKERS))
    rcParams.update({"axes.prop_cycle": cycle, "font.size": 11})
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def save(figure: Any, path: Path) -> None:
    """Write a picture with 256 colours, which takes a third of the bytes of one with all."""
    from PIL import Image  # which comes with matplotlib

    drawn = BytesIO()
    figure.savefig(drawn, dpi=120)
    Image.open(drawn).convert("RGB").quantize(256).save(path, optimize=True)


def plot_learning(histories: Mapping[str, History], path: Path) -> None:
    """Training loss and validation errors of each epoch, a line for each model."""
    figure, axes = new_figure(1, 2, WIDTH, 4)
    for name, history in histories.items():
        axes[0, 0].plot(history.epoch, history.loss, label=name)
        axes[0, 1].plot(history.epoch, history.validation_errors, label=name)
    axes[0, 0].set(xlabel="epoch", ylabel="training loss (each on its own objective)", yscale="log")
    axes[0, 1].set(xlabel="epoch", ylabel="errors on the validation images")
    axes[0, 1].legend()
    for ax in axes.flat:
        ax.grid(alpha=0.3)
        ax.xaxis.get_major_locator().set_params(integer=True)
    save(figure, path)


def plot_filters(w: NDArray[Any], codes: NDArray[Any], path: Path) -> None:
    """First-layer filters, above in float and below in codes, each with its own symmetric colours.

    w, codes  (F, C, kh, kw); the first input channel is shown
    """
    F, _, kh, kw = w.shape
    figure, axes = new_figure(2, F, WIDTH, 2 * WIDTH / F * kh / kw + 0.8)
    for f in range(F):
        for row, values, form in ((0, w, "{:+.2f}"), (1, codes, "{:+d}")):
            picture = values[f, 0]
            most = max(abs(picture.min()), abs(picture.max()), 1e-9)
            axes[row, f].imshow(picture, cmap="RdBu", vmin=-most, vmax=most)
            axes[row, f].set(xticks=[], yticks=[])
            axes[row, f].set_xlabel(f"{form.format(picture.min())} … {form.format(picture.max())}")
    axes[0, 0].set_ylabel("float")
    axes[1, 0].set_ylabel("int8 codes")
    save(figure, path)


def plot_disagreements(
    images: NDArray[Any], labels: NDArray[Any], first: NDArray[Any], second: NDArray[Any], path: Path
) -> None:
    """The images to which float (`first`) and int8 (`second`) give different classes, at most 24.

    images  (N, H, W), or (N, C, H, W): in colour where C = 3, else the first channel; one row is a curve
    labels, first, second  (N,) classes

    As few rows as hold them, of equal length but for the last, so that no column stays empty.
    """
    where = np.flatnonzero(first != second)
    shown = where[:SHOWN]
    rows = -(-len(shown) // COLUMNS)
    columns = -(-len(shown) // max(rows, 1))
    side = min(WIDTH / max(columns, 1), WIDTH / 4)
    height = (side + 0.41) * rows + 0.27  # two lines of title over each row, one line over all
    figure, axes = new_figure(max(rows, 1), max(columns, 1), max(side * columns, WIDTH / 2), max(height, 0.5))
    for ax in axes.flat:
        ax.axis("off")
    for ax, i in zip(axes.flat, shown, strict=False):
        picture = images[i] if images.ndim == 3 else np.moveaxis(images[i], 0, -1)
        colours = picture.ndim == 3 and picture.shape[-1] == 3
        picture = picture if colours or picture.ndim == 2 else picture[..., 0]
        if len(picture) == 1:
            ax.plot(picture[0], color=BLACK, marker="")
        else:
            ax.imshow(picture, cmap="gray_r")
        ax.set_title(f"is {labels[i]}\nfloat {first[i]}, int8 {second[i]}", fontsize=10)
    figure.suptitle(f"{len(where)} of {len(images):,} test images: float and int8 disagree")
    save(figure, path)


def plot_pipeline(runs: Sequence[Sequence[Mapping[str, Any]]], path: Path) -> None:
    """From images to a class: a square for each stage, its area the bytes, below it the errors.

    runs  the rows of the main job's table, of one seed or of several: then means, errors with deviations
    """
    stages = [[row for rows in runs for row in rows if row["model"] == name] for name in STAGES]
    size = [mean(row["bytes"] for row in rows) for rows in stages]
    figure, axes = new_figure(1, 1, WIDTH, 2.7)
    ax = axes[0, 0]
    arrow = {"arrowstyle": "-|>", "color": BLACK, "linewidth": 1.5, "mutation_scale": 18}
    gap, x = 0.75, 0.0
    ax.text(x, 0, "images ", ha="right", va="center")
    for rows, amount, (step, result, color) in zip(stages, size, STAGES.values(), strict=True):
        side = (amount / size[0]) ** 0.5
        ax.annotate("", (x + gap, 0), (x, 0), arrowprops=arrow)
        ax.text(x + gap / 2, 0.05, step, ha="center")
        x += gap
        ax.add_patch(figure_square(x, side, color))
        errors = [row["errors"] for row in rows]
        spread = f" ± {stdev(errors):.1f}" if len(errors) > 1 else ""
        smaller = f"\n({size[0] / amount:.1f}× smaller)" if amount < size[0] else ""
        ax.text(x + side / 2, side / 2 + 0.04, f"{amount:,.0f} bytes{smaller}", ha="center", weight="bold")
        text = f"{result}\n{mean(errors):.3g}{spread} errors"
        ax.text(x + side / 2, -side / 2 - 0.04, text, ha="center", va="top")
        x += side
    ax.annotate("", (x + gap, 0), (x, 0), arrowprops=arrow)
    ax.text(x + gap / 2, 0.05, "run", ha="center")
    ax.text(x + gap, 0, " class", va="center")
    ax.set(xlim=(-0.4, x + gap + 0.3), ylim=(-0.78, 0.62), aspect="equal")
    ax.axis("off")
    save(figure, path)


def figure_square(x: float, side: float, color: str) -> Any:
    """A square that starts at x and is centred on the line y = 0."""
    from matplotlib.patches import Rectangle

    return Rectangle((x, -side / 2), side, side, color=color)


def plot_reliability(answers: Mapping[str, Answers], path: Path) -> None:
    """How often a network is right where it is so and so sure: a dot for each bin of confidence, a curve for
    each network. Below, how many images lie in the bins, all but a few of them in the last."""
    figure, axes = new_figure(2, 1, 6, 7.5, sharex=True, height_ratios=(3, 1))
    above, below = axes[:, 0]
    above.plot([0, 1], [0, 1], color=BLACK, linestyle=":", label="calibrated")
    for (name, answer), marker, color in zip(answers.items(), MARKERS, COLOURS, strict=False):
        there = answer.count > 0
        style = {"marker": marker, "color": color}
        label = f"{name}: off by {answer.ece:.2%} on average"
        above.plot(answer.confidence[there], answer.accuracy[there], label=label, **style)
        below.plot(answer.confidence[there], answer.count[there], **style)
    above.set(ylabel="share of right answers")
    below.set(xlabel="confidence: probability of the class that is given", ylabel="images", yscale="log")
    figure.legend(*above.get_legend_handles_labels(), loc="outside lower center", frameon=False)
    for ax in (above, below):
        ax.grid(alpha=0.3)
    save(figure, path)
