"""Depth: tinyzip explain: layer by layer, what rounding costs a program on images."""

from argparse import ArgumentParser, Namespace

from tinyzip.cli.pictures import add_images, read_images
from tinyzip.cli.programs import FILE_HELP, File
from tinyzip.quant.explain import explain

HELP = "print layer by layer what rounding costs"
EXAMPLES = "tinyzip explain digits.tz --data examples/data/mnist"


def options(parser: ArgumentParser) -> None:
    """FILE, images."""
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    add_images(parser, 1000, "test")


def run(options: Namespace) -> None:
    """Print what `quant.explain` finds on images."""
    program = File.read(options.file).program
    images = read_images(options, program.shape)
    print(explain(None, program, images.pixels, images.labels))
