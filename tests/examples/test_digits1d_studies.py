"""All studies on digits of one row, in their short settings: one page with every table, made once."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    monkeypatch.setenv("PYTHONPATH", str(EXAMPLES.parent))
    return importlib.import_module("minute")


@pytest.mark.long
def test_one_command_writes_a_page_with_the_table_of_every_study(minute: ModuleType, tmp_path: Path) -> None:
    names = [name for name in minute.STUDIES if name != "pruning"]  # test_pruning_example.py runs that one
    page = tmp_path / "page.md"
    page.write_text(f"By hand.\n{minute.MARK}before\n", encoding="utf-8")
    words = ["--quick", "--out", str(tmp_path), "--page", str(page), "--only", *names]
    minute.main(words)
    text = page.read_text(encoding="utf-8")
    said = f"Printed by `.venv/bin/python examples/studies/minute.py`, {len(names)} studies"
    assert text.startswith(f"By hand.\n{minute.MARK}\n{said}")
    assert "before\n" not in text.partition("```")[0]
    assert text.count("\n## ") == len(names)
    for name in names:
        kept = json.loads((tmp_path / f"{name}-quick.json").read_text(encoding="utf-8"))
        assert f"```text\n{kept['printed']}\n```" in text and kept["cpu"] > 0 < kept["wall"]
        assert "is done, " not in kept["printed"] and len(kept["printed"].splitlines()) > 2
    minute.main(words)  # nothing is run again
    assert page.read_text(encoding="utf-8") == text


def test_the_page_that_is_committed_has_every_study(minute: ModuleType) -> None:
    text = (EXAMPLES / "studies" / "DIGITS1D.md").read_text(encoding="utf-8")
    head, mark, tables = text.partition(minute.MARK)
    assert mark and head.startswith("# ")
    for name in minute.STUDIES:
        assert f"`{name}.py --on digits1d`" in tables
