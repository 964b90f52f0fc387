"""Depth: tinyzip export: a program for where Python is not: as C, as a page, as an ONNX graph.

One line of `TARGETS` is one target. What a target writes it says in lines, which are printed.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from tinyzip.base.files import STANDARD_INPUT
from tinyzip.base.kinds import CHECKPOINT, MODEL
from tinyzip.base.refuse import refuse
from tinyzip.cli.programs import FILE_HELP, File
from tinyzip.cli.quantize import read_network
from tinyzip.exchange import c, onnx, page
from tinyzip.integer.program import Program
from tinyzip.nn.sequential import Sequential

HELP = "write programs as C, as a page for a browser, or as ONNX"
EXAMPLES = """\
tinyzip export digits.tz --to c --out firmware/digits --prefix digits --vectors 20
tinyzip export eight.tz four.tz one.tz --to html --out digits.html
tinyzip export digits.tz --to onnx --out digits.onnx"""
Target = Callable[[Sequence[str], Namespace], list[str]]  # from files and options; the lines that it prints


def to_c(files: Sequence[str], options: Namespace) -> list[str]:
    """OUT.h and OUT.c, and OUT_vectors.c if asked for."""
    said = c.write(one(files, "c"), options.out, options.prefix or "tz", options.vectors or 0)
    return [f"{', '.join(map(str, said.files))}: {said}"]


def to_html(files: Sequence[str], options: Namespace) -> list[str]:
    """A page of all files, a .tz file as it is."""
    return [f"{options.out}: {page.write([as_it_is(file) for file in files], options.out):,} bytes"]


def to_onnx(files: Sequence[str], options: Namespace) -> list[str]:
    """A program in integers only, or between quantizers; a network of floats as it is."""
    if len(files) == 1 and holds_network(files[0]):
        if options.qdq:
            refuse("--qdq", f"{files[0]}, a network of floats", "a program, which has codes to quantize to")
        network = read_network(files[0])
        if not isinstance(network, Sequential):
            needed = "its program, which `tinyzip quantize` writes, or the float network"
            refuse(files[0], "a network with grids", needed)
        onnx.write_network(network, options.out)
    else:
        onnx.write_program(one(files, "onnx"), options.out, not options.qdq)
    return [f"{options.out}: {Path(options.out).stat().st_size:,} bytes"]


TARGETS: dict[str, Target] = {"c": to_c, "html": to_html, "onnx": to_onnx}


def one(files: Sequence[str], target: str) -> Program:
    """The program of the only file."""
    if len(files) != 1:
        refuse("FILE", f"{len(files)} files", f"one for --to {target}")
    return File.read(files[0]).program


def holds_network(file: str) -> bool:
    """Whether a file is a network of floats, or a checkpoint of its training."""
    if file == STANDARD_INPUT:
        return False
    with open(file, "rb") as opened:
        return opened.read(len(MODEL)) in (MODEL, CHECKPOINT)


def as_it_is(file: str) -> Program | Path:
    """A .tz file's path; the program of any other."""
    read = File.read(file)
    return read.program if file == STANDARD_INPUT or read.is_tflite else Path(file)


def options(parser: ArgumentParser) -> None:
    """FILE… --to TARGET --out PATH [--prefix NAME] [--vectors N] [--qdq]."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE_HELP)
    parser.add_argument("--to", required=True, choices=tuple(TARGETS), help="what is written")
    parser.add_argument("--out", required=True, metavar="PATH", help="where; of C without .c and .h")
    parser.add_argument("--prefix", metavar="NAME", help="what the names in C begin with (tz)")
    parser.add_argument(
        "--vectors", type=int, metavar="N", help="of C: N inputs with the right outputs, and a main"
    )
    parser.add_argument(
        "--qdq", action="store_true", help="of ONNX: float between quantizers, near the codes"
    )


def run(options: Namespace) -> None:
    """Write, and say what was written."""
    for name in ("prefix", "vectors"):
        value = getattr(options, name)
        if value is not None and options.to != "c":
            refuse(f"--{name}", repr(value), "it for --to c only")
    if options.qdq and options.to != "onnx":
        refuse("--qdq", f"--to {options.to}", "it for --to onnx only")
    print("\n".join(TARGETS[options.to](options.files, options)))
