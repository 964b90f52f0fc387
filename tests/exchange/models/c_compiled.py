"""Programs as C, compiled and run: several in one executable, since a compiler takes longer to start than to
compile."""

import subprocess
import tempfile
from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tinyzip.exchange import c
from tinyzip.integer import AvgPool2d, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program, run
from tinyzip.integer.fixedpoint import Rounding

STRICT = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Wpedantic", "-Werror"]
DRAWN = {"phases": (Phase.explicit, Phase.generate)}  # to shrink eight programs takes minutes
SANITIZED = ["-g", "-fsanitize=undefined,address", "-fno-sanitize-recover=all"]
EMULATORS = {
    "s390x-linux-gnu-gcc": ("qemu-s390x",),
    "arm-linux-gnueabihf-gcc": ("qemu-arm",),
    "riscv64-linux-gnu-gcc": ("qemu-riscv64",),
}
MAIN = """\
static void run{number}(void)
{{
    static {prefix}_input_t x[{P}_INPUT_SIZE];
    static {prefix}_output_t y[{P}_OUTPUT_SIZE];
    for (long count = get(); count > 0; count--) {{
        if (fread(x, sizeof *x, {P}_INPUT_SIZE, stdin) != {P}_INPUT_SIZE)
            exit(1);
        {prefix}_run(x, y);
        for (int32_t k = 0; k < {P}_OUTPUT_SIZE; k++)
            put(y[k]);
        put({prefix}_classify(x));
    }}
}}
"""
HEAD = """\
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
{includes}
/* The least byte first, whatever the machine does. */
static long get(void)
{{
    unsigned char b[4];
    if (fread(b, 1, 4, stdin) != 4)
        exit(1);
    return b[0] | (long)b[1] << 8 | (long)b[2] << 16 | (long)b[3] << 24;
}}

static void put(int32_t value)
{{
    for (int i = 0; i < 4; i++)
        putchar((int)((uint32_t)value >> (8 * i) & 255));
}}
"""


