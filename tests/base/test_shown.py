"""What a prompt and a notebook show: one line, or the table; never the arrays."""

import copy
import html
import re

import numpy as np
import pytest

from tinyzip import archive
from tinyzip.archive.account import Account
from tinyzip.nn.models import seed_net
from tinyzip.quant.choose.auto import quantize
from tinyzip.quant.choose.explain import explain
from tinyzip.train.data import Dataset
from tinyzip.train.fit import fit

RNG = np.random.default_rng(0)
IMAGES, LABELS = RNG.integers(0, 256, (40, 16, 16), np.uint8), RNG.integers(0, 3, 40)
NET = seed_net(RNG, (1, 16, 16), 3)


@pytest.fixture(scope="module")
def things() -> dict[str, object]:
    trained, history = fit(NET, IMAGES, LABELS, rng=RNG, epochs=2, progress=False)
    found = quantize(trained, IMAGES)
    return {
        "network": trained,
        "history": history,
        "quantized": found,
        "program": found.program,
        "explanation": explain(found.model, found.program, IMAGES, LABELS),
        "dataset": Dataset(IMAGES, LABELS),
        "account": Account.of(archive.pack(found.program), "program"),
    }


def test_a_prompt_shows_one_line_of_each_thing(things) -> None:
    for name, thing in things.items():
        assert "\n" not in repr(thing) and len(repr(thing)) < 150, name
        assert repr(thing).startswith(f"{type(thing).__name__}(") and repr(thing) in repr([thing])


def test_a_notebook_shows_the_table_that_printing_gives(things) -> None:
    for name, thing in things.items():
        shown = thing._repr_html_()
        text = re.fullmatch(r"<pre[^>]*>(.*)</pre>", shown, re.DOTALL)
        expected = thing.summary() if name == "network" else str(thing)
        assert text and html.unescape(text[1]) == expected and "<" not in text[1], name
        assert len(expected.splitlines()) > 1


def test_a_prompt_shows_a_summary_as_it_reads() -> None:
    summary = NET.summary()
    assert repr(summary) == summary and len(repr(summary).splitlines()) > 5
    assert html.escape(summary) in summary._repr_html_()


def test_networks_are_equal_where_layers_and_arrays_are() -> None:
    assert copy.deepcopy(NET) == NET and NET.with_params(dict(NET.params)) == NET
    other = NET.with_params({name: array + 1 for name, array in NET.params.items()})
    assert other != NET and seed_net(RNG, (1, 20, 16), 3) != NET and "a network" != NET  # noqa: SIM300


def test_a_history_goes_into_a_data_frame_row_by_row(things) -> None:
    history = things["history"]
    assert [epoch.epoch for epoch in history] == [1, 2]
    assert [epoch.loss for epoch in history] == history.loss
    assert len(list(history)) == len(history)
