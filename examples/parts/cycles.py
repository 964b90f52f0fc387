"""Cycles of a function on a core of 32 bits: by a table, over what is executed.

Unicorn, the processor part of QEMU, runs a program and says which blocks of instructions it enters. A block
takes what its instructions take, and two cycles more if the conditional branch at its end is taken: then
another block follows than the next one in memory. Memory answers at once, as flash does where a chip runs
slowly enough.

Cortex-M0   [Cortex-M0 r0p0 Technical Reference Manual, ARM DDI 0432C, table 3-1], with the multiplier of one
            cycle
QingKe V2   the core of the CH32V003 (RV32EC) and the CH32V002 (with Zmmul, a multiplier), for which its maker
            publishes no cycles: a load or a store 2, a taken branch 3, all else 1, as was measured on code in
            RAM [cpldcpu, DRAM_exploration, instruction_timing]. Jumps are taken to be like taken branches,
            and products, which were not measured, like sums.
"""

import struct
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TAKEN = 2  # what a taken conditional branch costs beside the 1 of one that is not, on both cores
MEMORY, STOP, INPUT, OUTPUT, STACK = 0x100000, 0x1000, 0x80000, 0xC0000, 0xF0000  # the program is below
DEEPEST, UNTOUCHED = 4096, b"\xa5"  # bytes of stack, and how those look that nobody has written


def thumb(code: bytes) -> tuple[int, int, bool]:
    """Bytes and cycles of an ARMv6-M instruction, and whether it is a conditional branch, here not taken."""
    (half,) = struct.unpack("<H", code[:2])
    registers = (half & 255).bit_count()
    if half >> 11 in (0b11101, 0b11110, 0b11111):
        return 4, 4, False  # BL
    if half >> 12 == 0b1101:
        return 2, 1, True
    if half >> 11 == 0b11100 or half >> 8 == 0b01000111:
        return 2, 3, False  # B, BX, BLX
    if half >> 10 == 0b010001:
        to_pc = half >> 8 != 0b01000101 and (half >> 4 & 8 | half & 7) == 15
        return 2, 3 if to_pc else 1, False  # ADD, CMP and MOV of all registers
    if half >> 12 == 0b1100:
        return 2, 1 + registers, False  # LDM, STM
    if half >> 9 in (0b1011010, 0b1011110):
        registers += half >> 8 & 1  # LR or PC
        return 2, registers + (4 if half >> 8 == 0b10111101 else 1), False  # PUSH, POP; POP of PC jumps
    loads = half >> 11 == 0b01001 or 0b0101 <= half >> 12 <= 0b1001
    return 2, 2 if loads else 1, False


def riscv(code: bytes) -> tuple[int, int, bool]:
    """Bytes and cycles of an RV32C instruction, and whether it is a conditional branch, here not taken."""
    (half,) = struct.unpack("<H", code[:2])
    if half & 3 == 3:
        opcode = half & 127
        if opcode in (0x03, 0x23):
            return 4, 2, False
        if opcode in (0x6F, 0x67):
            return 4, 3, False
        return 4, 1, opcode == 0x63
    quadrant, kind = half & 3, half >> 13
    if quadrant == 1 and kind in (6, 7):
        return 2, 1, True
    if quadrant == 1 and kind in (1, 5):
        return 2, 3, False  # C.JAL, C.J
    if quadrant == 2 and kind == 4 and half & 0x7C == 0 and half >> 7 & 31:
        return 2, 3, False  # C.JR, C.JALR
    return 2, 2 if quadrant in (0, 2) and kind in (2, 6) else 1, False


@dataclass(frozen=True)
class Core:
    """A core, what compiles for it, and what its instructions cost.

    after  what comes after the source in the compiler's command
    """

    name: str
    compiler: str
    options: tuple[str, ...]
    cost: Callable[[bytes], tuple[int, int, bool]]
    after: tuple[str, ...] = ()


CORTEX_M0 = Core("Cortex-M0", "arm-none-eabi-gcc", ("-mcpu=cortex-m0", "-mthumb"), thumb, ("-lgcc",))
CH32V002 = Core(
    "CH32V002",
    "riscv64-linux-gnu-gcc",
    ("-march=rv32ec_zmmul", "-mabi=ilp32e", "-ffreestanding", "-Wl,--no-relax-gp", "-Wl,--build-id=none"),
    riscv,
)


@dataclass(frozen=True)
class Taken:
    """What a call took: cycles, these by the address of each block of instructions, and bytes of stack."""

    cycles: int
    blocks: Counter[int]
    stack: int


class Machine:
    """A core and a linked program, whose entry is the function to count: function(input, output)."""

    def __init__(self, core: Core, elf: Path) -> None:
        import unicorn
        from unicorn import arm_const, riscv_const

        self.core, self.thumb_bit = core, int(core.cost is thumb)
        if core.cost is thumb:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
            self.uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M0)
            self.registers = [getattr(arm_const, f"UC_ARM_REG_{name}") for name in ("R0", "R1", "SP", "LR")]
        else:
            self.uc = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            self.registers = [getattr(riscv_const, f"UC_RISCV_REG_X{number}") for number in (10, 11, 2, 1)]
        self.uc.mem_map(0, MEMORY)
        data = elf.read_bytes()
        self.entry, table = struct.unpack_from("<II", data, 24)
        size, count = struct.unpack_from("<HH", data, 42)
        for k in range(count):
            kind, offset, place, _, length = struct.unpack_from("<5I", data, table + k * size)
            if kind == 1:  # what is loaded; all else is 0
                self.uc.mem_write(place, data[offset : offset + length])
        self.uc.hook_add(unicorn.UC_HOOK_BLOCK, lambda _, address, size, __: self.enter(address, size))
        self.costs: dict[tuple[int, int], tuple[int, bool]] = {}

    def call(self, given: bytes) -> Taken:
        """The function on an input, from its first instruction to its return."""
        self.blocks: Counter[int] = Counter()
        self.last = 0, 0, 0, False
        self.uc.mem_write(INPUT, given)
        self.uc.mem_write(STACK - DEEPEST, UNTOUCHED * DEEPEST)
        for register, value in zip(
            self.registers, (INPUT, OUTPUT, STACK, STOP | self.thumb_bit), strict=True
        ):
            self.uc.reg_write(register, value)
        self.uc.emu_start(self.entry | self.thumb_bit, STOP)
        self.enter(STOP, 0)
        stack = bytes(self.uc.mem_read(STACK - DEEPEST, DEEPEST))
        return Taken(sum(self.blocks.values()), self.blocks, len(stack.lstrip(UNTOUCHED)))

    def output(self, length: int) -> bytes:
        return bytes(self.uc.mem_read(OUTPUT, length))

    def enter(self, address: int, size: int) -> None:
        """Count the block before this one, of which it is known now whether its branch was taken."""
        place, length, cycles, conditional = self.last
        self.blocks[place] += cycles + (TAKEN if conditional and address != place + length else 0)
        if (address, size) not in self.costs:
            self.costs[address, size] = self.cost_of(bytes(self.uc.mem_read(address, size)))
        self.last = address, size, *self.costs[address, size]

    def cost_of(self, block: bytes) -> tuple[int, bool]:
        """The cycles of a block whose branch is not taken, and whether it ends in a conditional one."""
        k, cycles, conditional = 0, 0, False
        while k < len(block):
            length, own, conditional = self.core.cost(block[k : k + 4])
            k, cycles = k + length, cycles + own
        return cycles, conditional
