"""From a file of the sources to a page: its lecture as it is written, then its code, piece by piece.

A lecture is set by what it looks like, without a notation of its own: indented lines, and lines that carry an
equation's label, keep their columns; "name  what it is" is a row of a table; all else is prose.
"""

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator
from html import escape
from pathlib import Path

import facts
from facts import Place
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, String
from reading import imported
from sources import PACKAGE, TESTS, label, tree
from theorems import DEFINED

Section = tuple[str, str, str]  # an id, a title, HTML
TAGS = {Keyword: "b", String: "samp", Comment: "em", Name.Function: "dfn", Name.Class: "dfn"}  # short: many
LABELS = re.compile(r"\(([A-Z]+\d+)\)(?!</a>)")
INLINE = re.compile(r"`([^`]+)`|(?<![\w*])\*(\w[^*]*)\*(?![\w*])|(\(?)\b([A-Z]+\d+)\b|([\w-]+)")
ROW = re.compile(r"([\w*]+(?:, [\w*]+)*)  +(\S.*)")


class Page:
    """One page: what has been anchored and explained on it, and how it links to others."""

    def __init__(self, document: str, path: Path = facts.ROOT) -> None:
        self.document, self.path, self.met = document, path, set[str]()
        self.known = facts.known(path)

    def to(self, document: str, anchor: str = "") -> str:
        """From this page to another, or to a place on it."""
        folder = posixpath.dirname(self.document) or "."
        page = posixpath.relpath(document, folder) + ".html" if document != self.document else ""
        return page + (f"#{anchor}" if anchor else "")

    def link(self, place: Place, text: str) -> str:
        """A link to a name, if it has a page; text is HTML."""
        path, name = place
        if facts.document(path) not in facts.documents() and path.suffix == ".py":
            return text
        anchor = "" if path.is_relative_to(TESTS) and place not in facts.proved() else anchor_of(place)
        return f'<a href="{self.to(facts.document(path), name and anchor)}">{text}</a>'

    def cited(self, text: str, inside: str = "") -> str:
        """Text that is HTML, its labels of equations as links to where they are derived."""

        def linked(match: re.Match[str]) -> str:
            if not (path := facts.equations().get(match[1])):
                return match[0]
            return f'<a href="{self.to(facts.document(path), match[1])}">{match[0]}</a>'

        return re.sub(inside or LABELS, linked, text)

    def prose(self, text: str, words: bool = True) -> str:
        """A sentence: code in backquotes, labels as links, and words of the glossary when they first come."""
        out, last = [], 0
        for match in INLINE.finditer(text):
            code, stressed, bracket, name, word = match.groups()
            new = self.named(code) if code else f"<em>{self.prose(stressed)}</em>" if stressed else ""
            if name and (bracket or facts.equations().get(name) == self.path):
                new = bracket + self.cited(name, r"(.+)") if name in facts.equations() else ""
            if new or (words and word and (new := self.word(word))):
                out += [escape(text[last : match.start()], False), new]
                last = match.end()
        return "".join(out) + escape(text[last:], False)

    def named(self, code: str) -> str:
        """Code within a sentence, linked where it names a file, or a name of this one."""
        text, path = f"<code>{escape(code, False)}</code>", code.removesuffix(".py").replace(".", "/") + ".py"
        files = [folder / path for folder in (PACKAGE, self.path.parent) if re.fullmatch(r"[\w/.]+", code)]
        own = [(file, "") for file in files if file.is_file() and file.is_relative_to(facts.ROOT)]
        places = [self.known.get(code), *own]
        return next((self.link(place, text) for place in places if place), text)

    def word(self, word: str) -> str:
        """A word of the glossary, once a page: what it means shows under the pointer and on focus."""
        means, forms = facts.glossary(), (word, re.sub(r"(?<=ate|ize)d$|s$", "", word), word.lower())
        name = next((form for form in forms if form in means and word != "zeros"), "")
        if not name or name in self.met or not self.document.startswith(("tinyzip/", "examples/")):
            return ""
        self.met.add(name)
        where, meaning = self.to("README", "what-a-grid-is"), escape(f"{name}: {means[name]}")
        return f'<a class="word" href="{where}" data-means="{meaning}">{word}</a>'

    def doc(self, text: str) -> str:
        """A lecture or docstring as HTML."""
        out, block, last = [], list[str](), ""
        for line in [*text.splitlines(), ""]:
            kind = kind_of(line, last)
            if kind != last and block:
                out.append(self.block(last, "\n".join(block)))
                block = []
            block += [line] if kind else []
            last = kind
        return "\n".join(out)

    def block(self, kind: str, text: str) -> str:
        """Lines of one kind."""
        if kind == "item":
            items = re.split(r"^- ", text, flags=re.MULTILINE)
            return f"<ul>{'</li>'.join(f'<li>{self.prose(item)}' for item in items[1:])}</ul>"
        if kind == "prose":
            return f"<p>{self.prose(text)}</p>"
        if kind == "row" and not DEFINED.search(text):
            rows = ROW.findall(re.sub(r"\n +", " ", text))
            return tabled((name, f"<td>{self.prose(what, False)}</td>") for name, what in rows)
        html = escape(text, False)
        for name in DEFINED.findall(text):
            if facts.equations().get(name) == self.path and name not in self.met:
                self.met.add(name)  # where it is derived, its label leads to its proofs
                here = f'<a class="eq" id="{name}" href="#proofs-{name}">({name})</a>'
                html = html.replace(f"({name})", here, 1)
        return f'<pre tabindex="0" class="formula">{self.cited(html)}</pre>'

    def code(self, lines: Iterable[tuple[int, str]]) -> str:
        """Lines that are HTML, with their numbers; 0 is none."""
        out, last = [], None
        for number, line in lines:
            jump = "" if number - 1 == last else f' style="counter-set:n {number - 1}"'
            name = f' id="line-{number}"' if re.match(r"[^\W\d]|<|    <b>", line) else ""
            out.append(f"<i{name}{jump}>{line}</i>" if number else line)
            last = number
        text = "\n".join(out)
        return f'<div class="highlight code"><pre tabindex="0">{text}</pre></div>' if out else ""

    def coloured(self, code: str, known: dict[str, Place]) -> list[str]:
        """Lines of code as HTML; names from elsewhere link once a definition, and labels always."""
        parts, before, linked = [""], "", set[str]()
        for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
            html, tag = escape(value, False), next((tag for base, tag in TAGS.items() if kind in base), "")
            if tag in ("em", "samp"):
                html = self.cited(html)
            elif tag == "dfn":
                linked = set()
            elif kind in Name and before != "." and value in known and value not in linked:
                html = self.link(known[value], html)
                linked.add(value)
            lines = html.split("\n")
            parts.append("\n".join(f"<{tag}>{line}</{tag}>" if tag and line else line for line in lines))
            before = value
        return "".join(parts).split("\n")


