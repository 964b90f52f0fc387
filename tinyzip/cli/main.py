"""Depth: all commands, and how a mistake is reported.

Whatever goes wrong is one line on the error stream, and the exit code is 2.
"""

import os
import sys
import warnings
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from textwrap import indent
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from tinyzip import __version__
from tinyzip.base.files import STANDARD_INPUT, reading
from tinyzip.base.signs import let_streams_write

if TYPE_CHECKING:  # when they run, each is imported by its name
    from tinyzip.cli import compare, explain, export, learn, quantize, run, show, shrink


class Command(Protocol):
    """One file of this folder: a command of its name. A new one is a new file, and a word in `COMMANDS`.

    HELP      in a few words what it does
    EXAMPLES  lines that a person could type, shown by --help
    """

    HELP: str
    EXAMPLES: str

    def options(self, parser: ArgumentParser) -> None:
        """Add its arguments to a parser."""

    def run(self, options: Namespace) -> None:
        """Do it with what was parsed; what is wrong it raises, as the rest of the library does."""


if TYPE_CHECKING:
    FILES: tuple[Command, ...] = (show, explain, run, compare, quantize, export, shrink, learn)
COMMANDS = ("show", "explain", "run", "compare", "quantize", "export", "shrink", "learn")
OUTPUTS = ("out", "plot", "csv")  # the options that name what is written


def command(name: str) -> Command:
    """The file of a command, imported now: to import all of them takes longer than most commands do."""
    file: Any = import_module(f"tinyzip.cli.{name}")
    found: Command = file
    return found


class Parser(ArgumentParser):
    """A parser that says in one line what it cannot read."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinyzip: {message}; see {self.prog} --help\n")


def parser(names: Sequence[str] = COMMANDS) -> Parser:
    """These commands and their options."""
    root = Parser("tinyzip", description="Look into programs, and run them.")
    root.add_argument("--version", action="version", version=__version__)
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in names:
        file = command(name)
        own = subparsers.add_parser(name, help=file.HELP)
        own.description = f"{file.HELP[0].upper()}{file.HELP[1:]}."
        own.epilog = f"examples:\n{indent(file.EXAMPLES, '  ')}"
        own.formatter_class = RawDescriptionHelpFormatter
        file.options(own)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 and one line when it did not."""
    let_streams_write()
    words = sys.argv[1:] if arguments is None else arguments
    options = parser([name for name in words[:1] if name in COMMANDS] or COMMANDS).parse_args(words)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            with reading(inputs_of(options)):
                command(options.command).run(options)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # what reads the output has seen enough
        forget_output()
        return 0
    except OSError as error:
        if error.filename is None and error.strerror:  # the standard output goes to a full disk
            forget_output()
        told = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    except (ValueError, TypeError, ImportError, FloatingPointError) as error:
        told = str(error)
    except MemoryError as error:
        told = f"not enough memory ({error})"
    except KeyboardInterrupt:
        told = "interrupted"
    print(f"tinyzip: {' '.join(told.split())}", file=sys.stderr)
    return 2


def inputs_of(options: Namespace) -> Iterator[str | Path | int]:
    """All words of a command that may name a file it reads; the standard input by its number."""
    for name, value in vars(options).items():
        if name not in OUTPUTS:
            for word in value if isinstance(value, list) else [value]:
                if isinstance(word, str | Path):
                    yield 0 if word == STANDARD_INPUT else word


def warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say a warning in one line, as errors are said."""
    print(f"tinyzip: warning: {message}", file=sys.stderr)


def forget_output() -> None:
    """Let nothing be written to the standard output any more, also not when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
