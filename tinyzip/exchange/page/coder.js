// A message is one large number, read step by step: the format that docs/format.md describes, by a
// second reader, written from that description alone. Nothing in a file is believed.

const { abs, exp, floor, fround, log2, max, min, sign, sqrt } = Math;
const ONE = [1, 1];

function refuse(found, needed) {
	throw Error(`found ${found}, needed ${needed}`);
}
const within = (name, values, lo, hi) =>
	values.forEach((v) => (v >= lo && v <= hi) || refuse(`${name} ${v}`, `${lo} to ${hi}`));
const times = (count, read) => Array.from({ length: count }, (_, i) => read(i));
const bitsOf = (v) => 32 - Math.clz32(v);

class Reader {
	at = 0;
	x = 0;
	places = {};

	constructor(bytes) {
		this.bytes = bytes;
		this.steps = 2 ** 18 + 8 * bytes.length; // what so many bytes may take
		this.room = 2 ** 22 + 8 * bytes.length; // and how many weights they may hold
		this.fill();
	}

	fill() {
		while (this.x < 2 ** 23 && this.at < this.bytes.length) this.x = 256 * this.x + this.bytes[this.at++];
	}

	// The slot x mod 2^k belongs to a symbol that has `width` of all 2^k slots, from `start` on.
	step(start, width, k) {
		if (this.steps-- === 0) refuse("more steps", "so many bytes");
		this.x = width * (this.x >> k) + (this.x & (2 ** k - 1)) - start;
		this.fill();
	}

	plain(bits) {
		let value = 0;
		for (let done = 0; done < bits; done += 16) {
			const k = min(bits - done, 16);
			const slot = this.x & (2 ** k - 1);
			this.step(slot, 1, k);
			value += slot * 2 ** done;
		}
		return value;
	}

	// Two places, each of which counts zeros and ones: their odds are averaged as logarithms.
	decide(a, b = a) {
		const [zero, one] = [0, 1].map((i) => floor(sqrt(256 * (2 * a[i] + 1) * (2 * b[i] + 1))));
		const slots = clamp(floor((4096 * one) / (one + zero)), { lo: 1, hi: 4095 });
		const bit = this.x % 4096 < slots ? 1 : 0;
		this.step(bit ? 0 : slots, bit ? slots : 4096 - slots, 12);
		a[bit]++;
		if (b !== a) b[bit]++;
		return bit;
	}

	ask = (name) => this.decide((this.places[name] ??= [0, 0]));

	natural(name, most = 2 ** 62, least = 0) {
		let length = 0;
		while (length < 63 && this.ask(`${name}/${length}`)) length++;
		const value = length < 2 ? length : 2 ** (length - 1) + this.plain(length - 1);
		within(name, [value], least, most);
		return value;
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

	// The first and the last digit are 1. Of a scale's 63 a double keeps 53: it only serves to show.
	odd(name, bits) {
		const digits = 1 + this.small(`${name}/digits`, bits);
		return [digits > 1 ? 2 ** (digits - 1) + 2 * this.plain(digits - 2) + 1 : 1, digits];
	}

	old = (name, before, read = this.natural) => (this.ask(`${name}/as before`) ? before : read.call(this, name));

	many(count, read) {
		within("numbers", [count], 0, this.steps);
		return times(count, read);
	}

	row(name, count) {
		let last;
		return this.many(count, (i) => (last = i ? this.old(name, last) : this.natural(name)));
	}

	sizes = (name) => this.row(name, this.natural(`${name}/count`));
}
