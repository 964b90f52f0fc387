"""The same codes under every kernel that OpenBLAS has here, and every BLAS and NumPy that is asked for.

    python tests/every_blas.py                                       each kernel, one thread and two
    python tests/every_blas.py --python /usr/bin/python3 --blas /usr/lib/x86_64-linux-gnu/blis-pthread
                                                                     another NumPy, another BLAS
    python tests/every_blas.py --tests                               and the properties of the integer rooms

That float products of small integers are exact is a theorem about numbers below 2²⁴. It needs no kernel in
particular, so codes have to be equal in all. Trained weights may differ, since sums of floats are added up in
another order: printed is by how much.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
KERNELS = ("Prescott", "Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX", "Cooperlake", "Sapphirerapids")
ROOMS = ("tests/integer", "tests/archive", "tests/machine/test_products.py", "tests/machine/test_blas.py")
CHILD = """
import glob, hashlib, json, sys
import numpy as np
from tinyzip import archive, integer
from tinyzip.nn.models import student_net
from tinyzip.quant.door.classify import codes_of_pixels
from tinyzip.quant.door.twin import grid_of
from tinyzip.train.data import mnist
from tinyzip.train.fit import fit
train, test = mnist("examples/data/mnist")
digest, rng = hashlib.sha256(), np.random.default_rng(0)
for file in sorted(glob.glob("examples/models/*.tz")):
    program = archive.read(file)
    x = program.input
    if program.shape == (1, 28, 28):
        codes = codes_of_pixels(grid_of(x), test.images[:200])[None]
    else:
        codes = rng.integers(x.lo, x.hi + 1, (*program.shape, 50)).astype(x.dtype)
    for product in ("integer", "blas", "printed"):
        outputs = integer.run(program, np.ascontiguousarray(codes), product, trace=True)
        digest.update(b"".join(np.ascontiguousarray(y).tobytes() for y in outputs))
options = {"rng": np.random.default_rng(1), "epochs": 1, "batch": 64, "progress": False, "threads": 1}
net, history = fit(student_net(np.random.default_rng(0)), train.images[:2000], train.labels[:2000], **options)
with open("/proc/self/maps") as maps:
    places = {line.split()[-1] for line in maps}
names = sorted("/".join(place.split("/")[-2:]) for place in places if "blas" in place.rsplit("/")[-1])
weights = np.concatenate([net.params[name].ravel() for name in sorted(net.params)])
print(json.dumps({"codes": digest.hexdigest(), "weights": weights.tolist(), "loss": history.loss[-1],
                  "blas": names, "numpy": np.__version__}))
"""


def answer(python: str, environment: Mapping[str, str]) -> dict[str, Any] | None:
    """What one process says; None where it cannot run, as with a kernel that this processor lacks."""
    full = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    options: dict[str, Any] = {"capture_output": True, "encoding": "utf-8", "check": False}
    done = subprocess.run([python, "-c", CHILD], cwd=ROOT, env=full, **options)
    if done.returncode < 0:  # an instruction that this processor does not have
        return None
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--python", nargs="+", default=[], help="other interpreters, in which NumPy and SciPy are"
    )
    parser.add_argument("--blas", nargs="+", default=[], help="folders with a libblas.so.3 for each of these")
    parser.add_argument("--tests", action="store_true", help="run the tests of the integer rooms, too")
    args = parser.parse_args()
    ways = [("this one", sys.executable, {})]
    ways += [(kernel, sys.executable, {"OPENBLAS_CORETYPE": kernel}) for kernel in KERNELS]
    for python in args.python:
        ways += [
            (python, python, {"LD_LIBRARY_PATH": folder} if folder else {}) for folder in args.blas or [""]
        ]
    first: dict[str, Any] | None = None
    wrong = 0
    for name, python, environment in ways:
        for threads in ("1", "2"):
            found = answer(python, {**environment, "OPENBLAS_NUM_THREADS": threads})
            if found is None:
                print(f"{name}: not on this processor")
                break
            first = first or found
            same = found["codes"] == first["codes"]
            pairs = zip(found["weights"], first["weights"], strict=True)
            apart = max(abs(a - b) for a, b in pairs) / max(map(abs, first["weights"]))
            wrong += not same
            print(
                f"{name}, {threads} threads: NumPy {found['numpy']}, {' '.join(found['blas'])}:"
                f" codes {'equal' if same else 'DIFFER'}, trained weights {apart:.1e} of the largest apart,"
                f" loss {found['loss']:.6f}",
                flush=True,
            )
        else:
            if args.tests:
                words = [python, "-m", "pytest", "-q", "-x", *ROOMS]
                wrong += (
                    subprocess.run(words, cwd=ROOT, env=os.environ | environment, check=False).returncode != 0
                )
    print("codes are equal in all" if not wrong else f"{wrong} differ")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
