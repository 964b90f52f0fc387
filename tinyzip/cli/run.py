"""Depth: tinyzip run: the classes of images, or the codes that a program makes of codes.

Classes of files are printed, one a line, so that they can go on through a pipe, and what there is to say
about them goes to the error stream. Where labels are known there is a table by class instead.

With --codes nothing is converted. The codes of a .npy file, examples first, go through the program, and those
of its last operator are written likewise: the same file may be given to another runtime, and the answers
compared byte for byte. Axes are the file's: (N, C, H, W) for a .tz, (N, H, W, C) for a .tflite.
"""

import sys
from argparse import ArgumentParser, Namespace
from time import perf_counter

import numpy as np

from tinyzip import integer
from tinyzip.base.files import check_writable
from tinyzip.base.kinds import ARRAY
from tinyzip.base.refuse import refuse
from tinyzip.base.table import aligned
from tinyzip.cli.npy import read_npy, write_npy
from tinyzip.cli.pictures import add_images, read_images
from tinyzip.cli.programs import FILE_HELP, File, Layout
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.run import WAYS
from tinyzip.integer.program import Program
from tinyzip.quant.door.classify import classify

HELP = "classify images, or run raw codes through a program"
EXAMPLES = """\
tinyzip run digits.tz --data examples/data/mnist
tinyzip run digits.tz --images three.png seven.png
tinyzip run digits.tz --images photos.npy --labels classes.npy
tinyzip run model.tflite --codes in.npy --out out.npy"""


def options(parser: ArgumentParser) -> None:
    """FILE, and images or codes."""
    parser.add_argument("file", metavar="FILE", help=FILE_HELP)
    add_images(parser, None, "test")
    parser.add_argument("--codes", metavar="IN.npy", help="raw codes, examples first, instead of images")
    parser.add_argument("--out", metavar="OUT.npy", help="where to write the classes, or the last codes")
    ways = "how to compute, the same codes in each way: %(choices)s"
    parser.add_argument("--product", choices=WAYS, default="integer", help=ways)


def run(options: Namespace) -> None:
    """Classify images, or run the program on codes."""
    if options.codes is not None and (options.data or options.images or options.labels or options.unscaled):
        refuse("--codes", options.codes, "codes or images, not both")
    if options.codes is not None and options.out is None:
        refuse("--out", "nothing", "the file to write the codes to, with --codes")
    if options.out is not None:
        check_writable(options.out, ARRAY)
    file = File.read(options.file)
    program = file.program
    if options.codes is not None:
        layout = file.layout
        codes = codes_of(options.codes, program, layout)
        write_npy(options.out, layout.examples_first(integer.run(program, codes, options.product)))
    else:
        tell_classes(options, program)


def codes_of(path: str, program: Program, layout: Layout) -> Array:
    """The codes in a .npy file, as the program reads them; refuses any that it does not take."""
    codes, x = read_npy(path), program.input
    if codes.dtype != x.dtype:
        refuse(path, f"dtype {codes.dtype}", f"{x.dtype}, the program's codes")
    if codes.shape[1:] != layout.entry or len(codes) == 0:
        refuse(path, f"shape {codes.shape}", f"{('N', *layout.entry)}, as the program's file has it")
    least, most = int(codes.min()), int(codes.max())
    if least < x.lo or most > x.hi:
        refuse(path, f"codes from {least} to {most}", f"codes from {x.lo} to {x.hi}")
    return layout.batch_last(codes)


def tell_classes(options: Namespace, program: Program) -> None:
    """Print what the program makes of images, and how often and how fast it is right."""
    images = read_images(options, program.shape)
    start = perf_counter()
    classes = classify(program, images.pixels, product=options.product)
    seconds = perf_counter() - start
    if options.out is not None:
        write_npy(options.out, classes)
    of_files = images.labels is None
    if images.names is not None:
        print(aligned([(name, str(k)) for name, k in zip(images.names, classes, strict=True)]))
    elif of_files:
        print(*classes, sep="\n")
    elif images.labels is not None:
        print(by_class(classes, images.labels))
    said = [f"{len(classes):,} images"]
    if images.labels is not None:
        errors = int((classes != images.labels).sum())
        said.append(f"{errors:,} errors ({errors / len(classes):.2%})")
    said.append(f"{len(classes) / seconds:,.0f} images a second")
    print(", ".join(said), file=sys.stderr if of_files else sys.stdout)


def by_class(classes: Array, labels: Array) -> str:
    """A table: how many images are of each class, how many were taken for it, and how many errors that is."""
    rows = [("class", "images", "answers", "errors")]
    for k in np.union1d(classes, labels).tolist():
        own = labels == k
        rows.append((str(k), f"{own.sum():,}", f"{(classes == k).sum():,}", f"{(classes[own] != k).sum():,}"))
    return aligned(rows)
