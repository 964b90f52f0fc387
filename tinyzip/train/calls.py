"""Depth: what the optimizers and schedules refuse, and in which words.

Importing any file of `tinyzip.train` lets the functions of `optim` begin with these checks, so that the
formulas themselves need not speak of them.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from math import inf
from typing import Any

import numpy as np

from tinyzip.base.calls import built_by
from tinyzip.base.names import module_says
from tinyzip.base.refuse import is_number, refuse, said
from tinyzip.nn.ops.checks import Array, check_array
from tinyzip.train import optim
from tinyzip.train.optim import SGD, AdamW, Optimizer, Schedule

Arrays = Mapping[str, Array]
RATE = "no rate here, but in `fit`: schedule=1e-3"


def check_rule(rule: SGD | AdamW) -> None:
    """Refuse an optimizer's numbers and names that do not fit."""
    name = type(rule).__name__
    for part in ("momentum", "beta1", "beta2"):
        if hasattr(rule, part):
            check_number(getattr(rule, part), f"{name}: {part}", 1)
    check_number(rule.weight_decay, f"{name}: weight_decay")
    if isinstance(rule, AdamW) and not (is_number(rule.eps) and 0.0 < rule.eps < inf):
        refuse("AdamW: eps", said(rule.eps), "a finite number above 0")
    if isinstance(rule, SGD) and rule.nesterov and not rule.momentum:
        refuse("SGD: nesterov", "momentum 0", "a momentum above 0")
    if not isinstance(rule.decayed, tuple) or not all(isinstance(one, str) for one in rule.decayed):
        refuse(f"{name}: decayed", repr(rule.decayed), "a tuple of names, or of how they end", TypeError)


def check_step(rule: Optimizer, params: Arrays, grads: Arrays, state: Arrays, lr: float) -> None:
    """Refuse gradients that are not those of these parameters, and a state that is not theirs."""
    check_number(lr, "step: lr")
    check_floats(params, "step: params")
    check_floats(grads, "step: grads")
    for name, g in grads.items():
        if name not in params:
            refuse("step: grads", f"an entry {name!r}", f"names among {', '.join(params)}")
        check_array(g, params[name].shape, params[name].dtype, f"step: grads[{name!r}]")
    for key, first in rule.init({name: params[name] for name in grads}).items():
        if not isinstance(state, Mapping) or key not in state:
            refuse("step: state", f"no entry {key!r}", "what `init` gave for these parameters")
        check_array(state[key], first.shape, first.dtype, f"step: state[{key!r}]")


def check_schedule(schedule: Schedule) -> None:
    """Refuse a schedule's numbers that do not fit."""
    for part in ("start", "peak", "end"):
        check_number(getattr(schedule, part), f"schedule: {part}")
    if not max(schedule.start, schedule.peak, schedule.end):
        refuse("schedule", "a learning rate of 0 all along", "one above 0")
    check_number(schedule.warmup, "schedule: warmup", 1)
    if schedule.rise not in ("linear", "cosine"):
        refuse("schedule: rise", repr(schedule.rise), "'linear' or 'cosine'")


def check_progress(schedule: Schedule, progress: float) -> None:
    """Refuse what is no part of a run."""
    if not is_number(progress) or not 0.0 <= progress <= 1.0:
        refuse("schedule: progress", progress, "a number in [0, 1]")


def check_floats(arrays: Arrays, argument: str) -> None:
    """Refuse what are no arrays of floats by name."""
    if not isinstance(arrays, Mapping):
        refuse(argument, type(arrays).__name__, "arrays by name", TypeError)
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            found = getattr(array, "dtype", type(array).__name__)
            refuse(f"{argument}[{name!r}]", found, "an array of floats", TypeError)


def check_number(value: float, argument: str, end: float = inf) -> None:
    """Refuse what is no number from 0 up, below 1 or finite."""
    if not is_number(value) or not 0.0 <= value < end:
        refuse(argument, said(value), "a number in [0, 1)" if end == 1 else "a finite number, 0 or more")


def begin(owner: Any, name: str, check: Callable[..., None]) -> None:
    """Let a function of a class or module begin with a check of its arguments."""
    function = getattr(owner, name)

    @wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        check(*args, **options)
        return function(*args, **options)

    setattr(owner, name, checked)


def build(kind: type, check: Callable[[Any], None], **hints: str) -> None:
    """Let what builds objects of a class end with a check of them; `hints` as for `built_by`."""
    fill: Callable[..., None] = kind.__dict__["__init__"]

    @wraps(fill)
    def checked(self: Any, *args: Any, **options: Any) -> None:
        fill(self, *args, **options)
        check(self)

    type.__setattr__(kind, "__init__", checked)
    built_by(**hints)(kind)


build(SGD, check_rule, lr=RATE, learning_rate=RATE)
build(AdamW, check_rule, lr=RATE, learning_rate=RATE, betas="beta1=0.9, beta2=0.999")
build(Schedule, check_schedule)
for rule in (SGD, AdamW):
    begin(rule, "init", lambda rule, params: check_floats(params, "init: params"))
    begin(rule, "step", check_step)
begin(Schedule, "__call__", check_progress)
begin(optim, "one_cycle", lambda peak, *_, **__: check_number(peak, "schedule: peak"))
module_says("tinyzip.train")
