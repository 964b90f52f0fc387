"""Int8 models that others made, tensor by tensor against LiteRT.

`tests/data/tflite/checksums.json` holds the checksums of what LiteRT wrote (`record_tflite.py` here), so that
the reader can be held to it without the runtime.
"""

import json
from pathlib import Path
from zlib import crc32

import numpy as np
import pytest
from tflite_inputs import FILES, FOLDER, batch_last, inputs

from tinyzip.exchange import tflite
from tinyzip.exchange.tflite_file import read_graph
from tinyzip.exchange.tflite_operators import translate
from tinyzip.integer import run

CHECKSUMS = json.loads((FOLDER / "checksums.json").read_text())


def by_name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_every_tensor_is_that_of_the_reference_kernels(path: Path) -> None:
    graph = read_graph(path)
    program, places = translate(graph, "reference")
    x = inputs(path.stem, *graph.tensors[graph.inputs[0]].shape[1:])
    outputs = run(program, batch_last(x), trace=True)
    for t, checksum in CHECKSUMS[path.stem]["reference"].items():
        shape = (len(x), *graph.tensors[int(t)].shape[1:])
        found = outputs[places[int(t)]]
        turned = found.transpose(3, 1, 2, 0) if found.ndim == 4 else found.T
        assert crc32(np.ascontiguousarray(turned.reshape(shape)).tobytes()) == checksum, f"tensor {t}"
    assert set(CHECKSUMS[path.stem]["reference"]) == {str(t) for t in places if places[t] >= 0}


@pytest.mark.parametrize("path", FILES, ids=by_name)
def test_a_file_is_read_by_one_call(path: Path) -> None:
    assert tflite.read(path) == translate(read_graph(path), "reference")[0]
