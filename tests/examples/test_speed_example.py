"""speed.py as one would start it, with tinyzip alone. No speed is asserted: machines differ."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from peers import clock
from peers.ratios import Found, fastest_ratios

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "examples" / "engines" / "speed.py"


SHORT = """
import sys
from peers import clock
import speed
speed.Effort = lambda turns, seconds: clock.Effort(turns, 1e-3)
speed.main(sys.argv[1:])
"""


def run(*arguments: str, command: Sequence[str] = (str(SCRIPT),)) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(SCRIPT.parent)])}
    command = [sys.executable, *command, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False
    )


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """All that is measured, each for a millisecond."""
    file = tmp_path_factory.mktemp("speed") / "speed.json"
    return run("--quick", "--only", "tinyzip", "--json", str(file), command=("-c", SHORT)), file


def test_a_run_with_tinyzip_alone_succeeds_and_prints_its_own_ratios(quick) -> None:
    result, _ = quick
    assert result.returncode == 0, result.stderr
    assert "integer ÷ @ on int32" in result.stdout
    assert "torch default" not in result.stdout


def test_the_records_name_every_setting_once_and_every_speed_is_positive(quick) -> None:
    records = json.loads(quick[1].read_text(encoding="utf-8"))
    found = [(r["work"], r["variant"], r["batch"], r["threads"]) for r in records]
    integers = ["integer", "blas", "integer 4/4", "blas 4/4", "blas 2/4", "blas 4/8"]
    batches = {"train": (1, 16, 64, 128, 256), "float": (1, 64, 128, 256), "integer": (1, 64, 256)}
    kinds = {"train": ["default"], "float": ["default"], "integer": integers}
    needed = [
        (work, variant, batch, threads)
        for work, variants in kinds.items()
        for variant in variants
        for batch in batches[work]
        for threads in (1, 2)
    ]
    assert sorted(found) == sorted(needed)
    assert {r["engine"] for r in records} == {"tinyzip"}
    assert all(0 < r["lowest"] <= r["images_per_s"] <= r["highest"] for r in records)


def test_the_entries_answers_are_compared_before_their_speeds(quick) -> None:
    before, _, after = quick[0].stdout.partition("images/s")
    for name in ("blas", "blas 4/4", "blas 2/4", "blas 4/8"):
        line = next(line for line in before.splitlines() if line.split("  ")[2:3] == [f"tinyzip {name}"])
        assert "0.00% of codes differ" in line
    assert "codes differ" not in after


def test_each_ratio_is_to_the_fastest_of_all_other_engines_and_names_it() -> None:
    rates = {  # with one thread, with two
        ("tinyzip", "integer"): (40, 60),
        ("tinyzip", "blas"): (100, 150),
        ("tinyzip", "blas 2/4"): (900, 900),
        ("litert", "default"): (80, 300),
        ("litert", "4/8"): (800, 800),
        ("onnxruntime", "qdq"): (200, 90),
    }
    speeds = [
        clock.Speed(engine, "integer", variant, 64, threads, rate, rate, rate)
        for (engine, variant), row in rates.items()
        for threads, rate in enumerate(row, 1)
    ]
    ((text, row),) = fastest_ratios(Found(speeds))
    assert text == "int8 ÷ the fastest other (onnxruntime, litert), batch 64"
    assert row == [100 / 200, 150 / 300], "programs of fewer bits are not counted"


@pytest.mark.needs("matplotlib")
def test_kept_speeds_are_drawn_without_measuring(quick, tmp_path: Path) -> None:
    kept = tmp_path / "speed.json"
    own = json.loads(quick[1].read_text(encoding="utf-8"))
    level = {"lowest": 1.0, "highest": 1.0, "images_per_s": 1.0}
    records = [record | level | {"engine": engine} for record in own for engine in ("tinyzip", "torch")]
    kept.write_text(json.dumps(records), encoding="utf-8")
    result = run("--from", str(kept), "--out", str(tmp_path / "figures"))
    assert result.returncode == 0 and "Ratios" not in result.stdout
    assert (tmp_path / "figures" / "speed.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["", "[1]", "{}", '[{"engine": "tinyzip"}]'])
def test_a_file_without_speeds_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    kept = tmp_path / "speed.json"
    kept.write_text(text, encoding="utf-8")
    result = run("--from", str(kept), "--out", str(tmp_path))
    assert result.returncode == 1
    assert result.stderr.startswith("speed: ") and result.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--only", "tensorflow"], ["--json"], ["--fast"]])
def test_arguments_that_mean_nothing_are_refused(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.returncode == 2
    assert "usage" in result.stderr and "Traceback" not in result.stderr
