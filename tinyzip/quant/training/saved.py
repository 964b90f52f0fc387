"""Depth: keep a network, a fake-quantized one, or grids in a file, and have them again: one call each.

    save(model, "digits.net")
    model = load("digits.net")        # layers, sizes and arrays: nothing has to be written down again

A checkpoint of a training run holds its model, too: `load` gives that of the last step that was saved. The
file is one of `base.arrays`, without pickle; whatever is read is checked as if a person had typed it.
"""

from collections.abc import Mapping
from typing import Any

from tinyzip.base import arrays as files
from tinyzip.base.files import PathLike
from tinyzip.base.kinds import CHECKPOINT, MODEL
from tinyzip.base.refuse import refuse
from tinyzip.nn.described import describe
from tinyzip.nn.inspected import Inspected
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.grids.calibrate import Grids
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.lowbit import describe_grids, grids_of
from tinyzip.quant.training.fake import FakeQuantized

Thing = Inspected | FakeQuantized | Grids


def save(thing: Thing, path: PathLike) -> None:
    """Write a network, a fake-quantized network or grids by name to the file `path`, whole or not at all.

    raises  TypeError for anything else, and for layers of your own, which no file could describe; ValueError
            where `path` is a file of another kind, which is left alone; OSError as `base.files`
    """
    if isinstance(thing, Inspected | FakeQuantized):
        structure = describe(thing) if isinstance(thing, Inspected) else thing.structure()
        files.write(path, MODEL, structure, thing.params)
    elif isinstance(thing, Mapping) and thing and all(isinstance(grid, Grid) for grid in thing.values()):
        files.write(path, MODEL, {"kind": "grids", "grids": describe_grids(thing)}, {})
    else:
        found = type(thing).__name__
        refuse("save: thing", found, "a Sequential, a FakeQuantized, or grids by name", TypeError)


def load(path: PathLike) -> Any:
    """What `save` has put in a file, or the model of a training run from its checkpoint.

    returns  a Sequential, a FakeQuantized, or grids by name
    raises   ValueError that says what the file is, where it is of another kind, damaged, or holds what no
             network could be; OSError when it cannot be read. 4 MB and 64 times the file bound the memory
    """
    magic, meta, arrays = files.read(path, MODEL, CHECKPOINT)
    structure: Any = meta
    if magic == CHECKPOINT:
        structure = meta.get("structure") if isinstance(meta, dict) else None
        if structure is None:
            needed = "one whose layers are all of tinyzip.nn"
            refuse(f"{path}", "a checkpoint of a model that cannot be described", needed)
        arrays = {name.removeprefix("params/"): a for name, a in arrays.items() if name.startswith("params/")}
    try:
        return _made(structure, arrays, magic == CHECKPOINT)
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        refuse(f"{path}", f"what is no network or grids ({error})", "what `save` has written")


def _made(structure: Any, arrays: dict[str, Any], of_run: bool) -> Any:
    if structure["kind"] == "grids":
        return grids_of(structure["grids"])
    kinds: dict[str, Any] = {"Sequential": Sequential, "FakeQuantized": FakeQuantized}
    kind = kinds[structure["kind"]]
    if of_run:  # which may hold arrays of its objective, too
        layers = (structure["source"] if kind is FakeQuantized else structure)["layers"]
        own = tuple(f"{layer}." for layer in layers)
        arrays = {name: array for name, array in arrays.items() if name.startswith(own)}
    return kind.of_structure(structure, arrays)
