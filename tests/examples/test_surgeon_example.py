"""The study of the surgeon's equation: a row for each layer and share, and for each rounding."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from idx_folders import write_folder

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def surgeon(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("surgeon")


@pytest.mark.long
@pytest.mark.parametrize("on", ["mnist", "digits1d"])
def test_each_layer_and_each_rounding_gives_its_rows(
    surgeon: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str], on: str
) -> None:
    data, path = tmp_path / "data", tmp_path / "rows.json"
    write_folder(data, shape=(16, 18), classes=10)
    words = ["--quick", "--on", on, "--data", str(data), "--out", str(tmp_path / "out"), "--json", str(path)]
    surgeon.main(words)
    rows = json.loads(path.read_text(encoding="utf-8"))
    assert [(row["layer"], row["share"]) for row in rows if "layer" in row] == [
        (layer, share) for layer in ("conv1", "conv2", "fc1", "fc2") for share in surgeon.SHARES
    ]
    rounded = [row for row in rows if "rounding" in row]
    assert [(row["weight_bits"], row["rounding"]) for row in rounded] == [
        (bits, name) for bits in surgeon.BITS for name in surgeon.METHODS.values()
    ]
    assert all(row["seconds"] > 0 for row in rounded)
    printed = capsys.readouterr().out
    assert len(printed.split("\n\n")) == 2
    surgeon.main(words)
    assert printed.endswith(capsys.readouterr().out)
