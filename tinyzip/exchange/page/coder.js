// A message is one large number, read step by step. tinyzip/archive/format.py describes the format; this is
// a second reader, written from that description alone. Nothing in a file is believed.

function refuse(found, needed) {
  throw new Error(`found ${found}, needed ${needed}`);
}
const within = (name, values, lo, hi) =>
  values.forEach((v) => (v >= lo && v <= hi) || refuse(`${name} ${v}`, lo === hi ? lo : `${lo} to ${hi}`));
function times(count, read) {
  const found = [];
  for (let i = 0; i < count; i++) found.push(read(i));
  return found;
}
const bitsOf = (v) => (v ? v.toString(2).length : 0);

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = this.x = 0;
    this.steps = 2 ** 18 + 8 * bytes.length; // what so many bytes may take
    this.room = 2 ** 22 + 8 * bytes.length; // and how many weights they may hold
    this.places = {};
    this.fill();
  }

  fill() {
    while (this.x < 2 ** 23 && this.at < this.bytes.length) this.x = 256 * this.x + this.bytes[this.at++];
  }

  // The slot x mod 2^k belongs to a symbol that has `width` of all 2^k slots, from `start` on.
  step(start, width, k) {
    if (this.steps-- === 0) refuse("more steps than so few bytes take", "fewer");
    this.x = width * (this.x >> k) + (this.x & (2 ** k - 1)) - start;
    this.fill();
  }

  plain(bits) {
    let value = 0;
    for (let done = 0; done < bits; done += 16) {
      const k = Math.min(bits - done, 16);
      const piece = this.x & (2 ** k - 1);
      this.step(piece, 1, k);
      value += piece * 2 ** done;
    }
    return value;
  }

  // Two places, each of which counts zeros and ones: their odds are averaged as logarithms.
  decide(a, b = a) {
    const [zero, one] = [0, 1].map((i) => Math.floor(Math.sqrt(256 * (2 * a[i] + 1) * (2 * b[i] + 1))));
    const slots = Math.min(Math.max(Math.floor((4096 * one) / (one + zero)), 1), 4095);
    const bit = this.x % 4096 < slots ? 1 : 0;
    this.step(bit ? 0 : slots, bit ? slots : 4096 - slots, 12);
    a[bit]++;
    if (b !== a) b[bit]++;
    return bit;
  }

  ask = (name) => this.decide((this.places[name] ??= [0, 0]));

  natural(name) {
    let length = 0;
    while (this.ask(`${name}/${length}`)) if (++length > 62) refuse("a number of 63 bits", "fewer");
    return length < 2 ? length : 2 ** (length - 1) + this.plain(length - 1);
  }

  integer(name) {
    const m = this.natural(name);
    return m && this.ask(`${name}/negative`) ? -m : m;
  }

  small(name, bits) {
    let t = 1;
    for (let i = 0; i < bits; i++) t = 2 * t + this.ask(`${name}/${t}`);
    return t - 2 ** bits;
  }

  // The first and the last digit are 1. A scale may have 63 of them, hence the one BigInt of this page.
  odd(name, bits) {
    const digits = 1 + this.small(`${name}/digits`, bits);
    let value = 1n | (1n << BigInt(digits - 1));
    for (let done = 1; done < digits - 1; done += 16) {
      value += BigInt(this.plain(Math.min(digits - 1 - done, 16))) << BigInt(done);
    }
    return value;
  }

  old = (name, before, read = this.natural) => (this.ask(`${name}/as before`) ? before : read.call(this, name));

  // Each of many numbers takes a step: so few bytes make no long list.
  many(count, read) {
    if (count > this.steps) refuse(`${count} numbers`, "fewer in so few bytes");
    return times(count, read);
  }

  row(name, count) {
    let last;
    return this.many(count, (i) => (last = i ? this.old(name, last) : this.natural(name)));
  }

  sizes = (name) => this.row(name, this.natural(`${name}/count`));
}
