"""Depth: what a command of the command line is: a name, its options, and a function that does it.

One file of this folder is one command, and says which. `main` has the list of them, so a new command is a new
file and one line there.
"""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command.

    name      the word after `tinyzip`
    help      in a few words what it does
    examples  lines that a person could type, shown by --help
    options   adds its arguments to a parser
    run       does it with what was parsed; what is wrong it raises, as the rest of the library does
    """

    name: str
    help: str
    examples: tuple[str, ...]
    options: Callable[[ArgumentParser], None]
    run: Callable[[Namespace], None]
