"""drawn.py: digits that look drawn, from a seed, and all of the script on a small data set."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
from drawn import all_drawn_like, drawn_like
from idx_folders import write_folder

from tinyzip import archive
from tinyzip.train.data import mnist

ROOT = Path(__file__).parents[2]


def test_a_seed_decides_each_image_whatever_stands_beside_it() -> None:
    images = mnist(ROOT / "examples" / "data" / "mnist")[1].images[:3]
    found = all_drawn_like(images, 5, 1)
    assert found.shape == (3, 28, 28) and found.dtype == np.uint8
    assert (found[:2] == all_drawn_like(images[:2], 5, 1)).all()
    assert (found != all_drawn_like(images, 6, 1)).any() and (found != all_drawn_like(images, 5, 2)).any()


def test_lines_get_thicker_and_thinner_and_the_digit_stays() -> None:
    """How much ink there is goes up and down, and the place where most of it is stays one of ink."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:16] = 255
    drawn = np.stack([drawn_like(image, np.random.default_rng(seed)) for seed in range(40)])
    ink = drawn.sum((1, 2), dtype=int) / 255
    assert ink.min() < 55 and ink.max() > 65
    assert (drawn[:, 13:15, 13:15].max((1, 2)) > 128).all()


def test_one_ink_spot_and_no_ink_at_all_are_drawn() -> None:
    spot = np.zeros((28, 28), np.uint8)
    assert not drawn_like(spot, np.random.default_rng(0)).any()
    spot[0, 0] = 1
    assert drawn_like(spot, np.random.default_rng(0)).shape == (28, 28)


def test_the_script_trains_both_students_and_writes_the_page(tmp_path) -> None:
    write_folder(tmp_path / "data", shape=(28, 28))
    script = ROOT / "examples" / "engines" / "drawn.py"
    command = [sys.executable, str(script), "--data", str(tmp_path / "data")]
    result = subprocess.run(
        [*command, "--epochs", "1", "--out", str(tmp_path / "out")],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert result.returncode == 0, result.stderr
    size = (tmp_path / "out" / "drawn.tz").stat().st_size
    rows = re.findall(
        r"(as they are|drawn-like ones) +([\d,]+) +\d+ \([\d.]+%\) +\d+ \([\d.]+%\)", result.stdout
    )
    assert [name for name, _ in rows] == ["as they are", "drawn-like ones"] and rows[1][1] == f"{size:,}"
    assert archive.read(tmp_path / "out" / "drawn.tz").shape == (1, 28, 28)
    assert "<!doctype html>" in (tmp_path / "out" / "drawn.html").read_text(encoding="utf-8")
