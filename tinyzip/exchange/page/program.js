// A program is checked when it is read: its shapes, and that it is not too much for a page. No sum leaves int32,
// as was proved when the file was written.

const LARGEST = 2 ** 24; // values of a tensor

const sum = (values) => values.reduce((a, b) => a + b, 0);
const product = (sizes) => sizes.reduce((a, b) => a * b, 1);
const same = (found, needed) => `${found}` === `${needed}` || refuse(`an input of ${needed}`, found);

function windows({ kernel = ONE, stride = ONE, padding: [top, bottom, left, right], dilation = ONE }, H, W) {
	const sizes = [H + top + bottom, W + left + right];
	within("a window or an image of", [...kernel, product(sizes)], 1, LARGEST);
	return kernel.map((k, axis) => floor((sizes[axis] - (k - 1) * dilation[axis] - 1) / stride[axis]) + 1);
}

// Each operator's shape, from those that it reads.
const pooled = (o, [C, H, W]) => [C, ...windows(o, H, W)];
const SHAPES = {
	Conv2d: (o, [C, H, W]) => same(o.inputs * o.groups, C) && [o.bias.length, ...windows(o, H, W)],
	Linear: (o, x) => same(o.inputs, x) && [o.bias.length],
	MaxPool2d: pooled,
	AvgPool2d: pooled,
	GlobalAvgPool: (o, [C]) => [C, 1, 1],
	Pad: pooled,
	Flatten: (o, x) => [product(x)],
	Reshape: (o, x) => same(product(o.shape), product(x)) && o.shape,
	Transpose: (o, x) => same([...o.axes].sort(), [0, 1, 2]) && o.axes.map((axis) => x[axis]),
	Add: (o, x, other) => same(other, x) && x,
	Product: (o, x, other) => same(other, x[2] && product(other.slice(1)) === 1 ? [x[0], 1, 1] : x) && x,
	Concat: (o, ...read) => read.reduce(([C, ...rest], [D, ...other]) => same(other, rest) && [C + D, ...rest]),
	Table: (o, x) => same(o.rows || x[0], x[0]) && x,
	Multiply: (o, x) => same(o.w.length === 1 ? x[0] : o.w.length, x[0]) && x,
	Argmax: (o, x) => same(x.length, 1) && [],
};

// Fills in what each operator reads, its shape, and the codes it writes.
function checked(program) {
	const outputs = [{ shape: program.shape, codes: program.input }];
	let work = 0;
	program.operators.forEach((o, i) => {
		o.reads = o.sources ?? [o.source ?? i - 1, o.other ?? []].flat(); // operators; -1 is the input
		within("a source", o.reads, -1, i - 1);
		const read = o.reads.map((k) => outputs[k + 1]);
		within("axes", read.map(({ shape }) => shape.length), 1, 3); // none behind an Argmax
		if (/Pool2d/.test(o.kind)) o.stride ??= o.kernel;
		o.shape = SHAPES[o.kind]?.(o, ...read.map(({ shape }) => shape)) ?? read[0].shape;
		o.codes = o.y ?? read[0].codes;
		if (o.kind === "Softmax") o.codes = { lo: -128, hi: 127, zero: -128, scale: 1 / 256 };
		for (const { codes } of o.kind === "Concat" ? read : []) {
			o.codes = { ...codes, lo: min(o.codes.lo, codes.lo), hi: max(o.codes.hi, codes.hi) };
		}
		within("values", [...o.shape, product(o.shape)], 1, LARGEST);
		const each = o.kind === "GlobalAvgPool" ? read[0].shape.slice(1) : o.kernel ?? [];
		work += product(o.shape) * (o.bias ? o.w.length / o.bias.length : product(each));
		within("products and comparisons", [work], 0, 2 ** 31);
		outputs.push(o);
	});
	return program;
}
