"""Every line of the package runs in a test, and every branch is taken, but for those with a reason here.

    python tests/uncovered.py                     all tests under coverage, a quarter of an hour
    python tests/uncovered.py --json cover.json   of a report that `coverage json` has written

Needs pytest-cov. Prints each line that no test reaches, or leaves in one direction only, and that `REASONS`
does not name; exit status 1 where there are any, or where a reason is no longer needed. The course, `learn`,
is held by its own checks.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).parent.parent
OTHER = "runs in processes of their own, which are not counted"
NEVER = "all kinds of the library stand above it; types ask for an end"
BREAK = "the loop ends by its break"
REASONS: dict[str, dict[str, str]] = {
    "__main__.py": dict.fromkeys(
        ("import sys", "from tinyzip.cli.main import main", 'if __name__ == "__main__":', "sys.exit(main())"),
        OTHER,
    ),
    "archive/records.py": {
        "for following in [*sorted(numbers), 0] if operator else [None] * (len(names) + 1):": BREAK
    },
    "archive/weights.py": {"elif plan.asked is not None:": "no fourth coding is left; types ask for it"},
    "base/files.py": {
        'if sys.platform == "win32":': "Windows",
        "yield": "Windows and browsers, which have no locks",
        "return": "Windows and browsers, which have no locks",
        "except ImportError:  # a browser": "a browser",
    },
    "base/table.py": {"raise NotImplementedError": "each class that is shown has its own"},
    "cli/main.py": {"os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())": OTHER},
    "cli/run.py": {
        "elif images.labels is not None:": "images without labels are those of files; types ask for it"
    },
    "exchange/c/draft.py": dict.fromkeys(
        (
            "if values.size > np.iinfo(np.int32).max:",
            'refuse(f"c: {name}", f"{values.size} numbers", f"at most {np.iinfo(np.int32).max}")',
        ),
        "takes two gigabytes",
    ),
    "exchange/onnx/activations.py": dict.fromkeys(("case nn.ByPoints():", "return None"), NEVER),
    "exchange/onnx/exact.py": dict.fromkeys(("case Softmax():", "return None"), NEVER),
    "exchange/onnx/network.py": dict.fromkeys(
        (
            "if (y := add_activation(graph, layer, x)) is not None:",
            'refuse(f"write_network: layer {name!r}", type(layer).__name__,',
        ),
        NEVER,
    ),
    "exchange/onnx/qdq.py": dict.fromkeys(("case Softmax(m0=m0, n=n):", "return None"), NEVER),
    "machine/blas.py": dict.fromkeys(
        (
            "for path in (linked, *map(str, beside)):",
            "for name in NAMES:",
            'if hasattr(library, name.format("set_num_threads")):',
            "return None",
        ),
        "another BLAS than NumPy's wheels have: `every_blas.py`",
    ),
    "machine/processes.py": {
        "": "`_serve`: copies of the process, which end by a signal before they could tell"
    },
    "quant/door/lower.py": {"case Flatten():": NEVER},
}
"""File -> how a line begins -> why no test reaches it, or leaves it in one direction only; "" is any line."""


def missed(report: dict[str, Any]) -> Iterator[tuple[str, int, str]]:
    """(file, number of the line, its text) of all that no test reaches or leaves one way only."""
    for path, found in report["files"].items():
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        numbers = {*found["missing_lines"], *(first for first, _ in found["missing_branches"])}
        for number in sorted(numbers):
            yield path.removeprefix("tinyzip/"), number, lines[number - 1].strip()


def measured(folder: Path) -> Path:
    """The report of all tests."""
    settings, out = folder / "coveragerc", folder / "cover.json"
    where = f"data_file = {folder / 'data'}"
    settings.write_text(
        f"[run]\nbranch = True\nsource = tinyzip\nomit = */learn/*\n{where}\n", encoding="utf-8"
    )
    words = [
        "-m",
        "pytest",
        "-n",
        "auto",
        "--cov=tinyzip",
        f"--cov-config={settings}",
        f"--cov-report=json:{out}",
    ]
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with TemporaryDirectory() as folder:
        report = json.loads((args.json or measured(Path(folder))).read_text(encoding="utf-8"))
    found, used = list(missed(report)), set()
    odd = []
    for file, number, line in found:
        known = REASONS.get(file, {})
        key = next((begins for begins in known if line.startswith(begins)), None)
        used.add((file, key))
        if key is None:
            odd.append(f"tinyzip/{file}:{number}: {line}")
    odd += [
        f"no longer needed: {file}: {line}"
        for file in REASONS
        for line in REASONS[file]
        if (file, line) not in used
    ]
    totals = report["totals"]
    print(*odd, sep="\n")
    share = totals["percent_covered"]
    print(f"{share:.2f} % of lines and branches; {len(found) - len(odd)} with a reason, {len(odd)} without")
    return int(bool(odd))


if __name__ == "__main__":
    sys.exit(main())
