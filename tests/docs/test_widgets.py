"""The things to touch show the library's numbers, and are used by keyboard alone."""

import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from parts.browsers import CHROMIUM, launched
from sources import TESTS

from tinyzip.archive.coder import COST_BITS, Reader, Writer
from tinyzip.distill.temperature import kl_divergence
from tinyzip.exchange.page.html import SCRIPTS
from tinyzip.integer.fixedpoint import M0_STEP, ROUNDINGS, multiplier, rescale
from tinyzip.nn.losses import log_softmax
from tinyzip.nn.network import Network
from tinyzip.nn.ops.conv import conv2d, conv2d_backward
from tinyzip.quant.grids.calibrate import weight_grids
from tinyzip.quant.grids.grid import Grid
from tinyzip.quant.grids.ranges import RULES, observer
from tinyzip.quant.training.masks import keep
from tinyzip.quant.training.rate import entropy
from tinyzip.quant.training.saved import load
from tinyzip.train.data import mnist
from tinyzip.train.images import to_input

ROOT = TESTS.parent
sys.path.append(str(ROOT / "docs"))
import packed  # noqa: E402

WIDGETS = sorted(path.stem for path in (ROOT / "docs" / "widgets").glob("*.js") if path.stem != "parts")
WITHOUT = (ROOT / "docs" / "touch.md").read_text(encoding="utf-8")  # what stands there without scripts
DRAWS = 200
pytestmark = pytest.mark.needs("playwright", CHROMIUM)
Page = Any
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small page for each widget: the engine's scripts, the shared parts, and its own."""
    folder = tmp_path_factory.mktemp("widgets")
    style = (ROOT / "docs" / "static" / "book.css").read_text(encoding="utf-8")
    colours = {"light": ("#fff", "#000", "#0a4bff"), "dark": ("#131416", "#cfd0d0", "#3d94ff")}
    for scheme, (paper, ink, brand) in colours.items():
        values = f"--color-background-primary: {paper}; --color-foreground-primary: {ink}; "
        values += (
            f"--color-brand-primary: {brand}; --color-foreground-muted: #81868d; color-scheme: {scheme};"
        )
        style += f"@media (prefers-color-scheme: {scheme}) {{ :root {{ {values} }} }}\n"
    style += "body { background: var(--color-background-primary); color: var(--color-foreground-primary); }"
    (folder / "digits.js").write_text(packed.script(), encoding="utf-8")
    for script in (ROOT / "docs" / "widgets").glob("*.js"):
        (folder / script.name).write_bytes(script.read_bytes())
    engine = [ROOT / "tinyzip" / "exchange" / "page" / f"{name}.js" for name in SCRIPTS if name != "app"]
    for name in WIDGETS:
        sources = [*(path.as_uri() for path in engine), "parts.js", f"{name}.js"]
        scripts = "".join(f'<script defer src="{source}"></script>' for source in sources)
        head = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{name}</title>'
        head += f"<style>{style}</style>"
        text = f'<main><h1>{name}</h1><div class="widget" data-widget="{name}">Without scripts.</div></main>'
        (folder / f"{name}.html").write_text(head + scripts + text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as browser:
        yield browser


@pytest.fixture
def show(browser: Any, folder: Path) -> Iterator[Open]:
    """Opens a widget's page; at the end fails where anything went wrong in one, or a network was asked."""
    wrong: list[str] = []
    contexts = []

    def open(name: str, **options: Any) -> Page:
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text))
        page.on("request", lambda request: request.url.startswith("file:") or wrong.append(request.url))
        page.goto((folder / f"{name}.html").as_uri())
        if name == "prune_and_round":
            page.evaluate("() => document.querySelector('.widget').ready")
        return page

    yield open
    for context in contexts:
        context.close()
    assert not wrong, wrong


