// Suggestions below the search field of the header, and the key "/".

import { combobox, make } from "./combobox.js";

const [shortest, limit] = [3, 8];

export function startSearch() {
  const input = document.querySelector("form[role=search] input[name=q]");
  if (!input) return;
  const base = document.documentElement.dataset.base ?? "";

  async function suggest(signal) {
    const text = input.value.trim();
    if (text.length < shortest) return null;
    const response = await fetch(`${base}/search.json?q=${encodeURIComponent(text)}&limit=${limit}`, { signal });
    const { results, note } = await response.json();
    const count = results.length < limit ? `${results.length || "nothing"} found` : "Enter shows all";
    return { options: results.map(option), text: note ? `${count}. ${note}` : count };
  }

  combobox(input, { wait: 150, suggest, pick: (option) => location.assign(base + option.dataset.href) });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

function option(result) {
  const item = make("li", { className: "suggestion" });
  item.dataset.href = result.href;
  for (const part of ["kind", "title", "detail"]) {
    // The space keeps the words apart for a screen reader.
    item.append(make("span", { className: `suggestion-${part}`, textContent: result[part] }), " ");
  }
  return item;
}
