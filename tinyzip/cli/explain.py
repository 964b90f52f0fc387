"""tinyzip explain: layer by layer, what rounding costs a program on images."""

from argparse import ArgumentParser, Namespace
from importlib import import_module
from pathlib import Path

from tinyzip.base.files import check_writable
from tinyzip.base.refuse import refuse
from tinyzip.cli.command import Command
from tinyzip.cli.programs import FILE_HELP, read_program
from tinyzip.quant.explain import explain
from tinyzip.train.data import mnist

DATA = Path("examples/data/mnist")
PICTURES = (".png", ".pdf", ".svg")


def options(parser: ArgumentParser) -> None:
    """FILE [--data FOLDER] [--images N] [--plot PNG]."""
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    parser.add_argument("--data", type=Path, default=DATA, metavar="FOLDER", help="IDX files (%(default)s)")
    parser.add_argument("--images", type=int, default=1000, help="how many test images (%(default)s)")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="save the picture too; needs matplotlib")


def run(options: Namespace) -> None:
    """Print what `quant.explain` finds on the first test images of a folder; save its picture."""
    if options.images < 1:
        refuse("--images", options.images, "1 or more")
    if options.plot is not None:
        check_picture(options.plot)
    program = read_program(options.file)
    test = mnist(options.data)[1]
    explanation = explain(None, program, test.images[: options.images], test.labels[: options.images])
    print(explanation)
    if options.plot is not None:
        explanation.plot(options.plot)


def check_picture(path: Path) -> None:
    """Refuse now what a picture could not be saved to after the work."""
    if path.suffix.lower() not in PICTURES:
        refuse(f"--plot {path}", f"the ending {path.suffix!r}", f"one of {', '.join(PICTURES)}")
    check_writable(path)
    try:
        import_module("matplotlib")
    except ImportError:
        refuse("--plot", "no package matplotlib", "it: pip install matplotlib", ImportError)


COMMAND = Command(
    "explain",
    "print layer by layer what rounding costs",
    ("tinyzip explain digits.tz --data examples/data/mnist --plot digits.png",),
    options,
    run,
)
