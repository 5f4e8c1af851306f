"""The pages in a real browser, as people and screen readers and attackers meet them.

    pages.py KFMD [--only NAME]... [--list]

Each check stands alone; --only takes the beginning of its name too: `--only question` asks all questions. What the
checks find is printed as it is found; the last line counts.
"""

import argparse
import atexit
import itertools
import re
import signal
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.parse
import xml.dom.minidom
from pathlib import Path

import hostile_data
from browser import Browser
from example import PROBLEMS, ROOT, Site, addresses, play, read_json
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

# MARK: What the checks look for, to be changed with the pages.

WIDTHS = (320, 768, 1440)

SEARCH = "form[role=search] input[name=q]"
OPTION = "[role=listbox] [role=option]"
ROW = "main table.list tbody tr:not(.group)"
NEXT, PREVIOUS = "Next page", "Previous page"
SHOW, COMPARE = "Show", "Compare the chosen"
NODE = "#explorer svg .node"

# The questions that people have, and the way to the answer. Each begins at the front page. A step is
#   ("search", TEXT)         types it into the search field of the header, and presses Enter
#   ("suggest", TEXT, TITLE) types it, and clicks the suggestion that has TITLE in its words
#   ("click", TEXT)          clicks the first link, button or summary within <main> with exactly these words, or else
#                            anywhere; a regular expression, re.compile(…), must fit all of the words
#   ("tick", TEXT)           ticks the box of the first row with TEXT in it
#   ("select", LABEL, TEXT)  chooses in the list that has the label
#   ("see", TEXT…)           each is seen within <main>, with single spaces
#   ("see in", CSS, TEXT…)   each is seen within the first such element
# Whatever says what is meant, as typing does, is no click: search, tick, select.
MOST_CLICKS = 3
QUESTIONS = {
    "where did this model come from": [
        ("search", "fraud-scorer v25"),
        ("click", "fraud-scorer"),
        ("see", "Written by register in run nightly-20261108", "from fraud-evaluation, fraud-model 2026-11-08"),
        ("click", "What it came of"),
        ("see", "train(0)", "card-features 2026-11-08", "transactions 2026-11-08", "ingest"),
    ],
    "which data is it made of": [
        ("search", "fraud-scorer v37"),
        ("click", "fraud-scorer"),
        ("click", "What it came of"),
        ("click", "artifacts"),
        ("see", "transactions 2026-11-20", "card-features 2026-11-20"),
    ],
    "what does it serve": [
        ("search", "fraud-scorer v37"),
        ("click", "fraud-scorer"),
        ("see", "Served by"),
        ("click", "What came of it"),
        ("click", "what serves now"),
        ("see", "fraud-scorer", "running", "1 serve it now"),
    ],
    "what breaks if this data set is wrong": [
        ("search", "transactions 2026-11-03"),
        ("click", "transactions"),
        ("click", "What came of it"),
        ("see", "fraud-model 2026-11-03", "expected-loss", "nightly-20261103", "nothing serves it now"),
    ],
    "what changed between two runs": [
        ("click", "Runs"),
        ("tick", "nightly-20261107"),
        ("tick", "nightly-20261108"),
        ("click", COMPARE),
        ("see", "learning_rate", "0.1", "0.04", "What is equal"),
    ],
    "which step failed, and why": [
        ("click", "Executions"),
        ("select", "State", "failed"),
        ("click", SHOW),
        ("see", "OOMKilled (exit code 137)", "no export of 2026-11-01"),
        ("click", "features"),
        ("see", "exit code 137", "nightly-20261020"),
    ],
    "how did accuracy develop": [
        ("search", "fraud-evaluation"),
        ("click", "fraud-evaluation"),
        ("click", "Its numbers over time"),
        ("see", "auc", "greatest 0.9547", "least 0.8713", "learning_rate"),
        ("see in", "main svg"),
    ],
    "who read this data": [
        ("search", "transactions 2026-11-03"),
        ("click", "transactions"),
        ("see", "Read by", "features", "estimate", "nightly-20261103", "expected-loss-mn56c"),
        ("click", "Steps that read it"),
        ("see", "features", "estimate", "2 of 2"),
    ],
    "what ran last night, and how long did each step take": [
        ("click", "Runs"),
        ("click", "nightly-20261119"),
        ("see", "complete", "took 1 h 13 min", "When they ran", "ingest", "features", "train(0)", "evaluate"),
        ("see", "register", "Took"),
    ],
    "what serves now": [
        ("click", "Serving"),
        ("see", "fraud-scorer", "running", "since", "Serves fraud-scorer v37", "in run nightly-20261120"),
    ],
}  # fmt: skip

# What Kubeflow Metadata's documentation shows; with what their pages say.
DOCUMENTED = {
    "MNIST": ("kubeflow.org/alpha/model", "Written by train"),
    "MNIST-evaluation": ("kubeflow.org/alpha/metrics", "accuracy"),
    "mytable-dump": ("kubeflow.org/alpha/data_set", "s3://warehouse/dumps/mytable-dump.csv"),
}

# MARK: Sites

KFMD, FOLDER = "", ""
SITES = {}


def site(example="fraud"):
    """The pages of an example; played at the first call."""
    if example not in SITES:
        play(KFMD, FOLDER, example)
        SITES[example] = Site(KFMD, FOLDER, example)
    return SITES[example]


