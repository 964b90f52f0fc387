"""A page that draws, reads and shows, in a browser.

html.py  one file of HTML around the scripts in this folder and the .tz files of programs
"""

from tinyzip.exchange.page.html import Model, source, write

__all__ = ["Model", "source", "write"]
