"""The command `export`."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from tinyzip import archive
from tinyzip.cli.main import main
from tinyzip.exchange import c, onnx, page, tflite
from tinyzip.nn.models import student_net
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.training.fake import FakeQuantized
from tinyzip.quant.training.saved import save


def test_export_writes_c(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(net), "--to", "c", "--out", str(tmp_path / "digits"), "--prefix", "net"]) == 0
    said = capsys.readouterr().out
    header, body = c.source(archive.read(net), "net", "digits")
    assert (tmp_path / "digits.h").read_text(encoding="utf-8") == header
    assert (tmp_path / "digits.c").read_text(encoding="utf-8") == body
    assert said.startswith(f"{tmp_path / 'digits.h'}, {tmp_path / 'digits.c'}: ")
    flash = said.split(": ")[1].split()[0]
    assert f"flash  {flash} bytes" in header


def test_export_writes_test_vectors(net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["export", str(net), "--to", "c", "--out", str(tmp_path / "digits"), "--vectors", "3"]
    assert main(words) == 0
    assert f"{tmp_path / 'digits_vectors.c'}: " in capsys.readouterr().out
    assert "#define COUNT 3" in (tmp_path / "digits_vectors.c").read_text(encoding="ascii")
    assert main([*words[:-2]]) == 0
    assert (tmp_path / "digits.c").read_text(encoding="ascii") == c.source(archive.read(net), "tz", "digits")[
        1
    ]
    assert "digits_vectors.c" not in capsys.readouterr().out


def test_export_writes_a_page_of_several_programs(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "digits.html"
    assert main(["export", str(net), str(net), "--to", "html", "--out", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == page.source([net, net])
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"


@pytest.mark.needs("onnx", "tflite")
def test_a_program_may_come_in_on_the_standard_input_or_in_a_tflite_file(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page holds a .tz file as it is, and of any other file its program."""
    model, out = Path(__file__).parents[1] / "data" / "tflite" / "hello_world_int8.tflite", tmp_path / "out"
    for target, ending in (("c", ".c"), ("onnx", ""), ("html", "")):
        found = []
        for given in (str(net), "-", str(model)):
            monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(net.read_bytes())))
            assert main(["export", given, "--to", target, "--out", str(out)]) == 0
            found.append(Path(f"{out}{ending}").read_bytes())
        named, piped, _ = found
        assert found[2] != piped and (target == "html" or named == piped)
        if target == "html":
            sources = [page.source(models) for models in (net, archive.read(net), tflite.read(model))]
            assert [data.decode() for data in found] == sources
        Path(f"{out}{ending}").unlink()


@pytest.mark.needs("onnx")
def test_a_network_that_has_grids_is_no_network_of_floats(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = student_net()
    images = np.random.default_rng(0).integers(0, 256, (9, 28, 28), np.uint8)
    save(FakeQuantized.create(network, calibrate(network, images)), tmp_path / "fake.net")
    words = ["export", str(tmp_path / "fake.net"), "--to", "onnx", "--out", str(tmp_path / "a.onnx")]
    assert main(words) == 2
    assert "fake.net: found a network with grids, needed its program" in capsys.readouterr().err
    save(network, tmp_path / "digits.net")
    assert main([*words[:1], str(tmp_path / "digits.net"), *words[1:]]) == 2
    assert "FILE: found 2 files, needed one for --to onnx" in capsys.readouterr().err


@pytest.mark.needs("onnx")
@pytest.mark.parametrize("words", [[], ["--qdq"]])
def test_export_writes_onnx(
    words: list[str], net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "digits.onnx"
    assert main(["export", str(net), "--to", "onnx", *words, "--out", str(out)]) == 0
    onnx.write_program(archive.read(net), tmp_path / "again.onnx", exact=not words)
    assert out.read_bytes() == (tmp_path / "again.onnx").read_bytes()
    assert capsys.readouterr().out == f"{out}: {out.stat().st_size:,} bytes\n"


@pytest.mark.needs("onnx")
def test_export_writes_a_network_of_floats_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network, file, out = student_net(), tmp_path / "digits.net", tmp_path / "digits.onnx"
    save(network, file)
    assert main(["export", str(file), "--to", "onnx", "--out", str(out)]) == 0
    onnx.write_network(network, tmp_path / "again.onnx")
    assert out.read_bytes() == (tmp_path / "again.onnx").read_bytes()
    assert main(["export", str(file), "--to", "onnx", "--qdq", "--out", str(out)]) == 2
    assert "a network of floats, needed a program" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--to", "c", "--prefix", "9"], "c: prefix: found '9', needed an identifier of C"),
        (["--to", "html", "--prefix", "a"], "--prefix: found 'a', needed it for --to c only"),
        (["--to", "onnx", "--prefix", "a"], "--prefix: found 'a', needed it for --to c only"),
        (["--to", "html", "--vectors", "3"], "--vectors: found 3, needed it for --to c only"),
        (["--to", "html", "--qdq"], "--qdq: found --to html, needed it for --to onnx only"),
        (["--to", "c", "--vectors", "-3"], "c: vectors: found -3, needed a whole number from 0"),
        (["--to", "c", "--qdq"], "--qdq: found --to c, needed it for --to onnx only"),
        (["again", "--to", "onnx"], "FILE: found 2 files, needed one for --to onnx"),
        (["again", "--to", "c"], "FILE: found 2 files, needed one for --to c"),
    ],
)
def test_what_a_target_cannot_use_is_one_line_and_nothing_is_written(
    words: list[str], line: str, net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(net), *words, "--out", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert told.startswith(f"tinyzip: {line}")
    assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["net.tz"]


@pytest.mark.parametrize(("words", "missing"), [(["--to", "c"], "--out"), (["--out", "x"], "--to")])
def test_what_to_write_and_where_has_to_be_said(
    words: list[str], missing: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", "net.tz", *words])
    assert ended.value.code == 2 and missing in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_one_line(
    net: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(net), "--to", "c", "--out", str(tmp_path / "no" / "net")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
