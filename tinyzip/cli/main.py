"""Depth: all commands, and how a mistake is reported.

Whatever goes wrong is one line on the error stream, and the exit code is 2. A terminal that knows only ASCII
gets a neighbour of each sign that it does not have, and what reads from a pipe may stop when it has seen
enough.
"""

import codecs
import os
import sys
import warnings
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from io import TextIOWrapper
from textwrap import indent
from typing import Any, NoReturn, Protocol

from tinyzip import __version__
from tinyzip.cli import compare, explain, export, learn, quantize, run, show, shrink


class Command(Protocol):
    """One file of this folder: a command of its name. A new one is a new file, and a word in `FILES`.

    HELP      in a few words what it does
    EXAMPLES  lines that a person could type, shown by --help
    """

    __name__: str
    HELP: str
    EXAMPLES: str

    def options(self, parser: ArgumentParser) -> None:
        """Add its arguments to a parser."""

    def run(self, options: Namespace) -> None:
        """Do it with what was parsed; what is wrong it raises, as the rest of the library does."""


FILES: tuple[Command, ...] = (show, explain, run, compare, quantize, export, shrink, learn)
COMMANDS = {file.__name__.rpartition(".")[2]: file for file in FILES}
NEIGHBOURS = {"×": "x", "−": "-", "–": "-", "…": "..", "·": "*", "≤": "<=", "≥": ">=", "±": "+-", "→": "->"}


class Parser(ArgumentParser):
    """A parser that says in one line what it cannot read."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"tinyzip: {message}; see {self.prog} --help\n")


def parser() -> Parser:
    """The commands and their options."""
    root = Parser("tinyzip", description="Look into programs, and run them.")
    root.add_argument("--version", action="version", version=__version__)
    subparsers = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        own = subparsers.add_parser(name, help=command.HELP)
        own.description = f"{command.HELP[0].upper()}{command.HELP[1:]}."
        own.epilog = f"examples:\n{indent(command.EXAMPLES, '  ')}"
        own.formatter_class = RawDescriptionHelpFormatter
        command.options(own)
    return root


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 and one line when it did not."""
    codecs.register_error("tinyzip.neighbour", neighbour)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="tinyzip.neighbour")
    options = parser().parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = warn
            COMMANDS[options.command].run(options)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # what reads the output has seen enough
        forget_output()
        return 0
    except OSError as error:
        if error.filename is None and error.strerror:  # the standard output goes to a full disk
            forget_output()
        told = f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)
    except (ValueError, TypeError, ImportError, FloatingPointError) as error:
        told = str(error)
    except MemoryError as error:
        told = f"not enough memory ({error})"
    except KeyboardInterrupt:
        told = "interrupted"
    print(f"tinyzip: {' '.join(told.split())}", file=sys.stderr)
    return 2


def warn(message: Warning | str, *_: Any, **__: Any) -> None:
    """Say a warning in one line, as errors are said."""
    print(f"tinyzip: warning: {message}", file=sys.stderr)


def forget_output() -> None:
    """Let nothing be written to the standard output any more, also not when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def neighbour(error: UnicodeError) -> tuple[str, int]:
    """What to write for signs that the encoding does not have; called by `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(NEIGHBOURS.get(sign, "?") for sign in signs), error.end
