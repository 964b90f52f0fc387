"""C on machines: this one, an ATmega328 in a simulator, cores of 32 bits whose cycles are counted (`cycles`).

What `export_c.py` and the tests share. Each function writes the C of a program into a folder, with a main
program that feeds it, and compiles both.
"""

import re
import shutil
import subprocess
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from parts.cycles import Core, Machine

from tinyzip.exchange import c
from tinyzip.integer import Program

FLASH, RAM, CLOCK = 32 * 1024, 2 * 1024, 16_000_000  # of an ATmega328
STRICT = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror")
FAST = ("-O2", "-fno-tree-loop-distribute-patterns", "-nostdlib", "-static")  # and no loop calls memset
FROM_FLASH = "-DTZ_READ_INPUT(input, k)=pgm_read_byte((input) + (k))"

HOST = """\
#include <stdio.h>
#include "net.h"

int main(void)
{
    static tz_input_t input[TZ_INPUT_SIZE];
    static tz_output_t output[TZ_OUTPUT_SIZE];
    while (fread(input, sizeof *input, TZ_INPUT_SIZE, stdin) == TZ_INPUT_SIZE) {
        tz_run(input, output);
        fwrite(output, sizeof *output, TZ_OUTPUT_SIZE, stdout);
    }
    return 0;
}
"""

AVR = """\
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include "net.h"

static const tz_input_t images[@COUNT@][TZ_INPUT_SIZE] PROGMEM = { @IMAGES@ };
static tz_output_t output[TZ_OUTPUT_SIZE];
static volatile uint32_t overflows;
extern uint8_t _end; /* where the static variables end; the stack comes down towards it */

ISR(TIMER1_OVF_vect)
{
    overflows++;
}

static void put(uint8_t c)
{
    while (!(UCSR0A & 1 << UDRE0))
        ;
    UDR0 = c;
}

static void say(uint32_t value)
{
    for (uint8_t k = 8; k > 0; k--)
        put((uint8_t)"0123456789abcdef"[value >> (4 * (k - 1)) & 15]);
    put(' ');
}

int main(void)
{
    uint8_t *free = &_end;
    while (free < (uint8_t *)(SP - 16))
        *free++ = 0xa5;
    UCSR0B = 1 << TXEN0;
    TIMSK1 = 1 << TOIE1;
    for (uint16_t i = 0; i < @COUNT@; i++) {
        overflows = 0;
        TCNT1 = 0;
        TCCR1B = 1 << CS12; /* a tick is 256 cycles */
        sei();
        tz_run(images[i], output);
        cli();
        const uint16_t ticks = TCNT1;
        TCCR1B = 0;
        say(overflows << 16 | ticks);
        for (uint16_t k = 0; k < TZ_OUTPUT_SIZE; k++)
            say((uint32_t)(int32_t)output[k]);
        put('\\n');
    }
    for (free = &_end; *free == 0xa5; free++)
        ;
    say((uint32_t)(RAMEND + 1 - 0x100 - (free - &_end)));
    put('\\n');
    sleep_mode();
    return 0;
}
"""


@dataclass(frozen=True)
class Chip:
    """What a program takes on a chip.

    outputs  (…, N) as the engine gives them
    flash    bytes, without the images; ram: static variables and the deepest stack
    cycles   of the image that takes most
    """

    outputs: NDArray[Any]
    flash: int
    ram: int
    cycles: int

    @property
    def seconds(self) -> float:
        """For an image, at the 16 MHz of an Arduino Uno."""
        return self.cycles / CLOCK


def compiler(name: str, *words: str, folder: Path) -> None:
    """Run a compiler in a folder; RuntimeError with what it says where it fails."""
    done = subprocess.run(
        [name, *words], cwd=folder, capture_output=True, text=True, encoding="utf-8", check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)


def on_host(program: Program, codes: NDArray[Any], folder: Path) -> NDArray[Any]:
    """The outputs (…, N) of compiled C on codes (…, N)."""
    c.write(program, folder / "net")
    (folder / "main.c").write_text(HOST, encoding="ascii")
    compiler("gcc", *STRICT, "-O2", "net.c", "main.c", "-o", "net", folder=folder)
    sent = np.ascontiguousarray(np.moveaxis(codes, -1, 0)).tobytes()
    said = subprocess.run([folder / "net"], input=sent, capture_output=True, check=True).stdout
    return outputs_of(program, np.frombuffer(said, output_dtype(program)), codes.shape[-1])


