"""Is the distilled student better, or was it the luck of the seed?

Runs the main job, `mnist_quant.py`, once for each seed 0, 1, 2, … and prints of each model the mean and
the standard deviation of its errors. A difference between two rows that is smaller than these deviations
says little. But a student and its twin have the same first weights, images and steps, so each seed is a
comparison of its own: below stand the mean of these paired differences and its standard error, from which
it should be three away. The picture of the pipeline is drawn again, from the means.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import mnist_quant
from parts import plots
from parts.runner import Run, add_arguments, run_all
from parts.sets import add_set, named

from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned

SCRATCH, DISTILLED = "student, scratch", "student, distilled"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 2 up")
    parser.add_argument("--quick", action="store_true", help="the short training of the main job")
    add_set(parser)
    parser.add_argument("--out", type=Path, default=Path("out"), help="a folder for each seed goes here")
    parser.add_argument("--json", type=Path, help="where to write all rows for machines")
    parser.add_argument("--resume", action="store_true", help="go on; finished seeds are not run again")
    add_arguments(parser)
    args = parser.parse_args(words)
    if args.seeds < 2:
        parser.error(f"--seeds: found {args.seeds}, needed 2 or more for a standard deviation")

    told = {"quick": args.quick} | named(args.on)
    runs = [Run(f"seed-{seed}", one_seed, {"seed": seed} | told) for seed in range(args.seeds)]
    for run in runs if not args.resume else ():
        for path in (args.out / f"{run.name}.json", *(args.out / run.name).glob("*.checkpoint")):
            path.unlink(missing_ok=True)
    found = list(run_all(runs, args.out, args.data, args.workers, args.dask).values())
    print(f"\n{as_table(found)}\n\n{differences(found)}")
    print(f"\n{len(runs)} seeds, {mean(run['seconds'] for run in found):.0f} seconds a seed")
    if plots.available(("matplotlib",)):
        plots.plot_pipeline([run["rows"] for run in found], args.out / "pipeline.png")
    if args.json:
        write_atomically(args.json, [(json.dumps(found, indent=1) + "\n").encode()])


def one_seed(folder: Path, data: Path, seed: int, quick: bool, on: str = "mnist") -> dict[str, Any]:
    """The main job's JSON for one seed."""
    table = folder / "table.json"
    words = ["--seed", str(seed), "--data", str(data), "--out", str(folder), "--json", str(table), "--resume"]
    words += ["--on", on]
    mnist_quant.main([*words, "--quick"] if quick else words)
    result: dict[str, Any] = json.loads(table.read_text(encoding="utf-8"))
    return result


def as_table(runs: list[dict[str, Any]]) -> str:
    """A line for each model."""
    lines = [("model", "parameters", "bytes", "errors, mean ± std", "accuracy", "each")]
    for rows in zip(*(run["rows"] for run in runs), strict=True):
        errors = [row["errors"] for row in rows]
        lines.append(
            (
                rows[0]["model"],
                f"{rows[0]['parameters']:,}",
                f"{mean(row['bytes'] for row in rows):,.0f}",
                f"{mean(errors):.1f} ± {stdev(errors):5.1f}",
                f"{mean(row['accuracy'] for row in rows):.2%}",
                ", ".join(map(str, errors)),
            )
        )
    return aligned(lines, words=(0, 5))


def differences(runs: list[dict[str, Any]]) -> str:
    """A line for each pair of twins: by how many errors the distilled one is better."""
    errors = [{row["model"]: row["errors"] for row in run["rows"]} for run in runs]
    lines = [("scratch − distilled", "mean ± standard error", "share", "each")]
    for name in errors[0]:
        if name.startswith(SCRATCH):
            images = name.removeprefix(SCRATCH)
            pairs = [(run[name], run[DISTILLED + images]) for run in errors]
            better = [scratch - distilled for scratch, distilled in pairs]
            error = stdev(better) / len(better) ** 0.5
            share = sum(better) / max(sum(scratch for scratch, _ in pairs), 1)
            each = ", ".join(f"{d:+d}" for d in better)
            lines.append(
                (
                    images.strip(", ") or "all images",
                    f"{mean(better):.1f} ± {error:.1f}",
                    f"{share:.0%}",
                    each,
                )
            )
    return aligned(lines, words=(0, 3))


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, RuntimeError, FloatingPointError, ImportError) as error:
        sys.exit(f"seeds: {error}")
    except KeyboardInterrupt as stop:
        sys.exit(f"\nseeds: {str(stop) or 'interrupted'}; --resume goes on from there")
