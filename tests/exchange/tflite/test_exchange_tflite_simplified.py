"""Other people's models, simplified: still no code differs from LiteRT's."""

from zlib import crc32

import pytest
from tflite_models import FILES, FOLDER, MODELS, batch_last, examples_first, inputs, recorded

from tinyzip import archive
from tinyzip.exchange import tflite
from tinyzip.exchange.tflite import KERNELS
from tinyzip.exchange.tflite.file import graph_of
from tinyzip.exchange.tflite.operators import translate
from tinyzip.integer import run, simplify

RECORDED = recorded()


@pytest.mark.parametrize("kernels", KERNELS)
@pytest.mark.parametrize("name", MODELS)
def test_a_simplified_model_writes_the_codes_of_either_kernels(name: str, kernels: str) -> None:
    graph = graph_of(MODELS[name](), name)
    smaller = simplify(translate(graph, KERNELS[kernels]()).program())
    (end,) = graph.outputs
    y = run(smaller, batch_last(inputs(name, *graph.tensors[graph.inputs[0]].shape[1:])), "blas")
    found = crc32(examples_first(y, graph.tensors[end].shape).tobytes())
    assert str(end) not in RECORDED[name][kernels] or found == RECORDED[name][kernels][str(end)]
    assert name not in FILES or str(end) in RECORDED[name][kernels]


@pytest.mark.parametrize("kernels", ["reference", "xnnpack"])
def test_half_of_visual_wake_words_is_for_nothing(kernels: tflite.Kernels) -> None:
    path = FOLDER / "vww_96_int8.tflite"
    program = tflite.read(path, kernels)
    smaller = simplify(program)
    assert sum(smaller.multiplications) <= 0.5 * sum(program.multiplications)
    assert path.stat().st_size == 333_288 and len(archive.pack(smaller)) <= 35_000
    assert archive.unpack(archive.pack(smaller)) == smaller
