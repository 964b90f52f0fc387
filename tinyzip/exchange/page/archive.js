// The bytes of a .tz file to a program: for each operator an object with the fields that it has in Python.

// Kinds by number: the fields without a default, which come last in a record, and those with one.
const POOL = { stride: null, padding: [0, 0, 0, 0], y: null };
const WEIGHTED = "w weight_bits bias m0 n y";
const KINDS = [
  ["Conv2d", WEIGHTED, { rounding: "double", padding: POOL.padding, stride: [1, 1], groups: 1, dilation: [1, 1] }],
  ["Linear", WEIGHTED, { rounding: "single" }],
  ["MaxPool2d", "kernel", POOL],
  ["Flatten", "", { order: "CHW" }],
  ["Argmax", ""],
  ["GlobalAvgPool", "", { rounding: "double", y: null, m0: null, n: null }],
  ["AvgPool2d", "kernel", POOL],
  ["Add", "other m0 n y", { rounding: "double" }],
  ["Recall", "source"],
  ["Concat", "sources"],
  ["Pad", "padding"],
  ["Table", "y table"],
  ["Multiply", "w m0 n y", { rounding: "double" }],
  ["Softmax", "m0 n"],
  ["Reshape", "shape", { order: "CHW" }],
  ["Transpose", "axes"],
];
const CHANGED = ["", "rounding", "padding", "stride", "groups", "name", "dilation", "order", "y", "m0", "n"];

function crc32(bytes) {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let i = 0; i < 8; i++) crc = (crc >>> 1) ^ (crc & 1 && 0xedb88320);
  }
  return ~crc >>> 0;
}

function unpack(bytes) {
  const [a, b, c, d, version] = bytes;
  if (`${[a, b, c, d]}` !== "137,116,122,26") refuse("other bytes at its start", "the mark of a .tz file");
  if (version !== 2) refuse(`version ${version} of the format`, "version 2, which this page reads");
  const stored = bytes.slice(5, 9).reduceRight((all, byte) => 256 * all + byte, 0);
  const message = bytes.subarray(9);
  if (bytes.length < 9 || stored !== crc32([...bytes.subarray(0, 5), ...message])) {
    refuse("another checksum than it says", "the file as it was written");
  }
  const reader = new Reader(message);
  const shape = reader.sizes("shape");
  const grid = { lo: 0, hi: 255, zero: 0, scale: { m: 1n, n: 0 } };
  Object.assign(reader, { grid, octave: 0, outputs: shape[0] ?? 0, kinds: {}, m0: 2 ** 30, n: 0, code: 0 });
  const input = READ.y(reader);
  const count = reader.natural("operators");
  within("a number of operators", [count], 1, 4096);
  const operators = times(count, () => readOperator(reader));
  if (reader.at < message.length || reader.x !== 1) refuse("another end", "a message that ends at 1");
  return checked({ shape, input, operators });
}

function readOperator(reader) {
  const number = reader.natural("kind");
  const [kind, names, own] = KINDS[number] ?? refuse(`an operator of kind ${number}`, "15 at most");
  const defaults = { name: "", ...own };
  const fields = (reader.kinds[kind] ??= { ...defaults }); // as in the last operator of this kind
  for (let last = 0, next; (next = reader.natural("changed")); last = next) {
    const name = CHANGED[next];
    if (next <= last || !(name in defaults)) refuse(`field ${next} of a ${kind}`, "its own, in order");
    const there = defaults[name] !== null || reader.ask(`${name}/there`);
    fields[name] = there ? READ[name](reader, "", name) : null;
  }
  const found = { kind, ...fields };
  for (const name of names.match(/\w+/g) ?? []) found[name] = READ[name](reader, kind, name, found);
  return found;
}

const word = (...words) => (reader, kind, name) => words[reader.natural(name)] ?? refuse(`no ${name}`, words);
const natural = (reader, kind, name) => reader.natural(name);
const source = (reader, kind, name) => reader.natural(name) - 1;
const pair = (reader, kind, name) => reader.row(name, 2);

