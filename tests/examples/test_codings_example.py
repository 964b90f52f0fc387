"""The comparison of codings: what it compares, and what it says where nothing is to be won."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tinyzip.archive import pack, weights
from tinyzip.integer import Codes, Conv2d, Flatten, Linear, Program

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def codings(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("codings")


def program() -> Program:
    """Smooth kernels, and a layer after an image whose columns have signs."""
    rng = np.random.default_rng(0)
    y = Codes(0, 255, 0)
    kernels = np.rint(50 * np.sin(np.arange(8 * 2 * 25) / 3)).reshape(8, 2, 5, 5)
    w = rng.integers(1, 90, (20, 8, 4, 4)) * rng.choice([-1, 1], (20, 8, 1, 4))
    return Program(
        (
            Conv2d(kernels.astype(np.int8), None, 2**30, 44, y),
            Flatten(),
            Linear(w.reshape(20, 128), None, 2**30, 44, y),
        ),
        (2, 8, 8),
        y,
    )


def test_weights_are_measured_as_a_file_holds_them(codings: ModuleType) -> None:
    tensors = codings.tensors_of(program())
    assert [view for _, _, view in tensors] == [(8, 2, 5, 5), (20, 8, 4, 4)]
    row = codings.measure("net", tensors)
    assert row["weights"] == row["plain bits"] == 400 + 2560
    assert row["chosen"] <= min(row[coding] for coding in weights.CODINGS) + 1
    assert row["chosen"] < min(row["zlib"], row["lzma"], row["entropy"])
    assert 0 < len(pack(program())) - row["chosen"] < 100


def test_bits_are_packed_without_waste(codings: ModuleType) -> None:
    w = np.array([[-4, 3, 0, -1, 2]], np.int8)
    assert codings.bit_packed(w, 3) == np.packbits([0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 0, 1, 0]).tobytes()
    assert codings.bit_packed(np.array([1, -1, -1, 1]), 1) == b"\x90"


def test_values_are_shared_and_weights_are_pruned(codings: ModuleType) -> None:
    w = np.random.default_rng(0).integers(-100, 101, (30, 40)).astype(np.int8)
    assert np.unique(codings.shared(w, 16)).size == 16
    assert np.abs(codings.shared(w, 16) - w.astype(int)).max() <= 15
    left = codings.pruned(w, 0.9)
    assert 0.05 < np.count_nonzero(left) / w.size <= 0.1
    assert np.array_equal(left[left != 0], w[left != 0])


def test_the_table_and_the_numbers_for_machines_say_the_same(
    codings: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(codings, "networks", lambda epochs: [("net", codings.tensors_of(program()))])
    codings.main(["--json", str(tmp_path / "codings.json")])
    (row,) = json.loads((tmp_path / "codings.json").read_text(encoding="utf-8"))
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == " ".join(row).split()
    words = ["-" if value is None else value for value in row.values()]  # where NNCodec is not installed
    assert line.split() == [f"{value:,}" if isinstance(value, int) else value for value in words]
