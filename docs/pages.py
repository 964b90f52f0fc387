"""From a file of the sources to a page: its lecture as it is written, then its code, piece by piece.

A lecture is set by what it looks like, without a notation of its own: indented lines, and lines that carry an
equation's label, keep their columns; "name  what it is" is a row of a table; all else is prose.
"""

import ast
import posixpath
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from pathlib import Path

import facts
from facts import Place
from pygments.lexers import PythonLexer
from pygments.token import Comment, Keyword, Name, String
from reading import imported
from sources import PACKAGE, TESTS, label, tree
from theorems import DEFINED, definitions

Section = tuple[str, str, str]  # an id, a title, HTML
TAGS = {Keyword: "b", String: "samp", Comment: "em", Name.Function: "dfn", Name.Class: "dfn"}  # short: many
TARGET = re.compile(r"[^\W\d]|    (def|class|async) ")  # lines that are linked
LABEL = r"[A-Z]+\d+"
LABELS = re.compile(rf"\(({LABEL})\)(?!</a>)")
INLINE = re.compile(rf"`([^`]+)`|(?<![\w*])\*(\w[^*]*)\*(?![\w*])|(\(?)\b({LABEL})\b|([\w-]+)")
ROW = re.compile(r"([\w*]+(?:, [\w*]+)*)  +(\S.*)")


