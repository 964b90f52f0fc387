"""The file that holds a training run; written by `base.files`, it is whole at every moment.

    offset  bytes   what
    0       8       the magic number b"TZTRAIN\\n"
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
from dataclasses import fields, is_dataclass
from functools import partial
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tinyzip.base.files import PathLike, write_atomically
from tinyzip.base.refuse import refuse

MAGIC = b"TZTRAIN\n"
VERSION = 1
FIXED = struct.Struct("<8sIIQ")
CHECKSUM = 32  # bytes
DTYPES = ("float32", "float64", "int64")


def write(path: PathLike, meta: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put `meta` and `arrays` in the file `path`, atomically.

    meta    anything that JSON can hold; whole numbers of any length and finite floats come back exactly
    arrays  float32, float64 or int64, any shape
    raises  ValueError when `path` is a file that is not a checkpoint, which is left alone; TypeError for
            an array of another dtype; OSError when the disk is full: what was at `path` is still there
    """
    if os.path.exists(path):
        with open(path, "rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                refuse(f"checkpoint {path}", "a file of another kind", "a checkpoint, or no file yet")
    table = []
    for name, array in arrays.items():
        if array.dtype.name not in DTYPES:
            refuse(f"checkpoint: {name}", f"dtype {array.dtype}", " or ".join(DTYPES), TypeError)
        table.append([name, array.dtype.name, list(array.shape)])
    header = json.dumps({"meta": meta, "arrays": table}, allow_nan=False).encode()
    size = FIXED.size + len(header) + sum(array.nbytes for array in arrays.values()) + CHECKSUM
    parts: list[bytes | memoryview] = [FIXED.pack(MAGIC, VERSION, len(header), size), header]
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


def read(path: PathLike) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """The `meta` and `arrays` that `write` has put in the file `path`; the arrays belong to the caller.

    raises  ValueError, with what was found and what was needed, when the file is of another kind or
            version, too short or too long, or changed in any bit; OSError when it cannot be read
    """
    data = Path(path).read_bytes()
    label = f"checkpoint {path}"
    if data[: len(MAGIC)] != MAGIC:
        refuse(label, f"a file that begins with {data[: len(MAGIC)]!r}", f"{MAGIC!r}")
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
        return _parse(body[FIXED.size :], length)
    except (KeyError, TypeError, ValueError) as error:
        refuse(label, f"a header that cannot be understood ({error})", "one that `write` has made")


def _parse(body: memoryview, length: int) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    header = json.loads(bytes(body[:length]))
    arrays = {}
    at = length
    for name, dtype, shape in header["arrays"]:
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


def plain(state: Any) -> Any:
    """A bit generator's state with its arrays, if it has any, in a form that JSON can hold."""
    if isinstance(state, Mapping):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, np.ndarray):
        return {"dtype": state.dtype.name, "values": state.tolist()}
    return int(state) if isinstance(state, np.integer) else state


def unplain(state: Any) -> Any:
    """The inverse of `plain`."""
    if not isinstance(state, Mapping):
        return state
    if state.keys() == {"dtype", "values"}:
        return np.array(state["values"], state["dtype"])
    return {key: unplain(value) for key, value in state.items()}


def describe(part: object, values: bool = True) -> str:
    """A name for a part of a recipe that is the same in every process: no addresses.

    values  name the values of arrays too, by a checksum: a teacher's, but not those that are being trained
    """

    def inner(part: object) -> str:
        return describe(part, values)

    if isinstance(part, np.generic):
        part = part.item()
    if isinstance(part, partial):
        return f"partial({inner(part.func)}, {inner(part.args)}, {inner(part.keywords)})"
    if isinstance(part, int | float | str | None):
        return repr(part)
    if isinstance(part, tuple):
        return f"({', '.join(map(inner, part))})"
    if isinstance(part, np.ndarray) and values:
        return f"{part.dtype} {part.shape}, CRC-32 {crc32(np.ascontiguousarray(part).data):08x}"
    if isinstance(part, Mapping):
        return "{" + ", ".join(f"{key}: {inner(value)}" for key, value in part.items()) + "}"
    if is_dataclass(part) and not isinstance(part, type):
        named = (f"{field.name}={inner(getattr(part, field.name))}" for field in fields(part))
        return f"{type(part).__qualname__}({', '.join(named)})"
    return str(getattr(part, "__qualname__", type(part).__qualname__))
