"""The command `explain`."""

import sys
from pathlib import Path

import pytest

from tinyzip import archive
from tinyzip.cli import explain as command
from tinyzip.cli.main import main
from tinyzip.quant.choose.explain import explain
from tinyzip.train.data import mnist

DIGITS = Path(__file__).parents[2] / "examples" / "data" / "mnist"


def test_explain_prints_a_line_for_every_block(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(net), "--data", str(DIGITS), "--images", "20"]) == 0
    out = capsys.readouterr().out
    assert any(line.startswith("conv") for line in out.splitlines())
    assert any(line.startswith("head") for line in out.splitlines())
    _, test = mnist(DIGITS)
    assert out == f"{explain(None, archive.read(net), test.images[:20], test.labels[:20])}\n"


def test_of_a_folder_the_first_thousand_test_images_are_looked_at(
    net: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(command, "explain", lambda model, program, images, labels: seen.append(len(images)))
    assert main(["explain", str(net), "--data", str(DIGITS)]) == 0
    assert seen == [1000]


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


def test_a_picture_needs_the_package_and_the_words_say_so(
    net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["explain", str(net), "--plot", str(net.with_suffix(".PNG"))]) == 2
    assert "--plot: found no package matplotlib, needed it: pip install" in capsys.readouterr().err


@pytest.mark.needs("matplotlib")
def test_a_good_picture_is_saved(net: Path) -> None:
    picture = net.with_suffix(".png")
    assert main(["explain", str(net), "--data", str(DIGITS), "--images", "9", "--plot", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
