"""Depth: the other operators in C: sums of two outputs, maps of codes, what only moves codes, the class."""

from collections.abc import Callable

import numpy as np

from tinyzip.base.refuse import refuse
from tinyzip.exchange.c.arithmetic import clipped
from tinyzip.exchange.c.draft import Draft, clamped, scales_of
from tinyzip.exchange.c.plan import Step
from tinyzip.exchange.c.text import Lines, block, function, index, let, loops, uses
from tinyzip.exchange.c.windows import conv2d, global_avg_pool, linear, more, pool, title
from tinyzip.integer.layout import Flatten, Pad, Reshape, Transpose
from tinyzip.integer.maps import Multiply, Softmax, Table
from tinyzip.integer.operators import Argmax, AvgPool2d, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Operator
from tinyzip.integer.program import Program
from tinyzip.integer.residuals import ADD_SHIFT, Add, Concat, Product, Recall
from tinyzip.integer.softmax import exponentials


def at_each_place(draft: Draft, step: Step, code: Callable[[str], str], *parts: Lines) -> Lines:
    """A row whose codes are each worked out from those at the same place; `code` of where that is."""
    i, (C, _, W) = step.i, draft.plan.shape(step.i)
    store = draft.store(i, draft.place(i, "f", "oh", "ow"), code("f"))
    pulls = [line for k in step.reads for line in draft.pull(k, 1, 1)]
    return [*pulls, *loops([("f", C)], *parts, loops([("ow", W)], store))]


def table(draft: Draft, step: Step) -> Lines:
    """(TB1), of the codes that come and no others."""
    (k,), operator = step.reads, draft.operator(step.i, Table)
    x, dtype = draft.codes(k), draft.codes(step.i).dtype
    rows = operator.table.reshape(-1, 256)[:, np.arange(x.lo, x.hi + 1) % 256].astype(dtype)
    place = draft.load(k, draft.place(k, "f", "oh", "ow"))
    if x.lo:
        place = f"({place} {'-' if x.lo > 0 else '+'} {abs(x.lo)})"
    if len(rows) > 1:
        place = f"f * {rows.shape[1]} + {place}"
    read = draft.table(f"{draft.name(step.i)}_table", rows, place)
    return at_each_place(draft, step, lambda f: read)


def multiply(draft: Draft, step: Step) -> Lines:
    """(TB2)"""
    (k,), operator = step.reads, draft.operator(step.i, Multiply)
    w = draft.by_channel(f"{draft.name(step.i)}_w", operator.w)
    scales = scales_of(draft, step.i, operator, operator.y)
    x = draft.centred(k, draft.place(k, "f", "oh", "ow"))
    return at_each_place(draft, step, lambda f: scales.code(f"(int32_t)({w}) * {x}"), scales.declared())


def add(draft: Draft, step: Step) -> Lines:
    """(AD1) and (AD2)"""
    operator = draft.operator(step.i, Add)
    m0, n = operator.m0.tolist(), [clipped(v) for v in operator.n.tolist()]
    x = [draft.centred(k, draft.place(k, "f", "oh", "ow")) for k in step.reads]
    if operator.rounding == "double":
        terms = [f"rescale_double((int32_t){v} * {2**ADD_SHIFT}, {m0[j]}, {n[j]})" for j, v in enumerate(x)]
        total = f"rescale_double({terms[0]} + {terms[1]}, {m0[2]}, {n[2]})"
    else:
        terms = [f"{m0[j]} * (int32_t){v}" for j, v in enumerate(x)]
        total = f"(int32_t)floor_shift({terms[0]} + {terms[1]} + {2 ** (n[0] - 1)}, {n[0]})"
    return at_each_place(draft, step, lambda f: clamped(total, operator.y))


def product(draft: Draft, step: Step) -> Lines:
    """(PD1)"""
    operator = draft.operator(step.i, Product)
    scales = scales_of(draft, step.i, operator, operator.y)
    x, o = (draft.centred(k, draft.place(k, "f", "oh", "ow")) for k in step.reads)
    return at_each_place(draft, step, lambda f: scales.code(f"(int32_t){x} * {o}"), scales.declared())


def softmax(draft: Draft, step: Step) -> Lines:
    """(SM1) to (SM4): the exponentials as a table, the reciprocal of their sum at each place."""
    i, (k,), operator = step.i, step.reads, draft.operator(step.i, Softmax)
    x, (C, _, W) = draft.codes(k), draft.plan.shape(k)
    kept = exponentials(operator)[255 - (x.hi - x.lo) :].astype(np.int32)
    here = draft.load(k, draft.place(k, "c", "oh", "ow"))
    first = draft.load(k, draft.place(k, "0", "oh", "ow"))
    e = draft.table(f"{draft.name(i)}_table", kept, f"({here} - most + {x.hi - x.lo})")
    store = draft.store(i, draft.place(i, "c", "oh", "ow"), "((p > 255 ? 255 : p) - 128)")
    return [
        *draft.pull(k, 1, 1),
        *loops(
            [("ow", W)],
            [f"int most = {first}, bits;", "int32_t sum = 0;"],
            loops([("c", C)], block(f"if ({here} > most)", [f"most = {here};"])),
            loops([("c", C)], [f"const int32_t e = {e};", "sum += (e >> 12) + (e >> 11 & 1);"]),
            ["const int32_t r = reciprocal(sum, &bits);"],
            loops(
                [("c", C)],
                [f"const int64_t part = high({e}, r), half = (int64_t)1 << (22 + bits);"],
                ["const int32_t p = (int32_t)floor_shift(part + half, 23 + bits);"],
                store,
            ),
        ),
    ]


