"""The .tz file, and how it is read, bit by bit.

    offset  bytes
    0       4      the mark: 89 74 7A 1A, which no text file begins with ("tz" in the middle)
    4       1      version of the format, 2
    5       4      CRC-32 of all other bytes, little-endian
    9       …      the message, to the end of the file

A file comes from anywhere, so nothing in it is believed: what fails is one ValueError that names the file,
what was found, and what was needed. Why the message is as it is, the other files of this folder say; here is
all that one needs to read it. Divisions round down, and no number passes 2⁵³, but in scales of more digits
than a float64 has.

**Steps.** To fill is: while x < 2²³ and bytes are left, x = 256·x + the next byte. x starts at 0 and is
filled, at first and after each step. In a step with k, symbols own the slots 0 … 2ᵏ − 1, each f of them
from c on. The owner of slot = x mod 2ᵏ is read, and x becomes f·(x / 2ᵏ) + slot − c. In the end x is 1 and
no byte is left. There are three kinds of steps:

    plain(b)      a number of b bits, 16 of them a step, the low ones first, in the last step what is left.
                  k bits are the slot itself, with f = 1 and c = slot. No bits take no step
    decide(A, B)  1 or 0. A and B are places, with counts a₀, a₁ and b₀, b₁ of zeros and ones, 0 at first. k
                  = 12. With u = ⌊√(256·(2a₁ + 1)·(2b₁ + 1))⌋ and v = ⌊√(256·(2a₀ + 1)·(2b₀ + 1))⌋, 1 owns
                  the first 4096·u / (u + v) slots, at least 1 and at most 4095, and 0 owns the others. Then
                  what was read is counted in A, and in B unless that is A. decide(A) is decide(A, A)
    symbols       of tables, see below; k = 12

**Numbers.** Places have names, written name/detail. N stands for the name that is handed in:

    natural(N)    L is how often decide(N/L), for L = 0, 1, …, says 1 before it says 0. The number is L for
                  L < 2, else 2ᴸ⁻¹ + plain(L − 1)
    integer(N)    m = natural(N), and −m if m > 0 and decide(N/negative)
    small(N, b)   t = 1, then b times t = 2·t + decide(N/t); the number is t − 2ᵇ
    odd(N, b)     d = 1 + small(N/digits, b); the number is 1 for d = 1, else 2ᵈ⁻¹ + 2·plain(d − 2) + 1
    old(N, v)     v, if decide(N/as before); or else what is said after it
    row(N, r)     r numbers: natural(N), and then each old(N, the one before it) or else natural(N)
    sizes(N)      row(N, natural(N/count))

**The program.** Its shape is sizes(shape), then come the codes of its input, a grid (see "y"), and
natural(operators), the number of operators. `outputs` is the first number of the shape; `grid` is 0 … 255
with zero 0 and scale (1, 0); `octave` is 0. An operator begins with its kind, natural(kind). Then each
field that has a default and is not as in the last operator of its kind, or in the first not as by default:
its number, natural(changed), in ascending order, and its value. After natural(changed) = 0 come the fields
without a default, in this order:

    0  Conv2d         w, weight_bits, bias, m0, n, y        8  Recall     source
    1  Linear         w, weight_bits, bias, m0, n, y        9  Concat     sources
    2  MaxPool2d      kernel                               10  Pad        padding
    3  Flatten                                             11  Table      y, table
    4  Argmax                                              12  Multiply   w, m0, n, y
    5  GlobalAvgPool                                       13  Softmax    m0, n
    6  AvgPool2d      kernel                               14  Reshape    shape
    7  Add            other, m0, n, y                      15  Transpose  axes
                                                           16  Product    other, m0, n, y

Fields with a default are 1 rounding (single in Linear, else double), 2 padding (0), 3 stride (1; of pools
none, which means the kernel), 4 groups (1), 5 name (empty), 6 dilation (1), 7 order (CHW), and, of pools
and means, 8 y, 9 m0 and 10 n (none). A value whose default is none begins with decide(N/there), and is none
after a 0. With N the name of the field:

    name         natural(N/count) bytes of UTF-8, each small(N, 8)
    kernel       and stride, dilation: row(N, 2), rows and columns
    padding      row(N, 4): top, bottom, left, right
    groups       natural(N), where 0 means `outputs`
    rounding     natural(N): 0 double, 1 single, 2 shift, 3 float32
    order        natural(N): 0 CHW, 1 HWC
    shape        sizes(N)
    axes         row(N, 3)
    source       and other: natural(N) − 1; sources: sizes(N), less 1 each
    m0, n        of Conv2d and Linear, one for each output: m0 is old(N, the last m0, also of an operator
                 before, 2³⁰ at first), or else odd(N, 5) times the power of two that takes it into 2³⁰ …
                 2³¹ − 1; n is the last n, also of an operator before, 0 at first, plus integer(N). In Add
                 each is sizes(N), elsewhere natural(N)
    bias         integer(N) for each output
    table        natural(N/count) rows of 256 numbers; 0 is one row, without an axis for rows. Each is the
                 number before it, also of the table before, 0 at first, plus integer(N)
    w            of Conv2d: F is old(outputs, `outputs`) or else natural(outputs); C, the inputs of one
                 group, is old(inputs, `outputs`) or else natural(inputs); H and W are row(kernel, 2). Of
                 Linear: F likewise; H and W are row(image, 2); I is old(inputs, `outputs`·H·W) or else
                 natural(inputs), and C = I / (H·W). Then weights(F, C, H, W), and `outputs` becomes F. Of
                 Multiply: natural(N/count) numbers, each integer(N)
    weight_bits  natural(N) more than w needs. That is 1 where all weights are in −1 … 1 and no more than
                 two of these three occur, else the least b ≥ 2 with all in −2ᵇ⁻¹ … 2ᵇ⁻¹ − 1
    y            a grid, which `grid` then is. Its ends lo and hi are old(ends, those of `grid`), or else by
                 e = natural(ends/form): with b = 1 + small(ends/bits, 3), 0 … 2ᵇ − 1 for e = 0 and −2ᵇ⁻¹ …
                 2ᵇ⁻¹ − 1 for e = 1; for e = 2 integer(ends/lo) and integer(ends/hi). Its zero is lo +
                 (old(zero, that of `grid` − lo) or else plain(bits of hi − lo)). Its scale (m, n), worth
                 m·2⁻ⁿ, is old(scale, that of `grid`), or else by e = natural(scale/form). For e = 0: m =
                 odd(scale, 6) times 2 to the natural(scale/twos), which is said first; `octave` grows by
                 integer(scale/octave); n = bits of m − `octave`. For e = 1 and 2: q =
                 natural(scale/divisor), d = 53 and 24, n = d + bits of q − 1, m = ⌊2ⁿ/q + ½⌋; while m is
                 even, it is halved and n is one less; `octave` = bits of m − n

**Weights.** weights(F, C, H, W) are whole numbers, the last axis fastest. By natural(form):

    0  they are coded(F, C, H, W)
    1  there is a list of natural(listed) values: integer(first), and then each natural(gap) + 1 above the
       one before. coded(F, C, H, W) are places in it, counted from the value nearest to 0, of two the first
    2  r = natural(present) of them are not 0, and natural(run) zeros stand before each, after the one
       before; these r are coded(1, r, 1, 1)

coded(F, C, H, W) begins with small(coding, 2). For 3 there follow integer(least) and b = natural(bits), and
each code is least + plain(b). Else a code has two neighbours, l on its left and u above it, in a plane of H
rows and W columns; where H·W = 1, in one of F rows and C columns. Beyond the edge they are 0.

**Decisions** are codings 0 and 1. Their places are numbers. They live as long as the file, but when one of
these codings begins, a place with s = a₀ + a₁ > 8 gets the counts 8·a₀ / s and 8·a₁ / s. With level(m) = m
for m < 2, else 2·(bits of m − 1) + the second bit of m, but 19 at most:

    near  level(|l| + |u|)
    mean  level(4·o / p + 4·i / q): o is the sum of |code| over the p codes that have passed of the same
          output (first axis), i over the q of the same input (second axis); a quotient by 0 is 0
    L     how often, 8 times at most, decide(near + 20·L, 160 + mean + 20·L) says 1 before it says 0, for L
          = 0, 1, …; in coding 1, decide(320 + L)
    m     0 or 1 for L = 0 or 1. Else t = 328 + 3·(L − 2), m = 2 + decide(t); for L > 2, m = 2·m + decide(t
          + m − 1); for L > 3, m = 2ᴸ⁻³·m + plain(L − 3)
    code  −m if m > 0 and decide(353 + 3·sign(l) + sign(u), 364 + sign(l + u)·min(bits of |l + u|, 6)), else
          m

**Tables** are coding 2. b = natural(highest) comes first; there are nine tables of A = 2·b + 1 symbols,
which have counts n, 0 at first. Blocks of codes begin after 0, 64, 64 + 128, … codes, each twice as long as
the one before, but 4096 at most. When one begins, tables are made: t is the sum of n over all nine, T the
sum of t + 1 over all symbols, g = 4096·(t + 1) / T, h = 64·n + g, S the sum of h over the symbols of a
table, and f = 1 + (4096 − A)·h / S; then the first of the greatest f in each table gets what its f lack to
4096. Slots are owned in the order of the symbols. A code's symbol s is one of table 3·sign(l) + sign(u) +
4, where it is counted; m = |s − b|; for m > 3, with e = m / 2 − 1, m = 2ᵉ·(m − 2·e) + plain(e). The code is
m if s > b, else −m.

**Limits.** A message of B bytes takes at most 2¹⁸ + 8·B steps, and is of at most 2²² + 8·B weights. There
are 1 to 4096 operators, a name has at most 255 bytes, a list 1 to 256 values within ±255, L in natural is
at most 62; in coding 3, b is at most 8 and least within ±255; in coding 2, b is at most 15; q is from 3 to
2³² − 1, and m of a scale has at most 63 bits.
"""

