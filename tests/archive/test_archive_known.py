"""Files that were written once are read for good; all of the format is in them."""

from dataclasses import MISSING, fields

import numpy as np
import pytest
from known_programs import DATA, KNOWN, every_kind

from tinyzip.archive import read, weights
from tinyzip.archive.records import DEFAULTED, KINDS


@pytest.mark.parametrize("name", KNOWN)
def test_a_file_that_was_written_once_is_still_read(name: str) -> None:
    assert read(DATA / name) == KNOWN[name]()


def test_every_kind_and_every_field_that_can_change_is_in_these_files() -> None:
    seen: set[str] = set()
    for operator in every_kind().operators:
        for field in fields(operator):
            if field.name in DEFAULTED and field.default is not MISSING:
                value = getattr(operator, field.name)
                if value is not None and value != field.default:
                    seen.add(field.name)
    assert seen == set(DEFAULTED)
    assert {type(o) for make in KNOWN.values() for o in make().operators} == set(KINDS)


def test_every_form_and_every_coding_is_in_these_files(monkeypatch: pytest.MonkeyPatch) -> None:
    met: set[object] = set()

    def noted(name: str) -> None:
        original = getattr(weights, name)

        def spy(coder: object, value: object, *rest: object) -> object:
            found = original(coder, value, *rest)
            met.add((name, found) if isinstance(found, int) else name)
            return found

        monkeypatch.setattr(weights, name, spy)

    for name in ("value_list", "positions", "small"):
        noted(name)
    for name in KNOWN:
        read(DATA / name)
    assert met >= {"value_list", "positions", *(("small", coding) for coding in range(len(weights.CODINGS)))}


def test_magnitudes_of_every_length_are_in_these_files() -> None:
    """So every bucket of `tables` and every place of `bitwise` would be noticed if it moved."""
    found = [operator.w for name in KNOWN for operator in KNOWN[name]().operators if hasattr(operator, "w")]
    lengths = {int(m).bit_length() for w in found for m in np.unique(np.abs(np.asarray(w, np.int64)))}
    assert lengths >= set(range(8))
