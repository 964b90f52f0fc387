"""Cells of a notebook, run by Jupyter and looked at in a browser: each shows its table, and no arrays."""

import importlib
from pathlib import Path

import pytest
from parts.browsers import CHROMIUM, opened

CELLS = (
    """\
import numpy as np
from tinyzip.nn.models import student_net
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.choose.explain import explain
from tinyzip.train.data import Dataset
from tinyzip.train.fit import fit
rng = np.random.default_rng(0)
dataset = Dataset(rng.integers(0, 256, (200, 16, 16), np.uint8), rng.integers(0, 3, 200))
dataset""",
    "net, history = fit(student_net(rng, (1, 16, 16), 3), *vars(dataset).values(), rng=rng, epochs=2)\nnet",
    "history",
    "found = quantize(net, dataset.images)\nfound",
    "found.program",
    "net.summary()",
    "explain(net, found.program, dataset.images[:20])",
)
FIRST_WORDS = ("class", "layer", "epoch 1 of 2", "minmax", "operator", "layer", "layer  signal/noise")
BAR = "application/vnd.jupyter.widget-view+json"  # drawn by scripts of Jupyter's


@pytest.mark.needs("nbconvert", "ipykernel", "ipywidgets", "tqdm", "playwright", CHROMIUM)
def test_the_last_line_of_a_cell_shows_one_table_that_fits_the_window(tmp_path: Path) -> None:
    notebooks, convert = importlib.import_module("nbformat.v4"), importlib.import_module("nbconvert")
    notebook = notebooks.new_notebook(cells=[notebooks.new_code_cell(cell) for cell in CELLS])
    importlib.import_module("nbconvert.preprocessors").ExecutePreprocessor(timeout=120).preprocess(notebook)
    training = notebook.cells[1].outputs
    assert BAR in training[0].data and "0/4" in training.pop(0).data["text/plain"]
    notebook.metadata.pop("widgets", None)
    body, _ = convert.HTMLExporter(template_name="basic").from_notebook_node(notebook)
    file = tmp_path / "cells.html"
    file.write_text(f'<!doctype html><meta charset="utf-8"><title>cells</title>{body}', encoding="utf-8")
    with opened(file, viewport={"width": 800, "height": 800}) as page:
        tables = page.locator(".output pre").all_inner_texts()
        assert len(tables) == len(CELLS)
        for table, words in zip(tables, FIRST_WORDS, strict=True):
            assert table.strip().startswith(words) and len(table) < 1000 and "array(" not in table
        assert page.evaluate("document.documentElement.scrollWidth") <= 800
