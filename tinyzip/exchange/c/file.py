"""Depth: header.h and source.c filled in: what others see, the memory, and in which order functions run."""

import re
from math import prod
from zlib import crc32

import numpy as np

from tinyzip.exchange.c.arithmetic import called
from tinyzip.exchange.c.draft import Draft, ctype
from tinyzip.exchange.c.plan import Plan
from tinyzip.exchange.c.text import Lines, array, text_of, uses
from tinyzip.integer.codes import Codes
from tinyzip.quant.door.classify import codes_of_pixels
from tinyzip.quant.door.twin import grid_of


def header_of(draft: Draft, name: str) -> str:
    program, P = draft.plan.program, draft.prefix.upper()
    x, y = program.input, program.output
    ends_in_class, inputs = draft.plan.ends_in_class, prod(program.shape)
    told = constants(P, "INPUT", x) + ([] if ends_in_class else constants(P, "OUTPUT", y))
    return text_of(
        "header.h",
        **{"NAME": name, "PREFIX": draft.prefix, "UPPER": P, "INPUTS": inputs, "INPUTS_BYTES": f"{inputs:,}"},
        **{"FLASH_BYTES": f"{draft.flash:,}", "RAM_BYTES": f"{draft.plan.ram:,}"},
        PRODUCTS=f"{sum(program.multiplications):,}",
        INPUT_CODES=f"{x.lo} to {x.hi}, {size(program.shape)}; {x.zero}",
        ANSWERS="the class" if ends_in_class else f"codes {y.lo} to {y.hi}, {size(program.shapes[-1])}",
        OUTPUTS=prod(program.shapes[-1]),
        CONSTANTS="\n".join(told),
        INPUT_TYPE=ctype(x.dtype),
        OUTPUT_TYPE="int32_t" if ends_in_class else ctype(y.dtype),
        PIXELS="\n".join(pixels(draft.prefix, x)),
    )


def with_checksum(draft: Draft, name: str, header: str, body: str) -> tuple[str, str, str]:
    """Header and body with a number of both in the one, for which the other asks.

    So a pair of which a power cut has replaced one half does not compile. The third text asks in other files.
    """
    P, number = draft.prefix.upper(), f"0x{crc32((header + body).encode()):08x}"
    said = f"#error {name}.h is of another program: export all files again"
    asked = f"#if {P}_CHECKSUM != {number}\n{said}\n#endif\n"
    first = f"#define {P}_INPUT_SIZE"
    header = header.replace(first, f"#define {P}_CHECKSUM {number}\n{first}")
    include = f'#include "{name}.h"\n'
    return header, body.replace(include, f"{include}\n{asked}"), asked


def size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def body_of(draft: Draft, name: str) -> str:
    plan, P = draft.plan, draft.prefix.upper()
    functions = "\n".join(draft.lines)
    functions = called(functions) + functions
    if draft.whole != "int":
        functions = re.sub(r"\bint\b", draft.whole, functions)  # an int may have 16 bits
    reads = f"#ifndef {P}_READ_INPUT\n#define {P}_READ_INPUT(input, k) ((input)[k])\n#endif\n"
    parts = [
        text_of("flash.h") if "FLASH" in functions else "",
        text_of("apart.h") if "APART" in functions else "",
        text_of("lanes.h") if "LANES" in functions else "",
        reads if f"{P}_READ_INPUT" in functions or plan.home(len(plan.names) - 1) < 0 else "",
        "\n".join(memory_of(plan, draft.prefix)),
    ]
    answers = text_of("answers.c", WHOLE=draft.whole, UPPER=P).split("\n\n")
    words = {"NAME": name, "PREFIX": draft.prefix, "UPPER": P, "FUNCTIONS": functions}
    words |= {"STEPS": "\n".join(steps(draft)), "ANSWER": answers[0 if plan.ends_in_class else 1].rstrip()}
    return text_of("source.c", FLASH_READ_MEMORY="\n".join(part for part in parts if part), **words)


def memory_of(plan: Plan, prefix: str) -> Lines:
    lines = [f"static const {prefix}_input_t *image;", f"static {prefix}_output_t *answer;"]
    for number, union in enumerate(plan.unions):
        fields = [f"{ctype(b.dtype)} {b.name}[{b.size}]; /* {b.what} */" for b in union]
        if len(union) == 1:
            lines.append(f"static {fields[0]}")
        else:
            lines += ["static union { /* never needed at the same time */"]
            lines += [f"    {line}" for line in fields] + [f"}} shared{number};"]
    for name, (dtype, length) in plan.lines.items():
        what = "greatest sums of windows" if name.startswith("most") else "sums of a row of a channel"
        kind = "sums_t" if name.endswith("x2") else ctype(dtype)
        lines.append(f"static {kind} {name}[{length}]; /* {what} */")
    kind = "int16_t" if plan.counter == 2 else "int32_t"
    lines += [f"static {kind} {plan.names[k]}_rows; /* how many are done */" for k in sorted(plan.streamed)]
    return lines


def steps(draft: Draft) -> Lines:
    """What PREFIX_run does, step by step."""
    plan, kind = draft.plan, draft.whole
    lines = [f"    {plan.names[k]}_rows = 0;" for k in sorted(plan.streamed)]
    for i, call in draft.calls.items():
        if i not in plan.streamed and uses([call], "oh"):
            lines += [f"    for ({kind} oh = 0; oh < {plan.shape(i)[1]}; oh++)", f"        {call};"]
        elif i not in plan.streamed:
            lines.append(f"    {call};")
    if plan.result is None:
        read = draft.load(len(plan.names) - 1, "k")
        loop = f"    for ({kind} k = 0; k < {prod(plan.program.shapes[-1])}; k++)"
        lines += [loop, f"        answer[k] = {read};"]
    return lines


def has_scale(codes: Codes) -> bool:
    """Whether a float32 holds the scale and its multiples: a program's is a fraction of any size."""
    m, n = codes.scale
    return abs(m.bit_length() - n) < 100


def constants(P: str, side: str, codes: Codes) -> Lines:
    """The zero point and the scale of input or output, and how a code is read, as macros."""
    lines = [f"#define {P}_{side}_ZERO ({codes.zero})"]
    if has_scale(codes):
        lines.append(f"#define {P}_{side}_SCALE {float(grid_of(codes).scale)!r}")
        lines.append(f"#define {P}_{side}_REAL(code) ({P}_{side}_SCALE * ((code) - {P}_{side}_ZERO))")
    return lines


def pixels(p: str, x: Codes) -> Lines:
    """PREFIX_quantize and PREFIX_pixel, which round as `Grid.quantize` does, in double as there."""
    if not has_scale(x):
        return []
    codes, body = codes_of_pixels(grid_of(x), np.arange(256, dtype=np.uint8)), [f"return ({p}_input_t)pixel;"]
    if not np.array_equal(codes, np.arange(256)):
        body = [*array(f"{p}_input_t", "codes", codes, ""), "return codes[pixel];"]
    lines = "\n".join(f"    {line}" for line in body)
    least, most = x.lo - x.zero, x.hi - x.zero
    words = {"PREFIX": p, "UPPER": p.upper(), "LEAST": least, "MOST": most, "BODY": lines}
    return text_of("pixels.h", **words).splitlines()
