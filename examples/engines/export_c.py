"""A program as C: does every code agree, and what does it take on a chip?

    python examples/engines/export_c.py                  the student, trained for two epochs: half a minute
    python examples/engines/export_c.py FILE.tz ...      programs from files, for images of MNIST

All 10,000 test images go through compiled C and through the engine, and the codes that differ are counted.
Then twenty of them go through a simulated ATmega328, the chip of an Arduino Uno with its 32 KB of flash and
2 KB of RAM; and a compiler says how large the C is on a Cortex-M0. Needs gcc, avr-gcc with avr-libc, simavr,
and arm-none-eabi-gcc; what is not installed is left out.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import chips

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.exchange import c
from tinyzip.integer import Program, run
from tinyzip.nn.models import student_net
from tinyzip.quant.calibrate import calibrate
from tinyzip.quant.lower import lower
from tinyzip.quant.twin import grid_of
from tinyzip.train.data import Dataset, mnist, to_input
from tinyzip.train.fit import fit

DATA = Path(__file__).parents[1] / "data" / "mnist"
ON_CHIP = 20


def trained(train: Dataset) -> Program:
    """The student after two epochs, in int8."""
    model, _ = fit(student_net(), train.images, train.labels, rng=np.random.default_rng(0), epochs=2)
    return lower(model, calibrate(model, train.images[:1000], weights=8, activations=8))


def report(name: str, program: Program, codes: NDArray[Any]) -> None:
    """Print what was found of one program."""
    header, source = c.source(program)
    for line in re.findall(r" \*     (flash|RAM|work)( .*)", header):
        print(f"{name}: {line[0]}{line[1]}")
    print(f"{name}: {len((header + source).splitlines())} lines of C")
    rows = [("", "flash", "RAM", "s/image", "images", "codes", "differ")]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not chips.missing("gcc"):
            outputs, expected = chips.on_host(program, codes, folder), run(program, codes, threads=2)
            rows.append(("this machine, gcc -O2", "", "", "", *compared(outputs, expected)))
        if not chips.missing("avr-gcc", "simavr"):
            some = codes[..., :ON_CHIP]
            chip = chips.on_avr(program, some, folder)
            figures = (f"{chip.flash:,}", f"{chip.ram:,}", f"{chip.seconds:.2f}")
            rows.append(("ATmega328, avr-gcc -Os", *figures, *compared(chip.outputs, run(program, some))))
        if not chips.missing("arm-none-eabi-gcc"):
            flash, ram = chips.on_cortex_m0(program, folder)
            rows.append(("Cortex-M0, arm-none-eabi-gcc -Os", f"{flash:,}", f"{ram:,}", "", "", "", ""))
    print(f"\n{aligned(rows)}\n")


def compared(outputs: NDArray[Any], expected: NDArray[Any]) -> tuple[str, str, str]:
    """How many images and codes were compared, and how many codes differ."""
    return f"{outputs.shape[-1]:,}", f"{outputs.size:,}", f"{(outputs != expected).sum():,}"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="programs; without, the student is trained")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--images", type=int, default=10_000, help="how many test images (%(default)s)")
    args = parser.parse_args(words)
    train, test = mnist(args.data)
    programs = {file: archive.read(file) for file in args.files} or {"student, int8": trained(train)}
    images = to_input(test.images[: args.images])
    for name, program in programs.items():
        report(name, program, grid_of(program.input).quantize(images))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"export_c: {error}")