import os
from dataclasses import replace
from functools import partial
from zlib import crc32

from tinyzip.archive.coder import Ledger, Reader, Writer
from tinyzip.archive.records import walk_program
from tinyzip.base.calls import write_instead
from tinyzip.base.files import PathLike, check_path, read_up_to, write_atomically
from tinyzip.base.kinds import kind_of
from tinyzip.base.refuse import refuse
from tinyzip.integer.program import Program, check_program

MARK = b"\x89tz\x1a"
VERSION = 2
HEAD = 9  # bytes before the program
LARGEST = 1 << 26  # bytes of a whole file


@write_instead(partial(check_program, argument="pack: program"))
def pack(program: Program, names: bool = True) -> bytes:
    """The bytes of a .tz file. The same program gives the same bytes, on every machine.

    names  whether the operators' names go along
    """
    check_program(program, "pack: program")
    if not names:
        bare = tuple(replace(operator, name="") for operator in program.operators)
        program = Program(bare, program.shape, program.input)
    writer = Writer("archive: program")
    walk_program(writer, program)
    body = writer.finish()
    start = MARK + bytes([VERSION])
    return start + crc32(start + body).to_bytes(4, "little") + body


def unpack(data: bytes, source: str = "unpack: data") -> Program:
    """The program in the bytes of a .tz file; unpack(pack(program)) == program, leaf for leaf.

    source  what to call the bytes in an error
    Raises ValueError for all that `pack` could not have written, and takes no more memory than 4 MB and 64
    times the bytes, whatever they state.
    """
    return unpack_with_ledger(data, source)[0]


