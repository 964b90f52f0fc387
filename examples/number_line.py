"""What do scale, zero and clipping mean?

A grid of three bits over the real numbers from −1 to 2½ has eight codes, few enough to be drawn. For some
real numbers x this prints and draws which code each becomes, which real number that code stands for, and how
far that is from x: inside the range by half of the scale at most, outside by as much as x is outside.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from parts import plots

from tinyzip.base.table import aligned
from tinyzip.quant.grids.grid import Grid

GRID = Grid.affine(-1.0, 2.5, bits=3)
NUMBERS = np.array([-1.65, -0.62, 0.13, 1.2, 3.1])


def as_table(grid: Grid, x: NDArray[Any]) -> str:
    codes = grid.quantize(x)
    rows = [("x", "code", "stands for", "off by", "")]
    for real, code, value in zip(x, codes, grid.dequantize(codes), strict=True):
        clipped = "" if grid.low <= real <= grid.high else "clipped"
        rows.append((f"{real:.2f}", str(code), f"{value:.2f}", f"{abs(value - real):.2f}", clipped))
    return aligned(rows, words=(4,))


def plot_number_line(grid: Grid, x: NDArray[Any], path: Path) -> None:
    """The grid's real numbers on a line, its codes below, an arrow from each x to what it becomes."""
    figure, axes = plots.new_figure(1, 1, plots.WIDTH, 3.4)
    ax = axes[0, 0]
    codes = np.arange(grid.lo, grid.hi + 1)
    values = grid.dequantize(codes)
    left, right = min(x.min(), grid.low) - 0.35, max(x.max(), grid.high) + 0.35
    ax.axvspan(float(grid.low), float(grid.high), color=plots.SKY, alpha=0.2, linewidth=0)
    ax.annotate("", (right, 0), (left, 0), arrowprops={"arrowstyle": "-|>", "color": plots.BLACK})
    for code, value in zip(codes, values, strict=True):
        color = plots.GREEN if code == grid.zero else plots.BLACK
        ax.plot([value, value], [-0.06, 0.06], color=color, linewidth=2, marker="")
        ax.text(value, -0.12, f"{value:g}", ha="center", va="top", color=color)
        box = {"boxstyle": "square,pad=0.4", "facecolor": "white", "edgecolor": color}
        ax.text(value, -0.55, str(code), ha="center", va="center", color=color, weight="bold", bbox=box)
    ax.text(left, -0.12, "real number", va="top")
    ax.text(left, -0.55, "its code", va="center")
    ax.text(
        values[int(grid.zero) - grid.lo],
        -0.8,
        "zero: the code of 0",
        ha="center",
        va="top",
        color=plots.GREEN,
    )
    step = {"arrowstyle": "<->", "color": plots.BLUE, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", (values[-2], -0.82), (values[-3], -0.82), arrowprops=step)
    middle = (values[-2] + values[-3]) / 2
    ax.text(middle, -0.88, f"scale = {grid.scale:g}", ha="center", va="top", color=plots.BLUE)
    for real, value in zip(x, grid.round_trip(x), strict=True):
        clipped = not grid.low <= real <= grid.high
        color = plots.RED if clipped else plots.BLUE
        bend = {"arrowstyle": "-|>", "color": color, "shrinkB": 6, "linewidth": 1.5}
        ax.annotate("", (value, 0.04), (real, 0.75), arrowprops=bend)
        ax.plot(real, 0.75, "o", color=color)
        word = "clipped" if clipped else f"off by {abs(value - real):.2f}"
        ax.text(real, 0.84, f"{real:g}\n{word}", ha="center", color=color)
    ax.set(xlim=(left, right), ylim=(-1.1, 1.25))
    ax.axis("off")
    plots.save(figure, path)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out"), help="a folder for number_line.png")
    args = parser.parse_args(words)
    print(f"{GRID}\n\n{as_table(GRID, NUMBERS)}")
    if plots.available(("matplotlib",)):
        args.out.mkdir(parents=True, exist_ok=True)
        plot_number_line(GRID, NUMBERS, args.out / "number_line.png")


if __name__ == "__main__":
    try:
        main()
    except OSError as error:
        sys.exit(f"number_line: {error}")
