"""The command `show`."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyzip import archive
from tinyzip.archive.account import account
from tinyzip.cli.main import main
from tinyzip.cli.programs import File
from tinyzip.integer.fast.run import memory_of
from tinyzip.integer.fast.shown import shown
from tinyzip.integer.table import stored_bytes


def test_show_prints_every_operator(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(net)]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("Conv2d 5×5/2", "MaxPool2d", "Flatten", "head", "Argmax"))
    assert f"{net.stat().st_size:,} bytes on disk" in out


def test_show_prints_where_every_byte_goes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(net), "--bytes"]) == 0
    out = capsys.readouterr().out
    assert main(["show", str(net)]) == 0
    assert out == f"{capsys.readouterr().out}\n{account(net)}\n"
    total = out.splitlines()[-1]
    assert total.split()[0] == "total" and total.split()[-1] == f"{net.stat().st_size:,}"


def test_show_prints_what_speed_makes_of_each_operator_if_asked(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["show", str(net)])
    plain = capsys.readouterr().out
    assert main(["show", str(net), "--fast"]) == 0
    assert capsys.readouterr().out == f"{plain}\n{shown(archive.read(net))}\n"


def test_show_reads_the_standard_input(
    net: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["show", "--bytes", str(net)])
    needed = capsys.readouterr().out
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(net.read_bytes())))
    assert main(["show", "--bytes", "-"]) == 0
    assert capsys.readouterr().out == needed
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"")))
    assert main(["show", "-"]) == 2
    assert capsys.readouterr().err.startswith("tinyzip: standard input: ")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"\x1c\0\0\0TFL3")))
    assert main(["show", "-"]) == 2
    assert "standard input: found a TensorFlow Lite model" in capsys.readouterr().err


def test_a_file_is_what_it_begins_with_or_is_called(
    net: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "named.tflite").write_bytes(net.read_bytes())
    (tmp_path / "marked").write_bytes(b"\x1c\0\0\0TFL3")
    (tmp_path / "near").write_bytes(b"\x1c\0\0TFL3\0")
    kinds = {name: File.read(str(tmp_path / name)).is_tflite for name in ("named.tflite", "marked", "near")}
    assert kinds == {"named.tflite": True, "marked": True, "near": False}
    read = File.read(str(net))
    assert (read.data, read.source, read.is_tflite, read.graph) == (net.read_bytes(), str(net), False, None)
    assert read.program == archive.read(net)
    with pytest.raises(ValueError, match=r"named\.tflite: found an integer program \(\.tz\), needed b'TFL3'"):
        _ = File.read(str(tmp_path / "named.tflite")).program
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(net.read_bytes())))
    assert File.read("-") == File(net.read_bytes(), "standard input")
    for mark in (b"TZMODEL\n", b"TZTRAIN\n"):
        (tmp_path / "floats").write_bytes(mark + b"more")
        with pytest.raises(
            ValueError, match=r"needed an integer program \(\.tz\), which `tinyzip quantize` makes of it"
        ):
            File.read(str(tmp_path / "floats"))


def test_several_files_are_shown_under_their_names_or_none_of_them(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(net), str(net)]) == 0
    assert capsys.readouterr().out.splitlines().count(str(net)) == 2
    assert main(["show", str(net), "nowhere.tz"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "nowhere.tz: No such file" in captured.err


def test_show_says_what_a_run_costs_and_where_the_bytes_go(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(net)]) == 0
    out = capsys.readouterr().out
    macs = 4 * 12 * 12 * 25 + 10 * 144
    assert f"{macs:,} multiply-accumulates" in out
    # the image, the pooled convolution, the logits, and the class, which is int64, where the pool was
    assert f"{784 + 144 + 10:,} bytes of codes at once" in out
    parts = out[out.index("on disk: ") :].partition("\n")[0]
    sizes = [int(words.split()[1].replace(",", "")) for words in parts.removeprefix("on disk: ").split(", ")]
    assert sum(sizes) == net.stat().st_size


def test_json_says_the_same_a_line_a_file(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--json", str(net), str(net)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and lines[0] == lines[1]
    found = json.loads(lines[0])
    program = archive.read(net)
    assert found["bytes"] == net.stat().st_size == sum(found["parts"].values())
    assert found["multiply_accumulates"] == sum(program.multiplications)
    assert found["code_memory"] == 784 + 144 + 10 < found["peak_memory"]
    assert [(o["kind"], o["name"], tuple(o["shape"])) for o in found["operators"]] == [
        (o.kind, o.name, shape) for o, shape in zip(program.operators, program.shapes[1:], strict=True)
    ]
    codes = [
        {"lo": c.lo, "hi": c.hi, "zero": c.zero, "scale": list(c.scale), "bits": c.bits}
        for c in program.codes
    ]
    assert [found["input"], *(o["codes"] for o in found["operators"])] == codes
    assert found["file"] == str(net) and tuple(found["shape"]) == program.shape
    assert (found["code_memory"], found["peak_memory"]) == memory_of(program)
    assert found["parts"] == {part: account(net).total(part) for part in found["parts"]}
    for i, (told, operator) in enumerate(zip(found["operators"], program.operators, strict=True)):
        assert told["weight_bits"] == getattr(operator, "weight_bits", None)
        assert told["stored_bytes"] == stored_bytes(operator)
        assert (told["multiply_accumulates"], told["bound"]) == (
            program.multiplications[i],
            program.bounds[i],
        )
        assert told["accumulator"] == (str(program.accumulators[i]) if program.bounds[i] else None)


@pytest.mark.needs("tflite")
def test_show_reads_other_peoples_models_by_what_is_in_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = Path(__file__).parents[1] / "data" / "tflite" / "ad01_int8.tflite"
    (tmp_path / "unnamed").write_bytes(model.read_bytes())
    assert main(["show", str(tmp_path / "unnamed")]) == 0
    out = capsys.readouterr().out
    assert "Linear" in out and f"{model.stat().st_size:,} bytes on disk\n" in out
    assert main(["show", "--bytes", str(model)]) == 0
    assert capsys.readouterr().out == out  # of which nothing is known but the whole
    assert main(["show", "--json", str(model)]) == 0
    assert json.loads(capsys.readouterr().out)["parts"] == {}
