"""The study of patterns of zeros: a row for each, the chip's columns where a compiler and a simulator are."""

import json
from pathlib import Path

import patterns
import pytest
from idx_folders import write_folder


def rows_of(folder: Path) -> list[dict]:
    path = folder / "rows.json"
    write_folder(folder / "data", shape=(28, 28), classes=10)
    words = ["--quick", "--data", folder / "data", "--out", folder / "out", "--json", path]
    patterns.main(list(map(str, words)))
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.long
@pytest.mark.needs("avr-gcc", "simavr")
def test_each_pattern_has_its_row_and_zeros_cost_the_chip_no_time(tmp_path, capsys) -> None:
    rows = rows_of(tmp_path)
    assert [row["pattern"] for row in rows] == list(patterns.PATTERNS)
    found = {row["pattern"]: row for row in rows}
    for name, (_, share) in patterns.PATTERNS.items():
        assert found[name]["left"] <= (1 - share) * 5750 + 30  # the last layer keeps its filters
    assert found["one by one, nine of ten"]["seconds"] < found["none"]["seconds"]
    assert found["one by one, nine of ten"]["bytes"] < found["one by one"]["bytes"] < found["none"]["bytes"]
    printed = capsys.readouterr().out
    assert "s on the chip" in printed and printed.count("×1.00") >= 2


@pytest.mark.long
def test_without_a_simulator_the_columns_of_the_chip_are_empty(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(patterns.chips, "missing", lambda *tools: list(tools))
    monkeypatch.setattr(patterns, "PATTERNS", {"none": ("any", 0.0), "one by one": ("any", 0.5)})
    write_folder(tmp_path / "data", shape=(28, 28), classes=10)
    rows = patterns.one_seed(tmp_path, tmp_path / "data", 0, True)
    assert len(rows) == 2 and not any("seconds" in row or "flash" in row for row in rows)
    lines = [line.split() for line in patterns.as_table(rows).splitlines()]
    assert lines[0][-4:] == ["s", "on", "the", "chip"] and lines[1][-1] == "×1.00"