def raise_all(problems, most=60):
    more = [f"and {len(problems) - most} more"] if len(problems) > most else []
    assert not problems, "\n".join([f"{len(problems)} found:", *problems[:most], *more])


# MARK: Every page


def check_appearance():
    """Every page at three widths, light and dark: WCAG 2.2 AA, nothing sideways, no errors, nothing from elsewhere."""
    problems = []
    own = site()
    pages = {name: (path, 200) for name, path in addresses(own).items()} | PROBLEMS
    with Browser(own.home) as browser:
        for width, (name, (path, status)) in itertools.product(WIDTHS, pages.items()):
            browser.set_size(width)
            browser.set_dark(False)
            got = browser.open(path)
            where = f"{name} {path} at {width} px"
            if got != status:
                problems.append(f"{where}: answered with {got}, should be {status}")
            # The browser says of its own that an answer is none of success.
            errors = [e for e in browser.take_errors() if status == 200 or f"status of {status}" not in e]
            problems += [f"{where}: the console says {error}" for error in errors]
            problems += [f"{where}: asked for {address}" for address in browser.take_foreign()]
            if wide := browser.overflow():
                problems.append(f"{where}: can be scrolled sideways, {wide}")
            for is_dark in (False, True):
                browser.set_dark(is_dark)
                problems += [f"{where}, {'dark' if is_dark else 'light'}: {found}" for found in browser.axe()]
    raise_all(problems)


def check_empty():
    """A store with nothing in it."""
    problems = []
    own = Site(KFMD, FOLDER, "empty")
    with Browser(own.home) as browser:
        browser.set_size(320)
        for path in ("/", "/executions", "/runs", "/workspaces", "/types", "/serving", "/search"):
            status = browser.open(path)
            if status != 200:
                problems.append(f"{path}: {status}")
            problems += [f"{path}: {found}" for found in browser.take_errors() + browser.axe()]
            if wide := browser.overflow():
                problems.append(f"{path}: {wide}")
    own.stop()
    raise_all(problems)


# MARK: Hostile data


def injected(browser):
    """What a text has brought into the page that is no text."""
    return browser.run(
        """
        const found = [];
        if (window.__hit !== undefined) found.push(`a script ran: ${window.__hit}`);
        const foreign = "x-hit, img, iframe, object, embed, base, style, template, foreignObject, video, audio, math";
        for (const element of document.querySelectorAll(foreign)) found.push(`there is a <${element.localName}>`);
        const scripts = document.querySelectorAll("script").length;
        if (scripts !== 1) found.push(`${scripts} scripts`);
        for (const element of document.querySelectorAll("*")) {
          for (const { name, value } of element.attributes) {
            if (name.startsWith("on")) found.push(`<${element.localName} ${name}>`);
            if (/^(href|src|action|formaction|xlink:href|data-live)$/.test(name)) {
              const address = new URL(value, location.href);
              const isIcon = element.localName === "link" && value === "data:,";
              if (!isIcon && !/^https?:$/.test(address.protocol)) found.push(`<${element.localName} ${name}=${value}>`);
              if (address.origin !== location.origin && !isIcon && !/noopener/.test(element.getAttribute("rel")))
                found.push(`<${element.localName} ${name}=${value.slice(0, 80)}> leads away, without rel`);
            }
          }
        }
        const controls = document.documentElement.outerHTML.match(/.{0,20}[\\u202a-\\u202e\\u2066-\\u2069]/);
        if (controls) found.push(`text is turned around: ${JSON.stringify(controls[0])}`);
        return found;
        """
    )


def shape(path):
    """Pages that differ in their numbers and texts only have the same."""
    parts = urllib.parse.urlsplit(path)
    names = sorted({name for name, _ in urllib.parse.parse_qsl(parts.query, keep_blank_values=True)})
    return re.sub(r"\d+", "N", parts.path), *names


def crawl(browser, most_of_shape, most=1500):
    """Opens the front page and whatever it leads to within the site; yields path after path."""
    waiting, seen, count = ["/"], {"/"}, {}
    while waiting:
        path = waiting.pop(0)
        shaped = shape(path)
        count[shaped] = count.get(shaped, 0) + 1
        if count[shaped] > most_of_shape(path):
            continue
        browser.open(path)
        yield path
        links = browser.run(
            """
            const links = [...document.querySelectorAll("a[href]")];
            return links.map((link) => new URL(link.getAttribute("href"), location.href).href);
            """
        )
        for link in links:
            address, _, _ = link.partition("#")
            path = address[len(browser.home) :]
            form = re.search(r"\.(json|csv)(\?|$)", path)
            if address.startswith(browser.home + "/") and path not in seen and not form and len(seen) < most:
                seen.add(path)
                waiting.append(path)


