"""What tests of studies share."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Study = Callable[[list[str]], None]


@pytest.fixture
def quick(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[[Study], tuple[Any, str]]:
    """The rows of a study's short run on digits of one row, and what it prints: the same a second time."""

    def told(main: Study) -> tuple[Any, str]:
        path = tmp_path / "rows.json"
        words = ["--quick", "--on", "digits1d", "--out", str(tmp_path / "out"), "--json", str(path)]
        main(words)
        rows, printed = json.loads(path.read_text(encoding="utf-8")), capsys.readouterr().out
        main(words)
        assert printed.endswith(capsys.readouterr().out)
        return rows, printed

    return told
