"""The command `explain`."""

from pathlib import Path

import pytest

from tinyzip.cli import explain as command
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


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("picture", ["net.tz", "net", "nowhere/net.png", "."])
def test_a_bad_picture_is_refused_before_the_work(
    picture: str, net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.File, "read", lambda path: pytest.fail("the work has begun"))
    assert main(["explain", str(net), "--plot", str(net.parent / picture)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.needs("matplotlib")
def test_a_good_picture_is_saved(net: Path) -> None:
    picture = net.with_suffix(".png")
    assert main(["explain", str(net), "--data", str(DIGITS), "--images", "9", "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