def check_hostile():
    """Markup, scripts, odd addresses and characters in every field: they are text everywhere, and break no page."""
    problems = []
    own = Site(KFMD, FOLDER, "hostile", "--predefined-types", "none")
    hostile_data.fill(own)
    own.wait_for_search()
    seen = 0
    with Browser(own.home) as browser:
        browser.set_size(320)

        def look(where):
            browser_errors = [e for e in browser.take_errors() if "the server responded with a status of" not in e]
            found = injected(browser) + browser_errors + browser.take_foreign()
            if wide := browser.overflow():
                found.append(f"can be scrolled sideways, {wide}")
            problems.extend(f"{where[:120]}: {problem[:400]}" for problem in found)

        # All nodes have their pages read; of lists and pictures some of each.
        own_page = re.compile(r"/(artifacts|executions|runs)/\d+$")
        for path in crawl(browser, lambda path: 100 if own_page.match(path) else 4):
            seen += 1
            if browser.status() != 200:
                problems.append(f"{path[:120]}: answered with {browser.status()}")
            look(path)
        for address, text in itertools.product(hostile_data.REFLECTED, hostile_data.SHORT):
            path = address.replace("{}", urllib.parse.quote(text, safe=""))
            status = browser.open(path)
            if status in (200, 400, 404):
                look(path)
            else:
                problems.append(f"{path[:120]}: answered with {status}")
                # Where the answer is empty the browser makes a page of its own.
                browser.take_errors()
        # What script makes of it: suggestions, an explorer that unfolds, a drawing as a file.
        browser.open("/")
        for text in ("hit", "x-hit", "javascript:"):
            browser.one(SEARCH).clear()
            browser.one(SEARCH).send_keys(text)
            browser.wait(f"suggestions for {text}", lambda: browser.all(OPTION))
            look(f"suggestions for {text}")
        browser.open("/lineage?artifact=1")
        for _ in range(4):
            browser.one("#explorer a[data-swap]").click()
            browser.wait("the explorer", lambda: not browser.all("#explorer[aria-busy]"))
            look(browser.path)
        for button in browser.all("button.copy"):
            browser.run("arguments[0].click()", button)
        look("buttons that copy")
        drawing = saved_drawing(browser)
        assert "x-hit" not in {e.tagName for e in drawing.getElementsByTagName("*")}, "markup in lineage.svg"
        assert not drawing.getElementsByTagName("script"), "a script in lineage.svg"
    own.stop()
    assert seen > 100, f"only {seen} pages were read"
    raise_all(problems)


def saved_drawing(browser):
    """The file that the explorer's button downloads, read as XML."""
    file = Path(browser.profile, "lineage.svg")
    file.unlink(missing_ok=True)
    browser.one("#explorer [data-download=svg]").click()
    browser.wait("lineage.svg", file.exists)
    return xml.dom.minidom.parse(str(file))


# MARK: Without script


def check_script_off():
    """Without script every page can be read and used."""
    problems = []
    own = site()
    with Browser(own.home) as browser:
        browser.set_script(False)
        for name, path in addresses(own).items():
            status = browser.open(path)
            if status != 200 or len(browser.text()) < 20 or not browser.all("main h1"):
                problems.append(f"{name} {path}: answered with {status}, and says “{browser.text()[:200]}”")
            for button in browser.all("button[type=button]"):
                if button.is_displayed():
                    problems.append(f"{name} {path}: the button “{button.text}” is seen, and does nothing")
            times = browser.run("return [...document.querySelectorAll('time')].map(time => time.textContent)")
            problems += [f"{name} {path}: the time “{time}” has no zone" for time in times if "UTC" not in time][:1]

        def rows():
            return [row.text for row in browser.all(ROW)]

        def follow(text):
            with browser.leaving():
                walk(browser, [("click", text)])

        browser.open("/executions")
        Select(browser.one("form.filter select[name=state]")).select_by_value("FAILED")
        follow(SHOW)
        assert "state=FAILED" in browser.path and rows(), f"the filter leads to {browser.path}, {len(rows())} rows"
        assert all("failed" in row for row in rows()), rows()
        assert Select(browser.one("form.filter select[name=state]")).first_selected_option.text == "failed"
        follow("×")
        assert any("complete" in row for row in rows()), "× does not take the filter off"
        with browser.leaving():
            browser.one("form.filter input[name=filter]").send_keys("name = 'none'" + Keys.ENTER)
        assert "filter=" in browser.path and not rows(), f"the filter leads to {browser.path}, {len(rows())} rows"
        with browser.leaving():
            browser.one(SEARCH).send_keys("fraud-scorer v25" + Keys.ENTER)
        assert browser.path.startswith("/search?q=") and "v25" in browser.text(), browser.path

        browser.open("/")
        first = rows()
        follow(NEXT)
        second = rows()
        assert first and second and not set(first) & set(second), "the next page has rows of the first"
        follow(PREVIOUS)
        assert rows() == first, "the page before the next is another one"
        browser.open("/runs")
        for box in browser.all("form.compare input[type=checkbox]")[:2]:
            box.click()
        follow(COMPARE)
        assert browser.all("table.compared"), f"no comparison at {browser.path}"

        browser.open(addresses(own)["lineage"])
        count = len(browser.all(NODE))
        # The explorer's links are the server's.
        with browser.leaving():
            browser.one("#explorer a#more-up").click()
        assert len(browser.all(NODE)) > count, f"{count} nodes, and no more after “More upstream”"
        count = len(browser.all(NODE))
        with browser.leaving():
            browser.one("#explorer a.plus path").click()
        assert len(browser.all(NODE)) > count, "a plus unfolds nothing"
        with browser.leaving():
            browser.one(f"{NODE}.current a text").click()
        assert re.fullmatch(r"/artifacts/\d+", browser.path), f"a node leads to {browser.path}"
        problems += browser.take_errors()
    raise_all(problems)


