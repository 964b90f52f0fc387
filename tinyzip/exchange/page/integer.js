// The engine: one input through all operators. Tensors are flat, (C, H, W), the last axis fastest.

// The codes that each operator writes.
function trace({ shape, input, operators }, codes) {
	same(product(shape), codes.length);
	within("a code", codes, input.lo, input.hi);
	within("fractions", codes.map((code) => code % 1), 0, 0);
	const outputs = [{ shape, codes: input, values: Int16Array.from(codes) }];
	for (const o of operators) {
		const Codes = o.kind === "Argmax" ? Int32Array : o.codes.lo < 0 ? Int8Array : Uint8Array;
		const values = new Codes(product(o.shape));
		RUN[o.kind](o, o.reads.map((k) => outputs[k + 1]), values);
		outputs.push({ ...o, values });
	}
	return outputs.slice(1).map(({ values }) => values);
}

const each = (y, value) => y.forEach((_, i) => (y[i] = value(i)));
const most = (values) => values.reduce((a, b) => max(a, b));

// Moves a window. look(where in a channel each entry of the kernel lies, -1 outside) gives a function from the
// output's channel to its code.
function slide(o, [, H = 1, W = 1], y, look) {
	const { kernel = ONE, stride = ONE, padding = DEFAULTS.padding, dilation = ONE } = o;
	const [C, OH = 1, OW = 1] = o.shape;
	for (let p = 0; p < OH * OW; p++) {
		const top = ((p / OW) | 0) * stride[0] - padding[0];
		const left = (p % OW) * stride[1] - padding[2];
		const ats = [];
		for (let i = 0; i < kernel[0]; i++) {
			const h = top + i * dilation[0];
			for (let j = 0; j < kernel[1]; j++) {
				const v = left + j * dilation[1];
				ats.push(h >= 0 && h < H && v >= 0 && v < W ? h * W + v : -1);
			}
		}
		const value = look(ats);
		for (let c = 0; c < C; c++) y[c * OH * OW + p] = value(c);
	}
}

// y = clamp(zero + round(acc * m0 / 2^n))
const requantize = ({ y, m0, n, rounding }, acc, f) =>
	clamp(y.zero + rescale(acc, m0[f] ?? m0, n[f] ?? n, rounding), y);

// acc = sum of w * (x - zero) + bias; what lies outside the image is the zero point, and adds nothing.
function convolve(o, [x], y) {
	const { w, bias, groups = 1 } = o;
	const [C, H = 1, W = 1] = x.shape;
	const size = w.length / bias.length; // weights of one output
	const patch = new Int16Array(size * groups);
	slide(o, x.shape, y, (ats) => {
		let k = 0;
		for (let c = 0; c < C; c++) for (const at of ats) patch[k++] = at < 0 ? 0 : x.values[c * H * W + at] - x.codes.zero;
		return (f) => {
			const first = (((f * groups) / bias.length) | 0) * size;
			let acc = bias[f] | 0; // an int32, by proof
			for (let k = 0; k < size; k++) acc = (acc + w[f * size + k] * patch[first + k]) | 0;
			return requantize(o, acc, f);
		};
	});
}

function pool(o, [x], y, combine) {
	const size = x.shape[1] * x.shape[2];
	slide(o, x.shape, y, (ats) => {
		const inside = ats.filter((at) => at >= 0);
		return (c) => clamp(combine(inside.map((at) => x.values[c * size + at])), o.codes);
	});
}

// Places of (C, H, W) in the order "HWC".
const channelsLast = ([C, H = 1, W = 1]) => times(C * H * W, (i) => (i % C) * H * W + floor(i / C));

function rearrange(o, [x], y) {
	if (o.order !== "HWC") return y.set(x.values);
	const from = channelsLast(x.shape);
	channelsLast(o.shape).forEach((to, i) => (y[to] = x.values[from[i]]));
}