def computed(page: Page, body: str, draws: list[Any]) -> list[Any]:
    """What the JavaScript `body` makes of each draw, with `box` the widget."""
    body = body if body.startswith("{") else f"({body})"
    call = f"(draws) => {{ const box = document.querySelector('.widget'); return draws.map((d) => {body}); }}"
    answers: list[Any] = page.evaluate(call, draws)
    assert len(answers) == DRAWS
    return answers


def close(found: Any, expected: Any) -> None:
    """Equal but for the rounding of float64."""
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_the_number_line_has_the_grid_s_codes_values_and_errors(show: Open) -> None:
    rng = np.random.default_rng(0)
    draws = [
        [
            -rng.exponential(3),
            rng.exponential(3),
            int(rng.integers(2, 9)),
            rng.normal(0, 4, 20).round(2).tolist(),
        ]
        for _ in range(DRAWS)
    ]
    body = "{ const grid = box.affine(d[0], d[1], d[2]); return [grid, box.compute(grid, d[3])]; }"
    for (low, high, bits, xs), (grid, seen) in zip(
        draws, computed(show("number_line"), body, draws), strict=True
    ):
        expected = Grid.affine(low, high, bits)
        assert (grid["scale"], grid["zero"], grid["hi"]) == (expected.scale, expected.zero, expected.hi)
        values = expected.round_trip(xs).astype(np.float64)
        assert [one["code"] for one in seen] == expected.quantize(xs).tolist()
        assert [one["value"] for one in seen] == values.tolist()
        assert [one["error"] for one in seen] == (values - xs).tolist()


def test_the_convolution_has_the_library_s_outputs_and_gradients(show: Open) -> None:
    rng = np.random.default_rng(1)
    draws, expected = [], []
    while len(draws) < DRAWS:
        (H, W), (KH, KW) = rng.integers(1, 7, 2).tolist(), rng.integers(1, 4, 2).tolist()
        stride, padding = rng.integers(1, 4, 2).tolist(), rng.integers(0, 3, 4).tolist()
        if H + sum(padding[:2]) < KH or W + sum(padding[2:]) < KW:
            continue
        x, w = (
            rng.integers(-9, 10, (1, H, W, 1)).astype(float),
            rng.integers(-9, 10, (1, 1, KH, KW)).astype(float),
        )
        options = tuple(stride), (tuple(padding[:2]), tuple(padding[2:]))
        y = conv2d(x, w, None, *options)
        dy = rng.integers(-9, 10, y.shape).astype(float)
        dx, dw, _ = conv2d_backward(dy, x, w, *options)
        expected.append([array.ravel().tolist() for array in (y, dw, dx)])
        geometry = {"kernel": [KH, KW], "stride": stride, "padding": padding}
        draws.append([*(array.ravel().tolist() for array in (x, w, dy)), geometry, [H, W]])
    body = "Object.values(box.compute(...d))"
    assert computed(show("convolution"), body, draws) == expected


def test_a_part_of_the_windows_has_the_gradients_of_their_part_of_dy(show: Open) -> None:
    rng = np.random.default_rng(2)
    draws, expected = [], []
    for _ in range(DRAWS):
        x, w, dy = (rng.integers(-9, 10, (1, 1, n, n)).astype(float) for n in (5, 3, 3))
        count = int(rng.integers(0, 10))
        part = np.where(np.arange(9) < count, dy.ravel(), 0).reshape(1, 3, 3, 1)
        dx, dw, _ = conv2d_backward(part, x.reshape(1, 5, 5, 1), w)
        expected.append([dw.ravel().tolist(), dx.ravel().tolist()])
        geometry = {"kernel": [3, 3], "stride": [1, 1], "padding": [0, 0, 0, 0]}
        draws.append([*(array.ravel().tolist() for array in (x, w, dy)), geometry, [5, 5], count])
    assert computed(show("convolution"), "Object.values(box.compute(...d)).slice(1)", draws) == expected


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_requantizing_rounds_as_the_library_does(show: Open, rounding: Any) -> None:
    rng = np.random.default_rng(3)
    reals = np.exp2(rng.uniform(-30, -0.01, DRAWS))
    draws, expected = [], []
    for real, acc in zip(reals.tolist(), rng.integers(-(2**24), 2**24, DRAWS).tolist(), strict=True):
        m0, n = multiplier(Fraction(real))
        taken = 2**30 if rounding == "shift" else m0 - m0 % M0_STEP if rounding == "float32" else m0
        draws.append([real, acc >> int(rng.integers(0, 20)), taken, n])
        expected.append([[m0, n], int(rescale(draws[-1][1], taken, n, rounding))])
    body = f"[box.multiplier(d[0]), box.compute(d[1], d[2], d[3], '{rounding}')]"
    assert computed(show("requantize"), body, draws) == expected


