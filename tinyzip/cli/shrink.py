"""Depth: tinyzip shrink: a program made smaller, by proof, and with --bits on from where proof ends.

Without --bits no code that the program writes changes, whatever the input: what can be proved to make no
difference is gone, and multipliers have no more digits than these codes need. With --bits the weights get
fewer bits, images say where, and the last line what it costs.
"""

from argparse import ArgumentParser, Namespace

from tinyzip.archive.format import pack, write
from tinyzip.archive.shorten import shorten
from tinyzip.base.files import check_writable
from tinyzip.base.kinds import PROGRAM
from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.cli.pictures import add_images, read_images
from tinyzip.cli.programs import FILE_HELP, File
from tinyzip.integer import Program, simplify
from tinyzip.integer.operators import Weighted
from tinyzip.quant.choose.shrink import shrink
from tinyzip.quant.grids.grid import check_bits

HELP = "write a program as a smaller one that answers the same; with --bits, nearly the same"
EXAMPLES = """\
tinyzip shrink vww.tflite --out vww.tz
tinyzip shrink vww.tflite --out vww4.tz --bits 4 --images people.npy"""
SOME = 1000  # images of a folder, where nothing says how many


def options(parser: ArgumentParser) -> None:
    """MODEL --out FILE [--bits B, images]."""
    parser.add_argument("model", metavar="MODEL", help=FILE_HELP)
    parser.add_argument("--out", required=True, metavar="FILE.tz", help="the program to write")
    parser.add_argument("--bits", type=int, metavar="B", help="of the weights, 2 to 8; changes codes")
    add_images(parser, None, "training")


def run(options: Namespace) -> None:
    """Write the smaller program; say what was proved, what it saved, and what fewer bits cost."""
    check_writable(options.out, PROGRAM)
    looks = options.images is not None or options.data is not None
    if looks and options.bits is None:
        refuse("--images, --data", "no --bits", "it too: a proof looks at no images")
    if options.bits is not None:
        check_bits(options.bits, "--bits")
    file = File.read(options.model)
    program = file.program
    simpler = simplify(program)
    smaller = shorten(simpler)
    parts = {"": (program, len(file.data)), "simplified": (simpler, len(pack(simpler)))}
    parts["shortened"] = smaller, len(pack(smaller))
    said = "every code of the output is proved to be as before, whatever the input"
    if options.bits is not None:
        options.images = options.images or [SOME]
        images = read_images(options, program.shape, "training")
        shrunk = shrink(program, images.pixels, lambda some: len(pack(some)), options.bits)
        smaller, said = shorten(shrunk.program), str(shrunk)
        parts[f"about {options.bits} bits"] = (smaller, len(pack(smaller)))
    print(table_of(parts))
    print(said)
    print(f"{options.out}: {write(smaller, options.out):,} bytes")


def table_of(parts: dict[str, tuple[Program, int]]) -> str:
    """What each program consists of, and the bytes of its file, in columns."""
    rows: list[tuple[str, ...]] = [("", "operators", "channels", "weights", "multiply-accumulates", "bytes")]
    for name, (program, size) in parts.items():
        weighted = [operator for operator in program.operators if isinstance(operator, Weighted)]
        counts = [len(program.operators), sum(len(operator.w) for operator in weighted)]
        counts += [sum(operator.w.size for operator in weighted), sum(program.multiplications), size]
        rows.append((name or "as it was", *(f"{count:,}" for count in counts)))
    return aligned(rows, words=(0,))
