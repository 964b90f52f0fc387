// A drawing as MNIST's digits were made: the square around the ink becomes 20 x 20 pixels, each the mean of what
// it covers, and moves by whole pixels until its centre of mass is nearest to the middle of 28 x 28.
function prepare(ink, width) {
	const out = new Uint8Array(784);
	const places = [...ink.keys()].filter((place) => ink[place]);
	if (!places.length) return out;
	const axes = [(k, columns) => floor(k / columns), (k, columns) => k % columns];
	const ends = axes.map((axis) => {
		const all = places.map((place) => axis(place, width));
		return [-most(all.map((v) => -v)), most(all) + 1];
	});
	const L = most(ends.map(([first, end]) => end - first));
	const corner = ends.map(([first, end]) => first - ((L - end + first) >> 1));
	const total = new Array(400).fill(0);
	const shared = (i, v) => min(i * L + L, v + 20) - max(i * L, v); // of two pixels, in 1/20 of one
	for (const place of places) {
		const [h, v] = axes.map((axis, k) => 20 * (axis(place, width) - corner[k]));
		for (let i = floor(h / L); i * L < h + 20; i++) {
			for (let j = floor(v / L); j * L < v + 20; j++) {
				total[20 * i + j] += shared(i, h) * shared(j, v) * ink[place];
			}
		}
	}
	const small = total.map((v) => floor((v + ((L * L) >> 1)) / (L * L)));
	const mass = sum(small);
	const [down, right] = axes.map((axis) => {
		const moment = sum(small.map((v, k) => v * axis(k, 20)));
		return clamp(floor((2 * (14 * mass - moment) + mass) / (2 * mass)), { lo: 0, hi: 8 });
	});
	small.forEach((v, k) => (out[(down + floor(k / 20)) * 28 + right + (k % 20)] = v));
	return out;
}
