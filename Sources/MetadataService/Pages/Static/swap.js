// A part of the page replaced by the same part of a newer answer. What the reader did to it stays.

/** The part of the page at `address` that `selector` finds, and the title; an error if there is none. */
export async function fetchPart(address, selector, signal) {
  const response = await fetch(address, { signal, cache: "no-cache" });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  const part = page.querySelector(selector);
  // A redirect leads to a log-in or the like, which wants the whole window.
  if (!response.ok || response.redirected || !part) throw new Error(`no ${selector} at ${address}`);
  return { part, title: page.title };
}

/** Gives `root` the content of `fresh`, and has `enhance` make it ready. */
export function replaceContent(root, fresh, enhance) {
  const all = (selector) => [...root.querySelectorAll(selector)];
  const page = { left: scrollX, top: scrollY, behavior: "instant" };
  const scrolled = all(".scroll, .canvas").map((area) => [area.scrollLeft, area.scrollTop]);
  const unfolded = all("details").map((details) => [finder(root, details), details.open]);
  const filled = all("input, textarea")
    .filter((field) => field.checked !== field.defaultChecked || field.value !== field.defaultValue)
    .map((field) => [finder(root, field), field.checked, field.value]);
  const focused = root.contains(document.activeElement) && finder(root, document.activeElement);

  root.replaceChildren(...fresh.childNodes);
  for (const [find, open] of unfolded) Object.assign(find() || {}, { open });
  for (const [find, checked, value] of filled) Object.assign(find() || {}, { checked, value });
  enhance();
  all(".scroll, .canvas").forEach((area, index) => area.scrollTo(...(scrolled[index] ?? [0, 0])));
  if (focused) {
    (focused() || root).focus({ preventScroll: true });
    if (!root.contains(document.activeElement)) {
      // It is gone: the part as a whole takes the focus, so that Tab goes on from here.
      root.tabIndex = -1;
      root.focus({ preventScroll: true });
    }
  }
  scrollTo(page);
}

/** Finds again, in later content of `root`, what `element` is now: by its id, or its node, or what it leads to. */
function finder(root, element) {
  if (element === root) return () => root;
  const test = (name, value) => (value == null ? "" : `[${name}="${CSS.escape(value)}"]`);
  const having = (part, ...names) => names.map((name) => test(name, part?.getAttribute(name))).join("");
  const node = having(element.closest("[data-node]"), "data-node");
  const own = having(element, "id") || having(element, "href", "name", "value", "data-copy", "data-zoom");
  // The links of a node change their addresses when it opens, and the one that opens it goes.
  const selector = node ? `${node} ${element.localName}${having(element, "data-swap")}` : element.localName + own;
  const index = [...root.querySelectorAll(selector)].indexOf(element);
  const instead = node ? `${node} a` : own && selector;
  return () => root.querySelectorAll(selector)[index] ?? (instead && root.querySelector(instead));
}
