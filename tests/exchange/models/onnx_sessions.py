"""Files that the exporter wrote, run by onnxruntime and by ONNX's own reference evaluator."""

import numpy as np


def session(model, fused=True):
    """onnxruntime's session of a file, or of a model's bytes, on one thread; node by node if not fused."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    source = model if isinstance(model, bytes) else str(model)
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def evaluator(model):
    """ONNX's reference evaluator: every node by itself, as the standard describes it, in NumPy."""
    from onnx.reference import ReferenceEvaluator

    return ReferenceEvaluator(model)


def batch_first(x):
    """(…, N) to (N, …), as ONNX has it."""
    return np.ascontiguousarray(np.moveaxis(x, -1, 0))


def batch_last(x):
    """(N, …) to (…, N), as this library has it."""
    return np.ascontiguousarray(np.moveaxis(x, 0, -1))


def traced(program, x, exact, runtime=session):
    """What every operator of a program writes for codes x (…, N), from one run of its graph."""
    from tinyzip.exchange.onnx.codes import leave
    from tinyzip.exchange.onnx.graph import Draft
    from tinyzip.exchange.onnx.program import add_operators
    from tinyzip.integer import Argmax

    graph = Draft("traced")
    ends = []
    for i, tensor in enumerate(add_operators(graph, program, exact)[1:]):
        classes = isinstance(program.operators[i], Argmax)
        graph.scope = f"end {i}"
        codes = program.codes[i + 1]
        last = tensor if classes else leave(graph, tensor, codes)
        graph.nodes.append(graph.onnx.helper.make_node("Identity", [last], [f"{i}"]))
        ends.append(graph.value(f"{i}", np.int64 if classes else codes.dtype, program.shapes[i + 1], ""))
    entry = graph.value("codes", program.input.dtype, program.shape, "")
    model = graph.model("traced", entry, ends, "").SerializeToString()
    found = runtime(model).run([end.name for end in ends], {"codes": batch_first(x)})
    return [batch_last(y) for y in found]
