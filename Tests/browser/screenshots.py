"""Pictures of the pages: NAME-WIDTH.png of each at three widths, and NAME-dark.png.

    screenshots.py KFMD FOLDER [--only NAME]... [--full]

--only takes the beginning of a name; --full shows pages in their whole height, up to 6,000 px.
"""

import argparse
import base64
import signal
import sys
import tempfile
from pathlib import Path

from browser import HEIGHT, Browser
from example import PROBLEMS, Site, addresses, play

WIDTHS = (1440, 768, 320)
DARK = 1440
# Of a page that is shown as a whole.
MOST = 6_000


def picture(browser, file, width, is_full):
    """The page as it stands, into a file."""
    height = HEIGHT
    if is_full:
        height = min(MOST, browser.run("return Math.max(document.documentElement.scrollHeight, 200)"))
        browser.set_size(width, height)
    data = browser.command("Page.captureScreenshot", format="png")["data"]
    file.write_bytes(base64.b64decode(data))
    if is_full:
        browser.set_size(width)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("kfmd")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--full", action="store_true")
    options = parser.parse_args()
    # Who is told to end ends the browser and the servers too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="kfmd-screenshots-") as folder:
        play(options.kfmd, folder, "fraud")
        site = Site(options.kfmd, folder, "fraud")
        pages = addresses(site) | {name: path for name, (path, _) in PROBLEMS.items()}
        count = 0
        with Browser(site.home, zone="Etc/UTC") as browser:
            for name, path in pages.items():
                if options.only and not any(name.startswith(only) for only in options.only):
                    continue
                for width, is_dark in [(width, False) for width in WIDTHS] + [(DARK, True)]:
                    browser.set_size(width)
                    browser.set_dark(is_dark)
                    browser.open(path)
                    end = "dark" if is_dark else str(width)
                    picture(browser, options.folder / f"{name}-{end}.png", width, options.full)
                    count += 1
        site.stop()
    print(f"{count} pictures in {options.folder}")


if __name__ == "__main__":
    main()
