"""How Sphinx makes the book: the sources are the pages, in place; `book` says how each is read.

python -m sphinx -W -c docs . out/book
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.path.append(str(ROOT / "tests"))
sys.path.append(str(ROOT / "docs"))

import facts

import tinyzip

project, release, author = "tinyzip", tinyzip.__version__, "the tinyzip authors"
extensions = ["myst_parser", "book"]
root_doc = "docs/index"
source_suffix = {".md": "markdown", ".py": "python"}
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "docs/*.md",
    "docs/questions/*.md",
    "examples/*.md",
    "examples/*/*.md",
]
include_patterns += ["tests/README.md", *(f"{name}.py" for name in facts.documents())]
exclude_patterns = [".*", "out", "build", "dist", "examples/data"]
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]

html_theme = "furo"
html_title = f"tinyzip {release}"
templates_path = ["templates"]
html_static_path = ["static", "widgets", *(f"../{script}" for script in facts.engine())]
html_extra_path = ["extra"]
html_css_files = ["book.css"]
html_copy_source = html_show_sourcelink = html_use_index = html_domain_indices = html_show_sphinx = False
html_show_copyright = False
html_permalinks = False
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
