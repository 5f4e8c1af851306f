// Words for those who do not see the page: a region that screen readers read out when its text changes.

let region, pending;

export function say(text) {
  if (!region) {
    region = document.createElement("p");
    region.className = "visually-hidden";
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  region.textContent = "";
  clearTimeout(pending);
  // A text that comes together with its region, or in place of an equal one, would not be read.
  pending = setTimeout(() => region.append(text), 60);
}
