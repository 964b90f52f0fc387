// What people and tests see of it all.

const $ = (id) => document.getElementById(id);
const pad = $("pad");
const side = pad.width;
const pen = Object.assign(pad.getContext("2d", { willReadFrequently: true }), { lineWidth: 28, lineCap: "round" });
const models = JSON.parse($("models").textContent);
let program, size, last; // the last point of the pen, while it is down
let took, later; // milliseconds of the last look at the board, and the timer of the next while the pen is down
let before = []; // the boards before the last strokes, the last of them last
let curve; // the numbers of a program that reads one row of them, drawn as a curve; null where it reads images

// Each digit as strokes through points of a 10 x 10 grid.
const EXAMPLES = `41 22 15 28 49 68 75 62 41|51 59|23 41 62 64 27 19 79|22 41 62 63 45 67 68 49 28|41 16 76,63 59|
71 31 25 44 65 68 49 28|51 33 26 28 49 68 66 45 27|21 71 39|45 24 22 41 62 64 45 26 28 49 68 66 45|
64 45 24 22 41 62 64 67 59`.split("|").map((strokes) => strokes.split(","));

// Each digit of one row: the templates of tinyzip/train/digits1d.py, in fifths of a standard deviation, 16 more.
const ROWS = `gortvvvvtrog g4469begilgg gloolhfb88bg gpttpggpttpg gd9622gggggg
g8888gkmmkeg g8531111358g gssqnligebgg g7337gg7337g g7227ggggdag`.split(/\s/);

const say = (sentence) => ($("says").textContent = sentence);
const add = (parent, tag, fields) => parent.appendChild(Object.assign(document.createElement(tag), fields));

// Values from lo to hi as ink, none to black; the style sheet makes it white on dark pages.
function paint(canvas, values, { lo, hi }, width) {
	const image = new ImageData(width, values.length / width);
	values.forEach((v, i) => (image.data[4 * i + 3] = (255 * (v - lo)) / (hi - lo)));
	Object.assign(canvas, { width, height: image.height }).getContext("2d").putImageData(image, 0, 0);
}

// Puts a .tz file on the page, or throws an Error that says what is wrong.
function load(bytes) {
	program = unpack(bytes);
	size = `${bytes.length.toLocaleString("en")} bytes`;
	const [C, H, W] = program.shape;
	const was = curve?.length;
	curve = C === 1 && H === 1 && W <= side ? (was === W ? curve : new Array(W).fill(0)) : null;
	if (was !== curve?.length) {
		pen.clearRect(0, 0, side, side);
		before = [];
	}
	pen.lineWidth = curve ? 6 : 28;
	if (curve) plot();
	show();
}

function show() {
	$("layers").replaceChildren();
	if (!program) return say("Open a .tz file, or drop one here.");
	const { shape, input, operators } = program;
	const end = operators.findLastIndex((o) => o.kind !== "Argmax");
	if (`${operators[end]?.shape}` !== "10" || (!curve && `${shape}` !== "1,28,28")) {
		return say(`This program reads no drawings: tinyzip.run(codes) runs it, on ${shape.join(" × ")} codes.`);
	}
	const start = performance.now();
	const ink = curve ? [] : pen.getImageData(0, 0, side, side).data.filter((_, i) => i % 4 === 3);
	const values = curve ?? Array.from(prepare(ink, side), (v) => v / 255);
	const seen = Int32Array.from(values, (v) => clamp(input.zero + even(v / input.scale), input));
	const outputs = trace(program, seen);
	addLayer("What the network sees", { shape, codes: input }, seen);
	operators.forEach((o, i) => {
		if (!/Flatten|Reshape|Argmax/.test(o.kind)) addLayer(`${o.name} ${o.kind}`, o, outputs[i]);
	});
	const empty = values.every((v) => v === values[0]);
	const { kind, codes } = operators[end];
	const z = [...outputs[end]];
	const parts = z.map((v) => (kind === "Softmax" ? v + 128 : exp((v - most(z)) * codes.scale)));
	const percents = parts.map((part) => (empty ? 0 : floor((100 * part) / sum(parts))));
	const best = empty ? -1 : z.indexOf(most(z));
	[...$("bars").children].forEach((bar, digit) => {
		bar.className = digit === best ? "best" : "";
		bar.children[1].firstChild.style.width = `${percents[digit]}%`;
		bar.lastChild.textContent = `${percents[digit]} %`;
	});
	say(empty ? "I see nothing yet." : `I read ${best}: ${percents[best]} % sure, with ${size}.`);
	took = performance.now() - start;
}

function addLayer(name, { shape, codes }, values) {
	const [C, H, W] = shape.length === 3 ? shape : [1, 1, shape[0]];
	add($("layers"), "small", { textContent: `${name}, ${shape.join(" × ")}` });
	const maps = add($("layers"), "div", { className: "maps", role: "img", ariaLabel: name });
	for (let c = 0; c < C; c++) {
		const canvas = add(maps, "canvas", { style: `width: ${4 * max(W, 4)}px; min-height: 1rem` });
		paint(canvas, values.subarray(c * H * W, (c + 1) * H * W), codes, W);
	}
}

