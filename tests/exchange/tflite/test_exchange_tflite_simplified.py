"""Other people's models, simplified: still no code differs from LiteRT's."""

from functools import cache
from zlib import crc32

import pytest
from tflite_models import FILES, FOLDER, MODELS, batch_last, examples_first, inputs, recorded

from tinyzip import archive
from tinyzip.exchange.tflite import KERNELS
from tinyzip.exchange.tflite.file import graph_of
from tinyzip.exchange.tflite.operators import translate
from tinyzip.integer import Program, run, simplify

RECORDED = recorded()


@cache
def both(name: str, kernels: str) -> tuple[Program, Program]:
    """The program of a model, and the same simplified."""
    program = translate(graph_of(MODELS[name](), name), KERNELS[kernels]()).program()
    return program, simplify(program)


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", MODELS)
def test_a_simplified_model_writes_the_codes_of_either_kernels(name: str, kernels: str) -> None:
    graph = graph_of(MODELS[name](), name)
    _, smaller = both(name, kernels)
    (end,) = graph.outputs
    y = run(smaller, batch_last(inputs(name, *graph.tensors[graph.inputs[0]].shape[1:])), "blas")
    found = crc32(examples_first(y, graph.tensors[end].shape).tobytes())
    assert str(end) not in RECORDED[name][kernels] or found == RECORDED[name][kernels][str(end)]
    assert name not in FILES or str(end) in RECORDED[name][kernels]


@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
def test_half_of_visual_wake_words_is_for_nothing(kernels: str) -> None:
    program, smaller = both("vww_96_int8", kernels)
    assert sum(smaller.multiplications) <= 0.5 * sum(program.multiplications)
    data = archive.pack(smaller)
    assert (FOLDER / "vww_96_int8.tflite").stat().st_size == 333_288 and len(data) <= 35_000
    assert archive.unpack(data) == smaller
