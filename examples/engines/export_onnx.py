"""A program as .onnx files: does every code agree in onnxruntime, and how fast is it there?

    python examples/engines/export_onnx.py                 the student, trained for one epoch: two minutes
    python examples/engines/export_onnx.py FILE.tz ...     programs from files, for images of MNIST

All 10,000 test images go through both forms that `exchange.onnx` writes and through the engine. Printed are
how many codes of all operators are equal, one apart, and further, on how many images the class differs, and
images a second, on one thread each, in one run: both forms and the engine with either of its products take
turns, and the best of each counts. Needs onnx and onnxruntime.
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
from tinyzip.nn.models import student_net
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.lower import lower
from tinyzip.quant.twin import grid_of
from tinyzip.train.data import Dataset, mnist, to_input
from tinyzip.train.fit import fit

DATA = Path(__file__).parents[1] / "data" / "mnist"
FORMS = {"QDQ": False, "exact": True}
TURNS, BATCH = 5, 256
Array = NDArray[Any]


def trained(train: Dataset) -> dict[str, Program]:
    """The student after one epoch: in int8, with convolutions that round twice or once, and with 4 bits."""
    model, _ = fit(student_net(), train.images, train.labels, rng=np.random.default_rng(0), epochs=1)
    eight, four = (calibrate(model, train.images[:1000], weights=bits) for bits in (8, 4))
    return {
        "student, 8 bits": lower(model, eight),
        "student, 8 bits, rounded once": lower(model, eight, rounding="single"),
        "student, 4 bits": lower(model, four),
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
    rows = [("", "codes", "equal", "one apart", "further", "classes that differ", "images/s", "÷ blas")]
    counts, classes, answers = {}, {}, {}
    for form, exact in FORMS.items():
        apart = np.zeros(256, int)
        for part in prefixes:
            expected = np.moveaxis(np.asarray(run(part, codes)), -1, 0).astype(np.int16)
            found = served(part, exact)(first)
            apart += np.bincount(np.abs(found - expected).ravel(), minlength=256)
            last = found, expected
        counts[form] = f"{apart.sum():,}", *(f"{n:,}" for n in (apart[0], apart[1], apart[2:].sum()))
        found, expected = (y.reshape(len(y), -1).argmax(1) for y in last)
        classes[form] = f"{(found != expected).sum():,} of {len(found):,}"
        answers[form] = served(prefixes[-1], exact)
    for product in PRODUCTS:
        answers[f"tinyzip, {product}"] = lambda _, product=product: run(prefixes[-1], codes, product)
    speeds = timed(answers, first)
    for form, speed in speeds.items():
        found = (*counts[form], classes[form]) if form in FORMS else ("",) * 5
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
