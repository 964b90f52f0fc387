"""Grids of runs that do not depend on each other, on the cores of this machine or on those of a cluster.

    runs = [Run(f"seed-{seed}", one_seed, {"seed": seed}) for seed in range(6)]
    results = run_all(runs, out=Path("out"), data=Path("data"), workers=2)

A run is a function that is given a folder of its own for what it writes, the folder of the data, and its
settings; what it returns has to fit into JSON. It draws from generators that its settings decide, so it gives
the same wherever and whenever it runs. `NAME.json` in --out holds its result and the settings that led to it:
runs that have one are not run again, and one of other settings or other data is refused. What a run keeps in
its folder lets it go on from there.

All goes through the interface of `concurrent.futures.Executor`, which has two makers here:

processes  One for each run, and as many at a time as there are workers, each with its share of the cores.
--dask     A scheduler of dask.distributed. Nothing is asked of its workers but an installed tinyzip: the
           scripts' functions and the data travel there, the result and the run's files travel back.

A worker that is killed loses no run, as another takes it over: three times at most, since it may have been
the run that killed it. A run that fails is named at the end, when all others are done. Where the script is
killed, its processes end with it.
"""

import argparse
import inspect
import json
import os
import pickle
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from itertools import zip_longest
from multiprocessing import get_context, parent_process
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from zlib import crc32

from tinyzip.base.files import write_atomically
from tinyzip.base.refuse import refuse

DATA = "*-ubyte*"  # the files of a folder of data
ATTEMPTS = 3  # of a run whose worker ends under it; dask's own number, too
Files = dict[str, bytes]


