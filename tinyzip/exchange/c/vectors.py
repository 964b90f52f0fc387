"""Depth: test vectors as C: compiled together, the files say whether a machine computes what it should."""

import numpy as np

from tinyzip.exchange.c.draft import Draft, ctype
from tinyzip.exchange.c.text import array, comment, text_of
from tinyzip.integer.codes import Array
from tinyzip.integer.fast.run import run
from tinyzip.integer.program import Program


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
