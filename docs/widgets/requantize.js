// One sum brought to a code by all four roundings, side by side, with the page's own engine.
{
	const add = (parent, tag, fields) => parent.appendChild(Object.assign(document.createElement(tag), fields));
	const NAMES = ["single", "double", "shift", "float32"];
	for (const box of document.querySelectorAll('[data-widget="requantize"]')) {
		box.compute = (acc, m0, n, rounding) => rescale(acc, m0, n, rounding);
		box.replaceChildren();
		const inputs = [["sum", 1000], ["m0", 1276901417], ["n", 38]].map(([name, value]) => {
			const label = add(box, "label", { textContent: `${name} ` });
			return add(label, "input", { type: "number", value, step: 1 });
		});
		const shown = add(box, "output", { role: "status" });
		const show = () => {
			const [acc, m0, n] = inputs.map((input) => Number(input.value));
			const one = (name) => `${name} ${rescale(acc, name === "shift" ? 2 ** 30 : m0 - (name === "float32") * (m0 % 128), n, name)}`;
			shown.textContent = NAMES.map(one).join(", ");
		};
		inputs.forEach((input) => input.addEventListener("input", show));
		show();
	}
}
