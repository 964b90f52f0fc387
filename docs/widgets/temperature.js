// What a teacher says at a temperature: soft labels (K1), their entropy, and the gradient of (K3).
touch.boxes("temperature", (box) => {
	const CLASSES = ["7", "1", "9", "2", "0"];

	// ln σ(z), the largest taken off first, as tinyzip/nn/losses.py has it.
	const logSoftmax = (z) => {
		const shifted = z.map((v) => v - most(z));
		const total = Math.log(sum(shifted.map((v) => exp(v))));
		return shifted.map((v) => v - total);
	};

	// Of one example: the student's p, the teacher's q with its entropy in bits, the loss and dz of (K3).
	box.compute = (z, t, T) => {
		const [logP, logQ] = [z, t].map((logits) => logSoftmax(logits.map((v) => v / T)));
		const [p, q] = [logP, logQ].map((logs) => logs.map((v) => exp(v)));
		const loss = T * T * sum(q.map((v, k) => v * (logQ[k] - logP[k])));
		const entropy = -sum(q.map((v, k) => v * logQ[k])) / Math.log(2);
		return { p, q, entropy, loss, dz: p.map((v, k) => T * (v - q[k])) };
	};

	const T = touch.slider(box, "temperature", [4, 0.5, 20, 0.5], () => show());
	const logits = (name, values) => {
		const group = touch.add(box, "fieldset");
		touch.add(group, "legend", { textContent: name });
		return values.map((v, k) => touch.slider(group, CLASSES[k], [v, -5, 15, 0.5], () => show()));
	};
	const teacher = logits("the teacher's logits", [10, 6, 4, 1, -3]);
	const student = logits("the student's logits", [3, 2, 0, 0, 1]);
	const says = touch.status(box);
	const { draw, clear } = touch.drawing(box, 150);
	const heads = ["class", "teacher, T = 1", "teacher", "student", "gradient dz"];
	const fill = touch.table(box, "Probabilities at this temperature", heads);

	function show() {
		const [z, t] = [student, teacher].map((sliders) => sliders.map((slider) => slider.number));
		const { p, q, entropy, loss, dz } = box.compute(z, t, T.number);
		const hard = box.compute(z, t, 1);
		clear("For each class a bar of the teacher, and below it a thinner one of the student");
		CLASSES.forEach((name, k) => {
			const y = 30 * k;
			draw("text", { x: 0, y: y + 17 }, name);
			draw("rect", { x: 20, y: y + 3, width: 375 * q[k], height: 12, class: "main" });
			draw("rect", { x: 20, y: y + 17, width: 375 * p[k], height: 5, class: "ink" });
		});
		const percent = (v) => `${touch.said(100 * v, 3)} %`;
		fill(CLASSES.map((name, k) => [name, percent(hard.q[k]), percent(q[k]), percent(p[k]), touch.said(dz[k], 3)]));
		const [now, before] = [entropy, hard.entropy].map((v) => touch.said(v, 3));
		says.textContent = `The soft labels hold ${now} bits, ${before} at T = 1. The loss is ${touch.said(loss, 3)}.`;
	}
	show();
});
