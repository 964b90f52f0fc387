"""The command `show`."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinyzip.cli.main import main


def test_show_prints_every_operator(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(net)]) == 0
    out = capsys.readouterr().out
    assert all(word in out for word in ("Conv2d 5×5/2", "MaxPool2d", "Flatten", "head", "Argmax"))
    assert f"{net.stat().st_size:,} bytes on disk" in out


def test_show_prints_where_every_byte_goes(net: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(net), "--bytes"]) == 0
    *_, total = capsys.readouterr().out.splitlines()
    assert total.split()[0] == "total" and total.split()[-1] == f"{net.stat().st_size:,}"


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


def test_several_files_are_shown_under_their_names_or_none_of_them(
    net: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", str(net), str(net)]) == 0
    assert capsys.readouterr().out.splitlines().count(str(net)) == 2
    assert main(["show", str(net), "nowhere.tz"]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "nowhere.tz: No such file" in captured.err
