"""tinyzip show: what a program computes, as a table, and where the bytes of its file go."""

from argparse import ArgumentParser, Namespace

from tinyzip.archive.account import Account
from tinyzip.base.kinds import PROGRAM
from tinyzip.cli.command import Command
from tinyzip.cli.programs import FILE_HELP, read_file, read_program


def options(parser: ArgumentParser) -> None:
    """FILE… [--bytes]."""
    parser.add_argument("files", nargs="+", metavar="FILE", help=FILE_HELP)
    parser.add_argument("--bytes", action="store_true", help="print where every byte of a .tz file goes, too")


def run(options: Namespace) -> None:
    """Print each program, and how large it is on disk; all are read before the first is printed."""
    texts = [text_of(file, options.bytes) for file in options.files]
    for file, text in zip(options.files, texts, strict=True):
        print(f"{file}\n{text}" if len(texts) > 1 else text)


def text_of(file: str, every_byte: bool) -> str:
    """What is said of one file."""
    data, source = read_file(file)
    if not data.startswith(PROGRAM):
        return f"{read_program(file)}\n{len(data):,} bytes on disk"
    account = Account.of(data, source)
    text = f"{account.program}\n{account.size:,} bytes on disk"
    return f"{text}\n\n{account}" if every_byte else text


COMMAND = Command(
    "show",
    "print programs as tables: operators, shapes, bits, bytes, bounds of the sums",
    ("tinyzip show digits.tz", "tinyzip show --bytes digits.tz", "cat digits.tz | tinyzip show -"),
    options,
    run,
)
