"""Depth: tinyzip learn: the course."""

from tinyzip.learn.commands import options as options
from tinyzip.learn.commands import run as run

HELP = "the course: exercises, and what is wrong with them"
EXAMPLES = """\
tinyzip learn start course
tinyzip learn --folder course
tinyzip learn hint --folder course
tinyzip learn milestone network --folder course
tinyzip learn golf mine.tz"""