def concat(draft: Draft, step: Step) -> Lines:
    i, (C, _, W) = step.i, draft.plan.shape(step.i)
    lines, before = [line for k in step.reads for line in draft.pull(k, 1, 1)], 0
    for k in step.reads:
        own = draft.plan.shape(k)[0]
        c = ("c" if own > 1 else "0") if before == 0 else f"c + {before}" if own > 1 else str(before)
        place = draft.place(i, f"({c})" if " " in c and W > 1 else c, "oh", "ow")
        copied = draft.store(i, place, draft.load(k, draft.place(k, "c", "oh", "ow")))
        lines += loops([("c", own), ("ow", W)], copied)
        before += own
    assert before == C
    return lines


def pad(draft: Draft, step: Step) -> Lines:
    i, (k,), operator = step.i, step.reads, draft.operator(step.i, Pad)
    (_, H, W), (C, OH, OW) = draft.plan.shape(k), draft.plan.shape(i)
    (top, _), (left, _) = operator.padding
    x = draft.load(k, draft.place(k, "c", "h", "v"))
    value = f"(h >= 0 && h < {H} && v >= 0 && v < {W} ? {x} : {draft.codes(k).zero})"
    store = draft.store(i, draft.place(i, "c", "oh", "ow"), value)
    h = f"oh - {top}" if OH > 1 else "0"
    v = f"ow - {left}" if OW > 1 else "0"
    inner = let("v", v, store)
    return [*draft.pull(k, 1, 1 - top, count=OH), *let("h", h, loops([("c", C), ("ow", OW)], inner))]


def transpose(draft: Draft, step: Step) -> Lines:
    i, (k,), operator = step.i, step.reads, draft.operator(step.i, Transpose)
    names = ("c", "h", "v")
    c, h, v = (names[operator.axes.index(axis)] for axis in range(3))
    copied = draft.store(i, draft.place(i, *names), draft.load(k, draft.place(k, c, h, v)))
    return loops(list(zip(names, draft.plan.shape(i), strict=True)), copied)


def reordered(draft: Draft, step: Step) -> Lines:
    """Flatten and Reshape of codes taken row by row, place by place, all channels of a place together."""
    i, (k,) = step.i, step.reads
    (C, H, W), to = draft.plan.shape(k), draft.plan.shape(i)
    number = index(("h", H), ("v", W), ("c", C))
    OC, _, OW = to
    place = "j"
    if to[1:] != (1, 1):
        place = index((f"(j % {OC})", OC), (f"j / {OC * OW}", to[1]), (f"j / {OC} % {OW}", OW))
    x = draft.load(k, draft.place(k, "c", "h", "v"))
    return loops([("h", H), ("v", W), ("c", C)], let("j", number, draft.store(i, place, x)))


def argmax(draft: Draft, step: Step) -> Lines:
    (k,) = step.reads
    C = draft.plan.shape(k)[0]
    better = block(f"if ({draft.load(k, 'c')} > {draft.load(k, 'best')})", ["best = c;"])
    return ["int best = 0;", *block(f"for (int c = 1; c < {C}; c++)", better), "answer[0] = best;"]


WRITERS: dict[type[Operator], Callable[[Draft, Step], Lines]] = {
    Conv2d: conv2d, Linear: linear, MaxPool2d: pool, AvgPool2d: pool, GlobalAvgPool: global_avg_pool,
    Add: add, Product: product, Concat: concat, Table: table, Multiply: multiply, Softmax: softmax, Pad: pad,
    Transpose: transpose, Flatten: reordered, Reshape: reordered, Argmax: argmax}  # fmt: skip


def check_known(program: Program) -> None:
    """Refuse an operator that no function here writes."""
    for i, operator in enumerate(program.operators):
        if type(operator) is not Recall and type(operator) not in WRITERS:
            refuse(f"c: operator {i}", operator.kind, f"one of {', '.join(k.__name__ for k in WRITERS)}")


def write(draft: Draft, step: Step) -> None:
    """Add the function of a step to the draft, and how it is called."""
    i = step.i if step.conv is None else step.conv
    draft.lines += title(draft, i, step.reads[0], more(draft, i))
    body = WRITERS[type(draft.plan.program.operators[i])](draft, step)
    ends = "row" if uses(body, "oh") else "all"
    text, call = function(f"void {draft.name(step.i)}_{ends}", ["oh"], body)
    draft.lines += [*text, ""]
    draft.calls[step.i] = call
