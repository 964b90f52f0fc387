// What people and tests see of it all.

const $ = (id) => document.getElementById(id);
const pad = $("pad");
const side = pad.width;
const pen = Object.assign(pad.getContext("2d", { willReadFrequently: true }), { lineWidth: 28, lineCap: "round" });
const models = JSON.parse($("models").textContent);
let program, size, last; // the last point of the pen, while it is down

// Each digit as strokes through points of a 10 x 10 grid.
const EXAMPLES = `41 22 15 28 49 68 75 62 41|51 59|23 41 62 64 27 19 79|22 41 62 63 45 67 68 49 28|41 16 76,63 59|
71 31 25 44 65 68 49 28|51 33 26 28 49 68 66 45 27|21 71 39|45 24 22 41 62 64 45 26 28 49 68 66 45|
64 45 24 22 41 62 64 67 59`.split("|").map((strokes) => strokes.split(","));

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
	show();
}

function show() {
	$("layers").replaceChildren();
	if (!program) return say("Open a .tz file, or drop one here.");
	const { shape, input, operators } = program;
	const end = operators.findLastIndex((o) => o.kind !== "Argmax");
	if (`${shape},${operators[end]?.shape}` !== "1,28,28,10") {
		return say(`This program reads no drawings: tinyzip.run(codes) runs it, on ${shape.join(" × ")} codes.`);
	}
	const ink = pen.getImageData(0, 0, side, side).data.filter((_, i) => i % 4 === 3);
	const pixels = prepare(ink, side);
	const outputs = trace(program, Array.from(pixels, (v) => clamp(input.zero + even(v / 255 / input.scale), input)));
	addLayer("What the network sees", { shape, codes: { lo: 0, hi: 255 } }, pixels);
	operators.forEach((o, i) => {
		if (!/Flatten|Reshape|Argmax/.test(o.kind)) addLayer(`${o.name} ${o.kind}`, o, outputs[i]);
	});
	const empty = !most(pixels);
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

function draw(strokes) {
	pen.clearRect(0, 0, side, side);
	for (const stroke of strokes) {
		stroke.match(/\d\d/g).map(([x, y]) => [33 * x + 16, 33 * y + 16]).reduce(line);
	}
	show();
}

function place({ clientX, clientY }) {
	const { left, top, width } = pad.getBoundingClientRect();
	return [clientX - left, clientY - top].map((v) => (v * side) / width);
}

pad.onpointerdown = (event) => {
	if (!event.isPrimary) return;
	pad.setPointerCapture(event.pointerId);
	last = line(place(event), place(event));
};
pad.onpointermove = (event) => {
	if (!last || !event.isPrimary) return;
	const passed = event.getCoalescedEvents?.() ?? [];
	last = [last, ...(passed.length ? passed : [event]).map(place)].reduce(line);
};
pad.onpointerup = pad.onpointercancel = () => {
	if (last) show();
	last = null;
};
$("clear").onclick = () => draw([]);
onkeydown = ({ key }) => {
	if (key === "Escape") draw([]);
	if (EXAMPLES[key]) draw(EXAMPLES[key]);
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

EXAMPLES.forEach((strokes, digit) => {
	const bar = add($("bars"), "button", { title: `draw a ${digit}`, onclick: () => draw(strokes) });
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
