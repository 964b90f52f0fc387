// A program is checked when it is read: shapes follow from one another, and what would take a page too long is
// refused. That no sum leaves int32 was proved when the file was written.

const LARGEST = 2 ** 24; // values of a tensor
const MOST_WORK = 2 ** 31; // products and comparisons for one input

const sum = (values) => values.reduce((a, b) => a + b, 0);
const product = (sizes) => sizes.reduce((a, b) => a * b, 1);
const same = (found, needed) => `${found}` === `${needed}` || refuse(`an input of ${needed}`, found);
const framed = ([top, bottom, left, right], H, W) => [H + top + bottom, W + left + right];

function windows({ kernel, stride, padding, dilation = [1, 1] }, H, W) {
  const sizes = framed(padding, H, W);
  within("a padded image of", [product(sizes)], 1, LARGEST);
  return kernel.map((k, axis) => Math.floor((sizes[axis] - (k - 1) * dilation[axis] - 1) / stride[axis]) + 1);
}

// Each operator's shape, from those that it reads.
const pooled = (o, [C, H, W]) => [C, ...windows(o, H, W)];
const SHAPES = {
  Conv2d: (o, [C, H, W]) => same(o.inputs * o.groups, C) && [o.bias.length, ...windows(o, H, W)],
  Linear: (o, x) => same(o.inputs, x) && [o.bias.length],
  MaxPool2d: pooled,
  AvgPool2d: pooled,
  GlobalAvgPool: (o, [C, H, W]) => [C, 1, (H * W) / (H * W)],
  Pad: (o, [C, H, W]) => [C, ...framed(o.padding, H, W)],
  Flatten: (o, x) => [product(x)],
  Reshape: (o, x) => same(product(o.shape), product(x)) && o.shape,
  Transpose: (o, x) => same([...o.axes].sort(), [0, 1, 2]) && o.axes.map((axis) => x[axis]),
  Add: (o, x, other) => same(other, x) && x,
  Concat: (o, ...read) =>
    read.every(([, ...rest]) => same(rest, read[0].slice(1))) && [sum(read.map(([C]) => C)), ...read[0].slice(1)],
  Table: (o, x) => same(o.rows || x[0], x[0]) && x,
  Multiply: (o, x) => same(o.w.length === 1 ? x[0] : o.w.length, x[0]) && x,
  Argmax: (o, x) => same(x.length, 1) && [],
};

// What operator i reads, by the numbers of operators; -1 is the input.
const readsOf = { Recall: (o) => [o.source], Concat: (o) => o.sources, Add: (o, i) => [i - 1, o.other] };

const LIMITS = {
  ...{ kernel: [1, 2 ** 62], stride: [1, 2 ** 62], dilation: [1, 2 ** 62], groups: [1, 2 ** 31] },
  ...{ bias: [-(2 ** 31), 2 ** 31 - 1], m0: [1, 2 ** 31 - 1], n: [0, 127], weight_bits: [1, 8] },
};

// Fills in what each operator reads, its shape, the codes it writes, and its work.
function checked(program) {
  const outputs = [{ shape: program.shape, codes: program.input }];
  let all = 0;
  program.operators.forEach((o, i) => {
    try {
      if (program.operators[i - 1]?.kind === "Argmax") refuse("it behind an Argmax", "an end");
      o.reads = readsOf[o.kind]?.(o, i) ?? [i - 1];
      within("a source", o.reads, -1, i - 1);
      const read = o.reads.map((k) => outputs[k + 1]);
      if (/Pool2d/.test(o.kind)) o.stride ??= o.kernel;
      for (const [name, ends] of Object.entries(LIMITS)) within(name, [o[name] ?? []].flat(), ...ends);
      if (o.table) within("a table's code", o.table, o.y.lo, o.y.hi);
      o.shape = SHAPES[o.kind]?.(o, ...read.map((r) => r.shape)) ?? read[0].shape;
      o.codes = o.kind === "Concat" ? joined(read.map((r) => r.codes)) : o.y ?? read[0].codes;
      if (o.kind === "Softmax") o.codes = { lo: -128, hi: 127, zero: -128, scale: { m: 1n, n: 8 } };
      within("a tensor of", [...o.shape, product(o.shape)], 1, LARGEST);
      o.work = product(o.shape) * workOf(o, read[0].shape);
      within("products of", [(all += o.work)], 0, MOST_WORK);
      outputs.push(o);
    } catch (error) {
      throw new Error(`operator ${i} (${o.kind}): ${error.message}`);
    }
  });
  return program;
}

const joined = (codes) => ({
  ...codes[0],
  lo: Math.min(...codes.map((c) => c.lo)),
  hi: Math.max(...codes.map((c) => c.hi)),
});

// For one value of the output.
function workOf({ kind, w, bias, kernel }, shape) {
  if (bias) return w.length / bias.length;
  return product(kernel ?? (kind === "GlobalAvgPool" ? shape.slice(1) : []));
}
