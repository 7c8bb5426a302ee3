"""Pictures of a source's pages, to be looked at: report/<source>/index.html and one card, light, dark and on a phone.

    make screenshots SOURCE=complete_journey

Writes PNGs below build/screenshots/<source>/ and prints their paths.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

VIEWS = {"light": (1280, 800, "light"), "dark": (1280, 800, "dark"), "phone": (390, 844, "light")}


def main() -> int:
    parser = argparse.ArgumentParser(description="Pictures of a source's pages.")
    parser.add_argument("--source", required=True)
    parser.add_argument("--report", type=Path, default=Path("report"), help="the folder of pages")
    parser.add_argument("--to", type=Path, default=Path("build/screenshots"))
    options = parser.parse_args()
    folder, to = options.report / options.source, options.to / options.source
    pages = {"report": folder / "index.html", "card": next(iter(sorted((folder / "cards").glob("*.html"))), None)}
    chromium = shutil.which("chromium")
    if not chromium or not all(page and page.is_file() for page in pages.values()):
        print(f"screenshots: {folder} has no pages, or there is no chromium; fix: make build_report", file=sys.stderr)
        return 2
    to.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        # Without its own sandbox, which needs rights that containers lack: it opens our pages alone.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, page in pages.items():
            taken = [shot(browser, page, to / f"{name}-{view}.png", *VIEWS[view]) for view in VIEWS]
            print("\n".join(map(str, taken)))
        browser.close()
    return 0


def shot(browser: Browser, page: Path, to: Path, width: int, height: int, scheme: str) -> Path:
    """The whole page as `to`, and its first screen as <to>-first.png."""
    opened = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    opened.goto(page.resolve().as_uri())
    opened.screenshot(path=to, full_page=True)
    opened.screenshot(path=to.with_stem(f"{to.stem}-first"))
    opened.close()
    return to


if __name__ == "__main__":
    sys.exit(main())
