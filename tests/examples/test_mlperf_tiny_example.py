"""mlperf_tiny.py as one would start it, on the smallest file. No speed is asserted."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "tests" / "data" / "tflite" / "hello_world_int8.tflite"
KEYS = {"model", "bytes", "tz_bytes", "simplified_bytes", "macs", "simplified_macs", "engine"} | {
    *("batch", "images_per_s", "codes", "differ")
}


def test_a_run_prints_what_it_found_and_keeps_a_row_for_each_engine_and_batch(tmp_path: Path) -> None:
    file = tmp_path / "tiny.json"
    command = [sys.executable, "examples/engines/mlperf_tiny.py", str(MODEL), "--json", str(file)]
    command += ["--turns", "1", "--seconds", "0.01"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "hello_world_int8    2,704" in result.stdout
    rows = json.loads(file.read_text(encoding="utf-8"))
    assert all(set(row) == KEYS and row["images_per_s"] > 0 and row["differ"] == 0 for row in rows)
    assert {(row["engine"], row["batch"]) for row in rows} >= {
        (engine, batch) for engine in ("integer", "blas") for batch in (1, 32)
    }
    assert {(row["bytes"], row["macs"]) for row in rows} == {(2704, 16 + 256 + 16)}