def kind_of(line: str, last: str) -> str:
    """What a line of a lecture is, told by its columns and by the line before it."""
    if not line.strip() or line[0] == " ":
        return "" if not line.strip() else last if last in ("row", "item") else "formula"
    if DEFINED.search(line) or (not ROW.fullmatch(line) and re.search(r"\S {3,}\S", line)):
        return "formula"
    if ROW.fullmatch(line):
        return "formula" if last == "formula" else "row"
    return "item" if line.startswith("- ") else "prose"


def anchor_of(place: Place) -> str:
    """Where on its page a name stands: a section of its own, or its line."""
    path, name = place
    if not path.is_relative_to(PACKAGE) or name in {piece.name for piece in facts.pieces(path)}:
        return name
    first, _, inner = name.partition(".")
    node = facts.names(path).get(first)
    methods = {getattr(part, "name", ""): part for part in getattr(node, "body", [])}
    return f"line-{methods.get(inner, node).lineno}" if node else ""


def titled(path: Path) -> tuple[str, str, str]:
    """A page's title, its docstring, and the first line of that."""
    title = path.relative_to(TESTS if path.is_relative_to(TESTS) else PACKAGE).with_suffix("").as_posix()
    text = (ast.get_docstring(tree(path)) or "").removeprefix("Depth: ")
    return title.removesuffix("__init__").rstrip("/") or "tinyzip", text, text.partition("\n")[0]


def sections(path: Path) -> Iterator[Section]:
    """A page's sections, the first its own: of a chapter, of a room's door, or of a file of tests."""
    page, (title, text, _) = Page(facts.document(path), path), titled(path)
    if path.is_relative_to(TESTS) or path.name == "__init__.py":
        yield "", title, page.doc(text)
        yield from statements(page) if path.is_relative_to(TESTS) else listed(page)
    else:
        yield "", title, drawing(page) + page.doc(text)
        yield from code_of(page)
        if proofs := equations(page, path):
            yield "proofs", "proofs", proofs