// How the fields are read: READ[name](reader, kind of the operator, name, fields before it).
const READ = {
  kernel: pair,
  stride: pair,
  dilation: pair,
  padding: (reader) => reader.row("padding", 4), // top, bottom, left, right
  axes: (reader) => reader.row("axes", 3),
  shape: (reader) => reader.sizes("shape"),
  groups: (reader) => reader.natural("groups") || reader.outputs,
  rounding: word("double", "single", "shift", "float32"),
  order: word("CHW", "HWC"),
  source,
  other: source,
  sources: (reader) => reader.sizes("sources").map((v) => v - 1),
  bias: (reader) => reader.many(reader.outputs, () => reader.integer("bias")),
  m0: perOutput((reader) => (reader.m0 = reader.old("m0", reader.m0, normalized))),
  n: perOutput((reader) => (reader.n += reader.integer("n"))),

  name(reader) {
    const count = reader.natural("name/count");
    within("bytes of a name", [count], 0, 255);
    const bytes = times(count, () => reader.small("name", 8));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  },

  table(reader, kind, name, found) {
    found.rows = reader.natural("table/count"); // 0: one for all channels
    return reader.many(256 * Math.max(found.rows, 1), () => (reader.code += reader.integer("table")));
  },

  w(reader, kind, name, found) {
    if (kind === "Multiply") {
      const w = reader.many(reader.natural("w/count"), () => reader.integer("w"));
      within("a constant", w, -255, 255);
      return w;
    }
    const conv = kind === "Conv2d";
    const F = reader.old("outputs", reader.outputs);
    let [H, W, C] = [1, 1];
    if (conv) C = reader.old("inputs", reader.outputs);
    [H, W] = reader.row(conv ? "kernel" : "image", 2);
    if (!conv) C = reader.old("inputs", reader.outputs * H * W) / (H * W);
    if (!Number.isInteger(C)) refuse("inputs that fill no images", "a multiple of their size");
    Object.assign(found, { kernel: [H, W], inputs: conv ? C : C * H * W });
    reader.outputs = F;
    return weights(reader, [F, C, H, W]);
  },

  weight_bits(reader, kind, name, { w }) {
    const values = [...new Set(w)];
    const most = Math.max(1, ...values.map((v) => (v < 0 ? -1 - v : v)));
    const one = most === 1 && !values.includes(-2) && values.length < 3;
    return (one ? 1 : 1 + bitsOf(most)) + reader.natural("weight_bits");
  },

  // What codes from lo to hi mean: m / 2^n * (code - zero). Each part may be as in the last grid.
  y(reader) {
    const before = reader.grid;
    const [lo, hi] = reader.old("ends", [before.lo, before.hi], () => {
      const form = reader.natural("ends/form");
      if (form > 1) return [reader.integer("ends/lo"), reader.integer("ends/hi")];
      const half = 2 ** reader.small("ends/bits", 3);
      return form ? [-half, half - 1] : [0, 2 * half - 1];
    });
    within("a code", [lo, hi], -128, lo < 0 ? 127 : 255);
    within("the last code", [hi], lo + 1, 255);
    const zero = lo + reader.old("zero", before.zero - lo, () => reader.plain(bitsOf(hi - lo)));
    within("zero", [zero], lo, hi);
    const scale = reader.old("scale", before.scale, () => readScale(reader));
    within("a scale", [scale.n], -1100, 1100);
    return (reader.grid = { lo, hi, zero, scale });
  },
};

// One for each output of weights, several in an Add, else one.
function perOutput(read) {
  return (reader, kind, name) => {
    if (kind === "Add") return reader.sizes(name);
    return /Conv2d|Linear/.test(kind) ? reader.many(reader.outputs, () => read(reader)) : reader.natural(name);
  };
}

function normalized(name) {
  const m = Number(this.odd(name, 5));
  return m * 2 ** Math.max(31 - bitsOf(m), 0);
}

function readScale(reader) {
  const form = reader.natural("scale/form");
  within("a scale of form", [form], 0, 2);
  if (form === 0) {
    const twos = reader.natural("scale/twos");
    within("a scale's zeros", [twos], 0, 62);
    const m = reader.odd("scale", 6) << BigInt(twos);
    within("a scale's digits", [bitsOf(m)], 1, 63);
    reader.octave += reader.integer("scale/octave");
    return { m, n: bitsOf(m) - reader.octave };
  }
  const q = reader.natural("scale/divisor"); // 1 / q, to the digits of a float64 or a float32
  within("a divisor", [q], 3, 2 ** 32 - 1);
  let n = [53, 24][form - 1] + bitsOf(q) - 1;
  let m = ((2n << BigInt(n)) / BigInt(q) + 1n) >> 1n;
  for (; m % 2n === 0n; n--) m /= 2n;
  reader.octave = bitsOf(m) - n;
  return { m, n };
}
