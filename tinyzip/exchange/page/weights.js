// A tensor of weights (F, C, H, W), the last axis fastest, in one of three forms and one of four codings.

function weights(from, view) {
	const N = product(view);
	within("weights", [N], 1, from.room);
	from.room -= N;
	return [coded, listed, pruned][from.natural("form", 2)](from, view, N);
}

// A list of the values that occur; codes are places in it, counted from the value nearest to 0.
function listed(from, view) {
	const count = from.natural("listed", 256, 1);
	const values = [from.integer("first")];
	while (values.length < count) values.push(values.at(-1) + from.natural("gap") + 1);
	within("a value", values, -255, 255);
	const sizes = values.map(abs);
	const origin = sizes.indexOf(min(...sizes));
	return coded(from, view).map((place) => values[place + origin] ?? refuse(`no value ${place}`, "one"));
}

// Runs of zeros, and what stands behind each.
function pruned(from, view, N) {
	let at = -1;
	const places = from.many(from.natural("present"), () => (at += from.natural("run") + 1));
	within("a place", [at], 0, N - 1);
	const w = new Int16Array(N);
	coded(from, [1, places.length, 1, 1]).forEach((value, i) => (w[places[i]] = value));
	return w;
}

function coded(from, view) {
	const coding = from.small("coding", 2);
	if (coding < 2) return byDecisions(from, view, coding === 0);
	if (coding === 2) return byTables(from, view);
	const least = from.integer("least");
	const bits = from.natural("bits", 8);
	within("a weight", [least], -255, 255);
	return new Int16Array(product(view)).map(() => least + from.plain(bits));
}

// code(i, l, u) for each weight: l is left of it and u above, in its kernel or the whole matrix.
function walk([F, C, H, W], code) {
	const w = new Int16Array(F * C * H * W);
	const [rows, columns] = H * W > 1 ? [H, W] : [F, C];
	for (let i = 0; i < w.length; i++) {
		w[i] = code(i, i % columns && w[i - 1], floor(i / columns) % rows && w[i - columns]);
	}
	return w;
}

const signs = (l, u) => 3 * sign(l) + sign(u);
const level = (m) => (m < 2 ? m : min(2 * bitsOf(m) - 2 + ((m >> (bitsOf(m) - 2)) & 1), 19));
const fourTimesMean = ([sum, count]) => count && floor((4 * sum) / count);

// Each bit is counted by what the neighbours are, and by the means of its output and its input.
function byDecisions(from, [F, C, H, W], mixed) {
	const places = (from.weightPlaces ??= times(377, () => [0, 0]));
	for (const place of places) {
		const s = place[0] + place[1];
		if (s > 8) place.forEach((n, bit) => (place[bit] = floor((8 * n) / s)));
	}
	const inputs = times(C, () => [0, 0]); // what magnitudes add up to, and how many there were
	let output;
	return walk([F, C, H, W], (i, l, u) => {
		if (i % (C * H * W) === 0) output = [0, 0];
		const input = inputs[floor(i / (H * W)) % C];
		let [a, b, next] = [320, 320, 1];
		if (mixed) {
			a = level(abs(l) + abs(u));
			b = 160 + level(fourTimesMean(output) + fourTimesMean(input));
			next = 20;
		}
		let L = 0;
		while (L < 8 && from.decide(places[a + next * L], places[b + next * L])) L++;
		let m = L;
		if (L > 1) {
			const t = 328 + 3 * (L - 2);
			m = 2 + from.decide(places[t]);
			if (L > 2) m = 2 * m + from.decide(places[t + m - 1]);
			if (L > 3) m = 2 ** (L - 3) * m + from.plain(L - 3);
		}
		for (const passed of [output, input]) {
			passed[0] += m;
			passed[1]++;
		}
		const both = 364 + sign(l + u) * min(bitsOf(abs(l + u)), 6);
		return m > 0 && from.decide(places[353 + signs(l, u)], places[both]) ? -m : m;
	});
}

// Nine tables, by the neighbours' signs, made anew from counts when a block begins.
function byTables(from, view) {
	const highest = from.natural("highest", 15);
	const counts = times(9, () => new Array(2 * highest + 1).fill(0));
	let [size, end, tables] = [64, 0, null];
	return walk(view, (i, l, u) => {
		if (i === end) {
			tables = tablesFrom(counts);
			end += size;
			size = min(2 * size, 4096);
		}
		const number = signs(l, u) + 4;
		const { owner, start, width } = tables[number];
		const s = owner[from.x % 4096];
		from.step(start[s], width[s], 12);
		counts[number][s]++;
		let m = abs(s - highest);
		if (m > 3) {
			const e = (m >> 1) - 1;
			m = 2 ** e * (m - 2 * e) + from.plain(e);
		}
		return s > highest ? m : -m;
	});
}

function tablesFrom(counts) {
	const A = counts[0].length;
	const total = times(A, (s) => counts.reduce((all, row) => all + row[s], 1));
	const T = sum(total);
	return counts.map((row) => {
		const h = row.map((n, s) => 64 * n + floor((4096 * total[s]) / T));
		const S = sum(h);
		const width = h.map((v) => 1 + floor(((4096 - A) * v) / S));
		width[width.indexOf(max(...width))] += 4096 - sum(width);
		const owner = width.flatMap((f, s) => new Array(f).fill(s));
		return { owner, width, start: width.map((_, s) => owner.indexOf(s)) };
	});
}
