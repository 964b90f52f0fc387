// Whole numbers in doubles: these hold 53 bits, and a product of two int32 has up to 62.

const TWO = times(128, (e) => 2 ** e);

// floor((a * b + 2^(n - 1)) / 2^n), exactly, for |a| <= 2^31, an int32 b and n > 0: b goes in halves of 16 bits,
// so that a * b = 2^16 * high + low, and n cuts through one of the two.
function scaled(a, b, n) {
  const half = a * (b & 0xffff);
  const carry = Math.floor(half / 65536);
  const high = a * (b >> 16) + carry;
  const low = half - 65536 * carry;
  if (n > 16) return Math.floor((high + TWO[n - 17]) / TWO[n - 16]);
  return high * TWO[16 - n] + Math.floor((low + TWO[n - 1]) / TWO[n]);
}

// x / 2^e to nearest, halves away from zero.
const halved = (x, e) => (e ? Math.floor((x + TWO[e - 1] - (x < 0 ? 1 : 0)) / TWO[e]) : x);

// x to the nearest whole number, halves to even.
function even(x) {
  const below = Math.floor(x);
  const part = x - below;
  return part > 0.5 || (part === 0.5 && below % 2) ? below + 1 : below;
}

// acc * m0 / 2^n as a whole number, in one of four ways. "shift" has m0 = 2^30, and rounds as "single" does.
// "float32" is what processors compute with floats: Math.fround rounds to their 24 bits, and a double holds
// the 48 of a product.
function rescale(acc, m0, n, rounding) {
  if (rounding === "double") return halved(scaled(acc * TWO[Math.max(31 - n, 0)], m0, 31), Math.max(n - 31, 0));
  if (rounding === "float32") return even((Math.fround(Math.fround(acc) * (m0 / 128)) * 128) / TWO[n]);
  return scaled(acc, m0, n);
}

const clamp = (value, { lo, hi }) => (value < lo ? lo : value > hi ? hi : value);

// total / count to nearest, halves away from zero.
const mean = (total, count) => Math.sign(total) * Math.floor((Math.abs(total) + (count >> 1)) / count);
