"""Who is how many times as fast as whom."""

from collections.abc import Iterable, Sequence

import numpy as np

from peers.clock import Speed

THREADS = (1, 2)
SMALL = 16  # images that two threads cannot share

Ratio = tuple[str, list[float]]
"""What is divided by what; the quotient with one thread and with two, nan where it was not measured."""


class Found:
    """The speeds, to be asked for by what was measured."""

    def __init__(self, speeds: Iterable[Speed]) -> None:
        self._speeds = {(s.engine, s.work, s.variant, s.batch, s.threads): s.images_per_s for s in speeds}

    def best(self, engine: str, work: str, variant: str | None, threads: int) -> tuple[float, int]:
        """The highest speed over batches (variant None: and variants), and its batch; (nan, 0) if none."""
        keys = [
            key
            for key in self._speeds
            if key[:2] == (engine, work) and variant in (None, key[2]) and key[4] == threads
        ]
        key = max(keys, key=lambda key: self._speeds[key], default=None)
        return (self._speeds[key], key[3]) if key else (np.nan, 0)

    def batches(self, engine: str, work: str) -> list[int]:
        """The batches that were measured."""
        return sorted({key[3] for key in self._speeds if key[:2] == (engine, work)})

    def fastest(self, own: bool, work: str, batch: int, threads: int) -> tuple[float, str]:
        """Of tinyzip's variants of eight bits or floats, or else of all other engines'; and whose it is."""
        rates = (
            (rate, key[0])
            for key, rate in self._speeds.items()
            if (key[0] == "tinyzip") == own
            and "/" not in key[2]
            and (key[1], *key[3:]) == (work, batch, threads)
        )
        return max(rates, default=(np.nan, ""))

    def at(self, engine: str, work: str, variant: str, batch: int, threads: int) -> float:
        return self._speeds.get((engine, work, variant, batch, threads), np.nan)


def float_ratios(found: Found) -> list[Ratio]:
    """tinyzip at the batch of torch's best; without torch, at its own best."""
    ratios: list[Ratio] = []
    for work, name in (("train", "training"), ("float", "float forward")):
        own = {}
        for variant, text in (("default", "torch default"), (None, "torch's best")):
            row = []
            for threads in THREADS:
                theirs, batch = found.best("torch", work, variant, threads)
                batch = batch or found.best("tinyzip", work, None, threads)[1]
                own[threads] = found.at("tinyzip", work, "default", batch, threads)
                row.append(own[threads] / theirs)
            ratios.append((f"{name} ÷ {text}", row))
        for batch in (batch for batch in found.batches("tinyzip", work) if batch > SMALL):
            two, one = (found.at("tinyzip", work, "default", batch, threads) for threads in (2, 1))
            ratios.append((f"{name}, two threads ÷ one, batch {batch}", [np.nan, two / one]))
    return ratios


def fastest_ratios(found: Found) -> list[Ratio]:
    """tinyzip beside the fastest other engine, whichever that is with one thread and with two."""
    ratios: list[Ratio] = []
    for work, name in (("train", "training"), ("float", "float forward"), ("integer", "int8")):
        for batch in found.batches("tinyzip", work):
            row, names = [], []
            for threads in THREADS:
                mine, _ = found.fastest(True, work, batch, threads)
                theirs, engine = found.fastest(False, work, batch, threads)
                row.append(mine / theirs)
                names.append(engine)
            whose = ", ".join(filter(None, dict.fromkeys(names)))
            ratios.append((f"{name} ÷ the fastest other ({whose}), batch {batch}", row))
    return ratios


def integer_ratios(found: Found, batches: Sequence[int], yardsticks: Sequence[Speed]) -> list[Ratio]:
    ratios: list[Ratio] = []
    for batch in batches:
        for mine, *theirs in (
            ("blas", "tinyzip", "float", "default"),
            ("blas", "onnxruntime", "integer", "qdq"),
            ("blas", "onnxruntime", "integer", "exact"),
            ("integer", "onnxruntime", "integer", "qoperator"),
            ("integer", "onnxruntime", "integer", "qoperator uint8"),
            ("blas", "openvino", "integer", "default"),
            ("blas", "litert", "integer", "default"),
            ("blas 2/4", "litert", "integer", "default"),
            ("blas 2/4", "litert", "integer", "4/8"),
            ("blas 4/4", "litert", "integer", "4/8"),
            ("blas 4/8", "litert", "integer", "4/8"),
            ("blas 2/4", "tinyzip", "integer", "blas"),
            ("blas 4/4", "tinyzip", "integer", "blas"),
            ("integer 4/4", "tinyzip", "integer", "integer"),
        ):
            engine, work, variant = theirs
            row = [
                found.at("tinyzip", "integer", mine, batch, threads)
                / found.at(engine, work, variant, batch, threads)
                for threads in THREADS
            ]
            ratios.append(
                (f"{mine} ÷ {engine} {work if variant == 'default' else variant}, batch {batch}", row)
            )
    if yardsticks:
        base, matmul = (speed.images_per_s for speed in yardsticks)
        text = f"integer ÷ @ on int32, batch {yardsticks[0].batch}"
        ratios.append((text, [base / matmul, np.nan]))
    return ratios