def distribution(rng: np.random.Generator) -> list[float]:
    """Values as activations may be: of many shapes, shifted or not, cut by a ReLU or not."""
    shapes = [rng.normal, rng.laplace, rng.uniform, lambda **size: rng.laplace(**size) ** 3]
    values = shapes[rng.integers(4)](size=250)
    values = values * rng.exponential() + rng.normal() * (rng.random() < 0.3)
    return (np.maximum(values, 0) if rng.random() < 0.4 and values.max() > 0 else values).tolist()


def test_each_rule_clips_where_the_library_s_does_and_costs_as_much(show: Open) -> None:
    rng = np.random.default_rng(4)
    draws = [[distribution(rng), int(rng.integers(2, 9)), 1] for _ in range(DRAWS)]
    for draw in draws[::4]:  # one value of 10,000 is less than one of 250
        draw[2] = rng.choice([1, 2, 150], 250).tolist()
    draws[1] = [[255.0, 42.5], 2, [268, 19]]  # a narrower range may be better, for all that the bins tell
    body = """{
        const values = d[0].flatMap((v, k) => new Array(d[2][k] ?? 1).fill(v));
        return box.compute(values, d[1]).map((r) => ({ ...r, ...box.cost(values, [r.low, r.high], d[1]) }));
    }"""
    for (values, bits, counts), cuts in zip(draws, computed(show("clip"), body, draws), strict=True):
        x = np.repeat(values, counts)
        assert [cut["rule"] for cut in cuts] == ["minmax", *RULES]
        for cut in cuts:
            seen = observer(cut["rule"], bits)
            seen.observe(x)
            low, high = seen.range()
            close([cut["low"], cut["high"]], [min(low, 0), max(high, 0)])
            errors = x - Grid.affine(cut["low"], cut["high"], bits).round_trip(x).astype(np.float64)
            close(cut["error"], np.mean(errors**2))
            assert cut["clipped"] == np.mean((x < cut["low"]) | (x > cut["high"]))


def test_the_temperature_softens_as_the_library_does(show: Open) -> None:
    rng = np.random.default_rng(5)
    draws = [
        [*rng.normal(0, 5, (2, int(rng.integers(2, 11)))).tolist(), rng.uniform(0.5, 20)]
        for _ in range(DRAWS)
    ]
    for (z, t, T), seen in zip(draws, computed(show("temperature"), "box.compute(...d)", draws), strict=True):
        z, t = np.array(z)[:, None], np.array(t)[:, None]
        loss, dz = kl_divergence(z, t, T)
        log_p, log_q = log_softmax(z / T), log_softmax(t / T)
        close(seen["p"], np.exp(log_p).ravel())
        close(seen["q"], np.exp(log_q).ravel())
        close(seen["entropy"], -(np.exp(log_q) * log_q / np.log(2)).sum())
        close(seen["loss"], loss)
        close(seen["dz"], dz.ravel())


