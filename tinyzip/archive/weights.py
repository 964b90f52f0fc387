"""A tensor of weights, in whatever makes it shortest.

Of four codings,

mixed, alone  weights as decisions (`bitwise`)
tables        weights as symbols (`tables`), which are read more quickly; what would take a file beyond
              2¹⁹ steps is not coded as decisions
plain         as many bits as their range needs: for what does not compress, or is all the same

and of three forms in which they apply,

whole   to the weights as they are
listed  to their places in a list. Where few values, far apart, are shared by all weights [Han et al. 2016],
        the values are written once, in ascending order. A place counts from that of the value nearest to
        zero, so its sign and its size still mean something to its neighbours
pruned  to those that are not zero, as one row; before them go the runs of zeros in front of each. That takes
        few steps where little is left of a long tensor, while the other forms take one for each zero

the shortest is taken, by the sum of log₂(2ᵏ/f) over all steps; out of "plain", which takes the fewest
steps, and those that leave 2¹⁶ of the steps that a reader allows to what follows.
"""

from math import prod
from typing import NamedTuple

import numpy as np

from tinyzip.archive import bitwise, tables
from tinyzip.archive.bitwise import Decisions
from tinyzip.archive.coder import Coder, Reader, Steps, Symbols, Writer
from tinyzip.archive.neighbours import View
from tinyzip.archive.numbers import integer, natural, small
from tinyzip.integer.codes import Array

CODINGS = ("mixed", "alone", "tables", "plain")
WHOLE, LISTED, PRUNED = range(3)
DECISIVE_STEPS, RESERVE = 1 << 19, 1 << 16
MOST_LISTED = 256
WIDEST, MOST = 8, 255  # bits of a coded range; the greatest magnitude
SPARSE = 16  # times as many weights as are not zero: then runs are tried


def weights(coder: Coder, w: Array | None, view: View) -> Array:
    """Hand on whole numbers of magnitudes below 2⁸, any shape; read ones (N,). `view` is how they stand."""
    if min(view) < 1:
        coder.refuse(f"weights of shape {view}", "at least one in each axis")
    coder.room(prod(view))
    if isinstance(coder, Writer):
        put(coder, np.asarray(w, np.int64).ravel(), view)
        return np.asarray(w)
    assert isinstance(coder, Reader)
    return get(coder, view)


class Plan(NamedTuple):
    """How to write weights in one coding: what it costs, in 2⁻¹⁶ bit, its parameters, and its steps."""

    cost: int
    coding: str
    parameters: tuple[int, ...]
    steps: Steps
    asked: Decisions | None = None


def put(writer: Writer, values: Symbols, view: View) -> None:
    """Write weights (N,)."""
    forms = [(0, WHOLE, plan(writer, values, view))]
    listed, present = np.unique(values), np.flatnonzero(values)
    if 2 * listed.size <= np.ptp(listed):
        draft = Writer(writer.source)
        value_list(draft, listed)
        places = np.searchsorted(listed, values) - origin(listed)
        forms.append((draft.cost, LISTED, plan(writer, places, view)))
    if 0 < SPARSE * present.size <= values.size:
        draft = Writer(writer.source)
        positions(draft, present, values.size)
        forms.append((draft.cost, PRUNED, plan(writer, values[present], (1, present.size, 1, 1))))
    _, form, chosen = min(forms, key=lambda form: form[0] + form[2].cost)
    natural(writer, form, "form")
    if form == LISTED:
        value_list(writer, listed)
    elif form == PRUNED:
        positions(writer, present, values.size)
    carry_out(writer, chosen)


def carry_out(writer: Writer, plan: Plan) -> None:
    """Write what was planned."""
    small(writer, CODINGS.index(plan.coding), 2, "coding")
    if plan.coding == "tables":
        natural(writer, plan.parameters[0], "highest")
    elif plan.coding == "plain":
        integer(writer, plan.parameters[0], "least")
        natural(writer, plan.parameters[1], "bits")
    elif plan.asked is not None:
        bitwise.remember(bitwise.cells_of(writer), plan.asked)
    writer.steps(plan.steps)


def plan(writer: Writer, values: Symbols, view: View) -> Plan:
    """The shortest coding of values (N,), after what has been written."""
    allowed = [
        plan
        for plan in plans(writer, values, view)
        if plan.coding == "plain" or writer.left(plan.steps) >= RESERVE
    ]
    return min(allowed, key=lambda plan: (plan.cost, plan.steps.k.size))


