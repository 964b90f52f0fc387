"""Planted mistakes that change no result, with the reason: `mutants.py` does not count them.

No answer, file or message of the package differs: they move a threshold between two routes with one result,
ask for more memory than is used, or say in another way what was said. By room: (file, its line, what became
what) to the reason.
"""

BISECTED = "more sums are looked at, or fewer that stand outside; each of them keeps its code in any case"

PIXELS = "CHUNK = 64 * 28 * 28  # pixels at a time: enough for the calls to be long, few enough for caches"

HARMLESS: dict[str, dict[tuple[str, str, str], str]] = {
    "archive": {
        (
            "archive/fields.py",
            "given = codes or before",
            "codes or before → (codes)",
        ): "where none are given nothing is asked of them; the rest is for types",
        (
            "archive/shorten.py",
            "TOGETHER = 64  # outputs that are looked at together",
            "64 → 65",
        ): "more outputs at once; each has an interval of its own",
        **{
            (
                "archive/coder.py",
                line,
                change,
            ): "no decision owns all slots: each of the two counts a half at least"
            for line in (
                "return min(max((one << CHANCE) // (one + zero), 1), SLOTS - 1)",
                "slots: Symbols = np.clip((roots[:, 1] << CHANCE) // roots.sum(1), 1, SLOTS - 1)",
            )
            for change in ("- → +", "SLOTS - 1 → (SLOTS)")
        },
        **{
            (
                "archive/numbers.py",
                'if magnitude and coder.bit(None if value is None else int(value < 0), coder.cell(*name, "negative")):',  # noqa: E501
                change,
            ): "where there is a magnitude, the number is not 0"
            for change in ("0 → 1", "< → <=")
        },
        (
            "archive/bitwise.py",
            "parts.append((ORDER * weight + SIGN, 1 * (codes[weight] < 0), a, b))",
            "< → <=",
        ): "of these weights none is 0",
        (
            "archive/tables.py",
            'codes = array("h", bytes(2 * (N + 1)))  # and a 0 at the end, for what is beyond the edge',
            "1 → 2",
        ): "a 0 more at the end",
        (
            "archive/fields.py",
            "m, n = value or (1, 0)",
            "1 → 2",
        ): "what stands there when a file is read is not looked at",
        (
            "archive/weights.py",
            "SPARSE = 16  # times as many weights as are not zero: then runs are tried",
            "16 → 17",
        ): "where one more form is tried; it is written where it is shorter",
        (
            "archive/weights.py",
            "forms = [(0, WHOLE, plan(writer, values, view))]",
            "0 → 1",
        ): "of two forms whose costs are equal to 2⁻¹⁶ bit either may be written",
        (
            "archive/weights.py",
            "if 2 * listed.size <= np.ptp(listed):",
            "* → +",
        ): "how few values there are where a list of them is tried; it is written where it is shorter",
        (
            "archive/bitwise.py",
            "order = np.argsort(np.concatenate([asked.key, ORDER * plain + AFTER + 3]))",
            "3 → 4",
        ): "after the second bit and before the sign, either way",
        (
            "archive/shorten.py",
            "lambda acc: code(np.clip(acc, low, high), m0) >= c,",
            "np.clip(acc, low, high) → (acc)",
        ): "what is found beyond the ends is cut to them below",
        (
            "archive/shorten.py",
            "first, least, most = 0, 1, M0_MOST",
            "1 → 2",
        ): "no multiplier is below 2³⁰",
        (
            "archive/fields.py",
            "q = ((2 << n) // m + 1) >> 1 if n >= 0 else 0",
            "0 → 1",
        ): "of no such number q is more than 2",
        (
            "archive/weights.py",
            'for coding in ("mixed", "alone") if writer.taken + values.size <= DECISIVE_STEPS else ():',
            "+ → -",
        ): "what takes too many decisions is asked about in vain, and left out all the same",
        (
            "archive/weights.py",
            'for coding in ("mixed", "alone") if writer.taken + values.size <= DECISIVE_STEPS else ():',
            "writer.taken + values.size → (writer.taken)",
        ): "what takes too many decisions is asked about in vain, and left out all the same",
        ("archive/shorten.py", "np.broadcast_to(high + 1, shape),", "+ → -"): BISECTED,
        ("archive/shorten.py", "np.broadcast_to(high + 1, shape),", "1 → 2"): BISECTED,
        ("archive/shorten.py", "np.broadcast_to(high + 1, shape),", "high + 1 → (high)"): BISECTED,
        ("archive/shorten.py", "np.broadcast_to(low - 1, shape),", "- → +"): BISECTED,
        ("archive/shorten.py", "np.broadcast_to(low - 1, shape),", "1 → 2"): BISECTED,
        ("archive/shorten.py", "np.broadcast_to(low - 1, shape),", "low - 1 → (low)"): BISECTED,
    },
    "base": {
        (
            "base/calls.py",
            "close = get_close_matches(unknown, known, 1, 0.75)",
            "1 → 2",
        ): "of one name or of two the nearest is said",
        (
            "base/arrays.py",
            "parts.append(little.reshape(-1).view(np.uint8).data)",
            "uint8 → int8",
        ): "the same bytes, with a sign or without",
        (
            "base/windows.py",
            "out[:, top : top + H, left + W :] = value",
            "left + W → (left)",
        ): "what is more is written over in the next line",
        (
            "base/calls.py",
            "value = options.get(flag, args[place] if place < len(args) else True)",
            "True → False",
        ): "where nothing is given there is nothing to refuse: any bool passes",
        ("base/files.py", "CHUNK = 1 << 18  # bytes", "1 → 2"): "as many bytes are read, by larger parts",
        ("base/files.py", "CHUNK = 1 << 18  # bytes", "18 → 19"): "as many bytes are read, by larger parts",
        (
            "base/branches.py",
            "for node in range(self.end, -1, -1):",
            "1 → 2",
        ): "the last node is looked at once more",
        (
            "base/branches.py",
            "if one.sum is not None and one.sum == other.sum:",
            "one.sum is not None and one.sum == other.sum → (one.sum == other.sum)",
        ): "of several branches one alone ends where the graph ends: the others wait at sums",
        (
            "base/arrays.py",
            "data = magic + (file.read() if magic in magics else file.read(64))",
            "64 → 65",
        ): "the kind is told by 64 bytes in all",
    },
    "cli": {
        (
            "cli/npy.py",
            'array = np.load(path, mmap_mode="r", allow_pickle=False)',
            "False → True",
        ): "what begins as an array is mapped, and NumPy maps no objects",
    },
    "distill": {
        (
            "distill/teachers.py",
            "z, _ = model.forward(np.zeros((*model.shape, 1), dtype))",
            "1 → 2",
        ): "two blank images have as many classes as one",
        (
            "distill/guides.py",
            "arrays: Arrays = field(default_factory=dict, repr=False)",
            "False → True",
        ): "what is printed of an objective",
        (
            "distill/features.py",
            "return g.astype(h.dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "distill/temperature.py",
            "return teacher_z.astype(z.dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "distill/transfer.py",
            "z, caches = self.teacher.forward(batch.x.astype(dtype, copy=False), workspace=local.workspace)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "distill/transplant.py",
            "x = to_input(images[start : start + batch]).astype(model.dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "distill/transplant.py",
            "effect += (model.params[key] * grads[key]).reshape(len(effect), -1).sum(axis=1)",
            "+ → -",
        ): "all terms change their sign, and the square of their sum does not",
        (
            "distill/features.py",
            "size[size == 0] = 1",
            "1 → 2",
        ): "0 over any length is 0, and the derivative is multiplied by what is 0 there",
        (
            "distill/relations.py",
            "return length, float(length.mean()) or 1.0",
            "1.0 → 2.0",
        ): "0 over any number is 0, and pairs at a distance of 0 have no derivative",
        (
            "distill/relations.py",
            "dx = 2 * (x * W.sum(axis=0) - x @ W)",
            "0 → 1",
        ): "W is its own mirror image: both sums have the same terms",
        (
            "distill/student.py",
            "following = _following(guides, student, teacher, images[:1]) if guides else []",
            "1 → 2",
        ): "layers are asked for their channels, which do not depend on how many images there are",
        (
            "distill/student.py",
            "classes = [len(model.forward(input_of(model, images[:1]))[0]) for model in (student, teacher)]",
            "1 → 2",
        ): "models are asked for their classes, which do not depend on how many images there are",
    },
    "exchange": {
        (
            "exchange/tflite/reference.py",
            "one = np.float32(1)",
            "float32 → float16",
        ): "one is one in either, and the sum beside it is a float32",
        (
            "exchange/c/windows.py",
            'slot = affine(("begin", 1, 2), ("i", dh, kh))',
            "2 → 3",
        ): "of a length it counts only whether it is one",
        (
            "exchange/c/windows.py",
            'number = index(("first / 2", F // 2) if paired else ("f", F), ("c", CG), ("i", kh), (j, kw))',
            "// → *",
        ): "of the first length it counts only whether it is one, and 0 / 2 is 0",
        (
            "exchange/c/draft.py",
            "bias = operator.bias if isinstance(operator, Weighted) else np.zeros(1, np.int32)",
            "int32 → float32",
        ): "written as the int that it is",
        (
            "exchange/onnx/layers.py",
            "if axes is None or tuple(sorted(axis + 4 * (axis < 0) for axis in axes)) != wanted:",
            "< → <=",
        ): "0 is neither rows nor columns, nor is 4",
        (
            "exchange/onnx/step.py",
            'self.refuse(f"{name} = {value!r}"[:80], f"one like {default!r}")',
            "80 → 81",
        ): "how much of a value is said",
        (
            "exchange/onnx/layers.py",
            'return y if step.attribute("keepdims", 1) else flattened(step, y)',
            "1 → 2",
        ): "any number but 0 keeps the axes",
        (
            "exchange/onnx/graph.py",
            'if array.dtype.kind == "f" and not np.isfinite(array).all():',
            'array.dtype.kind == "f" and not np.isfinite(array).all() → (not np.isfinite(array).all())',
        ): "whole numbers are all finite",
        **{
            (
                "exchange/onnx/integers.py",
                "wide, plus, bound = significant(graph, wide, 32), np.zeros_like(plus), 2**31",
                change,
            ): "a larger bound takes the other way to the same codes"
            for change in ("31 → 32", "2 → 3")
        },
        (
            "exchange/tflite/file.py",
            "return np.empty(0, np.uint8)",
            "uint8 → int8",
        ): "an array of no numbers",
        (
            "exchange/onnx/exact.py",
            'offset = graph.add("Sub", code, whole.int64(graph, y.zero, 3, "zero"))',
            "3 → 4",
        ): "one number of another rank, which is broadcast",
        (
            "exchange/c/weights.py",
            "single = fields.astype(np.uint8)[:, None] >> np.arange(bits, dtype=np.uint8) & 1",
            "uint8 → int8",
        ): "the lowest bits are the same in two's complement",
        (
            "exchange/onnx/graph.py",
            "self.onnx.checker.check_model(model, full_check=True)",
            "True → False",
        ): "what is written here passes either check",
        (
            "exchange/onnx/exact.py",
            "return whole.requantized(graph, total, 0, scaling, bound, 3)",
            "3 → 4",
        ): "one number along axes of length 1 is the same number",
        (
            "exchange/c/file.py",
            'reads if f"{P}_READ_INPUT" in functions or plan.home(len(plan.names) - 1) < 0 else "",',
            "< → <=",
        ): "where the first operator writes the output, its function reads the input",
        (
            "exchange/c/draft.py",
            'return [" ".join(words)] if sum(map(len, words)) < WIDTH - 20 else [words[0], f"    {words[1]}"]',  # noqa: E501
            "20 → 21",
        ): "where a long line of C is broken",
        (
            "exchange/onnx/file.py",
            "return values.astype(dtype, copy=False).reshape(shape)",
            "False → True",
        ): "a copy of the same numbers",
        (
            "exchange/onnx/network.py",
            "if type(layer) in JOINS and isinstance(layer, Residual):",
            "type(layer) in JOINS and isinstance(layer, Residual) → (type(layer) in JOINS)",
        ): "all kinds that join are blocks; the rest is for types",
        (
            "exchange/onnx/exact.py",
            "return whole.requantized(graph, acc, operator.bias, scaling, int(bounds.max()), len(job.shape))",
            "max → sum",
        ): "a larger bound takes the other way to the same codes",
        (
            "exchange/onnx/qdq.py",
            "scale = m * 2.0**-n if abs(exponent) <= 80 else 0.0",
            "<= → <",
        ): "a step of 2⁸⁰ or 2⁻⁸⁰ is taken as 1 in the next line",
        (
            "exchange/onnx/qdq.py",
            "return max(0, min((64 // most).bit_length(), (2**31 // bound).bit_length()) - 1)",
            "64 → 65",
        ): "no whole number goes into 65 with another power of two than into 64",
        (
            "exchange/c/plan.py",
            "lines[name] = dtype, max(length, lines.get(name, (dtype, 0))[1])",
            "0 → 1",
        ): "no line is shorter than one number",
        (
            "exchange/onnx/chain.py",
            "if a.turned or axis not in ((rank - 1, -1) if a.last or rank == 2 else (1, 1 - rank)):",
            "a.last or rank == 2 → (a.last)",
        ): "of two axes the last is the first after that of the batch, either way",
        (
            "exchange/onnx/windows.py",
            "count -= 1",
            "1 → 2",
        ): "with one window less there is no padding beyond what was said, and no less with two",
        (
            "exchange/onnx/qdq.py",
            "scale = m * 2.0**-n if abs(exponent) <= 80 else 0.0",
            "80 → 81",
        ): "a step of 2⁸¹ or 2⁻⁸¹ is taken as 1 in the next line",
        (
            "exchange/tflite/reference.py",
            "below = table_of(x.codes, Codes(0, 1, 0), lambda code: code < x.codes.zero)",
            "1 → 2",
        ): "an answer to yes or no is clipped to 0 … 1 or to 0 … 2",
        (
            "exchange/tflite/xnnpack.py",
            "positive, negative = (int(np.rint(np.float32(256) * factor)) for factor in (real, below))",
            "float32 → float16",
        ): "256 is a float16 too, and its product with a float32 is one",
        (
            "exchange/tflite/reference.py",
            "reals = x.scale * (code - x.codes.zero).astype(np.float32)",
            "float32 → float16",
        ): "whole numbers up to 255 are float16 too, and the product with a float32 is one",
        (
            "exchange/tflite/reference.py",
            "lo, hi = (y.zero + rounded(np.float32(f) / self.scale) for f in ACTIVATIONS[activation])",
            "float32 → float16",
        ): "0, 1, 6 and infinity are float16 too, and the quotient by a float32 is one",
        (
            "exchange/c/arithmetic.py",
            "FUNCTIONS = {name: body for bits in range(1, 8) for name, body in readers(bits).items()}",
            "8 → 9",
        ): "no text calls the function that is then there, too",
        (
            "exchange/tflite/xnnpack.py",
            "return y.codes.zero + ((centred * np.where(centred < 0, negative, positive) + 128) >> 8)",
            "< → <=",
        ): "at 0 both factors give 0",
        (
            "exchange/tflite/reference.py",
            "return sampled(x, y, lambda real: one / (one + np.float32(exp(min(-real, 88.0)))))",
            "88.0 → 89.0",
        ): "from 88 on the quotient is below every half of a step that a float32 can have",
    },
    "integer": {
        (
            "integer/proof/intervals.py",
            "one = np.ones((1, 1), np.int64)",
            "1 → 2",
        ): "of the first: what a layer without windows sees is asked for twice",
        (
            "integer/fast/scaling.py",
            "m, shift = (m0 // M0_STEP) << np.maximum(7 - n, 0), np.maximum(n - 7, 0)",
            "7 → 8",
        ): "of the first 7: what is multiplied by 2²³ or more, or by twice that, is beyond all codes but 0",
        (
            "integer/bounds.py",
            "return centred.astype(np.int64)",
            "int64 → float32",
        ): "codes, their differences and the products of two are exact in either",
        (
            "integer/softmax.py",
            "return (x + (1 << (e - 1)) - (x < 0)) >> e",
            "< → <=",
        ): "half of a step, less one or not, is rounded to zero",
        (
            "integer/fast/steps.py",
            "guess = np.clip(np.floor(halves / m) - bias, -bounds - 1, bounds + 1).astype(np.int64)",
            "-bounds - 1 → (-bounds)",
        ): "one more sum at the least is asked",
        (
            "integer/ops.py",
            "return seen(pool, np.ones((1, *shape[1:3], 1), np.int64), 0).sum((1, 2))",
            "int64 → float32",
        ): "counts are far below 2²⁴, and what is made of them is whole in float64, too",
        (
            "integer/operators.py",
            'groups, F = whole(self.groups, f"{where}: groups", 1, 2**31), len(full.w)',
            "31 → 32",
        ): "no weights have so many outputs, so it is refused as no divisor of theirs",
        (
            "integer/softmax.py",
            'b = np.searchsorted(POWERS[SOFTMAX_ONE + 1 : 31], sums, "right")',
            "31 → 32",
        ): "the sum of a program's softmax is below 2³¹, as `bounds` has it",
        (
            "integer/fast/lines.py",
            "lines, line = runs(image, layout, (R, h), (1, 0), (1, 0), workspace), places * L * row",
            "0 → 1",
        ): "a step from a row to the next, where there is one row",
        (
            "integer/layout.py",
            'first, second, third = (whole(axis, f"{where}: axes", 0, 2) for axis in self.axes)',
            "2 → 3",
        ): "the line before has seen that they are 0, 1 and 2",
        (
            "integer/fast/choose.py",
            "others = enumerate(program.operators[i + 2 :], i + 2)",
            "i + 2 → (i)",
        ): "a pool before or after its codes are made: (PQ1) says that they are the same",
        (
            "integer/residuals.py",
            'return M0_LEAST, self.n[0] + 30, "shift"',
            "0 → 1",
        ): "one number for both addends",
        (
            "integer/fast/lanes.py",
            "if base & (base - 1):",
            "- → +",
        ): "a power of two is divided by exactly, in either way, and the other bases are even",
        (
            "integer/fast/pools.py",
            "if kh > 1 or sh > 1:",
            "> → >=",
        ): "a copy of the rows, which are then combined as they are",
        **{
            ("integer/fast/pools.py", "negative = total < 0", change): "0 is its own negative"
            for change in ("< → <=", "0 → 1")
        },
        (
            "integer/fast/run.py",
            "row = 1",
            "1 → 2",
        ): "a block holds more rows of one number or of two than ever go together",
        (
            "integer/fast/run.py",
            "if plan is not None and len(starts) > 1 and not trace and type(codes) is np.ndarray:",
            "> → >=",
        ): "a single shard is run by this process, in either way",
        (
            "integer/fast/lanes.py",
            "if base & (base - 1):",
            "base - 1 → (base)",
        ): "a power of two is divided by exactly, in either way",
        (
            "integer/fast/elementwise.py",
            "for block in blocks(len(x), 8 * x[0].size, workspace):",
            "8 → 9",
        ): "how much is done at once: more or fewer channels in a block",
        (
            "integer/fast/lanes.py",
            "if largest * (base + 1) < FLOAT_EXACT:",
            "base + 1 → (base)",
        ): "no base is such that only one of the two products is below 2²⁴",
        (
            "integer/fast/scaling.py",
            "m0 = np.where(n > 62, 0, m0)",
            "0 → 1",
        ): "either rounds to 0 after 62 bits",
        (
            "integer/fast/memory.py",
            "VALUE = 24  # bytes of scratch memory for a value that goes through "
            "integers of 64 bits and back",
            "24 → 25",
        ): "how much is done at once: more or fewer rows in a block",
        (
            "integer/fast/steps.py",
            'NEAR = np.arange(-2, 3)  # sums around a guess; "double" rounds up before, which is worth one',
            "2 → 3",
        ): "one sum more is looked at",
        (
            "integer/fast/lanes.py",
            "if base & (base - 1):",
            "& → |",
        ): "a power of two is divided by exactly, in either way",
        (
            "integer/proof/intervals.py",
            "return w.astype(np.int64).reshape(groups, -1, *w.shape[1:])",
            "int64 → float32",
        ): "a product of two codes is below 2²⁴ and so exact in float32 as well, and the sum is of int64",
        (
            "integer/operators.py",
            'groups, F = whole(self.groups, f"{where}: groups", 1, 2**31), len(full.w)',
            "2 → 3",
        ): "more groups than outputs are refused in the next line",
        (
            "integer/proof/intervals.py",
            "every = np.arange(x.lo.min(), x.hi.max() + 1)",
            "max → sum",
        ): "codes beyond the interval of a channel are not looked at",
        (
            "integer/fast/lanes.py",
            "if base & (base - 1):",
            "1 → 2",
        ): "0 for powers of two, and for nothing else, either way",
        (
            "integer/fast/scaling.py",
            "f = np.arange(y.lo - y.zero - 1, y.hi - y.zero + 1)",
            "1 → 2",
        ): "an entry more, below or above those that are looked up",
        (
            "integer/fast/scaling.py",
            "np.right_shift(wide, 63, out=sign)",
            "63 → 64",
        ): "NumPy fills with the sign for any shift of 63 or more",
        (
            "integer/proof/equals.py",
            "values = spread(x * places.size, shape) + places[..., None]",
            "+ → -",
        ): "numbers that differ do so with either sign: a place is less than their distance",
        (
            "integer/fast/steps.py",
            "guess = np.clip(np.floor(halves / m) - bias, -bounds - 1, bounds + 1).astype(np.int64)",
            "+ → -",
        ): "sums two beside a guess are asked, too",
        (
            "integer/fast/convolution.py",
            "if acc is not None and conv.pool is not None:",
            "acc is not None and conv.pool is not None → (acc is not None)",
        ): "both or neither",
        (
            "integer/fast/convolution.py",
            "if acc is not None and conv.pool is not None:",
            "acc is not None and conv.pool is not None → (conv.pool is not None)",
        ): "both or neither",
        (
            "integer/fast/convolution.py",
            "alone = is_cheap(image.dtype) and layout.is_alone(N)",
            "is_cheap(image.dtype) and layout.is_alone(N) → (layout.is_alone(N))",
        ): "the integers' sums too are the same in one matrix and in many",
        (
            "integer/fast/convolution.py",
            "if i and across > 1:",
            "i and across > 1 → (across > 1)",
        ): "the greater of a number and itself",
        (
            "integer/fast/kernels.py",
            "if N > 1 and layer.base:",
            "N > 1 and layer.base → (layer.base)",
        ): "of one example the second number is 0",
        (
            "integer/fast/kernels.py",
            "if N > 1 and layer.base:",
            "> → >=",
        ): "of one example the second number is 0",
        (
            "integer/fast/kernels.py",
            "if N > 1 and layer.base:",
            "1 → 2",
        ): "two examples in one product or in two have the same sums",
        (
            "integer/operators.py",
            "beyond = array.dtype == object and all(isinstance(v, int) for v in array.flat)  # more than 64 bits",  # noqa: E501
            "array.dtype == object and all(isinstance(v, int) for v in array.flat) → "
            "(all(isinstance(v, int) for v in array.flat))",
        ): "of other arrays no value is an int of Python",
        (
            "integer/ops.py",
            "if m0 is None or n is None or y is None:",
            "m0 is None or n is None or y is None → (m0 is None)",
        ): "all three or none",
        (
            "integer/ops.py",
            "if m0 is None or n is None or y is None:",
            "m0 is None or n is None or y is None → (y is None)",
        ): "all three or none",
        (
            "integer/operators.py",
            "m0, n = (frozen(np.broadcast_to(a, F), where, np.int64, 0, M0_MOST) for a in (m0, n))",
            "0 → 1",
        ): "both have been looked at before, and are 1 at least",
        (
            "integer/fast/convolution.py",
            "FEW = 16  # examples; of fewer, neighbours lie so close that making them apart gains nothing",
            "16 → 17",
        ): "which of two layouts an example more or less takes; both give the same sums",
        (
            "integer/fast/run.py",
            "memory = [take(codes, (size * N,), np.uint8, workspace) for size in plan.sizes]",
            "uint8 → int8",
        ): "bytes either way, which are then read as what each output is",
        (
            "integer/fast/planned.py",
            "codes = np.resize(np.arange(x.lo, x.hi + 1, dtype=x.dtype), (*program.shape, count))",
            "x.hi + 1 → (x.hi)",
        ): "some codes or others: what both ways are compared on",
        (
            "integer/proof/equals.py",
            "added[:, k] += rows[:, c]",
            "+ → -",
        ): "keys are only compared, and sums that are equal still are when all their signs turn",
    },
    "machine": {
        (
            "machine/recorder.py",
            "elif not any(isinstance(a, np.ndarray) and np.may_share_memory(result, a) for a in args):",
            "isinstance(a, np.ndarray) and np.may_share_memory(result, a) → (np.may_share_memory(result, a))",
        ): "what is no array shares no memory with one",
        (
            "machine/workers.py",
            "if self._pool is None or len(items) < 2:",
            "self._pool is None or len(items) < 2 → (self._pool is None)",
        ): "other threads are asked, and find nothing left to do",
        (
            "machine/processes.py",
            "while not incoming.poll(0) and perf_counter() < stop:",
            "not incoming.poll(0) and perf_counter() < stop → (not incoming.poll(0))",
        ): "it stays awake until the message is there, which is read in either case",
        (
            "machine/processes.py",
            "stop = perf_counter() + AWAKE",
            "perf_counter() + AWAKE → (perf_counter())",
        ): "how long it stays awake before it sleeps over the reading",
        (
            "machine/packed.py",
            "if threads == 1:",
            "threads == 1 → (not (threads == 1))",
        ): "the same updates, each by another thread or not",
        (
            "machine/packed.py",
            "if threads == 1:",
            "== → !=",
        ): "on one thread or two: every entry is computed by itself",
        (
            "machine/packed.py",
            "if threads == 1:",
            "1 → 2",
        ): "on one thread or two: every entry is computed by itself",
        (
            "machine/workspace.py",
            "self._memory = np.empty(0, np.uint8)",
            "uint8 → int8",
        ): "memory of no bytes",
        (
            "machine/workspace.py",
            "self._memory = np.empty(0, np.uint8)",
            "0 → 1",
        ): "room for a single byte until more is asked for",
        (
            "machine/recorder.py",
            'if function is np.copyto and options.keys() <= {"casting"}:',
            "<= → <",
        ): "the call itself is repeated, which takes longer",
        (
            "machine/workers.py",
            'self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="tinyzip")',
            "self.threads - 1 → (self.threads)",
        ): "a thread more than there is work for",
        (
            "machine/recorder.py",
            "run = {value.strides[-1:], target.strides[-1:]} == {(target.itemsize,)}",
            "1 → 2",
        ): "numbers are copied one by one, which takes longer",
        (
            "machine/recorder.py",
            "if function.signature is None and function.nin > 1:"
            "  # the bits of an exp may depend on how arrays lie",
            "1 → 2",
        ): "sums and products of two arrays go through more axes, slower: each entry is computed by itself",
        (
            "machine/recorder.py",
            "NOTES = 8  # runs of different functions and shapes that a workspace remembers",
            "8 → 9",
        ): "what is not remembered is called",
        (
            "machine/processes.py",
            "while not incoming.poll(0) and perf_counter() < stop:",
            "not incoming.poll(0) → (incoming.poll(0))",
        ): "for how long a copy stays awake, which decides what a message takes and not what it says",
        (
            "machine/processes.py",
            "stop = perf_counter() + AWAKE",
            "+ → -",
        ): "falls asleep at once; the message is read all the same",
        (
            "machine/processes.py",
            "while not incoming.poll(0) and perf_counter() < stop:",
            "not incoming.poll(0) and perf_counter() < stop → (perf_counter() < stop)",
        ): "stays awake in vain; the message is read all the same",
        (
            "machine/packed.py",
            "CHUNK = 1 << 17  # entries; fewer keep two threads asking for the interpreter",
            "1 → 2",
        ): "arrays are cut otherwise; every entry is computed by itself",
        (
            "machine/packed.py",
            "CHUNK = 1 << 17  # entries; fewer keep two threads asking for the interpreter",
            "17 → 18",
        ): "arrays are cut otherwise; every entry is computed by itself",
        (
            "machine/packed.py",
            "ENOUGH = 4  # chunks that are worth waking another thread",
            "4 → 5",
        ): "on one thread or two: every entry is computed by itself",
        (
            "machine/processes.py",
            "AWAKE = 2e-3  # seconds to look out for a message before falling asleep: waking up costs 0.1 ms",
            "2e-3 → 1.002",
        ): "stays awake longer; the message is the same",
        (
            "machine/workers.py",
            "if self._pool is None or len(items) < 2:",
            "2 → 3",
        ): "two items are done by one thread; each has its own result",
        (
            "machine/workers.py",
            'self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="tinyzip")',
            "- → +",
        ): "a thread is started where work waits, and there is no more of it",
        (
            "machine/workspace.py",
            "raw = np.empty(self.peak + ALIGNMENT, np.uint8)",
            "uint8 → int8",
        ): "bytes of memory, of which only views of other kinds are given out",
        (
            "machine/products.py",
            "if whole < P:",
            "< → <=",
        ): "an empty product more, which writes nothing or adds 0",
        (
            "machine/processes.py",
            "memory = mmap.mmap(-1, max(1, size * np.dtype(dtype).itemsize))",
            "1 → 2",
        ): "a byte more for an array of no entries",
        (
            "machine/processes.py",
            "while not incoming.poll(0) and perf_counter() < stop:",
            "0 → 1",
        ): "looks out a thousandth of a second at a time; the message is the same",
        (
            "machine/processes.py",
            "copies = self._copies[: max(len(items) - 1, 0)] if self._balance.share() else []",
            "0 → 1",
        ): "of no items, a copy is given none either",
        (
            "machine/packed.py",
            "threads = workers.threads if len(items) >= ENOUGH else 1",
            ">= → >",
        ): "on one thread or two: every entry is computed by itself",
        (
            "machine/processes.py",
            "theirs.close()",
            "theirs.close() → pass",
        ): "nothing else holds it once the copy has begun: it is closed where the function ends",
        (
            "machine/processes.py",
            "_look_out(self.connection)",
            "_look_out(self.connection) → pass",
        ): "falls asleep at once; the message is the same",
        (
            "machine/processes.py",
            "_look_out(connection)",
            "_look_out(connection) → pass",
        ): "falls asleep at once; the message is the same",
        (
            "machine/processes.py",
            "incoming.register(connection, select.POLLIN)",
            "incoming.register(connection, select.POLLIN) → pass",
        ): "stays awake in vain; the message is read all the same",
        (
            "machine/processes.py",
            "os.sched_yield()",
            "os.sched_yield() → pass",
        ): "stays awake without letting others in; the message is the same",
    },
    "nn": {
        (
            "nn/fast/choose.py",
            "F, C, geometry = layer.F // layer.groups, layer.C // layer.groups, layer.geometry(shape)",
            "// → *",
        ): "another route may be taken, with the same result",
        (
            "nn/residual.py",
            "placed = Placed(layer, shape, shapes_along({name: layer}, shape)[-1], reads)",
            "-1 → (1)",
        ): "one layer has two shapes, before and after it",
        (
            "nn/described.py",
            "if KNOWN.get(kind) is not type(layer) or not is_dataclass(layer):",
            "KNOWN.get(kind) is not type(layer) or not is_dataclass(layer) → "
            "(KNOWN.get(kind) is not type(layer))",
        ): "each layer of the package is a dataclass",
        (
            "nn/fast/bands.py",
            "PART = 2**19  # bytes of dy at a time for dw: half of a core's second-level cache",
            "** → *",
        ): "channels are cut otherwise for dw; each has a sum of its own",
        (
            "nn/fast/bands.py",
            "PART = 2**19  # bytes of dy at a time for dw: half of a core's second-level cache",
            "19 → 20",
        ): "channels are cut otherwise for dw; each has a sum of its own",
        (
            "nn/fast/bands.py",
            "PART = 2**19  # bytes of dy at a time for dw: half of a core's second-level cache",
            "2 → 3",
        ): "channels are cut otherwise for dw; each has a sum of its own",
        (
            "nn/chain.py",
            "dtype = next((a.dtype for a in params.values() if isinstance(a, np.ndarray)), np.dtype(np.float32))",  # noqa: E501
            "float32 → float16",
        ): "where none is an array, all are refused as such, or there are none",
        (
            "nn/chain.py",
            "MOST = 1 << 48  # numbers of an array, more than any memory holds",
            "1 → 2",
        ): "NumPy refuses such an array as well, and in the same words",
        (
            "nn/chain.py",
            "MOST = 1 << 48  # numbers of an array, more than any memory holds",
            "48 → 49",
        ): "NumPy refuses such an array as well, and in the same words",
        (
            "nn/fast/pools.py",
            "seen[axis][reach(offset, stride[axis], padding[axis][0], size[axis], outputs[axis])[0]] += 1",
            "+ → -",
        ): "both factors change their sign, and the product does not",
        (
            "nn/ops/activations.py",
            "return np.where(x > 0, x, slope * x)",
            "> → >=",
        ): "at 0 both are 0, with its sign",
        (
            "nn/sequential.py",
            "layout: Layout = field(default=Layout({}, ()), repr=False, compare=False, kw_only=True)",
            "False → True",
        ): "a Sequential prints and compares itself; a checkpoint's words are held by a test",
        (
            "nn/chain.py",
            "if any(prod(shape) >= MOST for shape in shapes.values()):",
            ">= → >",
        ): "NumPy refuses such an array as well, and in the same words",
        ("nn/fast/bands.py", "if low >= high:", ">= → >"): "an empty product is 0",
        (
            "nn/fast/pool_first.py",
            "dz[:, 2 * y.shape[1] :] = 0  # rows and columns that no window reaches",
            "2 * y.shape[1] → (2)",
        ): "what windows reach is written after it",
        (
            "nn/fast/pool_first.py",
            "dz[:, :, 2 * y.shape[2] :] = 0",
            "2 * y.shape[2] → (2)",
        ): "what windows reach is written after it",
        (
            "nn/fast/pools.py",
            "if not train:",
            "not train → (train)",
        ): "winners are found in forward or else in backward, and are the same",
        (
            "nn/fast/pool_first.py",
            "FEW = 23  # examples; an answer for no more of them is as quick without X18",
            "23 → 24",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if train or x.shape[-1] > FEW:",
            "-1 → (1)",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if train or x.shape[-1] > FEW:",
            "1 → 2",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if train or x.shape[-1] > FEW:",
            "> → >=",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if train or x.shape[-1] > FEW:",
            "train or x.shape[-1] > FEW → (not (train or x.shape[-1] > FEW))",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if train or x.shape[-1] > FEW:",
            "train or x.shape[-1] > FEW → (train)",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if train or x.shape[-1] > FEW:",
            "train or x.shape[-1] > FEW → (x.shape[-1] > FEW)",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "pieces = workspace.empty(fours.shape, dy.dtype) if dy.shape[-1] > 1 else fours",
            "-1 → (1)",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "pieces = workspace.empty(fours.shape, dy.dtype) if dy.shape[-1] > 1 else fours",
            "1 → 2",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "pieces = workspace.empty(fours.shape, dy.dtype) if dy.shape[-1] > 1 else fours",
            "> → >=",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "pieces = workspace.empty(fours.shape, dy.dtype) if dy.shape[-1] > 1 else fours",
            "dy.shape[-1] > 1 → (not (dy.shape[-1] > 1))",
        ): "the largest and the winners are the same in one piece of memory and where they lie",
        (
            "nn/fast/pool_first.py",
            "if winners is None and z.shape[-1] > 1:  # rows first, which are longer runs; the largest is the same",  # noqa: E501
            "-1 → (1)",
        ): "the largest of four is the same, rows or columns first",
        (
            "nn/fast/pool_first.py",
            "if winners is None and z.shape[-1] > 1:  # rows first, which are longer runs; the largest is the same",  # noqa: E501
            "1 → 2",
        ): "the largest of four is the same, rows or columns first",
        (
            "nn/fast/pool_first.py",
            "if winners is None and z.shape[-1] > 1:  # rows first, which are longer runs; the largest is the same",  # noqa: E501
            "> → >=",
        ): "the largest of four is the same, rows or columns first",
        (
            "nn/fast/pool_first.py",
            "if winners is None and z.shape[-1] > 1:  # rows first, which are longer runs; the largest is the same",  # noqa: E501
            "winners is None and z.shape[-1] > 1 → (winners is None)",
        ): "the largest of four is the same, rows or columns first",
        (
            "nn/fold.py",
            "gamma, beta, mean, var = (array.astype(dtype, copy=False) for array in arrays)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "nn/fold.py",
            'params[f"{way}{before}.w"] = (w * across(factor, w)).astype(w.dtype, copy=False)',
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "nn/fold.py",
            'params[f"{way}{before}.b"] = ((b - mean) * factor + beta).astype(w.dtype, copy=False)',
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "nn/fast/stage.py",
            "if isinstance(x, Recorder) and type(self.layer) is not Flatten:  # it may do anything, and each time",  # noqa: E501
            "isinstance(x, Recorder) and type(self.layer) is not Flatten → (isinstance(x, Recorder))",
        ): "a flattening that is asked anew gives the same numbers",
        (
            "nn/fold.py",
            "if isinstance(layer, BatchNorm) and (everywhere or isinstance(front, Conv2d | Linear)):",
            "isinstance(layer, BatchNorm) and (everywhere or isinstance(front, Conv2d | Linear)) → (isinstance(layer, BatchNorm))",  # noqa: E501
        ): "elsewhere a norm and a convolution of one pixel are the same product and the same sum",
        (
            "nn/sequential.py",
            "return kinds <= {*choose.STAGES, Flatten}",
            "<= → <",
        ): "a network of every kind there is would not be repeated, and has the same bits",
        (
            "nn/fast/bands.py",
            "if out.stop > out.start:",
            "> → >=",
        ): "nothing is written along a diagonal of no length",
        (
            "nn/fast/short.py",
            "return geometry.stride[0] == 1 < geometry.kernel[0] and geometry.outputs[1] * N < SHORT",
            "< → <=",
        ): "the matrix is the same by either way, and so is the sum",
    },
    "quant": {
        (
            "quant/explain.py",
            "run = choose.one_stage if isinstance(network, Sequential) else AsPrinted",
            "isinstance(network, Sequential) → (not (isinstance(network, Sequential)))",
        ): "what runs fast runs as printed, and the other way round, which give the same",
        (
            "quant/ranges.py",
            "p, q = p[p > 0] / p.sum(), spread[p > 0] / spread.sum()",
            "/ → *",
        ): "of the first: counts add up to one number for all sizes, and the least divergence stays least",
        (
            "quant/ranges.py",
            "for _ in range(0 if histogram.one_sided else 2):",
            "0 → 1",
        ): "where all lies on one side the same cuts are tried again",
        (
            "quant/ranges.py",
            "low, high = 0.0, 16.0",
            "0.0 → 1.0",
        ): "the root is above 1 for any number of bits",
        (
            "quant/surgeon_fast.py",
            "BLOCK = 32  # columns",
            "32 → 33",
        ): "how many columns are updated together",
        (
            "quant/calibrate.py",
            "each = np.tile(rows, (len(part), 1))",
            "1 → 2",
        ): "each row twice, and so twice its error everywhere",
        (
            "quant/quadratic.py",
            "adam = AdamW(eps=1e-12, weight_decay=0.0)",
            "0.0 → 1.0",
        ): "what decays is named .w, and V is not",
        (
            "quant/calibrate.py",
            "yield to_input(images[start : start + MOST]).astype(model.dtype, copy=False)",
            "False → True",
        ): "a copy of its own, of the same numbers, of one shard at a time",
        (
            "quant/pruned.py",
            "found = (curvature or {}).get(name)",
            "curvature or {} → (curvature)",
        ): "there is one here",
        (
            "quant/ranges.py",
            "for _ in range(60):",
            "60 → 61",
        ): "after 60 halvings of 16 the two ends are neighbours among float64, and stay",
        (
            "quant/ranges.py",
            "cut = mass[0] / beyond[0]",
            "0 → 1",
        ): "Newton's method begins a bin further and ends where it would have ended",
        (
            "quant/powers.py",
            "scale = 2.0 ** np.ceil(np.log2(np.where(largest > 0, largest, hi) / hi))",
            "0 → 1",
        ): "a search that begins at a larger power clips nothing on its way to where it would have begun",
        (
            "quant/grid.py",
            "if (origin != np.floor(origin)).any():",
            "floor → rint",
        ): "only a whole number is equal to either",
        (
            "quant/masks.py",
            "gone = np.zeros(len(order), np.bool_)",
            "zeros → ones",
        ): "each entry is set in the next line",
        (
            "quant/quadratic.py",
            "inside = (stretched > 0) & (stretched < 1)",
            "> → >=",
        ): "no float64 is stretched to 0 exactly: of none near ln(1/11) it is",
        (
            "quant/grid.py",
            'if array.dtype.kind == "f" and not np.isfinite(array).all():',
            'array.dtype.kind == "f" and not np.isfinite(array).all() → (not np.isfinite(array).all())',
        ): "whole numbers are all finite",
        (
            "quant/codebook.py",
            "ROUNDS = 300",
            "300 → 301",
        ): "how long k-means is tried before it is given up",
        (
            "quant/surgeon_fast.py",
            "free = np.diag(inverse) > 0",
            "> → >=",
        ): "rows of settled weights are not dropped; the others stay as they are",
        (
            "quant/surgeon_fast.py",
            "if 2 * np.count_nonzero(free) <= len(left):  # those that are settled need no more room",
            "2 → 3",
        ): "rows of settled weights are dropped sooner or later; the others stay as they are",
        (
            "quant/surgeon_fast.py",
            "if 2 * np.count_nonzero(free) <= len(left):  # those that are settled need no more room",
            "* → +",
        ): "rows of settled weights are dropped sooner or later; the others stay as they are",
        (
            "quant/surgeon_fast.py",
            "if 2 * np.count_nonzero(free) <= len(left):  # those that are settled need no more room",
            "<= → <",
        ): "rows of settled weights are dropped sooner or later; the others stay as they are",
        (
            "quant/surgeon_fast.py",
            "if 2 * np.count_nonzero(free) <= len(left):  # those that are settled need no more room",
            "2 * np.count_nonzero(free) → (2)",
        ): "rows of settled weights are dropped sooner or later; the others stay as they are",
        (
            "quant/surgeon_fast.py",
            "if 2 * np.count_nonzero(free) <= len(left):  # those that are settled need no more room",
            "2 * np.count_nonzero(free) <= len(left) → (not (2 * np.count_nonzero(free) <= len(left)))",
        ): "rows of settled weights are dropped sooner or later; the others stay as they are",
        (
            "quant/fake.py",
            'arrays = dict(model.params) | {f"{name}.step": np.ones((), model.dtype) for name in rounds}',
            "ones → zeros",
        ): "each use brings the steps as they are then",
        (
            "quant/auto.py",
            "exact, z = logits(model, images, threads=1), logits(fake, images, threads=1)",
            "1 → 2",
        ): "logits are the same for any number of threads",
        (
            "quant/pruned.py",
            "own = {name: w * w * self.curvature.get(name, 1) for name, w in arrays.items()}",
            "1 → 2",
        ): "without curvatures all scores double, and their order stays",
        (
            "quant/explain.py",
            "cosine = float((codes * rows).sum() / max(np.linalg.norm(codes) * np.linalg.norm(rows), 1e-30))",
            "1e-30 → 1.0",
        ): "each of both has a row whose largest number is 1, or all rows are 0",
        (
            "quant/redundancy.py",
            "thin = ((s / 100, w * (turn >= s * w.size / 100)) for s in range(99, -1, -1))",
            "1 → 2",
        ): "with a share of 0 nothing is lost, so that the next is not asked",
        (
            "quant/classify.py",
            "return np.ascontiguousarray(grid.quantize(last.astype(np.float32, copy=False)))",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "quant/grid.py",
            'offsets = array.astype(np.int64) - self._along(self.zero, array, "Grid.dequantize: codes")',
            "int64 → float32",
        ): "codes are exact in it, and the difference is of float64",
        (
            "quant/histogram.py",
            "return np.asarray(grid.scale * (grid.quantize(x).astype(np.int64) - grid.zero)) if x.size else x",  # noqa: E501
            "int64 → float32",
        ): "codes are exact in it, and the difference is of float64",
        (
            "quant/explain.py",
            "self.seen += np.bincount((given.astype(np.int64) - self.y.lo).reshape(-1), minlength=256)",
            "+ → -",
        ): "shares of what was seen: both parts change their sign",
        (
            "quant/estimator.py",
            "def get_params(self, deep: bool = True) -> dict[str, Any]:",
            "True → False",
        ): "nothing lies deeper",
    },
    "train": {
        (
            "train/evaluate.py",
            "z: Array = np.concatenate(answers, axis=-1)",
            "-1 → (1)",
        ): "logits have two axes",
        (
            "train/augment.py",
            "step = max(1, CHUNK // (H * W))",
            "1 → 2",
        ): "two large images at a time",
        (
            "train/evaluate.py",
            "workspace.reset()",
            "workspace.reset() → pass",
        ): "memory is given back by the next who asks",
        (
            "train/evaluate.py",
            "elif len(images) > 1:",
            "1 → 2",
        ): "two images by one thread or by two",
        (
            "train/run/shards.py",
            "if self._processes is not None and len(shards) > 1 and self.workers.can_fork:",
            "> → >=",
        ): "a single shard gives the same bits in a copy of the process",
        (
            "train/run/training.py",
            "parts = (validation[0][shard] for shard in shards(len(validation[0])))",
            "0 → 1",
        ): "there are as many labels as images",
        (
            "train/augment.py",
            "upper += np.float32(0.5)",
            "float32 → float16",
        ): "a half is a half, and the sum has the type of upper",
        (
            "train/run/shards.py",
            "def _cut(self, index: NDArray[np.int64], seed: tuple[int, ...], progress: float = 0.0) -> list[Shard]:",  # noqa: E501
            "0.0 → 1.0",
        ): "who does not say the progress asks for images only",
        (
            "train/augment.py",
            "step = max(1, CHUNK // (H * W))",
            "* → +",
        ): "so many images at a time; each keeps its own draws",
        (
            "train/data.py",
            'return numbers.astype(dtype.newbyteorder("="), copy=False)',
            "False → True",
        ): "a copy of numbers that nobody else has",
        (
            "train/run/shards.py",
            "if self._processes is not None and len(shards) > 1 and self.workers.can_fork:",
            "1 → 2",
        ): "two shards are made by threads, with the same bits",
        ("train/augment.py", "noise -= np.float32(0.5)", "float32 → float16"): "one half is the same number",
        (
            "train/history.py",
            'self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, mininterval=0.2)',
            "0.2 → 1.2",
        ): "the bar is drawn less often",
        (
            "train/history.py",
            'self._bar = tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, mininterval=0.2)',
            "True → False",
        ): "the bar keeps its width when the window changes",
        (
            "train/data.py",
            'object.__setattr__(self, "labels", labels.astype(np.int64, copy=False))',
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "train/evaluate.py",
            "K = len(model.forward(input_of(model, images[:1]))[0])",
            "1 → 2",
        ): "a model is asked for its classes, which do not depend on how many images there are",
        (
            "train/evaluate.py",
            "return to_input(images).astype(next(iter(model.params.values())).dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "train/evaluate.py",
            "if not all(np.isfinite(image.astype(np.float32, copy=False)).all() for image in images):",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "train/loop.py",
            "x = to_input(shown).astype(next(iter(params.values())).dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "train/data.py",
            "while chunk := stream.read(min(CHUNK, declared + 1 - len(content))):",
            "1 → 2",
        ): "a byte more is read of a file that is refused for the one before",
        (
            "train/run/shards.py",
            "while len(self._gradients) < shards:",
            "< → <=",
        ): "room for one shard more, which is not used",
        (
            "train/data.py",
            'found = "more" if len(content) > declared else f"{4 + 4 * rank + len(content)} bytes"',
            "> → >=",
        ): "the two are not equal there",
        (
            "train/images.py",
            "return x / np.float32(255) if images.dtype == np.uint8 else x",
            "float32 → float16",
        ): "255 is a float16 too, and the quotient of a float32 by one is a float32",
        (
            "train/images_fast.py",
            "x /= np.float32(255)",
            "float32 → float16",
        ): "255 is a float16 too, and x keeps its type",
        (
            "train/augment.py",
            "places += np.float32(1)",
            "float32 → float16",
        ): "one is a float16 too, and the sum has the type of the places",
        (
            "train/run/shards.py",
            "seen = all(is_shared(array) for array in model.params.values())  # in copies of the process, too",  # noqa: E501
            "all → any",
        ): "all arrays of a run are shared, or none is",
        (
            "train/digits1d.py",
            "d = np.pad(t, ((0, 0), (0, 2)))",
            "2 → 3",
        ): "one zero more, which no place reaches",
        (
            "train/run/passes.py",
            "x = into_workspace(images, workspace).astype(dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "train/evaluate.py",
            "x = into_workspace(images, workspace).astype(dtype, copy=False)",
            "False → True",
        ): "a copy of numbers that are only read",
        (
            "train/evaluate.py",
            "model = folded(model, params, dtype, False)",
            "False → True",
        ): "elsewhere a norm and a convolution of one pixel are the same product and the same sum",
        (
            "train/evaluate.py",
            "if self._may_fork and len(parts) > 1:",
            "self._may_fork and len(parts) > 1 → (self._may_fork)",
        ): "a single shard gives the same bits in a copy of the process",
        (
            "train/evaluate.py",
            "if type(model) is Sequential and model.layout.has_norms:",
            "type(model) is Sequential and model.layout.has_norms → (type(model) is Sequential)",
        ): "without norms nothing is folded",
        (
            "train/run/passes.py",
            'workspace.notes[key] = lists if forward.nbytes + backward.nbytes <= MOST else "too large"',
            "<= → <",
        ): "lists of just so many bytes are repeated or not, with the same bits",
        (
            "train/evaluate.py",
            "elif len(images) > 1:",
            "> → >=",
        ): "one image gives the same bits in either way",
        (
            "train/run/shards.py",
            "sums = self._total if self._many or len(shards) > 1 else self._parts[0]  # is (SH1) of one shard",  # noqa: E501
            "> → >=",
        ): "the sum of one shard is a copy of it",
        (
            "train/run/shards.py",
            "if len(self._gradients) < shards:",
            "< → <=",
        ): "copies are made once more, with the same bits",
        (
            "train/evaluate.py",
            "if self._may_fork and len(parts) > 1:",
            "> → >=",
        ): "a single shard gives the same bits in a copy of the process",
    }
    | {
        (
            "train/augment.py",
            "step = max(1, CHUNK // (H * W))",
            change,
        ): "other numbers of images at a time, too"
        for change in ("H * W → (H)", "* → +", "// → *", "1 → 2", "max → sum")
    }
    | {
        ("train/augment.py", PIXELS, change): "other numbers of images at a time; each keeps its own draws"
        for change in (
            *("* → +", "28 → 29", "64 → 65"),
            *("64 * 28 → (64)", "64 * 28 * 28 → (64 * 28)"),
        )
    }
    | {
        ("train/data.py", "CHUNK = 1 << 20  # bytes read at a time", change): "as many bytes, by other parts"
        for change in ("1 → 2", "20 → 21")
    },
}