@dataclass(frozen=True)
class Run:
    """One run of a grid: function(folder, data, **settings) -> what JSON can hold.

    name      its file in --out, and its folder
    function  of a module, not of another function: it is sent by its name to processes
    settings  what JSON can hold; they decide the result, together with the data
    recipe    what else decides it, for the record: text of any number of lines
    """

    name: str
    function: Callable[..., Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    recipe: str = ""

    def made_by(self, data: Path) -> list[str]:
        """What stands beside the result, to recognise it by."""
        checksum = 0
        for content in _packed(data, DATA).values():
            checksum = crc32(content, checksum)
        asked = {"run": self.function.__name__, "data": f"{checksum:08x}", **self.settings}
        return [f"{name} {value!r}" for name, value in asked.items()] + self.recipe.splitlines()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of every script that has a grid."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    parser.add_argument("--workers", type=int, default=cores, help="runs at a time on this machine")
    parser.add_argument("--dask", metavar="ADDRESS", help="a dask scheduler whose workers run them instead")


def run_all(
    runs: Sequence[Run], out: Path, data: Path, workers: int = 1, dask: str | None = None
) -> dict[str, Any]:
    """The result of each run by name, in the order of the runs: read from `out`, or made now.

    out      a folder, made if it is missing: NAME.json for each result, NAME/ and NAME.log for what it leaves
    data     a folder of files, given to each run
    workers  processes at a time, from 1 up
    dask     the address of a scheduler, "tcp://HOST:PORT", in place of processes
    raises   ValueError for results with other settings; RuntimeError, when all others are done, that names
             each run that failed
    """
    if workers < 1:
        refuse("--workers", workers, "a whole number from 1 up")
    if not data.is_dir():
        refuse(str(data), "no such folder", "a folder with the data", FileNotFoundError)
    if len({run.name for run in runs}) < len(runs):
        names = ", ".join(run.name for run in runs)
        refuse("runs", names, "each name once, as it is that of a file")
    out.mkdir(parents=True, exist_ok=True)
    made_by = {run.name: run.made_by(data) for run in runs}
    results = {name: _kept(out / f"{name}.json", lines) for name, lines in made_by.items()}
    missing = [run for run in runs if results[run.name] is None]
    failed: dict[str, BaseException] = {}
    start = time.perf_counter()
    with ExitStack() as stack:
        if missing:
            make = _on_cluster(dask) if dask else _in_processes(min(workers, len(missing)))
            submit = stack.enter_context(make)
            futures = {submit(run, out, data): run for run in missing}
            stack.callback(_cancel, futures)
        for done, future in enumerate(as_completed(futures) if missing else (), 1):
            run = futures[future]
            try:
                result, files = future.result()
                _unpack(files, out / run.name)
                results[run.name] = _keep(out / f"{run.name}.json", made_by[run.name], result)
                said = "is done"
            except Exception as error:
                failed[run.name] = error
                said = "failed"
            left = (time.perf_counter() - start) / done * (len(missing) - done) / 60
            ready = len(runs) - len(missing) + done
            print(f"{run.name} {said}, {ready} of {len(runs)}; about {left:.0f} minutes left", flush=True)
    if failed:
        named = "; ".join(f"{name}: {type(error).__name__}: {error}" for name, error in failed.items())
        raise RuntimeError(f"{len(failed)} of {len(runs)} runs failed, the others are kept in {out}: {named}")
    return {name: kept["result"] for name, kept in results.items()}


def _kept(path: Path, made_by: list[str]) -> dict[str, Any] | None:
    """What stands in the file of a result; None if there is none."""
    if not path.exists():
        return None
    kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(kept, dict) or kept.keys() != {"made by", "result"}:
        refuse(str(path), "another file", "a result, or no file")
    for ours, other in zip_longest(made_by, kept["made by"], fillvalue="nothing"):
        if ours != other:
            refuse(str(path), f"a result made with {other.strip()}", f"{ours.strip()}, or no file")
    return kept


def _keep(path: Path, made_by: list[str], result: Any) -> dict[str, Any]:
    """What then stands in the file of this result."""
    text = json.dumps({"made by": made_by, "result": result}, indent=1) + "\n"
    write_atomically(path, [text.encode()])
    kept: dict[str, Any] = json.loads(text)
    return kept


def _cancel(futures: Mapping[Future[Any], Run]) -> None:
    """Let nothing begin any more, where something has gone wrong here."""
    for future in futures:
        future.cancel()


Submit = Callable[[Run, Path, Path], "Future[tuple[Any, Files]]"]


@contextmanager
def _in_processes(workers: int) -> Iterator[Submit]:
    """Each run in a process of its own, so that one that is killed takes no other with it."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    shares: SimpleQueue[list[int]] = SimpleQueue()
    for worker in range(workers):
        shares.put(cores[worker::workers] or cores)

    def work(run: Run, out: Path, data: Path) -> tuple[Any, Files]:
        share = shares.get()
        try:
            return _attempt(run, out, data, share, ATTEMPTS), {}
        finally:
            shares.put(share)

    with ThreadPoolExecutor(workers) as threads:
        yield lambda run, out, data: threads.submit(work, run, out, data)


def _attempt(run: Run, out: Path, data: Path, cores: list[int], attempts: int) -> Any:
    """The run's result from a process of its own, or from another one if that is killed."""
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        try:
            return process.submit(_here, run, out, data, cores).result()
        except BrokenProcessPool:
            if attempts == 1:
                raise
    return _attempt(run, out, data, cores, attempts - 1)


def _here(run: Run, out: Path, data: Path, cores: list[int]) -> Any:
    """In a process of its own: the run on these cores, what it prints in a file."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if cores:
        os.sched_setaffinity(0, cores)
    folder = out / run.name
    folder.mkdir(exist_ok=True)
    log = (out / f"{run.name}.log").open("a", encoding="utf-8", buffering=1)
    with log, redirect_stdout(log), redirect_stderr(log):
        return run.function(folder, data, **run.settings)


def _end_with_parent() -> None:
    """Nobody waits any more for the result of a process whose parent has been killed."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _on_cluster(address: str) -> Iterator[Submit]:
    """The same on the workers of a dask scheduler."""
    try:
        import cloudpickle
        from distributed import Client
    except ImportError as error:
        refuse("--dask", f"no module {error.name!r}", "pip install 'tinyzip[dask]'", ImportError)
    with Client(address) as client, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sending large graph")  # it is sent once, and kept there
        executor: Executor = client.get_executor(pure=False)
        sent: dict[Path, Any] = {}

        def submit(run: Run, out: Path, data: Path) -> Future[tuple[Any, Files]]:
            if data not in sent:  # a task, not an array put there: where it gets lost, it is made again
                content = cloudpickle.dumps(_packed(data, DATA))
                sent[data] = client.submit(lambda: content, pure=False)
            for module in _beside(_there) + _beside(run.function):
                cloudpickle.register_pickle_by_value(module)
            work = cloudpickle.dumps((_there, run))

            def there(content: bytes) -> tuple[Any, Files]:
                function, run = pickle.loads(work)
                answer: tuple[Any, Files] = function(run, pickle.loads(content))
                return answer

            return executor.submit(there, sent[data])

        yield submit


def _beside(function: Callable[..., Any]) -> list[ModuleType]:
    """The modules in use that lie beside the function's, or with the examples: workers do not have them."""
    parts = Path(__file__).parent
    folders = {Path(inspect.getfile(function)).parent, parts, parts.parent}
    files = {module: getattr(module, "__file__", None) for module in list(sys.modules.values())}
    del files[sys.modules["__main__"]]  # is always sent
    return [module for module, file in files.items() if file and Path(file).parent in folders]


def _there(run: Run, files: Files) -> tuple[Any, Files]:
    """On a worker: the run between two folders that are gone afterwards."""
    with TemporaryDirectory() as place:
        data, folder = Path(place, "data"), Path(place, "out")
        folder.mkdir()
        _unpack(files, data)
        return run.function(folder, data, **run.settings), _packed(folder, "*")


def _packed(folder: Path, pattern: str) -> Files:
    """The files of a folder by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.glob(pattern)) if path.is_file()}


def _unpack(files: Files, folder: Path) -> None:
    """The same files in another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        write_atomically(folder / name, [content])