def test_a_message_has_the_coder_s_bytes_and_states_and_reads_back(show: Open) -> None:
    rng = np.random.default_rng(6)
    letters = [chr(code) for code in (*range(32, 127), 0xE9, 0x3B1, 0x1F600)]
    draws = [
        "".join(rng.choice(letters[: int(rng.integers(1, 99))], int(rng.integers(0, 25))))
        for _ in range(DRAWS)
    ]

    def pass_through(coder: Reader | Writer, data: bytes | None, count: int) -> Iterator[tuple[int, int]]:
        for k in range(count):
            t = 1
            for i in range(8):
                bit = coder.bit(None if data is None else data[k] >> (7 - i) & 1, coder.cell("letter", t))
                t = 2 * t + bit
                if isinstance(coder, Reader):
                    yield coder._x, coder._read

    draws[0] = "a" * 2500  # until a decision has all slots but one
    for text, seen in zip(draws, computed(show("message"), "box.compute(d)", draws), strict=True):
        data, writer = text.encode(), Writer("a text")
        assert not [*pass_through(writer, data, len(data))]
        assert bytes(seen["bytes"]) == writer.finish()
        reader = Reader(bytes(seen["bytes"]), "a text")
        states = [(reader._x, reader._read), *pass_through(reader, None, len(data))]
        reader.finish()
        assert seen["read"] == [list(state) for state in states]
        assert [x for x, _ in seen["written"]] == [x for x, _ in states[-2::-1]]
        assert seen["text"] == text


def test_a_network_pruned_and_rounded_has_the_library_s_codes_bytes_and_errors(show: Open) -> None:
    rng = np.random.default_rng(7)
    net, (_, test) = load(packed.NET), mnist(packed.MNIST)
    names = [key for key in net.params if key.endswith(".w")]
    draws = []
    for _ in range(DRAWS):
        shares = rng.uniform(0, 1, 4).round(2).clip(0, 0.99) * (rng.random(4) < 0.7)
        draws.append([shares.tolist(), int(rng.integers(2, 10)), int(rng.integers(0, packed.COUNT - 3)), 4])
    answers = computed(show("prune_and_round"), "box.compute(...d)", draws)
    for (shares, bits, first, count), seen in zip(draws, answers, strict=True):
        params = {key: a.astype(np.float64) for key, a in net.params.items()}
        for key, share in zip(names, shares, strict=True):
            params[key] *= keep({key: params[key] ** 2}, share)[key]
        if bits < 9:
            pruned = net.with_params({key: a.astype(np.float32) for key, a in params.items()})
            for key, grid in weight_grids(pruned, bits).items():
                k = names.index(key)
                assert seen["codes"][k] == grid.quantize(params[key]).ravel().tolist()
                close(seen["entropies"][k], entropy(params[key], grid.scale, grid.lo, grid.hi))
                params[key] = grid.round_trip(params[key]).astype(np.float64)
        x = to_input(test.images[first : first + count]).astype(np.float64)
        z, _ = Network(net.layers, params, net.shape).forward(x)
        close(np.array(seen["logits"]).T, z)
        assert seen["errors"] == (z.argmax(0) != test.labels[first : first + count]).sum()


@pytest.mark.parametrize("name", WIDGETS)
def test_keys_change_what_is_shown(show: Open, name: str) -> None:
    """Every slider and button is reached by Tab, and a key changes the widget's text."""
    page = show(name)
    parts = "[...document.querySelectorAll('.widget :is(input, select, button)')]"
    wanted = page.evaluate(f"() => {parts}.length")
    assert wanted
    seen = set()
    for _ in range(wanted + 10):
        page.keyboard.press("Tab")
        part = page.evaluate(f"() => {parts}.indexOf(document.activeElement)")
        if part < 0 or part in seen:
            continue
        seen.add(part)
        kind = page.evaluate("() => document.activeElement.type")
        before = page.evaluate(
            "() => document.querySelector('.widget').innerText + document.activeElement.value"
        )
        keys = {"button": ["Enter"], "range": ["ArrowRight", "ArrowLeft"], "text": ["End", "a"]}
        changed = False
        for key in keys.get(kind, ["ArrowDown"]):
            page.keyboard.press(key)
            after = page.evaluate(
                "() => document.querySelector('.widget').innerText + document.activeElement.value"
            )
            changed |= after != before
        assert changed, f"{part}: {kind}"
    assert len(seen) == wanted


