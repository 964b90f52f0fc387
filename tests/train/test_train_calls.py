"""What optimizers and schedules refuse, and in which words."""

import math

import numpy as np
import pytest

from tinyzip.train.optim import SGD, AdamW, Schedule, constant, cosine, one_cycle

P = {"w": np.zeros((2, 2))}


@pytest.mark.parametrize(
    "call",
    [
        lambda: SGD(1.0),
        lambda: SGD(weight_decay=-1.0),
        lambda: SGD(0.0, nesterov=True),
        lambda: AdamW(beta1=1.0),
        lambda: AdamW(beta2=-0.1),
        lambda: AdamW(eps=0.0),
        lambda: AdamW(weight_decay=math.nan),
        lambda: constant(-1.0),
        lambda: constant(math.inf),
        lambda: cosine(1.0, warmup=1.0),
        lambda: one_cycle(1.0)(1.5),
        lambda: one_cycle(1.0)(-0.1),
        lambda: AdamW().step(P, {"v": P["w"]}, {}, 0.1),
        lambda: AdamW().step(P, {"w": np.zeros(4)}, {}, 0.1),
        lambda: SGD().step(P, P, {}, math.nan),
        lambda: SGD().step(P, P, {}, 0.1),
        lambda: AdamW().step(P, P, {}, 0.1),
        lambda: AdamW().step(P, P, AdamW().init({"w": np.zeros((2, 3))}), 0.1),
        lambda: SGD(momentum="0.9"),
        lambda: AdamW(eps=None),
        lambda: one_cycle(None),
        lambda: Schedule(0.1, 0.1, 0.1, 0.5, "cubic"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call):
    with pytest.raises(ValueError, match=r"^\w+(: \w+)?.*: found .*, needed "):
        call()


@pytest.mark.parametrize("names", [".w", [".w"], (1,), (".w", 1), None])
@pytest.mark.parametrize("rule", [SGD, AdamW])
def test_names_that_are_no_tuple_are_refused(rule, names):
    with pytest.raises(TypeError, match=rf"^{rule.__name__}: decayed: found .*, needed a tuple of names"):
        rule(decayed=names)


@pytest.mark.parametrize("rule", [SGD(), AdamW()])
def test_arrays_of_another_dtype_or_none_at_all_are_refused(rule):
    state = rule.init(P)
    for params, grads in (
        (P, {"w": np.zeros((2, 2), np.float32)}),
        (P, {"w": [[0.0] * 2] * 2}),
        (None, P),
        (P, 3),
    ):
        with pytest.raises(TypeError, match=r"step: (params|grads).*: found .*, needed "):
            rule.step(params, grads, state, 0.1)
    for other in (None, [*state], {}):
        with pytest.raises(ValueError, match=r"step: state: found no entry .*, needed what `init` gave"):
            rule.step(P, P, other, 0.1)
    for params in ({"w": np.zeros((2, 2), int)}, {"w": [0.0]}, [P["w"]]):
        with pytest.raises(TypeError, match=r"init: params.*: found .*, needed "):
            rule.init(params)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        *(
            (lambda rule=rule: rule(lr=0.1), "lr: found 0.1, needed no rate here, but")
            for rule in (SGD, AdamW)
        ),
        *(
            (lambda rule=rule: rule(learning_rate=1), "learning_rate: found 1, needed no")
            for rule in (SGD, AdamW)
        ),
        (lambda: AdamW(betas=(0.9, 0.99)), "betas: found a tuple, needed beta1=0.9, beta2=0.999"),
        (lambda: Schedule(1.0), "Schedule: peak, end, warmup: found nothing"),
        (lambda: one_cycle("1"), "schedule: peak: found '1'"),
    ],
)
def test_what_other_libraries_call_it_is_answered_with_what_it_is_called_here(call, line):
    with pytest.raises((TypeError, ValueError), match=f"^{line}"):
        call()


def test_numbers_at_the_ends_of_what_is_allowed_are_taken():
    SGD(0, weight_decay=0)
    AdamW(0, 0, math.ulp(0), 0)
    schedule = Schedule(0.0, 1.0, 0.0, 0.0, "cosine")
    assert schedule(0) == 1 and schedule(1) == pytest.approx(0, abs=1e-16)
    assert constant(1e-3)(np.float32(0.5)) == 1e-3
    for zero in (lambda: constant(0.0), lambda: Schedule(0, 0, 0, 0.5)):
        with pytest.raises(ValueError, match=r"^schedule: found a learning rate of 0 all along"):
            zero()
    for lr in (Schedule(1.0, 0, 0, 0.5), Schedule(0, 0, 1.0, 0.5)):
        assert lr(0) + lr(1) == 1


def test_the_room_says_where_a_name_is() -> None:
    import tinyzip.train

    with pytest.raises(AttributeError, match=r"^tinyzip.train: found no 'evaluated', needed one of"):
        tinyzip.train.evaluated  # noqa: B018
