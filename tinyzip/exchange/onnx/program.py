"""Depth: an integer program as an ONNX graph, in one of two forms: exact, or fast.

One walk for both. Operators that move codes are the same in either form; those that compute are integer
operators in the one, `exact`, and float operators between quantizers in the other, `qdq`.
"""

from typing import Any

import numpy as np

from tinyzip.base.files import PathLike
from tinyzip.base.refuse import flag, refuse
from tinyzip.exchange.onnx import exact as integers_only
from tinyzip.exchange.onnx import qdq
from tinyzip.exchange.onnx.codes import Job, entry, leave, move
from tinyzip.exchange.onnx.graph import Draft
from tinyzip.integer import Argmax, Codes, Program
from tinyzip.integer.program import check_program, place

SUMMARY = {
    True: "An integer program of tinyzip: the same codes as its engine's, integer operators only",
    False: "An integer program of tinyzip between quantizers: float arithmetic, near the codes of its engine",
}


def program_graph(program: Program, target: PathLike, exact: bool) -> tuple[Draft, Any]:
    """The graph of `program`, and the model with its input `codes` and its output `output`."""
    check_program(program, "write_program: program")
    flag(exact, "write_program: exact")
    graph = Draft(target)
    tensors = add_operators(graph, program, exact)
    last = tensors[-1]
    classes = isinstance(program.operators[-1], Argmax)
    if not classes:
        graph.scope = "output"
        last = leave(graph, last, program.output)
    graph.nodes.append(graph.onnx.helper.make_node("Identity", [last], ["output"], name="output"))
    dtype, shape = (np.int64, ()) if classes else (program.output.dtype, program.shapes[-1])
    best = "the class of the greatest code, the first among equals"
    meaning = best if classes else described(program.output)
    start = graph.value("codes", program.input.dtype, program.shape, described(program.input))
    end = graph.value("output", dtype, shape, meaning)
    return graph, graph.model("program", start, [end], SUMMARY[exact])


def add_operators(graph: Draft, program: Program, exact: bool) -> list[str]:
    """Add all operators; returns the tensors of bytes of the program's input and of each output."""
    graph.scope = "input"
    tensors = [entry(graph, program.input)]
    for i, operator in enumerate(program.operators):
        graph.scope = f"{i}.{operator.name or operator.kind}"
        job = Job.of(graph, program, i, tensors)
        written = move(job)
        if written is None:
            written = integers_only.compute(job) if exact else qdq.compute(job)
        if written is None:
            needed = "an operator that can be written as ONNX's"
            refuse(f"write_program: {place(i, operator)}", operator.kind, needed)
        tensors.append(written)
    return tensors


def described(codes: Codes) -> str:
    """What a code means, for people."""
    m, n = codes.scale
    return f"real = {m}·2^{-n} · (code − {codes.zero}); codes from {codes.lo} to {codes.hi}"
