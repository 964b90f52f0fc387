"""Depth: clamps, the claims of what an operator writes: as narrow as pays, and none that cuts nothing off.

An operator may claim to write codes lo … hi of which `intervals` proves that some never come. If it claims
only those that do come, it writes the same; but the bound (B1) of whatever reads them rests on the claim, and
is smaller by itself. So the proof needs no place in the file or in the engine: two numbers that are there
already say it. A claim is narrowed only where a sum then fits int16; a grid like its neighbours' costs less.

A clamp of a pool that cuts nothing off goes, for it is a pass over memory. And a `Table` that only clamps, as
a ReLU by itself does, becomes the clamp of the operator in front of it, if nothing else reads that.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tinyzip.integer.codes import Codes
from tinyzip.integer.maps import Table
from tinyzip.integer.operators import Operator, Pool
from tinyzip.integer.program import Program
from tinyzip.integer.proof.intervals import Interval, answers, looked_up
from tinyzip.integer.residuals import Recall

Changes = dict[int, Operator]


def with_useful_clamps(program: Program, known: Sequence[Interval]) -> Program:
    """The program that writes the same under better claims; known: `intervals`."""
    for i in range(len(program.operators)):
        for changes in (without_clamp(program, i, known), merged_clamp(program, i, known)):
            if changes:
                program = better(program, changes)
    claims = narrower_claims(program, known)
    widths = zip(changed(program, claims).accumulators, program.accumulators, strict=True)
    helping: set[int] = set()
    for i, (after, before) in enumerate(widths):
        if after != before:
            helping |= {k for read in program.operators[i].reads(i) for k in writers(program, read)}
    return changed(program, {i: claims[i] for i in claims.keys() & helping})


def changed(program: Program, changes: Changes) -> Program:
    """The program with other operators at some places."""
    operators = [changes.get(i, operator) for i, operator in enumerate(program.operators)]
    return Program(tuple(operators), program.shape, program.input)


def better(program: Program, changes: Changes) -> Program:
    """The program with these changes, unless other codes are claimed in the end or a bound grows."""
    try:
        trial = changed(program, changes)
    except ValueError:  # a clamp that cuts nothing off may still be what proves a bound
        return program
    grows = any(after > before for after, before in zip(trial.bounds, program.bounds, strict=True))
    return program if grows or trial.output != program.output else trial


def without_clamp(program: Program, i: int, known: Sequence[Interval]) -> Changes:
    """A pool without its clamp, if that cuts nothing off."""
    operator, x = program.operators[i], program.inputs(i, known)[0]
    if not isinstance(operator, Pool) or operator.y is None:
        return {}
    idle = operator.y.lo <= x.lo.min() and x.hi.max() <= operator.y.hi
    return {i: replace(operator, y=None)} if idle else {}


def merged_clamp(program: Program, i: int, known: Sequence[Interval]) -> Changes:
    """A table that only clamps as the clamp of the operator in front of it."""
    table, (front, *_) = program.operators[i], program.operators[i].reads(i)
    y = claim_of(program.operators[front]) if front >= 0 else None
    if not isinstance(table, Table) or y is None or (y.zero, y.scale) != (table.y.zero, table.y.scale):
        return {}
    if sum(front in operator.reads(k) for k, operator in enumerate(program.operators)) > 1:
        return {}
    x = known[front + 1]
    z = looked_up(table.table, x)
    idle = Interval(np.where(z.lo > x.lo, z.lo, y.lo), np.where(z.hi < x.hi, z.hi, y.hi))
    clamp = hull(idle, y)
    if clamp is None or not answers(table.table, x, lambda codes: np.clip(codes, clamp.lo, clamp.hi)):
        return {}
    return {front: claiming(program.operators[front], clamp), i: Recall(front, name=table.name)}


def narrower_claims(program: Program, known: Sequence[Interval]) -> Changes:
    """All operators that could claim fewer codes; not where the program's output would be claimed otherwise,
    nor in front of a pool that has a clamp of its own, which has to lie within what it reads."""
    fixed = writers(program, len(program.operators) - 1)
    claims: Changes = {}
    for i, operator in enumerate(program.operators):
        if isinstance(operator, Pool) and operator.y is not None:
            fixed |= writers(program, operator.reads(i)[0])
    for i, operator in enumerate(program.operators):
        y = claim_of(operator)
        narrow = None if y is None else hull(known[i + 1], y)
        if narrow is not None and narrow != y and i not in fixed:
            claims[i] = claiming(operator, narrow)
    return claims


def claim_of(operator: Operator) -> Codes | None:
    """The codes that an operator says it writes, if it says so itself."""
    return vars(operator).get("y")


def claiming(operator: Any, y: Codes) -> Operator:
    """The operator with another claim, which clamps what it writes."""
    if isinstance(operator, Table):
        return replace(operator, table=np.clip(operator.table, y.lo, y.hi), y=y)
    changed: Operator = replace(operator, y=y)
    return changed


def hull(interval: Interval, y: Codes) -> Codes | None:
    """The codes of all channels and the zero point, on y's grid and within y; None for a single code."""
    lo, hi = min(int(interval.lo.min()), y.zero), max(int(interval.hi.max()), y.zero)
    return replace(y, lo=max(lo, y.lo), hi=min(hi, y.hi)) if lo < hi else None


def writers(program: Program, i: int) -> set[int]:
    """The operators whose claim is that of output i: itself, or those that it takes its codes from."""
    if i < 0 or claim_of(program.operators[i]) is not None:
        return {i}
    return {k for read in program.operators[i].reads(i) for k in writers(program, read)}
