"""Records what LiteRT makes of the models: `python record_tflite.py` writes tests/data/tflite/recorded.json.

Needs tinyzip, tflite and ai-edge-litert. `tflite_models.py` says what is recorded.
"""

import json
from zlib import crc32

from litert import tensors
from tflite_models import FILES, MODELS, RECORDED, inputs
from tie_models import tie_models

from tinyzip.exchange.tflite.file import graph_of


def main() -> None:
    lines = []
    for name, make in MODELS.items():
        model = make()
        graph = graph_of(model, name)
        x = inputs(name, *graph.tensors[graph.inputs[0]].shape[1:])
        written = [t for node in graph.nodes for t in node.outputs]
        images = [t for t in written if len(graph.tensors[t].shape) > 1]  # and not how a shape is made
        wanted = {"reference": images, "xnnpack": graph.outputs}
        checksums = {
            kernels: {t: crc32(y.tobytes()) for t, y in tensors(model, x, written, kernels).items()}
            for kernels, written in wanted.items()
        }
        lines.append(f"{json.dumps(name)}: {json.dumps(checksums)}")
    for name, make in FILES.items():
        ties = {
            f"{node} {kernels}": crc32(y.tobytes())
            for node, model, x in tie_models(graph_of(make(), name), name)
            for kernels in ("reference", "xnnpack")
            for y in tensors(model, x, graph_of(model, name).outputs, kernels).values()
        }
        lines.append(f"{json.dumps(name + ' ties')}: {json.dumps(ties)}")
    RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
