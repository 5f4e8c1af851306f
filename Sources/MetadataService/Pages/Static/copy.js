// Buttons that copy a text.

import { say } from "./say.js";

export function offerCopy(root) {
  for (const button of root.querySelectorAll("button.copy[data-copy]")) {
    const label = button.textContent;
    let reset;
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = (await copy(button.dataset.copy)) ? "Copied" : "Not copied";
      say(button.textContent);
      clearTimeout(reset);
      reset = setTimeout(() => (button.textContent = label), 1500);
    });
  }
}

async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyByEvent(text);
  }
}

// The old way, for plain HTTP, where browsers have no clipboard object. Writing in the event needs no hidden field,
// so the focus stays on the button.
function copyByEvent(text) {
  let written = false;
  const write = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    written = true;
  };
  document.addEventListener("copy", write);
  document.execCommand("copy");
  document.removeEventListener("copy", write);
  return written;
}
