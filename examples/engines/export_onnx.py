"""A program as .onnx files: does every code agree in onnxruntime, and how fast is it there?

    python examples/engines/export_onnx.py                 two networks, trained for an epoch: 15 minutes
    python examples/engines/export_onnx.py FILE.tz ...     programs from files, for images of MNIST

All 10,000 test images go through both forms that `exchange.onnx` writes and through the engine. Printed are
how many codes of all operators are equal, one apart, and further, which share of the first operator's and of
the last one's differ, on how many images the class does, and images a second, on one thread each, in one run:
both forms and the engine with either of its products take turns, and the best of each counts. Needs onnx and
onnxruntime.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.exchange import onnx
from tinyzip.integer import Argmax, Program, run
from tinyzip.integer.fast.gemm import PRODUCTS
from tinyzip.nn.activations import SiLU
from tinyzip.nn.layers import Conv2d, Flatten, GlobalAvgPool, Linear
from tinyzip.nn.models import student_net
from tinyzip.nn.residual import Residual
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.train.data import Dataset, mnist, to_input
from tinyzip.train.fit import fit

DATA = Path(__file__).parents[1] / "data" / "mnist"
FORMS = {"QDQ": False, "exact": True}
TURNS, BATCH = 5, 256
Array = NDArray[Any]


def deep_net() -> Sequential:
    """Four residual blocks of a depthwise layer, a SiLU and a pointwise layer: 21 operators."""
    body = {"deep": Conv2d(16, 16, 3, padding=1, groups=16), "silu": SiLU(), "point": Conv2d(16, 16, 1)}
    layers = {"conv": Conv2d(1, 16, 3, stride=2), "silu": SiLU()}
    layers |= {f"block{k}": Residual(body) for k in range(1, 5)}
    layers |= {"average": GlobalAvgPool(), "flat": Flatten(), "out": Linear(16, 10)}
    return Sequential.create(layers, (1, 28, 28), np.random.default_rng(0))


def trained(train: Dataset) -> dict[str, Program]:
    """The student after one epoch, in int8 that rounds twice or once and with 4 bits; and a deep network."""
    model, deep = (
        fit(net, train.images, train.labels, rng=np.random.default_rng(0), epochs=1)[0]
        for net in (student_net(), deep_net())
    )
    eight, four = (calibrate(model, train.images[:1000], weights=bits) for bits in (8, 4))
    grids = calibrate(deep, train.images[:1000])
    return {
        "student, 8 bits": lower(model, eight),
        "student, 8 bits, rounded once": lower(model, eight, rounding="single"),
        "student, 4 bits": lower(model, four),
        "deep, 8 bits": lower(deep, grids),
        "deep, 8 bits, rounded once": lower(deep, grids, rounding="single"),
    }


def served(program: Program, exact: bool) -> Callable[[Array], Array]:
    """The program's .onnx file in onnxruntime, on one thread: codes (N, …) in, codes (N, …) out."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "program.onnx"
        onnx.write_program(program, file, exact)
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])

    def answer(codes: Array) -> Array:
        parts = np.split(codes, range(BATCH, len(codes), BATCH))
        return np.concatenate([session.run(None, {"codes": part})[0] for part in parts])

    return answer


def report(name: str, program: Program, codes: Array) -> None:
    """Print what was found of one program; codes (C, H, W, N)."""
    first = np.ascontiguousarray(np.moveaxis(codes, -1, 0))
    prefixes = [
        Program(program.operators[: i + 1], program.shape, program.input)
        for i, operator in enumerate(program.operators)
        if not isinstance(operator, Argmax)
    ]
    rows = [
        ("", "codes", "equal", "one apart", "further", "of first", "of last", "classes", "images/s", "÷ blas")
    ]
    counts, classes, answers = {}, {}, {}
    for form, exact in FORMS.items():
        apart, shares = np.zeros(256, int), []
        for part in prefixes:
            expected = np.moveaxis(np.asarray(run(part, codes)), -1, 0).astype(np.int16)
            found = served(part, exact)(first)
            apart += np.bincount(np.abs(found - expected).ravel(), minlength=256)
            shares.append(f"{100 * (found != expected).mean():.2f} %")
        totals = (f"{n:,}" for n in (apart.sum(), apart[0], apart[1], apart[2:].sum()))
        counts[form] = *totals, shares[0], shares[-1]
        found, expected = (y.reshape(len(y), -1).argmax(1) for y in (found, expected))
        classes[form] = f"{(found != expected).sum():,} of {len(found):,}"
        answers[form] = served(prefixes[-1], exact)
    for product in PRODUCTS:
        answers[f"tinyzip, {product}"] = lambda _, product=product: run(prefixes[-1], codes, product)
    speeds = timed(answers, first)
    for form, speed in speeds.items():
        found = (*counts[form], classes[form]) if form in FORMS else ("",) * 7
        rows.append((form, *found, f"{speed:,.0f}", f"{speed / speeds['tinyzip, blas']:.2f}×"))
    print(f"{name}\n{aligned(rows)}\n")


def timed(answers: dict[str, Callable[[Array], Array]], codes: Array) -> dict[str, float]:
    """Images a second of each, the best of several turns."""
    best = dict.fromkeys(answers, np.inf)
    for _ in range(TURNS):
        for name, answer in answers.items():
            start = time.perf_counter()
            answer(codes)
            best[name] = min(best[name], time.perf_counter() - start)
    return {name: len(codes) / seconds for name, seconds in best.items()}


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="programs; without, the student is trained")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--images", type=int, default=10_000, help="how many test images (%(default)s)")
    args = parser.parse_args(words)
    train, test = mnist(args.data)
    programs = {file: archive.read(file) for file in args.files} or trained(train)
    images = to_input(test.images[: args.images])
    for name, program in programs.items():
        report(name, program, grid_of(program.input).quantize(images))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, ImportError) as error:
        sys.exit(f"export_onnx: {error}")
