"""What the book adds to Sphinx: a reader of Python files, lists of pages, words of the glossary, widgets."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import facts
import pages
from docutils import nodes
from docutils.parsers.rst import Directive
from facts import ROOT
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.parsers import Parser
from sphinx.transforms.post_transforms import SphinxPostTransform
from theorems import BEGIN

Nodes = list[nodes.Node]


def raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


class Source(Parser):
    """A Python file as a page, see `pages`; the search knows its definitions by their headings."""

    supported = ("python",)

    def parse(self, inputstring: str, document: nodes.document) -> None:
        env = document.settings.env
        path = ROOT / f"{env.docname}.py"
        (_, title, html), *others = pages.sections(path)
        top = nodes.section("", nodes.title("", title), raw(html), ids=["top"], names=["top"])
        for name, heading, inner in others:
            top += nodes.section("", nodes.title("", heading), raw(inner), ids=[name], names=[name])
        if path.name == "__init__.py" and (deep := facts.depth(path)):
            top.insert(2, listing(env.docname, deep))
        document += top


def listing(document: str, paths: list[Path]) -> Nodes:
    """Pages that are read after this one, in this order, each with the first line of its lecture."""
    tree, names = addnodes.toctree(), [facts.document(path) for path in paths]
    places = {"parent": document, "entries": [(None, name) for name in names], "includefiles": names}
    kind = dict.fromkeys(("glob", "includehidden", "numbered", "caption")) | {"rawentries": [], "maxdepth": 1}
    tree.attributes |= places | kind | {"hidden": True, "titlesonly": True}
    return [tree, raw(pages.contents(document, paths))]


def block(text: str) -> nodes.Node:
    return nodes.literal_block(text, text, language="text")


class Made(Directive):
    """What the book adds to a page by a word: ```{files} week```, and so on, each a method."""

    optional_arguments, final_argument_whitespace, has_content = 1, True, True

    def run(self) -> Nodes:
        document = self.state.document.settings.env.docname
        made: Nodes = getattr(self, self.name)(document, *self.arguments)
        return made

    def files(self, document: str, kind: str) -> Nodes:
        """The pages of one kind: `facts.chapters` has the kinds."""
        return listing(document, facts.chapters()[kind])

    def equations(self, document: str) -> Nodes:
        """All equations, where they are derived, and the tests that prove them."""
        return [raw(pages.equations(pages.Page(document)))]

    def widget(self, document: str, name: str) -> Nodes:
        """Something to touch, see docs/widgets/README.md; the content stands there without scripts."""
        if not (ROOT / "docs" / "widgets" / f"{name}.js").is_file():
            raise self.error(f"found no docs/widgets/{name}.js, needed the script of a widget")
        box = nodes.Element()
        self.state.nested_parse(self.content, self.content_offset, box)
        return [raw(f'<div class="widget" data-widget="{name}">'), *box.children, raw("</div>")]

    def printed(self, document: str, command: str) -> Nodes:
        """What a command of this repository prints, run whenever the book is made."""
        words = [sys.executable, "-m", *shlex.split(command)]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
        return [block(".venv/bin/" + command), block(done.stdout.rstrip())]

    def quoted(self, document: str, place: str) -> Nodes:
        """FILE WORDS: the first text after these words, or after this heading, on another page."""
        file, words = place.split(" ", 1)
        text = facts.read(ROOT / file)
        after = text.partition(f"## {words}\n")[2] or text.partition(words)[2]
        if not (found := re.search(r"```text\n(.*?)```", after, re.DOTALL)):
            raise self.error(f"found no text after {words!r} in {file}, needed what a command printed")
        return [block(found[1].rstrip())]


class Marked(SphinxPostTransform):
    """On pages that are written as Markdown: labels of equations and words of the glossary as links."""

    default_priority = 900
    leave = nodes.literal, nodes.reference, nodes.title, nodes.raw, nodes.FixedTextElement

    def run(self, **options: Any) -> None:
        name = self.env.docname
        if name in facts.documents():
            return
        page = pages.Page(name)
        for text in list(self.document.findall(nodes.Text)):
            parent: Any = text.parent
            while parent is not None and not isinstance(parent, self.leave):
                parent = parent.parent
            if parent is None and (html := page.prose(text.replace("`", "\0"))) != text:
                text.parent.replace(text, raw(html.replace("\0", "`")))


def finish(app: Sphinx, name: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """What scrolls can be reached by keyboard; only the open part of the contents stands beside a page."""
    if body := context.get("body"):
        body = body.replace("<pre>", '<pre tabindex="0">').replace(
            '<th class="head"><p></p></th>', "<td></td>"
        )
        context["body"] = body.replace('<div class="table-wrapper', '<div tabindex="0" class="table-wrapper')
        if widgets := sorted(set(re.findall(r'data-widget="(\w+)"', body))):
            scripts = "parts", *widgets
            for script in (*(Path(path).name for path in facts.ENGINE), *(f"{each}.js" for each in scripts)):
                app.add_js_file(script, loading_method="defer")
    if toctree := context.get("toctree"):
        needed = {"collapse": True} | ({"maxdepth": 1} if name.startswith("tests/") else {})
        unused = r' class="(reference internal|toctree-l\d)"'  # on every page, for nothing
        context["toctree"] = lambda **options: re.sub(unused, "", toctree(**options | needed))


def tables_anew(app: Sphinx, name: str, source: list[str]) -> None:
    """The tables of tests/README.md: the first is made here, where it can link to the functions."""
    if name == "tests/README":
        by_hand, _, tables = source[0].partition(BEGIN)
        functions = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", tables[tables.index("## Files") :])
        lists = "## Equations\n\n```{equations}\n```\n\n## Files of tests\n\n```{files} tests\n```\n\n"
        source[0] = by_hand + lists + functions


def leave_the_book(app: Sphinx, error: Exception | None) -> None:
    """Take away what only a next build could use, which reads all anew; and empty lines."""
    shutil.rmtree(app.doctreedir, ignore_errors=True)
    for page in Path(app.outdir).rglob("*.html"):
        unused = r'\?v=\w{8}(?=")| type="text/css"|<!-- Gen.*?-->|<meta name="viewport" [^>]*, [^>]*>'
        text = re.sub(unused, "", page.read_text(encoding="utf-8"))
        parts = re.split(r"(<pre.*?</pre>)", text, flags=re.DOTALL)
        parts[::2] = (re.sub(r"\s*\n\s*", "\n", part) for part in parts[::2])
        page.write_text("".join(parts), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_source_parser(Source)
    for name in ("files", "equations", "widget", "printed", "quoted"):
        app.add_directive(name, Made)
    app.connect("source-read", tables_anew)
    app.add_post_transform(Marked)
    app.connect("html-page-context", finish, priority=100)
    app.connect("build-finished", leave_the_book)
    app.connect("env-get-outdated", lambda app, env, *changes: env.found_docs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
