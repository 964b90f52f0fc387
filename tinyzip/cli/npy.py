"""Depth: arrays from .npy files and back: what `np.save` writes, believed no further than it has to be.

A file is mapped and not read: so a header that claims more than the file holds is refused before there is
memory for it, and Python objects, which a file can only hold as code to be run, are never loaded.
"""

from io import BytesIO
from tokenize import TokenError

import numpy as np

from tinyzip.base.files import write_atomically
from tinyzip.base.kinds import ARRAY, START, kind_of
from tinyzip.base.refuse import refuse
from tinyzip.integer.codes import Array

NEEDED = "a NumPy array (.npy), as np.save(path, array) writes it"


def read_npy(path: str) -> Array:
    """The array in a file, still on the disk: read-only, for 1 MB and 4 times the file at most.

    raises  ValueError, naming the file, for another kind of file, a damaged one, one of Python objects, and
            an array without any number; OSError where it cannot be read
    """
    with open(path, "rb") as file:
        start = file.read(START)
    if not start.startswith(ARRAY):
        refuse(path, kind_of(start), NEEDED)
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, OverflowError, TypeError, TokenError) as error:
        refuse(path, f"what cannot be read ({' '.join(str(error).split())})", NEEDED)
    if array.dtype.kind not in "fiu":
        refuse(path, f"dtype {array.dtype}", "whole or real numbers")
    return np.asarray(array)


def write_npy(path: str, array: Array) -> None:
    """Put an array in a .npy file, whole or not at all."""
    content = BytesIO()
    np.save(content, np.ascontiguousarray(array), allow_pickle=False)
    write_atomically(path, [content.getvalue()])
