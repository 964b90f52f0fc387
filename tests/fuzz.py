"""Files that nobody would write: fuzzing of all readers, guided by coverage, by atheris.

    python tests/fuzz.py tz --seconds 3600        one of tz, onnx, tflite, npy, idx, network, checkpoint
    python tests/fuzz.py all --seconds 3600       each in turn, in a process of its own

Needs atheris (`pip install -e '.[fuzz]'`, Linux). It begins with the small files of `base/readers.py`, whose
checksums are mended after each change, and goes on from what `out/fuzz` holds of an earlier run. Whatever a
reader does has to be an answer, or a ValueError in one line, in thirty seconds and a gigabyte. Any other is
an exit status that is not 0, and the file that did it lies in `out/fuzz`.
"""

import argparse
import os
import subprocess
import sys
import warnings
from pathlib import Path

HERE = Path(__file__).parent
OUT = HERE.parent / "out" / "fuzz"
SECONDS, MEGABYTES, MOST = 30, 1024, 1 << 16  # of one file: time, memory, bytes
BESIDE = ("base", "archive", "exchange/models")  # where `readers` and what it imports are
sys.path[:0] = [str(HERE.parent), *(str(HERE / room) for room in BESIDE)]


def fuzz(name: str, seconds: int) -> None:
    """Does not return: libFuzzer ends the process."""
    import atheris

    with atheris.instrument_imports(include=["tinyzip"], enable_loader_override=False):
        from readers import READERS
    reader, corpus = READERS[name], OUT / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(reader.files()):
        (corpus / f"seed{number}").write_bytes(data)
    path = Path("/dev/shm" if os.path.isdir("/dev/shm") else OUT, f"fuzz{os.getpid()}.{name}")
    warnings.simplefilter("ignore")

    def one(data: bytes) -> None:
        path.write_bytes(reader.mended(data))
        try:
            reader.read(path)
        except ValueError as error:
            assert "\n" not in str(error) and ": found " in str(error), repr(error)

    options = [f"-max_total_time={seconds}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEGABYTES}"]
    options += [f"-max_len={MOST}", f"-artifact_prefix={OUT}/{name}-", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], one)
    atheris.Fuzz()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--seconds", type=int, default=60)
    args = parser.parse_args()
    if args.name != "all":
        fuzz(args.name, args.seconds)
    from readers import READERS

    failed = []
    for name in READERS:
        words = [sys.executable, __file__, name, "--seconds", str(args.seconds)]
        done = subprocess.run(words, capture_output=True, text=True, encoding="utf-8", check=False)
        runs = [line for line in done.stderr.splitlines() if "number_of_executed_units" in line]
        print(
            f"{name}: {runs[-1].split()[-1] if runs else '?'} files, exit status {done.returncode}",
            flush=True,
        )
        if done.returncode:
            failed.append(name)
            print(*done.stderr.splitlines()[-15:], sep="\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