# MARK: By the keyboard alone


def check_search_keys():
    """The search field: `/`, suggestions, arrows, Enter, Escape."""
    own = site()
    with Browser(own.home) as browser:

        def field(attribute):
            return browser.one(SEARCH).get_attribute(attribute)

        def has_focus():
            return browser.run("return document.activeElement === arguments[0]", browser.one(SEARCH))

        def type_and_wait(text):
            browser.press(text)
            is_open = lambda: field("aria-expanded") == "true" and browser.all(OPTION)
            browser.wait(f"suggestions for “{text}”", is_open)

        browser.open("/runs")
        browser.press("/")
        assert has_focus() and field("value") == "", f"/ leads to {browser.focused()}, “{field('value')}”"
        type_and_wait("fraud-sco")
        assert field("role") == "combobox", field("role")
        box = browser.one(f"#{field('aria-controls')}")
        assert box.get_attribute("role") == "listbox" and box.is_displayed(), "aria-controls names no listbox"
        problems = browser.axe()
        assert not problems, problems
        results = own.json("/search.json?q=fraud-sco&limit=8")["results"]
        options = browser.all(OPTION)
        assert len(options) == len(results), f"{len(options)} suggestions of {len(results)}"
        browser.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        chosen = [option for option in options if option.get_attribute("aria-selected") == "true"]
        assert chosen == [options[1]], "the second is to be chosen"
        assert field("aria-activedescendant") == options[1].get_attribute("id")
        browser.press(Keys.ARROW_UP)
        assert field("aria-activedescendant") == options[0].get_attribute("id")
        browser.press(Keys.ENTER)
        browser.wait("the first suggestion's page", lambda: browser.path == results[0]["href"])

        # A / is a letter where one types; Escape closes; Enter without a choice searches.
        browser.press("/")
        type_and_wait("bank-lake/tra")
        assert field("value") == "bank-lake/tra", field("value")
        browser.press(Keys.ESCAPE)
        assert field("aria-expanded") == "false" and not browser.one(OPTION).is_displayed(), "Escape closes nothing"
        assert has_focus() and field("value") == "bank-lake/tra", "Escape takes the focus or the text"
        browser.press(Keys.ENTER)
        browser.wait("the search", lambda: browser.path == "/search?q=bank-lake%2Ftra")
        # What comes late does not stand over what is newer.
        browser.press("/")
        browser.press(Keys.BACKSPACE)
        for text in ("nigh", "tly-2026", "1103"):
            browser.press(text)
            time.sleep(0.17)
        browser.wait("the suggestions", lambda: any("nightly-20261103" in o.text for o in browser.all(OPTION)))
        time.sleep(0.5)
        assert all("20261103" in option.text for option in browser.all(OPTION) if "run" in option.text.split()[:1])
        browser.press(Keys.TAB)
        assert field("aria-expanded") == "false", "the list stays open when the focus has gone"
        assert browser.take_errors() == []


def check_filter_words():
    """Names are offered while a filter is written; the one that is chosen stands at the caret, and the filter works."""
    own = site()
    with Browser(own.home) as browser:
        browser.open("/executions")
        field = browser.one("input[data-words]")
        offered = lambda: [o.text for o in browser.all("form.filter [role=option]") if o.is_displayed()]
        browser.run("arguments[0].focus()", field)
        browser.press("last_kno")
        browser.wait("the name", lambda: offered() == ["last_known_state"])
        problems = browser.axe()
        assert not problems, problems
        browser.press(Keys.ARROW_DOWN, Keys.ENTER)
        assert field.get_attribute("value") == "last_known_state ", field.get_attribute("value")
        browser.press("= fai")
        browser.wait("the state", lambda: offered() == ["FAILED"])
        browser.one("form.filter [role=option]").click()
        # Within a text there are no names; Escape closes, and Enter without a choice sends the form.
        browser.press("AND contexts_")
        browser.wait("the neighbours", lambda: "contexts_c.name" in offered())
        browser.press(Keys.ESCAPE)
        assert not offered() and field.get_attribute("value").endswith("contexts_"), "Escape takes the text"
        browser.press("c.name LIKE '%name")
        time.sleep(0.3)
        assert not offered(), offered()
        for _ in range(4):
            browser.press(Keys.BACKSPACE)
        browser.press("nightly%'", Keys.ENTER)
        browser.wait("the list", lambda: "filter=last_known_state" in browser.path)
        assert browser.all("main table.list tbody tr"), "nothing failed in a run of the name"
        # Without script there is a description, with an example that works.
        browser.open("/executions")
        browser.one("details.help summary").click()
        browser.one("details.help a").click()
        browser.wait("the example", lambda: "filter=" in browser.path)
        assert not browser.all("main .problem"), "the example is refused"
        assert browser.take_errors() == []


