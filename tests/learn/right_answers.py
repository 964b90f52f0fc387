"""Right answers that are written in another way than the solution: at least two for each exercise."""

from pathlib import Path

from tinyzip.learn.course import Exercise


def right_answers(exercise: Exercise) -> list[str]:
    """The texts of others/, a line --- between two."""
    path = Path(__file__).parent / "others" / f"{exercise.name}.txt"
    return path.read_text(encoding="utf-8").split("---\n")
