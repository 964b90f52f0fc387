// Where the rules of tinyzip/quant/grids/ranges.py cut a distribution, and what each cut costs.
touch.boxes("clip", (box) => {
	const HALF = 32768; // bins on each side of zero
	const ends = ({ low, high }, cut) => [max(-cut, low), min(cut, high)];
	const largest = (values) => values.reduce((a, b) => max(a, abs(b)), 0);

	// tinyzip/quant/grids/histogram.py of all values at once: counts, sums and sums of squares, zeros apart.
	function histogram(values) {
		const nonzero = values.filter((v) => v !== 0);
		const width = max((largest(values) * (1 + 2 ** -50)) / HALF, 2 ** -126);
		const counts = new Float64Array(2 * HALF);
		const [sums, squares] = [counts.slice(), counts.slice()];
		for (const v of nonzero) {
			const bin = clamp(floor(v / width) + HALF, { lo: 0, hi: 2 * HALF - 1 });
			counts[bin] += 1;
			sums[bin] += v;
			squares[bin] += v * v;
		}
		const bins = [];
		counts.forEach((count, bin) => {
			if (count) bins.push({ left: (bin - HALF) * width, count, sum: sums[bin], square: squares[bin] });
		});
		const [low, high] = [-most(values.map((v) => -v)), most(values)];
		const magnitudes = times(HALF, (i) => counts[HALF + i] + counts[HALF - 1 - i]);
		const oneSided = low >= 0 || high <= 0;
		return { low, high, width, bins, magnitudes, oneSided, zeros: values.length - nonzero.length };
	}

	// All but one value in 10,000 at each end.
	function percentile({ low, high, width, bins, zeros }) {
		const rows = bins.map(({ left, count }) => [left, count]);
		const place = rows.findIndex(([left]) => left >= 0);
		rows.splice(place < 0 ? rows.length : place, 0, [0, zeros]);
		const total = sum(rows.map(([, count]) => count));
		const edge = (share) => {
			let below = 0;
			return rows.find(([, count]) => (below += count) / total >= share)[0];
		};
		return [max(edge(1 - 0.9999), low), min(edge(0.9999) + width, high)];
	}

	// The least error by search: (H1) compares, and (H2) keeps the whole range unless it is worse for certain.
	function leastSquares({ low: least, high: greatest, width, bins, oneSided }, bits) {
		const mostly = ([a, b]) => {
			const grid = touch.affine(a, b, bits);
			return bins.reduce((all, { count, sum, square }) => {
				const d = touch.nearest(grid, sum / count);
				return all + (square - 2 * d * sum + d * d * count);
			}, 0);
		};
		const leastly = ([a, b]) => {
			const grid = touch.affine(a, b, bits);
			const excess = bins.map(({ left, count, sum }) => {
				const [right, mean] = [left + width, sum / count];
				const d = touch.nearest(grid, mean);
				const [f, g] = [left, right].map((x) => (x - d) ** 2 - (x - touch.nearest(grid, x)) ** 2);
				return (count * ((right - mean) * f + (mean - left) * g)) / width;
			});
			return mostly([a, b]) - sum(excess);
		};
		const [low, high] = [min(least, 0), max(greatest, 0)];
		const fractions = times(128, (i) => (i + 1) / 128);
		let [best, error] = [[low, high], mostly([low, high])];
		const trial = (candidates) => {
			for (const candidate of candidates) {
				const found = mostly(candidate);
				if (found < error) [best, error] = [candidate, found];
			}
		};
		const lengths = fractions.map((f) => f * max(-low, high));
		trial(lengths.map((length) => [max(low, -length), min(high, length)]));
		for (let round = 0; round < (oneSided ? 0 : 2); round++) {
			trial(fractions.map((f) => [best[0], high * f]));
			trial(fractions.map((f) => [low * f, best[1]]));
		}
		return error <= leastly([low, high]) ? best : [low, high];
	}

	// The cut that keeps 2,048 counts most alike.
	function entropy(seen, bits) {
		const levels = seen.oneSided ? 2 ** bits : 2 ** (bits - 1);
		const used = seen.magnitudes.findLastIndex((count) => count > 0) + 1;
		const merge = max(floor((used + 2047) / 2048), 1);
		const counts = new Array(floor((used + merge - 1) / merge)).fill(0);
		for (let i = 0; i < used; i++) counts[floor(i / merge)] += seen.magnitudes[i];
		let [least, cut] = [Infinity, counts.length];
		for (let size = min(levels, counts.length); size <= counts.length; size += max(floor(counts.length / 256), 1)) {
			const p = counts.slice(0, size);
			p[size - 1] += sum(counts.slice(size));
			const [total, holding] = [new Array(levels).fill(0), new Array(levels).fill(0)];
			for (let i = 0; i < size; i++) {
				total[floor((i * levels) / size)] += counts[i];
				holding[floor((i * levels) / size)] += counts[i] > 0 ? 1 : 0;
			}
			const q = p.map((_, i) => {
				const level = floor((i * levels) / size);
				return counts[i] > 0 ? total[level] / holding[level] : 1e-4;
			});
			const [P, Q] = [sum(p), sum(q)];
			const divergence = p.reduce((all, v, i) => (v > 0 ? all + (v / P) * Math.log(v / P / (q[i] / Q)) : all), 0);
			if (divergence < least) [least, cut] = [divergence, size];
		}
		return ends(seen, cut * merge * seen.width);
	}

	// (R2), by Newton's method on r + ln r = ln(3·4^M).
	function laplaceCut(bits) {
		let r = bits;
		for (let k = 0; k < 30; k++) r -= (r + Math.log(r) - Math.log(3 * 4 ** bits)) / (1 + 1 / r);
		return r;
	}

	// 1 - 2/√π·e^(-x²)·Σ 2^k·x^(2k+1) / (1·3·…·(2k+1)), for x from 0 to 12.
	function erfc(x) {
		let [term, series] = [x, x];
		for (let k = 1; k < 500; k++) series += term *= (2 * x * x) / (2 * k + 1);
		return 1 - (2 / sqrt(Math.PI)) * exp(-x * x) * series;
	}

	// (R3), by bisection.
	function normalCut(bits) {
		let [low, high] = [0, 16];
		for (let k = 0; k < 60; k++) {
			const r = (low + high) / 2;
			const slope = erfc(r / sqrt(2)) * r - sqrt(2 / Math.PI) * exp((-r * r) / 2) + r / (3 * 4 ** bits);
			[low, high] = slope > 0 ? [low, r] : [r, high];
		}
		return high;
	}

	// The best cut of the density that the values resemble, Laplace or normal.
	function aciq({ low, high, bins, oneSided }, bits) {
		const number = sum(bins.map(({ count }) => count));
		const total = sum(bins.map((bin) => bin.sum));
		const center = oneSided ? 0 : total / number;
		const b = sum(bins.map((bin) => abs(bin.sum / bin.count - center) * bin.count)) / number;
		const square = sum(bins.map((bin) => bin.square));
		const deviation = sqrt((square - 2 * center * total) / number + center ** 2);
		const laplace = b < (deviation * (sqrt(1 / 2) + sqrt(2 / Math.PI))) / 2;
		const M = bits + (oneSided ? 1 : 0);
		const cut = laplace ? laplaceCut(M) * b : normalCut(M) * deviation;
		return [max(center - cut, low), min(center + cut, high)];
	}

	// (R4), Newton's method on the data themselves.
	function octav(seen, bits) {
		const M = bits + (seen.oneSided ? 1 : 0);
		const [beyond, mass] = [new Float64Array(HALF + 1), new Float64Array(HALF + 1)];
		for (let i = HALF - 1; i >= 0; i--) {
			beyond[i] = beyond[i + 1] + seen.magnitudes[i];
			mass[i] = mass[i + 1] + seen.magnitudes[i] * ((i + 0.5) * seen.width);
		}
		let cut = mass[0] / beyond[0];
		for (let k = 0; k < 50; k++) {
			const i = min(floor(cut / seen.width), HALF);
			const before = cut;
			cut = mass[i] / ((4 ** -M / 3) * (beyond[0] - beyond[i]) + beyond[i]);
			if (abs(cut - before) < seen.width / 2) break;
		}
		return ends(seen, cut);
	}

	const RULES = { minmax: ({ low, high }) => [low, high], percentile, mse: leastSquares, entropy, aciq, octav };

	// What a grid over [low, high] costs: the mean square error, and the part of the values that lies outside.
	box.cost = (values, [low, high], bits) => {
		const grid = touch.affine(low, high, bits);
		const error = sum(values.map((v) => (v - fround(touch.nearest(grid, v))) ** 2)) / values.length;
		return { error, clipped: values.filter((v) => v < low || v > high).length / values.length };
	};

	// The range that each rule takes of values that are not all 0; it holds 0.
	box.compute = (values, bits) => {
		const seen = histogram(values);
		return Object.entries(RULES).map(([rule, choose]) => {
			const [low, high] = choose(seen, bits);
			return { rule, low: min(low, 0), high: max(high, 0) };
		});
	};

	const draw01 = touch.random(7);
	const normal = () => sqrt(-2 * Math.log(1 - draw01())) * Math.cos(2 * Math.PI * draw01());
	const tailed = () => (normal() * sqrt(3)) / sqrt(normal() ** 2 + normal() ** 2 + normal() ** 2);
	const DRAWN = {
		"a bell": () => normal(),
		"long tails": () => tailed(),
		"a bell after a ReLU": () => max(normal() + 0.3, 0),
		"long tails after a ReLU": () => max(tailed(), 0),
		"a bell and a spike": () => (draw01() < 0.03 ? 6 : normal()),
	};
	const VALUES = Object.values(DRAWN).map((one) => times(2000, one));

	const kind = touch.choice(box, "values", Object.keys(DRAWN), () => show());
	const bits = touch.slider(box, "bits", [4, 2, 8, 1], () => show());
	const own = touch.slider(box, "your own cut", [50, 1, 100, 1], () => show(), (v) => `${v} %`);
	const { draw, clear } = touch.drawing(box, 250);
	const says = touch.status(box);
	const heads = ["rule", "low", "high", "clipped", "mean square error"];
	const fill = touch.table(box, "The error of each cut", heads);

	function show() {
		const values = VALUES[kind.selectedIndex];
		const found = box.compute(values, bits.number);
		const reach = largest(values);
		const cut = (own.number / 100) * reach;
		found.push({ rule: "yours", low: max(min(...values, 0), -cut), high: min(max(...values, 0), cut) });
		const costs = found.map(({ low, high }) => box.cost(values, [low, high], bits.number));
		const place = (v) => 235 + (160 * v) / reach;
		const bars = new Array(80).fill(0);
		for (const v of values) bars[min(floor((v / reach + 1) * 40), 79)]++;
		const label = `${values.length} values: ${kind.value}, and from where to where each rule cuts`;
		clear(label);
		const tallest = sqrt(max(...bars));
		bars.forEach((count, k) => {
			const height = (95 * sqrt(count)) / tallest;
			draw("rect", { x: 75 + 4 * k, y: 100 - height, width: 3.5, height, class: "thin" });
		});
		const least = min(...costs.slice(0, -1).map(({ error }) => error));
		found.forEach(({ rule, low, high }, k) => {
			const y = 118 + 20 * k;
			const best = costs[k].error === least ? "main" : "ink";
			draw("text", { x: 0, y: y + 4 }, rule);
			draw("rect", { x: place(low), y: y - 3, width: max(place(high) - place(low), 1), height: 6, class: best });
			for (const end of [low, high]) {
				draw("rect", { x: place(end) - 1, y: y - 7, width: 2, height: 14, class: best });
			}
		});
		fill(
			found.map(({ rule, low, high }, k) => {
				const share = `${touch.said(100 * costs[k].clipped, 3)} %`;
				return [rule, touch.said(low), touch.said(high), share, touch.said(costs[k].error)];
			}),
		);
		const winner = found[costs.findIndex(({ error }) => error === least)].rule;
		const yours = touch.said(costs.at(-1).error);
		says.textContent = `With ${bits.number} bits ${winner} costs least, ${touch.said(least)}; yours costs ${yours}.`;
	}
	show();
});
