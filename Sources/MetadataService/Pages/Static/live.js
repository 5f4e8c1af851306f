// A page that follows what it shows: the server says that something changed, and the page is fetched again.

import { say } from "./say.js";
import { fetchPart, replaceContent } from "./swap.js";

export function startLive(enhance) {
  const main = document.querySelector("main[data-live]");
  if (!main) return;
  let source, retry, fetching, again;
  let failures = 0;
  // Whether something may have changed while nobody listened.
  let missed = false;

  async function refresh() {
    again = true;
    if (fetching) return;
    fetching = true;
    // Changes during a fetch make one more, not one each.
    while (again) {
      again = false;
      try {
        const { part, title } = await fetchPart(location.href, "main");
        replaceContent(main, part, () => enhance(main));
        document.title = title;
        if (!part.matches("[data-live]")) stop();
      } catch {
        // What is shown stays; the next change tries again.
      }
    }
    fetching = false;
  }

  function listen() {
    source = new EventSource(main.dataset.live);
    source.addEventListener("change", refresh);
    source.addEventListener("end", stop);
    source.onopen = () => {
      failures = 0;
      if (missed) refresh();
      missed = false;
    };
    source.onerror = () => {
      missed = true;
      if (++failures >= 5) giveUp();
      // The browser tries again by itself, but not after an answer such as 503 of a proxy during a restart.
      else if (source.readyState === EventSource.CLOSED) retry = setTimeout(listen, 3000);
    };
  }

  function pause() {
    clearTimeout(retry);
    source?.close();
    source = null;
  }

  function stop() {
    pause();
    document.removeEventListener("visibilitychange", follow);
  }

  function giveUp() {
    stop();
    const note = document.getElementById("live-note");
    if (!note) return;
    note.textContent = "live updates stopped, reload";
    note.hidden = false;
    say(note.textContent);
  }

  // A page that nobody sees does not listen: over HTTP/1.1 six such pages would take all connections to the server.
  function follow() {
    if (!document.hidden) return source ?? listen();
    pause();
    missed = true;
  }

  document.addEventListener("visibilitychange", follow);
  follow();
}
