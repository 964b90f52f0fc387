"""Depth: what is known of the exercise about counting windows."""

from tinyzip.base.windows import window_count
from tinyzip.learn.case import Case, Check


def expected(H: int, k: int, s: int = 1, before: int = 0, after: int = 0) -> int:
    if k > H + before + after:
        return 0
    return window_count((H, 1), (k, 1), (s, 1), ((before, after), (0, 0)), "windows")[0]


def case(what: str, *arguments: int) -> Case:
    return Case("window_count", what, lambda: arguments, expected, 0)


CHECK = Check(
    library="base/windows.py, window_count",
    cases=(
        case("a window of 5 on 28 numbers", 28, 5),
        case("a window of 2 on 24 numbers, in steps of 2", 24, 2, 2),
        case("a window of 3 on 8 numbers, in steps of 2, where one number is left over", 8, 3, 2),
        case("a window of 3 on 7 numbers, 2 before and 1 after them", 7, 3, 1, 2, 1),
        case("a window of 5 on 5 numbers", 5, 5, 3),
        case("a window of 4 on 3 numbers", 3, 4),
        case("a window of 9 on 3 numbers, in steps of 2", 3, 9, 2),
    ),
    hints=(
        "Where does the last window begin, if the row is exactly as long as the window?",
        "Windows begin at 0, s, 2s, …; the last that fits begins at most at (length of the padded row) − k.",
        "Count the multiples of s from 0 up to that place, 0 among them; and mind a place below 0.",
    ),
)
