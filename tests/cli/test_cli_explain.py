"""The command `explain`."""

from pathlib import Path

import pytest

from tinyzip.cli.main import main

DIGITS = Path(__file__).parents[2] / "examples" / "data" / "mnist"


def test_explain_prints_a_line_for_every_block(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(net), "--data", str(DIGITS), "--images", "20"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("conv") for line in lines)
    assert any(line.startswith("head") for line in lines)


@pytest.mark.parametrize("extra", [["--data", "nowhere"], ["--images", "0"]])
def test_a_bad_option_is_one_line_and_exit_code_2(
    extra: list[str], net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(net), *extra]) == 2
    assert capsys.readouterr().err.count("\n") == 1