def code_of(page: Page) -> Iterator[Section]:
    """The code: each public definition with its docstring, what it does, and an example of it."""
    path, name, html = page.path, "code", ""
    lines = page.coloured(facts.read(path), page.known)
    for piece in facts.pieces(path):
        skipped = range(0)
        if piece.name and "." not in piece.name:
            if html:
                yield name, name, html
            name, html = piece.name, ""
        if isinstance(piece.node, facts.DEFINITIONS) and (text := ast.get_docstring(piece.node)):
            skipped = range(piece.node.body[0].lineno, (piece.node.body[0].end_lineno or 0) + 1)
            head = f'<h3 id="{piece.name}">{piece.name}</h3>' if "." in piece.name else ""
            html += head + page.doc(text)
        numbers = [number for number in range(piece.first, piece.last + 1) if number not in skipped]
        html += page.code((number, lines[number - 1]) for number in numbers)
        example = facts.examples().get((path, piece.name))
        if piece.name and example and example.code not in page.met:
            page.met.add(example.code)
            code = page.coloured(example.code, facts.known(example.target[0]))
            source = page.link(example.target, f"<code>{escape(example.source)}</code>")
            html += f"<details><summary>Example</summary><p>From {source}:</p>"
            html += page.code((0, line) for line in code) + "</details>"
    yield name, name, html


def equations(page: Page, file: Path | None = None) -> str:
    """The equations of a file, or of all, as a table: each with the tests that prove it."""
    rows = []
    for name, ((path, line), *_) in facts.definitions().items():
        if file in (None, path):
            by = ", ".join(page.link(place, said(place[1])) for place in facts.proofs()[name])
            cell = "" if file else f"<td><code>{page.cited(escape(' '.join(line.split())))}</code></td>"
            rows.append((page.cited(f"({name})"), f"{cell}<td>{by}</td>", f' id="proofs-{name}"'))
    return tabled(rows) if rows else ""


def tabled(rows: Iterable[tuple[str, ...]]) -> str:
    """A table of rows: a head, cells, and perhaps attributes."""
    html = (f'<tr{"".join(more)}><th scope="row">{head}</th>{cells}</tr>' for head, cells, *more in rows)
    return f'<table class="arguments">{"".join(html)}</table>'


def said(test: str) -> str:
    """A test's name as the statement that it is."""
    return test.removeprefix("test_").replace("_", " ")


def statements(page: Page) -> Iterator[Section]:
    """The tests of a file that prove equations, with their source."""
    lines = page.coloured(facts.read(page.path), page.known)
    for node in tree(page.path).body:
        name = getattr(node, "name", "")
        if proved := facts.proved().get((page.path, name)):
            numbers = range(facts.beginning(node), (node.end_lineno or 0) + 1)
            by = ", ".join(page.cited(f"({label})") for label in proved)
            yield name, said(name), f"<p>Proves {by}.</p>{page.code((n, lines[n - 1]) for n in numbers)}"


def listed(page: Page) -> Iterator[Section]:
    """The public names of a folder's files, in the order in which these are read."""
    for path in facts.ordered(page.path):
        rows = []
        for name, node in facts.names(path).items():
            doc = ast.get_docstring(node) if isinstance(node, facts.DEFINITIONS) else ""
            line = page.prose((doc or "").partition("\n")[0], False)
            call = page.link((path, name), f"<code>{escape(facts.signature(name, node))}</code>")
            example = facts.examples().get((path, name))
            more = page.link(example.target, f" used in {escape(example.source)}") if example else ""
            rows.append(f"<dt>{call}</dt><dd>{line}{more}</dd>")
        head = f"<p>{page.prose(titled(path)[2])} {page.link((path, ''), 'Source')}.</p>"
        yield path.stem, path.stem, f'{head}<dl class="names">{"".join(rows)}</dl>'


def drawing(page: Page) -> str:
    """What a file imports of the package, as a small picture: each name is a link."""
    files = [PACKAGE / name for name in imported(label(page.path))]
    height, middle, own = 26 * len(files), 13 * len(files), page.path.stem
    parts = [f'<text x="0" y="{middle + 4}" class="own">{own}</text>']
    for y, file in zip(range(13, height, 26), files, strict=True):
        parts.append(f'<path d="M112 {middle}C134 {middle} 122 {y} 146 {y}"/>')
        parts.append(page.link((file, ""), f'<text x="150" y="{y + 4}">{titled(file)[0]}</text>'))
    head = f'<svg class="imports" role="group" aria-label="What {own} imports" viewBox="0 0 330 {height}">'
    return f"{head}{''.join(parts)}</svg>" if files else ""


def contents(document: str, paths: list[Path]) -> str:
    """Pages as a list, each with the first line of its lecture."""
    page, rows = Page(document), []
    for path in paths:
        title, _, first = titled(path)
        rows.append(f"<li>{page.link((path, ''), title)} {page.prose(first, False)}</li>")
    return f'<ol class="pages">{"".join(rows)}</ol>'
