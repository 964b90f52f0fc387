"""python -m tinyzip: look into a program file.

show FILE      what the program computes: operators, shapes, bits, bytes, accumulator bounds; with --bytes
               where every byte of the file goes
explain FILE   layer by layer, what rounding costs it on images

Whatever goes wrong is one line on the error stream, and the exit code is 2.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tinyzip import __version__, archive

DATA = Path("examples/data/mnist")


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    root = argparse.ArgumentParser(prog="tinyzip", description="Look into a program file (.tz).")
    root.add_argument("--version", action="version", version=__version__)
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print the program as a table")
    explain = commands.add_parser("explain", help="print what rounding costs, layer by layer")
    for command in (show, explain):
        command.add_argument("file", metavar="FILE", help="a program that archive.write wrote")
    show.add_argument("--bytes", action="store_true", help="print where every byte of the file goes, too")
    explain.add_argument("--data", type=Path, default=DATA, metavar="FOLDER", help="IDX files (%(default)s)")
    explain.add_argument("--images", type=int, default=1000, help="how many test images (%(default)s)")
    explain.add_argument("--plot", type=Path, metavar="PNG", help="save the picture too; needs matplotlib")
    return root


def show(file: str, every_byte: bool) -> None:
    """Print the program's table, and how large it is on disk; if asked, where every byte goes."""
    account = archive.account(file)
    print(account.program)
    print(f"{account.size:,} bytes on disk")
    if every_byte:
        print(f"\n{account}")


def explain(file: str, folder: Path, count: int, picture: Path | None) -> None:
    """Print what `quant.explain` finds on the first test images of a folder; save its picture."""
    from tinyzip.quant.explain import explain as explanation_of
    from tinyzip.train.data import mnist

    if count < 1:
        raise ValueError(f"--images: found {count}, needed 1 or more")
    program = archive.read(file)
    test = mnist(folder)[1]
    explanation = explanation_of(None, program, test.images[:count], test.labels[:count])
    print(explanation)
    if picture is not None:
        explanation.plot(picture)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; 0 when it worked, 2 and one line when it did not."""
    options = parser().parse_args(arguments)
    try:
        if options.command == "show":
            show(options.file, options.bytes)
        else:
            explain(options.file, options.data, options.images, options.plot)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"tinyzip: {error.filename or options.file}: {error.strerror or error}", file=sys.stderr)
    except (ValueError, ImportError) as error:
        print(f"tinyzip: {error}", file=sys.stderr)
    else:
        return 0
    return 2


if __name__ == "__main__":
    sys.exit(main())
