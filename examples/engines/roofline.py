"""How fast could tinyzip be on this core, and what keeps it from that?

    python examples/engines/roofline.py            one minute
    python examples/engines/roofline.py --quick    some seconds, and more noise
    python examples/engines/roofline.py --json roofline.json    and keep the rows

A roofline [Williams, Waterman & Patterson 2009] says what a machine allows: no work is done sooner than its
multiplications take at the peak, nor sooner than its bytes take to be moved. NumPy makes one call after the
other, so here the two stand for each call, and a call has a price of its own, however little it does:

    least = Σ over calls of max(multiply-accumulates / peak, bytes / bandwidth) + price of a call

Peak, bandwidth and price are measured: large matrix products, additions whose arrays take so many bytes
altogether, an addition of 16 numbers. What is called is not typed in either: each network runs once on arrays
that write down what NumPy is asked to do with them, and `roofline_calls` counts the calls one by one. And
since the arrays of other rows push its own out of the cache before their turn comes again, what a row touches
is fetched once from where so many bytes have room.

Calls are those of a whole shard, as `speed.py` cuts its batches, and all other figures those of one image of
it: thousands of multiply-accumulates and of bytes, microseconds of the processor's time. `at shape` is what
the row's matrix products take by themselves, at their very shapes and out of the cache. Left out are the
loss, and the classes of integer programs.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from laws import program_of
from parts.roofline_calls import macs, replaced, seen, touched, union
from parts.roofline_machine import SIZES, Machine, machine_of, numbers, seconds
from parts.roofline_work import Rows, Work, answering, counted, learning, passing, repeated

from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned
from tinyzip.integer.fast.gemm import Product
from tinyzip.machine.recorder import Call
from tinyzip.machine.workers import Workers, small_buffer
from tinyzip.machine.workspace import Workspace
from tinyzip.nn import models

NETWORKS = {"seed_net": 64, "vgg_net": 64, "separable_net": 64, "wide_mlp": 128}  # examples of a shard
PROGRAMS: tuple[tuple[int, int, Product, int], ...] = (
    *((8, 8, "blas", 64), (2, 4, "blas", 64)),
    *((8, 8, "blas", 1), (2, 4, "blas", 1), (8, 8, "integer", 1)),
)


@dataclass(frozen=True)
class Row:
    """What a layer's calls do to one image, and how long it takes: at least, its products, measured."""

    network: str
    name: str
    calls: int
    macs: float
    product_bytes: float
    pass_bytes: float
    least: float
    at_shape: float
    measured: float


def timed(work: Work, patience: float) -> dict[str, float]:
    """Seconds of the processor's time by row: the median over some turns."""
    last, spent, turns = 0.0, dict[str, float](), list[dict[str, float]]()

    def mark(name: str) -> None:
        nonlocal last
        spent[name] = spent.get(name, 0.0) + time.thread_time() - last
        last = time.thread_time()

    until = time.process_time() + patience
    while time.process_time() < until or len(turns) < 4:
        last, spent = time.thread_time(), {}
        work(mark)
        turns.append(spent)
    return {name: median(turn[name] for turn in turns) for name in turns[0]}


def at_shape(calls: Sequence[Call], patience: float) -> float:
    """Seconds that the matrix products among the calls take, on arrays that lie as theirs do."""
    kinds: dict[Any, list[Call]] = {}
    for call in calls:
        if macs(call):
            kinds.setdefault(tuple((a.shape, a.strides) for a in seen(call)), []).append(call)
    return sum(len(same) * seconds(replaced(same[0], numbers), patience) for same in kinds.values())


def rows_of(title: str, rows: Rows, work: Work, N: int, machine: Machine, patience: float) -> Iterator[Row]:
    """A row of the table for each row of the work, whose calls these are; N images together."""
    measured = timed(work, 20 * patience)
    for name, calls in rows.items():
        if not calls:  # a view
            continue
        done, arrays = [macs(call) for call in calls], [seen(call) for call in calls]
        moved = [sum(map(touched, some)) for some in arrays]
        each = (
            max(multiplied / machine.peaks[some[0].dtype.name] if multiplied else 0.0, machine.moving(size))
            for multiplied, some, size in zip(done, arrays, moved, strict=True)
        )
        once = machine.moving(union(array for some in arrays for array in some))
        least = max(sum(each), once) + machine.price * len(calls)
        by_products = sum(size for multiplied, size in zip(done, moved, strict=True) if multiplied)
        sizes = sum(done), by_products, sum(moved) - by_products
        times = least, at_shape(calls, patience), measured[name]
        yield Row(title, name, len(calls), *(total / N for total in (*sizes, *times)))


def found(machine: Machine, patience: float) -> Iterator[list[Row]]:
    """The rows of each network's training and forward, and of the programs."""
    for train in (True, False):
        for network, N in NETWORKS.items():
            net, title = getattr(models, network)(), f"{network}, {'training' if train else 'forward'}"
            works = [(partial(passing, net, N, train), N)] + [(partial(learning, net), 2 * N)] * train
            yield [
                row
                for make, images in works
                for row in rows_of(
                    title, counted(make), make(np.asarray, Workspace()), images, machine, patience
                )
            ]
    for weights, activations, product, N in PROGRAMS:
        calls = answering(program_of(weights, activations), product, N)
        title = f"seed_net, {product} {weights}/{activations}, batch {N}"
        yield list(rows_of(title, calls, repeated(calls), N, machine, patience))


def together(rows: Sequence[Row]) -> Row:
    """One row for all of a network."""
    columns = zip(*(astuple(row)[2:] for row in rows), strict=True)
    return Row(rows[0].network, "all", *map(sum, columns))


def table(title: str, rows: Sequence[Row], names: Callable[[Row], str]) -> str:
    """Rows as text."""
    heading = (title, "calls", "kMAC", "KB products", "KB passes", "least", "at shape", "measured", "÷ least")
    cells = [
        (
            names(row),
            f"{row.calls:,}",
            *(f"{value / 1e3:,.1f}" for value in (row.macs, row.product_bytes, row.pass_bytes)),
            *(f"{1e6 * time:,.2f}" for time in (row.least, row.at_shape, row.measured)),
            f"{row.measured / row.least:.1f}×",
        )
        for row in rows
    ]
    return aligned([heading, *cells])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter measurements")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows as a list of records")
    options = parser.parse_args(arguments)
    patience = 0.002 if options.quick else 0.1
    with Workers(1), small_buffer():
        machine = machine_of(patience)
        for name, peak in machine.peaks.items():
            print(f"{name + ' products':18}{peak / 1e9:6.1f} multiply-accumulates a nanosecond")
        for size, bandwidth in zip(SIZES, machine.bandwidths, strict=True):
            print(f"{f'passes over {size // 1024:,} KB':24}{bandwidth / 1e9:6.1f} bytes a nanosecond")
        print(f"{'a call':18}{1e6 * machine.price:6.2f} µs")
        networks = []
        for rows in found(machine, patience):
            print(f"\n{table(rows[0].network, [*rows, together(rows)], lambda row: row.name)}", flush=True)
            networks.append(rows)
    print(f"\n{table('', list(map(together, networks)), lambda row: row.network)}")
    if options.json:
        records = [asdict(row) for rows in networks for row in rows]
        write_atomically(options.json, [(json.dumps(records, indent=1)).encode()])


if __name__ == "__main__":
    main()
