// What the page is to a person, and to a test: window.tinyzip.

let program = null;

// Replaces the program by that of a .tz file; throws an Error that says in a sentence what is wrong with it.
function load(bytes) {
  program = unpack(bytes);
}

window.tinyzip = {
  load,
  get program() {
    return program;
  },
  trace: (codes) => trace(program, codes),
  run: (codes) => trace(program, codes).at(-1),
};

const models = JSON.parse(document.getElementById("models").textContent);
if (models.length) load(Uint8Array.from(atob(models[0].tz), (letter) => letter.charCodeAt(0)));
