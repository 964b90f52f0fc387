"""Depth: tinyzip compare: on which images two programs disagree."""

from argparse import ArgumentParser, Namespace

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.cli.pictures import add_images, read_images
from tinyzip.cli.programs import FILE_HELP, File
from tinyzip.quant.door.classify import classify

HELP = "print on which images two programs disagree"
EXAMPLES = "tinyzip compare small.tz smaller.tz --data examples/data/mnist"


def options(parser: ArgumentParser) -> None:
    """A B, and images."""
    for name in ("first", "second"):
        parser.add_argument(name, metavar=name.upper(), help=FILE_HELP)
    add_images(parser, None, "test")


def run(options: Namespace) -> None:
    """Print each image that the two take for another thing, and how many these are."""
    first, second = File.read(options.first).program, File.read(options.second).program
    if first.shape != second.shape:
        refuse(options.second, f"examples of shape {second.shape}", f"{first.shape}, as {options.first}")
    images = read_images(options, first.shape)
    one, other = classify(first, images.pixels), classify(second, images.pixels)
    rows = [["image", "first", "second"] + ["label"] * (images.labels is not None)]
    for i in np.flatnonzero(one != other).tolist():
        name = str(i) if images.names is None else images.names[i]
        label = [] if images.labels is None else [str(images.labels[i])]
        rows.append([name, str(one[i]), str(other[i]), *label])
    if len(rows) > 1:
        print(aligned(rows))
    said = f"{len(rows) - 1:,} of {len(one):,} images get another class"
    if images.labels is not None:
        errors = [f"{int((classes != images.labels).sum()):,}" for classes in (one, other)]
        said += f"; {errors[0]} errors in the first, {errors[1]} in the second"
    print(said)