def unpack_with_ledger(data: bytes, source: str) -> tuple[Program, Ledger]:
    """The program in the bytes of a .tz file, and where its bits went."""
    if not isinstance(data, bytes | bytearray | memoryview):
        refuse(source, type(data).__name__, "bytes", TypeError)
    data = bytes(data)
    if data[: len(MARK)] != MARK:
        refuse(source, kind_of(data), f"an integer program: {MARK!r}, the mark of a .tz file")
    if len(data) > len(MARK) and data[4] != VERSION:
        refuse(source, f"version {data[4]}", f"version {VERSION}")
    if not HEAD <= len(data) <= LARGEST:
        refuse(source, f"{len(data)} bytes", f"from {HEAD} to {LARGEST}")
    try:
        stored, checksum = int.from_bytes(data[5:HEAD], "little"), crc32(data[:5] + data[HEAD:])
        if stored != checksum:
            refuse(source, f"checksum {checksum:08x}", f"{stored:08x}, as the file says")
        reader = Reader(data[HEAD:], source)
        program = walk_program(reader, None)
        reader.finish()
        return program, reader.ledger
    except (ValueError, TypeError, OverflowError) as error:
        if str(error).startswith(source):
            raise
        refuse(source, f"a program that is refused ({error})", "one that could have been built")


@write_instead(partial(check_program, argument="write: program"))
def write(program: Program, path: PathLike, names: bool = True) -> int:
    """Write a program to a file, whole or not at all; the number of bytes written."""
    data = pack(program, names)
    write_atomically(path, [data])
    return len(data)


def read(path: PathLike) -> Program:
    """The program in a file. Raises ValueError, naming the file, for one that `write` did not write."""
    return unpack(read_bytes(path), os.fspath(path))


def read_bytes(path: PathLike) -> bytes:
    """What is in a file, up to one byte more than a .tz file may have."""
    check_path(path, "read: path")
    with open(path, "rb") as file:
        return read_up_to(file, LARGEST)
