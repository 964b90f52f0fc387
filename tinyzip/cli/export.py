"""tinyzip export: a program for where Python is not: as C, as a page.

One line of `TARGETS` is one target. What a target writes it says in lines, which are printed.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path

from tinyzip.base.refuse import refuse
from tinyzip.cli.command import Command
from tinyzip.cli.programs import FILE_HELP, STANDARD_INPUT, is_tflite, read_file, read_program
from tinyzip.exchange import c, page
from tinyzip.integer.program import Program

Target = Callable[[Sequence[str], Namespace], list[str]]  # from files and options; the lines that it prints


def to_c(files: Sequence[str], options: Namespace) -> list[str]:
    """OUT.h and OUT.c."""
    said = c.write(one(files, "c"), options.out, options.prefix or "tz")
    return [f"{', '.join(map(str, said.files))}: {said}"]


def to_html(files: Sequence[str], options: Namespace) -> list[str]:
    """A page of all files, a .tz file as it is."""
    if options.prefix is not None:
        refuse("--prefix", repr(options.prefix), "it for --to c only")
    return [f"{options.out}: {page.write([as_it_is(file) for file in files], options.out):,} bytes"]


TARGETS: dict[str, Target] = {"c": to_c, "html": to_html}


def one(files: Sequence[str], target: str) -> Program:
    """The program of the only file."""
    if len(files) != 1:
        refuse("FILE", f"{len(files)} files", f"one for --to {target}")
    return read_program(files[0])


def as_it_is(file: str) -> Program | Path:
    """A .tz file's path; the program of any other."""
    if file == STANDARD_INPUT or is_tflite(file, read_file(file)[0]):
        return read_program(file)
    return Path(file)


def options(parser: ArgumentParser) -> None:
    """FILE… --to TARGET --out PATH [--prefix NAME]."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE_HELP)
    parser.add_argument("--to", required=True, choices=tuple(TARGETS), help="what is written")
    parser.add_argument("--out", required=True, metavar="PATH", help="where; of C without .c and .h")
    parser.add_argument("--prefix", metavar="NAME", help="what the names in C begin with (tz)")


def run(options: Namespace) -> None:
    """Write, and say what was written."""
    print("\n".join(TARGETS[options.to](options.files, options)))


COMMAND = Command(
    "export",
    "write programs as C or as a page for a browser",
    (
        "tinyzip export digits.tz --to c --out firmware/digits --prefix digits",
        "tinyzip export eight.tz four.tz one.tz --to html --out digits.html",
    ),
    options,
    run,
)
