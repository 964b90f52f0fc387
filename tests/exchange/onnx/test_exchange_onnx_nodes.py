"""ONNX's own tests of single nodes: each is read and answers as it should, or is refused in one line."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from tinyzip.exchange import onnx as door

READ = 40  # at least; the others ask for other operators, shapes or types
REFUSED = re.compile(r"\S+\.onnx[^\n]*: found [^\n]+, needed [^\n]+")


@pytest.mark.long
@pytest.mark.needs("onnx")
def test_what_is_read_answers_as_onnx_asks_and_all_else_is_refused_by_name(tmp_path: Path) -> None:
    """What comes in besides the first input becomes a constant of the file, as weights are."""
    from onnx import ModelProto, numpy_helper
    from onnx.backend.test import loader

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of theirs
        cases = loader.load_model_tests(kind="node")
    path, read, refused, unclear = tmp_path / "node.onnx", [], 0, []
    for case in cases:
        (given, wanted), graph = case.data_sets[0], case.model.graph
        if not given or not isinstance(given[0], np.ndarray):
            continue
        model = ModelProto()
        model.CopyFrom(case.model)
        constants = {i.name: x for i, x in zip(graph.input, given, strict=False) if isinstance(x, np.ndarray)}
        del constants[graph.input[0].name]
        kept = [i for i in model.graph.input if i.name not in constants]
        del model.graph.input[:]
        model.graph.input.extend(kept)
        model.graph.initializer.extend(numpy_helper.from_array(x, name) for name, x in constants.items())
        path.write_bytes(model.SerializeToString())
        try:
            net = door.read(path)
        except ValueError as error:
            refused += 1
            if not REFUSED.fullmatch(str(error)):
                unclear.append(f"{case.name}: {error}")
            continue
        x = given[0].astype(np.float32)
        x = x.transpose(0, 3, 1, 2) if x.ndim == 4 and x.shape[1:] != net.shape else x
        z = net.forward(np.ascontiguousarray(np.moveaxis(x, 0, -1)))[0]
        y = np.moveaxis(z, -1, 0).reshape(wanted[0].shape)
        # Some of their answers are written with four digits.
        np.testing.assert_allclose(y, wanted[0], rtol=1e-3, atol=1e-6, err_msg=case.name)
        read.append(case.name)
    assert unclear == []
    assert len(read) >= READ and refused > 1000