def check_explorer_paths():
    """The ways between two nodes, and runs as one: by the form and links of the explorer."""
    own = site()
    with Browser(own.home) as browser:
        browser.open(addresses(own)["lineage-execution"])
        whole = len(browser.all(NODE))
        options = browser.all("form.path option")
        assert len(options) == whole - 1, f"{len(options)} ends of {whole} nodes"
        end = options[-1].get_attribute("value")
        options[-1].click()
        browser.one("form.path button").click()
        browser.wait("the path", lambda: f"to={end}" in browser.path)
        names = [node.get_attribute("data-node") for node in browser.all(NODE)]
        assert end in names and len(names) <= whole, names
        browser.one("#whole").click()
        browser.wait("all of it", lambda: "to=" not in browser.path and len(browser.all(NODE)) == whole)

        # Of the example no two runs are in one picture: what folding makes of them is tested in process.
        browser.open(addresses(own)["lineage-folded"])
        browser.one("#fold-runs").click()
        browser.wait("each on its own", lambda: "fold=" not in browser.path and not browser.all("#fold-runs"))
        assert browser.take_errors() == []


def check_skip_link():
    """The first stop of Tab leads past the header, on every page."""
    problems = []
    own = site()
    with Browser(own.home) as browser:
        for name, path in addresses(own).items():
            browser.open(path)
            browser.press(Keys.TAB)
            stop = browser.focused()
            if not stop or "Skip" not in stop["name"] or not stop["is_seen"]:
                problems.append(f"{name} {path}: the first stop is {stop}")
                continue
            browser.press(Keys.ENTER)
            is_in_main = "return document.activeElement.closest('main') !== null"
            if not browser.run(is_in_main):
                problems.append(f"{name} {path}: the skip link leaves the focus on {browser.focused()}")
            browser.press(Keys.TAB)
            after = browser.focused()
            # On a page without links all begins anew.
            if after and after["place"] != stop["place"] and not browser.run(is_in_main):
                problems.append(f"{name} {path}: after the skip link comes {after['name']}")
    raise_all(problems)


def check_tab_order():
    """Tab goes through all of every page, as one reads it, and one sees where one is."""
    problems = []
    own = site()
    # What is in a closed <details> is no stop; nor is a second radio button, of which there are none.
    reachable = """
        const can = "a[href], button:not([disabled]), input:not([type=hidden]):not([disabled]), select, summary";
        const seen = (element) => element.checkVisibility({ visibilityProperty: true });
        const all = [...document.querySelectorAll("*")];
        return all.filter((element) => element.matches(can) && seen(element)).map((element) => all.indexOf(element));
    """
    with Browser(own.home) as browser:
        for width, (name, path) in itertools.product((1440, 320), addresses(own).items()):
            browser.set_size(width)
            # Rows are all alike: a few of each list are enough.
            browser.open(f"{path}{'&' if '?' in path else '?'}limit=4")
            places = browser.run(reachable)
            stops = browser.tab_stops()
            where = f"{name} {path} at {width} px"
            found = browser.tab_problems(stops)
            missing = sorted(set(places) - {stop["place"] for stop in stops})
            names = "return arguments[0].map((n) => document.querySelectorAll('*')[n].outerHTML.slice(0, 120))"
            found += [f"is not reached: {name}" for name in browser.run(names, missing[:5])]
            if browser.run('return document.querySelector(\'[tabindex]:not([tabindex="0"]):not([tabindex="-1"])\')'):
                found.append("there is a tabindex above 0")
            problems += [f"{where}: {problem}" for problem in found[:8]]
    raise_all(problems)


def check_explorer_keys():
    """In the explorer arrows go from node to node, Enter unfolds and keeps the place, Back goes back."""
    own = site()
    with Browser(own.home) as browser:
        browser.open(addresses(own)["lineage-execution"])

        def node():
            """The node that has the focus: its name, and those before and after it."""
            return browser.run(
                """
                const node = document.activeElement.closest("[data-node]");
                const names = (text) => (text || "").split(" ").filter(Boolean);
                const box = node?.getBoundingClientRect();
                return node && { name: node.dataset.node, next: names(node.dataset.next),
                  previous: names(node.dataset.prev), x: box.x, y: box.y };
                """
            )

        def has(name):
            return bool(browser.all(f"{NODE}[data-node='{name}']"))

        def press(key):
            before = node()
            assert before, f"no node has the focus, but {browser.focused()}"
            browser.press(key)
            return before, node()

        browser.run("document.querySelector('#explorer .node.current a').focus()")
        before, after = press(Keys.ARROW_RIGHT)
        assert after["name"] == next(filter(has, before["next"])), f"right of {before} is {after}"
        before, after = press(Keys.ARROW_LEFT)
        assert after["name"] == next(filter(has, before["previous"])), f"left of {before} is {after}"
        # Through to the first, and to the last.
        for key, side in ((Keys.ARROW_LEFT, "previous"), (Keys.ARROW_RIGHT, "next")):
            for _ in range(20):
                before, after = press(key)
                if not any(map(has, before[side])):
                    break
                assert after["name"] in before[side], f"{before} leads to {after}"
        columns = browser.run(
            """
            const all = [...document.querySelectorAll("#explorer .node")];
            const x = (node) => Math.round(node.querySelector("rect").getBoundingClientRect().x);
            const top = (node) => node.querySelector("rect").getBoundingClientRect().y;
            const column = all.map((node) => all.filter((other) => x(other) === x(node))).find((all) => all.length > 1);
            return (column ?? []).sort((a, b) => top(a) - top(b)).map((node) => node.dataset.node);
            """
        )
        assert len(columns) > 1, "no two nodes stand one above the other: another example is wanted"
        browser.run(f"document.querySelector('#explorer [data-node={columns[0]}] a').focus()")
        _, after = press(Keys.ARROW_DOWN)
        assert after["name"] == columns[1], f"below {columns[0]} is {after}"
        _, after = press(Keys.ARROW_UP)
        assert after["name"] == columns[0], f"above {columns[1]} is {after}"

        # A link that unfolds: the page stays, the focus too.
        browser.run("window.__same = true")
        address, count = browser.path, len(browser.all(NODE))
        plus = browser.one("#explorer a.plus")
        name = browser.run("return arguments[0].closest('[data-node]').dataset.node", plus)
        browser.run("arguments[0].focus()", plus)
        where = node()
        browser.press(Keys.ENTER)
        browser.wait("more nodes", lambda: len(browser.all(NODE)) > count)
        assert browser.run("return window.__same"), "the whole page was loaded again"
        assert browser.path != address, "the address stays"
        browser.wait(f"the focus on {name}", lambda: node() and node()["name"] == name)
        moved = max(abs(node()[axis] - where[axis]) for axis in ("x", "y"))
        assert moved < 40, f"{name} has moved by {moved} px on the screen"
        browser.driver.back()
        browser.wait("what was before", lambda: len(browser.all(NODE)) == count and browser.path == address)
        assert browser.run("return window.__same"), "Back has loaded the whole page again"
        browser.driver.forward()
        browser.wait("what was unfolded", lambda: len(browser.all(NODE)) > count)
        # A node's own link opens its page.
        browser.run("document.querySelector('#explorer .node.current a').focus()")
        browser.press(Keys.ENTER)
        browser.wait("the node's page", lambda: re.fullmatch(r"/executions/\d+", browser.path))
        assert browser.take_errors() == []


