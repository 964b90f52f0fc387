"""What is printed is what runs: any function of the printed files that is broken shows in a printed run.

Each is broken in turn: what it returns comes out wrong, and where there is nothing to get wrong, as in a
check, it fails. A run that ends as if nothing were wrong has gone another way than the one that a reader has
read. The files of a room and a run through all of them are a line of `RUNS`.
"""

import ast
import sys
from functools import cache, cached_property, wraps
from importlib import import_module

import numpy as np
import pytest
from printed_steps import from_training_to_file, network_step, numbers, quantized_step, training
from sources import PACKAGE, label, tree

RUNS = {
    network_step: [
        *("base/refuse.py", "base/windows.py", "nn/ops/*.py", "nn/layer.py", "nn/layers.py", "nn/chain.py"),
        *("nn/residual.py", "nn/probe.py", "nn/network.py", "nn/losses.py", "nn/activations.py"),
    ],
    quantized_step: ["quant/grids/grid.py", "quant/grids/textbook.py", "quant/training/lsq.py"],
    training: ["train/images.py", "train/optim.py", "train/loop.py"],
    from_training_to_file: [
        *(
            "distill/temperature.py",
            "quant/training/lsq.py",
            "quant/training/fake_layer.py",
            "quant/training/fake.py",
        ),
        *("quant/training/through.py", "integer/ops.py"),
    ],
    numbers: ["integer/codes.py", "integer/fixedpoint.py", "integer/bounds.py", "archive/coder.py"],
}
BESIDE = {  # not of a run: what these do for others, and where they are tested
    "base/refuse.py: flag": "what is neither True nor False, test_refuse",
    "base/refuse.py: warn": "machine and train, test_train_pixels",
    "base/windows.py: same_padding": "exchange, test_windows",
    "base/windows.py: wider": "exchange, test_windows",
    "nn/residual.py: Residual.ordered": "quant and exchange, test_quant_residual",
    "quant/training/fake.py: FakeQuantized.structure": "files, test_quant_training_saved",
    "quant/training/fake.py: FakeQuantized.of_structure": "files, test_quant_training_saved",
    "quant/training/fake.py: FakeQuantized.input_range": "checks of images, test_train_pixels",
    "quant/training/fake.py: FakeQuantized.input_mean": "checks of images, test_train_pixels",
    "quant/training/fake.py: FakeQuantized.tables": "how far codes can differ, test_quant_tables",
    "quant/training/fake.py: FakeQuantized.activations": "a look inside, test_quant_rounding_layers",
    "quant/training/through.py: Through.input_range": "checks of images, test_train_pixels",
    "quant/training/through.py: Through.input_mean": "checks of images, test_train_pixels",
    "quant/training/through.py: Through.with_input_range": "checks of images, test_train_pixels",
    "quant/training/through.py: Through.printed": "networks that lose weights, test_quant_training_masks",
    "quant/training/through.py: Through.model": "networks that lose weights, test_quant_training_masks",
    "quant/training/through.py: Through.activations": "a look inside, test_quant_training_masks",
    "quant/training/through.py: Through.probed": "objectives that look inside, test_distill_guides",
    "quant/training/through.py: Through.probes": "objectives that look inside, test_distill_guides",
    "archive/coder.py: Reader._position": "differences, to which a constant adds nothing, test_archive_coder",
}


class Broken(Exception):
    """A function that has nothing to return wrongly."""


def wrong(value):
    """Something else of the same kind."""
    match value:
        case np.ndarray() if value.dtype.kind == "f":
            return value + np.cos(np.arange(value.size, dtype=value.dtype)).reshape(value.shape)
        case np.ndarray() if value.dtype.kind in "biu":
            return value ^ np.array(1, value.dtype)
        case bool():
            return not value
        case int() | float():
            return value + 1
        case tuple() if value:
            items = map(wrong, value)
            return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
        case list() if value:
            return [*map(wrong, value)]
        case dict() if value:
            return {name: wrong(item) for name, item in value.items()}
        case str():
            return f"not {value}"
    raise Broken


def broken(function):
    @wraps(function)
    def fails(*args, **options):
        try:
            value = function(*args, **options)
        except (TypeError, ValueError) as refusal:
            raise Broken from refusal
        return wrong(value)

    return fails


def says_nothing(node):
    """Is it a function that only declares, as in a protocol?"""
    return all(isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant) for part in node.body)


def functions(path):
    """The functions of a file, and the methods of its classes, as (class or "", name)."""
    for node in tree(path).body:
        holders = node.body if isinstance(node, ast.ClassDef) else [node]
        for inner in holders:
            if isinstance(inner, ast.FunctionDef) and not says_nothing(inner):
                yield node.name if isinstance(node, ast.ClassDef) else "", inner.name


CASES = [
    (run, path, kind, name)
    for run, files in RUNS.items()
    for pattern in files
    for path in sorted(PACKAGE.glob(pattern))
    for kind, name in functions(path)
]


def called(path, kind, name):
    return f"{label(path)}: {f'{kind}.' if kind else ''}{name}"


def break_it(run, path, kind, name, monkeypatch):
    """Let a function of the package come out wrong wherever it is known, in a run's own file, too."""
    module = import_module(".".join(("tinyzip", *path.relative_to(PACKAGE).with_suffix("").parts)))
    if not kind:
        function = getattr(module, name)
        for other in list(sys.modules):
            if other.partition(".")[0] in ("tinyzip", run.__module__):
                for place, thing in list(vars(sys.modules[other]).items()):
                    if thing is function:
                        monkeypatch.setattr(sys.modules[other], place, broken(function))
        return
    holder = getattr(module, kind)
    match vars(holder)[name]:
        case cached_property() as held:
            made = cached_property(broken(held.func))
            made.__set_name__(holder, name)
        case property() as held:
            made = property(broken(held.fget))
        case classmethod() as held:
            made = classmethod(broken(held.__func__))
        case function:
            made = broken(function)
    monkeypatch.setattr(holder, name, made)


@cache
def whole(run):
    """What a run gives."""
    return run()


def noticed(run, expected):
    """Does a run fail, or give anything else than `expected`?"""
    try:
        with np.errstate(all="ignore"):
            found = run()
    except Exception:  # of whatever kind: numbers and shapes that came out wrong break everything after them
        return True
    return found.keys() != expected.keys() or any(
        not np.array_equal(array, expected[name]) for name, array in found.items()
    )


@pytest.mark.parametrize("run", RUNS)
def test_a_run_gives_the_same_twice(run):
    assert not noticed(run, whole(run))


@pytest.mark.parametrize("case", CASES, ids=lambda case: called(*case[1:]))
def test_a_printed_run_notices_a_function_that_is_broken(case, monkeypatch):
    run, *function = case
    expected = whole(run)
    break_it(*case, monkeypatch)
    seen = noticed(run, expected)
    assert seen != (called(*function) in BESIDE), f"{'' if seen else 'not '}noticed"


def test_what_stands_beside_is_there():
    assert BESIDE.keys() <= {called(*function) for _, *function in CASES}