def compiled(programs: Sequence[Program], folder: Path, *command: str) -> Path:
    """An executable of all programs, by a compiler with its options; a warning is a failure."""
    mains, includes = "", ""
    for number, program in enumerate(programs):
        prefix = f"p{number}"
        c.write(program, folder / prefix, prefix)
        mains += MAIN.format(number=number, prefix=prefix, P=prefix.upper())
        includes += f'#include "{prefix}.h"\n'
    calls = "".join(f"    run{number}();\n" for number in range(len(programs)))
    main = HEAD.format(includes=includes) + mains + f"int main(void)\n{{\n{calls}    return 0;\n}}\n"
    (folder / "main.c").write_text(main, encoding="ascii")
    sources = ["main.c", *(f"p{number}.c" for number in range(len(programs)))]
    done = subprocess.run(
        [*command, *STRICT, *sources, "-o", "run"],
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "run"


def answers(
    executable: Path, programs: Sequence[Program], batches: Sequence[NDArray[Any]], *emulator: str
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """For each program the codes (…, N) that PREFIX_run gives for its batch, and the classes (N,).

    emulator  what runs an executable of another machine
    """
    sent = b""
    for batch in batches:
        sent += np.int32(batch.shape[-1]).tobytes() + np.moveaxis(batch, -1, 0).tobytes()
    done = subprocess.run([*emulator, executable], input=sent, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    values, found = np.frombuffer(done.stdout, np.int32), []
    for program, batch in zip(programs, batches, strict=True):
        N, shape = batch.shape[-1], program.shapes[-1]
        own, values = np.split(values, [N * (prod(shape) + 1)])
        rows = own.reshape(N, -1)
        found.append((rows[:, :-1].T.reshape(*shape, N), rows[:, -1]))
    return found


def check_equal(programs: list[Program], batches: list[NDArray[Any]], *command: str) -> None:
    """Codes and classes of the compiled programs are the engine's."""
    emulator = EMULATORS.get(command[0], ())
    with tempfile.TemporaryDirectory() as folder:
        executable = compiled(programs, Path(folder), *command)
        for program, x, (codes, classes) in zip(
            programs, batches, answers(executable, programs, batches, *emulator), strict=True
        ):
            expected = run(program, x)
            np.testing.assert_array_equal(codes, expected, str(program))
            first = expected if expected.ndim == 1 else expected.reshape(-1, x.shape[-1]).argmax(0)
            np.testing.assert_array_equal(classes, first)


def few_or_many(few: int, many: int) -> Any:
    """So many eights of drawn programs, of which the first are the simplest; the many are a `long` test."""
    return pytest.mark.parametrize("count", [few, pytest.param(many, marks=pytest.mark.long)])


def check_drawn(count: int, programs: st.SearchStrategy[Program], *command: str) -> None:
    """`check_equal` on `count` times eight programs, with inputs at their ends."""

    @settings(max_examples=count, **DRAWN)
    @given(st.lists(programs, min_size=8, max_size=8))
    def check(drawn: list[Program]) -> None:
        check_equal(drawn, [extremes(program.input, program.shape) for program in drawn], *command)

    check()


def extremes(x: Codes, shape: tuple[int, ...], count: int = 3) -> NDArray[Any]:
    """All the least, all the greatest, all zero points, both ends in turn, and random codes."""
    rng = np.random.default_rng(0)
    ends = np.where(np.arange(np.prod(shape)) % 2, x.lo, x.hi).reshape(shape)
    fixed = [np.full(shape, x.lo), np.full(shape, x.hi), np.full(shape, x.zero), ends]
    drawn = [rng.integers(x.lo, x.hi + 1, shape) for _ in range(count)]
    return np.stack(fixed + drawn, -1).astype(x.dtype)


def chain(rounding: Rounding, bits: int, rng: np.random.Generator) -> Program:
    """Convolutions and pools of tall images, which exist as rows; after them a flattened layer.

    Its multipliers are such that codes spread over their range in each layer.
    """

    def fields(spread: int, F: int, *shape: int) -> dict[str, Any]:
        """Weights, biases and multipliers, where codes spread by so much around their zero point."""
        w = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (F, *shape))
        if bits == 1:
            w = np.where(rng.random((F, *shape)) < 0.5, -1, 1)
        sums = np.sqrt(w[0].size) * w.std() * spread
        n = np.floor(31 + np.log2(sums / 50) + rng.random(F)).astype(int)
        m0 = np.full(F, 2**30) if rounding == "shift" else rng.integers(2**30, 2**31, F)
        bias = np.rint(sums / 2 * rng.standard_normal(F)).astype(int)
        return {"w": w, "bias": bias, "m0": m0 - m0 % 128, "n": n, "rounding": rounding, "weight_bits": bits}

    return Program(
        (
            Conv2d(**fields(90, 3, 2, 5, 5), y=Codes(0, 255, 3), padding=((2, 1), (0, 3)), name="in"),
            MaxPool2d(2),
            Conv2d(**fields(60, 4, 3, 3, 3), y=Codes(-128, 127, -9), padding=1, stride=(1, 2)),
            AvgPool2d(3, 1, padding=1),
            Conv2d(**fields(25, 8, 1, 3, 3), y=Codes(0, 255, 90), groups=4, dilation=(2, 1), padding=(2, 0)),
            MaxPool2d((3, 2), (2, 1), padding=(1, 0)),
            Conv2d(**fields(60, 6, 8, 3, 3), y=Codes(-128, 127, 0), padding=1),
            MaxPool2d((2, 1)),
            Conv2d(**fields(50, 4, 6, 1, 1), y=Codes(0, 255, 30)),
            Flatten("CHW" if bits % 2 else "HWC"),
            Linear(**fields(60, 7, 48), y=Codes(-128, 127, 4)),
        ),
        (2, 26, 27),
        Codes(0, 255, 128),
    )
