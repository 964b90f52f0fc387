// A tensor of weights (F, C, H, W), the last axis fastest: in one of three forms and of four codings.

function weights(reader, view) {
  const N = product(view);
  within("a number of weights", [N], 1, reader.room);
  reader.room -= N;
  const form = reader.natural("form");
  within("form", [form], 0, 2);
  return [coded, listed, pruned][form](reader, view, N);
}

// A list of the values that occur; codes are places in it, counted from the value nearest to 0.
function listed(reader, view) {
  const count = reader.natural("listed");
  within("a list of", [count], 1, 256);
  const values = [reader.integer("first")];
  while (values.length < count) values.push(values.at(-1) + reader.natural("gap") + 1);
  within("a value", values, -255, 255);
  const sizes = values.map(Math.abs);
  const origin = sizes.indexOf(Math.min(...sizes));
  return coded(reader, view).map((place) => values[place + origin] ?? refuse("a place beyond a list", "less"));
}

// Runs of zeros, and what stands behind each.
function pruned(reader, view, N) {
  let at = -1;
  const places = reader.many(reader.natural("present"), () => (at += reader.natural("run") + 1));
  within("a place", [at], 0, N - 1);
  const w = new Int16Array(N);
  coded(reader, [1, places.length, 1, 1]).forEach((value, i) => (w[places[i]] = value));
  return w;
}

function coded(reader, view) {
  const coding = reader.small("coding", 2);
  if (coding < 2) return byDecisions(reader, view, coding === 0);
  if (coding === 2) return byTables(reader, view);
  const least = reader.integer("least");
  const bits = reader.natural("bits");
  within("a least weight", [least], -255, 255);
  within("bits", [bits], 0, 8);
  return new Int16Array(product(view)).map(() => least + reader.plain(bits));
}

// code(i, l, u) for each weight, with its neighbours on the left and above, in its kernel or the whole matrix.
function walk([F, C, H, W], code) {
  const w = new Int16Array(F * C * H * W);
  const [rows, columns] = H * W > 1 ? [H, W] : [F, C];
  for (let i = 0; i < w.length; i++) {
    w[i] = code(i, i % columns && w[i - 1], Math.floor(i / columns) % rows && w[i - columns]);
  }
  return w;
}

const signs = (l, u) => 3 * Math.sign(l) + Math.sign(u);
const lengthOf = (m) => 32 - Math.clz32(m);
const level = (m) => (m < 2 ? m : Math.min(2 * lengthOf(m) - 2 + ((m >> (lengthOf(m) - 2)) & 1), 19));
const fourTimesMean = (sum, count) => count && Math.floor((4 * sum) / count);

// Each bit is asked where the neighbours, and the means of this output and this input, have counted it.
function byDecisions(reader, [F, C, H, W], mixed) {
  const places = (reader.weightPlaces ??= times(377, () => [0, 0]));
  for (const place of places) {
    const s = place[0] + place[1];
    if (s > 8) place.forEach((n, bit) => (place[bit] = Math.floor((8 * n) / s)));
  }
  const inputs = new Float64Array(C);
  let output = 0;
  return walk([F, C, H, W], (i, l, u) => {
    const p = i % (C * H * W);
    const c = Math.floor(p / (H * W));
    const q = Math.floor(i / (C * H * W)) * H * W + (i % (H * W));
    if (p === 0) output = 0;
    let [a, b, next] = [320, 320, 1];
    if (mixed) {
      a = level(Math.abs(l) + Math.abs(u));
      b = 160 + level(fourTimesMean(output, p) + fourTimesMean(inputs[c], q));
      next = 20;
    }
    let L = 0;
    while (L < 8 && reader.decide(places[a + next * L], places[b + next * L])) L++;
    let m = L;
    if (L > 1) {
      const t = 328 + 3 * (L - 2);
      m = 2 + reader.decide(places[t]);
      if (L > 2) m = 2 * m + reader.decide(places[t + m - 1]);
      if (L > 3) m = 2 ** (L - 3) * m + reader.plain(L - 3);
    }
    output += m;
    inputs[c] += m;
    const both = 364 + Math.sign(l + u) * Math.min(lengthOf(Math.abs(l + u)), 6);
    return m > 0 && reader.decide(places[353 + signs(l, u)], places[both]) ? -m : m;
  });
}

// Nine tables, one for each pair of the neighbours' signs, made anew from counts when a block begins.
function byTables(reader, view) {
  const highest = reader.natural("highest");
  within("a bucket", [highest], 0, 15);
  const counts = times(9, () => new Array(2 * highest + 1).fill(0));
  let [size, end, tables] = [64, 0, null];
  return walk(view, (i, l, u) => {
    if (i === end) {
      tables = tablesFrom(counts);
      end += size;
      size = Math.min(2 * size, 4096);
    }
    const number = signs(l, u) + 4;
    const { owner, start, width } = tables[number];
    const s = owner[reader.x % 4096];
    reader.step(start[s], width[s], 12);
    counts[number][s]++;
    let m = Math.abs(s - highest);
    if (m > 3) {
      const e = (m >> 1) - 1;
      m = 2 ** e * (m - 2 * e) + reader.plain(e);
    }
    return s > highest ? m : -m;
  });
}

function tablesFrom(counts) {
  const A = counts[0].length;
  const total = times(A, (s) => counts.reduce((all, row) => all + row[s], 1));
  const T = sum(total);
  return counts.map((row) => {
    const h = row.map((n, s) => 64 * n + Math.floor((4096 * total[s]) / T));
    const S = sum(h);
    const width = h.map((v) => 1 + Math.floor(((4096 - A) * v) / S));
    width[width.indexOf(Math.max(...width))] += 4096 - sum(width);
    const owner = width.flatMap((f, s) => new Array(f).fill(s));
    return { owner, width, start: width.map((_, s) => owner.indexOf(s)) };
  });
}
