"""A label names one equation, each that is cited exists, each equation has a test, and a table says which."""

from sources import FILES, PACKAGE, TESTS, label, words
from theorems import PAGE, citations, definitions, function_table, page, proofs


def test_a_label_names_one_equation() -> None:
    twice = {
        name: [label(file) for file, _ in places] for name, places in definitions().items() if len(places) > 1
    }
    assert not twice, f"defined more than once: {twice}"


def test_what_is_cited_is_defined() -> None:
    known = definitions()
    folders = (PACKAGE, TESTS, TESTS.parent / "examples")
    cited = {
        f"{name} in {path.relative_to(TESTS.parent)}"
        for folder in folders
        for path in folder.rglob("*.py")
        for _, text in words(path)
        for name in citations(text)
        if name not in known
    }
    assert not cited, f"cited but defined nowhere: {sorted(cited)}"


def test_every_equation_has_a_test_that_says_so() -> None:
    proved = proofs()
    unproved = {name: label(file) for name, ((file, _), *_) in definitions().items() if name not in proved}
    assert not unproved, f"no test cites: {unproved}"


def test_the_tables_say_which_test_proves_what() -> None:
    current = PAGE.read_text(encoding="utf-8") == page()
    assert current, "tests/README.md is out of date: `python tests/theorems.py` writes it anew"


def test_every_file_but_those_of_the_course_has_a_row() -> None:
    """`mutants.py` asks the tests of its row."""
    named = {row.split(" | ")[0].removeprefix("| ") for row in function_table()}
    files = {label(file) for file in FILES if file.name not in ("__init__.py", "__main__.py")}
    assert {file for file in files - named if not file.startswith("learn/")} == set()