// Each operator, from what it reads into y.
const RUN = {
	Conv2d: convolve,
	Linear: convolve, // of an image of one pixel
	MaxPool2d: (o, read, y) => pool(o, read, y, most),
	AvgPool2d: (o, read, y) => pool(o, read, y, (seen) => mean(sum(seen), seen.length)),
	GlobalAvgPool(o, [x], y) {
		const count = x.values.length / y.length;
		each(y, (c) => {
			const S = sum(x.values.subarray(c * count, (c + 1) * count));
			if (!o.y) return mean(S, count);
			if (o.rounding === "float32") return clamp(floatMean(o, S, count * x.codes.zero), o.y);
			return requantize(o, S - count * x.codes.zero);
		});
	},
	Add(o, read, y) {
		const { m0, n, rounding } = o;
		const once = rounding === "single";
		each(y, (i) => {
			const terms = read.map(({ values, codes }) => values[i] - codes.zero);
			const acc = sum(terms.map((v, k) => (once ? v * m0[k] : rescale(v * 2 ** 20, m0[k], n[k], rounding))));
			return once ? requantize({ ...o, m0: 1 }, acc, 0) : requantize(o, acc, 2);
		});
	},
	Product(o, [x, other], y) {
		const size = y.length / other.values.length;
		each(y, (i) => requantize(o, (x.values[i] - x.codes.zero) * (other.values[floor(i / size)] - other.codes.zero)));
	},
	Recall: rearrange,
	Concat: (o, read, y) => read.reduce((at, { values }) => (y.set(values, at), at + values.length), 0),
	Pad: (o, read, y) => pool(o, read, y, ([code = o.codes.zero]) => code),
	Table(o, [x], y) {
		const size = y.length / (o.rows || 1);
		each(y, (i) => o.table[256 * floor(i / size) + (x.values[i] & 255)]);
	},
	Multiply(o, [x], y) {
		const size = y.length / o.w.length;
		each(y, (i) => requantize(o, o.w[floor(i / size)] * (x.values[i] - x.codes.zero)));
	},
	Softmax: softmax,
	Flatten: rearrange,
	Reshape: rearrange,
	Transpose(o, [x], y) {
		const steps = o.axes.map((axis) => product(x.shape.slice(axis + 1)));
		const [, J, K] = o.shape;
		each(y, (i) => x.values[floor(i / (J * K)) * steps[0] + (floor(i / K) % J) * steps[1] + (i % K) * steps[2]]);
	},
	Argmax: (o, [x], y) => y.fill(x.values.indexOf(most(x.values))),
};

// The mean as XNNPACK computes it, each step rounded to a float32.
function floatMean({ m0, n, y }, S, zeros) {
	const [f, unit, M] = [fround, 2 ** (n - 7), m0 / 128];
	return even(f(f(f(S) * M) + f(y.zero * unit - f(f(zeros) * M))) / unit);
}

// Over the channels, at each place, as gemmlowp computes it, in whole numbers with 31 bits behind the point.
const high = (a, b) => scaled(a, b, 31);

function softmax({ m0, n, shape }, [x], y) {
	const step = 2 ** (31 - n);
	const beyond = floor((31 * 2 ** 26) / step);
	const powers = times(256, (d) => (d > beyond ? 0 : exponential(high(-d * step, m0))));
	const size = y.length / shape[0];
	for (let place = 0; place < size; place++) {
		const values = times(shape[0], (c) => x.values[c * size + place]);
		const top = most(values);
		const e = values.map((v) => powers[top - v]);
		const total = sum(e.map((v) => halved(v, 12))); // with 19 bits behind the point
		const bits = bitsOf(total) - 20;
		const half = floor(total * 2 ** (11 - bits));
		let r = 1515870810 + high(half, -1010580540); // 48/17 - 32/17 * half; then Newton's method for 1 / half
		for (let i = 0; i < 3; i++) r += 4 * high(r, 2 ** 29 - high(half, r));
		r = min(2 * r, 2 ** 31 - 1);
		e.forEach((v, c) => (y[c * size + place] = min(halved(high(v, r), 23 + bits), 255) - 128));
	}
}

// e^z for z <= 0 with 26 bits behind the point: a series for z modulo 1/4, and powers for the rest.
function exponential(z) {
	if (z === 0) return 2 ** 31 - 1;
	const part = (z & (2 ** 24 - 1)) - 2 ** 24;
	const t = part * 32 + 2 ** 28; // about -1/8
	const t2 = high(t, t);
	const series = halved(high(halved(high(t2, t2), 2) + high(t2, t), 715827883) + t2, 1);
	const roots = [1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242];
	return roots.reduce(
		(e, root, k) => (((part - z) >> (24 + k)) & 1 ? high(e, root) : e),
		1895147668 + high(1895147668, t + series),
	);
}