def check_small_things():
    """What script adds: times in the reader's zone, buttons that copy, the count of a comparison, zoom, the file."""
    own = site()
    with Browser(own.home, zone="Asia/Tokyo") as browser:
        browser.open(addresses(own)["run"])
        time_ = browser.one("main time")
        moment = time_.get_attribute("datetime")
        assert moment == "2026-11-19T02:00:00Z", moment
        assert "11:00" in time_.text and "2026" in time_.text, f"{moment} is shown as {time_.text}"
        assert "2026-11-19 02:00:00 UTC" in time_.get_attribute("title"), time_.get_attribute("title")

        browser.open(addresses(own)["artifact-data"])
        ago = browser.text("main time[data-ago]")
        assert re.search(r"\d.* ago$", ago), f"“{ago}” does not say how long ago it was"
        copy = browser.one("button.copy")
        assert copy.is_displayed(), "the button that copies stays hidden"
        browser.command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        copy.click()
        browser.wait("“Copied”", lambda: copy.text == "Copied", 2)
        read = "const done = arguments[0]; navigator.clipboard.readText().then(done, (error) => done(String(error)))"
        copied = browser.driver.execute_async_script(read)
        assert copied == copy.get_attribute("data-copy") == "s3://bank-lake/transactions/2026-11-03", copied
        said = "return [...document.querySelectorAll('[role=status], [aria-live]')].map((e) => e.textContent).join()"
        browser.wait("it to be said", lambda: "Copied" in browser.run(said))
        browser.wait("“Copy” again", lambda: copy.text == "Copy", 4)

        browser.open("/runs")
        button = browser.one("form.compare button:not([type=button])")
        boxes = browser.all("form.compare input[type=checkbox]")
        assert not button.is_enabled(), "none is chosen, and the button can be pressed"
        for count, box in enumerate(boxes[:7], 1):
            box.click()
            assert button.is_enabled() == (2 <= count <= 6), f"{count} chosen"
            assert str(count) in browser.text("form.compare .chosen, form.compare output"), f"{count} is not shown"

        browser.open(addresses(own)["lineage"])
        width = "return document.querySelector('#explorer svg.lineage').getBoundingClientRect().width"
        before = browser.run(width)
        browser.one("[data-zoom=in]").click()
        assert browser.run(width) > before, "zoom in"
        browser.one("[data-zoom=out]").click()
        browser.one("[data-zoom=out]").click()
        assert browser.run(width) < before, "zoom out"
        browser.one("[data-zoom=fit]").click()
        canvas = browser.run("return document.querySelector('#explorer .canvas').clientWidth")
        assert browser.run(width) <= canvas + 1, "fit"
        drawing = saved_drawing(browser)
        links = [link.getAttribute("href") for link in drawing.getElementsByTagName("a")]
        assert links and all(link.startswith("http") for link in links), links[:3]
        assert "fill:" in drawing.getElementsByTagName("style")[0].firstChild.data
        raise_all(browser.take_errors() + browser.take_foreign())


# MARK: Questions