class Page:
    """One page: what has been anchored and explained on it, and how it links to others."""

    def __init__(self, document: str, path: Path | None = None) -> None:
        self.document, self.path = document, path
        self.anchored: set[str] = set()
        self.explained: set[str] = set()
        self.known = facts.imported(path) | facts.own(path) if path and path.suffix == ".py" else {}
        self.lines = path.read_text(encoding="utf-8").splitlines() if path else []

    def uri(self, path: Path, anchor: str = "") -> str:
        """From this page to another, or to a place on it."""
        target = facts.document(path)
        page = "" if target == self.document else self.to(target)
        return page + (f"#{anchor}" if anchor else "")

    def to(self, document: str) -> str:
        return posixpath.relpath(document, posixpath.dirname(self.document) or ".") + ".html"

    def link(self, place: Place, text: str) -> str:
        """A link to a name, if it has a page; text is HTML."""
        path, name = place
        if facts.document(path) not in facts.documents() and path.suffix == ".py":
            return text
        if path.is_relative_to(TESTS) and place not in facts.proved():
            name = ""
        return f'<a href="{escape(self.uri(path, name and anchor_of(place)))}">{text}</a>'

    def cited(self, text: str) -> str:
        """A label of an equation as a link to where it is derived; text is "C2" or "(C2)"."""
        name = text.strip("()")
        return f'<a class="eq" href="{self.uri(facts.equations()[name], name)}">{text}</a>'

    def prose(self, text: str, words: bool = True) -> str:
        """A sentence: code in backquotes, labels as links, and words of the glossary when they first come."""
        out, last = [], 0
        for match in INLINE.finditer(text):
            code, stressed, bracket, label, word = match.groups()
            new = ""
            if code:
                new = self.named(code)
            elif stressed:
                new = f"<em>{self.prose(stressed)}</em>"
            elif label and (path := facts.equations().get(label)) and (bracket or path == self.path):
                new = escape(bracket) + self.cited(label)
            elif words and word:
                new = self.word(word)
            if new:
                out += [escape(text[last : match.start()], False), new]
                last = match.end()
        return "".join(out) + escape(text[last:], False)

    def named(self, code: str) -> str:
        """Code within a sentence, linked where it names a file, or a name of this one."""
        text = f"<code>{escape(code, False)}</code>"
        if code in self.known:
            return self.link(self.known[code], text)
        folders = [PACKAGE, *([self.path.parent] if self.path else [])]
        for file in [folder / f"{code.removesuffix('.py').replace('.', '/')}.py" for folder in folders]:
            if file.is_file() and re.fullmatch(r"[\w/.]+", code):
                return self.link((file, ""), text)
        return text

    def word(self, word: str) -> str:
        """A word of the glossary, once a page: what it means shows under the pointer and on focus."""
        known = facts.glossary()
        name = next((form for form in (word, word.removesuffix("s"), word.lower()) if form in known), "")
        if not name or name in self.explained:
            return ""
        self.explained.add(name)
        meaning = escape(f"{name}: {known[name]}")
        return f'<a class="word" href="{self.to("README")}#what-a-grid-is" data-means="{meaning}">{word}</a>'

    def doc(self, text: str) -> str:
        """A lecture or docstring as HTML."""
        out = []
        for kind, lines in blocks(text):
            if kind == "row":
                out.append(self.table(lines))
            elif kind == "formula":
                out.append(f'<pre tabindex="0" class="formula">{self.formula(lines)}</pre>')
            elif kind == "item":
                items = re.split(r"^- ", "\n".join(lines), flags=re.MULTILINE)[1:]
                out.append(f"<ul>{''.join(f'<li>{self.prose(item)}</li>' for item in items)}</ul>")
            else:
                out.append(f"<p>{self.prose(chr(10).join(lines))}</p>")
        return "\n".join(out)

    def formula(self, lines: Sequence[str]) -> str:
        """Lines as they stand; where an equation is derived, its label leads to its proofs."""
        text = escape("\n".join(lines), False)
        for name in dict.fromkeys(DEFINED.findall("\n".join(lines))):
            if facts.equations().get(name) == self.path and name not in self.anchored:
                self.anchored.add(name)
                here = f'<a class="eq" id="{name}" href="#proofs-{name}">({name})</a>'
                text = text.replace(f"({name})", here, 1)
        return LABELS.sub(lambda m: self.cited(m[0]) if m[1] in facts.equations() else m[0], text)

    def table(self, lines: Sequence[str]) -> str:
        """Arguments, one a row: shapes, dtypes and units as the docstring gives them."""
        rows: list[list[str]] = []
        for line in lines:
            if match := ROW.match(line):
                rows.append([match[1], match[2]])
            else:
                rows[-1][1] += f"\n{line.strip()}"
        head = '<tr><th scope="row">'
        cells = (f"{head}{name}</th><td>{self.prose(text, False)}</td></tr>" for name, text in rows)
        return f'<table class="arguments">{"".join(cells)}</table>'

    def code(self, lines: Iterable[tuple[int, str]]) -> str:
        """Numbered lines that are HTML."""
        out, last = [], None
        for number, line in lines:
            jump = "" if number - 1 == last else f' style="counter-set:n {number - 1}"'
            name = f' id="line-{number}"' if number and TARGET.match(self.lines[number - 1]) else ""
            out.append(f"<i{name}{jump}>{line}</i>" if number else line)
            last = number
        text = "\n".join(out)
        return f'<div class="highlight code"><pre tabindex="0">{text}</pre></div>' if out else ""

    def coloured(self, code: str, first: int) -> Iterator[tuple[int, str]]:
        """Lines of code as HTML, numbered; names from elsewhere link once a definition, and labels always."""
        parts, before, linked = [], "", set[str]()
        for kind, value in PythonLexer(stripnl=False, ensurenl=False).get_tokens(code):
            html = escape(value, False)
            tag = next((tag for base, tag in TAGS.items() if kind in base), "")
            if tag in ("em", "samp"):
                html = LABELS.sub(lambda m: self.cited(m[0]) if m[1] in facts.equations() else m[0], html)
            elif tag == "dfn":
                linked = set()
            elif kind in Name and before != "." and value in self.known and value not in linked:
                html = self.link(self.known[value], html)
                linked.add(value)
            pieces = html.split("\n")
            parts.append("\n".join(f"<{tag}>{line}</{tag}>" if tag and line else line for line in pieces))
            before = value
        yield from enumerate("".join(parts).split("\n"), first)


