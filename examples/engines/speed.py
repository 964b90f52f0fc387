"""How fast is tinyzip, beside the engines that one would otherwise use?

    python examples/engines/speed.py              the network of the main example: five minutes
    python examples/engines/speed.py --quick      the same, two minutes, with more noise
    python examples/engines/speed.py --all        other networks too: ten minutes
    python examples/engines/speed.py --json FILE  and keep the speeds
    python examples/engines/speed.py --from FILE  draw what was kept: speed.png, in --out

One network, one machine, one run. Each engine that is installed (torch, torch.compile, onnxruntime, OpenVINO,
LiteRT, JAX: pip install -e '.[engines]'; none is needed) gets the same weights in its own format, and has to
give the same answers before its time counts. Then all take turns: a short measurement of each, and again, so
that a machine that slows down does so for everyone.
Each has a process of its own, which is stopped while another one has its turn. Printed are the median over
the turns and half their range; ! marks what lies more than ±15 % apart and is not to be trusted.

Speeds are images per second of the network alone. Every engine finds its images in the layout that it likes
best. A training step is forward, cross-entropy, backward and AdamW on one batch that stays the same.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from textwrap import indent
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # to `parts`

import numpy as np
from parts import plots
from peers import Batch, chart
from peers.chart import STEADY
from peers.clock import Effort, Speed, measure
from peers.ratios import THREADS, Found, Ratio, fastest_ratios, float_ratios, integer_ratios
from peers.seats import Job, Seat

from tinyzip.base.files import write_atomically
from tinyzip.base.table import aligned
from tinyzip.integer import Program
from tinyzip.nn import models
from tinyzip.nn.sequential import Sequential
from tinyzip.quant.door.lower import lower
from tinyzip.quant.grids.blocks import blocks_of
from tinyzip.quant.grids.calibrate import calibrate
from tinyzip.quant.grids.fold import fold_batch_norm

Record = dict[str, Any]

ENGINES = ("tinyzip", "torch", "torch_compile", "onnxruntime", "openvino", "litert", "jax")
BATCHES = {"train": (1, 16, 64, 128, 256), "float": (1, 64, 128, 256), "integer": (1, 64, 256)}
OTHERS = {"lenet5": 128, "vgg_net": 128, "separable_net": 128, "wide_mlp": 256}
VARIANTS = (  # in --json
    *("default", "channels-last", "integer", "blas", "integer 4/4", "blas 4/4", "blas 2/4", "blas 4/8"),
    *("qdq", "exact", "qoperator", "qoperator uint8", "4/8", "4/8 all"),
)
NETWORK = "seed_net"
FEWER = {"4/4": (4, 4), "2/4": (2, 4), "4/8": (4, 8)}  # bits of weights and of activations


def load(names: Iterable[str], stack: ExitStack) -> dict[str, Seat]:
    """A seat for each engine that is installed, until the stack is left. Says which are not."""
    found: dict[str, Seat] = {}
    for name in names:
        try:
            found[name] = Seat(name)
        except ImportError as error:
            print(f"  {name}: left out ({error})")
        else:
            stack.callback(found[name].close)
            print(f"  {found[name].version}")
    return found


def draw(N: int, shape: tuple[int, ...] = models.MNIST) -> Batch:
    """Random images and labels: speed does not depend on what they show."""
    rng = np.random.default_rng(N)
    return Batch(rng.integers(0, 256, (N, *shape), np.uint8), rng.integers(0, 10, N))


def program_of(model: Sequential, weights: int, activations: int, rounding: str = "single") -> Program:
    """With so many bits; images stay bytes. Sums are rounded once, as the others do."""
    bits = {"input": 8} | {block.name: activations for block in blocks_of(fold_batch_norm(model))}
    grids = calibrate(model, draw(512).images, weights=weights, activations=bits)
    return lower(model, grids, rounding=rounding)


def called(speed: Job | Speed) -> str:
    return speed.engine if speed.variant == "default" else f"{speed.engine} {speed.variant}"


def check(entries: Sequence[Job], batch: Batch) -> None:
    """Every entry's answers beside those of the first with the same work; stops where they disagree.

    float    logits: within 10⁻⁴ of the largest
    train    the losses of three steps: within 10⁻³
    integer  logits as codes: at most 1 apart, since engines round differently; for 97 of 100 the same class
    """
    first: dict[str, Any] = {}
    rows = []
    good = True
    for entry in entries:
        mine = np.asarray(entry.answers(batch))
        reference = first.setdefault(entry.work, mine)
        apart = np.abs(mine - reference).max()
        if entry.work == "integer":
            classes = np.mean(mine.argmax(1) == reference.argmax(1))
            good = apart <= 1 and classes >= 0.97
            differ = np.mean(mine != reference)
            text = f"{differ:.2%} of codes differ, by {apart:.0f} at most; same class {classes:.1%}"
        else:
            apart /= np.abs(reference).max()
            good = apart <= (1e-3 if entry.work == "train" else 1e-4)
            text = f"{'losses' if entry.work == 'train' else 'logits'} differ by {apart:.0e} at most"
        rows.append((entry.work, called(entry), text))
        if not good:
            break
    print(indent(aligned(rows, words=(0, 1, 2)), "  "))
    if not good:
        sys.exit("The engines do not compute the same, so their speeds cannot be compared.")


def show(title: str, speeds: Sequence[Speed]) -> None:
    """A table for each number of threads: a row an entry, a column a batch."""
    for threads in THREADS:
        here = [speed for speed in speeds if speed.threads == threads]
        batches = sorted({speed.batch for speed in here})
        print(f"\n{title}, {threads} thread{'s'[: threads - 1]}, images/s and half the range of the turns")
        rows = [["", *(f"batch {batch}" for batch in batches)]]
        for name in dict.fromkeys(called(speed) for speed in here):
            cells = {speed.batch: speed for speed in here if called(speed) == name}
            ranges = {N: (s.highest - s.lowest) / s.images_per_s / 2 for N, s in cells.items()}
            rows.append(
                [
                    name,
                    *(
                        f"{cells[N].images_per_s:,.0f} ±{ranges[N]:4.0%}{'!' if ranges[N] > STEADY else ' '}"
                        for N in batches
                    ),
                ]
            )
        print(indent(aligned(rows), "  "))


def others(engines: Mapping[str, Seat], effort: Effort) -> tuple[list[Ratio], list[Record]]:
    """Training and float forward of other networks."""
    ratios: list[Ratio] = []
    records: list[Record] = []
    for name, N in OTHERS.items():
        model, batch = getattr(models, name)(), draw(N)
        entries = [entry for seat in engines.values() for entry in seat.jobs("entries", model, None)]
        check(entries, draw(64))
        if name == "wide_mlp" and "tinyzip" in engines:
            entries += engines["tinyzip"].jobs("perceptron", model)
        speeds = []
        for work in ("train", "float"):
            group = [entry for entry in entries if entry.work == work]
            part = [speed for threads in THREADS for speed in measure(group, batch, threads, effort)]
            show(f"{name}, {work}", part)
            speeds += part
        found = Found(speeds)
        rows = float_ratios(found) + fastest_ratios(Found(counted(speeds)))
        ratios += [(f"{name}: {text}", row) for text, row in rows]
        if name == "wide_mlp":
            for variant, text in (("default", "training"), ("gradient", "training without AdamW")):
                row = [
                    found.at("tinyzip", "train", variant, N, threads)
                    / found.at("products", "train", "default", N, threads)
                    for threads in THREADS
                ]
                ratios.append((f"{name}: {text} ÷ bare products", row))
        records += recorded(name, speeds)
    return ratios, records


@contextmanager
def busy() -> Iterator[None]:
    """One core is taken meanwhile."""
    process = get_context("fork").Process(target=spin, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def spin() -> None:
    while True:
        pass


def counted(speeds: Iterable[Speed]) -> list[Speed]:
    """Those of engines at the whole work: no yardsticks."""
    return [speed for speed in speeds if speed.engine in ENGINES and speed.variant in VARIANTS]


def recorded(network: str, speeds: Iterable[Speed]) -> list[Record]:
    """What --json keeps of the speeds of a network."""
    return [{"network": network, **asdict(speed)} for speed in counted(speeds)]


def fewer_bits(engines: Mapping[str, Seat], model: Sequential) -> list[Job]:
    """tinyzip's programs of fewer bits, and LiteRT's INT4 weights beside activations of eight bits."""
    own, litert = engines["tinyzip"], engines.get("litert")
    found: list[Job] = []
    for name, bits in FEWER.items():
        program = program_of(model, *bits)
        jobs = own.jobs("products", program, f" {name}")
        if litert and name == "4/8":
            jobs += litert.jobs("four_bits", program, name, False)
        check(jobs, draw(64))
        found += jobs
    if litert:
        program = program_of(model, 4, 8, "double")
        jobs = own.jobs("products", program, " 4/8 all")[:1]
        jobs += litert.jobs("four_bits", program, "4/8 all", True)
        check(jobs, draw(64))
        found += jobs
    return [job for job in found if job.variant in VARIANTS]


def compare(engines: Mapping[str, Seat], effort: Effort, other_networks: bool) -> list[Record]:
    """Measure, print, and give what --json keeps."""
    model = getattr(models, NETWORK)()
    program = program_of(model, 8, 8)
    entries = [entry for seat in engines.values() for entry in seat.jobs("entries", model, program)]
    print("\nDo they compute the same? (the first of each kind is the reference)")
    check(entries, draw(64))
    own = engines.get("tinyzip")
    if own:
        entries += fewer_bits(engines, model)

    speeds: list[Speed] = []
    for work, batches in BATCHES.items():
        group = [entry for entry in entries if entry.work == work]
        part = [
            speed
            for threads in THREADS
            for N in batches
            for speed in measure(group, draw(N), threads, effort)
        ]
        show(work, part)
        speeds += part
    yardsticks = measure(own.jobs("yardsticks", program), draw(64), 1, effort) if own else []
    found = Found(speeds)
    ratios = fastest_ratios(Found(counted(speeds))) + float_ratios(found)
    ratios += integer_ratios(found, BATCHES["integer"][1:], yardsticks)
    if own:
        training = [entry for entry in entries if (entry.engine, entry.work) == ("tinyzip", "train")]
        with busy():
            one, two = (measure(training, draw(128), n, effort, True)[0].images_per_s for n in THREADS)
        ratios.append(("training beside a busy core, two threads ÷ one, batch 128", [np.nan, two / one]))
    records = recorded(NETWORK, speeds)
    if other_networks:
        more_ratios, more_records = others(engines, effort)
        ratios, records = ratios + more_ratios, records + more_records

    measured = [
        [text, *("" if np.isnan(ratio) else f"{ratio:.2f}×" for ratio in row)]
        for text, row in ratios
        if not np.isnan(row).all()
    ]
    print(f"\n{aligned([['Ratios', '1 thread', '2 threads'], *measured])}")
    return records


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="shorter and fewer measurements")
    parser.add_argument(
        "--all", action="store_true", help="other networks too: LeNet-5, VGG, separable, wide MLP"
    )
    parser.add_argument(
        "--only", nargs="+", choices=ENGINES, default=ENGINES, metavar="ENGINE", help=", ".join(ENGINES)
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the speeds as a list of records")
    parser.add_argument("--from", type=Path, metavar="FILE", dest="kept", help="measure nothing: draw these")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="draw speed.png")
    options = parser.parse_args(arguments)
    if options.kept:
        records = chart.read(options.kept)
    else:
        effort = Effort(3, 0.03) if options.quick else Effort(5, 0.18)
        with ExitStack() as stack:
            print("Engines")
            records = compare(load(options.only, stack), effort, options.all)
    if options.json:
        write_atomically(options.json, [(json.dumps(records, indent=1)).encode()])
    if options.out and plots.available(("matplotlib",)):
        options.out.mkdir(parents=True, exist_ok=True)
        chart.draw(records, options.out / "speed.png")
        print(f"\nwritten: {options.out / 'speed.png'}")


if __name__ == "__main__":
    try:
        main()
    except (ValueError, OSError) as error:
        sys.exit(f"speed: {error}")
