"""export_c.py as one would start it, on a program of a moment."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tinyzip import archive
from tinyzip.integer import Add, Codes, Conv2d, Flatten, GlobalAvgPool, Linear, MaxPool2d, Program

ROOT = Path(__file__).parents[2]


@pytest.mark.needs("gcc", "avr-gcc", "simavr", "arm-none-eabi-gcc", "riscv64-linux-gnu-gcc", "unicorn")
def test_it_prints_what_the_c_takes_and_how_many_codes_differ(tmp_path: Path) -> None:
    rng, y = np.random.default_rng(0), Codes(0, 255, 0)
    conv = Conv2d(rng.integers(-2, 2, (2, 1, 5, 5)), None, 2**30, 36, y, stride=2, weight_bits=2)
    head = Linear(rng.integers(-128, 128, (10, 72)), None, 2**30, 44, Codes(-128, 127, 0))
    codes = Codes(0, 255, 0, (1, 8))
    archive.write(Program((conv, MaxPool2d(2), Flatten(), head), (1, 28, 28), codes), tmp_path / "net.tz")
    one = Conv2d(rng.integers(-2, 2, (4, 1, 1, 1)), None, 2**30, 36, y, weight_bits=2)
    two = Conv2d(np.ones((4, 4, 1, 1), int), None, 2**30, 36, y)
    both = Add(0, [9, 9], 5, y, rounding="single")  # so that the first output, 3,136 bytes, exists as a whole
    large = one, two, both, GlobalAvgPool(), Flatten()
    archive.write(Program(large, (1, 28, 28), codes), tmp_path / "large.tz")
    files = [str(tmp_path / f"{name}.tz") for name in ("net", "large")]
    command = [sys.executable, "examples/engines/export_c.py", *files, "--images", "30"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    rows = [line.split() for line in result.stdout.splitlines()]
    assert any(row[-3:] == ["30", "300", "0"] and "machine," in row for row in rows)
    assert any(row[-3:] == ["20", "200", "0"] and row[0] == "ATmega328," for row in rows)
    assert any(row[:1] == ["Cortex-M0,"] and "-Os" in row for row in rows)
    for core in ("Cortex-M0,", "CH32V002,"):
        assert [row[-3::2] for row in rows if row[:1] == [core] and "-O2" in row] == [["20", "0"]] * 2
    assert [row[3:] for row in rows if row[:1] == ["ATmega328,"]][1] == ["too", "large"]
    net, far = ([row for row in rows if row[:1] == [name]] for name in ("net", "large"))
    assert len(net[0]) == len(far[0]) == 1 + 2 + 9 and far[0][3:6] == ["-"] * 3
    assert [row[-1] for row in rows if row[:1] == ["BitNetMCU,"]] == ["686,490", "2,736,250"]
    assert "flash  735 bytes" in result.stdout
