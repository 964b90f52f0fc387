"""What kind of file it is, from its first bytes.

Every format begins with bytes that no other begins with, so a file that was taken for another can be refused
by saying what it is. Texts are told apart by their first lines.
"""

import re

CHECKPOINT = b"TZTRAIN\n"
MODEL = b"TZMODEL\n"
PROGRAM = b"\x89tz\x1a"
ARRAY = b"\x93NUMPY"

KINDS = {
    CHECKPOINT: "a checkpoint of a training run",
    MODEL: "a saved network or its grids",
    PROGRAM: "an integer program (.tz)",
    b"PK\x03\x04": "a zip archive (.npz, .pt, …)",
    ARRAY: "a NumPy array (.npy)",
    b"\x1f\x8b": "a gzipped file (.gz)",
    b"\x89PNG": "a PNG picture (.png)",
    b"GIF8": "a GIF picture (.gif)",
    b"\x89HDF": "an HDF5 file (.h5)",
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a pickle"),
    b"\x00\x00\x08": "an IDX file, images or labels",
    b"<!doctype html": "a page (.html)",
    b"%PDF": "a PDF file (.pdf)",
    b"<?xml": "an SVG picture (.svg)",
}
ONNX, TFLITE = "an ONNX model (.onnx)", "a TensorFlow Lite model (.tflite)"
ENDINGS = {ending: kind for kind in {*KINDS.values(), ONNX, TFLITE} for ending in re.findall(r"\.\w+", kind)}
ENDINGS |= dict.fromkeys((".txt", ".csv", ".json", ".md", ".py", ".c", ".h"), "a text")
START = 64  # bytes that are enough to tell


def kind_of(start: bytes) -> str:
    """The kind of a file that begins with these bytes, `START` of them."""
    start = start[:START]
    if start[4:8] == b"TFL3":
        return TFLITE
    if start[:1] == b"\x08" and start[2:3] == b"\x12":  # a version, then who wrote it, as Protocol Buffers
        return ONNX
    for magic, kind in KINDS.items():
        if start.startswith(magic):
            return kind
    if not start:
        return "an empty file"
    text = start.decode(errors="replace")  # the last sign may be cut
    if any(byte < 32 and byte not in b"\t\r\n" for byte in start) or "\ufffd" in text[:-1]:
        return f"a file that begins with {start[:8]!r}"
    return f"a text that begins with {text.splitlines()[0]!r}"
