"""Depth: tinyzip learn: the course."""

from tinyzip.cli.command import Command
from tinyzip.learn.commands import options, run

COMMAND = Command(
    "learn",
    "the course: exercises, and what is wrong with them",
    ("tinyzip learn start course", "tinyzip learn --folder course", "tinyzip learn hint --folder course"),
    options,
    run,
)
