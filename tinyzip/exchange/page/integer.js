// The engine: one input through all operators. Tensors are flat, (C, H, W), the last axis fastest.

// The codes that each operator writes.
function trace({ shape, input, operators }, codes) {
  within("a number of codes", [codes.length], product(shape), product(shape));
  within("a code", codes, input.lo, input.hi);
  if (!codes.every(Number.isInteger)) refuse("a code that is no whole number", "codes");
  const outputs = [{ shape, codes: input, values: Int16Array.from(codes) }];
  for (const o of operators) {
    const type = o.kind === "Argmax" ? Int32Array : o.codes.lo < 0 ? Int8Array : Uint8Array;
    const values = new type(product(o.shape));
    RUN[o.kind](o, o.reads.map((k) => outputs[k + 1]), values);
    outputs.push({ ...o, values });
  }
  return outputs.slice(1).map((output) => output.values);
}

function each(y, value) {
  for (let i = 0; i < y.length; i++) y[i] = value(i);
}
const greatest = (values) => values.reduce((a, b) => Math.max(a, b));

// Each place of an image as a window sees it: look(ats) is told where, in a channel, each entry of the kernel
// lies, -1 outside the image, and gives a function from the output's channel to its code.
function slide({ kernel, stride, padding, dilation = [1, 1], shape }, [, H, W], y, look) {
  const [C, OH, OW] = shape;
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
function requantizer({ y, m0, n, rounding }) {
  const [m0s, ns] = [[m0].flat(), [n].flat()];
  return (acc, f = 0) => clamp(y.zero + rescale(acc, m0s[f], ns[f], rounding), y);
}

// acc = sum of w * (x - zero) + bias; what lies outside the image is the zero point, and adds nothing.
function convolve(o, [x], y) {
  const { w, bias, groups } = o;
  const [C, H, W] = x.shape;
  const size = w.length / bias.length; // weights of one output
  const patch = new Int16Array((C * size * groups) / C);
  const requantize = requantizer(o);
  slide(o, x.shape, y, (ats) => {
    let at = 0;
    for (let c = 0; c < C; c++) for (const p of ats) patch[at++] = p < 0 ? 0 : x.values[c * H * W + p] - x.codes.zero;
    return (f) => requantize(dot(w, f * size, patch, (((f * groups) / bias.length) | 0) * size, size, bias[f] | 0), f);
  });
}

function dot(w, i, x, j, size, acc) {
  for (let k = 0; k < size; k++) acc = (acc + w[i + k] * x[j + k]) | 0; // an int32, by proof
  return acc;
}

function pool(o, [x], y, combine) {
  const size = x.shape[1] * x.shape[2];
  slide(o, x.shape, y, (ats) => {
    const inside = ats.filter((at) => at >= 0);
    return (c) => clamp(combine(inside.map((at) => x.values[c * size + at])), o.codes);
  });
}

// What addend k gives to the sum of an Add, from its code minus the zero point.
const addend = ({ m0, n, rounding }, k, centred) =>
  rounding === "single" ? centred * m0[k] : rescale(centred * 2 ** 20, m0[k], n[k], "double");

// Places of (C, H, W) in the order "HWC".
const channelsLast = ([C, H = 1, W = 1]) => times(C * H * W, (i) => (i % C) * H * W + Math.floor(i / C));

function rearrange(o, [x], y) {
  if (o.order === "CHW") return y.set(x.values);
  const from = channelsLast(x.shape);
  channelsLast(o.shape).forEach((to, i) => (y[to] = x.values[from[i]]));
}

// Each operator, from what it reads into y.
const RUN = {
  Conv2d: convolve,
  Linear: (o, [x], y) =>
    each(y, (f) => {
      let acc = o.bias[f];
      for (let c = 0; c < o.inputs; c++) acc += o.w[f * o.inputs + c] * (x.values[c] - x.codes.zero);
      return requantizer(o)(acc, f);
    }),
  MaxPool2d: (o, read, y) => pool(o, read, y, greatest),
  AvgPool2d: (o, read, y) => pool(o, read, y, (seen) => mean(sum(seen), seen.length)),
  GlobalAvgPool(o, [x], y) {
    const count = y.length && x.values.length / y.length;
    each(y, (c) => {
      const S = sum(x.values.subarray(c * count, (c + 1) * count));
      if (!o.y) return mean(S, count);
      if (o.rounding === "float32") return clamp(floatMean(o, S, count * x.codes.zero), o.y);
      return requantizer(o)(S - count * x.codes.zero);
    });
  },
  Add(o, [a, b], y) {
    const terms = [a, b].map(({ codes: c }, k) => times(256, (i) => addend(o, k, c.lo + i - c.zero)));
    each(y, (i) => {
      const acc = terms[0][a.values[i] - a.codes.lo] + terms[1][b.values[i] - b.codes.lo];
      if (o.rounding === "single") return clamp(o.y.zero + scaled(acc, 1, o.n[0]), o.y);
      return requantizer(o)(acc, 2);
    });
  },
  Recall: (o, [x], y) => y.set(x.values),
  Concat: (o, read, y) => read.reduce((at, { values }) => (y.set(values, at), at + values.length), 0),
  Pad(o, [x], y) {
    const size = x.shape[1] * x.shape[2];
    const one = { kernel: [1, 1], stride: [1, 1], padding: o.padding, shape: o.shape };
    slide(one, x.shape, y, ([at]) => (c) => (at < 0 ? x.codes.zero : x.values[c * size + at]));
  },
  Table(o, [x], y) {
    const size = y.length / (o.rows || 1);
    each(y, (i) => o.table[256 * Math.floor(i / size) + (x.values[i] & 255)]);
  },
  Multiply(o, [x], y) {
    const size = y.length / o.w.length;
    each(y, (i) => requantizer(o)(o.w[Math.floor(i / size)] * (x.values[i] - x.codes.zero)));
  },
  Softmax: softmax,
  Flatten: rearrange,
  Reshape: rearrange,
  Transpose(o, [x], y) {
    const steps = o.axes.map((axis) => product(x.shape.slice(axis + 1)));
    const [, J, K] = o.shape;
    each(y, (i) => x.values[Math.floor(i / (J * K)) * steps[0] + (Math.floor(i / K) % J) * steps[1] + (i % K) * steps[2]]);
  },
  Argmax: (o, [x], y) => y.fill(x.values.indexOf(greatest(x.values))),
};

// The mean as XNNPACK computes it, each step rounded to a float32.
function floatMean({ m0, n, y }, S, zeros) {
  const f = Math.fround;
  const unit = 2 ** (n - 7);
  const z = f(y.zero * unit - f(f(zeros) * (m0 / 128)));
  return even(f(f(f(S) * (m0 / 128)) + z) / unit);
}

// Over the channels, at each place, as gemmlowp computes it: whole numbers with 31 bits behind the point, so
// that a product is high(a, b).
const high = (a, b) => scaled(a, b, 31);

function softmax({ m0, n, shape }, [x], y) {
  const step = 2 ** (31 - n);
  const beyond = Math.floor((31 * 2 ** 26) / step);
  const powers = times(256, (d) => (d > beyond ? 0 : exponential(high(-d * step, m0))));
  const size = y.length / shape[0];
  for (let place = 0; place < size; place++) {
    const values = times(shape[0], (c) => x.values[c * size + place]);
    const most = greatest(values);
    const e = values.map((v) => powers[most - v]);
    const total = sum(e.map((v) => halved(v, 12))); // with 19 bits behind the point
    const bits = bitsOf(total) - 20;
    const half = Math.floor(total * 2 ** (11 - bits));
    let r = 1515870810 + high(half, -1010580540); // 48/17 - 32/17 * half; then Newton's method for 1 / half
    for (let i = 0; i < 3; i++) r += 4 * high(r, 2 ** 29 - high(half, r));
    r = Math.min(2 * r, 2 ** 31 - 1);
    e.forEach((v, c) => (y[c * size + place] = Math.min(halved(high(v, r), 23 + bits), 255) - 128));
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
