"""Depth: tinyzip explain: layer by layer, what rounding costs a program on images."""

from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path

from tinyzip.base.files import check_writable
from tinyzip.base.refuse import refuse
from tinyzip.cli.pictures import add_images, read_images
from tinyzip.cli.programs import FILE_HELP, File
from tinyzip.quant.choose.drawn import draw
from tinyzip.quant.choose.explain import explain

HELP = "print layer by layer what rounding costs, and what would be enough"
EXAMPLES = "tinyzip explain digits.tz --data examples/data/mnist --plot digits.png"
PICTURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


def options(parser: ArgumentParser) -> None:
    """FILE, images, [--plot PNG]."""
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    add_images(parser, 1000, "test")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="save the picture too; needs matplotlib")


def run(options: Namespace) -> None:
    """Print what `quant.choose.explain` finds on images; save its picture."""
    if options.plot is not None:
        check_picture(options.plot)
    program = File.read(options.file).program
    images = read_images(options, program.shape)
    explanation = explain(None, program, images.pixels, images.labels)
    print(explanation)
    if options.plot is not None:
        draw(explanation, options.plot)


def check_picture(path: Path) -> None:
    """Refuse now what a picture could not be saved to after the work."""
    if path.suffix.lower() not in PICTURES:
        refuse(f"--plot {path}", f"the ending {path.suffix!r}", f"one of {', '.join(PICTURES)}")
    check_writable(path, PICTURES[path.suffix.lower()])
    try:
        import_module("matplotlib")
    except ImportError:
        refuse("--plot", "no package matplotlib", "it: pip install matplotlib", ImportError)
