"""What the things to touch need beside their scripts: a small network with digits, and a page to draw on.

python docs/packed.py trains the network anew, as docs/student.net.
"""

import gzip
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np

from tinyzip.exchange import page
from tinyzip.nn.models import student_net
from tinyzip.quant.training.saved import load, save
from tinyzip.train.data import mnist
from tinyzip.train.fit import fit

ROOT = Path(__file__).parent.parent
MNIST, NET, MODEL = ROOT / "examples/data/mnist", ROOT / "docs/student.net", ROOT / "examples/models/drawn.tz"
COUNT = 1000


def script() -> str:
    """What docs/widgets/prune_and_round.js loads: weights, labels, where images have ink, the ink."""
    net, (_, test) = load(NET), mnist(MNIST)
    names = [key.removesuffix(".w") for key in net.params if key.endswith(".w")]
    arrays = [net.params[f"{name}.{part}"] for name in names for part in "wb"]
    images = test.images[:COUNT]
    arrays += [test.labels[:COUNT].astype(np.uint8), np.packbits(images > 0), images[images > 0]]
    data = gzip.compress(b"".join(array.tobytes() for array in arrays), mtime=0)
    layers = [(name, net.params[f"{name}.w"].shape) for name in names]
    parts = {"layers": layers, "count": COUNT, "data": b64encode(data).decode()}
    return f"touch.digits = {json.dumps(parts)};\n"


def write(app: Any, error: Exception | None) -> None:
    if not error:
        (Path(app.outdir) / "_static" / "digits.js").write_text(script(), encoding="utf-8")
        page.write(MODEL, Path(app.outdir) / "docs" / "digit.html")
        for file in Path(app.outdir).rglob("*.map"):  # for who changes the theme
            file.unlink()


def setup(app: Any) -> dict[str, Any]:
    app.connect("build-finished", write, priority=900)  # after all that changes pages
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    training, _ = mnist(MNIST)
    rng = np.random.default_rng(0)
    save(fit(student_net(), training.images, training.labels, rng=rng, epochs=3)[0], NET)
