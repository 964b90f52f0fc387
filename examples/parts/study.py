"""What scripts share that put one question to several seeds: options, rows, trained networks that are kept.

A study is a function (folder, data, seed, quick, on) -> rows, which `runner` runs for each seed; and a table
and a picture of all rows. The same command goes on from what is in --out.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from parts.runner import Run, add_arguments, run_all
from parts.sets import MNIST, add_set, named, seed_of

from tinyzip.base.files import write_atomically
from tinyzip.nn.model import AnyModel
from tinyzip.train.run import checkpoint

Row = dict[str, Any]


def options(doc: str | None, name: str, quick: str, seeds: int, of_rows: int = 6) -> argparse.ArgumentParser:
    """The options of a study; `quick` says what its short setting is, `seeds` how many are usual.

    of_rows  how many on digits of one row
    """
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=quick)
    add_set(parser)
    usual = f"0 … {seeds - 1} when not given, on digits1d … {of_rows - 1}, 0 with --quick"
    parser.add_argument("--seeds", type=seed_of, nargs="+", help=usual)
    parser.add_argument("--out", type=Path, help=f"models, results, plot: out/{name}, out/{name}-quick")
    parser.add_argument("--json", type=Path, help="where to write the rows for machines")
    add_arguments(parser)
    parser.set_defaults(name=name, usual=(seeds, of_rows))
    return parser


def ask(parser: argparse.ArgumentParser, words: Sequence[str] | None) -> argparse.Namespace:
    """The options as given, completed."""
    args = parser.parse_args(words)
    which = "" if args.on == MNIST else f"-{args.on}"
    args.out = args.out or Path("out") / f"{args.name}{which}{'-quick' if args.quick else ''}"
    args.seeds = args.seeds or ([0] if args.quick else list(range(args.usual[args.on != MNIST])))
    return args


def asked_ways(
    parser: argparse.ArgumentParser, args: argparse.Namespace, known: Sequence[str]
) -> dict[str, list[str]]:
    """What a study that has an option --ways, which `options` leaves to it, is given beside the usual."""
    if unknown := set(args.ways or ()) - set(known):
        parser.error(f"--ways: found {min(unknown)!r}, needed some of {', '.join(map(repr, known))}")
    return {"ways": args.ways} if args.ways else {}


def rows_of(
    args: argparse.Namespace,
    study: Callable[..., list[Row]],
    recipe: str,
    without: Sequence[str] = (),
    **settings: Any,
) -> list[Row]:
    """The rows of all seeds: from --out, or made now; and in the file --json, without some of their keys.

    settings  what else the study is given
    """
    told = {"quick": args.quick, **named(args.on), **settings}
    runs = [Run(f"seed{seed}", study, {"seed": seed} | told, recipe) for seed in args.seeds]
    found = run_all(runs, args.out, args.data, args.workers, args.dask).values()
    rows = [row for rows in found for row in rows]
    if args.json:
        args.json.parent.mkdir(parents=True, exist_ok=True)
        kept = [{key: value for key, value in row.items() if key not in without} for row in rows]
        write_atomically(args.json, [(json.dumps(kept, indent=1) + "\n").encode()])
    return rows


def trained(
    folder: Path, name: str, how: Callable[..., tuple[AnyModel, Any]], model: AnyModel, **options: Any
) -> AnyModel:
    """The model that how(model, **options) trains: from its file in the folder, or trained now.

    A training that was interrupted goes on.
    """
    path, saved = folder / f"{name}.model", folder / f"{name}.checkpoint"
    if path.exists():
        return model.with_params(dict(checkpoint.read(path)[1]))
    print(f"training {name}", flush=True)
    resume = saved if saved.exists() else None
    result, _ = how(model, checkpoint=saved, resume=resume, **options)
    checkpoint.write(path, {}, result.params)
    saved.unlink()
    return result


def spread(values: Sequence[float], form: str = ".1f") -> str:
    """Mean ± standard deviation; of one value, that. A sign that the form asks for is the mean's."""
    deviation = f" ± {format(stdev(values), form.lstrip('+'))}" if len(values) > 1 else ""
    return f"{format(mean(values), form)}{deviation}"


def grouped(rows: Sequence[Row], *keys: str) -> dict[tuple[Any, ...], list[Row]]:
    """The rows by what they have under these keys, in the order in which each first comes."""
    groups: dict[tuple[Any, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[key] for key in keys), []).append(row)
    return groups


def run_as_script(name: str, main: Callable[[], None]) -> None:
    """main(), with one line for what went wrong."""
    try:
        main()
    except (ValueError, OSError, RuntimeError, FloatingPointError, ImportError) as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"\n{name}: stopped; the same command goes on from what is in --out")
