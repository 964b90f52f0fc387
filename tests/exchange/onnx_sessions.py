"""Files that the exporter wrote, run by onnxruntime; and the drawn networks and programs of other folders."""

import sys
from pathlib import Path

import numpy as np

for folder in ("archive", "integer", "quant"):
    sys.path.append(str(Path(__file__).parent.parent / folder))


def session(model):
    """onnxruntime's session of a file, or of a model's bytes, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def batch_first(x):
    """(…, N) to (N, …), as ONNX has it."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 0))


def batch_last(x):
    """(N, …) to (…, N), as this library has it."""
    return np.ascontiguousarray(np.moveaxis(x, 0, -1))
