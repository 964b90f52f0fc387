"""What people type wrongly: one line, the exit code 2, and nothing is written."""

from pathlib import Path

import numpy as np
import pytest

from tinyzip.cli.main import main
from tinyzip.nn.models import student_net
from tinyzip.quant.training.saved import save

MISTAKES = {
    "run net.tz --images 99999": "--images: found 99999, needed 10000 at most, the folder's test images",
    "quantize s.net --images 99999 --out q.tz": "--images: found 99999, needed 60000 at most, the",
    "run net.tz --images x.csv": "x.csv: found a text that begins with '1,2', needed a picture",
    "run net.tz --images x.npz": "x.npz: found a zip archive (.npz, .pt, …), needed a picture",
    "run net.tz --images x.gif": "x.gif: found a GIF picture (.gif), needed a picture (PNG",
    "run net.tz --images s.net": "s.net: found a saved network or its grids, needed a picture",
    "run net.tz --images ''": "--images: found '', needed a path",
    "run '' --images x.npy": "found '', needed a path",
    "run net.tz --images x.npy --out ''": "found '', needed a path",
    "quantize s.net --images x.npy --bits 9 --out q.tz": "--bits: found 9, needed a whole number from 1 to 8",
    "quantize s.net --images x.npy --bits 0 --out q.tz": "--bits: found 0, needed a whole number from 1 to 8",
    "quantize s.net --images x.npy --activations 1 --out q.tz": "--activations: found 1, needed a whole numb",
    "shrink net.tz --images x.npy --bits 9 --out q.tz": "--bits: found 9, needed a whole number from 2 to 8",
}


@pytest.fixture
def folder(net: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(net.parent)
    images = np.random.default_rng(0).integers(0, 256, (8, 28, 28), np.uint8)
    np.save("x.npy", images)
    np.savez("x.npz", images)
    save(student_net(), "s.net")
    Path("x.csv").write_text("1,2\n", encoding="utf-8")
    Path("x.gif").write_bytes(b"GIF89a" + bytes(20))
    return net.parent


@pytest.mark.parametrize("line", MISTAKES)
def test_a_mistake_is_one_line_and_writes_nothing(
    folder: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "x.gif" in line or "x.csv" in line or "x.npz" in line or "images s.net" in line:
        pytest.importorskip("PIL")
    before = sorted(folder.iterdir())
    assert main(["" if word == "''" else word for word in line.split()]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert MISTAKES[line] in said, said
    assert sorted(folder.iterdir()) == before


@pytest.mark.filterwarnings("always")
def test_a_white_picture_for_a_program_of_black_ones_is_warned_of(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pillow = pytest.importorskip("PIL.Image")
    ink = np.zeros((28, 28), np.uint8)
    ink[5:20, 12:15] = 255
    pillow.fromarray(255 - ink).save("white.png")
    pillow.fromarray(ink).save("black.png")
    for name, warned in (("white.png", 1), ("black.png", 0)):
        assert main(["run", "net.tz", "--images", name]) == 0
        said = capsys.readouterr().err
        assert said.count("warning: ") == said.count("needed a dark ground") == warned
