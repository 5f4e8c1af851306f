// Times in the reader's own zone and language; the exact one stays in the title.

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(undefined, { style: "narrow" });
const now = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(0, "second");
const units = Object.entries({ year: 31557600, month: 2629800, day: 86400, hour: 3600, minute: 60 });
let ticking = false;

export function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const date = new Date(time.dateTime);
    if (Number.isNaN(date.getTime())) continue;
    time.title ||= time.textContent;
    time.textContent = local.format(date);
    // The page is in English; a screen reader has to know where the text is not.
    time.lang = local.resolvedOptions().locale;
    if (!time.matches("[data-ago]")) continue;
    const ago = document.createElement("span");
    ago.className = "ago";
    time.append(" ", ago);
    ticking ||= setInterval(showAges, 30_000, document);
  }
  showAges(root);
}

function showAges(root) {
  for (const ago of root.querySelectorAll("time > .ago")) {
    const seconds = (new Date(ago.parentElement.dateTime) - Date.now()) / 1000;
    const [unit, length] = units.find(([, length]) => Math.abs(seconds) >= length) ?? [];
    // Seconds are not counted: they would be wrong before the next tick, and clocks differ by some.
    ago.textContent = unit ? relative.format(Math.trunc(seconds / length), unit) : now;
  }
}