@pytest.mark.parametrize("name", WIDGETS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.needs("axe_playwright_python")
def test_axe_finds_nothing_and_each_width_is_enough(show: Open, name: str, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = show(name, color_scheme=scheme, viewport={"width": 360, "height": 800})
    results = Axe().run(page)
    assert not results.violations_count, results.generate_report()
    for width in (344, 1000, 2000):  # of which a narrow page's borders take 16
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_a_drag_moves_an_end_of_the_number_line_and_a_click_drops_a_number(show: Open) -> None:
    page = show("number_line", viewport={"width": 400, "height": 800})
    says, rows = page.get_by_role("status"), page.locator("tbody tr")
    before, count = says.inner_text(), rows.count()
    box = page.locator(".handle").last.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 5)
    page.mouse.up()
    assert says.inner_text() != before and rows.count() == count
    line = page.locator("svg").bounding_box()
    page.mouse.click(line["x"] + line["width"] / 2, line["y"] + 20)
    assert rows.count() == count + 1 and rows.last.locator("th").inner_text() in (
        "0",
        "−0.02",
        "0.02",
        "0.01",
        "−0.01",
    )


def test_the_network_answers_all_digits_and_shows_those_that_it_does_not_read(show: Open) -> None:
    page = show("prune_and_round")
    net, (_, test) = load(packed.NET), mnist(packed.MNIST)
    for bits, key in ((9, ""), (4, "ArrowLeft"), (3, "ArrowLeft"), (2, "Home")):
        grids = weight_grids(net, bits) if bits < 9 else {}
        params = {key: grids[key].round_trip(a) if key in grids else a for key, a in net.params.items()}
        z, _ = net.with_params(params).forward(to_input(test.images[: packed.COUNT]))
        answers, labels = z.argmax(0), test.labels[: packed.COUNT]
        missed = np.flatnonzero(answers != labels)
        assert f"{'as floats it makes' if bits > 8 else f'with {bits} bits'} {len(missed)}" in WITHOUT
        if key:
            while page.get_by_label("bits").input_value() != str(bits):
                page.get_by_label("bits").press(key)
        page.get_by_text(f"{len(missed)} errors on 1,000 digits").wait_for()
        shown = page.locator("figure")
        assert shown.all_inner_texts() == [f"read as {answers[n]}" for n in missed[:24]]
        names = page.eval_on_selector_all("canvas", "all => all.map((one) => one.ariaLabel)")
        assert names == [f"a {labels[n]}" for n in missed[:24]]


def test_the_sentences_without_scripts_are_true() -> None:
    grid = Grid.affine(-3, 3.5, 3)
    code = grid.quantize(2.2)
    words = (
        f"the scale is {grid.scale:.3f} and the code of 0 is {grid.zero}, so that 2.2 becomes code {code},"
    )
    assert f"{words} which means {grid.dequantize(code):.2f}" in WITHOUT
    t = np.array([[10.0], [6], [4], [1], [-3]])
    first, later = (float(np.exp(log_softmax(t / T))[0, 0]) for T in (1, 4))
    assert f"{first:.1%} at a temperature of 1, and {later:.1%} at 4".replace("%", " %") in WITHOUT
    writer, costs = Writer("a text"), []
    for byte in b"banana bandana":
        t, before = 1, writer.cost
        for i in range(8):
            t = 2 * t + writer.bit(byte >> (7 - i) & 1, writer.cell("letter", t))
        costs.append((writer.cost - before) / 2**COST_BITS)
    assert f"the first a takes {costs[1]:.2f} bits and the last one {costs[-1]:.2f}" in WITHOUT
    roundings = {
        name: rescale(1000, 2**30 if name == "shift" else 1276901417 // 128 * 128, 38, name)
        for name in ROUNDINGS
    }
    assert roundings == {"double": 5, "single": 5, "shift": 4, "float32": 5}
