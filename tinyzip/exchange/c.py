"""A program as C: one header and one source file, C99, whole numbers only.

    c.write(program, "digits")        digits.h and digits.c

    #include "digits.h"
    int digit = tz_classify(image);   /* (C, H, W) codes, row by row */

The C computes what the engine computes, code for code. It calls no library and asks for no memory: weights
stand in flash at their bits, codes in a few static arrays, of which `c_plan` finds the least. Each operator
is a function that is named after it, under a comment with its shapes and the bound of its sums.
"""

import os
import re
from math import prod
from pathlib import Path

from tinyzip.base.files import PathLike, check_writable, write_atomically
from tinyzip.base.refuse import refuse, said
from tinyzip.exchange.c_arithmetic import called
from tinyzip.exchange.c_draft import Draft, ctype
from tinyzip.exchange.c_operators import check_known
from tinyzip.exchange.c_operators import write as write_step
from tinyzip.exchange.c_plan import Plan
from tinyzip.exchange.c_text import Lines, comment, identifiers
from tinyzip.integer.layout import Pad
from tinyzip.integer.operators import Conv2d, Pool, Weighted
from tinyzip.integer.program import Program
from tinyzip.integer.shapes import padded

INDICES = 2**31 - 1
SHORT = 2**15 - 1


def write(program: Program, path: PathLike, prefix: str = "tz") -> None:
    """Write PATH.h and PATH.c, both or neither; a PATH that ends in .c or .h means the two as well.

    prefix  what the names that others see begin with: PREFIX_run, PREFIX_INPUT_SIZE in capitals
    Raises what `source` raises, and OSError where a file cannot be written.
    """
    stem = re.sub(r"\.[ch]$", "", os.fspath(path))
    header, body = source(program, prefix, Path(stem).name)
    targets = Path(f"{stem}.h"), Path(f"{stem}.c")
    for target in targets:
        check_writable(target)
    new = not targets[0].exists()
    write_atomically(targets[0], [header.encode("ascii")])
    try:
        write_atomically(targets[1], [body.encode("ascii")])
    except BaseException:
        if new:
            targets[0].unlink(missing_ok=True)
        raise


