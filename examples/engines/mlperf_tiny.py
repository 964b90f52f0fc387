"""Other people's int8 models: how small they become, how fast they run, and whether any code differs.

    python examples/engines/mlperf_tiny.py                   the six of tests/data/tflite: three minutes
    python examples/engines/mlperf_tiny.py FILE.tflite ...   others of the same kinds
    python examples/engines/mlperf_tiny.py --json tiny.json  and keep the numbers

Needs the package tflite. Where ai-edge-litert is installed, LiteRT runs beside: by its reference kernels, and
by its default ones, those of XNNPACK. A program is read for one of the two and has to write the same codes:
for the reference kernels those of every tensor, for the default ones, which keep no tensors in between, those
of the output; and those of the output again after all is gone from the program that can be proved to make no
difference. The codes that go in are random, all at one end of their range, and smooth.

Speeds are images a second by one thread, the median over the turns that all engines take: the processor's
time, so that whatever else runs on the machine does not count. Programs are planned once (`integer.prepare`),
as LiteRT's interpreter is, and "simplified" is the smaller program, by the products of "blas".
"""

import argparse
import json
import lzma
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from peers import Run

from tinyzip import archive
from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned
from tinyzip.exchange import tflite
from tinyzip.exchange.tflite.file import Graph, read_graph
from tinyzip.exchange.tflite.operators import translate
from tinyzip.exchange.tflite.reference import Reference
from tinyzip.integer import Program, prepare, run, simplify
from tinyzip.integer.fast.gemm import Product
from tinyzip.machine.workers import Workers

Array = NDArray[Any]
Work = Callable[[], Any]
FOLDER = Path(__file__).parents[2] / "tests" / "data" / "tflite"
BATCHES = (1, 32)
KERNELS = {"litert reference": "BUILTIN_REF", "litert default": "AUTO"}
SIMPLIFIED = "simplified"


@dataclass(frozen=True)
class Row:
    """What was found of one engine on one model at one batch."""

    model: str
    bytes: int
    tz_bytes: int
    simplified_bytes: int
    macs: int
    simplified_macs: int
    engine: str
    batch: int
    images_per_s: float
    codes: int
    differ: int


def optional(name: str) -> Any:
    """A module, or None, saying so, where it is not there."""
    try:
        return import_module(name)
    except ImportError as error:
        print(f"{name}: left out ({error})", file=sys.stderr)
        return None


def codes_for(shape: tuple[int, ...], N: int) -> Array:
    """N examples of int8 codes, examples first: one at each end, a third smooth, all others random."""
    x = np.random.default_rng(0).integers(-128, 128, (N, *shape)).astype(np.int8)
    slopes = np.sum(np.indices(shape), 0)
    for k in range(2, N, 3):
        x[k] = slopes * k % 256 - 128
    x[:2] = np.reshape([-128, 127][: len(x[:2])], (-1, *[1] * len(shape)))
    return x


def interpreter(litert: Any, path: Path, engine: str, N: int, keep: bool = False) -> Any:
    """LiteRT with this file, ready for N examples at a time."""
    made = litert.Interpreter(
        str(path),
        experimental_op_resolver_type=getattr(litert.OpResolverType, KERNELS[engine]),
        experimental_preserve_all_tensors=keep,
        num_threads=1,
    )
    (entry,) = made.get_input_details()
    made.resize_tensor_input(entry["index"], (N, *entry["shape"][1:]))
    made.allocate_tensors()
    return made


def answers(made: Any, x: Array, wanted: Sequence[int]) -> dict[int, Array]:
    """What LiteRT's tensors hold for each example, examples first; made for one at a time."""
    (entry,) = made.get_input_details()
    found: dict[int, list[Array]] = {t: [] for t in wanted}
    for example in x:
        made.set_tensor(entry["index"], example[None])
        made.invoke()
        for t, values in found.items():
            values.append(made.get_tensor(t))
    return {t: np.concatenate(values) for t, values in found.items()}


def compared(litert: Any, path: Path, graph: Graph, x: Array) -> dict[str, tuple[int, int]]:
    """For each of LiteRT's kernels, how many codes were compared with a program's, and how many differ."""
    chain = translate(graph, Reference())
    programs = {"litert reference": chain.program(), "litert default": tflite.read(path, "xnnpack")}
    outputs = run(programs["litert reference"], tflite.batch_last(x), trace=True)
    places = {t: place for t, place in chain.places.items() if place >= 0 and t not in chain.borders}
    made = interpreter(litert, path, "litert reference", 1, keep=True)
    found = {engine: [] for engine in programs}
    found["litert reference"] = [(outputs[places[t]], y) for t, y in answers(made, x, list(places)).items()]
    for engine, program in programs.items():
        (y,) = answers(interpreter(litert, path, engine, 1), x, graph.outputs).values()
        smaller = archive.shorten(simplify(program))
        several = (smaller,) if found[engine] else (program, smaller)
        found[engine] += [(run(one, tflite.batch_last(x)), y) for one in several]
    return {
        engine: (sum(y.size for _, y in row), sum(int((z != tflite.batch_last(y)).sum()) for z, y in row))
        for engine, row in found.items()
    }


