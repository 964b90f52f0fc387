"""The runner of grids: the same table on processes and on a cluster, whatever is killed or fails."""

import importlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
GRID = """
import os
import signal
import threading
from pathlib import Path

import numpy as np

from tinyzip.nn.models import student_net


def draw(folder: Path, data: Path, seed: int) -> dict:
    (folder / "note.bin").write_bytes(bytes([seed, 255]))
    w = student_net(np.random.default_rng(seed)).params["conv1.w"]
    return {"sum": float(w.sum()), "data": sorted(path.name for path in data.iterdir()), "pair": (seed, 1)}


def fail(folder: Path, data: Path, seed: int) -> dict:
    raise ValueError(f"seed {seed} is odd")


def die_once(folder: Path, data: Path, mark: str, seed: int) -> dict:
    if not Path(mark).exists():
        Path(mark).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return draw(folder, data, seed)


def die(folder: Path, data: Path) -> dict:
    os.kill(os.getpid(), signal.SIGKILL)


def go_on(folder: Path, data: Path) -> dict:
    os.write(1, b"on\\n")
    threading.Event().wait()
"""


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("parts.runner")


@pytest.fixture
def grid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Functions to run, of a module that other processes find too."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "drawn_grid.py").write_text(GRID, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("drawn_grid", None)
    return importlib.import_module("drawn_grid")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("a-ubyte", "b-ubyte"):
        (folder / name).write_bytes(name.encode())
    return folder


def here(grid: ModuleType, data: Path, seed: int) -> dict:
    """What a run gives in this process, through JSON."""
    folder = data.parent / "here"
    folder.mkdir(exist_ok=True)
    return json.loads(json.dumps(grid.draw(folder, data, seed)))


