"""Is the distilled student better, or was it the luck of the seed?

Runs the main job, `mnist_quant.py`, once for each seed 0, 1, 2, … and prints of each model the mean and
the standard deviation of its errors. A difference between two rows that is smaller than these deviations
says nothing. The picture of the pipeline is drawn again, from the means.
"""

import argparse
import json
import sys
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import mnist_quant
import plots

from tinyzip.base.table import aligned


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 2 up")
    parser.add_argument("--quick", action="store_true", help="the short training of the main job")
    parser.add_argument("--data", type=Path, default=mnist_quant.DATA, help="a folder with four IDX files")
    parser.add_argument("--out", type=Path, default=Path("out"), help="a folder for each seed goes here")
    parser.add_argument("--json", type=Path, help="where to write all rows for machines")
    parser.add_argument("--resume", action="store_true", help="go on; finished seeds are not run again")
    args = parser.parse_args()
    if args.seeds < 2:
        parser.error(f"--seeds: found {args.seeds}, needed 2 or more for a standard deviation")

    runs = [one_run(seed, args) for seed in range(args.seeds)]
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
    print(f"\n{aligned(lines, words=(0, 5))}")
    print(f"\n{len(runs)} seeds, {mean(run['seconds'] for run in runs):.0f} seconds a seed")
    if plots.available(("matplotlib",)):
        plots.plot_pipeline([run["rows"] for run in runs], args.out / "pipeline.png")
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1) + "\n", encoding="utf-8")


def one_run(seed: int, args: argparse.Namespace) -> dict[str, Any]:
    """The main job's JSON for one seed, from its folder if it has been there before and may be used."""
    folder = args.out / f"seed-{seed}"
    table = folder / "table.json"
    if not (args.resume and table.exists()):
        folder.mkdir(parents=True, exist_ok=True)
        words = ["--seed", str(seed), "--data", str(args.data), "--out", str(folder), "--json", str(table)]
        flags = [flag for flag, given in (("--quick", args.quick), ("--resume", args.resume)) if given]
        mnist_quant.main(words + flags)
    result: dict[str, Any] = json.loads(table.read_text(encoding="utf-8"))
    return result


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError, FloatingPointError) as error:
        sys.exit(f"seeds: {error}")
    except KeyboardInterrupt as stop:
        sys.exit(f"\nseeds: {str(stop) or 'interrupted'}; --resume goes on from there")
