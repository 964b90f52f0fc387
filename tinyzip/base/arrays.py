"""Depth: one file for arrays by name and whatever JSON can say about them, written whole by `base.files`.

    offset  bytes   what
    0       8       the magic number, which says what kind of file it is
    8       4       version, 1
    12      4       length J of the header
    16      8       length of the whole file
    24      J       header, UTF-8 JSON: {"meta": …, "arrays": [[name, dtype, shape], …]}
    24 + J  …       the arrays' bytes, in the header's order, C-contiguous, nothing between them
    end−32  32      SHA-256 of everything before

Numbers are little-endian. Nothing in the file is executed when it is read, as a pickle would be, and no
array is made before the checksum has been seen to be right.
"""

import json
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.files import PathLike, check_path, write_atomically
from tinyzip.base.kinds import kind_of
from tinyzip.base.refuse import refuse

VERSION = 1
FIXED = struct.Struct("<8sIIQ")
CHECKSUM = 32  # bytes
DTYPES = ("float32", "float64", "int64")


def write(path: PathLike, magic: bytes, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put `meta` and `arrays` in the file `path`, atomically.

    magic   8 bytes, one of `base.kinds`
    meta    anything that JSON can hold; whole numbers of any length and finite floats come back exactly
    arrays  float32, float64 or int64, any shape
    raises  TypeError for an array of another dtype; what `base.files` raises, such as ValueError where a file
            of another kind is at `path`: what was there is still there
    """
    what = kind_of(magic)
    table = []
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            refuse(f"{what}: {name}", f"dtype {array.dtype}", " or ".join(DTYPES), TypeError)
        table.append([name, array.dtype.name, list(array.shape)])
    header = json.dumps({"meta": meta, "arrays": table}, allow_nan=False).encode()
    size = FIXED.size + len(header) + sum(array.nbytes for array in arrays.values()) + CHECKSUM
    parts: list[bytes | memoryview] = [FIXED.pack(magic, VERSION, len(header), size), header]
    for array in arrays.values():
        little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        parts.append(little.reshape(-1).view(np.uint8).data)
    write_atomically(path, _with_checksum(parts))


def _with_checksum(parts: Iterable[bytes | memoryview]) -> Iterator[bytes | memoryview]:
    checksum = sha256()
    for part in parts:
        checksum.update(part)
        yield part
    yield checksum.digest()


def read(
    path: PathLike, *magics: bytes, label: str | None = None
) -> tuple[bytes, dict[str, Any], dict[str, NDArray[Any]]]:
    """The magic, `meta` and `arrays` that `write` has put in the file; the arrays belong to the caller.

    magics  those of the kinds that are wanted
    label   what to call the file in an error; its path when None
    raises  ValueError, with what was found and what was needed, when the file is of another kind or
            version, too short or too long, or changed in any bit; OSError when it cannot be read. The
            memory is at most 4 MB and 64 times the file, whatever that states
    """
    check_path(path)
    label = os.fspath(path) if label is None else label
    with Path(path).open("rb") as file:
        magic = file.read(len(magics[0]))
        data = magic + (file.read() if magic in magics else file.read(64))
    if magic not in magics:
        refuse(label, kind_of(data), " or ".join(map(kind_of, magics)))
    if len(data) < FIXED.size + CHECKSUM:
        refuse(label, f"{len(data)} bytes", f"at least {FIXED.size + CHECKSUM}")
    _, version, length, size = FIXED.unpack_from(data)
    if version != VERSION:
        refuse(label, f"version {version}", f"version {VERSION}")
    if len(data) != size:
        refuse(label, f"{len(data)} bytes", f"{size} bytes")
    body = memoryview(data)[:-CHECKSUM]
    if sha256(body).digest() != data[-CHECKSUM:]:
        refuse(label, "bytes that do not fit the checksum", "the bytes that were written")
    try:
        return magic, *_parse(body[FIXED.size :], length)
    except (ArithmeticError, KeyError, RecursionError, TypeError, ValueError) as error:
        refuse(label, f"a header that cannot be understood ({error})", "one that `write` has made")


def _parse(body: memoryview, length: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    header = json.loads(bytes(body[:length]))
    arrays = {}
    at = length
    for name, dtype, shape in header["arrays"]:
        if not isinstance(name, str) or name in arrays:
            raise ValueError(f"{name!r} for another array's name")
        if any(length < 0 for length in shape):
            raise ValueError(f"{name}: shape {shape}")
        if dtype not in DTYPES:
            raise ValueError(f"{name}: dtype {dtype}")
        little = np.dtype(dtype).newbyteorder("<")
        count = prod(shape)
        flat = np.frombuffer(body, little, count, at) if count else np.empty(0, little)
        arrays[name] = flat.reshape(shape).astype(dtype)
        at += count * little.itemsize
    if at != len(body):
        raise ValueError(f"{len(body) - at} bytes too many")
    return header["meta"], arrays