def blocks(text: str) -> Iterator[tuple[str, list[str]]]:
    """Lines that belong together, with their kind: formula, row, item or prose."""
    block: list[str] = []
    last = kind = ""
    for line in [*text.splitlines(), ""]:
        kind = kind_of(line, last)
        if kind != last and block:
            yield last, block
            block = []
        block += [line] if kind else []
        last = kind


def kind_of(line: str, last: str) -> str:
    """What a line of a lecture is, told by its columns and by the line before it."""
    if not line.strip():
        return ""
    if line[0] == " ":
        return last if last in ("row", "item") else "formula"
    if DEFINED.search(line):
        return "formula"
    if ROW.fullmatch(line):
        return "row"
    if line.startswith("- "):
        return "item"
    return "formula" if re.search(r"\S {3,}\S", line) else "prose"


def anchor_of(place: Place) -> str:
    """Where on its page a name stands: a section of its own, or its line."""
    path, name = place
    if path.suffix != ".py" or name in {piece.name for piece in facts.pieces(path)}:
        return name
    if path.is_relative_to(TESTS):
        return name
    first, *rest = name.split(".")
    node = dict(facts.names(path)).get(first)
    for part in rest:
        node = next((n for n in getattr(node, "body", []) if getattr(n, "name", "") == part), node)
    return f"line-{node.lineno}" if node else ""


def sections(path: Path) -> list[Section]:
    """A page's sections, the first its own: of a chapter, of a room's door, or of a file of tests."""
    page = Page(facts.document(path), path)
    text = ast.get_docstring(tree(path)) or ""
    if path.is_relative_to(TESTS):
        return [("", path.relative_to(TESTS).as_posix(), page.doc(text)), *statements(page, path)]
    name = label(path).removesuffix(".py").removesuffix("/__init__")
    if path.name == "__init__.py":
        title = name if path.parent != PACKAGE else "tinyzip"
        return [("", title, page.doc(text)), *listed(page, path)]
    return [("", name, drawing(page, path) + page.doc(text)), *code_of(page, path), *proofs_of(page, path)]


def code_of(page: Page, path: Path) -> Iterator[Section]:
    """The code: each public definition with its docstring, what it does, and an example of it."""
    coloured = dict(page.coloured("\n".join(page.lines), 1))
    lecture = tree(path).body[0].end_lineno or 0
    html, name, title = "", "code", "Code"
    for piece in facts.pieces(path):
        if piece.name and "." not in piece.name:
            if html:
                yield name, title, html
            html, name, title = "", piece.name, piece.name
        skipped: range = range(0)
        if piece.name and piece.node and (text := ast.get_docstring(piece.node)):
            string = piece.node.body[0]
            skipped = range(string.lineno, (string.end_lineno or 0) + 1)
            head = f'<h3 id="{piece.name}">{piece.name}</h3>' if "." in piece.name else ""
            html += f'{head}<div class="doc">{page.doc(text)}</div>'
        lines = [(n, coloured[n]) for n in range(max(piece.first, lecture + 1), piece.last + 1)]
        html += page.code((n, line) for n, line in lines if n not in skipped)
        example = facts.examples().get((path, piece.name))
        if piece.name and example and example.code not in page.explained:
            page.explained.add(example.code)
            html += shown(page, example)
    yield name, title, html


def shown(page: Page, example: facts.Example) -> str:
    """An example, folded, and where it is from."""
    path, _ = example.target
    page.known, known = facts.imported(path) if path.suffix == ".py" else {}, page.known
    code = page.code((0, line) for _, line in page.coloured(example.code, 1))
    page.known = known
    source = page.link(example.target, f"<code>{escape(example.source)}</code>")
    return f"<details><summary>Example</summary><p>From {source}:</p>{code}</details>"


def proofs_of(page: Page, path: Path) -> Iterator[Section]:
    """The equations that a file derives, and the tests that prove them."""
    if rows := [proof(page, name, "") for name, place in facts.equations().items() if place == path]:
        yield "proofs", "Proofs", f'<table class="arguments">{"".join(rows)}</table>'


