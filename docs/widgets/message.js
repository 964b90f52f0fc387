// A text through the archive's coder: written from its end (E2), read from its beginning (E3) by the page's reader.
touch.boxes("message", (box) => {
	const LETTERS = 24;

	// Eight decisions a letter, counted in places as in (E5): the slots of a one, and what was decided.
	function decisions(bytes) {
		const places = {};
		return bytes.flatMap((byte) => {
			let t = 1;
			return times(8, (i) => {
				const bit = (byte >> (7 - i)) & 1;
				const counts = (places[t] ??= [0, 0]);
				const [zero, one] = counts.map((count) => floor(sqrt(256 * (2 * count + 1) ** 2)));
				const slots = clamp(floor((4096 * one) / (one + zero)), { lo: 1, hi: 4095 });
				counts[bit]++;
				t = 2 * t + bit;
				return { bit, slots, start: bit ? 0 : slots, frequency: bit ? slots : 4096 - slots };
			});
		});
	}

	// The state after each step, the last decision first, and the bytes that had left by then.
	function written(steps) {
		let x = 1;
		const moved = [];
		const states = steps.toReversed().map(({ start, frequency }) => {
			while (floor(x / 2 ** 19) >= frequency) {
				moved.push(x % 256);
				x = floor(x / 256);
			}
			x = floor(x / frequency) * 4096 + start + (x % frequency);
			return [x, moved.length];
		});
		while (x) {
			moved.push(x % 256);
			x = floor(x / 256);
		}
		return { states, bytes: moved.reverse() };
	}

	// Of a text: the message, the writer's and the reader's states, and the text that was read back.
	box.compute = (text) => {
		const letters = [...new TextEncoder().encode(text)];
		const steps = decisions(letters);
		const { states, bytes } = written(steps);
		const reader = new Reader(bytes);
		const seen = [[reader.x, reader.at]];
		const step = reader.step.bind(reader);
		reader.step = (...slots) => {
			step(...slots);
			seen.push([reader.x, reader.at]);
		};
		const read = Uint8Array.from(letters, () => reader.small("letter", 8));
		return { steps, bytes, written: states, read: seen, text: new TextDecoder().decode(read) };
	};

	const text = { type: "text", value: "banana bandana", maxLength: LETTERS };
	const message = touch.input(box, "a text", text, () => made());
	const at = touch.slider(box, "step", [0, 0, 1, 1], () => show());
	touch.button(box, "One step on", () => move(1));
	touch.button(box, "One step back", () => move(-1));
	const says = touch.status(box);
	const fillBytes = touch.table(box, "Bytes of the message; marked are those outside of x", null, "matrix");
	const heads = ["letter", "its 8 decisions", "bits", "state x before it is read"];
	const fill = touch.table(box, "What each letter took", heads);
	let found;

	function made() {
		found = box.compute(message.element.value);
		at.limit(2 * found.steps.length);
		at.number = 0;
		show();
	}

	function move(by) {
		at.number += by;
		show();
	}

	const hex = (byte) => byte.toString(16).padStart(2, "0");

	function show() {
		const { steps, bytes, written, read, text } = found;
		const [N, k] = [steps.length, at.number];
		const writing = k <= N;
		const [x, count] = writing ? written[k - 1] ?? [1, 0] : read[k - N];
		const done = writing ? N - k : k - N; // decisions that stand before this place
		const gone = writing ? bytes.length - count : count; // bytes left of it are in x, or were taken into it
		const cells = bytes.map((byte, i) => ({
			textContent: writing && k < N && i < gone ? "··" : hex(byte),
			className: writing ? (k < N && i >= gone ? "on" : "") : i >= gone ? "on" : "",
		}));
		fillBytes(times(floor((bytes.length + 11) / 12), (row) => cells.slice(12 * row, 12 * row + 12)));
		const bits = ({ frequency }) => 12 - log2(frequency);
		const letters = [...new TextEncoder().encode(message.element.value)];
		fill(
			letters.map((byte, i) => {
				const own = steps.slice(8 * i, 8 * i + 8);
				const known = writing ? 8 * i >= done : 8 * i < done;
				const letter = byte < 128 ? String.fromCharCode(byte) : hex(byte);
				const shown = letter === " " ? "space" : letter;
				const state = known ? read[8 * i][0].toLocaleString("en") : "·";
				return [shown, own.map(({ bit }) => bit).join(""), touch.said(sum(own.map(bits)), 3), state];
			}),
		);
		const total = touch.said(sum(steps.map(bits)), 4);
		const state = `x = ${x.toLocaleString("en")}`;
		if (k === 0) says.textContent = `${state}. ${N} decisions are to be written, which take ${total} bits.`;
		else if (k === N) says.textContent = `All is written: ${state}, before ${count} bytes; ${bytes.length} in all.`;
		else if (k === 2 * N) says.textContent = `Read back: “${text}”, and x is ${x} again.`;
		else {
			const { bit, frequency } = steps[writing ? N - k : k - N - 1];
			const what = `a ${bit} with ${frequency} of 4,096 slots`;
			const moved = writing ? `Written: ${what}. Bytes that have left` : `Read: ${what}. Bytes taken`;
			says.textContent = `${moved}: ${count}, ${state}.`;
		}
	}
	made();
});
