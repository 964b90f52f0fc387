"""The study of pruning: a row for each way and share, with the zeros that were asked for."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip.nn.models import student_net

pytestmark = pytest.mark.long

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def pruning(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("pruning")


@pytest.mark.parametrize("on", ["mnist", pytest.param("digits1d", marks=pytest.mark.long)])
def test_each_way_and_share_gives_a_row_and_the_zeros_that_were_asked_for(
    pruning: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], on: str
) -> None:
    data, out, path = tmp_path / "data", tmp_path / "out", tmp_path / "rows.json"
    write_folder(data, shape=(16, 18), classes=10)
    words = ["--quick", "--on", on, "--data", str(data), "--out", str(out), "--json", str(path)]
    pruning.main(words)
    rows, told = json.loads(path.read_text(encoding="utf-8")), pruning.SETTINGS[on]
    steps = [(way, step) for way, how in told.ways.items() for step in how.steps]
    after = [(way, share) for way in pruning.AFTER for share in (0.0, *told.after)]
    assert [(row["way"].split(", shared")[0], row["share"]) for row in rows] == after + [
        (way.split(", shared")[0], step.share) for way, step in steps
    ]
    assert [row["weight_bits"] for row in rows] == [8] * len(after) + [step.bits for _, step in steps]
    for row in rows:
        least = row["share"] - 0.01
        if row["way"] == "whole filters":  # of all layers but the last
            least = 0.4
        assert row["zeros"] >= least
    for (way, _), found in pruning.grouped(rows, "way", "weight_bits").items():
        sizes = [row["bytes"] for row in found]
        assert sizes == sorted(sizes, reverse=True), way
    printed = capsys.readouterr().out
    pruning.main(words)
    again = capsys.readouterr().out
    assert again.startswith("float: ") and printed.endswith(again)
    assert json.loads(path.read_text(encoding="utf-8")) == rows


def test_the_smallest_of_all_layers_are_removed_and_no_other_changes(pruning: ModuleType) -> None:
    net = student_net()
    thin = pruning.smallest_removed(net, 0.7)
    gone = np.concatenate([thin.params[n].ravel() == 0 for n in net.params if n.endswith(".w")])
    sizes = np.concatenate([np.abs(net.params[n]).ravel() for n in net.params if n.endswith(".w")])
    assert gone.sum() == round(0.7 * gone.size) and sizes[gone].max() < sizes[~gone].min()
    for name, array in net.params.items():
        np.testing.assert_array_equal(
            thin.params[name][thin.params[name] != 0], array[thin.params[name] != 0]
        )
