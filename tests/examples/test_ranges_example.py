"""ranges.py as one would start it, on images of noise: every rule has its row and its mark."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
from idx_folders import write_folder

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def ranges(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("ranges")


@pytest.mark.long
@pytest.mark.needs("matplotlib")
def test_every_rule_is_measured_at_all_bits_and_the_best_are_starred(ranges, tmp_path, capsys) -> None:
    write_folder(tmp_path / "data", shape=(28, 28))
    words = ["--quick", "--data", tmp_path / "data", "--out", tmp_path / "out", "--json", tmp_path / "rows"]
    ranges.main(list(map(str, words)))
    rows = [ranges.Row(**row) for row in json.loads((tmp_path / "rows").read_text(encoding="utf-8"))]
    for stream in ("activations", "one bright image", "weights"):
        for bits in ranges.BITS:
            own = [row for row in rows if (row.stream, row.bits) == (stream, bits)]
            rules = set(ranges.NAMES.values()) - ({"moving average"} if stream == "weights" else set())
            assert {row.rule for row in own} >= rules and len({row.rule for row in own}) == len(own)
    printed = capsys.readouterr().out
    for row in rows:
        assert f"{row.decibels:.1f} dB" in printed
    for bits in ranges.BITS:
        best = max(
            (row for row in rows if row.stream == "weights" and row.bits == bits), key=lambda r: r.decibels
        )
        assert f"{best.decibels:.1f} dB*" in printed
    assert (tmp_path / "out" / "ranges.png").read_bytes().startswith(b"\x89PNG")
    assert set(ranges.NAMES) == set(ranges.METHODS)
