"""A program as C: does every code agree, and what does it take on a chip?

    python examples/engines/export_c.py                  the student, trained for two epochs: half a minute
    python examples/engines/export_c.py FILE.tz ...      programs from files, for images of MNIST

All 10,000 test images go through compiled C and through the engine, and the codes that differ are counted.
Then twenty of them go through a simulated ATmega328, the chip of an Arduino Uno with its 32 KB of flash and
2 KB of RAM, and through two cores of 32 bits whose cycles are counted (`parts/cycles.py`), each time those of
the image that takes most; and a compiler says how small the C can be on one of these. Several files get a
table of all, with their errors, at the end. Needs gcc, avr-gcc with avr-libc, simavr, arm-none-eabi-gcc,
riscv64-linux-gnu-gcc, and from PyPI unicorn; what is not installed is left out.
"""

import argparse
import re
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from numpy.typing import NDArray
from parts import chips
from parts.cycles import CH32V002, CORTEX_M0

from tinyzip import archive
from tinyzip.base.table import aligned
from tinyzip.exchange import c
from tinyzip.integer import Program, run
from tinyzip.nn.models import student_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.door.twin import grid_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.train.data import Dataset, mnist, to_input
from tinyzip.train.fit import fit

DATA = Path(__file__).parents[1] / "data" / "mnist"
ON_CHIP = 20
CHIPS = ("ATmega328", CORTEX_M0.name, CH32V002.name)
ELSEWHERE = {  # errors in percent, weights, and cycles as measured on a CH32V002 [BitNetMCU, mcu/readme.md]
    "BitNetMCU, 16 channels, small": ("1.08", "3.2 kB", "686,490"),
    "BitNetMCU, 64 channels": ("0.45", "11.0 kB", "2,736,250"),
}


def trained(train: Dataset) -> Program:
    """The student after two epochs, in int8."""
    model, _ = fit(student_net(), train.images, train.labels, rng=np.random.default_rng(0), epochs=2)
    return lower(model, calibrate(model, train.images[:1000], weights=8, activations=8))


def report(name: str, program: Program, codes: NDArray[Any], expected: NDArray[Any]) -> dict[str, chips.Chip]:
    """Print what was found of one program, and return what each chip said; `expected` is what `run` gives."""
    header, source = c.source(program)
    for line in re.findall(r" \*     (flash|RAM|work)( .*)", header):
        print(f"{name}: {line[0]}{line[1]}")
    print(f"{name}: {len((header + source).splitlines())} lines of C")
    rows = [("", "flash", "RAM", "cycles", "s/image", "images", "codes", "differ")]
    some, found = codes[..., :ON_CHIP], {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if not chips.missing("gcc"):
            outputs = chips.on_host(program, codes, folder)
            rows.append(("this machine, gcc -O2", "", "", "", "", *compared(outputs, expected)))
        if not chips.missing("avr-gcc", "simavr"):
            try:
                chip = found["ATmega328"] = chips.on_avr(program, some, folder)
                words = (*figures(chip), f"{chip.seconds:.2f}", *compared(chip.outputs, expected))
            except RuntimeError as error:
                if "region" not in str(error):  # of memory
                    raise
                words = ("too large", *[""] * 6)
            rows.append(("ATmega328, avr-gcc -Os", *words))
        if not chips.missing("arm-none-eabi-gcc"):
            flash, ram = chips.on_cortex_m0(program, folder)
            rows.append(("Cortex-M0, arm-none-eabi-gcc -Os", f"{flash:,}", f"{ram:,}", *[""] * 5))
        for core in (CORTEX_M0, CH32V002):
            if find_spec("unicorn") and not chips.missing(core.compiler):
                chip = found[core.name] = chips.on_core(program, core, some, folder)
                words = (*figures(chip), "", *compared(chip.outputs, expected))
                rows.append((f"{core.name}, {core.compiler} -O2", *words))
    print(f"\n{aligned(rows)}\n")
    if not find_spec("unicorn"):
        print("without unicorn, the cycles of cores of 32 bits are left out\n")
    return found


def figures(chip: chips.Chip) -> tuple[str, str, str]:
    return f"{chip.flash:,}", f"{chip.ram:,}", f"{chip.cycles:,}"


def compared(outputs: NDArray[Any], expected: NDArray[Any]) -> tuple[str, str, str]:
    """How many images and codes were compared, and how many codes differ."""
    N = outputs.shape[-1]
    return f"{N:,}", f"{outputs.size:,}", f"{(outputs != expected[..., :N]).sum():,}"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE", help="programs; without, the student is trained")
    parser.add_argument("--data", type=Path, default=DATA, help="a folder with four IDX files")
    parser.add_argument("--images", type=int, default=10_000, help="how many test images (%(default)s)")
    args = parser.parse_args(words)
    train, test = mnist(args.data)
    programs = {file: archive.read(file) for file in args.files} or {"student, int8": trained(train)}
    images, labels = to_input(test.images[: args.images]), test.labels[: args.images]
    headings = [word for chip in CHIPS for word in (f"{chip}: flash", "RAM", "cycles")]
    rows = [("", "errors, %", ".tz", *headings)]
    for name, program in programs.items():
        codes = grid_of(program.input).quantize(images)
        expected = run(program, codes, threads=2)
        found = report(name, program, codes, expected)
        if len(programs) > 1:
            classes = expected if expected.ndim == 1 else expected.reshape(-1, len(labels)).argmax(axis=0)
            each = [figures(found[chip]) if chip in found else ("-",) * 3 for chip in CHIPS]
            share, length = np.mean(classes != labels), Path(name).stat().st_size
            first = Path(name).stem, f"{100 * share:.2f}", f"{length:,}"
            rows.append((*first, *(word for words in each for word in words)))
    if len(programs) > 1:
        for name, (errors, size, cycles) in ELSEWHERE.items():
            rows.append((name, errors, size, *[""] * 8, cycles))
        print(aligned(rows))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"export_c: {error}")
