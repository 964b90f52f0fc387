// A QR code [ISO/IEC 18004] of up to 2,953 bytes: byte mode, level L of error correction, mask 0.

const CHECKS = "7afkqikouikoqumosussssuuqs"; // by version, base 36; 30 from 27 on
const BLOCKS = "11111222244444666678899acccdefghijjklmop";

// Rows of modules, 1 where dark; null where the bytes are too many.
function qr(bytes) {
	for (let version = 1; version <= 40; version++) {
		const grid = patterns(version);
		const total = floor(grid.flat().filter((v) => v === null).length / 8);
		const blocks = parseInt(BLOCKS[version - 1], 36);
		const checks = parseInt(CHECKS[version - 1] ?? "u", 36);
		const size = version < 10 ? [bytes.length] : [bytes.length >> 8, bytes.length & 255];
		const halves = [4, ...[...size, ...bytes].flatMap((v) => [v >> 4, v & 15]), 0];
		const data = times(halves.length / 2, (i) => 16 * halves[2 * i] + halves[2 * i + 1]);
		const rest = total - checks * blocks - data.length;
		if (rest >= 0) return fill(grid, interleaved([...data, ...times(rest, (i) => (i % 2 ? 17 : 236))], blocks, checks));
	}
	return null;
}

// All but the data, for which null is left.
function patterns(version) {
	const size = 17 + 4 * version;
	const grid = times(size, () => new Array(size).fill(null));
	const square = (x0, y0, reach, ...light) => {
		if (grid[y0][x0] !== null) return;
		for (let y = y0 - reach; y <= y0 + reach; y++) {
			for (let x = x0 - reach; x <= x0 + reach; x++) {
				const distance = max(abs(x - x0), abs(y - y0));
				if (grid[y] && x >= 0 && x < size) grid[y][x] = light.includes(distance) ? 0 : 1;
			}
		}
	};
	for (const [x, y] of [[3, 3], [size - 4, 3], [3, size - 4]]) square(x, y, 4, 2, 4);
	const count = version > 1 ? floor(version / 7) + 2 : 0;
	const step = 2 * floor((8 * version + 3 * count + 5) / (4 * count - 4));
	const centres = times(count, (i) => (i ? size - 7 - step * (count - 1 - i) : 6));
	for (const x of centres) for (const y of centres) square(x, y, 2, 1);
	for (let i = 8; i < size - 8; i++) grid[6][i] = grid[i][6] = 1 - (i % 2);
	for (let i = 0; i < 15; i++) {
		const bit = (0x77c4 >> i) & 1; // level L and mask 0, with their own check
		grid[i < 6 ? i : i < 8 ? i + 1 : size - 15 + i][8] = bit;
		grid[8][i < 8 ? size - 1 - i : i < 9 ? 7 : 14 - i] = bit;
	}
	grid[size - 8][8] = 1;
	let check = version;
	for (let i = 0; i < 12; i++) check = (check << 1) ^ ((check >> 11) * 0x1f25);
	for (let i = 0; version > 6 && i < 18; i++) {
		const [a, b] = [size - 11 + (i % 3), floor(i / 3)];
		grid[a][b] = grid[b][a] = (((version << 12) | check) >> i) & 1;
	}
	return grid;
}

function interleaved(data, blocks, checks) {
	const short = floor(data.length / blocks);
	let at = 0;
	const parts = times(blocks, (i) => data.slice(at, (at += short + (i < blocks - (data.length % blocks) ? 0 : 1))));
	const columns = (rows) => times(short + 1 + checks, (i) => rows.map((row) => row[i])).flat();
	return [parts, parts.map((part) => checksOf(part, checks))].flatMap(columns).filter((v) => v !== undefined);
}

// The check bytes of Reed and Solomon: what is left of the data modulo (x - 1)(x - 2)(x - 4)..., in GF(256).
function checksOf(data, count) {
	const multiply = (a, b) => {
		let z = 0;
		for (let i = 7; i >= 0; i--) z = (z << 1) ^ ((z >> 7) * 0x11d) ^ (((b >> i) & 1) * a);
		return z;
	};
	const divisor = times(count, (i) => (i < count - 1 ? 0 : 1));
	for (let i = 0, root = 1; i < count; i++, root = multiply(root, 2)) {
		divisor.forEach((v, j) => (divisor[j] = multiply(v, root) ^ divisor[j + 1]));
	}
	return data.reduce(
		(rest, byte) => divisor.map((v, j) => rest[j + 1] ^ multiply(v, byte ^ rest[0])),
		divisor.map(() => 0),
	);
}

// Bits go up and down in columns of two; the mask turns every second module.
function fill(grid, codewords) {
	let i = 0;
	for (let right = grid.length - 1; right > 0; right -= right === 8 ? 3 : 2) {
		for (let step = 0; step < grid.length; step++) {
			const y = (right + 1) & 2 ? step : grid.length - 1 - step;
			for (const x of [right, right - 1]) {
				if (grid[y][x] === null) grid[y][x] = ((codewords[i >> 3] >> (7 - (i++ & 7))) & 1) ^ ((x + y + 1) & 1);
			}
		}
	}
	return grid;
}
