// One sum brought to a code by all four roundings, side by side, and where among its neighbours they differ.
touch.boxes("requantize", (box) => {
	const NAMES = ["single", "double", "shift", "float32"];
	const AROUND = 40;

	box.compute = (acc, m0, n, rounding) => rescale(acc, m0, n, rounding);

	// The pair (m0, n) of (F1) nearest to a real number above 0.
	box.multiplier = (real) => {
		let n = 30 - floor(log2(real));
		if (real * 2 ** n < 2 ** 30) n++;
		if (real * 2 ** n >= 2 ** 31) n--;
		const m0 = floor(real * 2 ** n + 0.5);
		return m0 < 2 ** 31 ? [m0, n] : [m0 / 2, n - 1];
	};

	// What each rounding takes for m0: a shift has none, a float32 has 24 bits.
	const taken = (m0, name) => (name === "shift" ? 2 ** 30 : m0 - (name === "float32" ? m0 % 128 : 0));
	const all = (acc, m0, n) => NAMES.map((name) => box.compute(acc, taken(m0, name), n, name));

	const whole = (name, value, min, max) =>
		touch.input(box, name, { type: "number", value, min, max, step: 1 }, () => show());
	const sum = whole("sum", 1000, -(2 ** 24), 2 ** 24);
	const m0 = whole("m0", 1276901417, 2 ** 30, 2 ** 31 - 1);
	const n = whole("n", 38, 31, 62);
	const real = touch.input(box, "or m0 / 2ⁿ", { type: "number", value: 0.004645, step: "any" }, () => {
		if (!(real.number >= 2 ** -32 && real.number < 1)) return;
		[m0.number, n.number] = box.multiplier(real.number);
		show();
	});
	touch.button(box, "Back to a difference", () => seek(-1));
	touch.button(box, "On to a difference", () => seek(1));
	const says = touch.status(box);
	const fill = touch.table(box, "Four roundings", ["rounding", "m0", "exactly", "code", "off by"]);
	const { draw, clear } = touch.drawing(box, 92);

	const fits = () =>
		abs(sum.number) <= 2 ** 24 && m0.number >= 2 ** 30 && m0.number < 2 ** 31 && n.number >= 31 && n.number <= 62;
	// Whether single, double and float32 differ; a shift does nearly always.
	const differ = (acc) => new Set(all(acc, m0.number, n.number).filter((_, k) => k !== 2)).size > 1;

	function seek(way) {
		if (!fits()) return;
		for (let acc = sum.number + way, k = 0; k < 300000 && abs(acc) <= 2 ** 24; acc += way, k++) {
			if (!differ(acc)) continue;
			sum.number = acc;
			return show();
		}
		says.textContent = "No such sum among the next 300,000.";
	}

	function show() {
		if (!fits()) {
			says.textContent = "Needed: a sum of at most 2²⁴, m0 from 2³⁰ to 2³¹ − 1, n from 31 to 62.";
			return;
		}
		const [acc, multiplier, shift] = [sum, m0, n].map((input) => input.number);
		const codes = all(acc, multiplier, shift);
		says.textContent = NAMES.map((name, k) => `${name} ${codes[k]}`).join(", ");
		fill(
			NAMES.map((name, k) => {
				const exact = (acc * taken(multiplier, name)) / 2 ** shift;
				const off = touch.said(codes[k] - exact);
				return [name, taken(multiplier, name), touch.said(exact, 9), codes[k], off];
			}),
		);
		clear(`Sums from ${acc - AROUND} to ${acc + AROUND}: a mark where a rounding differs from single`);
		NAMES.forEach((name, row) => {
			draw("text", { x: 0, y: 12 + 20 * row }, name);
			for (let k = -AROUND; k <= AROUND; k++) {
				const code = all(acc + k, multiplier, shift);
				const class_ = code[row] === code[0] ? "thin" : "main";
				const height = code[row] === code[0] ? 2 : 12;
				draw("rect", { x: 225 + 4.2 * k, y: 14 + 20 * row - height, width: 3.2, height, class: class_ });
			}
		});
		draw("text", { x: 226.6, y: 91, class: "middle" }, `▲ ${acc}`);
	}
	show();
});
