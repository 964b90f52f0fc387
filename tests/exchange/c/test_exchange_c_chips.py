"""C on chips: a simulated ATmega328, whose int has 16 bits and whose tables are in flash; a Cortex-M0."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from c_compiled import chain, extremes
from integer_programs import BYTE

from tinyzip import archive
from tinyzip.exchange import tflite
from tinyzip.integer import (
    Add,
    AvgPool2d,
    Codes,
    Concat,
    Flatten,
    GlobalAvgPool,
    Multiply,
    Pad,
    Program,
    Reshape,
    Softmax,
    Table,
    Transpose,
    run,
)
from tinyzip.nn.models import student_net
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.train.data import mnist, to_input

ROOT = Path(__file__).parents[3]


@pytest.fixture
def chips(monkeypatch: pytest.MonkeyPatch) -> Any:
    """examples/parts/chips.py."""
    monkeypatch.syspath_prepend(ROOT / "examples")
    return importlib.import_module("parts.chips")


def student() -> tuple[Program, Any]:
    """The student with its first weights, in int8, and codes of twenty test images."""
    train, test = mnist(ROOT / "examples" / "data" / "mnist")
    model = student_net()
    grids = calibrate(model, train.images[:200], weights=8, activations=8)
    return lower(model, grids), grids["input"].quantize(to_input(test.images[:20]))


@pytest.mark.needs("avr-gcc", "simavr")
def test_the_student_runs_on_an_atmega328_with_the_engines_codes(chips: Any, tmp_path: Path) -> None:
    program, codes = student()
    chip = chips.on_avr(program, codes, tmp_path)
    np.testing.assert_array_equal(chip.outputs, run(program, codes))
    assert chip.flash <= chips.FLASH
    assert chip.ram <= chips.RAM


@pytest.mark.needs("avr-gcc", "simavr")
@pytest.mark.parametrize(("rounding", "bits"), [("double", 3), ("single", 1), ("shift", 4), ("float32", 8)])
def test_an_int_of_16_bits_holds_what_is_counted_in_it(
    rounding: str, bits: int, chips: Any, tmp_path: Path
) -> None:
    program = chain(rounding, bits, np.random.default_rng(bits))
    codes = extremes(program.input, program.shape)
    np.testing.assert_array_equal(chips.on_avr(program, codes, tmp_path).outputs, run(program, codes))


@pytest.mark.needs("avr-gcc", "simavr")
def test_the_other_operators_run_there_too(chips: Any, tmp_path: Path) -> None:
    rng, signed = np.random.default_rng(0), Codes(-128, 127, 5)
    program = Program(
        (
            Table(rng.integers(0, 256, 256), BYTE),
            Pad(((1, 0), (2, 1))),
            Add(1, rng.integers(2**30, 2**31, 3), [32, 31, 50], signed),
            Multiply([-255, 255, 7], 2**30 + 12345, 44, signed),
            AvgPool2d(3, 2, padding=1),
            Transpose((2, 0, 1)),
            Reshape((6, 2, 3), "HWC"),
            Add(6, [70001, 90001], 20, signed, rounding="single"),
            Concat((7, 7)),
            GlobalAvgPool(2**31 - 128, 37, BYTE, "float32"),
            Softmax(2**30 + 77, 6),
            Flatten(),
        ),
        (3, 5, 5),
        Codes(0, 255, 200),
    )
    codes = extremes(program.input, program.shape)
    np.testing.assert_array_equal(chips.on_avr(program, codes, tmp_path).outputs, run(program, codes))


@pytest.mark.needs("arm-none-eabi-gcc")
def test_the_student_is_small_on_a_cortex_m0(chips: Any, tmp_path: Path) -> None:
    flash, ram = chips.on_cortex_m0(student()[0], tmp_path)
    assert flash <= 8 * 1024
    assert ram <= 1024


# Cycles of one turn of the loop: a load and a store 2 each, two sums and a product 1 each, so 7, and 3 for
# the branch but 1 in the last of five. Before it 1; after it on the Cortex-M0 PUSH and POP of two registers,
# the one with 1 + 2, the other, which jumps, with 4 + 2; and on the other core the return with 3.
LOOPS = {
    "CORTEX_M0": (
        1 + 5 * 7 + 4 * 3 + 1 + (1 + 2) + (4 + 2),
        """
        .syntax unified
        .thumb_func
        .global start
