"""export_onnx.py on a small program: what it counts, and what it refuses. No speed is asserted."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyzip import archive
from tinyzip.integer import Argmax, Codes, Flatten, Linear, Program

ROOT = Path(__file__).parents[2]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / "engines" / "export_onnx.py"), *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


@pytest.mark.needs("onnx", "onnxruntime")
def test_it_counts_the_codes_of_all_operators_in_both_forms(tmp_path: Path) -> None:
    w = np.random.default_rng(0).integers(-127, 128, (10, 784))
    layer = Linear(w, None, 2**30, 44, Codes(-128, 127, 0))
    program = Program((Flatten(), layer, Argmax()), (1, 28, 28), Codes(0, 255, 0, (1, 8)))
    archive.write(program, tmp_path / "p.tz")
    result = run(str(tmp_path / "p.tz"), "--images", "50")
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == [str(tmp_path / "p.tz")]
    (qdq,) = (row for row in rows if row[:1] == ["QDQ"])
    (exact,) = (row for row in rows if row[:1] == ["exact"])
    assert exact[1:12] == ["39,700", "39,700", "0", "0", "0.00", "%", "0.00", "%", "0", "of", "50"]
    assert qdq[1] == "39,700" and qdq[4] == "0"


def test_a_file_that_is_no_program_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "p.tz").write_bytes(b"nothing")
    result = run(str(tmp_path / "p.tz"))
    assert result.returncode == 1
    assert result.stderr.startswith("export_onnx: ") and result.stderr.count("\n") == 1