def source(program: Program, prefix: str = "tz", name: str | None = None) -> tuple[str, str]:
    """The header and the source file as text.

    name    of both files, without .h and .c; by default the prefix
    Raises TypeError for what is no program, ValueError for a prefix that is no identifier of C, for a name
    that an #include cannot hold, and for a program that C cannot hold: with a tensor or weights that int32
    cannot count, an operator or a rounding that is not known here.
    """
    if not isinstance(program, Program):
        refuse("c: program", said(program), "a Program", TypeError)
    if not isinstance(prefix, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", prefix, re.ASCII):
        refuse("c: prefix", repr(prefix), "an identifier of C: letters, digits and _, no digit first")
    name = prefix if name is None else name
    if not re.fullmatch(r"[\w.+-][\w.+ -]*", name, re.ASCII):
        refuse("c: name", repr(name), "letters, digits, spaces and . + - _, which an #include can hold")
    check_known(program)
    most = largest(program)
    plan = Plan.of(program, identifiers(program))
    if plan.ram > INDICES:
        refuse("c: program", f"{plan.ram} bytes of memory", f"at most {INDICES}")
    draft = Draft(plan, prefix)
    for step in plan.steps.values():
        write_step(draft, step)
    return header_of(draft, prefix, name), body_of(draft, prefix, name, most)


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
        if max(now) > INDICES:
            refuse(f"c: operator {i} ({operator.kind})", f"a size of {max(now)}", f"at most {INDICES}")
        sizes += now
    return max(sizes)


def header_of(draft: Draft, prefix: str, name: str) -> str:
    plan, program, P = draft.plan, draft.plan.program, prefix.upper()
    x, y = program.input, program.output
    inputs, outputs = prod(program.shape), prod(program.shapes[-1])
    answers = "the class" if plan.ends_in_class else f"codes {y.lo} to {y.hi}, {size(program.shapes[-1])}"
    lines = [
        *comment(
            f"{name}.h - a neural network in whole numbers, as C99",
            "",
            f"    flash  {draft.flash:,} bytes of weights, biases, multipliers and tables; code excluded",
            f"    RAM    {plan.ram:,} bytes and two pointers, static; {inputs:,} more if the input is in RAM",
            f"    work   {sum(program.multiplications):,} multiply-accumulates an example",
            "",
            f"    in     codes {x.lo} to {x.hi}, {size(program.shape)}; {x.zero} stands for 0",
            f"    out    {answers}",
            "",
            f"    {ctype(x.dtype)} example[{P}_INPUT_SIZE];    channel by channel, row by row",
            f"    int answer = {prefix}_classify(example);    the greatest code's place, the first of equals",
            "",
            "The static arrays serve one call at a time. Where the input is not in memory, define",
            f"{P}_READ_INPUT(input, k) when the source is compiled: what gives code k of the example.",
        ),
        f"#ifndef {P}_H",
        f"#define {P}_H",
        "",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f"#define {P}_INPUT_SIZE {inputs}",
        f"#define {P}_OUTPUT_SIZE {outputs}",
        "",
        f"typedef {ctype(x.dtype)} {prefix}_input_t;",
        f"typedef {'int32_t' if plan.ends_in_class else ctype(y.dtype)} {prefix}_output_t;",
        "",
        f"void {prefix}_run(const {prefix}_input_t *input, {prefix}_output_t *output);",
        f"int {prefix}_classify(const {prefix}_input_t *input);",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


def size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


FLASH = """\
#ifdef __AVR__
#include <avr/pgmspace.h> /* tables stay in flash, which is no part of the memory that pointers reach */
#define FLASH PROGMEM
#define FLASH_8(p) pgm_read_byte(p)
#define FLASH_16(p) pgm_read_word(p)
#define FLASH_32(p) pgm_read_dword(p)
#else
#define FLASH
#define FLASH_8(p) (*(p))
#define FLASH_16(p) (*(p))
#define FLASH_32(p) (*(p))
#endif
"""


def body_of(draft: Draft, prefix: str, name: str, most: int) -> str:
    plan, P = draft.plan, prefix.upper()
    functions = "\n".join(draft.lines)
    functions = "\n".join(filter(None, (called(functions), functions)))
    if most > SHORT:
        functions = re.sub(r"\bint\b", "int32_t", functions)  # an int may have 16 bits
    memory = "\n".join(memory_of(plan, prefix))
    reads = f"#ifndef {P}_READ_INPUT\n#define {P}_READ_INPUT(input, k) ((input)[k])\n#endif\n"
    parts = [
        "\n".join(
            comment(
                f"{name}.c - see {name}.h",
                "",
                "Real numbers stand as codes, real = scale (code - zero), and a layer is",
                "",
                "    code = zero + acc m0 / 2^n, rounded and clamped",
                "    acc = sum of w (x - zero of x), plus bias",
                "",
                "[Jacob et al. 2018, Quantization and Training of Neural Networks for Efficient"
                " Integer-Arithmetic-Only Inference, eq. 1 and 4-7]. A loop `for (; a_rows < end; a_rows++)`"
                " asks a layer for the rows that are needed next; row h is kept at h % rows.",
            )
        ),
        f'#include "{name}.h"\n',
        FLASH if "FLASH" in functions else "",
        reads if f"{P}_READ_INPUT" in functions or plan.home(len(plan.names) - 1) < 0 else "",
        memory + "\n",
        functions,
        "\n".join(entry(draft, prefix, most)),
    ]
    return "\n".join(part for part in parts if part) + "\n"


def memory_of(plan: Plan, prefix: str) -> Lines:
    """The static arrays."""
    lines = [f"static const {prefix}_input_t *image;", f"static {prefix}_output_t *answer;"]
    for number, union in enumerate(plan.unions):
        fields = [f"{ctype(b.dtype)} {b.name}[{b.size}]; /* {b.what} */" for b in union]
        if len(union) == 1:
            lines.append(f"static {fields[0]}")
        else:
            lines += ["static union { /* never needed at the same time */"]
            lines += [f"    {line}" for line in fields] + [f"}} shared{number};"]
    for name, (dtype, length) in plan.lines.items():
        lines.append(f"static {ctype(dtype)} {name}[{length}]; /* of a row of a channel */")
    kind = "int16_t" if plan.counter == 2 else "int32_t"
    lines += [f"static {kind} {plan.names[k]}_rows; /* how many are done */" for k in sorted(plan.streamed)]
    return lines


def entry(draft: Draft, prefix: str, most: int) -> Lines:
    """PREFIX_run and PREFIX_classify."""
    plan = draft.plan
    kind = "int" if most <= SHORT else "int32_t"
    lines = [f"    {plan.names[k]}_rows = 0;" for k in sorted(plan.streamed)]
    for i, call in draft.calls.items():
        OH = plan.shape(i)[1]
        if i in plan.streamed:
            continue
        if "oh" in call.split("(")[1]:
            lines += [f"    for ({kind} oh = 0; oh < {OH}; oh++)", f"        {call};"]
        else:
            lines.append(f"    {call};")
    if plan.result is None:
        count = prod(plan.program.shapes[-1])
        read = draft.load(len(plan.names) - 1, "k")
        lines += [f"    for ({kind} k = 0; k < {count}; k++)", f"        answer[k] = {read};"]
    P = prefix.upper()
    best = [
        f"    static {prefix}_output_t output[{P}_OUTPUT_SIZE];",
        f"    {prefix}_run(input, output);",
    ]
    if plan.ends_in_class:
        best.append("    return (int)output[0];")
    else:
        best += [
            f"    {kind} best = 0;",
            f"    for ({kind} k = 1; k < {P}_OUTPUT_SIZE; k++)",
            "        if (output[k] > output[best])",
            "            best = k;",
            "    return best;",
        ]
    return [
        f"void {prefix}_run(const {prefix}_input_t *input, {prefix}_output_t *output)",
        "{",
        "    image = input;",
        "    answer = output;",
        *lines,
        "}",
        "",
        f"int {prefix}_classify(const {prefix}_input_t *input)",
        "{",
        *best,
        "}",
    ]
