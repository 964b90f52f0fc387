"""roofline.py counts what NumPy is asked to do: here beside naive loops. No speed is asserted."""

import json
import math
from itertools import product
from typing import Any

import numpy as np
import pytest
import roofline
from hypothesis import given
from hypothesis import strategies as st
from parts.roofline_calls import macs, replaced, seen, touched, union
from parts.roofline_machine import SIZES, Machine, numbers
from parts.roofline_work import answering, counted, learning, passing, repeated

from tinyzip.machine.recorder import recorder
from tinyzip.nn import models
from tinyzip.nn.fast.stage import AsPrinted
from tinyzip.nn.sequential import Sequential

pytestmark = pytest.mark.long

views = st.lists(st.tuples(st.integers(1, 5), st.integers(0, 7)), min_size=1, max_size=4)


def addresses(array: np.ndarray) -> set[int]:
    """Of every byte of an array, entry by entry."""
    start, found = array.ctypes.data, set()
    for index in product(*map(range, array.shape)):
        place = start + sum(i * step for i, step in zip(index, array.strides, strict=True))
        found |= set(range(place, place + array.itemsize))
    return found


def view(axes: list[tuple[int, int]], memory: np.ndarray, start: int = 0) -> np.ndarray:
    shape, steps = zip(*axes, strict=True)
    strides = [step * memory.itemsize for step in steps]
    return np.ndarray(shape, memory.dtype, memory, start * memory.itemsize, strides)


@given(views, st.sampled_from([np.float32, np.int16, np.bool_]))
def test_each_byte_that_an_array_stands_on_counts_once(axes, dtype) -> None:
    array = view(axes, np.zeros(200, dtype))
    assert touched(array) == len(addresses(array))


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60)), min_size=1, max_size=6))
def test_bytes_of_several_arrays_count_once(parts) -> None:
    memory = np.zeros(100, np.float32)
    arrays = [memory[start : start + size][:: -1 if size % 2 else 1] for size, start in parts]
    assert union(arrays) == len(set().union(*map(addresses, arrays)))


@given(st.lists(st.integers(1, 4), min_size=3, max_size=3), st.integers(1, 3), st.booleans())
def test_a_product_has_as_many_terms_as_a_naive_one(sizes, stack, integers) -> None:
    M, K, P = sizes
    dtype = np.int32 if integers else np.float32
    w, x, kind = numbers((stack, M, K), dtype), numbers((stack, K, P), dtype), recorder()
    out, terms = np.zeros((stack, M, P), dtype).view(kind), 0
    for _ in product(range(stack), range(M), range(P), range(K)):
        terms += 1
    if integers:
        np.einsum("fk,kp->fp", w[0], x[0], out=out[0])
        terms //= stack
    else:
        np.matmul(w, x, out=out)
    (call,) = kind.calls
    assert macs(call) == terms
    assert sum(map(touched, seen(call))) == w.itemsize * (M * K + K * P + M * P) * (1 if integers else stack)
    assert macs((np.add, (w, w), {"out": w})) == 0


def test_what_is_changed_in_place_or_in_part_or_copied_is_seen() -> None:
    kind = recorder()
    x = numbers((4, 6), np.float32).view(kind)
    x += np.float32(1)
    x[1:3] = 0
    x.T.reshape(-1)
    assert [sorted(map(touched, seen(call))) for call in kind.calls] == [[96], [48], [96, 96]]


@given(views)
def test_a_call_is_replaced_by_one_on_arrays_that_lie_alike(axes) -> None:
    array, found = view(axes, np.ones(200, np.float32)), []
    replaced((lambda x, out: found.extend((x, *out)), (array,), {"out": (array,)}), numbers)()
    assert all((other.shape, other.strides) == (array.shape, array.strides) for other in found)
    assert not any(np.shares_memory(other, array) for other in found)


class Seen(AsPrinted):
    """A layer whose own calls are written down, where else it would be one call as a whole."""

    def forward(self, p: Any, x: Any, *, train: bool, rng: Any, workspace: Any) -> Any:
        return self.layer.forward(p, x, train=train, rng=rng)


class AsItIsPrinted(Sequential):
    """A network whose every stage is a layer's own forward and backward."""

    @property
    def steps(self):
        return {name: Seen(placed.layer, placed.given) for name, placed in self.every_layer.items()}


@pytest.mark.parametrize("train", [False, True])
def test_a_network_as_it_is_printed_multiplies_as_often_as_its_layers_say(train) -> None:
    net, N = models.seed_net(), 3
    made = {name: placed.layer.multiplications(placed.given) for name, placed in net.every_layer.items()}
    printed = AsItIsPrinted(net.layers, net.params, net.shape)
    rows = counted(lambda see, workspace: passing(printed, N, train, see, workspace))
    for name, calls in rows.items():
        assert sum(map(macs, calls)) == (3 if train else 1) * N * made.get(name, 0)  # y, dw, dx


def test_the_optimizer_reads_and_writes_what_its_equation_names() -> None:
    net = models.student_net()
    rows = counted(lambda see, workspace: learning(net, see, workspace))
    size = 4 * net.parameter_count
    assert sum(touched(array) for call in rows["sum of shards"] for array in seen(call)) == 3 * size
    fewest = 7 * size  # p, g, m, v read; p, m, v written
    assert sum(touched(array) for call in rows["AdamW"] for array in seen(call)) >= fewest
    assert union(array for call in rows["AdamW"] for array in seen(call)) >= 5 * size


def test_the_calls_of_a_program_multiply_as_often_as_its_shapes_say() -> None:
    program = roofline.program_of(8, 8)
    rows = answering(program, "integer", 2)
    written = zip(program.operators, program.shapes[1:], strict=True)
    needed = [math.prod(shape) * operator.w[0].size for operator, shape in written if hasattr(operator, "w")]
    made = [sum(map(macs, calls)) for name, calls in rows.items() if name.endswith(("Conv2d", "Linear"))]
    assert made == [2 * terms for terms in needed]
    names: list[str] = []
    repeated(rows)(names.append)
    assert names == list(rows)


def test_moving_twice_the_bytes_takes_twice_as_long_where_the_bandwidth_is_one() -> None:
    machine = Machine({}, (1e9,) * len(SIZES), 0.0)
    assert machine.moving(2**20) == pytest.approx(2**20 / 1e9)
    assert machine.moving(2**30) == pytest.approx(2 * machine.moving(2**29))


def test_a_quick_run_prints_every_network_and_keeps_its_rows(tmp_path, capsys) -> None:
    file = tmp_path / "rows.json"
    roofline.main(["--quick", "--json", str(file)])
    printed = capsys.readouterr().out
    records = json.loads(file.read_text(encoding="utf-8"))
    titles = list(dict.fromkeys(record["network"] for record in records))
    assert titles[:4] == [f"{name}, training" for name in roofline.NETWORKS]
    assert len(titles) == 2 * len(roofline.NETWORKS) + len(roofline.PROGRAMS)
    for title in titles:
        assert printed.count(title) == 2, "once with its layers, once among all"
    assert all(record["least"] > 0 and record["measured"] > 0 for record in records)
