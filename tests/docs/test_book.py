"""The book: one command makes it of the sources; it works offline, for everybody, and no link is dead."""

import ast
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from parts.browsers import CHROMIUM, launched
from reading import EVENING, WEEK, order
from sources import FILES, PACKAGE, TESTS, label, tree
from theorems import definitions, proofs

ROOT = TESTS.parent
COMMAND = [sys.executable, "-m", "sphinx", "-q", "-W", "-c", "docs", "."]
PATH = order([*EVENING, *WEEK])
KINDS = [
    *("docs/index", "README", "docs/evening", "docs/touch", "docs/questions/size", "search"),
    *(
        "tinyzip/nn/ops/conv",
        "tinyzip/quant/grids/grid",
        "tinyzip/quant/__init__",
        "tinyzip/integer/fixedpoint",
    ),
    *("tests/README", "tests/nn/ops/test_nn_ops_conv", "examples/RECIPES", "examples/studies/DISTILL"),
]
LONG = {"tests/README", "examples/RECIPES"}  # of parts that other pages have too
pytestmark = pytest.mark.needs("sphinx", "furo", "myst_parser")
needs_browser = pytest.mark.needs("playwright", CHROMIUM)


BEYOND = """() => {
  const width = document.documentElement.clientWidth, none = new Set(["visible", "clip"]);
  const free = (box) => box.tagName === "ARTICLE"
    || (none.has(getComputedStyle(box).overflowX) && free(box.parentElement));
  const beyond = (box) => box.getBoundingClientRect().right > width + 1 && free(box.parentElement);
  return [...document.querySelectorAll("article *")].filter(beyond).map((box) => box.outerHTML.slice(0, 80));
}"""  # what stands out of the window to the right, and not in a part that scrolls by itself


class Read(HTMLParser):
    """What tests ask of a page: the names of its places, what it links to and loads, and its words."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.linked: list[str] = []
        self.free: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.ids += [found["id"]] if "id" in found else []
        self.links += [found["href"]] if tag == "a" and "href" in found else []
        if tag in ("script", "img", "link", "source", "iframe"):
            self.loaded += [found[name] for name in ("src", "href") if name in found]
        if tag in ("a", "script", "style", "title", "h1", "h2", "samp"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)
        (self.linked if "a" in self.open else self.free).append(data if "script" not in self.open else "")


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book, just made; a warning would be an error."""
    folder = tmp_path_factory.mktemp("book")
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    options: dict[str, Any] = {"capture_output": True, "encoding": "utf-8", "check": False}
    done = subprocess.run([*COMMAND, str(folder)], cwd=ROOT, env=environment, **options)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(book: Path) -> dict[str, Read]:
    """Each page by its name, without `.html`."""
    return {file.relative_to(book).with_suffix("").as_posix(): Read(file) for file in book.rglob("*.html")}


def page_of(file: str) -> str:
    return f"tinyzip/{file.removesuffix('.py')}"


def squeezed(text: str) -> str:
    """Without what only sets words apart."""
    return re.sub(r"[\s`*]+", "", text)


def test_no_link_is_dead_and_each_page_is_linked(book: Path, pages: dict[str, Read]) -> None:
    dead, linked = [], {"index", "search"}
    for name, page in pages.items():
        for target in page.links:
            parts = urlsplit(target)
            if parts.scheme:
                assert parts.scheme == "https", f"{name}: {target}"
                continue
            there = (
                os.path.normpath(Path(name).parent / unquote(parts.path)) if parts.path else f"{name}.html"
            )
            inner, place = there.removesuffix(".html"), unquote(parts.fragment)
            linked |= {inner} - {name}
            if not (book / there).is_file() or (place and inner in pages and place not in pages[inner].ids):
                dead.append(f"{name}: {target}")
    assert not dead, dead[:20]
    assert not pages.keys() - linked


def test_files_beside_the_project_are_no_part_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page of the whole project names `conv`, say, and there is a conv.py in the folder that holds it."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    page = import_module("pages").Page("docs/index", tmp_path / "project")
    (tmp_path / "conv.py").touch()
    assert page.named("conv") == "<code>conv</code>"
    assert page.named("nn/layer").startswith("<a href=")


