"""Depth: what a checkpoint says about a training run beside its arrays, in words that JSON can hold.

The file itself is one of `base.arrays`. Two things need care. The state of a bit generator may hold arrays
and whole numbers longer than 64 bits. And a run may only be resumed by the recipe that began it, so each part
of a recipe, functions and teachers among them, is described in words that are the same in every process.
"""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from typing import Any
from zlib import crc32

import numpy as np

from tinyzip.base import arrays as files
from tinyzip.base.files import PathLike
from tinyzip.base.kinds import CHECKPOINT
from tinyzip.nn.ops.checks import Array


def write(path: PathLike, meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Put `meta` and `arrays` in the checkpoint `path`; raises as `base.arrays.write`."""
    files.write(path, CHECKPOINT, meta, arrays)


def read(path: PathLike) -> tuple[dict[str, Any], dict[str, Array]]:
    """The `meta` and `arrays` of the checkpoint `path`; raises, and is bounded, as `base.arrays.read`."""
    _, meta, arrays = files.read(path, CHECKPOINT, label=f"checkpoint {path}")
    return meta, arrays


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
        if np.dtype(state["dtype"]).kind not in "iu":  # of strings one alone may take all memory
            raise TypeError(f"a state of {state['dtype']}")
        return np.array(state["values"], state["dtype"])
    return {key: unplain(value) for key, value in state.items()}


def seed_of(rng: np.random.Generator) -> str:
    """What a Generator began with, however much was drawn since."""
    seed = getattr(rng.bit_generator, "seed_seq", None)
    return " ".join(map(str, (getattr(seed, "entropy", None), *getattr(seed, "spawn_key", ()))))


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
        own = (field for field in fields(part) if field.compare or not field.init)  # no layout, which follows
        named = (f"{field.name}={inner(getattr(part, field.name))}" for field in own)
        return f"{type(part).__qualname__}({', '.join(named)})"
    return str(getattr(part, "__qualname__", type(part).__qualname__))
