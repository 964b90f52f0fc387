"""What tests of studies share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parts import runner

Study = Callable[[list[str]], None]


@pytest.fixture
def quick(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Study], tuple[Any, str]]:
    """The rows of a study's short run on digits of one row, and what it prints: the same a second time.

    It runs in this process, in which a test has changed what it will.
    """
    monkeypatch.setattr(runner, "_attempt", lambda run, out, data, *_: runner._here(run, out, data, []))

    def told(main: Study) -> tuple[Any, str]:
        path = tmp_path / "rows.json"
        words = ["--quick", "--on", "digits1d", "--out", str(tmp_path / "out"), "--json", str(path)]
        main(words)
        rows, printed = json.loads(path.read_text(encoding="utf-8")), capsys.readouterr().out
        main(words)
        assert printed.endswith(capsys.readouterr().out)
        return rows, printed

    return told
