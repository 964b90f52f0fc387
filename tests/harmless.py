"""Planted mistakes that change no result, with the reason: `mutants.py` does not count them.

No answer, file or message of the package differs: they move a threshold between two routes with one result,
ask for more memory than is used, or say in another way what was said. By room: (file, its line, what became
what) to the reason.
"""

HARMLESS: dict[str, dict[tuple[str, str, str], str]] = {
    "archive": {},
    "base": {},
    "cli": {},
    "distill": {},
    "exchange": {},
    "integer": {},
    "machine": {},
    "nn": {},
    "quant": {},
    "train": {},
}
