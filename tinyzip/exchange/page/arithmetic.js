// Whole numbers in doubles: these hold 53 bits, and a product of two int32 has up to 62.

const TWO = times(128, (e) => 2 ** e);

// floor((a * b + 2^(n - 1)) / 2^n), exactly, for |a| <= 2^31, an int32 b and n > 0: b goes in halves of 16 bits,
// so that a * b = 2^16 * high + low, and n cuts through one of the two.
function scaled(a, b, n) {
	const half = a * (b & 0xffff);
	const carry = floor(half / 65536);
	const high = a * (b >> 16) + carry;
	const low = half - 65536 * carry;
	if (n > 16) return floor((high + TWO[n - 17]) / TWO[n - 16]);
	return high * TWO[16 - n] + floor((low + TWO[n - 1]) / TWO[n]);
}

// x / 2^e to nearest, halves away from zero.
const halved = (x, e) => (e ? floor((x + TWO[e - 1] - (x < 0 ? 1 : 0)) / TWO[e]) : x);

// x to the nearest whole number, halves to even.
function even(x) {
	const below = floor(x);
	const part = x - below;
	return part > 0.5 || (part === 0.5 && below % 2) ? below + 1 : below;
}

// acc * m0 / 2^n as a whole number, in one of four ways: "shift" is "single" with m0 = 2^30, and for "float32"
// a double holds the 48 bits of a product, which fround rounds to 24.
function rescale(acc, m0, n, rounding) {
	if (rounding === "double") return halved(scaled(acc * TWO[max(31 - n, 0)], m0, 31), max(n - 31, 0));
	if (rounding === "float32") return even((fround(fround(acc) * (m0 / 128)) * 128) / TWO[n]);
	return scaled(acc, m0, n);
}

const clamp = (value, { lo, hi }) => (value < lo ? lo : value > hi ? hi : value);

// total / count to nearest, halves away from zero.
const mean = (total, count) => sign(total) * floor((abs(total) + (count >> 1)) / count);
