"""Depth: the two files around the functions: what others see of them, the memory, and in which order they
run.
"""

import re
from math import prod
from zlib import crc32

from tinyzip.exchange.c.arithmetic import called
from tinyzip.exchange.c.draft import Draft, ctype
from tinyzip.exchange.c.numbers import constants, functions
from tinyzip.exchange.c.plan import Plan
from tinyzip.exchange.c.text import Lines, comment, text_of, uses


def header_of(draft: Draft, name: str) -> str:
    plan, program, prefix, P = draft.plan, draft.plan.program, draft.prefix, draft.prefix.upper()
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
            f"A real number is scale (code - zero), {P}_INPUT_REAL(code). {prefix}_pixel gives the code of a"
            f" byte, {prefix}_quantize that of a real number.",
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
        *constants(P, "INPUT", x),
        *([] if plan.ends_in_class else constants(P, "OUTPUT", y)),
        "",
        f"typedef {ctype(x.dtype)} {prefix}_input_t;",
        f"typedef {'int32_t' if plan.ends_in_class else ctype(y.dtype)} {prefix}_output_t;",
        "",
        f"void {prefix}_run(const {prefix}_input_t *input, {prefix}_output_t *output);",
        f"int {prefix}_classify(const {prefix}_input_t *input);",
        "",
        *functions(prefix, x),
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
    ]
    return "\n".join(lines) + "\n"


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
    memory = "\n".join(memory_of(plan, draft.prefix))
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
        text_of("flash.h") if "FLASH" in functions else "",
        reads if f"{P}_READ_INPUT" in functions or plan.home(len(plan.names) - 1) < 0 else "",
        memory + "\n",
        functions,
        "\n".join(entry(draft)),
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
        what = "greatest sums of windows" if name.startswith("most") else "sums of a row of a channel"
        lines.append(f"static {ctype(dtype)} {name}[{length}]; /* {what} */")
    kind = "int16_t" if plan.counter == 2 else "int32_t"
    lines += [f"static {kind} {plan.names[k]}_rows; /* how many are done */" for k in sorted(plan.streamed)]
    return lines


def entry(draft: Draft) -> Lines:
    """PREFIX_run and PREFIX_classify."""
    plan, prefix, kind = draft.plan, draft.prefix, draft.whole
    lines = [f"    {plan.names[k]}_rows = 0;" for k in sorted(plan.streamed)]
    for i, call in draft.calls.items():
        OH = plan.shape(i)[1]
        if i in plan.streamed:
            continue
        if uses([call], "oh"):
            lines += [f"    for ({kind} oh = 0; oh < {OH}; oh++)", f"        {call};"]
        else:
            lines.append(f"    {call};")
    if plan.result is None:
        count = prod(plan.program.shapes[-1])
        read = draft.load(len(plan.names) - 1, "k")
        lines += [f"    for ({kind} k = 0; k < {count}; k++)", f"        answer[k] = {read};"]
    P = prefix.upper()
    best = [f"    static {prefix}_output_t output[{P}_OUTPUT_SIZE];", f"    {prefix}_run(input, output);"]
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
