"""course.py as one would start it: the short setting, and what comes before the first milestone.

One mistake of each exercise is made here; `test_learn_course.py` makes all of them, in one process, and
`test_learn_milestones.py` passes every milestone.
"""

import importlib
import json
from pathlib import Path

import pytest

from tinyzip.learn.course import Exercise, course
from tinyzip.learn.milestones.run import milestones


@pytest.mark.parametrize("few", [True, pytest.param(False, marks=pytest.mark.long)])
def test_exercises_are_solved_mistakes_are_named_and_the_milestone_after_them_is_passed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys, few: bool
) -> None:
    script = importlib.import_module("course")
    monkeypatch.setattr(script, "FEW", 1)
    if not few:
        known = Exercise.__dict__["mistakes"].func
        monkeypatch.setattr(Exercise, "mistakes", property(lambda self: known(self)[:1]))
    stone, *_ = milestones()
    before = [each.name for each in course()].index(stone.after) + 1
    monkeypatch.setattr(script, "course", lambda: course()[:before])
    script.main([*["--quick"] * few, "--json", str(tmp_path / "rows.json")])
    rows = json.loads((tmp_path / "rows.json").read_text(encoding="utf-8"))
    exercises = course()[: 1 if few else before]
    assert [row["exercise"] for row in rows if "exercise" in row] == [each.file for each in exercises]
    assert all(row["caught"] == row["mistakes"] for row in rows if "exercise" in row)
    assert [row["milestone"] for row in rows if "milestone" in row] == ([] if few else [stone.name])
    table = capsys.readouterr().out.splitlines()
    assert any(line.split()[:2] == ["exercises", str(len(exercises))] for line in table)
