"""Depth: a program as C: one header and one source file, C99, whole numbers only.

    c.write(program, "digits")        digits.h and digits.c

    #include "digits.h"
    int digit = tz_classify(image);   /* (C, H, W) codes, row by row */

The C computes what the engine computes, code for code. It calls no library and asks for no memory: weights
stand in flash at their bits, codes in a few static arrays, of which `plan` finds the least. Each operator
is a function that is named after it, under a comment with its shapes and the bound of its sums.
"""

import re
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np

from tinyzip.base.files import PathLike, check_path, check_writable, write_atomically
from tinyzip.base.refuse import refuse, whole
from tinyzip.exchange.c.draft import Draft, ctype
from tinyzip.exchange.c.file import body_of, header_of, with_checksum
from tinyzip.exchange.c.operators import check_known
from tinyzip.exchange.c.operators import write as write_step
from tinyzip.exchange.c.plan import Plan
from tinyzip.exchange.c.text import array, comment, identifiers, text_of
from tinyzip.integer.bounds import INT16_MOST, INT32_MOST
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.run import run
from tinyzip.integer.layout import Pad
from tinyzip.integer.operators import Conv2d, Pool, Weighted
from tinyzip.integer.program import Program, check_program
from tinyzip.integer.shapes import padded

MOST_VECTORS = 100_000


@dataclass(frozen=True)
class Written:
    """What C takes: the header says the same.

    files  the header, the source and, if asked for, the test vectors
    flash  bytes of weights, biases, multipliers and tables; ram: of static arrays
    work   multiply-accumulates an example
    """

    files: tuple[Path, ...]
    flash: int
    ram: int
    work: int

    def __str__(self) -> str:
        return f"{self.flash:,} bytes of flash without code, {self.ram:,} of RAM, {self.work:,} products"


def write(program: Program, path: PathLike, prefix: str = "tz", vectors: int = 0) -> Written:
    """Write PATH.h and PATH.c, all or nothing; a PATH that ends in .c or .h means the two as well.

    prefix   what the names that others see begin with: PREFIX_run, PREFIX_INPUT_SIZE in capitals
    vectors  so many inputs and outputs go into PATH_vectors.c, with a `main` that compares; 0: no such file
    returns  what was written, and what it takes
    Raises what `source` raises, TypeError for what is no path, and OSError where a file cannot be written.
    After a kill between two files the compiler refuses the new one beside the old.
    """
    whole(vectors, "c: vectors", 0, MOST_VECTORS)
    draft = drafted(program, prefix)
    check_path(path, "c: path")
    stem = re.sub(r"\.[ch]$", "", str(Path(path)))
    name = Path(stem).name
    header, body, check = texts(draft, name)
    files = {Path(f"{stem}.h"): header, Path(f"{stem}.c"): body}
    if vectors:
        files[Path(f"{stem}_vectors.c")] = vectors_of(draft, name, vectors, check)
    for target, text in files.items():
        check_writable(target, text.encode("ascii"))
    new = [target for target in files if not target.exists()]
    try:
        for target, text in files.items():
            write_atomically(target, [text.encode("ascii")])
    except BaseException:
        for target in new:
            target.unlink(missing_ok=True)
        raise
    return Written(tuple(files), draft.flash, draft.plan.ram, sum(program.multiplications))


def source(program: Program, prefix: str = "tz", name: str | None = None) -> tuple[str, str]:
    """The header and the source file as text.

    name    of both files, without .h and .c; by default the prefix
    Raises TypeError for what is no program, ValueError for a prefix that is no identifier of C, for a name
    that an #include cannot hold, and for a program that C cannot hold: with a tensor or weights that int32
    cannot count, an operator or a rounding that is not known here.
    """
    draft = drafted(program, prefix)
    return texts(draft, prefix if name is None else name)[:2]


def drafted(program: Program, prefix: str) -> Draft:
    """All functions and tables; refuses what `source` says."""
    check_program(program, "c: program")
    if not isinstance(prefix, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix, re.ASCII):
        refuse("c: prefix", repr(prefix), "an identifier of C: letters, digits and _, no digit first")
    check_known(program)
    most = largest(program)
    plan = Plan.of(program, identifiers(program))
    if plan.ram > INT32_MOST:
        refuse("c: program", f"{plan.ram} bytes of memory", f"at most {INT32_MOST}")
    draft = Draft(plan, prefix, "int" if most <= INT16_MOST else "int32_t")
    for step in plan.steps.values():
        write_step(draft, step)
    return draft


def texts(draft: Draft, name: str) -> tuple[str, str, str]:
    """Header and source, of files of this name, and how another file asks whether the header is this one."""
    if not isinstance(name, str) or not re.fullmatch(r"[\w.+-][\w.+ -]*", name, re.ASCII):
        refuse("c: name", repr(name), "letters, digits, spaces and . + - _, which an #include can hold")
    return with_checksum(draft, name, header_of(draft, name), body_of(draft, name))


def largest(program: Program) -> int:
    """The largest count or size that the C has to hold; refuses what int32 cannot."""
    sizes = [prod(program.shape)]
    for i, (operator, shape) in enumerate(zip(program.operators, program.shapes[1:], strict=True)):
        read = program.inputs(i, program.shapes)[0]
        now = [prod(shape), prod(padded(operator, read))]
        if isinstance(operator, Weighted):
            now.append(operator.w.size)
        if isinstance(operator, Conv2d | Pool | Pad) and len(read) == 3:
            steps = getattr(operator, "steps", getattr(operator, "stride", (1, 1)))
            now += [s + e for s, e in zip(steps, padded(operator, read)[1:], strict=True)]
        if max(now) > INT32_MOST:
            refuse(f"c: operator {i} ({operator.kind})", f"a size of {max(now)}", f"at most {INT32_MOST}")
        sizes += now
    return max(sizes)


def drawn(program: Program, count: int) -> Array:
    """So many inputs (C, H, W, N): all least, all greatest, all zero points, then random ones."""
    x, rng = program.input, np.random.default_rng(0)
    ends = [(x.lo, x.lo), (x.hi, x.hi), (x.zero, x.zero)]
    ends += [tuple(sorted(rng.integers(x.lo, x.hi + 1, 2).tolist())) for _ in range(count - len(ends))]
    return np.stack([rng.integers(lo, hi + 1, program.shape) for lo, hi in ends[:count]], -1).astype(x.dtype)


def vectors_of(draft: Draft, name: str, count: int, check: str) -> str:
    """The file of `count` examples; `check` are its lines that refuse another program's header."""
    program, p = draft.plan.program, draft.prefix
    x = drawn(program, count)
    y = run(program, x)
    y_type = "int32_t" if draft.plan.ends_in_class else ctype(program.output.dtype)
    inputs = array(ctype(program.input.dtype), "inputs", np.moveaxis(x, -1, 0), "")
    outputs = array(y_type, "outputs", np.moveaxis(y, -1, 0), "")
    told = comment(f"{name}_vectors.c - inputs and the outputs that {name}.c has to give")
    words = {"TOLD": "\n".join(told), "INPUTS": "\n".join(inputs), "OUTPUTS": "\n".join(outputs)}
    words |= {"NAME": name, "CHECK": check, "EXAMPLES": str(count)}
    return text_of("vectors.c", PREFIX=p, UPPER=p.upper(), **words)
