// Real numbers on a grid of (G1), (G2): the ends by drag, the rest by sliders, numbers dropped by click or by key.
touch.boxes("number_line", (box) => {
	const EDGE = 8; // the line goes from -8 to 8
	const place = (x) => 200 + (195 * x) / EDGE;
	let xs = [-2.6, 0.4, 1.15, 5];
	let grid, dragged;

	box.affine = touch.affine;
	box.compute = (grid, xs) =>
		xs.map((x) => {
			const code = touch.code(grid, x);
			const value = fround(touch.meant(grid, code));
			return { code, value, error: value - x };
		});

	const { svg, draw, clear } = touch.drawing(box, 92);
	const says = touch.status(box);
	const low = touch.slider(box, "clip from", [-3, -EDGE, 0, 0.1], () => range());
	const high = touch.slider(box, "clip to", [3.5, 0, EDGE, 0.1], () => range());
	const bits = touch.slider(box, "bits", [3, 2, 8, 1], () => range());
	const scale = touch.slider(box, "scale", [1, 0.02, 4, "any"], () => own(), touch.said);
	const zero = touch.slider(box, "zero", [0, 0, 7, 1], () => own());
	const x = touch.input(box, "a real number", { type: "number", value: 2.2, step: 0.05 }, () => {});
	touch.button(box, "Drop it", () => drop(x.number));
	touch.button(box, "Take all away", () => {
		xs = [];
		show();
	});
	const fill = touch.table(box, "What was dropped", ["x", "code", "value", "error"]);

	// The ends lead: scale and zero follow.
	function range() {
		grid = touch.affine(low.number, high.number, bits.number);
		zero.limit(grid.hi);
		scale.number = grid.scale;
		zero.number = grid.zero;
		show();
	}

	// Scale and zero lead: the ends follow.
	function own() {
		grid = { scale: scale.number, zero: zero.number, lo: 0, hi: 2 ** bits.number - 1 };
		low.number = touch.meant(grid, grid.lo);
		high.number = touch.meant(grid, grid.hi);
		show();
	}

	function drop(value) {
		xs = [...xs, value].slice(-12);
		show();
	}

	function show() {
		const seen = box.compute(grid, xs);
		const [first, last] = [grid.lo, grid.hi].map((code) => touch.meant(grid, code));
		clear(`A line from −8 to 8; ${grid.hi + 1} codes from ${touch.said(first)} to ${touch.said(last)}`);
		draw("line", { x1: 0, x2: 400, y1: 60, y2: 60, class: "thin" });
		for (let v = -EDGE; v <= EDGE; v += 2) draw("text", { x: place(v), y: 88, class: "middle" }, touch.said(v));
		for (let code = 0; code <= grid.hi; code++) {
			const at = place(touch.meant(grid, code));
			draw("line", { x1: at, x2: at, y1: code === grid.zero ? 46 : 53, y2: 67, class: "tick" });
		}
		for (const end of [first, last]) {
			draw("rect", { x: place(end) - 3, y: 44, width: 6, height: 32, class: "handle" });
		}
		seen.forEach(({ value }, k) => {
			draw("line", { x1: place(xs[k]), x2: place(value), y1: 14, y2: 53, class: "thin" });
			draw("circle", { cx: place(xs[k]), cy: 12, r: 4, class: "main" });
		});
		fill(seen.map(({ code, value, error }, k) => [touch.said(xs[k]), code, touch.said(value), touch.said(error)]));
		const noise = touch.said(grid.scale ** 2 / 12, 3);
		const ends = `${touch.said(first)} to ${touch.said(last)}`;
		says.textContent = `Codes 0 to ${grid.hi} mean ${ends}. Inside, the mean square error is near ${noise}.`;
	}

	const at = ({ clientX }) => {
		const { left, width } = svg.getBoundingClientRect();
		return (((clientX - left) * 400) / width - 200) * (EDGE / 195);
	};
	svg.onpointerdown = (event) => {
		const value = at(event);
		const ends = [low, high].map((end, k) => abs(value - touch.meant(grid, k ? grid.hi : grid.lo)));
		if (min(...ends) > 0.4) return drop(Number(clamp(value, { lo: -EDGE, hi: EDGE }).toFixed(2)));
		dragged = ends[0] < ends[1] ? low : high;
		svg.setPointerCapture(event.pointerId);
	};
	svg.onpointermove = (event) => {
		if (!dragged) return;
		dragged.number = at(event);
		range();
	};
	svg.onpointerup = svg.onpointercancel = () => (dragged = null);
	range();
});