def walk(browser, steps):
    """Goes a way, as QUESTIONS have it; how many clicks it took."""
    clicks = 0

    def find(words, choice):
        """The first that can be clicked and has these words: within <main>, or else anywhere."""
        found = browser.run(
            """
            const words = (element) => (element.innerText ?? element.textContent).replace(/\\s+/g, " ").trim();
            const all = [...document.querySelectorAll("main a, main button, main summary, a, button, summary")];
            const seen = all.filter((element) => element.checkVisibility({ visibilityProperty: true }));
            const main = seen.filter((element) => element.closest("main"));
            return [...main, ...seen].map((element) => [words(element), element]);
            """
        )
        for text, element in found:
            if words.fullmatch(text) if isinstance(words, re.Pattern) else text == words:
                return element
        choice[:] = dict.fromkeys(text for text, _ in found)

    for step in steps:
        kind, *given = step
        if kind in ("search", "suggest"):
            field = browser.one(SEARCH)
            field.clear()
            field.send_keys(given[0])
            if kind == "search":
                field.send_keys(Keys.ENTER)
                browser.wait(f"the page for {given[0]}", lambda: browser.path.startswith("/search?"))
            else:
                option = browser.wait(
                    f"a suggestion of {given[1]}",
                    lambda: next((o for o in browser.all(OPTION) if given[1] in o.text), 0),
                )
                option.click()
                clicks += 1
        elif kind == "click":
            choice = []
            try:
                element = browser.wait("a link", lambda: find(given[0], choice))
            except AssertionError:
                raise AssertionError(f"no “{given[0]}” at {browser.path}; there are {choice}") from None
            element.click()
            clicks += 1
        elif kind == "tick":
            rows = [row for row in browser.all(ROW) if given[0] in row.text]
            assert rows, f"no row with {given[0]} at {browser.path}"
            rows[0].find_element(By.CSS_SELECTOR, "input[type=checkbox]").click()
        elif kind == "select":
            lists = [label for label in browser.all("label") if label.text.split("\n")[0].strip() == given[0]]
            lists = [one for label in lists for one in label.find_elements(By.CSS_SELECTOR, "select")]
            assert lists, f"no list “{given[0]}” at {browser.path}"
            Select(lists[0]).select_by_visible_text(given[1])
        elif kind in ("see", "see in"):
            selector, texts = ("main", given) if kind == "see" else (given[0], given[1:])
            for text in texts:
                try:
                    browser.wait(text, lambda: text in browser.text(selector))
                except AssertionError:
                    shown = browser.text(selector)[:1500]
                    raise AssertionError(f"“{text}” is not seen in {selector} of {browser.path}: {shown}") from None
            assert browser.one(selector).is_displayed()
        else:
            raise ValueError(step)
    return clicks


def ask(question):
    own = site()
    with Browser(own.home) as browser:
        assert browser.open("/") == 200
        clicks = walk(browser, QUESTIONS[question])
        assert clicks <= MOST_CLICKS, f"{clicks} clicks"
        assert browser.take_errors() == []


def check_documented():
    """The three items of Kubeflow Metadata's documentation are found from the front page by clicks alone."""
    own = site("xgboost-synthetic")
    with Browser(own.home) as browser:
        for name, texts in DOCUMENTED.items():
            assert browser.open("/") == 200
            clicks = walk(browser, [("click", name), ("see in", "main h1", name), ("see", *texts)])
            assert clicks == 1
        # And from each the others, through the steps between them.
        walk(browser, [("click", "What came of it"), ("see", "MNIST", "MNIST-evaluation", "train", "evaluate")])
        walk(browser, [("click", "MNIST-evaluation"), ("click", "What it came of"), ("see", "mytable-dump", "MNIST")])
        assert browser.take_errors() == []


# MARK: Below a path


def check_base_path():
    """Below a path: every link, form and request stays below it."""
    problems = []
    play(KFMD, FOLDER, "fraud", name="below")
    own = Site(KFMD, FOLDER, "below", "--base-path", "/metadata", base="/metadata")
    with Browser(own.home) as browser:

        def look(where):
            found = browser.run(
                """
                const [home, found] = [arguments[0], []];
                for (const element of document.querySelectorAll("[href], [src], [action], [data-live]")) {
                  for (const name of ["href", "src", "action", "data-live"]) {
                    const value = element.getAttribute(name);
                    if (value === null || value.startsWith("#") || value === "data:,") continue;
                    const address = new URL(value, location.href);
                    if (address.origin === location.origin && !(address.href + "/").startsWith(home + "/"))
                      found.push(`<${element.localName} ${name}=${value}>`);
                  }
                }
                return found;
                """,
                own.home,
            )
            found += [f"asked for {address}" for address in browser.take_foreign()] + browser.take_errors()
            problems.extend(f"{where}: {problem}" for problem in found[:5])

        pages = 0
        for path in crawl(browser, lambda path: 2):
            pages += 1
            if browser.status() != 200:
                problems.append(f"{path}: answered with {browser.status()}")
            look(path)
        assert pages > 20, f"only {pages} pages"
        browser.open("/")
        walk(browser, [("suggest", "fraud-scorer", "v37")])
        browser.wait("the suggested page", lambda: re.fullmatch(r"/artifacts/\d+", browser.path))
        walk(browser, [("click", "Lineage")])
        browser.one("#explorer a[data-swap]").click()
        browser.wait("the explorer", lambda: "up=" in browser.path)
        look("the explorer")
        walk(browser, [("search", "fraud-scorer"), ("click", "Runs"), ("click", "nightly-20261119")])
        look(browser.path)
        # Where what is below it is listened to.
        walk(browser, [("click", "Serving"), ("click", "fraud-scorer")])
        assert browser.run("return document.querySelector('main').dataset.live").startswith("/metadata/"), "data-live"
        browser.wait("the stream", lambda: any(a.endswith("/live") for a in browser.take_requests()))
    own.stop()
    raise_all(problems)


