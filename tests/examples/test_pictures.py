"""The pictures of the examples: what is drawn is what was measured, and no page is half empty."""

import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def plots(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("parts.plots")


@pytest.fixture
def drawn(plots: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list:
    """The figures that would have been saved."""
    figures: list = []
    monkeypatch.setattr(plots, "save", lambda figure, path: figures.append(figure))
    yield figures
    from matplotlib import pyplot

    pyplot.close("all")


@pytest.mark.needs("matplotlib")
@pytest.mark.parametrize("count", [0, 1, 3, 4, 8, 9, 17, 30])
def test_images_of_disagreements_fill_the_width(plots, drawn, tmp_path, count: int) -> None:
    first = np.zeros(40, np.int64)
    second = (np.arange(40) < count).astype(np.int64)
    plots.plot_disagreements(np.zeros((40, 28, 28)), first, first, second, tmp_path / "d.png")
    drawn[0].draw_without_rendering()
    shown = [ax for ax in drawn[0].axes if ax.images]
    assert len(shown) == min(count, 24)
    boxes = np.array([ax.get_window_extent().extents for ax in shown]).reshape(-1, 4)
    if count > 1:
        assert boxes[:, 2].max() - boxes[:, 0].min() >= 0.95 * drawn[0].bbox.width
        assert boxes[:, 1].min() <= 0.08 * drawn[0].bbox.height


@pytest.mark.needs("matplotlib")
def test_squares_of_the_pipeline_have_areas_as_their_bytes_and_say_mean_and_deviation(
    plots, drawn, tmp_path
) -> None:
    def rows(*errors: int) -> list[dict]:
        sizes = (90_000, 10_000, 2_500)
        return [
            {"model": name, "bytes": size, "errors": found}
            for name, size, found in zip(plots.STAGES, sizes, errors, strict=True)
        ]

    plots.plot_pipeline([rows(50, 70, 80), rows(54, 70, 90)], tmp_path / "p.png")
    ax = drawn[0].axes[0]
    areas = np.array([square.get_width() * square.get_height() for square in ax.patches])
    np.testing.assert_allclose(areas / areas[0], [1, 1 / 9, 1 / 36])
    words = "\n".join(text.get_text() for text in ax.texts)
    for needed in ("90,000 bytes", "2,500 bytes\n(36.0× smaller)", "52 ± 2.8 errors", "85 ± 7.1 errors"):
        assert needed in words


@pytest.mark.needs("matplotlib")
def test_arrows_of_the_number_line_end_where_the_grid_puts_each_number(plots, drawn, tmp_path) -> None:
    line = importlib.import_module("number_line")
    line.plot_number_line(line.GRID, line.NUMBERS, tmp_path / "n.png")
    arrows = [text for text in drawn[0].axes[0].texts if getattr(text, "arrow_patch", None)]
    ends = {text.xyann[0]: text.xy[0] for text in arrows if text.xyann[1] > 0}
    values = line.GRID.dequantize(np.arange(line.GRID.lo, line.GRID.hi + 1))
    for real in line.NUMBERS:
        assert ends[real] == values[np.abs(values - real).argmin()]


def test_the_number_line_says_clipped_of_numbers_outside_the_range_only(plots) -> None:
    line = importlib.import_module("number_line")
    _, *rows = line.as_table(line.GRID, line.NUMBERS).splitlines()
    for row, real in zip(rows, line.NUMBERS, strict=True):
        assert row.endswith("clipped") == (real < line.GRID.low or real > line.GRID.high)


def record(engine: str, variant: str, threads: int, images_per_s: float, spread: float = 0.1) -> dict:
    speeds = {name: images_per_s * (1 + sign * spread) for name, sign in (("lowest", -1), ("highest", 1))}
    place = {"network": "net", "work": "train", "batch": 64, "threads": threads}
    return place | speeds | {"engine": engine, "variant": variant, "images_per_s": images_per_s}


def test_a_speed_stands_to_the_fastest_variant_of_all_other_engines(plots) -> None:
    chart = importlib.import_module("peers.chart")
    records = [
        record("tinyzip", "blas", 1, 300.0),
        record("tinyzip", "integer", 1, 100.0, spread=0.9),
        record("torch", "default", 1, 50.0),
        record("torch", "channels-last", 1, 200.0),
        record("litert", "default", 1, 150.0),
        record("tinyzip", "blas", 2, 300.0),
    ]
    found = {("net", "train", 64): {1: (1.5, "torch", True)}}
    assert chart.standings(records) == found
    for spread, steady in ((0.14, True), (0.16, False)):
        found["net", "train", 64][2] = (3.0, "litert", steady)
        assert chart.standings([*records, record("litert", "default", 2, 100.0, spread)]) == found
