"""Helpers of `bits.py`: a cell, its folder, a network made hard to quantize, the table, its picture."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
from parts import plots

from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.integer import Program
from tinyzip.nn.layers import Conv2d
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.blocks import blocks_of


@dataclass(frozen=True)
class Cell:
    """One number of the table: the program that `make` gives, as a file."""

    model: str
    weights: float
    activations: int
    method: str
    make: Callable[[], Program]
    work: float  # epochs, or what takes as long

    def path(self, folder: Path) -> Path:
        plain = "".join(c if c.isalnum() else "-" for c in self.method.replace("+ ", ""))
        return folder / f"{self.model}-w{self.weights:g}-a{self.activations}-{plain}.tz"


def claim(folder: Path, recipe: str) -> None:
    """Make a folder, or see that what is in it was made by this recipe.

    raises  ValueError for a folder with files of another recipe, or of none that is known
    """
    note = folder / "recipe.txt"
    if folder.exists() and any(folder.iterdir()):
        found = note.read_text(encoding="utf-8").splitlines() if note.exists() else ["no recipe.txt"]
        for ours, other in zip_longest(recipe.splitlines(), found, fillvalue="nothing"):
            if ours != other:
                needed = f"files made with {ours.strip()!r}, or an empty folder"
                refuse(f"--out: {folder}", f"files made with {other.strip()!r}", needed)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(recipe, encoding="utf-8")


def rescaled(model: Sequential, rng: np.random.Generator, spread: float) -> Sequential:
    """The same function, with the sizes of channels between each two layers spread by up to `spread`.

    What leaves a layer in channel c is multiplied by s, and what the next layer reads from it divided by s.
    s is drawn so that its logarithm is uniform, from 1/√spread to √spread. It is the inverse of
    `quant.grids.equalize`, and what training without a norm can end in by itself.

    model  batch norms folded, only ReLU and pooling between its layers
    """
    params = {name: array.astype(np.float64) for name, array in model.params.items()}
    for writer, reader in pairwise(blocks_of(model)):
        w, b, v = (params[f"{name}"] for name in (f"{writer.name}.w", f"{writer.name}.b", f"{reader.name}.w"))
        C = len(w)
        s = spread ** rng.uniform(-0.5, 0.5, C)
        w *= s.reshape(C, *[1] * (w.ndim - 1))
        b *= s
        groups = reader.layer.groups if isinstance(reader.layer, Conv2d) else 1
        view = v.reshape(groups, len(v) // groups, C // groups, -1)
        view /= s.reshape(groups, 1, C // groups, 1)
    return model.with_params({name: params[name].astype(a.dtype) for name, a in model.params.items()})


def as_table(rows: list[dict[str, Any]]) -> str:
    """Errors above float, mean ± standard deviation over seeds, and mean bytes of the packed program."""
    seeds = len({row["seed"] for row in rows})
    spread = np.std if seeds == 1 else partial(np.std, ddof=1)
    cells = defaultdict(list)
    for row in rows:
        cells[row["model"], row["method"], row["weight_bits"], row["activation_bits"]].append(row)
    lines = []
    for model in dict.fromkeys(row["model"] for row in rows):
        own = [key for key in cells if key[0] == model]
        columns = list(dict.fromkeys(key[2:] for key in own))
        base = [cells[own[0]][i]["float_errors"] for i in range(len(cells[own[0]]))]
        lines += [
            "",
            f"{model}: {np.mean(base):.1f} ± {spread(base):.1f} errors in float ({seeds} seeds); "
            "above that, and bytes",
        ]
        table = [["weights / activations", *(f"{w:g}/{a}" for w, a in columns)]]
        for method in dict.fromkeys(key[1] for key in own):
            table.append([method])
            for column in columns:
                found = cells.get((model, method, *column), [])
                above = [row["errors"] - row["float_errors"] for row in found]
                size = np.mean([row["bytes"] for row in found]) if found else 0
                table[-1].append(f"{np.mean(above):+.1f} ± {spread(above):.1f} {size:7,.0f}" if found else "")
        lines.append(aligned(table))
    return "\n".join(lines)


def plot_bits(rows: list[dict[str, Any]], path: Path) -> None:
    """Errors above float against bits of the weights, and against bytes of the packed program."""
    points = defaultdict(list)
    for row in rows:
        if row["model"] == "seed net":
            key = row["method"], row["weight_bits"], row["activation_bits"]
            points[key].append((row["errors"] - row["float_errors"], row["bytes"]))
    figure, axes = plots.new_figure(1, 2, plots.WIDTH, 4.5)
    for method in dict.fromkeys(key[0] for key in points):
        at = [(w, *np.mean(found, axis=0)) for (m, w, a), found in points.items() if m == method and a == 8]
        bits, errors, size = (np.array(column) for column in zip(*sorted(at), strict=True))
        style = {"linestyle": ""} if "budget" in method else {}
        axes[0, 0].plot(bits, errors, label=method, **style)
        axes[0, 1].plot(size, errors, label=method, **style)
    axes[0, 0].set(xlabel="bits of the weights (activations: 8)", xticks=[1, 2, 3, 4, 8])
    axes[0, 1].set(xlabel="bytes of the packed program")
    for ax in axes.flat:
        ax.set(ylabel="errors above float, of the test images")
        ax.set_yscale("symlog", linthresh=10)
        ax.set_ylim(-10, max(10, 2 * ax.dataLim.y1))
        ax.axhline(0, color="black", linewidth=0.8)
        ax.grid(alpha=0.3)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    plots.save(figure, path)
