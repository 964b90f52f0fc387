// A small network that loses weights and bits by slider, and its errors on 1,000 digits.
touch.boxes("prune_and_round", (box) => {
	const SLICE = 50; // images at a time, between which the page does what else it has to
	const SHOWN = 24; // of the digits that are not read
	const here = document.currentScript.src;
	let digits, layers, timer;

	// The file beside this one, base64 of gzip: weights (float32), labels, a bit for each pixel with ink, the ink.
	async function load() {
		if (!touch.digits) {
			await new Promise((done, failed) => {
				const script = Object.assign(document.createElement("script"), { src: new URL("digits.js", here) });
				script.onload = done;
				script.onerror = failed;
				document.head.append(script);
			});
		}
		const packed = Uint8Array.from(atob(touch.digits.data), (letter) => letter.charCodeAt(0));
		const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
		const bytes = await new Response(stream).arrayBuffer();
		let at = 0;
		layers = touch.digits.layers.map(([name, shape]) => {
			const [w, b] = [product(shape), shape[0]].map((count) => {
				at += 4 * count;
				return new Float64Array(new Float32Array(bytes, at - 4 * count, count));
			});
			return { name, shape, w, b };
		});
		const { count } = touch.digits;
		const labels = new Uint8Array(bytes, at, count);
		const inked = new Uint8Array(bytes, at + count, 98 * count);
		const ink = new Uint8Array(bytes, at + 99 * count).values();
		const pixel = (_, i) => ((inked[i >> 3] << i % 8) & 128 ? ink.next().value : 0);
		digits = { images: Uint8Array.from({ length: 784 * count }, pixel), labels, count };
	}

	// As `keep` of quant/training/masks.py has it, "any", by magnitude: a share of the weights goes, 99 in 100 at most.
	function pruned(w, share) {
		const order = [...w.keys()].sort((a, b) => abs(w[a]) - abs(w[b]));
		const kept = w.slice();
		for (const k of order.slice(0, even(share * w.length))) kept[k] = 0;
		return kept;
	}

	// Each output's weights on a grid of its own, the last code its largest; 9 bits leave floats.
	function rounded(w, outputs, bits) {
		if (bits > 8) return { w, codes: null, entropy: 32 * w.length };
		const size = w.length / outputs;
		const values = w.slice();
		const counts = new Map();
		const codes = new Int8Array(w.length);
		for (let f = 0; f < outputs; f++) {
			const row = w.subarray(f * size, (f + 1) * size);
			const grid = touch.symmetric(row.reduce((a, b) => max(a, abs(b)), 0), bits);
			row.forEach((v, k) => {
				const code = touch.code(grid, v);
				codes[f * size + k] = code;
				values[f * size + k] = fround(touch.meant(grid, code));
				counts.set(code, (counts.get(code) ?? 0) + 1);
			});
		}
		return { w: values, codes, entropy: -sum([...counts.values()].map((n) => n * log2(n / w.length))) };
	}

	const changed = (shares, bits) =>
		layers.map(({ shape, w, b }, k) => ({ shape, b, ...rounded(pruned(w, shares[k]), shape[0], bits) }));

	// A convolution of 5 x 5 without a border, ReLU, and the largest of each 2 x 2.
	function convolved(x, { shape: [F, C], w, b }, H) {
		const [O, size] = [H - 4, (H - 4) ** 2];
		const y = new Float64Array((F * size) / 4);
		const sums = new Float64Array(size);
		for (let f = 0; f < F; f++) {
			sums.fill(b[f]);
			for (let c = 0; c < C; c++) {
				for (let i = 0; i < 5; i++) {
					const row = w.subarray(((f * C + c) * 5 + i) * 5, ((f * C + c) * 5 + i + 1) * 5);
					if (row.every((v) => v === 0)) continue;
					const [w0, w1, w2, w3, w4] = row;
					for (let h = 0; h < O; h++) {
						for (let v = 0, at = (c * H + h + i) * H; v < O; v++, at++) {
							sums[h * O + v] +=
								w0 * x[at] + w1 * x[at + 1] + w2 * x[at + 2] + w3 * x[at + 3] + w4 * x[at + 4];
						}
					}
				}
			}
			for (let p = 0; p < size / 4; p++) {
				const at = 2 * floor(p / (O / 2)) * O + 2 * (p % (O / 2));
				y[(f * size) / 4 + p] = max(sums[at], sums[at + 1], sums[at + O], sums[at + O + 1], 0);
			}
		}
		return y;
	}

	const connected = (x, { b, w }) =>
		b.map((acc, f) => {
			for (let k = 0; k < x.length; k++) acc += w[f * x.length + k] * x[k];
			return acc;
		});

	// The logits of image number n.
	function logits([conv1, conv2, fc1, fc2], n) {
		const pixels = digits.images.subarray(784 * n, 784 * (n + 1));
		const x = Float64Array.from(pixels, (byte) => fround(byte / 255));
		const features = convolved(convolved(x, conv1, 28), conv2, 12);
		return connected(connected(features, fc1).map((v) => max(v, 0)), fc2);
	}

	const answered = (network, n) => {
		const z = logits(network, n);
		return z.indexOf(most(z));
	};

	// With a share for each layer, on images from `first` on: codes, entropies in bits, logits, errors.
	box.compute = (shares, bits, first, count) => {
		const network = changed(shares, bits);
		const images = times(count, (n) => first + n);
		return {
			codes: network.map(({ codes }) => codes && [...codes]),
			entropies: network.map(({ entropy }) => entropy),
			logits: images.map((n) => [...logits(network, n)]),
			errors: images.filter((n) => answered(network, n) !== digits.labels[n]).length,
		};
	};

	const bits = touch.slider(box, "bits of a weight", [9, 2, 9, 1], () => show(), (v) => (v > 8 ? "floats" : v));
	const group = touch.add(box, "fieldset");
	touch.add(group, "legend", { textContent: "pruned by magnitude" });
	const says = touch.status(box);
	const fill = touch.table(box, "What is left", ["layer", "weights", "not 0", "bytes by entropy"]);
	const pictures = touch.add(box, "div", { className: "pictures" });
	let shares = [];

	function show() {
		if (!digits) return;
		clearTimeout(timer);
		const network = changed(shares.map((share) => share.number / 100), bits.number);
		const rows = network.map(({ w, entropy }) => [w.length, w.filter((v) => v).length, Math.ceil(entropy / 8)]);
		const totals = [0, 1, 2].map((column) => sum(rows.map((row) => row[column])));
		const said = [...rows, totals].map((counts) => counts.map((v) => v.toLocaleString("en")));
		fill([...layers.map(({ name }) => name), "all"].map((name, k) => [name, ...said[k]]));
		const bytes = totals[2].toLocaleString("en");
		const missed = [];
		let seen = 0;
		const go = () => {
			for (const end = min(seen + SLICE, digits.count); seen < end; seen++) {
				const answer = answered(network, seen);
				if (answer !== digits.labels[seen]) missed.push([seen, answer]);
			}
			if (seen < digits.count) timer = setTimeout(go);
			if (seen > SLICE && seen < digits.count) return; // said are the first and the last
			says.textContent = `${missed.length} errors on ${seen.toLocaleString("en")} digits, ${bytes} bytes.`;
			picture(missed.slice(0, SHOWN));
		};
		go();
	}

	// Digits that were not read, each with what was read.
	function picture(missed) {
		pictures.replaceChildren();
		for (const [n, answer] of missed) {
			const figure = touch.add(pictures, "figure");
			const named = { role: "img", ariaLabel: `a ${digits.labels[n]}` };
			const canvas = touch.add(figure, "canvas", { width: 28, height: 28, ...named });
			const image = new ImageData(28, 28);
			digits.images.subarray(784 * n, 784 * (n + 1)).forEach((v, i) => image.data.set([v, v, v, 255], 4 * i));
			canvas.getContext("2d").putImageData(image, 0, 0);
			touch.add(figure, "figcaption", { textContent: `read as ${answer}` });
		}
	}

	says.textContent = "The digits are not loaded yet.";
	box.ready = new Promise((ready, failed) => {
		new IntersectionObserver(async ([entry], observer) => {
			if (!entry.isIntersecting) return;
			observer.disconnect();
			await load().catch(failed);
			shares = layers.map(({ name }) => touch.slider(group, name, [0, 0, 99, 1], () => show(), (v) => `${v} %`));
			ready();
			show();
		}).observe(box);
	});
});