def jobs(
    litert: Any, path: Path, program: Program, smaller: Program, x: Array
) -> dict[str, Callable[[], Any]]:
    """Each engine's work on these examples, ready to be done."""
    codes, N = tflite.batch_last(x), len(x)
    found: dict[str, Work] = {}
    for engine in KERNELS if litert else ():
        made = interpreter(litert, path, engine, N)
        (entry,), (end,) = made.get_input_details(), made.get_output_details()

        def work(made: Any = made, entry: Any = entry, end: Any = end) -> Array:
            made.set_tensor(entry["index"], x)
            made.invoke()
            return tflite.batch_last(made.get_tensor(end["index"]))

        found[engine] = work
    chosen: dict[str, tuple[Program, Product]]
    chosen = {"integer": (program, "integer"), "blas": (program, "blas"), SIMPLIFIED: (smaller, "blas")}
    for engine, (which, product) in chosen.items():
        found[engine] = partial(prepare(which, N, product), codes)
    return found


def rates(work: dict[str, Work], N: int, turns: int, seconds: float) -> dict[str, float]:
    """Images a second of each engine, the median over the turns that they take."""
    found: dict[str, list[float]] = {engine: [] for engine in work}
    for _ in range(turns):
        for engine, once in work.items():
            found[engine].append(N * Run(once).rate(seconds, wall=False))
    return {engine: median(values) for engine, values in found.items()}


def measured(path: Path, litert: Any, turns: int, seconds: float) -> list[Row]:
    """All that is found of one file."""
    graph, program = read_graph(path), tflite.read(path)
    smaller = archive.shorten(simplify(program))
    x = codes_for(graph.tensors[graph.inputs[0]].shape[1:], max(BATCHES))
    kernels, exact = {}, None
    if litert:
        kernels = compared(litert, path, graph, x)
        made = interpreter(litert, path, "litert reference", 1)
        exact = tflite.batch_last(answers(made, x, graph.outputs)[graph.outputs[0]])
    rows = []
    for N in BATCHES:
        work = jobs(litert, path, program, smaller, x[:N])
        for engine, speed in rates(work, N, turns, seconds).items():
            codes, differ = kernels.get(engine, (0, 0))
            if exact is not None and engine not in KERNELS:
                codes, differ = exact[..., :N].size, int((work[engine]() != exact[..., :N]).sum())
            rows.append(
                Row(
                    model=path.stem,
                    bytes=path.stat().st_size,
                    tz_bytes=len(archive.pack(program)),
                    simplified_bytes=len(archive.pack(smaller)),
                    macs=sum(program.multiplications),
                    simplified_macs=sum(smaller.multiplications),
                    engine=engine,
                    batch=N,
                    images_per_s=speed,
                    codes=codes,
                    differ=differ,
                )
            )
    return rows


def sizes(paths: Sequence[Path], rows: Sequence[Row]) -> str:
    """Bytes and multiply-accumulates of each model."""
    head = ("model", ".tflite", "lzma", ".tz", "simplified", "macs", "simplified")
    table = [head]
    for path in paths:
        row = next(row for row in rows if row.model == path.stem)
        packed = len(lzma.compress(path.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
        values = (row.bytes, packed, row.tz_bytes, row.simplified_bytes, row.macs, row.simplified_macs)
        table.append((row.model, *(f"{value:,}" for value in values)))
    return aligned(table)


def exactness(rows: Sequence[Row]) -> str:
    """Codes compared and codes that differ, of each model and each of LiteRT's kernels."""
    table = [("model", "kernels", "codes", "differ")]
    for row in rows:
        if row.engine in KERNELS and row.batch == BATCHES[0]:
            table.append((row.model, row.engine, f"{row.codes:,}", f"{row.differ:,}"))
    return aligned(table, words=(0, 1))


def speeds(rows: Sequence[Row]) -> str:
    """Images a second of each engine; of the simplified program also how many times the reference's."""
    engines = list(dict.fromkeys(row.engine for row in rows))
    found = {(row.model, row.batch, row.engine): row.images_per_s for row in rows}
    table = [("model", "batch", *engines, "÷ reference")]
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        own = [found[model, batch, engine] for engine in engines]
        reference = found.get((model, batch, "litert reference"))
        ratio = f"{own[-1] / reference:.1f}" if reference else ""
        table.append((model, str(batch), *(f"{speed:,.0f}" for speed in own), ratio))
    return aligned(table)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help=".tflite files (those of the tests)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the rows")
    parser.add_argument("--turns", type=int, default=5, help="of each engine (%(default)s)")
    parser.add_argument("--seconds", type=float, default=0.3, help="that a turn lasts (%(default)s)")
    options = parser.parse_args(arguments)
    paths = options.files or sorted(FOLDER.glob("*.tflite"))
    litert = optional("ai_edge_litert.interpreter")
    with Workers(1):  # which holds BLAS to one thread
        rows = [row for path in paths for row in measured(path, litert, options.turns, options.seconds)]
    print(sizes(paths, rows))
    if litert:
        print(f"\n{exactness(rows)}")
    print(f"\n{speeds(rows)}")
    if options.json:
        write_atomically(
            options.json, [(json.dumps([asdict(row) for row in rows], indent=1) + "\n").encode()]
        )


if __name__ == "__main__":
    main()
