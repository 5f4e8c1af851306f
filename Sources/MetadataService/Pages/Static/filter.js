// The names that a filter may have, while one is written.

import { combobox, make } from "./combobox.js";

const limit = 8;

export function helpFilter(root) {
  for (const input of root.querySelectorAll("input[data-words]")) start(input);
}

function start(input) {
  const words = input.dataset.words.split(" ");

  // What is being written, up to the caret.
  function begun() {
    const before = input.value.slice(0, input.selectionStart);
    // Within a text in quotes there are no names.
    const isText = (before.replace(/\\./g, "").match(/'/g) ?? []).length % 2;
    return isText ? null : before.match(/[^\s'"=<>!(),]*$/)[0];
  }

  function suggest() {
    const text = begun()?.toLowerCase();
    if (text == null || words.includes(text)) return null;
    const places = words.map((word) => [word.toLowerCase().indexOf(text), word]).filter(([place]) => place >= 0);
    // Those that begin with it come first, the others in their own order.
    const found = places.sort(([a], [b]) => (a > 0) - (b > 0)).slice(0, limit);
    if (!found.length) return null;
    const options = found.map(([, word]) => make("li", { className: "suggestion word", textContent: word }));
    return { options, text: places.length > limit ? `${places.length} names; go on writing` : "Enter takes the chosen name" };
  }

  function pick(option) {
    input.setRangeText(`${option.textContent} `, input.selectionStart - begun().length, input.selectionStart, "end");
  }

  combobox(input, { wait: 0, suggest, pick });
}