def proof(page: Page, name: str, cell: str) -> str:
    """A row of a table of proofs."""
    by = ", ".join(page.link(place, said(place[1])) for place in facts.proving()[name])
    return f'<tr id="proofs-{name}"><th scope="row">{page.cited(f"({name})")}</th>{cell}<td>{by}</td></tr>'


def equations(document: str) -> str:
    """All equations as a table, in the order of the files."""
    page, rows = Page(document), []
    for name, ((_, line), *_) in definitions().items():
        rows.append(proof(page, name, f"<td><code>{escape(' '.join(line.split()), False)}</code></td>"))
    head = "<tr><th></th><th>equation</th><th>proved by</th></tr>"
    return f'<table class="arguments">{head}{"".join(rows)}</table>'


def said(test: str) -> str:
    """A test's name as the statement that it is."""
    return test.removeprefix("test_").replace("_", " ")


def statements(page: Page, path: Path) -> Iterator[Section]:
    """The tests of a file that prove equations, with their source."""
    page.known |= facts.imported(path)
    coloured = dict(page.coloured("\n".join(page.lines), 1))
    for node in tree(path).body:
        names = facts.proved().get((path, getattr(node, "name", "")), [])
        if isinstance(node, ast.FunctionDef) and names:
            first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
            code = page.code((n, coloured[n]) for n in range(first, (node.end_lineno or 0) + 1))
            by = ", ".join(page.cited(f"({name})") for name in names)
            yield node.name, said(node.name), f"<p>Proves {by}.</p>{code}"


def listed(page: Page, room: Path) -> Iterator[Section]:
    """The public names of a folder's files, in the order in which these are read."""
    for path in facts.ordered(room):
        rows = []
        for name, node in dict(facts.names(path)).items():
            place = path, name
            doc = ast.get_docstring(node) if isinstance(node, facts.Definition) else None
            line = page.prose((doc or "").partition("\n")[0], False)
            call = page.link(place, f"<code>{escape(facts.signature(name, node))}</code>")
            example = facts.examples().get(place)
            more = page.link(example.target, f"used in {escape(example.source)}") if example else ""
            rows.append(f"<dt>{call}</dt><dd>{line}{' ' * bool(line)}{more}</dd>")
        lecture = (ast.get_docstring(tree(path)) or "").partition("\n")[0].removeprefix("Depth: ")
        whole = page.link((path, ""), "Source")
        yield (
            path.stem,
            path.stem,
            f'<p>{page.prose(lecture)} {whole}.</p><dl class="names">{"".join(rows)}</dl>',
        )


def drawing(page: Page, path: Path) -> str:
    """What a file imports of the package, as a small picture: each box is a link."""
    files = [PACKAGE / name for name in imported(label(path))]
    if not files:
        return ""
    height, middle = 26 * len(files), 13 * len(files)
    own = label(path).removesuffix(".py").split("/")[-1]
    parts = [f'<text x="0" y="{middle + 4}" class="own">{own}</text>']
    for k, file in enumerate(files):
        y, name = 26 * k + 13, label(file).removesuffix(".py").removesuffix("/__init__")
        parts.append(f'<path d="M112 {middle}C134 {middle} 122 {y} 146 {y}"/>')
        parts.append(page.link((file, ""), f'<text x="150" y="{y + 4}">{name}</text>'))
    said = f'class="imports" role="group" aria-label="What {own} imports"'
    return f'<svg {said} viewBox="0 0 330 {height}">{"".join(parts)}</svg>'


def contents(document: str, paths: Sequence[Path]) -> str:
    """Pages as a list, each with the first line of its lecture."""
    page = Page(document)
    rows = []
    for path in paths:
        first = (ast.get_docstring(tree(path)) or "").partition("\n")[0].removeprefix("Depth: ")
        title = path.relative_to(TESTS if path.is_relative_to(TESTS) else PACKAGE).as_posix()
        title = title.removesuffix(".py").removesuffix("/__init__")
        rows.append(f"<li>{page.link((path, ''), title)} <span>{page.prose(first, False)}</span>")
    return f'<ol class="contents">{"".join(rows)}</ol>'
