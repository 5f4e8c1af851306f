// A list of suggestions below a text field (a WAI-ARIA combobox with a listbox).

import { say } from "./say.js";

export const make = (name, properties) => Object.assign(document.createElement(name), properties);

let count = 0;

/**
 * `suggest(signal)` gives the elements to choose from and a note below them, or nothing to close the list; `pick(element)`
 * takes the one that was chosen; `wait` is how long typing rests, in ms.
 */
export function combobox(input, { wait, suggest, pick }) {
  const popup = make("div", { className: "suggestions" });
  const list = make("ul", { id: `suggestion-list-${count++}`, role: "listbox", ariaLabel: "Suggestions" });
  const note = make("p", { className: "suggestion-note" });
  let active, timer, request;

  Object.assign(input, { role: "combobox", autocomplete: "off", ariaAutoComplete: "list" });
  input.setAttribute("aria-controls", list.id);
  popup.append(list, note);
  input.parentElement.append(popup);
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

  function show({ options, text }) {
    choose(null);
    options.forEach((option, index) => {
      Object.assign(option, { id: `${list.id}-${index}`, role: "option", ariaSelected: "false" });
    });
    list.replaceChildren(...options);
    note.textContent = text;
    say(text);
    popup.hidden = false;
    list.hidden = !options.length;
    input.ariaExpanded = String(!list.hidden);
  }

  async function ask() {
    // An answer to what was in the field before must not come after this one's.
    request?.abort();
    const { signal } = (request = new AbortController());
    try {
      const answer = await suggest(signal);
      if (signal.aborted) return;
      if (answer) show(answer);
      else close();
    } catch {
      // Without suggestions the field still works.
      if (!signal.aborted) close();
    }
  }

  function take(option) {
    close();
    if (option) pick(option);
  }

  function move(step) {
    // Past either end nothing is chosen: the text in the field counts.
    const places = [null, ...list.children];
    choose(places.at((places.indexOf(active) + step) % places.length));
  }

  input.addEventListener("input", () => {
    choose(null);
    clearTimeout(timer);
    timer = setTimeout(ask, wait);
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey || event.shiftKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && popup.hidden) ask();
    else if (step) move(step);
    else if (event.key === "Enter" && active) take(active);
    else if (event.key === "Escape" && !popup.hidden) close();
    else return;
    event.preventDefault();
  });
  input.addEventListener("blur", close);
  input.form.addEventListener("submit", close);
  // A press would take the focus from the field, and close the list before its click.
  popup.addEventListener("mousedown", (event) => event.preventDefault());
  list.addEventListener("click", (event) => take(event.target.closest("[role=option]")));
}