const line = (from, to) => (pen.stroke(new Path2D(`M${from}L${to}`)), to);

// The smallest and the largest number that the program takes.
const reach = ({ lo, hi, zero, scale }) => [(lo - zero) * scale, (hi - zero) * scale];

function plot() {
	const [low, high] = reach(program.input);
	pen.clearRect(0, 0, side, side);
	curve.map((v, k) => [(side * (k + 0.5)) / curve.length, (side * (high - v)) / (high - low)]).reduce(line);
}

// Between two points of the pen the curve runs straight.
function bend([x, y], [right, down]) {
	const [low, high] = reach(program.input);
	const [from, to] = [x, right].map((v) => clamp(floor((v * curve.length) / side), { lo: 0, hi: curve.length - 1 }));
	const step = to < from ? -1 : 1;
	for (let k = from; k !== to + step; k += step) {
		const height = k === to ? down : y + ((down - y) * (k - from)) / (to - from);
		curve[k] = high - (height * (high - low)) / side;
	}
	plot();
	return [right, down];
}

// A third of the row is the digit, the rest is flat.
function example(digit) {
	const height = (i) => (i >= 0 && ROWS[digit]?.[i] ? (parseInt(ROWS[digit][i], 36) - 16) / 5 : 0);
	curve = curve.map((_, k) => {
		const u = (60 * k) / curve.length - 21;
		return height(floor(u)) + (u - floor(u)) * (height(floor(u) + 1) - height(floor(u)));
	});
	plot();
	show();
}

// Called before the board changes.
const keep = () => (before = [...before.slice(-19), curve ? [...curve] : pen.getImageData(0, 0, side, side)]);

function undo() {
	const board = before.pop();
	if (!board || last) return;
	if (curve) {
		curve = board;
		plot();
	} else pen.putImageData(board, 0, 0);
	show();
}

// While the pen is down the answer follows it, unless a look takes too long for that.
function follow() {
	if (took > 100) say("I read it when the pen is lifted.");
	else
		later ??= setTimeout(() => {
			later = null;
			if (last) show();
		}, 100);
}

function draw(digit) {
	if (last) return;
	keep();
	if (curve) return example(digit);
	pen.clearRect(0, 0, side, side);
	for (const stroke of EXAMPLES[digit] ?? []) {
		stroke.match(/\d\d/g).map(([x, y]) => [33 * x + 16, 33 * y + 16]).reduce(line);
	}
	show();
}

function place({ clientX, clientY }) {
	const { left, top, width } = pad.getBoundingClientRect();
	return [clientX - left, clientY - top].map((v) => (v * side) / width);
}

pad.onpointerdown = (event) => {
	if (!event.isPrimary || event.button !== 0) return;
	pad.setPointerCapture(event.pointerId);
	keep();
	last = (curve ? bend : line)(place(event), place(event));
	follow();
};
pad.onpointermove = (event) => {
	if (!last || !event.isPrimary) return;
	const passed = event.getCoalescedEvents?.() ?? [];
	last = [last, ...(passed.length ? passed : [event]).map(place)].reduce(curve ? bend : line);
	follow();
};
pad.onpointerup = pad.onpointercancel = () => {
	if (last) show();
	last = null;
};
$("undo").onclick = undo;
$("clear").onclick = () => draw();
onkeydown = ({ key, ctrlKey, metaKey, altKey }) => {
	if ((ctrlKey || metaKey) && key === "z") return undo();
	if (ctrlKey || metaKey || altKey) return; // which are the browser's
	if (key === "Escape" || EXAMPLES[key]) draw(key);
};

async function open([file]) {
	if (!file) return;
	try {
		load(new Uint8Array(await file.arrayBuffer()));
		$("choice").hidden = true;
	} catch (error) {
		say(`${file.name} is not read: ${error.message}.`);
	}
}
$("file").onchange = ({ target }) => open(target.files);
ondragover = ondrop = (event) => {
	event.preventDefault();
	open(event.dataTransfer.files);
};

function choose() {
	const { name, bits, tz } = models[$("slider").value];
	load(Uint8Array.from(atob(tz), (letter) => letter.charCodeAt(0)));
	$("bits").textContent = `${bits} bits, ${size} ${name}`;
}

EXAMPLES.forEach((_, digit) => {
	const bar = add($("bars"), "button", { title: `draw a ${digit}`, onclick: () => draw(digit) });
	add(bar, "b", { textContent: digit });
	add(add(bar, "span"), "i");
	add(bar, "small");
});
window.tinyzip = {
	load,
	trace: (codes) => trace(program, codes),
	run: (codes) => trace(program, codes).at(-1),
	program: () => program,
	prepare,
};
Object.assign($("slider"), { max: models.length - 1, value: 0, oninput: choose });
$("choice").hidden = models.length < 2;
models.length ? choose() : show();