# MARK: Live


def check_live():
    """A run's page follows the run to its end; what the reader did to the page stays."""
    assert (ROOT / "Examples/fraud").is_dir(), "the example fraud, which has a run that goes on, is not there"
    demo = subprocess.Popen(
        [KFMD, "demo", "--recording", ROOT / "Examples/fraud", "--speed", "2", "--http-listen", "127.0.0.1:0",
         "--store", f"{FOLDER}/live.db"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    atexit.register(demo.kill)
    home = ""
    for line in demo.stdout:
        if found := re.search(r"http://[\d.:]+", line):
            home = found[0]
            break
    assert home, f"kfmd demo says no address, and ended with {demo.wait(10)}"
    with Browser(home) as browser:

        def run_of_the_night():
            items = read_json(home + "/runs.json?limit=5000")["items"]
            return next((item["href"] for item in items if item["title"] == "nightly-20261120"), None)

        # The night begins a few seconds after the demo.
        browser.open(browser.wait("the run of the night", run_of_the_night, 30))
        assert browser.all("main[data-live]"), "the run goes on, and its page does not follow it"
        browser.run(
            """
            window.__same = true;
            document.querySelectorAll("main details").forEach((details) => (details.open = true));
            scrollTo(0, 200);
            """
        )
        opened = len(browser.all("main details[open]"))
        browser.wait("the page to be scrolled", lambda: browser.run("return scrollY") == 200)
        seen = []

        def has_ended():
            """Notes what the list of steps shows, and whether the run is shown as complete."""
            rows = [row.text.replace("\n", " ") for row in browser.all(ROW)]
            states = [re.findall(r"\b(new|running|complete|failed)\b", row)[:1] for row in rows]
            shown = ", ".join(state[0] if state else "?" for state in states)
            if not seen or seen[-1] != shown:
                seen.append(shown)
            return "complete" in browser.text("main .facts")

        try:
            browser.wait("the end of the run to be shown", has_ended, 90)
        except AssertionError as error:
            raise AssertionError(f"{error}; seen were {seen}; the page says {browser.text()[:600]}") from None
        assert browser.run("return window.__same"), "the whole page was loaded again"
        assert len(seen) >= 4 and any("running" in shown for shown in seen), f"not followed step by step: {seen}"
        assert browser.run("return scrollY") == 200, f"scrolled to {browser.run('return scrollY')}"
        if opened:
            assert browser.all("main details[open]"), "what was open is closed"
        # Nobody listens to what has ended.
        time.sleep(3)
        browser.take_requests()
        time.sleep(4)
        assert browser.take_requests() == [], "an ended run is asked for again"
        assert browser.take_errors() == []
    demo.terminate()
    demo.wait(30)


def check_live_stops():
    """Where the service has gone a page says that it is followed no more."""
    play(KFMD, FOLDER, "fraud", name="stopped")
    own = Site(KFMD, FOLDER, "stopped")
    with Browser(own.home) as browser:
        browser.open(addresses(own)["execution-serving"])
        assert browser.all("main[data-live]"), "what serves goes on, and its page does not follow it"
        time.sleep(1)
        # That somebody listens does not hold it up.
        began = time.time()
        own.stop()
        assert time.time() - began < 10, f"kfmd serve took {time.time() - began:.0f} s to end"
        browser.wait("a note that it stopped", lambda: "live updates stopped" in browser.text("#live-note"), 60)
        assert browser.one("#live-note").is_displayed()


# MARK: All

CHECKS = {
    "appearance": check_appearance,
    "empty": check_empty,
    "hostile": check_hostile,
    "script off": check_script_off,
    "search keys": check_search_keys,
    "filter words": check_filter_words,
    "explorer paths": check_explorer_paths,
    "skip link": check_skip_link,
    "tab order": check_tab_order,
    "explorer keys": check_explorer_keys,
    "small things": check_small_things,
    **{f"question: {question}": (lambda question=question: ask(question)) for question in QUESTIONS},
    "documented": check_documented,
    "base path": check_base_path,
    "live": check_live,
    "live stops": check_live_stops,
}


def main():
    global KFMD, FOLDER
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kfmd")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="the beginning of a check's name")
    parser.add_argument("--list", action="store_true", help="print the names")
    options = parser.parse_args()
    # Who is told to end ends the browser and the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    KFMD = options.kfmd
    names = [name for name in CHECKS if not options.only or any(name.startswith(only) for only in options.only)]
    if options.list:
        print("\n".join(names))
        return 0
    assert names, f"no check is named {options.only}; there are {', '.join(CHECKS)}"
    failed = 0
    with tempfile.TemporaryDirectory(prefix="kfmd-pages-") as FOLDER:
        for name in names:
            began = time.time()
            try:
                CHECKS[name]()
                print(f"{name}: {time.time() - began:.1f} s", flush=True)
            except Exception as error:
                failed += 1
                text = str(error) if isinstance(error, AssertionError) else traceback.format_exc()
                print(f"FAILED {name}: {text or traceback.format_exc()}", flush=True)
        for one in SITES.values():
            one.stop()
    print(f"{len(names) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
