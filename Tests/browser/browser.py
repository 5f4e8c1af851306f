"""A Chromium that the checks drive, and what can be asked of any page in it."""

import contextlib
import importlib.resources
import json
import os
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import JavascriptException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
# WCAG 2.2 AA, and all that it is made of.
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HEIGHT = 900


class Browser:
    """
    A headless Chromium with a new profile.

    `home` is the address of the site under test, with its prefix: http://127.0.0.1:8081/metadata.
    """

    def __init__(self, home, language="en-GB", zone=None):
        self.home = home
        self.profile = tempfile.mkdtemp(prefix="kfmd-browser-")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for argument in (
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", f"--lang={language}",
            f"--user-data-dir={self.profile}",
        ):  # fmt: skip
            options.add_argument(argument)
        options.add_experimental_option(
            "prefs", {"download.default_directory": self.profile, "intl.accept_languages": language}
        )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        # A dialog stays open, and fails the next command: none is expected anywhere.
        options.set_capability("unhandledPromptBehavior", "ignore")
        self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        self.driver.set_page_load_timeout(60)
        self.driver.set_script_timeout(60)
        # Addresses of requests, one a request; and what the console was told that is an error.
        self.requests = []
        self.errors = []
        self.set_size(1440)
        self.command("Emulation.setLocaleOverride", locale=language)
        if zone:
            self.command("Emulation.setTimezoneOverride", timezoneId=zone)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()
        # Its last processes write for a moment.
        end = time.time() + 5
        while os.path.exists(self.profile) and time.time() < end:
            shutil.rmtree(self.profile, ignore_errors=True)
            time.sleep(0.05)

    def command(self, name, **parameters):
        """Of the Chrome DevTools protocol."""
        return self.driver.execute_cdp_cmd(name, parameters)

    # What the reader's browser is like.

    def set_size(self, width, height=HEIGHT):
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def set_dark(self, is_dark):
        scheme = "dark" if is_dark else "light"
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def set_script(self, is_on):
        """From the next page on. `run` works all the same."""
        self.command("Emulation.setScriptExecutionDisabled", value=not is_on)

    # Pages.

    def open(self, path):
        """Goes to a page, and returns the status that it was answered with."""
        self.driver.get(self.home + path)
        return self.status()

    def status(self):
        return self.run("return performance.getEntriesByType('navigation')[0].responseStatus")

    @property
    def path(self):
        """Where it is, without what all pages have in common."""
        address = self.driver.current_url
        assert address.startswith(self.home + "/"), f"{address} is not below {self.home}"
        return address[len(self.home) :]

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def all(self, selector):
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector):
        found = self.all(selector)
        assert found, f"there is no {selector} at {self.driver.current_url}"
        return found[0]

    def text(self, selector="main"):
        """What is seen of an element, with single spaces."""
        return " ".join(self.run("return arguments[0].innerText", self.one(selector)).split())

    def press(self, *keys):
        chain = ActionChains(self.driver, duration=0)
        for key in keys:
            chain.send_keys(key)
        chain.perform()

    @contextlib.contextmanager
    def leaving(self):
        """Ends when what is done within has led to another page. Without script the driver does not wait for that."""
        root = self.one("html")
        yield
        self.wait("another page", lambda: self.all("html") not in ([], [root]))
        self.wait("all of the page", lambda: self.run("return document.readyState === 'complete'"))

    def wait(self, what, condition, seconds=10):
        """Until `condition` is true; what it is then. `what` says what did not come."""
        end = time.time() + seconds
        while True:
            try:
                found = condition()
            except (AssertionError, JavascriptException, StaleElementReferenceException):
                # Between two pages nothing is there.
                found = None
            if found:
                return found
            assert time.time() < end, f"{what}: not within {seconds} s at {self.driver.current_url}"
            time.sleep(0.05)

    # What it did and said.

    def read_logs(self):
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            elif message["method"] == "Page.javascriptDialogOpening":
                self.errors.append(f"a dialog: {message['params']['message']}")
        for entry in self.driver.get_log("browser"):
            if entry["level"] == "SEVERE":
                self.errors.append(entry["message"])

    def take_requests(self):
        """The addresses that were asked for since the last call."""
        self.read_logs()
        taken, self.requests = self.requests, []
        return taken

    def take_errors(self):
        """What the console was told since the last call that is an error."""
        self.read_logs()
        taken, self.errors = self.errors, []
        return taken

    def take_foreign(self):
        """Requests, since the last call, that did not go to the site under test. What is in the page itself is none."""
        # A new browser begins with a page of its own.
        own = ("data:", "chrome:", "blob:" + self.home, self.home + "/")
        return [address for address in self.take_requests() if not address.startswith(own)]

    # What a page is like.

    def axe(self, tags=WCAG, best_practice=False):
        """What axe-core finds wrong, a text each."""
        if not self.run("return typeof axe === 'object'"):
            self.run(importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text())
        found = self.driver.execute_async_script(
            """
            const [tags, done] = arguments;
            axe.run(document, { runOnly: tags, resultTypes: ["violations"] }).then(
              ({ violations }) => done({ violations }), (error) => done({ error: String(error) }));
            """,
            tags + (["best-practice"] if best_practice else []),
        )
        assert "error" not in found, f"axe: {found['error']} at {self.driver.current_url}"
        problems = []
        for violation in found["violations"]:
            lines = [f"{violation['id']} ({violation['impact']}): {violation['help']}"]
            for node in violation["nodes"][:5]:
                summary = " ".join((node.get("failureSummary") or "").split())
                lines.append(f"  {flat(node['target'])}: {node['html'][:160]}\n    {summary[:400]}")
            if len(violation["nodes"]) > 5:
                lines.append(f"  and {len(violation['nodes']) - 5} more")
            problems.append("\n".join(lines))
        return problems

    def overflow(self):
        """Why the page can be scrolled sideways: its widths and the elements that stand out; empty where it cannot."""
        return self.run(
            """
            const root = document.documentElement;
            if (root.scrollWidth <= root.clientWidth) return "";
            // What is in an area that scrolls by itself widens nothing, unless it is placed by what is around that.
            const scrolls = (element) => {
              let isOut = getComputedStyle(element).position === "absolute";
              for (let up = element.parentElement; up && up !== document.body; up = up.parentElement) {
                const { overflowX, position } = getComputedStyle(up);
                if (position !== "static") isOut = false;
                if (overflowX !== "visible" && !isOut) return true;
              }
            };
            const own = (element) => {
              const names = [...element.classList].map((part) => "." + part.slice(0, 30)).join("");
              return element.localName + (element.id && "#" + element.id) + names;
            };
            const name = (element) => `${own(element.parentElement)} > ${own(element)}`;
            // A text can stand out of an element that does not.
            const range = document.createRange();
            const right = (element) => {
              const boxes = [element.getBoundingClientRect()];
              for (const node of element.childNodes) {
                if (node.nodeType !== Node.TEXT_NODE) continue;
                range.selectNodeContents(node);
                boxes.push(range.getBoundingClientRect());
              }
              return Math.max(...boxes.map((box) => box.right));
            };
            const out = [...document.body.querySelectorAll("*")].filter(
              (element) => right(element) > root.clientWidth + 0.5 && !scrolls(element));
            const width = `${root.scrollWidth} px wide in ${root.clientWidth}`;
            return `${width}: ${out.slice(0, 6).map(name).join(", ") || "nothing that is seen"}`;
            """
        )

    def focused(self):
        """What has the focus: its place in the document, its words, where it is, how it looks; None for the page."""
        return self.run(
            """
            const element = document.activeElement;
            if (!element || element === document.body || element === document.documentElement) return null;
            const words = (element.ariaLabel || element.innerText || element.textContent || element.name || "").trim();
            const box = element.getBoundingClientRect();
            // A wide table is scrolled to what has the focus: where it lies within the whole counts.
            let scrolled = scrollX;
            for (let area = element.parentElement; area && area !== document.documentElement; area = area.parentElement) {
              scrolled += area.scrollLeft;
            }
            const style = getComputedStyle(element);
            const looks = () => [element, ...element.querySelectorAll("*")].map((part) => {
              const { outline, stroke, strokeWidth, fill, textDecoration } = getComputedStyle(part);
              return [outline, stroke, strokeWidth, fill, textDecoration].join();
            }).join();
            let isMarked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
            // Within a drawing shapes look different.
            if (!isMarked && element.closest("svg")) {
              const marked = looks();
              element.blur();
              isMarked = marked !== looks();
              element.focus({ preventScroll: true });
            }
            return {
              place: [...document.querySelectorAll("*")].indexOf(element),
              name: `${element.localName} “${words.replace(/\\s+/g, " ").slice(0, 60)}”`,
              is_drawn: Boolean(element.closest("svg")),
              left: box.left + scrolled, right: box.right + scrolled,
              top: box.top + scrollY, bottom: box.bottom + scrollY,
              is_seen: box.width > 1 && box.height > 1 && box.right > 0 && box.bottom > 0
                && box.left < innerWidth && box.top < innerHeight,
              is_marked: isMarked,
            };
            """
        )

    def tab_stops(self, most=600):
        """What Tab reaches, in that order, from the beginning of the page that was just opened."""
        stops = []
        for _ in range(most):
            self.press(Keys.TAB)
            stop = self.focused()
            # A field for a day has several stops within.
            if stop and stops and stop["place"] == stops[-1]["place"]:
                continue
            if stop is None or any(stop["place"] == before["place"] for before in stops):
                break
            stops.append(stop)
        return stops

    def tab_problems(self, stops):
        """
        Where the order of Tab is not that in which one reads, and where one does not see where one is.

        The order is that of the document; and on the screen no stop lies before the one that precedes it: higher and
        further left, or in the same line further left. A drawing has its own order, column by column.
        """
        problems = []
        for before, stop in zip(stops, stops[1:]):
            if stop["place"] < before["place"]:
                problems.append(f"{stop['name']} is before {before['name']} in the document")
            if stop["is_drawn"] or before["is_drawn"]:
                continue
            is_left = stop["right"] <= before["left"] + 1
            is_higher = stop["bottom"] <= before["top"] + 1
            middles = [(side["top"] + side["bottom"]) / 2 for side in (stop, before)]
            is_in_line = abs(middles[0] - middles[1]) < 6
            if is_left and (is_higher or is_in_line):
                problems.append(f"{stop['name']} is before {before['name']} on the screen")
        for stop in stops:
            if not stop["is_seen"]:
                problems.append(f"{stop['name']} has the focus and is not seen")
            if not stop["is_marked"]:
                problems.append(f"{stop['name']} does not show that it has the focus")
        return problems


def flat(target):
    """A selector of axe: of nested ones the parts with a blank between."""
    return " ".join(part if isinstance(part, str) else " ".join(part) for part in target)