def plans(writer: Writer, values: Symbols, view: View) -> list[Plan]:
    """All codings of values (N,) of magnitudes below 2⁸ that do not take too many decisions."""
    plans = []
    for coding in ("mixed", "alone") if writer.taken + values.size <= DECISIVE_STEPS else ():
        asked = bitwise.decisions_of(values, view, coding == "mixed")
        if writer.taken + asked.bit.size <= DECISIVE_STEPS:
            steps = bitwise.steps_of(bitwise.cells_of(writer), values, asked)
            plans.append(Plan(steps.cost, coding, (), steps, asked))
    highest, steps = tables.steps_of(values, view)
    plans.append(Plan(steps.cost, "tables", (highest,), steps))
    least, bits = int(values.min()), int(np.ptp(values)).bit_length()
    coded = values[: values.size if bits else 0]
    steps = Steps(coded - least, np.ones_like(coded), np.full_like(coded, bits))
    plans.append(Plan(steps.cost, "plain", (least, bits), steps))
    return plans


def get(reader: Reader, view: View) -> Symbols:
    """Read weights, (N,)."""
    N = prod(view)
    match natural(reader, None, "form"):
        case 0:
            return coded(reader, view)
        case 1:
            listed = value_list(reader, None)
            places = coded(reader, view) + origin(listed)
            if places.min() < 0 or places.max() >= listed.size:
                found = f"places from {places.min()} to {places.max()}"
                reader.refuse(f"{found} in a list", f"from 0 to {listed.size - 1}")
            return listed[places]
        case 2:
            present = positions(reader, None, N)
            values = np.zeros(N, np.int16)
            values[present] = coded(reader, (1, present.size, 1, 1))
            return values
        case form:
            reader.refuse(f"weights of form {form}", "0, 1 or 2")


def coded(reader: Reader, view: View) -> Symbols:
    """Read values (N,) in the coding that the message names."""
    match CODINGS[small(reader, None, 2, "coding")]:
        case "tables":
            highest = natural(reader, None, "highest")
            if highest > tables.HIGHEST:
                reader.refuse(f"a bucket {highest}", f"{tables.HIGHEST} or less")
            return tables.get(reader, view, highest)
        case "plain":
            least, bits = integer(reader, None, "least"), natural(reader, None, "bits")
            if abs(least) > MOST or bits > WIDEST:
                reader.refuse(f"{bits} bits from {least} on", f"{WIDEST} or fewer, from −{MOST} to {MOST} on")
            values = np.full(prod(view), least, np.int16)
            if bits:
                reader.expect(values.size)
                values += [reader.plain(None, bits) for _ in range(values.size)]
            return values
        case coding:
            return bitwise.get(reader, view, coding == "mixed")


def value_list(coder: Coder, values: Symbols | None) -> Symbols:
    """How many values, the first, and how much greater than the one before each other is, less one."""
    count = natural(coder, None if values is None else values.size, "listed")
    if not 0 < count <= MOST_LISTED:
        coder.refuse(f"a list of {count} values", f"1 to {MOST_LISTED}")
    found = [integer(coder, None if values is None else int(values[0]), "first")]
    for k in range(1, count):
        gap = natural(coder, None if values is None else int(values[k] - values[k - 1] - 1), "gap")
        found.append(found[-1] + gap + 1)
    if max(-found[0], found[-1]) > MOST:
        coder.refuse(f"values from {found[0]} to {found[-1]}", f"values from −{MOST} to {MOST}")
    return np.array(found, np.int16)


def positions(coder: Coder, places: Symbols | None, N: int) -> Symbols:
    """How many of N weights are not zero, and how many zeros stand before each, after the one before."""
    count = natural(coder, None if places is None else places.size, "present")
    if not 0 < count <= N:
        coder.refuse(f"{count} of {N} weights", f"1 to {N}")
    found = [-1]
    for k in range(count):
        run = natural(coder, None if places is None else int(places[k]) - found[-1] - 1, "run")
        found.append(found[-1] + run + 1)
        if found[-1] >= N:
            coder.refuse(f"a weight at {found[-1]}", f"one below {N}")
    return np.array(found[1:])


def origin(listed: Symbols) -> int:
    """The place of the listed value that is nearest to zero, of two the first."""
    return int(np.abs(listed).argmin())
