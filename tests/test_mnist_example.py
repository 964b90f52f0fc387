"""examples/mnist_quant.py as one would start it, on a small data set of another shape."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from idx_folders import write_folder

from tinyzip import archive

ROOT = Path(__file__).parent.parent
ROWS = ["teacher", "scratch", "distilled", "int8", "textbook"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / "mnist_quant.py"), "--quick", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_colour_images_of_another_size_go_all_the_way(tmp_path):
    write_folder(tmp_path / "data", shape=(16, 18), channels=(3,))
    table = tmp_path / "not yet there" / "table.json"
    out = tmp_path / "out"
    result = run("--data", str(tmp_path / "data"), "--out", str(out), "--json", str(table), "--seed", "3")
    assert result.returncode == 0, result.stderr
    told = json.loads(table.read_text())
    assert told["seed"] == 3 and told["seconds"] > 0
    assert all(word in row["model"] for word, row in zip(ROWS, told["rows"], strict=True))
    for row in told["rows"]:
        assert row.keys() == {"model", "parameters", "bytes", "errors", "accuracy", "images_per_s"}
        assert row["accuracy"] == 1 - row["errors"] / 7
    assert archive.read(out / "student-int8.tz").shape == (3, 16, 18)
    assert (out / "table.txt").read_text() in result.stdout


def test_images_that_are_too_small_and_folders_without_data_give_one_line(tmp_path):
    write_folder(tmp_path / "small", shape=(8, 8))
    for folder, line in (("small", "found a window of 5×5 on an image of 2×2"), ("none", "no such folder")):
        result = run("--data", str(tmp_path / folder), "--out", str(tmp_path / "out"))
        assert result.returncode == 1
        assert re.fullmatch(f"mnist_quant: .*{line}.*, needed .*\n", result.stderr)
