"""examples/mnist_quant.py and seeds.py as one would start them, on a small data set of another shape."""

import importlib
import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from idx_folders import write_folder

from tinyzip import archive
from tinyzip.exchange import c
from tinyzip.train.data import Dataset

ROOT = Path(__file__).parents[2]
ROWS = [
    "teacher",
    "student, scratch",
    "student, distilled",
    "student, scratch, 11 images",
    "student, distilled, 11 images",
    "student, int8, integers only",
    "student, textbook bytes",
]


def run(*arguments: str, script: str = "mnist_quant.py") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "examples" / script), "--quick", *arguments]
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
    assert [row["model"] for row in told["rows"]] == ROWS
    for row in told["rows"]:
        assert row.keys() == {"model", "parameters", "bytes", "errors", "accuracy", "images_per_s"}
        assert row["accuracy"] == 1 - row["errors"] / 7
    program = archive.read(out / "student-int8.tz")
    assert program.shape == (3, 16, 18)
    for suffix, text in zip((".h", ".c"), c.source(program, name="digits"), strict=True):
        assert (out / f"digits{suffix}").read_text() == text
    tz = b64encode((out / "student-int8.tz").read_bytes()).decode()
    assert tz in (out / "digits.html").read_text(encoding="utf-8")
    assert (out / "table.txt").read_text() in result.stdout


def test_images_that_are_too_small_and_folders_without_data_give_one_line(tmp_path):
    write_folder(tmp_path / "small", shape=(8, 8))
    for folder, line in (("small", "found a window of 5×5 on an image of 2×2"), ("none", "no such folder")):
        result = run("--data", str(tmp_path / folder), "--out", str(tmp_path / "out"))
        assert result.returncode == 1
        assert re.fullmatch(f"mnist_quant: .*{line}.*, needed .*\n", result.stderr)


@pytest.mark.parametrize("sizes, count", [((27_500, 27_500), 1800), ((640, 20), 40), ((640, 7), 27)])
def test_few_images_are_a_thirtieth_in_two_digits_but_twenty_of_each_class(sizes, count, monkeypatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "examples")
    labels = np.repeat(np.arange(len(sizes)), sizes)
    images = np.arange(len(labels), dtype=np.float32)[:, None, None]
    few = importlib.import_module("mnist_quant").share(Dataset(images, labels), np.random.default_rng(1))
    assert len(few) == count
    assert (np.bincount(few.labels) >= np.minimum(sizes, 20)).all()
    chosen = few.images[:, 0, 0].astype(int)
    assert (np.diff(chosen) > 0).all() and (few.labels == labels[chosen]).all()


def test_seeds_compare_twins_and_a_second_command_makes_only_what_is_missing(tmp_path) -> None:
    write_folder(tmp_path / "data", shape=(16, 18))
    words = ["--data", str(tmp_path / "data"), "--seeds", "2", "--out", str(tmp_path / "out"), "--resume"]
    first = run(*words, "--json", str(tmp_path / "rows.json"), script="studies/seeds.py")
    assert first.returncode == 0, first.stderr
    told = json.loads((tmp_path / "rows.json").read_text())
    each = [{row["model"]: row["errors"] for row in run["rows"]} for run in told]
    for images, start in (("", "all images"), (", 11 images", "11 images")):
        a, b = (found["student, scratch" + images] - found["student, distilled" + images] for found in each)
        line = next(line for line in first.stdout.splitlines() if re.match(f"{start}  ", line))
        _, difference, _, both = re.split("  +", line)
        assert difference == f"{(a + b) / 2:.1f} ± {abs(a - b) / 2:.1f}" and both == f"{a:+d}, {b:+d}"
    (tmp_path / "out" / "seed-1.json").unlink()
    again = run(*words, script="studies/seeds.py")
    assert "seed-1 is done, 2 of 2" in again.stdout and "seed-0" not in again.stdout
    assert first.stdout.split("\n\n")[1:3] == again.stdout.split("\n\n")[1:3]
