"""The study of Deep Compression: whole files of the two networks, and what is left of them."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip.distill.transplant import transplant

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("deep_compression")


@pytest.mark.long
@pytest.mark.parametrize("on", ["mnist", "digits1d"])
def test_each_network_and_way_gives_a_file_of_a_part_of_its_weights(
    study: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], on: str
) -> None:
    data, out, path = tmp_path / "data", tmp_path / "out", tmp_path / "rows.json"
    write_folder(data, shape=(16, 18), classes=10)
    words = ["--quick", "--on", on, "--data", str(data), "--out", str(out), "--json", str(path)]
    study.main(words)
    rows, plans = json.loads(path.read_text(encoding="utf-8")), study.SETTINGS[on].plans
    assert [(r["network"], r["way"]) for r in rows] == [(n, way) for n in plans for way in study.WAYS]
    for row in rows:
        assert 0 < row["weights"] < (1 - plans[row["network"]].share) * row["parameters"]
        assert 0 < row["bytes"] < row["parameters"] / 5
    printed = capsys.readouterr().out
    assert ("MIRACLE" in printed) == (on == "mnist")
    study.main(words)
    assert printed.endswith(capsys.readouterr().out)


def test_a_narrower_network_takes_over_what_its_widths_leave(study: ModuleType) -> None:
    rng = np.random.default_rng(0)
    for make, widths in (
        (study.lenet5_caffe, {"conv1": 3, "conv2": 7, "fc1": 11}),
        (study.lenet_300_100, {"fc1": 5}),
    ):
        whole = make(rng, (1, 16, 18), 10)
        small = study.narrower(whole, widths, rng)
        assert list(small.layers) == list(whole.layers) and small.shape == whole.shape
        for name, layer in small.layers.items():
            if hasattr(layer, "F"):
                assert widths.get(name, whole.layers[name].F) == layer.F
        kept = transplant(whole, small)
        x = rng.normal(size=(1, 16, 18, 2)).astype(np.float32)
        assert kept.forward(x)[0].shape == (10, 2)
