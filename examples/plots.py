"""The pictures of the main job. matplotlib is optional: `available` says so, once, in one line."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.train.history import History


def available(packages: Sequence[str] = ("matplotlib", "tqdm", "threadpoolctl")) -> bool:
    """Whether plots can be drawn. Names what is missing of `packages` and how to install it."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        print(f"Without {', '.join(missing)}, which `pip install {' '.join(missing)}` brings, ", end="")
        what = {"matplotlib": "no plots", "tqdm": "no progress bars", "threadpoolctl": "slower training"}
        print(f"there are {', '.join(what.get(name, name) for name in missing)}.")
    return "matplotlib" not in missing


def new_figure(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Any, Any]:
    """A figure of rows × columns axes, width × height inches, drawn without a screen."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot.subplots(
        rows, columns, figsize=(width, height), squeeze=False, layout="constrained", **options
    )


def save(figure: Any, path: Path) -> None:
    from matplotlib import pyplot

    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def plot_learning(histories: Mapping[str, History], path: Path) -> None:
    """Training loss and validation errors of each epoch, a line for each model."""
    figure, axes = new_figure(1, 2, 10, 4)
    for name, history in histories.items():
        axes[0, 0].plot(history.epoch, history.loss, marker="o", label=name)
        axes[0, 1].plot(history.epoch, history.validation_errors, marker="o", label=name)
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
    F = len(w)
    figure, axes = new_figure(2, F, 1.3 * F, 3.4)
    for f in range(F):
        for row, values, form in ((0, w, "{:+.2f}"), (1, codes, "{:+d}")):
            picture = values[f, 0]
            most = max(abs(picture.min()), abs(picture.max()), 1e-9)
            axes[row, f].imshow(picture, cmap="RdBu", vmin=-most, vmax=most)
            axes[row, f].set(xticks=[], yticks=[])
            span = f"{form.format(picture.min())} … {form.format(picture.max())}"
            axes[row, f].set_xlabel(span, fontsize=7)
    axes[0, 0].set_ylabel("float")
    axes[1, 0].set_ylabel("int8 codes")
    save(figure, path)


def plot_disagreements(
    images: NDArray[Any], labels: NDArray[Any], first: NDArray[Any], second: NDArray[Any], path: Path
) -> None:
    """The images to which float (`first`) and int8 (`second`) give different classes, at most 24.

    images  (N, H, W), or (N, C, H, W): in colour where C = 3, else the first channel
    labels, first, second  (N,) classes
    """
    where = np.flatnonzero(first != second)
    shown = where[:24]
    rows = max(1, -(-len(shown) // 8))
    figure, axes = new_figure(rows, 8, 10, 1.75 * rows + 0.5)
    for ax in axes.flat:
        ax.axis("off")
    for ax, i in zip(axes.flat, shown, strict=False):
        picture = images[i] if images.ndim == 3 else np.moveaxis(images[i], 0, -1)
        colours = picture.ndim == 3 and picture.shape[-1] == 3
        ax.imshow(picture if colours or picture.ndim == 2 else picture[..., 0], cmap="gray_r")
        ax.set_title(f"is {labels[i]}\nfloat {first[i]}, int8 {second[i]}", fontsize=8)
    figure.suptitle(f"{len(where)} of {len(images):,} test images: float and int8 disagree")
    save(figure, path)
