// Suggestions below the search field of the header (a WAI-ARIA combobox with a listbox), and the key "/".

import { say } from "./say.js";

const [shortest, limit, wait] = [3, 8, 150];
const make = (name, properties) => Object.assign(document.createElement(name), properties);

export function startSearch() {
  const input = document.querySelector("form[role=search] input[name=q]");
  if (!input) return;
  const base = document.documentElement.dataset.base ?? "";
  const popup = make("div", { className: "suggestions" });
  const list = make("ul", { id: "suggestion-list", role: "listbox", ariaLabel: "Suggestions" });
  const note = make("p", { className: "suggestion-note" });
  let active, timer, request;

  Object.assign(input, { role: "combobox", autocomplete: "off", ariaAutoComplete: "list" });
  input.setAttribute("aria-controls", list.id);
  popup.append(list, note);
  input.form.append(popup);
  close();

  function choose(option) {
    if (active) active.ariaSelected = "false";
    active = option;
    if (!option) return input.removeAttribute("aria-activedescendant");
    option.ariaSelected = "true";
    option.scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", option.id);
  }

  function close() {
    // An answer still under way would open the list again.
    clearTimeout(timer);
    request?.abort();
    choose(null);
    popup.hidden = true;
    input.ariaExpanded = "false";
  }

  function show({ results, note: more }) {
    choose(null);
    list.replaceChildren(...results.map(option));
    const count = results.length < limit ? `${results.length || "nothing"} found` : "Enter shows all";
    note.textContent = more ? `${count}. ${more}` : count;
    say(note.textContent);
    popup.hidden = false;
    list.hidden = !results.length;
    input.ariaExpanded = String(!list.hidden);
  }

  async function suggest() {
    const text = input.value.trim();
    // An answer to what was in the field before must not come after this one's.
    request?.abort();
    if (text.length < shortest) return close();
    const { signal } = (request = new AbortController());
    try {
      const response = await fetch(`${base}/search.json?q=${encodeURIComponent(text)}&limit=${limit}`, { signal });
      const answer = await response.json();
      if (!signal.aborted) show(answer);
    } catch {
      // Without suggestions Enter still searches.
      if (!signal.aborted) close();
    }
  }

  function open(option) {
    close();
    if (option) location.assign(base + option.dataset.href);
  }

  function move(step) {
    // Past either end nothing is chosen: the text in the field counts.
    const places = [null, ...list.children];
    choose(places.at((places.indexOf(active) + step) % places.length));
  }

  input.addEventListener("input", () => {
    choose(null);
    clearTimeout(timer);
    timer = setTimeout(suggest, wait);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && popup.hidden) suggest();
    else if (step) move(step);
    else if (event.key === "Enter" && active) open(active);
    else if (event.key === "Escape" && !popup.hidden) close();
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  input.form.addEventListener("submit", close);
  // A press would take the focus from the field, and close the list before its click.
  popup.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => open(event.target.closest("[role=option]")));
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input:not([type=checkbox]), textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    input.focus();
    input.select();
  });
}

function option(result, index) {
  const item = make("li", { className: "suggestion", id: `suggestion-${index}`, role: "option" });
  item.ariaSelected = "false";
  item.dataset.href = result.href;
  for (const part of ["kind", "title", "detail"]) {
    // The space keeps the words apart for a screen reader.
    item.append(make("span", { className: `suggestion-${part}`, textContent: result[part] }), " ");
  }
  return item;
}
