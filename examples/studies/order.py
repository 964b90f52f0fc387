"""The order of hidden channels is free: how many bytes does a better one save?

    python examples/studies/order.py                    the four files of `smallest.py`
    python examples/studies/order.py --json order.json  and keep the numbers

From outside nobody sees in which order the hidden channels of a network stand. With the filters of one layer,
their biases and multipliers in another order, and the inputs of the next layer in the same, every output is
the same number. F channels have F! orders, and which of them it is takes log₂ F! bits of a file that no
output depends on. They cannot simply be left out, but a coder that learns while it reads
(`archive/bitwise.py`) takes fewer bits for some orders than for others:

    sorted    all layers by one key of a channel's weights, the best of `KEYS`
    climbed   from there, step by step: two channels of one layer change places, or one moves, and what makes
              the file shorter is kept. So from layer to layer, TRIES for each channel, and all of that ROUNDS
              times

The bytes are those of the whole file, and on some test images every code of the last layer is compared.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from math import lgamma, log
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts.sets import DATA
from parts.study import Row, run_as_script

from tinyzip import archive
from tinyzip.archive.coder import COST_BITS, Writer
from tinyzip.archive.records import walk_program
from tinyzip.base.files import write_atomically
from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.integer import Conv2d, Flatten, Linear, Program
from tinyzip.integer.operators import GlobalAvgPool, Pool, Weighted
from tinyzip.quant.classify import outputs
from tinyzip.train.data import mnist

MODELS = Path(__file__).parents[1] / "models"
FILES = tuple(MODELS / f"mnist-{budget}.tz" for budget in (512, 1024, 2953, 8192))
TRIES, ROUNDS, SEED, IMAGES = 10, 2, 0, 1000
Order = NDArray[np.intp]


def sizes(w: NDArray[Any]) -> NDArray[Any]:
    """How large the weights of each channel are together, (F,)."""
    return np.abs(w).sum(1)


KEYS: dict[str, Callable[[NDArray[Any]], Order]] = {  # of a channel's weights, (F, K)
    "as it is": lambda w: np.arange(len(w)),
    "|w| rising": lambda w: np.argsort(sizes(w), kind="stable"),
    "|w| falling": lambda w: np.argsort(-sizes(w), kind="stable"),
    "mean rising": lambda w: np.argsort(w.sum(1), kind="stable"),
    "first weights": lambda w: np.lexsort(w.T[::-1]),
}


def hidden(program: Program) -> list[int]:
    """The numbers of the operators whose output channels may be put in another order: all that have weights
    but the last. Refuses what is no chain of plain convolutions, pools, means and linear layers."""
    for i, operator in enumerate(program.operators):
        plain = isinstance(operator, Pool | GlobalAvgPool | Flatten | Linear) or (
            isinstance(operator, Conv2d) and operator.groups == 1
        )
        if not plain:
            refuse(f"operator {i}", operator.kind, "a convolution of one group, a pool, or a linear layer")
    return [i for i, operator in enumerate(program.operators) if isinstance(operator, Weighted)][:-1]


def reordered(program: Program, i: int, order: Order) -> Program:
    """The program with the outputs of operator i in this order, and the inputs of the next with weights."""
    operators = list(program.operators)
    j = next(j for j in range(i + 1, len(operators)) if isinstance(operators[j], Weighted))
    one, other = operators[i], operators[j]
    assert isinstance(one, Weighted) and isinstance(other, Weighted)
    rows = {name: getattr(one, name)[order] for name in ("w", "bias", "m0", "n")}
    operators[i] = replace(one, **rows)
    w = other.w.reshape(len(other.w), len(order), -1)[:, order]
    operators[j] = replace(other, w=w.reshape(other.w.shape))
    return Program(tuple(operators), program.shape, program.input)


def cost(program: Program) -> int:
    """What a program takes in a file, in units of 2⁻¹⁶ bit: `archive.pack` before it is rounded to bytes."""
    writer = Writer("order")
    walk_program(writer, program)
    return writer.cost


def ordered(program: Program, key: Callable[[NDArray[Any]], Order]) -> Program:
    """All hidden channels in the order of a key, layer by layer."""
    for i in hidden(program):
        operator = program.operators[i]
        assert isinstance(operator, Weighted)
        program = reordered(program, i, key(operator.w.reshape(len(operator.w), -1).astype(np.int64)))
    return program


def moved(F: int, rng: np.random.Generator) -> Order:
    """An order of F ≥ 2 channels in which two have changed places, or one has moved to another place."""
    a, b = rng.choice(F, 2, replace=False)
    order = np.arange(F)
    if rng.random() < 0.5:
        order[[a, b]] = b, a
        return order
    return np.insert(np.delete(order, a), b, a)


def climbed(program: Program, rng: np.random.Generator) -> tuple[Program, int]:
    """A program of the same outputs that takes no more bits, and how many others were tried."""
    least, tries = cost(program), 0
    for _ in range(ROUNDS):
        for i in hidden(program):
            F = program.shapes[i + 1][0]
            for _ in range(TRIES * F if F > 1 else 0):
                other = reordered(program, i, moved(F, rng))
                found, tries = cost(other), tries + 1
                if found < least:
                    program, least = other, found
    return program, tries


def differing(one: Program, other: Program, images: NDArray[Any]) -> int:
    """How many codes of the last operators differ."""
    return int((outputs(one, images, 1) != outputs(other, images, 1)).sum())


def measure(path: Path, images: NDArray[Any]) -> Row:
    """A row of the table."""
    program, start = archive.read(path), time.process_time()
    kept = {key: ordered(program, order) for key, order in KEYS.items()}
    costs = {key: cost(one) for key, one in kept.items()}
    best = min(costs, key=costs.__getitem__)
    after, tries = climbed(kept[best], np.random.default_rng(SEED))
    F = [program.shapes[i + 1][0] for i in hidden(program)]
    row: Row = {"file": path.name, "channels": sum(F), "orders": sum(lgamma(n + 1) for n in F) / log(2) / 8}
    row |= {"bytes": len(archive.pack(program)), "key": best, "sorted": len(archive.pack(kept[best]))}
    row |= {"climbed": len(archive.pack(after)), "tries": tries, "seconds": time.process_time() - start}
    row |= {"each": {key: (found - costs["as it is"]) / (8 << COST_BITS) for key, found in costs.items()}}
    return row | {"differ": differing(program, after, images)}


def as_table(rows: list[Row]) -> str:
    """Bytes before and after; and by how many bytes each key alone makes a file longer or shorter."""
    heading = ["file", "bytes", "log₂ F!, bytes", "sorted", "climbed", "saved"]
    lines, keys = [[*heading, "tries", "seconds", "codes differ"]], [["file", *KEYS]]
    for row in rows:
        saved = f"{100 * (1 - row['climbed'] / row['bytes']):.1f} %"
        numbers = [f"{row[key]:,}" for key in ("sorted", "climbed")]
        line = [row["file"], f"{row['bytes']:,}", f"{row['orders']:.0f}", *numbers, saved]
        lines.append([*line, f"{row['tries']:,}", f"{row['seconds']:.0f}", f"{row['differ']}"])
        keys.append([row["file"], *(f"{row['each'][key]:+.1f}" for key in KEYS)])
    return f"{aligned(lines)}\n\nbytes by one key alone\n{aligned(keys)}"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("files", type=Path, nargs="*", default=FILES, help=".tz files (those of smallest.py)")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--json", type=Path, help="where to write the rows for machines")
    args = parser.parse_args(words)
    images = mnist(args.data)[1].images[:IMAGES]
    rows = [measure(path, images) for path in args.files]
    print(as_table(rows))
    if args.json:
        write_atomically(args.json, [(json.dumps(rows, indent=1) + "\n").encode()])


if __name__ == "__main__":
    run_as_script("order", main)