def test_nothing_is_loaded_from_outside(book: Path, pages: dict[str, Read]) -> None:
    for name, page in pages.items():
        for target in page.loaded:
            assert (book / name).parent.joinpath(urlsplit(target).path).exists(), f"{name}: {target}"
    for style in book.rglob("*.css"):
        assert not re.findall(r"@import|url\([\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style
    assert sum(file.stat().st_size for file in book.rglob("*") if file.is_file()) < 10_000_000


def test_names_of_places_are_given_once(pages: dict[str, Read]) -> None:
    for name, page in pages.items():
        assert len(set(page.ids)) == len(page.ids), name


def test_a_label_leads_to_its_equation_and_that_to_the_tests_that_prove_it(pages: dict[str, Read]) -> None:
    proved = proofs()
    for name, ((file, _), *_) in definitions().items():
        page = pages[page_of(label(file))]
        assert {name, f"proofs-{name}"} <= {*page.ids} and f"#proofs-{name}" in page.links
        for test, statement in proved[name]:
            there = pages[test.relative_to(ROOT).with_suffix("").as_posix()]
            assert statement in there.ids
            assert any(link.endswith(f"{test.stem}.html#{statement}") for link in page.links), statement


def test_a_label_in_brackets_is_a_link_wherever_it_stands(pages: dict[str, Read]) -> None:
    known = definitions()
    for name, page in pages.items():
        bare = [
            found for text in page.free for found in re.findall(r"\(([A-Z]+\d+)\)", text) if found in known
        ]
        assert not bare, f"{name}: {bare}"
    assert sum(text.strip("()") in known for page in pages.values() for text in page.linked) > 1000


def test_chapters_follow_the_path_and_say_all_that_their_files_say(
    book: Path, pages: dict[str, Read]
) -> None:
    evening, week = (len(order(parts)) for parts in (EVENING, WEEK))
    for where, files in (("docs/evening", PATH[:evening]), ("docs/week", PATH[-week:])):
        links = [urlsplit(link).path for link in pages[where].links]
        chapters = [link for link in links if link.startswith("../tinyzip/")]
        assert [*dict.fromkeys(chapters)][: len(files)] == [f"../{page_of(file)}.html" for file in files]
    for file in PATH:
        text = squeezed("".join(pages[page_of(file)].text))
        source = (PACKAGE / file).read_text(encoding="utf-8")
        lecture = ast.get_docstring(tree(PACKAGE / file)) or ""
        for part in lecture.split("\n\n"):
            assert squeezed(re.sub(r"^- ", "", part, flags=re.MULTILINE)) in text, part
        for line in source.splitlines():
            words = re.sub(r'^\s*(- )?|"""', "", line)
            columns = [squeezed(column) for column in re.split(r"  +", words)]
            assert all(column in text for column in columns), f"{file}: {line}"
    first = pages[page_of(PATH[0])]
    assert "windows.html" in first.links and "../../docs/evening.html" in first.links


def test_every_public_name_is_in_the_reference_with_its_call(pages: dict[str, Read]) -> None:
    for path in FILES:
        if label(path).startswith(("learn/exercises/", "learn/checks/")) or path.name.startswith("__"):
            continue
        room = pages[path.parent.relative_to(ROOT).as_posix() + "/__init__"]
        calls = "".join(room.text)
        for node in tree(path).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert f"{node.name}(" in calls, f"{label(path)}: {node.name}"
                assert node.name in pages[page_of(label(path))].ids


def test_words_of_the_glossary_are_explained(book: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = readme.partition("| word | means |\n| --- | --- |\n")[2].partition("\n\n")[0].splitlines()
    told = defaultdict(set)
    for file in book.rglob("*.html"):
        for word, means in re.findall(r'data-means="([^:"]+): ([^"]+)"', file.read_text(encoding="utf-8")):
            told[word].add(means)
    assert told["scale"] == {"the distance of neighbours on the grid"} and told["F"] == {
        "filters (the output&#x27;s channels)"
    }
    words = [word for row in rows for word in row.strip("| ").split(" | ")[0].split(", ")]
    assert {*told} <= {*words} and len(told) > 0.8 * len(words)  # some are only names of files
    assert all(len(means) == 1 for means in told.values())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@needs_browser
def test_each_page_opens_without_an_error_or_a_request_outside_and_fits_any_width(
    book: Path, pages: dict[str, Read], browser: Any
) -> None:
    wrong: list[str] = []
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.on("pageerror", lambda error: wrong.append(f"{page.url}: {error}"))
    page.on("console", lambda message: wrong.append(f"{page.url}: {message.text}"))
    page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
    for name in sorted(pages.keys() - {"index"}):
        for width in (360, 1000, 2000) if name in KINDS else (360,):
            page.set_viewport_size({"width": width, "height": 800})
            if width == 360:
                page.goto((book / f"{name}.html").as_uri())
            wrong += [f"{name}, {width} pixels: {box}" for box in page.evaluate(BEYOND)]
            broad = page.evaluate("() => document.documentElement.scrollWidth")
            wrong += [f"{name}: {broad} pixels of {width}"] * (broad > width)
    context.close()
    assert not wrong, wrong[:20]


@needs_browser
@pytest.mark.needs("axe_playwright_python")
@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1400)])
def test_axe_finds_nothing(book: Path, browser: Any, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
    page = context.new_page()
    for name in [name for name in KINDS if scheme == "light" or name not in LONG]:
        page.goto((book / f"{name}.html").as_uri())
        results = Axe().run(page)
        assert not results.violations_count, f"{name}: {results.generate_report()[:2000]}"
    context.close()


@needs_browser
@pytest.mark.parametrize("name", ["tinyzip/nn/ops/conv", "docs/touch", "docs/questions/size", "tests/README"])
def test_the_keyboard_alone_reaches_everything(book: Path, browser: Any, name: str) -> None:
    """All that can be pressed or scrolled has the focus once, and shows it, before the page is through."""
    page = browser.new_page(viewport={"width": 1400, "height": 800})
    page.goto((book / f"{name}.html").as_uri())
    page.evaluate("""() => {
      const all = "a[href], button, input, summary, select, textarea, [tabindex='0']";
      window.left = new Set([...document.querySelectorAll(all)].filter((one) => one.checkVisibility()
        && one.type !== "hidden"));
      for (const box of document.querySelectorAll("article *"))
        if (box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX === "auto")
          left.add(box);
    }""")
    steps = page.evaluate("() => left.size")
    assert steps > 20
    page.evaluate("() => document.addEventListener('focusin', (event) => left.delete(event.target))")
    within = page.evaluate("() => 20 * document.querySelectorAll('iframe').length")
    for _ in range(steps + 5 + within):
        page.keyboard.press("Tab")
    assert page.evaluate("() => [...left].map((one) => one.outerHTML.slice(0, 80))") == []
    page.close()


@needs_browser
def test_a_word_shows_what_it_means_on_focus_and_under_the_pointer(book: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((book / "tinyzip" / "quant" / "grids" / "grid.html").as_uri())
    word = page.locator("a.word").first
    shown = "(word) => getComputedStyle(word, '::after').content"
    assert word.evaluate(shown) == "none"
    word.focus()
    assert word.get_attribute("data-means") in word.evaluate(shown)
    word.blur()
    assert word.evaluate(shown) == "none"
    word.hover()
    assert word.get_attribute("data-means") in word.evaluate(shown)
    page.close()


@needs_browser
@pytest.mark.parametrize("name", KINDS)
def test_text_is_painted_within_a_second_at_a_quarter_of_the_speed(
    book: Path, browser: Any, name: str
) -> None:
    """In one of five times: other work of the machine is none of the page's."""
    times = []
    for _ in range(5):
        context = browser.new_context()
        page = context.new_page()
        context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
        page.goto((book / f"{name}.html").as_uri())
        page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length")
        times.append(
            page.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime")
        )
        context.close()
        if times[-1] < 1000:
            break
    assert min(times) < 1000, times


@needs_browser
def test_pages_can_be_read_without_scripts_and_in_print(
    book: Path, pages: dict[str, Read], browser: Any
) -> None:
    context = browser.new_context(java_script_enabled=False, viewport={"width": 800, "height": 800})
    page = context.new_page()
    for name in sorted({*KINDS} - {"search"}):
        page.goto((book / f"{name}.html").as_uri())
        words = squeezed(page.locator("article").inner_text())
        assert len(words) > 200, name
        page.emulate_media(media="print")
        printed = squeezed(page.locator("article").inner_text())
        assert len(printed) >= len(words), name
        assert not page.locator(".sidebar-drawer, .mobile-header").first.is_visible()
        page.emulate_media(media="screen")
    page.goto((book / "docs" / "touch.html").as_uri())
    assert page.get_by_text("Without scripts: 1,000").is_visible()
    context.close()


@needs_browser
def test_the_search_finds_names_and_words_offline(book: Path, browser: Any) -> None:
    context, wrong = browser.new_context(offline=True), []
    page = context.new_page()
    page.on("console", lambda message: wrong.append(message.text))
    for query, target in (
        ("im2col", "tinyzip/base/windows.html"),
        ("surgeon", "tinyzip/quant/rounding/surgeon.html"),
    ):
        page.goto((book / "search.html").as_uri() + f"?q={query}")
        page.wait_for_selector("#search-results li a")
        links = page.eval_on_selector_all(
            "#search-results li a", "all => all.map((a) => a.getAttribute('href'))"
        )
        assert any(target in link for link in links), links[:5]
    context.close()
    assert not wrong, wrong


@needs_browser
def test_a_widget_takes_the_place_of_its_text_and_computes(book: Path, browser: Any) -> None:
    page = browser.new_page()
    page.goto((book / "docs" / "touch.html").as_uri())
    box = page.locator('[data-widget="requantize"]')
    assert "Without scripts" not in box.inner_text()
    assert box.get_by_role("status").inner_text() == "single 5, double 5, shift 4, float32 5"
    page.close()