def test_a_killed_process_loses_no_run_and_a_failing_run_is_named_when_the_others_are_done(
    runner, grid, data: Path, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "out"
    runs = [runner.Run(f"seed-{seed}", grid.draw, {"seed": seed}) for seed in (4, 2)]
    runs.insert(0, runner.Run("odd", grid.fail, {"seed": 3}))
    runs.insert(2, runner.Run("killed", grid.die_once, {"mark": str(tmp_path / "mark"), "seed": 7}))
    runs.append(runner.Run("deadly", grid.die))
    with pytest.raises(RuntimeError, match=r"2 of 5 runs failed.*ValueError: seed 3 is odd.*deadly"):
        runner.run_all(runs, out, data, workers=2)
    told = capsys.readouterr().out
    assert "odd failed" in told and "5 of 5; about 0 minutes left" in told
    good = [run for run in runs if run.name not in ("odd", "deadly")]
    results = runner.run_all(good, out, data)
    assert capsys.readouterr().out == ""  # nothing was run again
    assert list(results) == ["seed-4", "killed", "seed-2"]
    assert list(results.values()) == [here(grid, data, seed) for seed in (4, 7, 2)]
    assert (out / "seed-4" / "note.bin").read_bytes() == bytes([4, 255])


def test_a_result_of_other_settings_or_other_data_is_refused(runner, grid, data, tmp_path: Path) -> None:
    runner.run_all([runner.Run("one", grid.draw, {"seed": 1})], tmp_path / "out", data)
    with pytest.raises(ValueError, match=r"one\.json: found a result made with seed 1, needed seed 2"):
        runner.run_all([runner.Run("one", grid.draw, {"seed": 2})], tmp_path / "out", data)
    with pytest.raises(ValueError, match=r"found a result made with nothing, needed 3 epochs, or no file"):
        runner.run_all([runner.Run("one", grid.draw, {"seed": 1}, "3 epochs")], tmp_path / "out", data)
    (data / "a-ubyte").write_bytes(b"other")
    with pytest.raises(ValueError, match=r"one\.json: found a result made with data"):
        runner.run_all([runner.Run("one", grid.draw, {"seed": 1})], tmp_path / "out", data)
    (tmp_path / "out" / "two.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(ValueError, match=r"two\.json: found another file, needed a result"):
        runner.run_all([runner.Run("two", grid.draw, {"seed": 1})], tmp_path / "out", data)


def test_what_no_grid_can_be_made_of_is_refused_before_anything_runs(runner, grid, data, tmp_path) -> None:
    with pytest.raises(ValueError, match="--workers: found 0"):
        runner.run_all([], tmp_path / "out", data, workers=0)
    with pytest.raises(FileNotFoundError, match=r"nowhere: found no such folder"):
        runner.run_all([], tmp_path / "out", tmp_path / "nowhere")
    twice = [runner.Run("one", grid.draw, {"seed": seed}) for seed in (1, 2)]
    with pytest.raises(ValueError, match="runs: found one, one, needed each name once"):
        runner.run_all(twice, tmp_path / "out", data)
    assert not (tmp_path / "out").exists()


@pytest.fixture
def cluster(tmp_path: Path):
    """The address of a scheduler and the processes of its two workers, which know of tinyzip only."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    told = place / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": str(EXAMPLES.parent)}
    quiet = {"cwd": place, "env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}

    def start(what: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-m", f"distributed.cli.dask_{what}", "--scheduler-file", str(told)]
        return subprocess.Popen([*command, "--no-dashboard", *options], **quiet)

    processes = [start("scheduler", "--host", "127.0.0.1", "--port", "0")]
    processes += [start("worker", "--no-nanny", "--nthreads", "1") for _ in range(2)]
    try:
        from distributed import Client

        with Client(scheduler_file=str(told), timeout=60) as client:
            client.wait_for_workers(2, timeout=60)
        yield json.loads(told.read_text(encoding="utf-8"))["address"], processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_processes_end_with_the_script_that_started_them(
    grid, data: Path, tmp_path: Path, number: int
) -> None:
    lines = f"""
import sys
from pathlib import Path

sys.path[:0] = {[str(EXAMPLES), str(Path(grid.__file__).parent)]}
if __name__ == "__main__":
    from drawn_grid import go_on
    from parts.runner import Run, run_all

    run_all([Run("endless", go_on, {{}})], Path({str(tmp_path / "out")!r}), Path({str(data)!r}), 1)
"""
    (tmp_path / "script.py").write_text(lines, encoding="utf-8")
    script = subprocess.Popen([sys.executable, tmp_path / "script.py"], stdout=subprocess.PIPE)
    assert script.stdout is not None and script.stdout.readline() == b"on\n"
    script.send_signal(number)
    assert script.communicate(timeout=60)[0] == b""  # the end of the pipe: nobody holds it any more


@pytest.mark.filterwarnings("ignore")  # of what distributed leaves open
@pytest.mark.needs("distributed")
def test_a_cluster_gives_the_table_of_one_machine_and_a_killed_worker_loses_no_run(
    runner, grid, data: Path, tmp_path: Path, cluster
) -> None:
    address, workers = cluster
    runs = [runner.Run(f"seed-{seed}", grid.draw, {"seed": seed}) for seed in range(5)]
    runs.insert(1, runner.Run("odd", grid.fail, {"seed": 3}))
    runs.insert(0, runner.Run("killed", grid.die_once, {"mark": str(tmp_path / "mark"), "seed": 7}))
    with pytest.raises(RuntimeError, match=r"1 of 7 runs failed.*odd: ValueError: seed 3 is odd"):
        runner.run_all(runs, tmp_path / "far", data, dask=address)
    assert sum(process.poll() is None for process in workers) == 1
    good = [run for run in runs if run.name != "odd"]
    far = runner.run_all(good, tmp_path / "far", data)
    near = runner.run_all(good, tmp_path / "near", data, workers=2)
    assert far == near and list(far) == list(near)
    for run in good:
        for name in (f"{run.name}.json", f"{run.name}/note.bin"):
            assert (tmp_path / "far" / name).read_bytes() == (tmp_path / "near" / name).read_bytes()
