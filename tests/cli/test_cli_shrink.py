"""The command `shrink`: a program in, a smaller one out, and what was proved."""

from pathlib import Path

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip import archive
from tinyzip.cli import shrink as command
from tinyzip.cli.main import main
from tinyzip.exchange import tflite
from tinyzip.integer import simplify
from tinyzip.quant.choose.shrink import shrink
from tinyzip.train.data import Dataset

VWW = Path(__file__).parent.parent / "data" / "tflite" / "vww_96_int8.tflite"


def test_what_is_proved_needless_is_gone_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "vww.tz"
    assert main(["shrink", str(VWW), "--out", str(out)]) == 0
    program = archive.read(out)
    assert program == archive.shorten(simplify(tflite.read(VWW)))
    said = capsys.readouterr().out.splitlines()
    assert said[0].split() == ["operators", "channels", "weights", "multiply-accumulates", "bytes"]
    assert said[1].split() == ["as", "it", "was", "31", "2,738", "208,112", "7,489,664", "333,288"]
    assert all(
        line.startswith(name) for line, name in zip(said[1:], ("as it was", "simpl", "short"), strict=False)
    )
    simplified, shortened = (line.split() for line in said[2:4])
    assert (simplified[0], shortened[0], simplified[1:-1]) == ("simplified", "shortened", shortened[1:-1])
    assert simplified[-1] > shortened[-1] == f"{out.stat().st_size:,}" and out.stat().st_size <= 34_000
    macs = int(shortened[-2].replace(",", ""))
    assert macs == sum(program.multiplications) and macs <= 0.52 * 7_489_664
    assert said[4:] == [
        "every code of the output is proved to be as before, whatever the input",
        f"{out}: {out.stat().st_size:,} bytes",
    ]


def test_with_bits_it_goes_on_and_says_what_that_costs(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images, out = np.random.default_rng(0).integers(0, 256, (40, 28, 28), np.uint8), tmp_path / "y.tz"
    np.save(tmp_path / "x.npy", images)
    words = ["--bits", "4", "--images", str(tmp_path / "x.npy")]
    assert main(["shrink", str(net), "--out", str(out), *words]) == 0
    wanted = shrink(archive.read(net), images, lambda program: len(archive.pack(program)), 4)
    assert archive.read(out) == archive.shorten(wanted.program) and out.stat().st_size < net.stat().st_size
    said = capsys.readouterr().out
    *table, _ = said[: said.index(str(wanted))].splitlines(), said
    weights, sizes = 4 * 25 + 10 * 144, [line.split()[-1] for line in table[0][1:]]
    assert table[0][1].split()[3:] == ["5", "14", f"{weights:,}", f"{4 * 144 * 25 + 1440:,}", sizes[0]]
    assert sizes[0] == f"{net.stat().st_size:,}" and sizes[-1] == f"{out.stat().st_size:,}"
    assert table[0][-1].startswith("about 4 bits") and len(table[0]) == 5
    assert said.endswith(f"{wanted}\n{out}: {out.stat().st_size:,} bytes\n")


def test_fewest_bits_are_two_and_of_a_folder_a_thousand_training_images_are_looked_at(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    files = write_folder(tmp_path / "data", shape=(28, 28))
    words = ["shrink", str(net), "--out", str(tmp_path / "y.tz"), "--data", str(tmp_path / "data")]
    assert main([*words, "--bits", "2"]) == 0
    wanted = shrink(archive.read(net), files["train-images"], lambda program: len(archive.pack(program)), 2)
    assert archive.read(tmp_path / "y.tz") == archive.shorten(wanted.program)
    assert main([*words, "--bits", "1"]) == 2
    assert "--bits: found 1, needed a whole number from 2 to 8" in capsys.readouterr().err
    assert main(words) == 2
    assert "--images, --data: found no --bits" in capsys.readouterr().err
    many = Dataset(np.zeros((1200, 28, 28), np.uint8), np.zeros(1200, int))
    monkeypatch.setattr("tinyzip.cli.pictures.mnist", lambda folder: (many, many))
    monkeypatch.setattr(command, "shrink", lambda program, images, *_: pytest.fail(f"{len(images)} images"))
    with pytest.raises(pytest.fail.Exception, match=r"^1000 images"):
        main([*words, "--bits", "4"])


def test_images_without_bits_and_a_bad_place_are_refused(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["shrink", str(net), "--out", str(tmp_path / "y.tz"), "--images", "9"]) == 2
    assert "--images, --data: found no --bits, needed it too" in capsys.readouterr().err
    assert main(["shrink", str(net), "--out", str(tmp_path / "no" / "y.tz")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and not (tmp_path / "y.tz").exists()
    with pytest.raises(SystemExit, match="2"):
        main(["shrink", str(net)])
    assert "the following arguments are required: --out" in capsys.readouterr().err
