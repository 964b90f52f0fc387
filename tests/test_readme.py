"""The README's code runs as it stands, and prints what stands below it."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_there_is_a_tour_and_a_program_by_hand() -> None:
    assert len(BLOCKS) == 2


def test_the_tour_runs_and_prints_as_many_lines(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(README.parent)
    code, printed = BLOCKS[0]
    exec(code, {})
    found, needed = capsys.readouterr().out.splitlines(), printed.splitlines()
    assert [line.split(":")[0] for line in found] == [line.split(":")[0] for line in needed]


def test_the_program_by_hand_prints_exactly_what_stands_below_it(capsys: pytest.CaptureFixture[str]) -> None:
    code, printed = BLOCKS[1]
    exec(code, {})
    found = capsys.readouterr().out
    assert [line.rstrip() for line in found.splitlines()] == [line.rstrip() for line in printed.splitlines()]
