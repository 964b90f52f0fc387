"""What do all studies say of digits of one row? A minute for each, and one page with their tables.

Each study is run as `examples/studies/NAME.py --on digits1d`, on as many cores as there are. What it printed
is kept in --out with the seconds that it took: the same command goes on from there. The page is written anew
from its mark on; what stands before that is left as it is.
"""

import argparse
import ast
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

from parts.study import run_as_script

from tinyzip.base.files import write_atomically
from tinyzip.base.refuse import refuse

HERE = Path(__file__).parent
STUDIES = (
    "bits",
    "distill_bits",
    "few_images",
    "from_noise",
    "hinton",
    "keep",
    "pruning",
    "ranges",
    "smallest",
)
MARK = "<!-- from here on written by examples/studies/minute.py -->\n"
SAID = re.compile(r".* is done, \d+ of \d+;|epoch |training |\d+ seconds; programs")  # not of the tables


def study(name: str, out: Path, quick: bool) -> dict[str, str | float]:
    """What a study prints, and what it took in seconds: from `out`, or run now."""
    kept = out / f"{name}{'-quick' if quick else ''}.json"
    if not kept.exists():
        print(f"{name} …", flush=True)
        command = [
            sys.executable,
            str(HERE / f"{name}.py"),
            "--on",
            "digits1d",
            "--out",
            str(out / kept.stem),
        ]
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            command + ["--quick"] * quick, capture_output=True, text=True, encoding="utf-8", check=False
        )
        if done.returncode:
            refuse(f"{name}.py", done.stderr.strip().splitlines()[-1:], "a table", RuntimeError)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        lines = [line for line in done.stdout.splitlines() if not SAID.match(line)]
        told = {"printed": "\n".join(lines).strip("\n"), "cpu": cpu, "wall": time.perf_counter() - start}
        write_atomically(kept, [json.dumps(told, indent=1).encode()])
    found: dict[str, str | float] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def page(found: dict[str, dict[str, str | float]], cores: int) -> str:
    """A section for each study."""
    cpu, wall = (sum(float(told[key]) for told in found.values()) for key in ("cpu", "wall"))
    parts = [
        f"Printed by `.venv/bin/python examples/studies/minute.py`, {len(found)} studies on {cores} cores, "
        f"each when it was last run; their\nseconds add up to {wall:.0f}, {cpu:.0f} of them a core's own. "
        "Errors are of 1,000 test images; "
        "every seed has its own images; mean ± standard deviation over the seeds.\n"
    ]
    for name, told in found.items():
        text = (HERE / f"{name}.py").read_text(encoding="utf-8")
        question, *_ = (ast.get_docstring(ast.parse(text)) or "").splitlines()
        parts.append(
            f"## {question}\n\n`{name}.py --on digits1d`, {told['wall']:.0f} seconds, "
            f"{told['cpu']:.0f} of them a core's own:\n\n```text\n{told['printed']}\n```\n"
        )
    return "\n".join(parts)


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the short setting of each study")
    parser.add_argument("--only", nargs="+", choices=STUDIES, default=STUDIES, help="some studies")
    parser.add_argument("--out", type=Path, default=Path("out/minute"), help="what the studies keep")
    parser.add_argument("--page", type=Path, help="the page, DIGITS1D.md in --out when not given")
    args = parser.parse_args(words)
    args.out.mkdir(parents=True, exist_ok=True)
    found = {name: study(name, args.out, args.quick) for name in args.only}
    path = args.page or args.out / "DIGITS1D.md"
    head = path.read_text(encoding="utf-8").partition(MARK)[0] if path.exists() else ""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    write_atomically(path, [(head + MARK + "\n" + page(found, cores)).encode()])
    print(f"the tables are in {path}")


if __name__ == "__main__":
    run_as_script("minute", main)
