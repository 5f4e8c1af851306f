// The drawing of a lineage: walked through by keys, dragged, scaled, saved as a file, and grown in place.

import { say } from "./say.js";
import { fetchPart, replaceContent } from "./swap.js";

// Outlives a replaced drawing.
let zoom = 1;

export function startExplorer(root, enhance) {
  for (const explorer of root.querySelectorAll("[data-explorer]")) start(explorer, enhance);
}

function start(explorer, enhance) {
  const canvas = () => explorer.querySelector(".canvas");
  const drawing = () => explorer.querySelector("svg.lineage");
  const current = () => explorer.querySelector(".node.current");
  const nodes = () => [...explorer.querySelectorAll(".node")];
  const named = (name) => nodes().find((node) => node.dataset.node === name);
  const here = () => location.pathname + location.search;
  const on = (name, listener) => explorer.addEventListener(name, listener, { passive: false });
  let shown = here();
  let request, drag, dragged;

  function prepare() {
    for (const button of explorer.querySelectorAll("[data-zoom], [data-download]")) button.hidden = false;
    if (drawing() && zoom !== 1) scale(zoom);
  }

  // Scrolls until the middle of the node is at a point of the window; at first, the middle of the canvas.
  function bring(node, { x, y } = middle(canvas())) {
    if (node) canvas().scrollBy(middle(node).x - x, middle(node).y - y);
  }

  // The point of the drawing at `x`, `y` of the window stays there.
  function scale(wanted, { x, y } = middle(canvas())) {
    const grown = Math.min(3, Math.max(0.2, wanted)) / zoom;
    const before = drawing().getBoundingClientRect();
    const { width, height } = drawing().viewBox.baseVal;
    zoom *= grown;
    drawing().setAttribute("width", width * zoom);
    drawing().setAttribute("height", height * zoom);
    const after = drawing().getBoundingClientRect();
    canvas().scrollBy(after.x - x + (x - before.x) * grown, after.y - y + (y - before.y) * grown);
  }

  function press(kind) {
    const { width, height } = drawing().viewBox.baseVal;
    const fit = Math.min(1, canvas().clientWidth / width, canvas().clientHeight / height);
    scale({ in: zoom * 1.25, out: zoom / 1.25, fit }[kind]);
  }

  async function show(address, from, isNew) {
    request?.abort();
    const { signal } = (request = new AbortController());
    explorer.ariaBusy = "true";
    try {
      const { part, title } = await fetchPart(address, "#explorer", signal);
      if (signal.aborted) return;
      if (isNew) history.pushState(null, "", address);
      shown = here();
      document.title = title;
      const node = from.closest(".node") ?? current();
      const point = node && middle(node);
      replaceContent(explorer, part, () => {
        enhance(explorer);
        prepare();
      });
      const same = node && named(node.dataset.node);
      bring(same ?? current(), same && point);
      // Where the canvas cannot scroll so far, the page does.
      if (same) scrollBy(0, middle(same).y - point.y);
      explorer.ariaBusy = null;
      say(`${nodes().length} nodes`);
    } catch {
      // The browser's own way shows what is wrong.
      if (!signal.aborted) isNew ? location.assign(address) : location.reload();
    }
  }

  function neighbour(node, key) {
    const names = { ArrowRight: node.dataset.next, ArrowLeft: node.dataset.prev }[key];
    if (names) return names.split(" ").map(named).find(Boolean);
    const down = { ArrowDown: 1, ArrowUp: -1 }[key];
    const { x, y } = middle(node);
    const away = (other) => (middle(other).y - y) * down;
    return nodes()
      .filter((other) => away(other) > 0 && Math.abs(middle(other).x - x) < 60 * zoom)
      .sort((a, b) => away(a) - away(b))[0];
  }

  on("click", (event) => {
    // The end of a drag is no click; a click by the keyboard has no detail.
    if (dragged && event.detail) return event.preventDefault();
    const target = event.target.closest("[data-swap], [data-zoom], [data-download]");
    if (!target || modified(event)) return;
    if (target.dataset.zoom) return press(target.dataset.zoom);
    if (target.dataset.download) return save(drawing(), getComputedStyle(canvas()).backgroundColor);
    event.preventDefault();
    show(new URL(target.getAttribute("href"), location.href).href, target, true);
  });

  addEventListener("popstate", function back() {
    if (!explorer.isConnected) removeEventListener("popstate", back);
    // Going to a place within the page comes here too.
    else if (here() !== shown) show(location.href, document.activeElement, false);
  });

  on("keydown", (event) => {
    const node = event.target.closest(".node");
    if (!node || modified(event) || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    const link = neighbour(node, event.key)?.querySelector("a");
    link?.focus({ preventScroll: true });
    link?.scrollIntoView({ block: "nearest", inline: "nearest" });
  });

  on("pointerdown", (event) => {
    const area = event.target.closest(".canvas");
    dragged = false;
    // Touch scrolls by itself; with a key held down, text can be selected and a link dragged.
    if (!area || event.button || event.pointerType !== "mouse" || modified(event)) return;
    drag = { x: event.clientX, y: event.clientY, left: area.scrollLeft, top: area.scrollTop };
  });
  on("pointermove", (event) => {
    if (!event.buttons) drag = null;
    if (!drag) return;
    const [x, y] = [event.clientX - drag.x, event.clientY - drag.y];
    dragged ||= Math.hypot(x, y) > 4;
    if (!dragged) return;
    canvas().setPointerCapture(event.pointerId);
    canvas().scrollTo(drag.left - x, drag.top - y);
  });
  on("dragstart", (event) => drag && event.preventDefault());
  on("selectstart", (event) => drag && event.preventDefault());
  on("wheel", (event) => {
    if (!event.ctrlKey || !event.target.closest(".canvas")) return;
    event.preventDefault();
    // A notch of a wheel is 100 or more, a pinch sends many small steps.
    scale(zoom * Math.exp(Math.max(-50, Math.min(50, -event.deltaY)) / 200), event);
  });

  prepare();
  bring(current());
}

const modified = (event) => event.ctrlKey || event.altKey || event.metaKey || event.shiftKey;

function middle(element) {
  // Of a node only its body counts: what hangs on its sides comes and goes.
  const body = element.matches(".node") ? element.querySelector("rect") : element;
  const { x, y, width, height } = body.getBoundingClientRect();
  return { x: x + width / 2, y: y + height / 2 };
}

function save(drawing, background) {
  const copy = drawing.cloneNode(true);
  const { width, height } = drawing.viewBox.baseVal;
  copy.setAttribute("width", width);
  copy.setAttribute("height", height);
  for (const link of copy.querySelectorAll("a")) link.setAttribute("href", new URL(link.href.baseVal, location.href));

  // Rules as they are computed: the sheet's variables, media and outer selectors mean nothing in a file.
  const looks = "display opacity fill stroke stroke-width stroke-dasharray font text-anchor".split(" ");
  const rules = new Map();
  const copies = copy.querySelectorAll("*");
  drawing.querySelectorAll("*").forEach((shape, index) => {
    const style = getComputedStyle(shape);
    const rule = looks.map((name) => `${name}:${style.getPropertyValue(name)}`).join(";");
    if (!rules.has(rule)) rules.set(rule, `look${rules.size}`);
    copies[index].classList.add(rules.get(rule));
  });
  const sheet = document.createElementNS(copy.namespaceURI, "style");
  sheet.textContent = `svg{background:${background}}` + [...rules].map(([rule, name]) => `.${name}{${rule}}`).join("");
  copy.prepend(sheet);

  const file = new Blob([new XMLSerializer().serializeToString(copy)], { type: "image/svg+xml" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "lineage.svg" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