start:  movs    r2, #5
again:  ldrb    r3, [r0]
        adds    r0, #1
        muls    r3, r3
        strb    r3, [r1]
        subs    r2, #1
        bne     again
        push    {r4, lr}
        pop     {r4, pc}
""",
    ),
    "CH32V002": (
        1 + 5 * 7 + 4 * 3 + 1 + 3,
        """
        .global start
start:  li      a2, 5
again:  lbu     a3, 0(a0)
        addi    a0, a0, 1
        mul     a3, a3, a3
        sb      a3, 0(a1)
        addi    a2, a2, -1
        bnez    a2, again
        ret
""",
    ),
}
ON_CORES = pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.needs("unicorn", compiler))
        for name, compiler in (("CORTEX_M0", "arm-none-eabi-gcc"), ("CH32V002", "riscv64-linux-gnu-gcc"))
    ],
)


@ON_CORES
def test_a_loop_takes_the_cycles_that_the_table_gives_by_hand(name: str, chips: Any, tmp_path: Path) -> None:
    expected, source = LOOPS[name]
    (tmp_path / "loop.s").write_text(source, encoding="ascii")
    core = getattr(importlib.import_module("parts.cycles"), name)
    machine = chips.Machine(core, chips.linked(core, "loop.s", "start", tmp_path))
    for given in ([1, 2, 3, 4, 5], [5, 4, 3, 2, 1]):
        taken = machine.call(bytes(given))
        assert taken.cycles == expected
        assert taken.stack == (8 if name == "CORTEX_M0" else 0)
        assert machine.output(1) == bytes([given[-1] ** 2])


@ON_CORES
def test_cores_of_32_bits_have_the_engines_codes_and_count_what_they_do(
    name: str, chips: Any, tmp_path: Path
) -> None:
    """Of a product, a sum and the load of a code for each two of the products at least."""
    core = getattr(importlib.import_module("parts.cycles"), name)
    program = archive.read(ROOT / "examples" / "models" / "mnist-2048.tz")
    codes = extremes(program.input, program.shape, 1)
    chip = chips.on_core(program, core, codes, tmp_path)
    np.testing.assert_array_equal(chip.outputs, run(program, codes))
    assert 3 * sum(program.multiplications) / 2 < chip.cycles < 686_000


@pytest.mark.needs("gcc")
@pytest.mark.parametrize("count", [500, pytest.param(10_000, marks=pytest.mark.long)])
def test_all_test_images_have_the_engines_codes(count: int, chips: Any, tmp_path: Path) -> None:
    program, _ = student()
    images = mnist(ROOT / "examples" / "data" / "mnist")[1].images[:count]
    codes = np.clip(np.rint(255 * to_input(images)), 0, 255).astype(np.uint8)
    assert codes.shape[-1] == count
    np.testing.assert_array_equal(chips.on_host(program, codes, tmp_path), run(program, codes))


@pytest.mark.needs("gcc", "tflite")
@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
@pytest.mark.parametrize(
    "name",
    ["kws_ref_model", "micro_speech_quantized", pytest.param("vww_96_int8", marks=pytest.mark.long)],
)
def test_other_peoples_models_have_the_engines_codes_in_c(
    name: str, kernels: tflite.Kernels, chips: Any, tmp_path: Path
) -> None:
    program = tflite.read(ROOT / "tests" / "data" / "tflite" / f"{name}.tflite", kernels)
    codes = extremes(program.input, program.shape)
    np.testing.assert_array_equal(chips.on_host(program, codes, tmp_path), run(program, codes))