def on_avr(program: Program, codes: NDArray[Any], folder: Path) -> Chip:
    """What a simulated ATmega328 answers to codes (…, N), and what it needs together with a main program that
    has as many images in flash at once as there is room for."""
    c.write(program, folder / "net")
    images = np.moveaxis(codes, -1, 0).reshape(codes.shape[-1], -1)
    flash = sizes(build_avr(images[:1], folder), "avr-size")[0] - images[0].size
    room = max(1, (FLASH - flash) // images[0].size)
    answers, ticks, ram = [], [], 0
    for start in range(0, len(images), room):
        elf = build_avr(images[start : start + room], folder)
        command = ["simavr", "-m", "atmega328p", "-f", str(CLOCK), str(elf)]
        said = subprocess.run(command, capture_output=True, check=True)
        lines = re.findall(r"(?:[0-9a-f]{8} )+", (said.stdout + said.stderr).decode("latin-1"))
        values = [np.array([int(word, 16) for word in line.split()], np.uint32) for line in lines]
        ram = max(ram, int(values.pop()[0]))
        ticks += [int(line[0]) for line in values]
        answers += [line[1:].astype(np.int32) for line in values]
    outputs = outputs_of(program, np.concatenate(answers), len(images))
    return Chip(outputs, flash, ram, 256 * max(ticks))


def build_avr(images: NDArray[Any], folder: Path) -> Path:
    """The program for the chip with these images (N, values) in its flash."""
    rows = ", ".join("{" + ", ".join(map(str, row)) + "}" for row in images.tolist())
    main = AVR.replace("@COUNT@", str(len(images))).replace("@IMAGES@", rows)
    (folder / "main.c").write_text(main, encoding="ascii")
    words = ("-mmcu=atmega328p", *STRICT, "-Os", FROM_FLASH, "net.c", "main.c", "-o", "net.elf")
    compiler("avr-gcc", *words, folder=folder)
    return folder / "net.elf"


def on_cortex_m0(program: Program, folder: Path) -> tuple[int, int]:
    """Bytes of flash and of static RAM that the C alone takes on a Cortex-M0."""
    c.write(program, folder / "net")
    words = ("-mcpu=cortex-m0", "-mthumb", *STRICT, "-Os", "-c", "net.c", "-o", "net.o")
    compiler("arm-none-eabi-gcc", *words, folder=folder)
    return sizes(folder / "net.o", "arm-none-eabi-size")


def on_core(program: Program, core: Core, codes: NDArray[Any], folder: Path) -> Chip:
    """What a core of 32 bits answers to codes (…, N), and what tz_run takes there with all that it calls."""
    c.write(program, folder / "net")
    elf = linked(core, "net.c", "tz_run", folder)
    machine, answers, taken = Machine(core, elf), [], []
    dtype, N = output_dtype(program), codes.shape[-1]
    for image in np.ascontiguousarray(np.moveaxis(codes, -1, 0)):
        taken.append(machine.call(image.tobytes()))
        answers.append(machine.output(prod(program.shapes[-1]) * dtype.itemsize))
    outputs = outputs_of(program, np.frombuffer(b"".join(answers), dtype), N)
    flash, ram = sizes(elf, core.compiler.replace("gcc", "size"))
    return Chip(outputs, flash, ram + max(one.stack for one in taken), max(one.cycles for one in taken))


def linked(core: Core, source: str, entry: str, folder: Path) -> Path:
    """A source file in a folder as an executable that begins at a function."""
    words = (*core.options, *STRICT, *FAST, f"-Wl,-e,{entry}", source, *core.after, "-o", "core.elf")
    compiler(core.compiler, *words, folder=folder)
    return folder / "core.elf"


def sizes(file: Path, tool: str) -> tuple[int, int]:
    """Flash and static RAM by a compiler's own `size`."""
    said = subprocess.run([tool, file], capture_output=True, text=True, encoding="utf-8", check=True).stdout
    text, data, bss = map(int, said.splitlines()[1].split()[:3])
    return text + data, data + bss


def missing(*tools: str) -> list[str]:
    """Those that are not installed."""
    return [tool for tool in tools if not shutil.which(tool)]


def output_dtype(program: Program) -> np.dtype[Any]:
    return np.dtype(np.int32) if program.shapes[-1] == () else program.output.dtype


def outputs_of(program: Program, values: NDArray[Any], N: int) -> NDArray[Any]:
    """Values as they were written, example by example, in the engine's shape (…, N)."""
    rows = values.reshape(N, prod(program.shapes[-1]))
    return rows.T.reshape(*program.shapes[-1], N)
