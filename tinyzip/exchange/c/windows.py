"""Depth: convolution, pooling and fully connected layers in C, a row at a time.

A convolution adds up one row of one channel: a row of weights times the codes that it meets, so that a sum is
read and written once for all of them. Places outside the image hold the zero point and add nothing, so they
are not visited: near the borders it is weight by weight, and one that is 0 is left out, where there are more
than a few. What the row's sums become, codes or the greatest of a pool's windows, is for another function.

Where sums have 16 bits, those of two channels are one word of 32, and one multiplication adds to both:

    Σ (w_f + 2¹⁶·w_f+1)·x + 2¹⁵ + 2³¹ = (sum_f + 2¹⁵) + 2¹⁶·(sum_f+1 + 2¹⁵)  mod 2³²                  (CW4)

As |sum| < 2¹⁵, either half of the word holds what stands in its brackets, whatever was carried on the way.
"""

import numpy as np

from tinyzip.base.windows import Pair
from tinyzip.exchange.c.draft import Draft, scales_of
from tinyzip.exchange.c.plan import Step
from tinyzip.exchange.c.text import Lines, affine, block, comment, function, index, let, loops, with_row
from tinyzip.exchange.c.weights import packed, side_by_side, weight
from tinyzip.integer.fixedpoint import M0_STEP, significant
from tinyzip.integer.layout import Flatten
from tinyzip.integer.maps import Softmax
from tinyzip.integer.operators import Argmax, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Pool, Weighted
from tinyzip.integer.table import describe

ZEROS = 1 / 16  # of the weights: from here on it pays to ask whether a weight is one


def title(draft: Draft, i: int, k: int, more: str) -> Lines:
    """The comment above an operator's functions: its name, kind and shapes, and what else there is to say."""

    def size(k: int) -> str:
        return "x".join(map(str, draft.plan.program.shapes[k + 1])) or "a class"

    kind = describe(draft.plan.program.operators[i]).replace("×", "x")
    return comment(f"{draft.name(i)}: {kind}, {size(k)} to {size(i)}.{more}")


def more(draft: Draft, i: int) -> str:
    """What else there is to say of operator i."""
    bound, dtype = f"{draft.plan.program.bounds[i]:,}", draft.plan.sums_of(i)
    match draft.plan.program.operators[i]:
        case Weighted():
            return f" |sum + bias| <= {bound}, and {dtype}_t holds the sum."
        case Pool(kind="AvgPool2d") | GlobalAvgPool():
            return f" |sum| <= {bound}, which {dtype}_t holds."
        case Softmax():
            return " Exponentials in units of 2^-31, by how far a code is below the greatest."
        case Argmax():
            return " The first of the greatest."
    return ""


def add(total: str, ending: object, value: str) -> Lines:
    """total += value, in 16 or 32 bits."""
    return [f"{total} = (int16_t)({total} + {value});" if str(ending) == "16" else f"{total} += {value};"]


def conv2d(draft: Draft, step: Step) -> Lines:
    """The functions of a convolution, and of the max pool that takes its sums."""
    i = step.i if step.conv is None else step.conv
    operator, pool = draft.operator(i, Conv2d), draft.plan.program.operators[step.i]
    k, width = step.reads[0], draft.plan.width(i)
    paired = width == "16x2"
    draft.table(f"{draft.name(i)}_w", packed(operator, 1 + paired), "0")
    y = pool.y if isinstance(pool, MaxPool2d) and pool.y is not None else operator.y
    scales = scales_of(draft, i, operator, y)
    sums, call = sums_of_a_row(draft, i, operator, k)
    draft.lines += [*sums, ""]
    F, OH, OW = draft.plan.shape(step.i)
    rows = operator.window[0]
    if isinstance(pool, MaxPool2d):
        rows += (pool.kernel[0] - 1) * operator.stride[0]
        stride = pool.steps[0] * operator.stride[0]
        total = f"most{width}[{index(('ow', OW))}]"
        row = [
            *loops([("ow", OW)], [f"{total} = {'LEAST' if paired else f'INT{width}_MIN'};"]),
            *loops([("i", pool.kernel[0])], greatest(draft, step.i, pool, width, call)),
        ]
        draft.lines += title(draft, step.i, i, " The greatest sum gives the greatest code.")
    else:
        stride, row, total = operator.stride[0], [f"{call};"], f"sums{width}[{index(('ow', OW))}]"
    code = scales.code(f"sum_of({total}, f)" if paired else total)
    store = draft.store(step.i, draft.place(step.i, "f", "oh", "ow"), code)
    codes = scales.declared(loops([("ow", OW)], store))
    pulls = draft.pull(k, stride, rows - operator.padding[0][0], count=OH)
    if paired:
        both = block("for (int f = first; f < first + LANES; f++)", codes)
        return [*pulls, *block(f"for (int first = 0; first < {F}; first += LANES)", row, both)]
    return [*pulls, *loops([("f", F)], row, codes)]


