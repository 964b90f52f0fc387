// From the bytes of a .tz file to a program: an object for each operator, with the fields that it has in Python.

// By the number of its kind: its fields without a default, which come last in a record, and those with one.
const KINDS = `Conv2d w weight_bits bias m0 n y: rounding padding stride groups dilation
Linear w weight_bits bias m0 n y: rounding
MaxPool2d kernel: padding stride y
Flatten: order
Argmax:
GlobalAvgPool: rounding y m0 n
AvgPool2d kernel: padding stride y
Add other m0 n y: rounding
Recall source:
Concat sources:
Pad padding:
Table y table:
Multiply w m0 n y: rounding
Softmax m0 n:
Reshape shape: order
Transpose axes:
Product other m0 n y: rounding`.split("\n");
const CHANGED = " rounding padding stride groups name dilation order y m0 n".split(" ");
const DEFAULTS = { rounding: "double", padding: [0, 0, 0, 0], groups: 1, dilation: ONE, order: "CHW" };

function crc32(bytes) {
	let crc = -1;
	for (const byte of bytes) {
		crc ^= byte;
		for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
	}
	return ~crc >>> 0;
}

function unpack(bytes) {
	if (`${bytes.slice(0, 4)}` !== "137,116,122,26") refuse("another start", "the mark of a .tz file");
	if (bytes[4] !== 2) refuse(`version ${bytes[4]} of the format`, "version 2");
	const stored = bytes.slice(5, 9).reduceRight((all, byte) => 256 * all + byte, 0);
	const message = bytes.subarray(9);
	if (stored !== crc32([...bytes.subarray(0, 5), ...message])) refuse("another checksum", "all of a file");
	const from = new Reader(message);
	const shape = from.sizes("shape");
	const grid = { lo: 0, hi: 255, zero: 0, scale: 1 };
	Object.assign(from, { grid, octave: 0, outputs: shape[0] ?? 0, kinds: {}, m0: 2 ** 30, n: 0, code: 0 });
	const input = READ.y(from);
	const operators = times(from.natural("operators", 4096, 1), () => readOperator(from));
	if (from.at < message.length || from.x !== 1) refuse("another end", "1");
	return checked({ shape, input, operators });
}

function readOperator(from) {
	const names = KINDS[from.natural("kind", 16)].split(":");
	const [[kind, ...needed], own] = names.map((words) => words.match(/\w+/g) ?? []);
	const defaults = { name: "" };
	for (const name of own) defaults[name] = DEFAULTS[name] ?? null;
	if (kind === "Linear") defaults.rounding = "single";
	if (kind === "Conv2d") defaults.stride = ONE;
	const fields = (from.kinds[kind] ??= { ...defaults }); // as in the last operator of this kind
	for (let last = 0, next; (next = from.natural("changed")); last = next) {
		const name = CHANGED[next];
		if (next <= last || !(name in defaults)) refuse(`field ${next} of a ${kind}`, "its own, in order");
		const there = defaults[name] !== null || from.ask(`${name}/there`);
		fields[name] = there ? READ[name](from, name) : null;
	}
	const o = { kind, ...fields };
	for (const name of needed) o[name] = READ[name](from, name, o);
	return o;
}

const row = (count) => (from, name) => from.row(name, count);
const source = (from, name) => from.natural(name) - 1;
const word = (...words) => (from, name) => words[from.natural(name, words.length - 1)];

// For each output of weights, several in an Add, else one.
const perOutput = (read) => (from, name, o) => {
	if (o?.kind === "Add") return from.sizes(name);
	return o?.bias ? from.many(from.outputs, () => read(from)) : from.natural(name);
};

// How the fields are read: READ[name](from, name, the operator so far).
const READ = {
	kernel: row(2),
	stride: row(2),
	dilation: row(2),
	padding: row(4), // top, bottom, left, right
	axes: row(3),
	shape: (from) => from.sizes("shape"),
	groups: (from) => from.natural("groups") || from.outputs,
	rounding: word("double", "single", "shift", "float32"),
	order: word("CHW", "HWC"),
	source,
	other: source,
	sources: (from) => from.sizes("sources").map((v) => v - 1),
	bias: (from) => from.many(from.outputs, () => from.integer("bias")),
	n: perOutput((from) => (from.n += from.integer("n"))),
	m0: perOutput((from) => {
		const m0 = from.old("m0", from.m0, () => from.odd("m0", 5)[0]);
		return (from.m0 = m0 * 2 ** max(31 - bitsOf(m0), 0));
	}),

	name(from) {
		const bytes = Uint8Array.from(times(from.natural("name/count", 255), () => from.small("name", 8)));
		return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
	},

	table(from, name, o) {
		o.rows = from.natural("table/count"); // 0: one for all channels
		return from.many(256 * max(o.rows, 1), () => (from.code += from.integer("table")));
	},

	w(from, name, o) {
		if (o.kind === "Multiply") return from.many(from.natural("w/count"), () => from.integer("w"));
		const conv = o.kind === "Conv2d";
		const F = from.old("outputs", from.outputs);
		let C = conv && from.old("inputs", from.outputs);
		const [H, W] = from.row(conv ? "kernel" : "image", 2);
		if (conv) o.kernel = [H, W];
		if (!conv) C = from.old("inputs", from.outputs * H * W) / (H * W);
		if (!Number.isInteger(C)) refuse("parts of images", "all");
		o.inputs = conv ? C : C * H * W;
		from.outputs = F;
		return weights(from, [F, C, H, W]);
	},

	weight_bits(from, name, { w }) {
		const values = [...new Set(w)];
		const reach = most([1, ...values.map((v) => (v < 0 ? -1 - v : v))]);
		const one = reach === 1 && !values.includes(-2) && values.length < 3;
		return (one ? 1 : 1 + bitsOf(reach)) + from.natural("weight_bits", 7);
	},

	// What codes from lo to hi mean: scale * (code - zero). Each part may be as in the last grid.
	y(from) {
		const before = from.grid;
		const [lo, hi] = from.old("ends", [before.lo, before.hi], () => {
			const form = from.natural("ends/form");
			if (form > 1) return [from.integer("ends/lo"), from.integer("ends/hi")];
			const half = 2 ** from.small("ends/bits", 3);
			return form ? [-half, half - 1] : [0, 2 * half - 1];
		});
		within("the first code", [lo], -128, 254);
		within("the last code", [hi], lo + 1, lo < 0 ? 127 : 255);
		const zero = lo + from.old("zero", before.zero - lo, () => from.plain(bitsOf(hi - lo)));
		within("zero", [zero], lo, hi);
		const scale = from.old("scale", before.scale, () => readScale(from));
		return (from.grid = { lo, hi, zero, scale });
	},
};

function readScale(from) {
	const form = from.natural("scale/form", 2);
	if (form) {
		const q = from.natural("scale/divisor", 2 ** 32 - 1, 3); // 1 / q, to the digits of a float64 or a float32
		const scale = form === 1 ? 1 / q : fround(1 / q);
		from.octave = floor(log2(scale)) + 1;
		return scale;
	}
	const twos = from.natural("scale/twos");
	const [m, digits] = from.odd("scale", 6);
	within("a scale's digits", [twos + digits], 1, 63);
	from.octave += from.integer("scale/octave");
	within("a scale's n", [twos + digits - from.octave], -1100, 1100);
	return (m / 2 ** digits) * 2 ** from.octave;
}
