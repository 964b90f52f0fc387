"""How Sphinx makes the book: the sources are the pages, in place; `book` says how each is read.

python -m sphinx -W -c docs . out/book
"""

import sys
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "docs")]
facts, tinyzip = import_module("facts"), import_module("tinyzip")

project, release, author = "tinyzip", tinyzip.__version__, "the tinyzip authors"
extensions = ["myst_parser", "book", "packed"]
root_doc = "docs/index"
source_suffix = {".md": "markdown", ".py": "python"}
include_patterns = ["README.md", "CHANGELOG.md", "tests/README.md", "docs/*.md", "docs/questions/*.md"]
include_patterns += ["examples/*.md", "examples/*/*.md", *(f"{name}.py" for name in facts.documents())]
exclude_patterns = [".*", "out", "build", "dist", "examples/data"]
myst_heading_anchors = 4

html_theme = "furo"
html_title = f"tinyzip {release}"
templates_path = ["templates"]
html_static_path = ["static", "widgets", *(f"../{script}" for script in facts.ENGINE)]
html_extra_path = ["extra"]
html_css_files = ["book.css"]
html_copy_source = html_show_sourcelink = html_use_index = html_domain_indices = html_permalinks = False
html_show_search_summary = False  # it would fetch pages, which browsers refuse from a disk
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
