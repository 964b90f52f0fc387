"""The study of the order of hidden channels: no output changes, and no file becomes longer."""

import json
from math import factorial, log2
from pathlib import Path
from typing import Any

import numpy as np
import order
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from idx_folders import write_folder

from tinyzip import archive
from tinyzip.archive.format import HEAD
from tinyzip.integer import AvgPool2d, Codes, Conv2d, Flatten, Linear, MaxPool2d, Program, Softmax, run
from tinyzip.quant.grid import Grid
from tinyzip.quant.lower import codes_of


def program(seed: int, largest: int = 3) -> Program:
    """Two convolutions and two linear layers, the first of which reads images of 2×3."""
    rng = np.random.default_rng(seed)

    def fields(F: int) -> dict[str, Any]:
        return {
            "bias": rng.integers(-50, 51, F),
            "m0": rng.integers(2**30, 2**31, F),
            "n": rng.integers(33, 36, F),
        }

    def w(*shape: int) -> Any:
        return rng.integers(-largest, largest + 1, shape)

    x, y = (codes_of(Grid(1 / 255, zero, 0, 255)) for zero in (0, 100))
    operators = (
        Conv2d(w(5, 1, 3, 3), **fields(5), y=y),
        MaxPool2d((2, 2)),
        Conv2d(w(4, 5, 2, 2), **fields(4), y=y),
        Flatten(),
        Linear(w(6, 24), **fields(6), y=y),
        Linear(w(3, 6), **fields(3), y=y),
    )
    return Program(operators, (1, 8, 10), x)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 2, 4]))
def test_another_order_of_hidden_channels_changes_no_output(seed: int, i: int) -> None:
    rng, one = np.random.default_rng(seed), program(seed)
    assert order.hidden(one) == [0, 2, 4]
    F = one.shapes[i + 1][0]
    permutation = rng.permutation(F)
    other = order.reordered(one, i, permutation)
    codes = rng.integers(0, 256, (1, 8, 10, 4), np.uint8)
    expected = run(one, codes)
    assert np.unique(expected).size > 2  # it says something of the images
    np.testing.assert_array_equal(run(other, codes), expected)
    np.testing.assert_array_equal(other.operators[i].w, one.operators[i].w[permutation])
    assert order.reordered(other, i, np.argsort(permutation)) == one


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_a_move_is_another_order_of_the_same_channels(seed: int, F: int) -> None:
    found = order.moved(F, np.random.default_rng(seed))
    assert sorted(found.tolist()) == list(range(F)) != found.tolist()


def test_the_cost_is_that_of_the_file_but_for_what_ends_it() -> None:
    """By (E4) 38 bits, and less than one for all steps together."""
    for seed in range(3):
        bits = 8 * (len(archive.pack(program(seed))) - HEAD)
        assert 0 <= bits - order.cost(program(seed)) / 2**16 < 39


def test_what_is_climbed_to_is_never_longer_and_computes_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "TRIES", 1)
    one, costs, cost = program(0), [], order.cost
    monkeypatch.setattr(order, "cost", lambda program: costs.append(cost(program)) or costs[-1])
    after, tries = order.climbed(one, np.random.default_rng(0))
    assert tries == len(costs) - 1 == 2 * (5 + 4 + 6)
    assert cost(after) == min(costs) < costs[0] == cost(one)
    codes = np.random.default_rng(1).integers(0, 256, (1, 8, 10, 9), np.uint8)
    np.testing.assert_array_equal(run(one, codes), run(after, codes))


def test_keys_sort_each_layer_by_its_own_weights() -> None:
    one = program(3)
    keys = {"|w| rising": lambda w: np.abs(w).sum(1), "|w| falling": lambda w: -np.abs(w).sum(1)}
    for name, values in (keys | {"mean rising": lambda w: w.sum(1)}).items():
        found = order.ordered(one, order.KEYS[name])
        for i in (0, 2, 4):
            w = found.operators[i].w.astype(int)
            assert (np.diff(values(w.reshape(len(w), -1))) >= 0).all(), name
    rows = order.ordered(one, order.KEYS["first weights"]).operators[0].w.reshape(5, -1).tolist()
    assert rows == sorted(rows)


def test_what_is_no_chain_of_plain_layers_is_refused() -> None:
    y = Codes(0, 255, 0)
    pooled = (AvgPool2d((2, 2)), Conv2d(np.ones((4, 2, 1, 1), int), None, 2**30, 40, y, groups=2))
    with pytest.raises(ValueError, match=r"operator 1: found Conv2d, needed a convolution of one group"):
        order.hidden(Program(pooled, (4, 4, 4), y))
    with pytest.raises(ValueError, match=r"operator 0: found Softmax"):
        order.hidden(Program((Softmax(2**30, 30),), (3,), y))


def test_the_table_tells_bytes_and_that_no_code_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "TRIES", 1)
    write_folder(tmp_path, shape=(8, 10), classes=3)
    path = tmp_path / "one.tz"
    archive.write(program(0), path)
    order.main([str(path), "--data", str(tmp_path), "--json", str(tmp_path / "rows.json")])
    (row,) = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    assert row["climbed"] <= row["sorted"] <= row["bytes"] == path.stat().st_size
    assert row["differ"] == 0 and row["channels"] == 15
    assert row["orders"] == pytest.approx(log2(factorial(5) * factorial(4) * factorial(6)) / 8)
    line = capsys.readouterr().out.splitlines()[1].split()
    assert line[:2] == ["one.tz", f"{row['bytes']}"] and line[3:5] == [
        f"{row['sorted']}",
        f"{row['climbed']}",
    ]


def test_a_code_that_differs_is_counted() -> None:
    one = program(0)
    images = np.random.default_rng(0).integers(0, 256, (5, 8, 10), np.uint8)
    assert order.differing(one, one, images) == 0
    assert order.differing(one, program(1), images) > 0