def greatest(draft: Draft, i: int, pool: MaxPool2d, width: str, call: str) -> Lines:
    """One row of sums, and the greatest of each window in it so far."""
    _, OH, OW = draft.plan.shape(i)
    oh = affine(("oh", pool.steps[0], OH), ("i", 1, pool.kernel[0]))
    most = f"most{width}[{index(('ow', OW))}]"
    v = affine(("ow", pool.steps[1], OW), ("j", 1, pool.kernel[1]))
    larger = block(f"if (sums{width}[{v}] > {most})", [f"{most} = sums{width}[{v}];"])
    if width == "16x2":
        larger = [f"{most} = greater({most}, sums{width}[{v}]);"]
    return [f"{with_row(call, oh)};", *loops([("ow", OW), ("j", pool.kernel[1])], larger)]


def sums_of_a_row(draft: Draft, i: int, operator: Conv2d, k: int) -> tuple[Lines, str]:
    """The function that adds up row oh of channel f, or of channel `first` and the next, and its call."""
    (C, H, W), (F, OH, _), OW = draft.plan.shape(k), draft.plan.shape(i), draft.plan.columns(i)
    CG, (kh, kw), (dh, dw) = operator.w.shape[1], operator.kernel, operator.dilation
    (sh, sw), ((top, _), (left, _)) = operator.stride, operator.padding
    width, rows, each, w = draft.plan.width(i), draft.plan.rows(k), F // operator.groups, f"{draft.name(i)}_w"
    paired, x = width == "16x2", draft.codes(k)
    f = "first" if paired else "f"
    channel = index((f if each == 1 else f"{f} / {each}", operator.groups), ("c", CG))
    slot, begin = "h", []
    if 1 < rows < H:  # row h is in place h mod rows, a division that is done once
        begin = [f"const int begin = ({affine(('oh', sh, OH), plus=-top % rows)}) % {rows};"]
        slot = affine(("begin", 1, 2), ("i", dh, kh))
        slot = f"({slot} < {rows} ? {slot} : {slot} - {rows})" if kh > 1 else slot
    place = index((channel, C), (slot, rows), ("0", W))

    def product(w: str, v: str) -> str:
        code = draft.centred(k, v if place == "0" else "row" if v == "0" else f"row + {v}")
        return f"(sums_t){code} * {w}" if paired and (x.zero or x.lo < 0) else f"{w} * {code}"

    most = (OW - 1) * sw + (kw - 1) * dw - left
    inside = left == 0 and most < W
    total, j = f"sums{width}[{index(('ow', OW)) if inside else 'ow'}]", "0" if inside else "j"
    number = index(("first / 2", F // 2) if paired else ("f", F), ("c", CG), ("i", kh), (j, kw))
    if inside:
        added = [f"sum += {product(f'w{j}', affine(('ow', sw, OW), plus=j * dw))};" for j in range(kw)]
        kind, cast = {"16x2": ("sums_t", ""), "16": ("int", "(int16_t)"), "32": ("int32_t", "")}[width]
        along = loops([("ow", OW)], [f"{kind} sum = {total};", *added, f"{total} = {cast}sum;"])
        along = let("k", number, side_by_side(operator, w, kw, paired), along)
    else:
        added = add(total, width, product("w0", affine(("ow", sw, 2), ("j", dw, kw), plus=-left)))
        first = ("v < 0 ? -v : 0" if sw == 1 else f"v < 0 ? ({sw - 1} - v) / {sw} : 0") if left else "0"
        after = f"{W} - v" if sw == 1 else f"({W + sw - 1} - v) / {sw}"
        end = f"v > {W - 1 - (OW - 1) * sw} ? {after} : {OW}" if most >= W else str(OW)
        along = [
            f"const int v = {affine(('j', dw, kw), plus=-left)};",
            *block(f"for (int ow = {first}, end = {end}; ow < end; ow++)", added),
        ]
        if OW > 1 and np.mean(operator.w == 0) > ZEROS:
            along = block("if (w0)", along)
        along = loops([("j", kw)], let("k", number, side_by_side(operator, w, 1, paired), along))
    across = loops([("c", CG)], let("row", place, along))
    conditions = ["h >= 0"] * (top > 0) + [f"h < {H}"] * ((OH - 1) * sh + (kh - 1) * dh - top >= H)
    if conditions:
        across = block(f"if ({' && '.join(conditions)})", across)
    empty = f"sums{width}[{index(('ow', OW))}] = {'EMPTY' if paired else 0};"
    body = loops([("i", kh)], let("h", affine(("oh", sh, OH), ("i", dh, kh), plus=-top), across))
    return function(f"APART void {draft.name(i)}_sums", [f, "oh"], begin, loops([("ow", OW)], [empty]), body)


def pool(draft: Draft, step: Step) -> Lines:
    """The row of a max or average pool: the part of each window that lies inside the image."""
    operator, (k,), i = draft.operator(step.i, Pool), step.reads, step.i
    (C, H, W), (_, OH, OW) = draft.plan.shape(k), draft.plan.shape(i)
    (kh, kw), (sh, sw) = operator.kernel, operator.steps
    x, is_max = draft.load(k, draft.place(k, "c", "h", "v")), isinstance(operator, MaxPool2d)
    y, dtype = draft.codes(i), draft.plan.sums_of(i)
    if is_max:
        value = "most" if operator.y is None else f"clamp(most, {y.lo}, {y.hi})"
        begin, each = [f"int most = {draft.codes(k).lo};"], block(f"if ({x} > most)", [f"most = {x};"])
    else:
        value = "mean(sum, (bottom - top) * (right - left))"
        value = value if operator.y is None else f"clamp({value}, {y.lo}, {y.hi})"
        begin, each = [f"{dtype}_t sum = 0;"], add("sum", 8 * dtype.itemsize, x)
    window = block("for (int h = top; h < bottom; h++)", block("for (int v = left; v < right; v++)", each))
    store = draft.store(i, draft.place(i, "c", "oh", "ow"), value)
    across = ends("left", "right", ("ow", sw, OW), kw, operator.padding[1], W)
    down = ends("top", "bottom", ("oh", sh, OH), kh, operator.padding[0], H)
    inner = loops([("c", C), ("ow", OW)], across, begin, window, store)
    return [*draft.pull(k, sh, kh - operator.padding[0][0], count=OH), *down, *inner]


def ends(first: str, end: str, window: tuple[str, int, int], length: int, padding: Pair, size: int) -> Lines:
    """Where a window begins and ends, cut at the image's borders where it can lie over them."""
    start, until = affine(window, plus=-padding[0]), affine(window, plus=length - padding[0])
    lo = f"{start} < 0 ? 0 : {start}" if padding[0] else start
    hi = f"{until} > {size} ? {size} : {until}" if sum(padding) else until
    return [f"const int {first} = {lo}, {end} = {hi};"]


def linear(draft: Draft, step: Step) -> Lines:
    """A fully connected layer: output by output, or, after an image that comes row by row, all at once."""
    i, (k,) = step.i, step.reads
    operator = draft.operator(i, Linear)
    (F, C), bits, name = operator.w.shape, 8 * draft.plan.sums_of(i).itemsize, draft.name(i)
    draft.table(f"{name}_w", packed(operator), "0")
    scales = scales_of(draft, i, operator, operator.y)
    if step.flatten is None:
        w = weight(operator, f"{name}_w", index(("f", F), ("c", C)))
        product = let("w", w, add("sum", bits, f"w * {draft.centred(k, index(('c', C)))}"))
        store = draft.store(i, index(("f", F)), scales.code("sum"))
        return loops(
            [("f", F)], [f"int{bits}_t sum = 0;"], loops([("c", C)], product), scales.declared(store)
        )
    flatten = draft.operator(step.flatten, Flatten)
    C, H, W = draft.plan.shape(k)
    axes = {"c": C, "h": H, "v": W}
    order = "chv" if flatten.order == "CHW" else "hvc"
    number = index(("f", F), *((axis, axes[axis]) for axis in order))
    total = f"{draft.array(f'{draft.name(i)}_sums')}[{index(('f', F))}]"
    product = add(total, bits, f"w * {draft.centred(k, draft.place(k, 'c', 'h', 'v'))}")
    product = let("w", weight(operator, f"{name}_w", number), product)
    inner = [(axis, axes[axis]) for axis in order if axis != "h"]
    return [
        *loops([("f", F)], [f"{total} = 0;"]),
        *loops([("h", H)], draft.pull(k, 1, 1, "h"), loops([("f", F), *inner], product)),
        *loops([("f", F)], scales.declared(draft.store(i, index(("f", F)), scales.code(total)))),
    ]


def global_avg_pool(draft: Draft, step: Step) -> Lines:
    """The mean of each channel, its sums growing row by row."""
    i, (k,) = step.i, step.reads
    operator = draft.operator(i, GlobalAvgPool)
    (C, H, W), bits = draft.plan.shape(k), 8 * draft.plan.sums_of(i).itemsize
    total, place = f"{draft.array(f'{draft.name(i)}_sums')}[{index(('c', C))}]", draft.place(k, "c", "h", "v")
    x = draft.load(k, place) if operator.sums_codes() else draft.centred(k, place)
    if operator.y is None or operator.m0 is None or operator.n is None:
        value = f"mean({total}, {H * W})"
    elif operator.rounding == "float32":
        y, m, shift = operator.y, operator.m0 // M0_STEP, operator.n - 7
        offset = significant(significant(H * W * draft.codes(k).zero) * m)
        z = int(significant((y.zero << shift) - offset))
        value = f"mean_float32({total}, {m}, {z}, {shift}, {y.lo}, {y.hi})"
    else:
        value = scales_of(draft, i, operator, operator.y).code(total)
    return [
        *loops([("c", C)], [f"{total} = 0;"]),
        *loops([("h", H)], draft.pull(k, 1, 1, "h"), loops([("c", C), ("v", W)], add(total, bits, x))),
        *loops([("c", C)], draft.store(i, index(("c", C)), value)),
    ]
