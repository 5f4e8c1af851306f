// Pictures that do not unfold: the current node is scrolled to the middle, for it may lie far to the right.

export function centreCurrent(root) {
  for (const node of root.querySelectorAll(".canvas .node.current")) {
    const canvas = node.closest(".canvas");
    if (canvas.closest("[data-explorer]")) continue;
    const place = node.getBoundingClientRect();
    const frame = canvas.getBoundingClientRect();
    canvas.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
    canvas.scrollTop += place.top + place.height / 2 - frame.top - frame.height / 2;
  }
}
