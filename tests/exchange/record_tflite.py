"""Records what LiteRT makes of tests/data/tflite: `python record_tflite.py` writes checksums.json there.

Needs tinyzip, tflite and ai-edge-litert. For each file and each of the inputs that the tests try, the CRC-32
of every tensor that an operator of the reference kernels writes, in the file's layout, examples first, and of
the default kernels' output.
"""

import json
from zlib import crc32

from litert import tensors
from tflite_inputs import FILES, FOLDER, inputs

from tinyzip.exchange.tflite_file import read_graph


def main() -> None:
    found = {}
    for path in FILES:
        graph = read_graph(path)
        written = [t for node in graph.nodes for t in node.outputs]
        x = inputs(path.stem, *graph.tensors[graph.inputs[0]].shape[1:])
        ours = {"reference": written, "xnnpack": graph.outputs}
        found[path.stem] = {
            kernels: {
                t: crc32(y.tobytes()) for t, y in tensors(path.read_bytes(), x, wanted, kernels).items()
            }
            for kernels, wanted in ours.items()
        }
    (FOLDER / "checksums.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
