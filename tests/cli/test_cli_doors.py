"""No command writes over what it reads, over a file of another kind, or under the name of one."""

import os
from pathlib import Path

import numpy as np
import pytest

from tinyzip import archive
from tinyzip.cli.main import main
from tinyzip.exchange import c, page
from tinyzip.nn.models import student_net
from tinyzip.quant.training.saved import save
from tinyzip.train.fit import fit

DATA = ["--data", "data"]
INPUTS = [  # replaced by its own kind only, and never an input
    "shrink net.tz --out net.tz",
    "shrink net.tz --out link.tz",
    "shrink link.tz --out net.tz",
    "quantize s.net --images x.npy --out s.net",
    "quantize run.ckpt --images x.npy --out run.ckpt",
    "quantize run.ckpt --images x.npy --out x.npy",
    "quantize s.net --images x.npy --out page.html",
    "run net.tz --images x.npy --out net.tz",
    "run net.tz --images x.npy --out x.npy",
    "run net.tz --images x.npy --labels y.npy --out y.npy",
    "run net.tz --codes x.npy --out x.npy",
    "export net.tz --to html --out net.tz",
    "export net.tz --to html --out digits.h",
    "export net.tz --to html --out notes.txt",
    "export net.tz --to c --out digits",  # a digits.h that a person wrote
    "export net.tz --to onnx --out net.tz",
    "export s.net --to onnx --out s.net",
    "export s.net --to onnx --out new.tz",
    "export net.tz --to html --out new.onnx",
    "run net.tz --images x.npy --out classes.txt",
    "run net.tz --images x.npy --out /dev/full",
    "shrink net.tz --out /dev/full",
    "learn grade . --csv notes.txt",
    "learn grade . --csv page.html",
    "explain net.tz --images x.npy --plot other.png",
]


@pytest.fixture
def folder(net: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with something of each kind to lose."""
    monkeypatch.chdir(net.parent)
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (8, 28, 28), np.uint8), np.arange(8)
    np.save("x.npy", images)
    np.save("y.npy", labels)
    save(student_net(rng), "s.net")
    fit(student_net(rng), images, labels, rng=rng, epochs=1, checkpoint="run.ckpt", progress=False)
    page.write("net.tz", "page.html")
    if os.name != "nt":
        Path("link.tz").symlink_to("net.tz")
    Path("notes.txt").write_text("what I know\n", encoding="utf-8")
    Path("digits.h").write_text("/* digits.h, by hand */\n", encoding="utf-8")
    Path("other.png").write_bytes(b"GIF89a")
    return net.parent


@pytest.mark.parametrize("words", INPUTS)
def test_a_door_that_would_overwrite_is_closed(
    folder: Path, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if "--to onnx" in words:
        pytest.importorskip("onnx")
    if os.name == "nt" and ("link" in words or "/dev/" in words):
        pytest.skip("Windows has other links and devices")
    if "--plot" in words:
        pytest.importorskip("matplotlib")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(words.split()) == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and words.split()[-1] in said[0] and ": found " in said[0], said


def test_its_own_kind_is_replaced(folder: Path) -> None:
    program = archive.read("net.tz")
    archive.write(program, "other.tz")
    assert main(["shrink", "net.tz", "--out", "other.tz"]) == 0
    assert main(["export", "net.tz", "--to", "html", "--out", "page.html"]) == 0
    for _ in range(2):
        c.write(program, "made")
    assert main(["run", "net.tz", "--images", "x.npy", "--out", "y.npy"]) == 0
