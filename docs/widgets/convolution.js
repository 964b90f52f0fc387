// A convolution, window by window: forward by (C1), and backward by (C3), in small whole numbers.
touch.boxes("convolution", (box) => {
	const SIDE = 5;
	let seed = 1;
	let x, w, dy, o, places;

	// The places of x that each window covers, -1 in the border; the engine moves the window.
	function covered(o, [H, W]) {
		const [OH, OW] = windows(o, H, W);
		const found = [];
		slide({ ...o, shape: [1, OH, OW] }, [1, H, W], [], (ats) => {
			found.push(ats);
			return () => 0;
		});
		return found;
	}

	// y, and the gradients after so many windows. o has kernel, stride, and padding: top, bottom, left, right.
	box.compute = (x, w, dy, o, [H, W], count = Infinity) => {
		const dw = w.map(() => 0);
		const dx = x.map(() => 0);
		const places = covered(o, [H, W]);
		const y = places.map((ats) => sum(ats.map((at, k) => (at < 0 ? 0 : x[at] * w[k]))));
		places.slice(0, count).forEach((ats, p) =>
			ats.forEach((at, k) => {
				if (at < 0) return;
				dw[k] += dy[p] * x[at];
				dx[at] += dy[p] * w[k];
			}),
		);
		return { y, dw, dx };
	};

	const way = touch.choice(box, "direction", ["forward", "backward"], () => show());
	const step = touch.slider(box, "window", [0, 0, 8, 1], () => show(), (v) => v + 1);
	const kernel = touch.slider(box, "kernel", [3, 1, 4, 1], () => made());
	const stride = touch.slider(box, "stride", [1, 1, 3, 1], () => made());
	const padding = touch.slider(box, "padding", [0, 0, 2, 1], () => made());
	touch.button(box, "Other numbers", () => {
		seed++;
		made();
	});
	const says = touch.status(box);
	const tables = touch.add(box, "div", { className: "matrices" });

	function made() {
		const draw = touch.random(seed);
		const whole = (count, reach) => times(count, () => floor(draw() * (2 * reach + 1)) - reach);
		const [K, P] = [kernel.number, padding.number];
		o = { kernel: [K, K], stride: [stride.number, stride.number], padding: [P, P, P, P] };
		x = whole(SIDE * SIDE, 4);
		w = whole(K * K, 2);
		places = covered(o, [SIDE, SIDE]);
		dy = whole(places.length, 2);
		step.limit(places.length - 1);
		show();
	}

	// A matrix with some of its cells marked; those not there yet are left open.
	function matrix(name, values, columns, marked, open = values.length) {
		const fill = touch.table(tables, name, null, "matrix");
		const cells = values.map((v, k) => ({
			textContent: k < open ? touch.said(v) : "·",
			className: marked.includes(k) ? "on" : "",
		}));
		fill(times(values.length / columns, (row) => cells.slice(row * columns, (row + 1) * columns)));
	}

	function show() {
		const back = way.value === "backward";
		const [K, P, p] = [kernel.number, padding.number, step.number];
		const OW = windows(o, SIDE, SIDE)[1];
		const { y, dw, dx } = box.compute(x, w, dy, o, [SIDE, SIDE], p + 1);
		const wide = SIDE + 2 * P;
		const bordered = (values) =>
			times(wide * wide, (at) => {
				const [h, v] = [floor(at / wide) - P, (at % wide) - P];
				return min(h, v) < 0 || max(h, v) >= SIDE ? 0 : values[h * SIDE + v];
			});
		const corner = floor(p / OW) * stride.number * wide + (p % OW) * stride.number;
		const window = times(K * K, (k) => corner + floor(k / K) * wide + (k % K));
		tables.replaceChildren();
		matrix(P ? "x, in a border of zeros" : "x", bordered(x), wide, window);
		matrix("w", w, K, []);
		if (back) {
			matrix("dy", dy, OW, [p]);
			matrix("dw, so far", dw, K, [...w.keys()]);
			matrix("dx, so far", dx, SIDE, places[p]);
			const by = touch.said(dy[p]);
			const grown = `dw grows by ${by} · the window of x, dx there by ${by} · w`;
			says.textContent = `Window ${p + 1} of ${places.length}: ${grown}.`;
			return;
		}
		matrix("y", y, OW, [p], p + 1);
		const terms = window.map((at, k) => `${touch.said(bordered(x)[at])}·${touch.said(w[k])}`);
		says.textContent = `Window ${p + 1} of ${places.length}: ${terms.join(" + ")} = ${touch.said(y[p])}`;
	}
	made();
});
