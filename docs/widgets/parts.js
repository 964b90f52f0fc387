// What the things to touch share: labelled inputs, tables, drawings, and a grid as tinyzip/quant/grids/grid.py has it.
// One name, `touch`; everything else a widget keeps to itself.

const touch = {
	// Calls make(box) for each box of this name, emptied of the text that stands there without scripts.
	boxes(name, make) {
		for (const box of document.querySelectorAll(`[data-widget="${name}"]`)) {
			box.replaceChildren();
			make(box);
		}
	},

	add: (parent, tag, fields = {}) => parent.appendChild(Object.assign(document.createElement(tag), fields)),

	// A labelled input of any type, `changed` at each change; the number that it holds is its `number`.
	input(parent, name, fields, changed) {
		const label = touch.add(parent, "label");
		touch.add(label, "span", { textContent: name });
		const input = touch.add(label, "input", fields);
		const shown = fields.type === "range" ? touch.add(label, "span", { className: "number" }) : {};
		const show = () => (shown.textContent = fields.said?.(Number(input.value)) ?? input.value);
		input.addEventListener("input", () => {
			show();
			changed(input);
		});
		show();
		return {
			get number() {
				return Number(input.value);
			},
			set number(value) {
				input.value = value;
				show();
			},
			element: input,
			limit(hi) {
				input.max = hi;
				show();
			},
		};
	},

	slider: (parent, name, [value, min, max, step], changed, said) =>
		touch.input(parent, name, { type: "range", min, max, step, value, said }, changed),

	choice(parent, name, options, changed) {
		const label = touch.add(parent, "label");
		touch.add(label, "span", { textContent: name });
		const select = touch.add(label, "select");
		for (const option of options) touch.add(select, "option", { textContent: option });
		select.addEventListener("input", () => changed());
		return select;
	},

	button: (parent, textContent, onclick) => touch.add(parent, "button", { type: "button", textContent, onclick }),

	// Where what has changed is said aloud.
	status: (parent) => touch.add(parent, "output", { role: "status" }),

	// A table that fill(rows) writes; the first cell of a row names it. A cell is a text, or has a text and a class.
	table(parent, caption, heads, className = "numbers") {
		const frame = touch.add(parent, "div", { className: "scrolls", tabIndex: 0, role: "group", ariaLabel: caption });
		const table = touch.add(frame, "table", { className });
		touch.add(table, "caption", { textContent: caption });
		if (heads) {
			const row = touch.add(touch.add(table, "thead"), "tr");
			for (const textContent of heads) touch.add(row, "th", { textContent, scope: "col" });
		}
		const body = touch.add(table, "tbody");
		return (rows) => {
			body.replaceChildren();
			for (const cells of rows) {
				const row = touch.add(body, "tr");
				cells.forEach((cell, k) => {
					const fields = typeof cell === "object" ? cell : { textContent: cell };
					const named = heads && k === 0;
					touch.add(row, named ? "th" : "td", named ? { ...fields, scope: "row" } : fields);
				});
			}
		};
	},

	// A drawing of 400 units across; draw(tag, attributes, text) adds to it, clear(label) empties it.
	drawing(parent, height) {
		const make = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
		const svg = parent.appendChild(make("svg"));
		svg.setAttribute("viewBox", `0 0 400 ${height}`);
		svg.setAttribute("role", "img");
		const draw = (tag, attributes, text = "") => {
			const shape = svg.appendChild(make(tag));
			for (const [name, value] of Object.entries(attributes)) shape.setAttribute(name, value);
			shape.textContent = text;
		};
		const clear = (label) => {
			svg.replaceChildren();
			svg.setAttribute("aria-label", label);
		};
		return { svg, draw, clear };
	},

	// A number as people read it.
	said: (v, digits = 4) => String(Number(v.toPrecision(digits))).replace("-", "−"),

	// Numbers from 0 to 1 in an order that a seed fixes.
	random(seed) {
		let state = seed;
		return () => {
			state = (state + 0x6d2b79f5) | 0;
			let t = Math.imul(state ^ (state >>> 15), 1 | state);
			t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
			return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
		};
	},

	// Grid.affine: codes 0 to 2^bits - 1 over [low, high], widened to hold 0, whose code is a whole number.
	affine(low, high, bits) {
		const [bottom, top, hi] = [min(low, 0), max(high, 0), 2 ** bits - 1];
		const scale = touch.step(top - bottom, hi);
		return { scale, zero: clamp(even(-bottom / scale), { lo: 0, hi }), lo: 0, hi };
	},

	// Grid.symmetric, narrow: the last code means `top`.
	symmetric(top, bits) {
		const hi = 2 ** (bits - 1) - 1;
		return { scale: touch.step(top, hi), zero: 0, lo: -hi, hi };
	},

	step: (extent, count) => (extent > 0 ? max(extent / count, 2 ** -126) : 1),
	code: (grid, x) => clamp(even(x / grid.scale) + grid.zero, grid), // (G2)
	meant: ({ scale, zero }, code) => scale * (code - zero), // (G1)
	nearest: (grid, x) => touch.meant(grid, touch.code(grid, x)),
};
