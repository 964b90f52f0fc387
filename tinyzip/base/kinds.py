"""What kind of file it is, from its first bytes.

Every format begins with bytes that no other begins with, so a file that was taken for another can be refused
by saying what it is.
"""

CHECKPOINT = b"TZTRAIN\n"
MODEL = b"TZMODEL\n"
PROGRAM = b"\x89tz\x1a"

KINDS = {
    CHECKPOINT: "a checkpoint of a training run",
    MODEL: "a saved network or its grids",
    PROGRAM: "an integer program (.tz)",
    b"PK\x03\x04": "a zip archive (.npz, .pt, …)",
    b"\x93NUMPY": "a NumPy array (.npy)",
    b"\x1f\x8b": "a gzipped file",
    b"\x89PNG": "a PNG picture",
    b"\x89HDF": "an HDF5 file (.h5)",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
    b"\x00\x00\x08": "an IDX file, images or labels",
}


def kind_of(start: bytes) -> str:
    """The kind of a file that begins with these bytes; the first 64 are enough."""
    if start[4:8] == b"TFL3":
        return "a TensorFlow Lite model (.tflite)"
    for magic, kind in KINDS.items():
        if start.startswith(magic):
            return kind
    return f"a file that begins with {start[:8]!r}" if start else "an empty file"
